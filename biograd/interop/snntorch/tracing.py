"""Observe what a snnTorch model's `forward` really computes, by running it.

A list of modules does not say what happens between them. So the model is run twice on random
spikes: once with the output of every module replaced by random numbers, so that a tensor is known
again wherever it arrives, and once as it is. From the first run follows which `nn.Linear` feeds
which neuron, and whether anything changes a tensor on its way; from the second, the spikes of
every layer, to compare with (`spikes_that_differ`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...connections import AvgPool2d, MaxPool2d, Pool
from ...network import Network
from ...neurons import HasSpikes, MixedLIF, SomaState, TwoCompartmentLIF
from .running import SYNAPSES, Call, Leaves, attempts, is_neuron, record, undisturbed

INPUT, ALL = "", -1  # as the layer and the number of a `Step`: the model's input; all steps at once
WINDOWS = (2, 3, 4)  # of pools that a forward takes without a module
MARGIN = 1e-4  # thresholds; spikes closer to the threshold may differ by rounding


class Step(NamedTuple):
    """The spikes of one layer at one time step; a layer is called by the name of its nn.Linear."""

    linear: str
    number: int  # 0 = first step


@dataclass
class ForwardTrace:
    """A model's forward pass as observed on random spikes."""

    called: list[str] = field(default_factory=list)  # innermost modules in the order of their calls
    problems: list[tuple[str, str]] = field(default_factory=list)  # module name, what is odd there
    failure: str = ""  # why the model could not be run; empty where it ran
    # by synapses, nn.Linear or nn.Conv2d: their input [T, B, M], their layer's spikes [T, B, N]
    received: dict[str, Tensor] = field(default_factory=dict)
    spikes: dict[str, Tensor] = field(default_factory=dict)
    input_shape: tuple[int, ...] = ()  # of a sample at the first synapses, where they are kernels
    pools: dict[str, Pool] = field(default_factory=dict)  # by synapses: of their currents, in code


