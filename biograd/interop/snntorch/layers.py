"""The layers of a snnTorch model in the order in which they run, and where a Network differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import snntorch
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Difference:
    """A property of a model that a Network cannot represent.

    Example:
        >>> str(Difference("lif1 (Leaky)", "reset by subtraction", "reset_mechanism='zero'", True))
        "lif1 (Leaky): reset by subtraction; nearest: reset_mechanism='zero'"
    """

    place: str  # the module's name in the model and its kind, e.g. "lif1 (Leaky)"
    what: str  # the property, e.g. "reset by subtraction"
    nearest: str  # the nearest form a Network has
    taken: bool  # True: `from_snntorch(model, nearest=True)` takes that form

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; nearest: {self.nearest}"


class SnnLayer(NamedTuple):
    """A Linear and the neurons after it, as a layer of a Network."""

    linear: nn.Linear
    alphas: tuple[float, float]  # alpha_u, alpha_v
    threshold: Tensor  # of each neuron, or one for all
    graded: Tensor  # weight of a spike for the next layer


_RESETS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}
_NEAREST = {
    "RLeaky": "snn.Leaky without the recurrent weights",
    "RSynaptic": "snn.Synaptic without the recurrent weights",
    "Alpha": "snn.Synaptic",
    "Lapicque": "snn.Leaky with the same beta, its input scaled by R (1 - beta)",
    "Conv1d": "nn.Linear on the flattened input",
    "Conv2d": "nn.Linear on the flattened input",
    "MaxPool2d": "none; pool the images before they are encoded",
    "AvgPool2d": "none; pool the images before they are encoded",
    "BatchNorm1d": (
        "fold it into the nn.Linear before it (torch.nn.utils.fusion.fuse_linear_bn_eval)"
    ),
    "ReLU": "snn.Leaky",
}


def read_layers(model: nn.Module) -> tuple[list[Difference], list[SnnLayer]]:
    """Return the differences from a Network, and the layers in their nearest form.

    The layers are complete only where every difference can be taken.
    """
    reader = _Reader()
    for name, module in _in_order(model):
        reader.read(f"{name} ({type(module).__name__})", module)
    reader.end()
    return reader.differences, reader.layers


class _Reader:
    """Reads modules one by one; a Linear waits in `linear` for the neurons after it."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.layers: list[SnnLayer] = []
        self.linear: tuple[str, nn.Linear] | None = None  # its place, and itself

    def read(self, place: str, module: nn.Module) -> None:
        """Take the next module into account."""
        if isinstance(module, nn.Flatten | nn.Identity):
            return
        if isinstance(module, nn.Dropout):
            self._differ(place, "dropout", "left out", True)
        elif type(module) is nn.Linear:
            self._expect_no_linear("snn.Leaky after it")
            self.linear = place, module
        elif type(module) in (snntorch.Leaky, snntorch.Synaptic):
            self._read_neurons(place, module)
            self.linear = None
        else:
            modules = "nn.Linear, snn.Leaky, snn.Synaptic and nn.Flatten"
            nearest = _NEAREST.get(type(module).__name__, f"a model of {modules}")
            self._differ(place, "not a part of a Network", nearest, False)
            self.linear = None

    def end(self) -> None:
        """Check what is known only after the last module."""
        self._expect_no_linear("snn.Leaky after it, read by its spike counts")
        if self.layers:
            graded = self.layers[-1].graded
            if bool((graded != 1).any()):
                what = f"graded spikes of {graded.max():g}"
                self._differ("the output layer", what, "graded_spikes_factor=1", True)
        elif not self.differences:
            nearest = "nn.Linear followed by snn.Leaky"
            self._differ("the model", "holds no layer", nearest, False)

    def _read_neurons(self, place: str, module: nn.Module) -> None:
        layer = _layer(place, module, self.linear, self.differences)
        if layer is None:
            return
        inputs = layer.linear.in_features
        if self.layers and self.layers[-1].linear.out_features != inputs:
            before = self.layers[-1].linear.out_features
            what = f"{inputs} inputs after a layer of {before} neurons: no plain chain"
            self._differ(place, what, "one nn.Linear from each layer to the next", False)
        self.layers.append(layer)

    def _expect_no_linear(self, nearest: str) -> None:
        if self.linear:
            self._differ(self.linear[0], "no spiking neuron after it", nearest, False)

    def _differ(self, place: str, what: str, nearest: str, taken: bool) -> None:
        self.differences.append(Difference(place, what, nearest, taken))


