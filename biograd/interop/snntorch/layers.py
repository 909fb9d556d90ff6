"""The layers of a snnTorch model in the order in which they run, and where a Network differs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import snntorch
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ...connections import AvgPool2d, MaxPool2d, Pool
from .running import Leaves
from .tracing import ForwardTrace, trace_forward


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


Synapses = nn.Linear | nn.Conv2d


class SnnLayer(NamedTuple):
    """Synapses and the neurons after it, as a layer of a Network."""

    name: str  # of the synapses
    linear: Synapses
    alphas: tuple[float, float]  # alpha_u, alpha_v
    reset: str  # a word of `params.neuron.RESETS`
    pools: tuple[Pool, ...]  # of the spikes before the synapses
    after: Pool | None  # of the currents
    threshold: Tensor  # of each neuron, or one for all
    graded: Tensor  # weight of a spike for the next layer


_RESETS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}
_NEAREST = {
    "RLeaky": "snn.Leaky without the recurrent weights",
    "RSynaptic": "snn.Synaptic without the recurrent weights",
    "Alpha": "snn.Synaptic",
    "Lapicque": "snn.Leaky with the same beta, its input scaled by R (1 - beta)",
    "Conv1d": "nn.Linear on the flattened input",
    "Conv3d": "nn.Conv2d",
    "AdaptiveAvgPool2d": "nn.AvgPool2d",
    "AdaptiveMaxPool2d": "nn.MaxPool2d",
    "BatchNorm1d": (
        "fold it into the nn.Linear before it (torch.nn.utils.fusion.fuse_linear_bn_eval)"
    ),
    "ReLU": "snn.Leaky",
}


class ModelReading(NamedTuple):
    """A model as read: what differs from a Network, and its layers in their nearest form."""

    differences: list[Difference]
    layers: list[SnnLayer]  # complete only where every difference can be taken
    trace: ForwardTrace  # what its forward computes


def read_layers(model: nn.Module, sample: Sequence[Any] | None = None) -> ModelReading:
    """Run a model, and read the modules that it calls, in the order of their calls.

    Args:
        sample: arguments that the model runs on (any: the model's own); random spikes unless given.
    """
    leaves = _leaves(model)
    trace = ForwardTrace(list(leaves))
    if len(leaves) > 1:
        trace = trace_forward(model, leaves, sample)
    reader = _Reader()
    for name in trace.called or leaves:
        reader.read(name, leaves[name])
    reader.end()
    reader.compare_forward(trace, leaves)
    return ModelReading(reader.differences, reader.layers, trace)


class _Reader:
    """Reads modules one by one; a Linear waits in `linear` for the neurons after it."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.layers: list[SnnLayer] = []
        self.linear: tuple[str, Synapses] | None = None  # name of the synapses, and themselves
        self.pools: list[Pool] = []  # before the synapses
        self.after: Pool | None = None  # of their currents

    def read(self, name: str, module: nn.Module) -> None:
        """Take the next module into account."""
        place = _place(name, module)
        if isinstance(module, nn.Flatten | nn.Identity):
            return
        if isinstance(module, nn.Dropout):
            self._differ(place, "dropout", "left out", True)
        elif type(module) in (nn.Linear, nn.Conv2d):
            self._expect_no_linear("snn.Leaky after it")
            self.linear, self.after = (name, cast(Synapses, module)), None
            self._check_kernel(place, module)
        elif type(module) in (nn.AvgPool2d, nn.MaxPool2d):
            self._read_pool(place, module)
        elif type(module) in (nn.BatchNorm1d, nn.BatchNorm2d) and self._folds(module):
            return
        elif type(module) in (snntorch.Leaky, snntorch.Synaptic):
            self._read_neurons(place, module)
            self.linear = None
        else:
            modules = (
                "nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d, snn.Leaky, snn.Synaptic and"
                " nn.Flatten"
            )
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

    def compare_forward(self, trace: ForwardTrace, leaves: Leaves) -> None:
        """Add what happens between the modules, or why that is not known."""
        for name, problem in trace.problems:
            nearest = "nn.Linear, then neurons, then the next nn.Linear, with nothing between them"
            self._differ(_place(name, leaves[name]), problem, nearest, False)
        if trace.failure and all(difference.taken for difference in self.differences):
            what = f"its forward does not run on random spikes ({trace.failure})"
            nearest = "sample=(...), the arguments of forward that it runs on"
            self._differ("the model", what, nearest, False)

    def _read_neurons(self, place: str, module: nn.Module) -> None:
        layer = _layer(place, module, self.linear, self.differences)
        if layer is None:
            return
        layer = layer._replace(pools=tuple(self.pools), after=self.after)
        self.pools, self.after = [], None
        before = self.layers[-1].linear if self.layers else None
        if isinstance(before, nn.Linear) and isinstance(layer.linear, nn.Linear):
            inputs, size = layer.linear.in_features, before.out_features
            if inputs != size:
                what = f"{inputs} inputs after a layer of {size} neurons: no plain chain"
                self._differ(place, what, "one nn.Linear from each layer to the next", False)
        self.layers.append(layer)

    def _check_kernel(self, place: str, module: Any) -> None:  # any: nn.Linear or nn.Conv2d
        if type(module) is nn.Linear:
            return
        for option in ("kernel_size", "stride", "padding", "dilation"):
            value = getattr(module, option)
            if isinstance(value, str) or len(set(value)) > 1:
                what = f"{option} {value!r}"
                self._differ(place, what, "one whole number for rows and columns, e.g. 1", False)
        if module.padding_mode != "zeros":
            self._differ(place, f"padding by {module.padding_mode!r}", "zeros", False)

    def _read_pool(self, place: str, module: Any) -> None:  # any: nn.AvgPool2d or nn.MaxPool2d
        options = {name: getattr(module, name) for name in ("kernel_size", "stride")}
        sizes = {n: int(v[0] if isinstance(v, tuple) else v) for n, v in options.items()}
        square = all(not isinstance(v, tuple) or len(set(v)) == 1 for v in options.values())
        plain = (
            module.padding in (0, (0, 0))
            and not module.ceil_mode
            and getattr(module, "dilation", 1) in (1, (1, 1))
            and getattr(module, "divisor_override", None) is None
        )
        if not square or not plain:
            nearest = "square windows without padding, dilation, ceil_mode or divisor_override"
            self._differ(place, f"{module}", nearest, False)
            return
        kind = AvgPool2d if type(module) is nn.AvgPool2d else MaxPool2d
        stride = None if sizes["stride"] == sizes["kernel_size"] else sizes["stride"]
        pool = kind(sizes["kernel_size"], stride)
        if self.linear is None:
            self.pools.append(pool)
        elif self.after is None and isinstance(self.linear[1], nn.Conv2d):
            self.after = pool
        else:
            self._differ(place, "a second pool before the neurons", "one pool", False)

    def _folds(self, module: Any) -> bool:  # any: a batch normalisation
        """Fold a normalisation into the synapses before it, where it stands right behind them."""
        if self.linear is None or self.after is not None or module.running_mean is None:
            return False
        name, synapses = self.linear
        fuse: Any = fuse_conv_bn_eval if isinstance(synapses, nn.Conv2d) else fuse_linear_bn_eval
        self.linear = name, fuse(copy.deepcopy(synapses).eval(), copy.deepcopy(module).eval())
        return True

    def _expect_no_linear(self, nearest: str) -> None:
        if self.linear:
            place = _place(*self.linear)
            self._differ(place, "no spiking neuron after it", nearest, False)

    def _differ(self, place: str, what: str, nearest: str, taken: bool) -> None:
        self.differences.append(Difference(place, what, nearest, taken))


def _leaves(model: nn.Module) -> Leaves:
    """Return the innermost modules by name; spiking neurons are not looked into."""
    leaves: Leaves = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{leaf}.") for leaf in leaves)
        if not inside and (
            isinstance(module, snntorch.SpikingNeuron) or not any(True for _ in module.children())
        ):
            leaves[name or "the model"] = module
    return leaves


def _place(name: str, module: nn.Module) -> str:
    return f"{name} ({type(module).__name__})"


def _layer(
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
    neurons = linear.out_features if isinstance(linear, nn.Linear) else 1
    if threshold.numel() not in (1, neurons):
        what = f"{threshold.numel()} thresholds for {neurons} neurons or all kernels"
        differ(what, "one threshold, or one per neuron", False)
    alpha_v = _kept("beta", module.beta, differ)
    alpha_u = _kept("alpha", module.alpha, differ) if isinstance(module, snntorch.Synaptic) else 0.0
    graded = module.graded_spikes_factor.detach().float()
    alphas = alpha_u, alpha_v
    return SnnLayer(name, linear, alphas, reset, (), None, threshold.flatten(), graded)


def _reset(module: Any, differ: Callable[..., None]) -> str:  # any: as `_layer`
    """Return the reset of a soma that does what the module does."""
    # Not the attribute `reset_mechanism`: setting it later changes no spike, because snnTorch
    # chooses its step function when the neuron is made.
    reset = _RESETS[module.state_function.__name__]
    if reset == "subtract":
        if module.reset_delay:
            return "subtract_late"
        differ(
            "reset by subtraction without delay, which takes a second threshold one step later"
            " where one is left",
            "one threshold per spike",
        )
    if reset == "zero" and isinstance(module, snntorch.Synaptic) and module.reset_delay:
        differ("a delayed reset, dead for one step after a spike", "reset_delay=False")
    return reset


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
    if kept.max() >= 1 and name != "beta":  # voltages need no leak, currents do
        differ(f"{name} = {value.max():g}, no leak", f"{name} below 1, e.g. 0.999", False)
    if kept.min() < kept.max():
        differ(
            f"{name} from {kept.min():.4g} to {kept.max():.4g}",
            f"one {name} for all, their mean {kept.mean():.4g}",
        )
    return float(kept.mean() if kept.min() < kept.max() else kept[0])
