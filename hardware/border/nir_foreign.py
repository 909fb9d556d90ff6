"""NIR graphs of other tools as a Model: a chain of Linear or Affine, then LIF or CubaLIF, with
Flatten and Scale where they fit.

NIR's nodes are differential equations without a time step. They are read as one forward Euler step
of dt, with a shift of the voltage by v_leak (v' = v - v_leak) and in units of the threshold:

    LIF      alpha_u = 0,               alpha_v = 1 - dt / tau,      w' = w (r dt / tau) / (v_threshold - v_leak)
    CubaLIF  alpha_u = 1 - dt / tau_syn, alpha_v = 1 - dt / tau_mem, w' = w (w_in dt / tau_syn) (r dt / tau_mem) / (v_threshold - v_leak)

Known traps, each met here:
- The time step stands nowhere. r = tau / dt for every neuron betrays it (snnTorch, and
SpikingJelly's CUBALIFNode or decay_input=False, all
  with dt = 1e-4 s unless told otherwise); where r is something else (SpikingJelly's and Norse's r =
  1), the reader must name it.
- w_in is read two ways: as in the equation above ("euler": snnTorch and SpikingJelly write tau_syn
/ dt, and a spike counts as its weight),
  or as the jump of the current at a spike ("jump": Norse writes 1 and adds the weight itself).
  Where tau_syn / dt is not what stands there, the reader must name the way.
- Parameters may be scalars or of shape [1]: they hold for every neuron of the layer.
- Norse wrote tau = dt / tau_inv for a while, a thousandth of the seconds; such a tau lies below any
sensible dt, and the error says so.
- snnTorch's exporter writes reset by subtraction, its default, as reset to zero: such a file fires
other spikes than its model did.
- SpikingJelly fires at v >= v_threshold, all here at v > v_threshold: the same but for voltages on
the threshold exactly.
- Norse's LIFCell hands its current on one step later: the same spikes, one step later a layer.

Sources: `export_nir.py` of snntorch 1.0.0 and of norse (torch/utils); spikingjelly
`activation_based/nir_exchange`; nir 1.0.8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import nir
import numpy as np

from .model import LayerModel, Model

# relative; parameters are often stored in single precision, and a scale this near 1 is meant to be
# 1
_CLOSE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """What another tool's NIR file leaves open, named by its reader."""

    steps: int  # time steps a sample is shown, T
    encoder: str = "integrate_and_fire"  # how images become spikes
    dt: float | None = None  # seconds per step; None: found out where the file betrays it
    # "euler" or "jump" (see this file's docstring); None: only where both mean the same
    w_in: str | None = None

    def __post_init__(self) -> None:
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt is {self.dt}; need a time step above 0 seconds, e.g. 1e-4")
        if self.w_in not in (None, "euler", "jump"):
            raise ValueError(
                f"w_in is {self.w_in!r}; known: euler (as NIR's equation), jump (the current's jump"
                " at a spike)"
            )


class _Neurons(NamedTuple):
    """Parameters of one LIF or CubaLIF node, each float64 [n]."""

    name: str
    tau_mem: np.ndarray
    tau_syn: np.ndarray | None
    r: np.ndarray
    w_in: np.ndarray
    v_leak: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray


class _Stage(NamedTuple):
    """One layer as the graph has it."""

    w: np.ndarray  # float64 [out, in]
    bias: np.ndarray  # float64 [out]
    neurons: _Neurons


def from_foreign(graph: nir.NIRGraph, foreign: Foreign) -> Model:
    """Read a Model from any tool's graph; conventions in this file's docstring.

    Raises: ValueError that lists every node which is not read, with its name, its kind and the
    nearest form that is.
    """
    problems: list[str] = []
    stages = _stages(graph, problems)
    if problems or not stages:
        raise ValueError(
            "; ".join(problems)
            or "the graph holds no layer: need Linear or Affine, then LIF or CubaLIF"
        )
    dt = foreign.dt or _betrayed_dt(stages)
    layers = [layer for stage in stages if (layer := _layer(stage, dt, foreign.w_in, problems))]
    if problems:
        raise ValueError("; ".join(problems))
    info = {"read_from": "a NIR graph of another tool", "nodes": list(graph.nodes)}
    return Model(
        layers=tuple(layers), steps=foreign.steps, dt=dt, encoder=foreign.encoder, info=info
    )


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


def _stages(graph: nir.NIRGraph, problems: list[str]) -> list[_Stage]:
    """The layers along the chain from input to output."""
    stages: list[_Stage] = []
    w: np.ndarray | None = None  # of the layer being put together
    bias = np.zeros(1)
    before: np.ndarray | None = None  # a Scale ahead of the next weights
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
            stages += [_Stage(w, bias, neurons)] if neurons else []
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
    """Names of the nodes from the input to the output; what is no plain chain goes into `problems`."""
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    indegree = dict.fromkeys(graph.nodes, 0)
    for source, target in dict.fromkeys((str(a), str(b)) for a, b in graph.edges):
        if source not in after or target not in after:
            problems.append(f"the edge {source} -> {target} names a node that is not there")
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
    # Where the chain is broken, every node is still looked at, so that one message names all that
    # is not read.
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


