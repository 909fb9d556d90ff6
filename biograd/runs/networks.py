"""From a configuration to its network: layers, neurons, feedback and rules."""

from __future__ import annotations

import dataclasses

import torch

from ..connections import Conv2d, stages_of
from ..data.datasets import DataSet
from ..feedback import FEEDBACK, Feedback
from ..learning.rules_of import like_neuron
from ..network import Network
from ..neurons import (
    NEURONS,
    AdaptiveLIF,
    AdaptiveParams,
    LeakyReadout,
    MixedLIF,
    Neuron,
    TwoCompartmentParams,
    mixed_decays,
)
from ..rules import RULES, Eligibility, Rule
from ..traces import TraceParams
from .config import RunConfig
from .layer_constants import layer_count, layer_params


def build_network(
    config: RunConfig, samples: DataSet, generator: torch.Generator
) -> tuple[Network, Feedback]:
    """Return an untrained network for these samples and its feedback, drawn from `generator`."""
    net = built_network(
        config,
        samples.shape if config.net else (samples.inputs, *config.hidden, samples.classes),
        generator,
    )
    if net.classes != samples.classes:
        raise ValueError(
            f"net {config.net!r} ends in {net.classes} neurons; {config.dataset} has"
            f" {samples.classes} classes: end it in -{samples.classes}"
        )
    return net, FEEDBACK[config.feedback](net, generator=generator)


def built_network(config: RunConfig, sizes: tuple[int, ...], generator: torch.Generator) -> Network:
    """Return the untrained network of a configuration.

    Args:
        sizes: of all populations; of the input alone, e.g. (1, 28, 28), where `config.net` names
            the layers.
    """
    return Network(
        sizes,
        config.net or None,
        neuron=_neurons(config, sizes),
        output=_output(config),
        recurrent=config.recurrent,
        delays=config.delays or 0,
        generator=generator,
    ).to(config.device)


def _neurons(config: RunConfig, sizes: tuple[int, ...]) -> Neuron | list[Neuron]:
    """Return the neuron of all layers, or of each."""
    model, params = NEURONS[config.neuron_model], layer_params(config)
    if not (config.mixed_u or config.mixed_v):
        return [model(p) for p in params] or model(config.neuron)
    params = params or [config.neuron] * layer_count(config)
    mixed: list[Neuron] = []
    for p, count in zip(params[:-1], _populations(config, sizes)[:-1], strict=True):
        alphas = {
            name: mixed_decays(count, *bounds)
            for name, bounds in (("alphas_u", config.mixed_u), ("alphas_v", config.mixed_v))
            if bounds
        }
        adaptive = isinstance(p, AdaptiveParams)
        mixed.append(AdaptiveLIF(p, **alphas) if adaptive else MixedLIF(p, **alphas))
    return [*mixed, model(params[-1])]


def _populations(config: RunConfig, sizes: tuple[int, ...]) -> list[int]:
    """Return the neurons of each layer, or its maps."""
    if not config.net:
        return list(sizes[1:])
    connections = [stage.connection for stage in stages_of(config.net)]
    return [c.channels if isinstance(c, Conv2d) else c.out_shape(())[0] for c in connections]


def _output(config: RunConfig) -> Neuron | None:
    """Return the neuron of the last layer, where it is another one than the hidden layers'."""
    if config.output == "spiking":
        return None
    params = layer_params(config)
    p = params[-1] if params else config.neuron
    if isinstance(p, TwoCompartmentParams):  # constants of spikes alone have no meaning there
        shared = dataclasses.fields(TwoCompartmentParams)
        p = TwoCompartmentParams(**{field.name: getattr(p, field.name) for field in shared})
    return LeakyReadout(p)


def rules(config: RunConfig, net: Network) -> list[Rule]:
    """Return the local rule of each layer.

    Traces are `config.trace`, or decay as the neurons do where each layer has its own decays; those
    of each synapse where neurons differ within a layer, or adapt (`per_synapse`).
    """
    kind, params = RULES[config.rule], layer_params(config)
    traces = [TraceParams.like(p) for p in params] or [config.trace] * layer_count(config)
    one = {trace: kind.for_layer(trace) for trace in traces}
    return [
        like_neuron(layer.neuron)
        if kind is Eligibility and isinstance(layer.neuron, MixedLIF | AdaptiveLIF)
        else one[trace]
        for layer, trace in zip(net.layers, traces, strict=True)
    ]
