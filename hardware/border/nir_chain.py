"""The chain of layers in a NIR graph of any tool: weights and neurons, not yet a time step.

Every reader here adds the faults it meets to `problems`, one text per fault, and goes on, so that
one message can name them all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import nir
import numpy as np

# kind of an unsupported node -> nearest supported form
_NEAREST = {
    "Conv1d": "Affine on the flattened input",
    "Conv2d": "Affine on the flattened input",
    "SumPool2d": "none; pool the images before they are encoded",
    "AvgPool2d": "none; pool the images before they are encoded",
    "IF": "LIF with a tau far above the sample's length",
    "I": "LIF",
    "LI": "LIF; the answer is read from spike counts",
    "CubaLI": "CubaLIF; the answer is read from spike counts",
    "Threshold": "LIF",
    "Delay": "none",
    "NIRGraph": "its nodes in one flat chain, without recurrent edges",
}


class Neurons(NamedTuple):
    """Parameters of one LIF or CubaLIF node, each float64 [n]; seconds and the tool's units."""

    name: str
    tau_mem: np.ndarray
    tau_syn: np.ndarray | None
    r: np.ndarray
    w_in: np.ndarray
    v_leak: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray


class Stage(NamedTuple):
    """One layer, as the graph holds it."""

    w: np.ndarray  # float64 [out, in]
    bias: np.ndarray  # float64 [out]
    neurons: Neurons


def read_stages(graph: nir.NIRGraph, problems: list[str]) -> list[Stage]:
    """Return the layers along the chain from input to output."""
    stages: list[Stage] = []
    w: np.ndarray | None = None  # of the layer being assembled
    bias = np.zeros(1)
    before: np.ndarray | None = None  # factor of a Scale ahead of the next weights
    for name in _chain(graph, problems):
        node = graph.nodes[name]
        kind = type(node).__name__
        if isinstance(node, (nir.Input, nir.Output, nir.Flatten)):
            continue
        if isinstance(node, (nir.Linear, nir.Affine)):
            if w is not None:
                problems.append(
                    f"node {name!r} ({kind}) follows other weights: multiply the two, or put a LIF"
                    " between them"
                )
            w, bias = _weights(name, node, before, problems)
            before = None
        elif isinstance(node, nir.Scale):
            scale = np.asarray(node.scale, dtype=np.float64).reshape(-1)
            if w is None:
                before = scale if before is None else before * scale
            elif scale.size in (1, len(w)):
                w, bias = w * scale[:, None], bias * scale
            else:
                problems.append(
                    f"node {name!r} (Scale) has {scale.size} values for {len(w)} neurons: need 1 or"
                    " one each"
                )
        elif isinstance(node, (nir.LIF, nir.CubaLIF)):
            if w is None or before is not None:
                problems.append(
                    f"node {name!r} ({kind}) has no weights before it: put a Linear or Affine there"
                )
                continue
            neurons = _neurons(name, node, len(w), problems)
            stages += [Stage(w, bias, neurons)] if neurons else []
            w = None
        else:
            problems.append(
                f"node {name!r} is a {kind}, which is not read; nearest:"
                f" {_NEAREST.get(kind, 'Affine, then LIF or CubaLIF')}"
            )
            w = None
    if (w is not None or before is not None) and not problems:
        problems.append(
            "the graph ends without spiking neurons: put a LIF or CubaLIF before its output"
        )
    return stages


def _chain(graph: nir.NIRGraph, problems: list[str]) -> list[str]:
    """Return the names of the nodes from input to output, or of all nodes if they are no chain."""
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    indegree = dict.fromkeys(graph.nodes, 0)
    for source, target in dict.fromkeys((str(a), str(b)) for a, b in graph.edges):
        if source not in after or target not in after:
            problems.append(f"the edge {source} -> {target} names a node that does not exist")
            continue
        after[source].append(target)
        indegree[target] += 1
    for name in graph.nodes:
        if len(after[name]) > 1 or indegree[name] > 1:
            edges = ", ".join(
                f"{a} -> {b}" for a, targets in after.items() for b in targets if name in (a, b)
            )
            problems.append(
                f"node {name!r} branches or has feedback ({edges}): recurrent and branching nets"
                " are not read; need a chain"
            )
    starts = [name for name in graph.nodes if not indegree[name]]
    if len(starts) != 1 and not problems:
        problems.append(
            f"the graph has {len(starts)} beginnings ({', '.join(starts) or 'it is a circle'});"
            " need one chain from one Input"
        )
    chain = starts[:1]
    while chain and after[chain[-1]] and len(chain) <= len(after):
        chain.append(after[chain[-1]][0])
    if len(chain) < len(graph.nodes) and not problems:
        left_out = ", ".join(name for name in graph.nodes if name not in chain)
        problems.append(
            f"nodes {left_out} are not on the chain from the input: connect them, or leave them out"
        )
    # Where the chain is broken, all nodes are still read, so that one message names every fault.
    return chain if not problems else list(graph.nodes)


def _weights(
    name: str, node: Any, before: np.ndarray | None, problems: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    w = np.asarray(node.weight, dtype=np.float64)
    if w.ndim != 2 or 0 in w.shape:
        problems.append(
            f"node {name!r} has weights of shape {w.shape}; need [out, in], none of them 0"
        )
        return np.zeros((1, 1)), np.zeros(1)
    if before is not None and before.size not in (1, w.shape[1]):
        problems.append(
            f"the Scale before node {name!r} has {before.size} values for {w.shape[1]} inputs: need"
            " 1 or one each"
        )
        before = None
    bias = (
        np.asarray(node.bias, dtype=np.float64).reshape(-1)
        if isinstance(node, nir.Affine)
        else np.zeros(1)
    )
    if bias.size not in (1, len(w)):
        problems.append(f"node {name!r} has {bias.size} biases for {len(w)} neurons: need one each")
        bias = np.zeros(1)
    return w if before is None else w * before, np.broadcast_to(bias, len(w))


def _neurons(name: str, node: Any, size: int, problems: list[str]) -> Neurons | None:
    """Return a node's parameters per neuron, scalars broadcast; None where they do not fit."""
    cuba = isinstance(node, nir.CubaLIF)
    values: dict[str, np.ndarray] = {}
    for parameter, field in (
        ("tau_mem", "tau_mem" if cuba else "tau"),
        *((("tau_syn", "tau_syn"), ("w_in", "w_in")) if cuba else ()),
        *((shared, shared) for shared in ("r", "v_leak", "v_threshold", "v_reset")),
    ):
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
    for tau in ("tau_mem", "tau_syn") if cuba else ("tau_mem",):
        if (values[tau] <= 0).any():
            problems.append(
                f"node {name!r}: {tau} is {values[tau].min():g} s; need time constants above 0"
            )
            return None
    return Neurons(
        name=name,
        **({"tau_syn": None, "w_in": np.ones(size)} | values),  # type: ignore[arg-type]  # mypy cannot see the keys
    )