def _in_order(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the model's innermost modules by name, in the order of the calls on a blank sample.

    Where the model does not run on one, the order is that of definition.
    """
    leaves = _leaves(model)
    if len(leaves) < 2:
        return list(leaves.items())
    called = _calls(model, leaves)
    if called is None:
        return list(leaves.items())
    return [(name, leaves[name]) for name in _first_step(called, leaves)]


def _leaves(model: nn.Module) -> dict[str, nn.Module]:
    """Return the innermost modules by name; spiking neurons are not looked into."""
    leaves: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{leaf}.") for leaf in leaves)
        if not inside and (
            isinstance(module, snntorch.SpikingNeuron) or not any(True for _ in module.children())
        ):
            leaves[name or "the model"] = module
    return leaves


def _calls(model: nn.Module, leaves: dict[str, nn.Module]) -> list[str] | None:
    """Return the names of the leaves as called on one blank sample; None where that fails."""
    widths = dict.fromkeys(
        module.in_features for module in leaves.values() if isinstance(module, nn.Linear)
    )
    called: list[str] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, args, name=name: called.append(name))
        for name, module in leaves.items()
    ]
    like = next(model.parameters(), torch.zeros(()))
    # The model itself runs, not a copy: hidden states that carry a graph cannot be copied. All its
    # states are restored.
    states = [(module, module.training, dict(module._buffers)) for module in model.modules()]
    try:
        for shape in [(1, width) for width in widths] + [(1, 1, width) for width in widths]:
            called.clear()
            try:
                with torch.no_grad():
                    model.eval()(like.new_zeros(shape))
            except Exception:  # any error of a forward that was not made for this sample
                continue
            return called
    finally:
        for hook in hooks:
            hook.remove()
        for module, training, buffers in states:
            module.training = training
            module._buffers.update(buffers)
    return None


def _first_step(called: list[str], leaves: dict[str, nn.Module]) -> list[str]:
    """Return the calls of the first time step, then the modules that are called only later.

    One neuron module may serve several layers, and is then called several times per step.
    """
    order: list[str] = []
    for name in called:
        served = (
            order
            and isinstance(leaves[order[-1]], nn.Linear)
            and not isinstance(leaves[name], nn.Linear)
        )
        if name in order and not served:
            break
        order.append(name)
    return order + [name for name in dict.fromkeys(called) if name not in order]


def _layer(
    place: str, module: Any, waiting: tuple[str, nn.Linear] | None, differences: list[Difference]
) -> SnnLayer | None:  # any: snnTorch's neurons have no types
    """Return the layer of a Linear and the neurons after it, and add to `differences`."""

    def differ(what: str, nearest: str, taken: bool = True) -> None:
        differences.append(Difference(place, what, nearest, taken))

    _compare_reset(module, differ)
    _compare_options(module, differ)
    threshold = module.threshold.detach().float()
    if not bool((threshold > 0).all()) or not bool(torch.isfinite(threshold).all()):
        differ(f"a threshold of {threshold.min():g}", "a threshold above 0", False)
    if waiting is None:
        differ("no nn.Linear before it", "nn.Linear before it", False)
        return None
    linear = waiting[1]
    if threshold.numel() not in (1, linear.out_features):
        what = f"{threshold.numel()} thresholds for {linear.out_features} neurons"
        differ(what, "one threshold, or one per neuron", False)
    alpha_v = _kept("beta", module.beta, differ)
    alpha_u = _kept("alpha", module.alpha, differ) if isinstance(module, snntorch.Synaptic) else 0.0
    graded = module.graded_spikes_factor.detach().float()
    return SnnLayer(linear, (alpha_u, alpha_v), threshold.flatten(), graded)


def _compare_reset(module: Any, differ: Callable[..., None]) -> None:  # any: as `_layer`
    # Not the attribute `reset_mechanism`: setting it later changes no spike, because snnTorch
    # chooses its step function when the neuron is made.
    reset = _RESETS[module.state_function.__name__]
    if reset != "zero":
        differ(
            "reset by subtraction" if reset == "subtract" else "no reset", "reset_mechanism='zero'"
        )
    elif isinstance(module, snntorch.Synaptic) and module.reset_delay:
        differ("a delayed reset, dead for one step after a spike", "reset_delay=False")


def _compare_options(module: Any, differ: Callable[..., None]) -> None:  # any: as `_layer`
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


def _kept(name: str, value: Tensor, differ: Callable[..., None]) -> float:
    """Return the fraction kept per step by all neurons of a layer; snnTorch clamps it to 0..1."""
    kept = value.detach().double().clamp(0, 1).flatten()
    if kept.max() >= 1:
        differ(f"{name} = {value.max():g}, no leak", f"{name} below 1, e.g. 0.999", False)
    if kept.min() < kept.max():
        differ(
            f"{name} from {kept.min():.4g} to {kept.max():.4g}",
            f"one {name} for all, their mean {kept.mean():.4g}",
        )
    return float(kept.mean() if kept.min() < kept.max() else kept[0])
