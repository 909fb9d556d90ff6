"""A snnTorch model as a Network, spike for spike, and back. What a Network cannot be is named,
place by place, before anything is made.

snnTorch's neurons in our symbols (snntorch 1.0.0, `_neurons/leaky.py` and `_neurons/synaptic.py`),
reset_mechanism "zero":

    Leaky     v[t] = beta v[t-1] (1 - s[t-1]) + current[t]                    our soma with alpha_u = 0, alpha_v = beta
    Synaptic  u[t] = alpha u[t-1] + current[t],  v[t] = beta v[t-1] + u[t]    our soma with alpha_u = alpha, alpha_v = beta, if
              reset_delay=False; with reset_delay=True v[t] is 0 after a spike, u[t] and all: a dead
              step, which our soma has not
    both      s[t] = 1 where v[t] > threshold

Leaky resets before the current of the next step arrives, whatever `reset_delay` says, so both
settings fire the same spikes. Weights are divided by the threshold of their neuron (v_th = 1 here):
exact where it is a power of two, else rounded in the last bit.
The surrogate gradient plays no part: BioGrad's rule has a slope of its own,
`TwoCompartmentParams.window`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import snntorch
import torch
from torch import Tensor, nn

from ..fast_path import keeps
from ..network import Network
from ..neurons import TwoCompartmentLIF, TwoCompartmentParams, lif_params


@dataclass(frozen=True)
class Difference:
    """Something of a model that a Network cannot be.

    Example:
        >>> str(Difference("lif1 (Leaky)", "reset by subtraction", "reset_mechanism='zero'", True))
        "lif1 (Leaky): reset by subtraction; nearest: reset_mechanism='zero'"
    """

    place: str  # where: the module's name in the model and its kind, e.g. "lif1 (Leaky)"
    what: str  # what it is there
    nearest: str  # the nearest form a Network has
    taken: bool  # whether `from_snntorch(model, nearest=True)` takes that form

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; nearest: {self.nearest}"


def from_snntorch(
    model: nn.Module, *, nearest: bool = False, params: TwoCompartmentParams | None = None
) -> Network:
    """A feed-forward snnTorch model as a Network that fires the same spikes.

    Read are `nn.Linear` (with bias or without: then b = 0), each followed by `snn.Leaky` or
    `snn.Synaptic` with reset to zero, and `nn.Flatten`, in an `nn.Sequential` or any module. The
    order is that of the calls on one blank sample; where the model does not run on one, that of
    definition. Each layer may have decays of its own, and each neuron a threshold; graded spikes of
    a hidden layer go into the next weights.

    Args:
        model: the snnTorch model; it is not changed.
        nearest: take the nearest form of what can be approximated (a warning lists it), e.g. reset
            to zero instead of by subtraction.
        params: the neuron's constants that snnTorch has not, apical decay and window; its alpha_u
            and alpha_v are not used.
    Raises: ValueError that lists every `Difference` (or, with `nearest`, those that have no nearest
    form to take).

    Example:
        >>> import snntorch as snn
        >>> model = nn.Sequential(nn.Linear(784, 100), snn.Leaky(0.95, reset_mechanism="zero"),
        ...                       nn.Linear(100, 10), snn.Leaky(0.95, reset_mechanism="zero"))
        >>> from_snntorch(model).sizes
        (784, 100, 10)
    """
    found, stages = _read(model)
    refused = [difference for difference in found if not (nearest and difference.taken)]
    if refused:
        way = (
            " (from_snntorch(model, nearest=True) takes the nearest form)"
            if all(difference.taken for difference in refused)
            else ""
        )
        raise ValueError(
            f"this model cannot be a Network as it is: {' | '.join(map(str, refused))}{way}"
        )
    if found:
        warnings.warn(f"taken in its nearest form: {' | '.join(map(str, found))}", stacklevel=2)
    constants = params or TwoCompartmentParams()
    neurons = {
        (alpha_u, alpha_v): TwoCompartmentLIF(
            dataclasses.replace(constants, alpha_u=alpha_u, alpha_v=alpha_v)
        )
        for alpha_u, alpha_v in (stage.alphas for stage in stages)
    }
    sizes = (stages[0].linear.in_features, *(stage.linear.out_features for stage in stages))
    net = Network(sizes, neuron=[neurons[stage.alphas] for stage in stages])
    graded = torch.ones(())
    for layer, stage in zip(net.layers, stages, strict=True):
        threshold = stage.threshold.cpu()
        layer.w.copy_(
            stage.linear.weight.detach().cpu()
            * graded
            / threshold.expand(len(layer.b)).unsqueeze(1)
        )
        layer.b.copy_(
            torch.zeros(())
            if stage.linear.bias is None
            else stage.linear.bias.detach().cpu() / threshold
        )
        graded = stage.graded.cpu()
    return net.to(stages[0].linear.weight.device)


def differences(model: nn.Module) -> list[Difference]:
    """Everything of a snnTorch model that a Network cannot be, in the model's order; empty where
    `from_snntorch` is exact.

    Example:
        >>> import snntorch as snn
        >>> [str(found) for found in differences(nn.Sequential(nn.Linear(4, 2), snn.Leaky(0.9)))]
        ["1 (Leaky): reset by subtraction; nearest: reset_mechanism='zero'"]
    """
    return _read(model)[0]


def to_snntorch(
    net: Network, *, spike_grad: Callable[[Tensor], Tensor] | None = None
) -> nn.Sequential:
    """A Network as a snnTorch model that fires the same spikes: fc1, lif1, fc2, ... with hidden
    states (`snntorch.utils.reset`).

    Neurons are `snn.Leaky` where alpha_u is 0, else `snn.Synaptic`; their constants are one value
    per neuron, which snnTorch's own `export_to_nir` needs. The weights are copies that ask for
    gradients, so the model trains on in snnTorch.

    Args:
        spike_grad: the surrogate gradient of every neuron; snnTorch's own unless given.

    Example:
        >>> model = to_snntorch(Network((4, 3, 2)))
        >>> spikes = torch.stack([model(s) for s in torch.ones(10, 1, 4)])    # [T, B, classes]
    """
    if net.recurrent:
        raise ValueError(
            "a recurrent network is not written as a snnTorch model: train one with recurrent=False"
        )
    modules = OrderedDict[str, nn.Module]()
    for number, layer in enumerate(net.layers, start=1):
        if not keeps(layer.neuron, TwoCompartmentLIF, "rest", "soma"):
            raise ValueError(
                f"{type(layer.neuron).__name__} has no counterpart in snnTorch: only the"
                " two-compartment LIF has"
            )
        p = lif_params(layer.neuron)
        size, fan_in = layer.w.shape
        modules[f"fc{number}"] = linear = nn.Linear(fan_in, size)
        linear.weight.data, linear.bias.data = (
            layer.w.detach().cpu().clone(),
            layer.b.detach().cpu().clone(),
        )
        shared = {
            "spike_grad": spike_grad,
            "init_hidden": True,
            "reset_mechanism": "zero",
            "reset_delay": False,
        }
        alpha, beta = torch.full((size,), p.alpha_u), torch.full((size,), p.alpha_v)
        threshold = torch.ones(size)
        modules[f"lif{number}"] = (
            snntorch.Synaptic(alpha, beta, threshold, **shared)
            if p.alpha_u > 0
            else snntorch.Leaky(beta, threshold, **shared)
        )
    return nn.Sequential(modules).to(net.device)


class _Stage(NamedTuple):
    """One layer of a Network to be."""

    linear: nn.Linear
    alphas: tuple[float, float]  # alpha_u, alpha_v
    threshold: Tensor  # of each neuron, or one for all
    graded: Tensor  # what a spike counts for the next layer


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


def _read(model: nn.Module) -> tuple[list[Difference], list[_Stage]]:
    """What a Network cannot be, and the layers in their nearest form (whole only where every
    difference can be taken).
    """
    found: list[Difference] = []
    stages: list[_Stage] = []
    waiting: tuple[str, nn.Linear] | None = None
    for name, module in _in_order(model):
        place = f"{name} ({type(module).__name__})"
        if isinstance(module, nn.Flatten | nn.Identity):
            continue
        if isinstance(module, nn.Dropout):
            found.append(Difference(place, "dropout", "left out", True))
        elif type(module) is nn.Linear:
            if waiting:
                found.append(
                    Difference(
                        waiting[0], "no spiking neuron after it", "snn.Leaky after it", False
                    )
                )
            waiting = place, module
        elif type(module) in (snntorch.Leaky, snntorch.Synaptic):
            stage = _stage(place, module, waiting, found)
            if stage and stages and stages[-1].linear.out_features != stage.linear.in_features:
                sizes = (
                    f"{stage.linear.in_features} inputs after a layer of"
                    f" {stages[-1].linear.out_features} neurons"
                )
                found.append(
                    Difference(
                        place,
                        f"{sizes}: no plain chain",
                        "one nn.Linear from each layer to the next",
                        False,
                    )
                )
            stages += [stage] if stage else []
            waiting = None
        else:
            known = "nn.Linear, snn.Leaky, snn.Synaptic and nn.Flatten"
            found.append(
                Difference(
                    place,
                    "not a part of a Network",
                    _NEAREST.get(type(module).__name__, f"a model of {known}"),
                    False,
                )
            )
            waiting = None
    if waiting:
        found.append(
            Difference(
                waiting[0],
                "no spiking neuron after it",
                "snn.Leaky after it, read by its spike counts",
                False,
            )
        )
    if stages:
        found += _across(stages)
    elif not found:
        found.append(
            Difference("the model", "holds no layer", "nn.Linear followed by snn.Leaky", False)
        )
    return found, stages


def _in_order(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The model's innermost modules by name, as called on one blank sample; as defined where it
    does not run on one.
    """
    leaves: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{leaf}.") for leaf in leaves)
        if not inside and (
            isinstance(module, snntorch.SpikingNeuron) or not any(True for _ in module.children())
        ):
            leaves[name or "the model"] = module
    widths = dict.fromkeys(
        module.in_features for module in leaves.values() if isinstance(module, nn.Linear)
    )
    if len(leaves) < 2:
        return list(leaves.items())
    called: list[str] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, args, name=name: called.append(name))
        for name, module in leaves.items()
    ]
    like = next(model.parameters(), torch.zeros(()))
    # The model itself runs, for one with hidden states that carry a graph cannot be copied; it gets
    # all its states back.
    states = [(module, module.training, dict(module._buffers)) for module in model.modules()]
    try:
        for shape in [(1, width) for width in widths] + [(1, 1, width) for width in widths]:
            called.clear()
            try:
                with torch.no_grad():
                    model.eval()(like.new_zeros(shape))
            # whatever a stranger's forward does with a sample it was not made for
            except Exception:
                continue
            return [(name, leaves[name]) for name in _one_pass(called, leaves)]
    finally:
        for hook in hooks:
            hook.remove()
        for module, training, buffers in states:
            module.training = training
            module._buffers.update(buffers)
    return list(leaves.items())


