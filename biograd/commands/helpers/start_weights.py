"""Start a run from a NIR file: take its sizes and constants into the configuration, its weights
into the network.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hardware.border.layers import expect_plain

from ...interop.nir import read_foreign, to_network
from ...neurons import TwoCompartmentParams, lif_params
from ...runs.config import RunConfig
from ...runs.experiment import Experiment


def configured(run: RunConfig, path: Path, *, dt: float | None, w_in: str | None) -> RunConfig:
    """Return the configuration with hidden sizes, neuron and traces of a NIR file's network."""
    if type(run.neuron) is not TwoCompartmentParams:
        raise ValueError(
            f"neuron_model is {run.neuron_model!r}, and --from takes constants of the"
            " two-compartment LIF over: leave one of them out"
        )
    model = read_foreign(path, dt=dt, w_in=w_in)
    remedy = "train it on in Python (bg.from_nir)"
    expect_plain(model.layers, f"--from {path}", remedy)
    net = to_network(model)
    params = [lif_params(layer.neuron) for layer in net.layers]
    p = params[0]
    differ = any(other != p for other in params)
    return dataclasses.replace(
        run,
        alphas_u=tuple(layer.alpha_u for layer in params) if differ else (),
        alphas_v=tuple(layer.alpha_v for layer in params) if differ else (),
        hidden=net.hidden,
        start_from=str(path),
        neuron=dataclasses.replace(
            run.neuron, alpha_u=p.alpha_u, alpha_v=p.alpha_v, alpha_a=p.alpha_a
        ),
        # A synapse remembers as long as its neuron does; see traces.trace_step.
        trace=dataclasses.replace(run.trace, alpha_x=p.alpha_u, alpha_z=p.alpha_v),
    )


def take_weights(experiment: Experiment, *, dt: float | None, w_in: str | None) -> tuple[str, ...]:
    """Copy the weights of the file that the run starts from into its network.

    Returns: notes on what another tool's file leaves open, one line each.
    Raises: ValueError where sizes or constants of the two differ.
    """
    config, net = experiment.config, experiment.net
    model = read_foreign(config.start_from, dt=dt, w_in=w_in)
    source = to_network(model)
    if source.sizes != net.sizes:
        sizes, needed = "-".join(map(str, source.sizes)), "-".join(map(str, net.sizes))
        raise ValueError(
            f"{config.start_from} holds {sizes}, and the run needs {needed}: name another data set,"
            " and leave --hidden out"
        )
    pairs = zip(source.layers, net.layers, strict=True)
    for number, (source_layer, layer) in enumerate(pairs, start=1):
        p, wanted = lif_params(source_layer.neuron), lif_params(layer.neuron)
        if (p.alpha_u, p.alpha_v) != (wanted.alpha_u, wanted.alpha_v):
            raise ValueError(
                f"layer {number} of {config.start_from} keeps alpha_u = {p.alpha_u:.6g},"
                f" alpha_v = {p.alpha_v:.6g}, and the run {wanted.alpha_u:.6g},"
                f" {wanted.alpha_v:.6g}: name the file with --from, which takes its constants over"
            )
    net.load_state_dict(source.state_dict())
    return model.notes
