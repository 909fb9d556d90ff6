"""The start of a run from a NIR file: its sizes and constants go into the configuration, its
weights into the network.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ...interop.nir import from_nir
from ...neurons import lif_params
from ...runs.experiment import Experiment, RunConfig


def configured(run: RunConfig, path: Path, *, dt: float | None, w_in: str | None) -> RunConfig:
    """A run's configuration with hidden sizes, neuron and traces of the network in a NIR file, ours
    or another tool's.
    """
    net = from_nir(path, dt=dt, w_in=w_in)
    p, *others = constants = [lif_params(layer.neuron) for layer in net.layers]
    several = any(other != p for other in others)
    return dataclasses.replace(
        run,
        alphas_u=tuple(each.alpha_u for each in constants) if several else (),
        alphas_v=tuple(each.alpha_v for each in constants) if several else (),
        hidden=net.hidden,
        start_from=str(path),
        neuron=dataclasses.replace(
            run.neuron, alpha_u=p.alpha_u, alpha_v=p.alpha_v, alpha_a=p.alpha_a
        ),
        # A synapse remembers as long as its neuron does; see traces.trace_step.
        trace=dataclasses.replace(run.trace, alpha_x=p.alpha_u, alpha_z=p.alpha_v),
    )


def take_weights(experiment: Experiment, *, dt: float | None, w_in: str | None) -> None:
    """Put the weights of the file that the run starts from into its network; ValueError where they
    do not fit.
    """
    config, net = experiment.config, experiment.net
    given = from_nir(config.start_from, dt=dt, w_in=w_in)
    if given.sizes != net.sizes:
        sizes, wanted = "-".join(map(str, given.sizes)), "-".join(map(str, net.sizes))
        raise ValueError(
            f"{config.start_from} holds {sizes}, and the run needs {wanted}: name another data set,"
            " and leave --hidden out"
        )
    for number, (theirs, ours) in enumerate(zip(given.layers, net.layers, strict=True), start=1):
        there, here = lif_params(theirs.neuron), lif_params(ours.neuron)
        if (there.alpha_u, there.alpha_v) != (here.alpha_u, here.alpha_v):
            raise ValueError(
                f"layer {number} of {config.start_from} keeps alpha_u = {there.alpha_u:.6g},"
                f" alpha_v = {there.alpha_v:.6g}, and the run {here.alpha_u:.6g},"
                f" {here.alpha_v:.6g}: name the file with --from, which takes its constants over"
            )
    net.load_state_dict(given.state_dict())
