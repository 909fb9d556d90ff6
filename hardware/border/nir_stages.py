"""The layers along a NIR graph's chain: weights, pools and neurons, not yet a time step."""

from __future__ import annotations

from typing import Any, NamedTuple

import nir
import numpy as np

from . import nir_weights
from .nir_chain import SPIKING, WEIGHTS, chain_and_loops, flattened
from .shapes import Convolution

READOUTS = (nir.LI, nir.CubaLI)
# kind of an unsupported node -> nearest supported form
_NEAREST = {
    "I": "LI, or IF",
    "Threshold": "LIF",
    "NIRGraph": "its nodes in one flat chain",
    "Sequence": "its nodes in one flat chain",
}


class Neurons(NamedTuple):
    """Parameters of one node of neurons, each float64 [n]; seconds and the tool's units."""

    name: str
    tau_mem: np.ndarray | None  # None: no leak
    tau_syn: np.ndarray | None
    r: np.ndarray
    w_in: np.ndarray
    v_leak: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray
    fires: bool


class Stage(NamedTuple):
    """One layer, as the graph holds it."""

    w: np.ndarray  # float64 [out, in], or the kernels of `conv`
    bias: np.ndarray  # float64 [out] or [channels]
    neurons: Neurons
    conv: Convolution | None = None
    w_rec: np.ndarray | None = None  # float64 [out, out]
    delay: np.ndarray | None = None  # float64 [in], seconds


def read_stages(graph: nir.NIRGraph, problems: list[str]) -> list[Stage]:
    """Return the layers along the chain from input to output."""
    graph = flattened(graph, problems)
    chain, loops = chain_and_loops(graph, problems)
    stages: list[Stage] = []
    reader = nir_weights.Reader(problems)
    for name in chain:
        node = graph.nodes[name]
        if isinstance(node, (nir.Input, nir.Output, nir.Flatten)):
            reader.shape_is(node)
        elif isinstance(node, (*WEIGHTS, nir.Conv2d, nir.Conv1d)):
            reader.weights(name, node)
        elif isinstance(node, (nir.SumPool2d, nir.AvgPool2d)):
            reader.pool(name, node)
        elif isinstance(node, nir.Scale):
            reader.scale(name, node)
        elif isinstance(node, nir.Delay):
            reader.delay(name, node)
        elif isinstance(node, (*SPIKING, *READOUTS)):
            stage = _stage(name, node, reader, [graph.nodes[n] for n in loops.get(name, [])])
            stages += [] if stage is None else [stage]
        else:
            kind = type(node).__name__
            problems.append(
                f"node {name!r} is a {kind}, which is not read; nearest:"
                f" {_NEAREST.get(kind, 'Affine, then LIF or CubaLIF')}"
            )
            reader.start()
    if reader.is_open and not problems:
        problems.append(
            "the graph ends without spiking neurons or a readout: put a LIF, CubaLIF, IF, LI or"
            " CubaLI before its output"
        )
    for stage in stages[:-1]:
        if not stage.neurons.fires:
            problems.append(
                f"node {stage.neurons.name!r} does not fire, and layers follow: only the last layer"
                " can be a readout"
            )
    return stages


# any, here and below: nir is untyped
def _stage(name: str, node: Any, reader: nir_weights.Reader, loops: list[Any]) -> Stage | None:
    problems = reader.problems
    synapses = reader.finish(name, type(node).__name__)
    if synapses is None:
        return None
    size = len(synapses.w) if synapses.conv is None else synapses.conv.outputs
    neurons = _neurons(name, node, size, problems)
    if neurons is None:
        return None
    w_rec = None
    for loop in loops:
        w = np.asarray(loop.weight, dtype=np.float64)
        bias = np.asarray(getattr(loop, "bias", 0.0), dtype=np.float64).reshape(-1)
        if w.shape != (size, size) or bias.size not in (1, size):
            problems.append(
                f"the loop of node {name!r} has weights of shape {w.shape}; need ({size}, {size})"
            )
            return None
        w_rec = w if w_rec is None else w_rec + w
        synapses = synapses._replace(bias=synapses.bias + bias)
    return Stage(
        synapses.w, synapses.bias, neurons, synapses.conv, w_rec=w_rec, delay=synapses.delay
    )


def _neurons(name: str, node: Any, size: int, problems: list[str]) -> Neurons | None:
    """Return a node's parameters per neuron, scalars broadcast; None where they do not fit."""
    cuba = isinstance(node, (nir.CubaLIF, nir.CubaLI))
    fires, leaks = isinstance(node, SPIKING), not isinstance(node, nir.IF)
    fields = {"tau_mem": "tau_mem" if cuba else "tau", "v_leak": "v_leak"} if leaks else {}
    fields["r"] = "r"
    if cuba:
        fields |= {"tau_syn": "tau_syn", "w_in": "w_in"}
    if fires:
        fields |= {"v_threshold": "v_threshold", "v_reset": "v_reset"}
    values: dict[str, np.ndarray] = {}
    for parameter, field in fields.items():
        value = np.asarray(getattr(node, field), dtype=np.float64).reshape(-1)
        if value.size not in (1, size):
            problems.append(
                f"node {name!r}: {field} has {value.size} values for {size} neurons; need 1 or one"
                " each"
            )
            return None
        if not np.isfinite(value).all():
            problems.append(f"node {name!r}: {field} holds values that are not finite")
            return None
        values[parameter] = np.broadcast_to(value, size)
    for tau in ("tau_mem", "tau_syn"):
        if tau in values and (values[tau] <= 0).any():
            problems.append(
                f"node {name!r}: {tau} is {values[tau].min():g} s; need time constants above 0"
            )
            return None
    zeros, ones = np.zeros(size), np.ones(size)
    leak = values.get("v_leak", zeros)
    return Neurons(
        name=name,
        tau_mem=values.get("tau_mem"),
        tau_syn=values.get("tau_syn"),
        r=values["r"],
        w_in=values.get("w_in", ones),
        v_leak=leak,
        v_threshold=values.get("v_threshold", leak + 1),
        v_reset=values.get("v_reset", leak),
        fires=fires,
    )
