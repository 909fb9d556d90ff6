"""NIR graphs of other tools, read as a Model.

Read is a chain of Linear or Affine, then LIF or CubaLIF, with Flatten and Scale where they fit
(`nir_chain`). NIR's nodes are differential equations without a time step. They are read as one
forward Euler step of dt, with the voltage shifted by v_leak (v' = v - v_leak) and in units of the
threshold:

    LIF      alpha_u = 0, alpha_v = 1 - dt / tau
             w' = w (r dt / tau) / (v_threshold - v_leak)
    CubaLIF  alpha_u = 1 - dt / tau_syn, alpha_v = 1 - dt / tau_mem
             w' = w (w_in dt / tau_syn) (r dt / tau_mem) / (v_threshold - v_leak)

Known traps, each met in practice:
- No field holds the time step. r = tau / dt for every neuron implies it (snnTorch, and
  SpikingJelly's CUBALIFNode or decay_input=False, all with dt = 1e-4 s by default); where r is
  something else (SpikingJelly's and Norse's r = 1), the reader must name it.
- w_in is read two ways: as in the equation above ("euler": snnTorch and SpikingJelly write
  tau_syn / dt, and a spike counts as its weight), or as the jump of the current at a spike
  ("jump": Norse writes 1 and adds the weight itself). Where w_in is not tau_syn / dt, the reader
  must name the way.
- Parameters may be scalars or of shape [1]: they hold for every neuron of the layer.
- Norse wrote tau = dt / tau_inv for a while, a thousandth of the seconds; such a tau lies below any
  sensible dt, and the error says so.
- snnTorch's exporter writes reset by subtraction, its default, as reset to zero: such a file fires
  other spikes than its model did.
- SpikingJelly fires at v >= v_threshold, a Model at v > v_threshold: they differ only for voltages
  exactly on the threshold.
- Norse's LIFCell passes its current on one step later: the same spikes, one step later per layer.

Sources: `export_nir.py` of snntorch 1.0.0 and of norse (torch/utils); spikingjelly
`activation_based/nir_exchange`; nir 1.0.8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import nir
import numpy as np

from .checks import real_number
from .model import LayerModel, Model
from .nir_chain import Stage, read_stages

# relative; parameters are often stored in single precision, and a scale this near 1 means 1
_CLOSE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """Facts that another tool's NIR file leaves open, named by the reader."""

    steps: int  # T, time steps per sample
    encoder: str = "integrate_and_fire"  # how images become spikes
    dt: float | None = None  # seconds per step; None: only where the file implies it
    # "euler" or "jump" (see this file's docstring); None: only where both mean the same
    w_in: str | None = None

    def __post_init__(self) -> None:
        if self.dt is not None:
            real_number(self.dt, "dt", finite=False)
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt is {self.dt}; need a time step above 0 seconds, e.g. 1e-4")
        if self.w_in not in (None, "euler", "jump"):
            raise ValueError(
                f"w_in is {self.w_in!r}; known: euler (as NIR's equation), jump (the current's jump"
                " at a spike)"
            )


def from_foreign(graph: nir.NIRGraph, foreign: Foreign) -> Model:
    """Read a Model from any tool's graph; conventions in this file's docstring.

    Raises: ValueError that lists every unsupported node with its name, its kind and the nearest
        supported form.
    """
    problems: list[str] = []
    stages = read_stages(graph, problems)
    if problems or not stages:
        raise ValueError(
            "; ".join(problems)
            or "the graph holds no layer: need Linear or Affine, then LIF or CubaLIF"
        )
    dt = foreign.dt or _implied_dt(stages)
    layers = [layer for stage in stages if (layer := _layer(stage, dt, foreign.w_in, problems))]
    if problems:
        raise ValueError("; ".join(problems))
    info = {"read_from": "a NIR graph of another tool", "nodes": list(graph.nodes)}
    return Model(
        layers=tuple(layers), steps=foreign.steps, dt=dt, encoder=foreign.encoder, info=info
    )


def _implied_dt(stages: list[Stage]) -> float:
    """Return the dt for which r = tau / dt in every neuron of every layer."""
    neurons = [stage.neurons for stage in stages]
    ratios = np.concatenate([n.tau_mem / np.where(n.r == 0, np.nan, n.r) for n in neurons])
    dt = float(np.median(ratios))
    longest = max(float(n.tau_mem.max()) for n in neurons)
    # r = 1 everywhere would imply dt = tau, and no neuron would keep any voltage: more likely the
    # tool ignored dt.
    implied = math.isfinite(dt) and dt > 0 and np.allclose(ratios, dt, rtol=_CLOSE, atol=0)
    if not implied or (longest < dt * 1.001 and abs(dt - 1e-4) > 1e-9):
        raise ValueError(
            "NIR files hold no time step, and r does not imply it: name dt in seconds (--dt; 1e-4"
            " for SpikingJelly's and NIR's own examples, 1e-3 for Norse)"
        )
    rounded = float(f"{dt:.4g}")
    return rounded if abs(rounded - dt) < _CLOSE * dt else dt  # 1.0000003e-4 was 1e-4 once


def _layer(stage: Stage, dt: float, w_in: str | None, problems: list[str]) -> LayerModel | None:
    n = stage.neurons
    problems_before = len(problems)
    alpha_v = _alpha(n.name, "tau_mem", n.tau_mem, dt, problems)
    alpha_u, scale = 0.0, n.r * dt / n.tau_mem
    if n.tau_syn is not None:
        alpha_u = _alpha(n.name, "tau_syn", n.tau_syn, dt, problems)
        euler = n.w_in * dt / n.tau_syn
        if w_in is None and not np.allclose(euler, 1, rtol=_CLOSE, atol=0):
            problems.append(
                f"node {n.name!r}: w_in is {n.w_in[0]:g}, and tau_syn / dt {n.tau_syn[0] / dt:g}:"
                " name its meaning (--w-in euler, as NIR's equation: a spike adds"
                f" {euler[0]:.4g} of its weight; --w-in jump, as Norse: {n.w_in[0]:g})"
            )
        scale = scale * (n.w_in if w_in == "jump" else euler)
    if not np.allclose(n.v_reset, n.v_leak, rtol=0, atol=1e-9):
        reset, leak = n.v_reset[0], n.v_leak[0]
        problems.append(
            f"node {n.name!r}: v_reset is {reset:g} and v_leak {leak:g}; need both equal:"
            " the neuron must reset to the voltage it leaks to"
        )
    height = n.v_threshold - n.v_leak
    if (height <= 0).any():
        problems.append(
            f"node {n.name!r}: v_threshold is {n.v_threshold.min():g}; need it above v_leak ="
            f" {n.v_leak.max():g}"
        )
    if len(problems) > problems_before:
        return None
    scale = np.where(np.abs(scale - 1) < _CLOSE, 1.0, scale) / height
    return LayerModel(
        w=stage.w * scale[:, None], bias=stage.bias * scale, alpha_u=alpha_u, alpha_v=alpha_v
    )


def _alpha(name: str, field: str, tau: np.ndarray, dt: float, problems: list[str]) -> float:
    """Return the kept fraction of the time constant that all neurons of a node share."""
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