def _one_pass(called: list[str], leaves: dict[str, nn.Module]) -> list[str]:
    """The calls of the first time step, in which one neuron module may serve several layers, and
    whatever is called only later.
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


def _stage(
    place: str, module: Any, waiting: tuple[str, nn.Linear] | None, found: list[Difference]
) -> _Stage | None:
    """A layer from a Linear and the neuron behind it (any: snnTorch's have no types); what it
    cannot be goes into `found`.
    """

    def differ(what: str, nearest: str, taken: bool = True) -> None:
        found.append(Difference(place, what, nearest, taken))

    # Not the attribute `reset_mechanism`: setting it later changes no spike, for snnTorch chose its
    # step function when it was made.
    reset = _RESETS[module.state_function.__name__]
    if reset != "zero":
        differ(
            "reset by subtraction" if reset == "subtract" else "no reset", "reset_mechanism='zero'"
        )
    elif isinstance(module, snntorch.Synaptic) and module.reset_delay:
        differ("a delayed reset, dead for one step after a spike", "reset_delay=False")
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
    threshold = module.threshold.detach().float()
    if not bool((threshold > 0).all()) or not bool(torch.isfinite(threshold).all()):
        differ(f"a threshold of {threshold.min():g}", "a threshold above 0", False)
    if waiting is None:
        differ("no nn.Linear before it", "nn.Linear before it", False)
        return None
    linear = waiting[1]
    if threshold.numel() not in (1, linear.out_features):
        differ(
            f"{threshold.numel()} thresholds for {linear.out_features} neurons",
            "one threshold, or one per neuron",
            False,
        )
    alpha_v = _kept("beta", module.beta, differ)
    alpha_u = _kept("alpha", module.alpha, differ) if isinstance(module, snntorch.Synaptic) else 0.0
    return _Stage(
        linear,
        (alpha_u, alpha_v),
        threshold.flatten(),
        module.graded_spikes_factor.detach().float(),
    )


def _kept(name: str, value: Tensor, differ: Callable[..., None]) -> float:
    """The one fraction kept per step by all neurons of a layer; snnTorch clamps it to 0..1."""
    kept = value.detach().double().clamp(0, 1).flatten()
    if kept.max() >= 1:
        differ(f"{name} = {value.max():g}, no leak", f"{name} below 1, e.g. 0.999", False)
    if kept.min() < kept.max():
        differ(
            f"{name} from {kept.min():.4g} to {kept.max():.4g}",
            f"one {name} for all, their mean {kept.mean():.4g}",
        )
    return float(kept.mean() if kept.min() < kept.max() else kept[0])


def _across(stages: list[_Stage]) -> list[Difference]:
    """What no single layer shows."""
    found = []
    if bool((stages[-1].graded != 1).any()):
        found.append(
            Difference(
                "the output layer",
                f"graded spikes of {stages[-1].graded.max():g}",
                "graded_spikes_factor=1",
                True,
            )
        )
    return found