def trace_forward(
    model: nn.Module, leaves: Leaves, sample: Sequence[Any] | None = None
) -> ForwardTrace:
    """Run a model in the ways people call them until one works, and follow its tensors.

    Args:
        model: the model; it gets back its mode and all states.
        leaves: its innermost modules by name; snnTorch's neurons count as innermost.
        sample: arguments of `forward` to run it on (any: the model's own), instead of random
            spikes of guessed shape.
    """
    failures: list[str] = []
    traces: list[ForwardTrace] = []
    with undisturbed(model):
        for x, run in attempts(model, leaves, sample):
            try:
                calls = record(model, leaves, run, scramble=True)
            # A stranger's forward may raise anything on a sample it was not made for.
            except Exception as error:
                failures.append(f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")
                continue
            trace = _follow(calls, leaves, x)
            if not trace.problems:
                _keep_spikes(trace, calls, record(model, leaves, run, scramble=False), leaves)
                return trace
            traces.append(trace)
    if traces:
        return min(traces, key=lambda trace: len(trace.problems))
    failures = failures or ["no nn.Linear says how wide its input is"]
    return ForwardTrace(failure=failures[0])


def spikes_that_differ(net: Network, trace: ForwardTrace, linears: Sequence[str]) -> dict[str, int]:
    """Count, by layer, spikes of the traced run that `net` does not fire on the same input.

    Each layer hears the traced layer before it, so that a difference shows where it arises. Spikes
    whose voltage lies within `MARGIN` of the threshold are not counted: rounding may decide them.

    Args:
        linears: names of the layers' `nn.Linear`, first to last.
    """
    counts = {}
    with torch.no_grad():
        for index, (layer, name) in enumerate(zip(net.layers, linears, strict=True)):
            if name not in trace.spikes or not isinstance(
                layer.neuron, TwoCompartmentLIF | MixedLIF
            ):
                continue
            s_pre, theirs = trace.received[name].to(layer.w), trace.spikes[name].ne(0)
            if index and not layer.pools:  # graded spikes of a hidden layer count in the weights
                s_pre = s_pre.ne(0).to(layer.w)
            rows = s_pre.flatten(0, 1)
            current = layer.after_synapses(rows)[0].unflatten(0, s_pre.shape[:2])
            state: HasSpikes = layer.neuron.rest(current[0])
            differ = 0
            for t in range(len(current)):
                state = layer.step(state, current[t])
                assert isinstance(state, SomaState)  # of both neurons
                wrong = state.s.bool() != theirs[t].to(state.s.device)
                differ += int((wrong & ((state.v - 1).abs() > MARGIN)).sum())
                # Go on from their spikes: one difference must not count at every later step.
                state = SomaState(state.u, state.v, theirs[t].to(state.s))
            if differ:
                counts[name] = differ
    return counts


def _follow(calls: list[Call], leaves: Leaves, x: Tensor) -> ForwardTrace:
    """Follow tensors of a scrambled run from module to module, and name what breaks the chain."""
    origins: dict[bytes, Any] = {}  # any: Step, or the name of an nn.Linear or another module
    _register_input(origins, x)
    steps: dict[str, int] = {}  # neuron calls so far, by nn.Linear of the layer
    heard: dict[str, set[str]] = {}  # by nn.Linear: the layers it hears; INPUT is the model's input
    linear_calls: dict[str, int] = {}
    problems: dict[str, str] = {}
    last_linear = ""
    pooled: dict[bytes, Pool] = {}  # of currents, by the key of the pooled tensor
    pools: dict[str, Pool] = {}
    for call in calls:
        module, origin = leaves[call.name], origins.get(_key(call.received))
        if isinstance(module, SYNAPSES):
            last_linear, number = call.name, linear_calls.get(call.name, 0)
            linear_calls[call.name] = number + 1
            source = origin if origin is not None else _stacked(call.received, origins)
            if not isinstance(source, Step):
                problems.setdefault(
                    call.name, "its input is neither the model's nor the spikes of a layer"
                )
            else:
                heard.setdefault(call.name, set()).add(source.linear)
                if source.number not in (ALL, number):
                    name = f"the layer of {source.linear}" if source.linear else "the input"
                    problems.setdefault(call.name, f"it hears {name} at another step")
            _register(origins, call.returned, call.name)
            pooled |= _register_pooled(origins, call)
        elif is_neuron(module):
            if not isinstance(origin, str) or not isinstance(leaves[origin], SYNAPSES):
                if origin is None or isinstance(origin, Step):
                    problems.setdefault(
                        call.name, f"its input is not what {last_linear or 'an nn.Linear'} computes"
                    )
                origin = last_linear
            if pool := pooled.get(_key(call.received)):
                pools[origin] = pool
            number = steps.get(origin, 0)
            steps[origin] = number + 1
            origins[_key(call.returned)] = Step(origin, number)
        elif origin is not None:
            origins[_key(call.returned)] = origin  # flattened, pooled, normalised or left alone
        else:
            _register(origins, call.returned, call.name)
    for source_layer, linear in zip((INPUT, *steps), steps, strict=False):
        if not problems and heard.get(linear, {source_layer}) != {source_layer}:
            problems[linear] = "its input is not the layer before it: no plain chain"
    trace = ForwardTrace(_first_pass(calls, leaves), list(problems.items()), pools=pools)
    first = next((call for call in calls if isinstance(leaves[call.name], nn.Conv2d)), None)
    if first is not None:
        trace.input_shape = tuple(first.received.shape[-3:])
    return trace


def _key(x: Tensor) -> bytes:
    return x.detach().cpu().contiguous().numpy().tobytes()


def _register_input(origins: dict[bytes, Any], x: Tensor) -> None:
    """Remember the model's input: whole, or one step of it, with time on either axis."""
    for axis in (1, 0):
        if x.dim() > axis + 1:
            for number, part in enumerate(x.unbind(axis)):
                origins[_key(part)] = Step(INPUT, number)
    origins[_key(x)] = Step(INPUT, ALL)


def _register(origins: dict[bytes, Any], x: Tensor, origin: Any) -> None:
    """Remember where a tensor comes from, and each step of it where it is a whole train."""
    for axis in (1, 0):
        if x.dim() > 2:
            for part in x.unbind(axis):
                origins[_key(part)] = origin
    origins[_key(x)] = origin


def _register_pooled(origins: dict[bytes, Any], call: Call) -> dict[bytes, Pool]:
    """Remember the usual pools of maps, which a forward may take without a module.

    Returns: the pools by the key of what they return.
    """
    maps: dict[bytes, Pool] = {}
    if call.returned.dim() == 4:
        for kind, window in itertools.product((MaxPool2d, AvgPool2d), WINDOWS):
            if min(call.returned.shape[-2:]) >= window:
                pool = kind(window)
                key = _key(pool.pool(call.returned).x)
                origins[key], maps[key] = call.name, pool
    return maps


def _stacked(x: Tensor, origins: dict[bytes, Any]) -> Step | None:
    """Return the layer whose spikes of all steps, in order, arrive as one tensor; None if none."""
    for axis in (0, 1) if x.dim() > 2 else ():
        parts = [origins.get(_key(part)) for part in x.unbind(axis)]
        linear = parts[0].linear if isinstance(parts[0], Step) else None
        if linear is not None and parts == [Step(linear, t) for t in range(len(parts))]:
            return Step(linear, ALL)
    return None


def _first_pass(calls: list[Call], leaves: Leaves) -> list[str]:
    """Return the modules of the first time step in order, then those that are called only later.

    One neuron module may serve several layers: it then stands behind each of their `nn.Linear`.
    """
    order: list[str] = []
    for call in calls:
        serves = (
            order
            and isinstance(leaves[order[-1]], SYNAPSES)
            and not isinstance(leaves[call.name], SYNAPSES)
        )
        if call.name in order and not serves:
            break
        order.append(call.name)
    return order + [n for n in dict.fromkeys(call.name for call in calls) if n not in order]


def _keep_spikes(
    trace: ForwardTrace, scrambled: list[Call], calls: list[Call], leaves: Leaves
) -> None:
    """Store the input and the spikes of every layer from the run as it is."""
    if [call.name for call in scrambled] != [call.name for call in calls]:
        return  # which modules run depends on the spikes: nothing to compare call by call
    origins: dict[bytes, Any] = {}
    layer_of: list[str] = []
    received: dict[str, list[Tensor]] = {}
    for before, call in zip(scrambled, calls, strict=True):
        if isinstance(leaves[call.name], SYNAPSES):
            _register(origins, before.returned, call.name)
            _register_pooled(origins, before)
            received.setdefault(call.name, []).append(call.received)
        elif is_neuron(leaves[call.name]):
            layer_of.append(origins[_key(before.received)])
        elif (origin := origins.get(_key(before.received))) is not None:
            origins[_key(before.returned)] = origin
    neuron_calls = [call for call in calls if is_neuron(leaves[call.name])]
    fired: dict[str, list[Tensor]] = {}
    for linear, call in zip(layer_of, neuron_calls, strict=True):
        fired.setdefault(linear, []).append(call.returned)
    for linear, spikes in fired.items():
        s, inputs = torch.stack(spikes), received[linear]
        if len(inputs) == len(spikes):
            before_synapses = torch.stack(inputs)
        elif len(inputs) == 1:  # once for all steps: a constant, or a whole train
            whole = inputs[0]
            train = whole.dim() > s.dim() - 1 and len(whole) == len(s)
            before_synapses = whole if train else whole.expand(len(s), *whole.shape)
        else:
            continue
        kernels = isinstance(leaves[linear], nn.Conv2d)
        width = math.prod(before_synapses.shape[-3:]) if kernels else leaves[linear].in_features
        size = math.prod(s.shape[-3:]) if kernels else s.shape[-1]
        trace.received[linear] = before_synapses.reshape(len(s), -1, width)
        trace.spikes[linear] = s.reshape(len(s), -1, size)