def _neurons(name: str, node: Any, size: int, problems: list[str]) -> _Neurons | None:
    """A node's parameters for each neuron, scalars spread; None where they do not fit."""
    cuba = isinstance(node, nir.CubaLIF)
    values: dict[str, np.ndarray] = {}
    for ours, theirs in (
        ("tau_mem", "tau_mem" if cuba else "tau"),
        *((("tau_syn", "tau_syn"), ("w_in", "w_in")) if cuba else ()),
        *((field, field) for field in ("r", "v_leak", "v_threshold", "v_reset")),
    ):
        value = np.asarray(getattr(node, theirs), dtype=np.float64).reshape(-1)
        if value.size not in (1, size):
            problems.append(
                f"node {name!r}: {theirs} has {value.size} values for {size} neurons; need 1 or one"
                " each"
            )
            return None
        if not np.isfinite(value).all():
            problems.append(f"node {name!r}: {theirs} holds values that are not finite")
            return None
        values[ours] = np.broadcast_to(value, size)
    for tau in ("tau_mem", "tau_syn") if cuba else ("tau_mem",):
        if (values[tau] <= 0).any():
            problems.append(
                f"node {name!r}: {tau} is {values[tau].min():g} s; need time constants above 0"
            )
            return None
    return _Neurons(
        name=name,
        **({"tau_syn": None, "w_in": np.ones(size)} | values),  # type: ignore[arg-type]  # mypy cannot see the keys
    )


def _betrayed_dt(stages: list[_Stage]) -> float:
    """The dt for which r = tau / dt in every neuron of every layer."""
    ratios = np.concatenate(
        [
            stage.neurons.tau_mem / np.where(stage.neurons.r == 0, np.nan, stage.neurons.r)
            for stage in stages
        ]
    )
    dt = float(np.median(ratios))
    longest = max(float(stage.neurons.tau_mem.max()) for stage in stages)
    # r = 1 everywhere would make dt = tau and every neuron forgetful: more likely nobody thought of
    # dt.
    told = math.isfinite(dt) and dt > 0 and np.allclose(ratios, dt, rtol=_CLOSE, atol=0)
    if not told or (longest < dt * 1.001 and abs(dt - 1e-4) > 1e-9):
        raise ValueError(
            "NIR files hold no time step, and r does not betray it: name dt in seconds (--dt; 1e-4"
            " for SpikingJelly's and NIR's own examples, 1e-3 for Norse)"
        )
    rounded = float(f"{dt:.4g}")
    return rounded if abs(rounded - dt) < _CLOSE * dt else dt  # 1.0000003e-4 was 1e-4 once


def _layer(stage: _Stage, dt: float, w_in: str | None, problems: list[str]) -> LayerModel | None:
    n = stage.neurons
    found = len(problems)
    alpha_v = _alpha(n.name, "tau_mem", n.tau_mem, dt, problems)
    alpha_u, scale = 0.0, n.r * dt / n.tau_mem
    if n.tau_syn is not None:
        alpha_u = _alpha(n.name, "tau_syn", n.tau_syn, dt, problems)
        euler = n.w_in * dt / n.tau_syn
        if w_in is None and not np.allclose(euler, 1, rtol=_CLOSE, atol=0):
            problems.append(
                f"node {n.name!r}: w_in is {n.w_in[0]:g}, and tau_syn / dt {n.tau_syn[0] / dt:g}:"
                " name how it is meant (--w-in euler, as NIR's equation: a spike adds"
                f" {euler[0]:.4g} of its weight; --w-in jump, as Norse: {n.w_in[0]:g})"
            )
        scale = scale * (n.w_in if w_in == "jump" else euler)
    if not np.allclose(n.v_reset, n.v_leak, rtol=0, atol=1e-9):
        reset, leak = n.v_reset[0], n.v_leak[0]
        problems.append(
            f"node {n.name!r}: v_reset is {reset:g} and v_leak {leak:g}; need both the same, the"
            " neuron resets to where it leaks"
        )
    height = n.v_threshold - n.v_leak
    if (height <= 0).any():
        problems.append(
            f"node {n.name!r}: v_threshold is {n.v_threshold.min():g}; need it above v_leak ="
            f" {n.v_leak.max():g}"
        )
    if len(problems) > found:
        return None
    scale = np.where(np.abs(scale - 1) < _CLOSE, 1.0, scale) / height
    return LayerModel(
        w=stage.w * scale[:, None], bias=stage.bias * scale, alpha_u=alpha_u, alpha_v=alpha_v
    )


def _alpha(name: str, field: str, tau: np.ndarray, dt: float, problems: list[str]) -> float:
    """Kept fraction of the one time constant that all neurons of a node share."""
    if not np.allclose(tau, tau[0], rtol=1e-6, atol=0):
        low, high, mean = tau.min(), tau.max(), tau.mean()
        problems.append(
            f"node {name!r}: {field} runs from {low:g} to {high:g} s; need one per layer, e.g."
            f" their mean {mean:g}"
        )
    elif tau[0] < dt * (1 - _CLOSE):
        problems.append(
            f"node {name!r}: {field} is {tau[0]:g} s, less than dt = {dt:g} s: name a smaller dt "
            f"(Norse wrote time constants of a thousandth; for those dt is {dt / 1000:g})"
        )
    else:
        alpha = float(np.float32(max(0.0, 1 - dt / float(tau[0]))))
        return 0.0 if alpha < _CLOSE else alpha
    return 0.0
