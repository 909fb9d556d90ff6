"""NIR graphs of other tools, read as a Model.

Read is a chain of Linear, Affine, Conv2d or Conv1d, then LIF, CubaLIF or IF, last perhaps LI or
CubaLI, with Flatten, Scale, Delay, SumPool2d and AvgPool2d where they fit, and loops of one Linear
or Affine within a layer (`nir_chain`, `nir_stages`, `nir_weights`). NIR's nodes are differential
equations without a time step. They are read as one forward Euler step of dt, with the voltage
shifted by v_leak (v' = v - v_leak) and in units of the threshold:

    LIF      alpha_u = 0, alpha_v = 1 - dt / tau
             w' = w (r dt / tau) / (v_threshold - v_leak)
    CubaLIF  alpha_u = 1 - dt / tau_syn, alpha_v = 1 - dt / tau_mem
             w' = w (w_in dt / tau_syn) (r dt / tau_mem) / (v_threshold - v_leak)

    IF       alpha_u = 0, alpha_v = 1;  w' = w r dt / v_threshold
    LI, CubaLI    as LIF and CubaLIF, never firing, their voltage in the tool's own units

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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from .checks import real_number, word_of
from .layers import RESETS, LayerModel
from .model import Model
from .nir_stages import Stage, read_stages

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
    # what neurons do after a spike, which NIR has no field for: a word of `layers.RESETS`; None:
    # zero, with a note
    reset: str | None = None

    def __post_init__(self) -> None:
        if self.dt is not None:
            real_number(self.dt, "dt", finite=False)
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt is {self.dt}; need a time step above 0 seconds, e.g. 1e-4")
        if self.reset is not None:
            word_of(self.reset, RESETS, "reset")
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
    stages = stages_of(graph)
    dt = foreign.dt or _implied_dt(stages)
    reset = "zero" if foreign.reset is None else foreign.reset
    layers = layers_of(stages, dt, foreign.w_in, [reset] * len(stages))
    info: dict[str, Any] = {
        "read_from": "a NIR graph of another tool",
        "nodes": list(graph.nodes),
    }
    if foreign.reset is not None:
        info["reset"] = foreign.reset
    return Model(layers=layers, steps=foreign.steps, dt=dt, encoder=foreign.encoder, info=info)


def stages_of(graph: nir.NIRGraph) -> list[Stage]:
    """Return the layers of a graph; ValueError that lists every fault."""
    problems: list[str] = []
    stages = read_stages(graph, problems)
    if problems or not stages:
        raise ValueError(
            "; ".join(problems)
            or "the graph holds no layer: need Linear or Affine, then LIF or CubaLIF"
        )
    return stages


def layers_of(
    stages: Sequence[Stage], dt: float, w_in: str | None, resets: Sequence[str]
) -> tuple[LayerModel, ...]:
    """Return the layers at a time step of dt seconds; ValueError that lists every fault."""
    problems: list[str] = []
    layers = [
        layer
        for stage, reset in zip(stages, resets, strict=True)
        if (layer := _layer(stage, dt, w_in, reset, problems))
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(layers)


def _implied_dt(stages: Sequence[Stage]) -> float:
    """Return the dt for which r = tau / dt, or, without leak, r = 1 / dt, in every neuron."""
    neurons = [stage.neurons for stage in stages]
    ratios = np.concatenate(
        [
            (1.0 if n.tau_mem is None else n.tau_mem) / np.where(n.r == 0, np.nan, n.r)
            for n in neurons
        ]
    )
    dt = float(np.median(ratios))
    longest = max((float(n.tau_mem.max()) for n in neurons if n.tau_mem is not None), default=None)
    # r = 1 everywhere would imply dt = tau, and no neuron would keep any voltage: more likely the
    # tool ignored dt.
    implied = math.isfinite(dt) and dt > 0 and np.allclose(ratios, dt, rtol=_CLOSE, atol=0)
    no_memory = longest is not None and longest < dt * 1.001 and abs(dt - 1e-4) > 1e-9
    if not implied or no_memory:
        raise ValueError(
            "NIR files hold no time step, and r does not imply it: name dt in seconds (--dt; 1e-4"
            " for SpikingJelly's and NIR's own examples, 1e-3 for Norse)"
        )
    rounded = float(f"{dt:.4g}")
    return rounded if abs(rounded - dt) < _CLOSE * dt else dt  # 1.0000003e-4 was 1e-4 once


def _layer(
    stage: Stage, dt: float, w_in: str | None, reset: str, problems: list[str]
) -> LayerModel | None:
    n = stage.neurons
    problems_before = len(problems)
    alphas_u, alphas_v, scale = np.zeros(1, np.float32), np.ones(1, np.float32), n.r * dt
    if n.tau_mem is not None:
        alphas_v = _alphas(n.name, "tau_mem", n.tau_mem, len(stage.w), dt, problems)
        scale = n.r * dt / n.tau_mem
    if n.tau_syn is not None:
        alphas_u = _alphas(n.name, "tau_syn", n.tau_syn, len(stage.w), dt, problems)
        euler = n.w_in * dt / n.tau_syn
        if w_in is None and not np.allclose(euler, 1, rtol=_CLOSE, atol=0):
            problems.append(
                f"node {n.name!r}: w_in is {n.w_in[0]:g}, and tau_syn / dt {n.tau_syn[0] / dt:g}:"
                " name its meaning (--w-in euler, as NIR's equation: a spike adds"
                f" {euler[0]:.4g} of its weight; --w-in jump, as Norse: {n.w_in[0]:g})"
            )
        scale = scale * (n.w_in if w_in == "jump" else euler)
    if not np.allclose(n.v_reset, n.v_leak, rtol=0, atol=1e-9):
        at, leak = n.v_reset[0], n.v_leak[0]
        problems.append(
            f"node {n.name!r}: v_reset is {at:g} and v_leak {leak:g}; need both equal:"
            " the neuron must reset to the voltage it leaks to"
        )
    height = n.v_threshold - n.v_leak
    if (height <= 0).any():
        problems.append(
            f"node {n.name!r}: v_threshold is {n.v_threshold.min():g}; need it above v_leak ="
            f" {n.v_leak.max():g}"
        )
    scale = np.where(np.abs(scale - 1) < _CLOSE, 1.0, scale) / np.where(height > 0, height, 1)
    rows = scale.reshape(len(stage.w), -1)
    if not (rows == rows[:, :1]).all():
        problems.append(
            f"node {n.name!r}: r, w_in or v_threshold differ between neurons of a map that share"
            " their weights; need one value per channel"
        )
    delay = None
    if stage.delay is not None:
        steps = stage.delay / dt
        delay = np.rint(steps).astype(np.int64)
        if not np.allclose(steps, delay, atol=1e-3):
            problems.append(
                f"the Delay before node {n.name!r} is {stage.delay.max():g} s; need whole time"
                f" steps of {dt:g} s"
            )
    if len(problems) > problems_before:
        return None
    row = rows[:, 0]
    try:
        return LayerModel(
            w=stage.w * row.reshape(-1, *[1] * (stage.w.ndim - 1)),
            bias=stage.bias * row,
            alpha_u=float(alphas_u[0]),
            alpha_v=float(alphas_v[0]),
            alphas_u=alphas_u if len(alphas_u) > 1 else None,
            alphas_v=alphas_v if len(alphas_v) > 1 else None,
            conv=stage.conv,
            w_rec=None if stage.w_rec is None else stage.w_rec * scale[:, None],
            reset=reset if n.fires else "zero",
            fires=n.fires,
            delay=delay,
        )
    except ValueError as err:
        problems.append(f"node {n.name!r}: {err}")
        return None


def _alphas(
    name: str, field: str, tau: np.ndarray, rows: int, dt: float, problems: list[str]
) -> np.ndarray:
    """Return the kept fractions of time constants: of all neurons, [1], or of each row of weights.

    Args:
        rows: neurons, or maps that share their weights.
    """
    if tau.min() < dt * (1 - _CLOSE):
        problems.append(
            f"node {name!r}: {field} is {tau.min():g} s, less than dt = {dt:g} s: name a smaller dt"
            f" (Norse wrote time constants of a thousandth; for those dt is {dt / 1000:g})"
        )
        return np.zeros(1, np.float32)
    each = tau[:1] if np.allclose(tau, tau[0], rtol=1e-6, atol=0) else tau.reshape(rows, -1)
    if each.ndim > 1 and not (each == each[:, :1]).all():
        problems.append(
            f"node {name!r}: {field} runs from {tau.min():g} to {tau.max():g} s within a map; need"
            f" one per layer or map, e.g. their mean {tau.mean():g}"
        )
        return np.zeros(1, np.float32)
    alphas = np.maximum(0, 1 - dt / each.reshape(len(each), -1)[:, 0]).astype(np.float32)
    return np.where(alphas < _CLOSE, np.float32(0), alphas)
