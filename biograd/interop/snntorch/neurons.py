"""The neurons of a snnTorch model, with their synapses, and where they differ from ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import snntorch
import torch
from torch import Tensor, nn

from ...connections import Pool
from ...neurons.decays import Alphas

_RESETS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}
Synapses = nn.Linear | nn.Conv2d
RECURRENT = (snntorch.RLeaky, snntorch.RSynaptic)
NEURONS = (snntorch.Leaky, snntorch.Synaptic, snntorch.Lapicque, *RECURRENT)


class Recurrent(NamedTuple):
    """Weights of a layer's own spikes of the step before, and a current at every step."""

    w: Tensor  # [N, N]
    b: Tensor  # [N]


class SnnLayer(NamedTuple):
    """Synapses and the neurons after it, as a layer of a Network."""

    name: str  # of the synapses
    linear: Synapses
    alphas: tuple[Alphas, Alphas]  # alpha_u, alpha_v of all neurons, or of each neuron or map
    reset: str  # a word of `params.neuron.RESETS`
    pools: tuple[Pool, ...]  # of the spikes before the synapses
    after: Pool | None  # of the currents
    threshold: Tensor  # of each neuron, or one for all; Lapicque's factor of the input divided out
    graded: Tensor  # weight of a spike for the next layer
    recurrent: Recurrent | None = None


@dataclass(frozen=True)
class Difference:
    """A property of a model that a Network cannot represent.

    Example:
        >>> str(Difference("1 (Dropout)", "dropout", "left out", True))
        '1 (Dropout): dropout; nearest: left out'
    """

    place: str  # the module's name in the model and its kind, e.g. "lif1 (Leaky)"
    what: str  # the property, e.g. "reset by subtraction"
    nearest: str  # the nearest form a Network has
    taken: bool  # True: `from_snntorch(model, nearest=True)` takes that form

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; nearest: {self.nearest}"


def layer_of(
    place: str, module: Any, waiting: tuple[str, Synapses] | None, differences: list[Difference]
) -> SnnLayer | None:  # any: snnTorch's neurons have no types
    """Return the layer of synapses and the neurons after them, and add to `differences`."""

    def differ(what: str, nearest: str, taken: bool = True) -> None:
        differences.append(Difference(place, what, nearest, taken))

    reset = _reset(module, differ)
    _compare_options(module, differ)
    threshold = module.threshold.detach().float()
    if not bool((threshold > 0).all()) or not bool(torch.isfinite(threshold).all()):
        differ(f"a threshold of {threshold.min():g}", "a threshold above 0", False)
    if waiting is None:
        differ("no nn.Linear before it", "nn.Linear before it", False)
        return None
    name, linear = waiting
    lapicque = type(module) is snntorch.Lapicque
    # v[t] = (1 - dt / (R C)) v[t-1] + dt / C input
    kept = 1 - module.time_step / (module.R * module.C) if lapicque else module.beta
    alpha_v = _kept("beta", torch.as_tensor(kept), linear, differ)
    current = getattr(module, "alpha", torch.zeros(()))
    alpha_u = _kept("alpha", torch.as_tensor(current), linear, differ)
    if lapicque:
        threshold = threshold * torch.as_tensor(module.C).detach() / module.time_step
    graded = module.graded_spikes_factor.detach().float()
    neurons = linear.out_features if isinstance(linear, nn.Linear) else 1
    recurrent = _recurrent(module, neurons, differ)
    flat = _each("threshold", threshold.float(), linear, differ)
    return SnnLayer(name, linear, (alpha_u, alpha_v), reset, (), None, flat, graded, recurrent)


def _recurrent(module: Any, neurons: int, differ: Callable[..., None]) -> Recurrent | None:
    """Return the weights of a layer's own spikes (any: as `layer_of`)."""
    if not hasattr(module, "recurrent"):
        return None
    loop = module.recurrent
    if isinstance(loop, nn.Linear):
        bias = torch.zeros(neurons) if loop.bias is None else loop.bias.detach()
        return Recurrent(loop.weight.detach(), bias)
    if hasattr(loop, "V"):
        v = loop.V.detach().flatten().expand(neurons)
        return Recurrent(torch.diag(v), torch.zeros(neurons))
    differ("recurrent kernels", "linear_features=..., dense recurrent weights", False)
    return None


def _reset(module: Any, differ: Callable[..., None]) -> str:  # any: as `layer_of`
    """Return the reset of a soma that does what the module does."""
    # Not the attribute `reset_mechanism`: setting it later changes no spike, because snnTorch
    # chooses its step function when the neuron is made.
    reset = _RESETS[module.state_function.__name__]
    if reset == "subtract":
        if getattr(module, "reset_delay", True):  # Lapicque knows no other
            return "subtract_late"
        differ(
            "reset by subtraction without delay, which takes a second threshold one step later"
            " where one is left",
            "one threshold per spike",
        )
    late = type(module) in (snntorch.Synaptic, snntorch.Lapicque, *RECURRENT)
    if reset == "zero" and late and getattr(module, "reset_delay", True):
        differ("a delayed reset, dead for one step after a spike", "reset_delay=False")
    return reset


def _compare_options(module: Any, differ: Callable[..., None]) -> None:  # any: as `layer_of`
    for name in ("alpha", "beta", "threshold", "graded_spikes_factor"):
        if isinstance(getattr(module, name, None), nn.Parameter):
            differ(
                f"a learned {name}", "fixed at its present value: BioGrad learns weights and biases"
            )
    if module.inhibition:
        differ("inhibition: one spike per layer and step", "inhibition=False")
    if module.state_quant:
        differ("quantised states", "state_quant=False; biograd deploy quantises for the chip")
    probe = torch.tensor([-1e3, -1.0, -1e-6, 0.0, 1e-6, 1.0, 1e3])
    if not torch.equal(module.spike_grad(probe).detach(), (probe > 0).float()):
        differ(
            "a spike_grad that is no step function going forward",
            "a surrogate of snntorch.surrogate",
            False,
        )


def _kept(name: str, value: Tensor, synapses: Synapses, differ: Callable[..., None]) -> Alphas:
    """Return the fraction kept per step, of all neurons or of each; snnTorch clamps it to 0..1."""
    kept = value.detach().double().clamp(0, 1)
    if kept.max() >= 1 and name != "beta":  # voltages need no leak, currents do
        differ(f"{name} = {kept.max():g}, no leak", f"{name} below 1, e.g. 0.999", False)
    return tuple(_each(name, kept, synapses, differ).tolist())


def _each(name: str, value: Tensor, synapses: Synapses, differ: Callable[..., None]) -> Tensor:
    """Return a constant of all neurons, [1], or of each neuron or map, [N].

    As torch broadcasts it: [N] after a Linear, [C, 1, 1] after a Conv2d.
    """
    flat = value.flatten()
    dense = isinstance(synapses, nn.Linear)
    count = synapses.out_features if isinstance(synapses, nn.Linear) else synapses.out_channels
    fits = (count,) if dense else (count, 1, 1)
    if flat.numel() != 1 and (tuple(value.shape[-len(fits) :]) != fits or flat.numel() != count):
        whose = "neuron" if dense else "map"
        what = f"{name} of shape {list(value.shape)} for {count} {whose}s"
        differ(what, f"one for all, or one per {whose}, {list(fits)}", False)
        return flat[:1]
    return flat[:1] if bool((flat == flat[0]).all()) else flat
