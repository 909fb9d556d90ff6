"""Run a stranger's snnTorch model on random spikes, in whichever of the usual styles it is written.

Models take one step at a time or all of them, a constant input, states passed by hand, or a number
of steps; time comes first or second. `attempts` yields ways to call a model, the likeliest first,
and `record` runs one of them and keeps the calls of its innermost modules.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import snntorch
import torch
from torch import Tensor, nn

BATCH = 3  # samples of a run: unlike the step counts below, so that the axes can be told apart
STEPS = (8, 25, 50, 100, 250)  # step counts tried in turn: some models run a fixed number of steps
STATES = 16  # extra positional arguments of `forward` that are taken for neuron states, at most

SIDES = (28, 32, 34, 16, 64, 128)  # rows and columns tried where the first layer is convolutional
SYNAPSES = (nn.Linear, nn.Conv2d)
Run = Callable[[], Any]  # any: whatever the model's forward returns
Leaves = dict[str, Any]  # innermost modules by name; any: snnTorch's have no types


class Call(NamedTuple):
    """One call of an innermost module."""

    name: str
    received: Tensor
    returned: Tensor  # the first output: spikes of a neuron


def attempts(
    model: nn.Module, leaves: Leaves, sample: Sequence[Any] | None
) -> Iterator[tuple[Tensor, Run]]:
    """Yield inputs and ways to run the model on them, the likeliest first."""
    if sample is not None:
        x = next((argument for argument in sample if isinstance(argument, Tensor)), torch.empty(0))
        yield x, partial(model, *sample)
        return
    generator = torch.Generator().manual_seed(0)
    like = next(model.parameters(), torch.zeros(()))

    def spikes(*shape: int) -> Tensor:
        return torch.bernoulli(torch.full(shape, 0.5), generator=generator).to(like)

    synapses = [module for module in leaves.values() if isinstance(module, SYNAPSES)]
    if synapses and isinstance(synapses[0], nn.Conv2d):
        for side in SIDES:
            yield from _styles(model, leaves, (synapses[0].in_channels, side, side), spikes)
        return
    linears = [module for module in synapses if isinstance(module, nn.Linear)]
    for width in dict.fromkeys(module.in_features for module in linears):
        side = math.isqrt(width)
        square = side * side == width and side > 1
        for shape in [(width,), (1, side, side)] if square else [(width,)]:
            yield from _styles(model, leaves, shape, spikes)


def _styles(
    model: nn.Module,
    leaves: Leaves,
    shape: tuple[int, ...],
    spikes: Callable[..., Tensor],
) -> Iterator[tuple[Tensor, Run]]:
    """Yield ways to run the model on samples of one shape."""
    x = spikes(STEPS[0], BATCH, *shape)
    if type(model).forward is nn.Sequential.forward:
        yield x, partial(_run_sequential, model, x)
        return
    extra = _extra_arguments(model)
    if extra:
        yield x, partial(_run_with_states, model, leaves, x, extra)
        for steps in STEPS:
            yield x[0], partial(model, x[0], *[steps] * extra)
        return
    per_call = _steps_per_call(model, leaves, x[0])
    if per_call == 1:
        yield x, partial(_run_steps, model, x)
    elif per_call != BATCH:  # else the samples were taken for the steps
        yield x[0], partial(model, x[0])
    for steps in STEPS:
        x = spikes(steps, BATCH, *shape)
        yield x, partial(model, x)


def _run_steps(model: nn.Module, x: Tensor) -> None:
    """Call a model with hidden states once per step."""
    for t in range(len(x)):
        model(x[t])


def _extra_arguments(model: nn.Module) -> int:
    """Return how many required positional arguments `forward` takes after the first."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(model.forward).parameters.values()
    required = [p for p in parameters if p.kind in kinds and p.default is p.empty]
    return min(max(len(required) - 1, 0), STATES)


def _steps_per_call(model: nn.Module, leaves: Leaves, x: Tensor) -> int:
    """Return how often one call of the model calls its first neuron; 0 where it cannot run."""
    try:
        calls = record(model, leaves, lambda: model(x), scramble=True)
    except Exception:  # as in `trace_forward`
        return 0
    names = [call.name for call in calls if is_neuron(leaves[call.name])]
    return names.count(names[0]) if names else 0


def _run_sequential(model: nn.Module, x: Tensor) -> None:
    """Roll a Sequential over time: states are passed on, and spikes alone go to the next module."""
    states: dict[int, tuple[Tensor, ...]] = {}

    def run(module: nn.Module, s: Tensor) -> Tensor:
        if type(module).forward is nn.Sequential.forward:
            for child in module.children():
                s = run(child, s)
            return s
        passes_states = is_neuron(module) and not module.init_hidden
        result = module(s, *states.get(id(module), ()) if passes_states else ())
        if isinstance(result, tuple):
            # recurrent neurons take their spikes back, too
            states[id(module)] = result if hasattr(module, "recurrent") else result[1:]
            return result[0]
        return result

    for t in range(len(x)):
        run(model, x[t])


def _run_with_states(model: nn.Module, leaves: Leaves, x: Tensor, extra: int) -> None:
    """Roll a model whose neuron states are passed by hand: forward(x, mem1, ...) -> s, mem1, ..."""
    initial: list[Tensor] = []
    for module in leaves.values():
        if is_neuron(module):
            state = module.reset_mem()
            initial += state if isinstance(state, tuple) else [state]
    states = initial[:extra]
    for t in range(len(x)):
        result = model(x[t], *states)
        if not isinstance(result, tuple) or len(result) <= extra:
            raise TypeError(f"forward takes {extra} states and does not return them")
        states = list(result[-extra:])


def record(model: nn.Module, leaves: Leaves, run: Run, *, scramble: bool) -> list[Call]:
    """Run, and return the calls of innermost modules; scrambled, each returns random numbers."""
    calls: list[Call] = []
    generator = torch.Generator().manual_seed(1)

    def hook(name: str) -> Callable[..., Any]:  # any: what the module returns
        def note(module: nn.Module, received: tuple[Any, ...], returned: Any) -> Any:
            if not received or not isinstance(received[0], Tensor):
                return None
            first = returned[0] if isinstance(returned, tuple) else returned
            if scramble and is_neuron(module):  # never negative, as spikes are not
                first = torch.rand(first.shape, generator=generator).to(first)
            elif scramble and isinstance(module, SYNAPSES):
                first = torch.randn(first.shape, generator=generator).to(first)
            calls.append(Call(name, received[0].detach().clone(), first.detach().clone()))
            return (first, *returned[1:]) if isinstance(returned, tuple) else first

        return note

    hooks = [module.register_forward_hook(hook(name)) for name, module in leaves.items()]
    try:
        for module in leaves.values():
            if is_neuron(module):
                module.reset_mem()
        run()
    finally:
        for handle in hooks:
            handle.remove()
    return calls


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Run the model in evaluation mode without gradients; give it back its mode and states."""
    # The model itself runs, for hidden states that carry a graph cannot be copied.
    states = [(module, module.training, dict(module._buffers)) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training, buffers in states:
            module.training = training
            module._buffers.update(buffers)


def is_neuron(module: Any) -> bool:  # any: a Module; snnTorch's neurons have no types
    return isinstance(module, snntorch.SpikingNeuron)
