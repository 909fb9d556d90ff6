"""Constants of each layer's neurons in a configuration: their number, their range, what they mean.

Layers may differ in their decays (`alphas_u`, `alphas_v`), and so may the neurons of one layer
(`mixed_u`, `mixed_v`).
"""

from __future__ import annotations

import dataclasses
from numbers import Real
from typing import TYPE_CHECKING, Any

from ..checks import instance_of, text_of
from ..params.neuron import AdaptiveParams, TwoCompartmentParams
from ..params.trace import TraceParams
from .words import POOLS

if TYPE_CHECKING:
    from .config import RunConfig


def layer_count(config: RunConfig) -> int:
    """Return the number of layers with synapses.

    Example:
        >>> layer_count(RunConfig(net="32c5s2-avg2-128-10"))
        3
    """
    if not config.net:
        return len(config.hidden) + 1
    return sum(not word.strip().startswith(POOLS) for word in config.net.split("-"))


# any: the model's own constants, with alpha_u and alpha_v among them
def layer_params(config: RunConfig) -> list[Any]:
    """Return the neuron's constants of each layer; [] where one set holds for all layers."""
    alphas = {
        name: values
        for name, values in (("alpha_u", config.alphas_u), ("alpha_v", config.alphas_v))
        if values
    }
    layers = range(layer_count(config) if alphas else 0)
    return [
        dataclasses.replace(config.neuron, **{name: alphas[name][layer] for name in alphas})
        for layer in layers
    ]


def check_layer_constants(config: RunConfig) -> None:
    """Raise TypeError or ValueError for decays that fit neither layers nor the rest of a run."""
    for name in ("alphas_u", "alphas_v"):
        _check_alphas(config, name)
    for name in ("mixed_u", "mixed_v"):
        _check_mixed(config, name)
    params = layer_params(config)
    # That of the first layer is what a run started --from such a network has in its file.
    if params and config.trace not in (TraceParams(), TraceParams.like(params[0])):
        raise ValueError(
            f"trace is {config.trace}, and alphas_u or alphas_v set the traces of each layer: leave"
            " one of them out"
        )
    differ = "mixed_u or mixed_v" if config.mixed_u or config.mixed_v else ""
    if differ and type(config.neuron) not in (TwoCompartmentParams, AdaptiveParams):
        raise ValueError(
            f"{differ} mixes decays of the stock neurons, and neuron_model is"
            f" {config.neuron_model!r}: leave it out"
        )
    differ = differ or ("neuron_model 'adaptive'" if config.neuron_model == "adaptive" else "")
    if differ and config.trace != TraceParams() and not params:
        raise ValueError(
            f"trace is {config.trace}, and {differ} sets the traces of each synapse: leave one of"
            " them out"
        )
    if differ and config.start_from:
        raise ValueError(
            f"start_from is {config.start_from!r}, whose neurons are two-compartment LIFs of one"
            f" kind, and {differ} asks for others: leave one of them out"
        )


def _check_alphas(config: RunConfig, name: str) -> None:
    layers, alphas = layer_count(config), getattr(config, name)
    need = f"a fraction of 0 or more, below 1, for each of {layers} layers, or none"
    for alpha in alphas:
        instance_of(alpha, Real, name, need)
    if len(alphas) not in (0, layers) or not all(0 <= alpha < 1 for alpha in alphas):
        raise ValueError(f"{name} is {text_of(alphas)}; need {need}")
    constants = {constant.name for constant in dataclasses.fields(config.neuron)}
    if alphas and not {"alpha_u", "alpha_v"} <= constants:
        raise ValueError(
            f"{name} is {alphas}, and neuron_model {config.neuron_model!r} has no alpha_u and"
            f" alpha_v: leave {name} out"
        )


def _check_mixed(config: RunConfig, name: str) -> None:
    bounds = getattr(config, name)
    need = "two fractions kept per step, 0 < first <= second < 1, e.g. 0.8 0.98, or none"
    for alpha in bounds:
        instance_of(alpha, Real, name, need)
    if bounds and not (len(bounds) == 2 and 0 < bounds[0] <= bounds[1] < 1):
        raise ValueError(f"{name} is {text_of(bounds)}; need {need}")
