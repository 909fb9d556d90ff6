"""The layers of a snnTorch model in the order in which they run, and where a Network differs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import snntorch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ...connections import AvgPool2d, MaxPool2d, Pool
from .neurons import NEURONS, Difference, SnnLayer, Synapses, layer_of
from .running import Leaves
from .tracing import ForwardTrace, trace_forward

_NEAREST = {
    "Alpha": "snn.Synaptic",
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
        elif type(module) in NEURONS:
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
            if self.layers[-1].recurrent is not None:
                nearest = "snn.Leaky or snn.Synaptic"
                self._differ("the output layer", "recurrent weights", nearest, False)
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
        layer = layer_of(place, module, self.linear, self.differences)
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
