"""One time step of Loihi's inference in eight named calls, in integers: the emulator's reference.

Tests alone run `run_reference`, and hold the fast path (`emulator.run`) equal to it. Single calls,
e.g. `decay`, are also part of the neurons that learn (`learning.neurons`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from . import chip, limits
from .border.model import RunResult, SpikeInput
from .convolution.currents import currents, delayed
from .emulator import check_spikes, count_operations
from .fixed_point import FixedPointLayer, FixedPointModel


@dataclass(frozen=True)
class State:
    """Current and voltage of one layer, int64 [B, N], in chip units, and its spikes, uint8."""

    u: np.ndarray
    v: np.ndarray
    s: np.ndarray


def run_reference(fixed: FixedPointModel, spikes: SpikeInput) -> RunResult:
    """Run all samples step by step through `step`, recording everything; slow and short."""
    check_spikes(fixed, spikes)
    if spikes.lengths is not None:
        raise ValueError(
            "the spikes have lengths of their own, and the reference runs samples of one length:"
            " pass those of one length at a time"
        )
    fits = limits.check(fixed).layers
    start = time.perf_counter()
    steps, samples, _ = spikes.spikes.shape
    s, us, vs, ss = spikes.spikes, [], [], []
    sent, reached = [s.sum(axis=(0, 1), dtype=np.int64)], []
    for layer in fixed.layers:
        zeros = np.zeros((samples, layer.neurons), dtype=np.int64)
        state, arriving = State(zeros, zeros, zeros.astype(np.uint8)), delayed(s, layer.delay)
        trace, seen = [], []
        for t in range(steps):
            seen.append(_reached(layer, arriving[t], state.s))
            state = step(layer, state, arriving[t])
            trace.append(state)
        reached.append(sum(seen))
        us.append(np.stack([state.u for state in trace]).astype(np.int32))
        vs.append(np.stack([state.v for state in trace]).astype(np.int32))
        ss.append(s := np.stack([state.s for state in trace]))
        sent.append(s.sum(axis=(0, 1), dtype=np.int64))
    operations = count_operations(
        fixed, fits, sent, np.array(reached), samples=samples, ticks=samples * steps
    )
    seconds = time.perf_counter() - start
    return RunResult(
        counts=s.sum(axis=0) if layer.fires else vs[-1].sum(axis=0, dtype=np.int64),
        target="emulator",
        seconds=seconds,
        operations=operations,
        u=tuple(us),
        v=tuple(vs),
        s=tuple(ss),
    )


def step(layer: FixedPointLayer, state: State, s_pre: np.ndarray) -> State:
    """Advance one layer by one time step.

    Args:
        state: after the last step.
        s_pre: spikes that arrive, uint8 [B, in].
    """
    accumulated = accumulate_synapses(layer, s_pre, state.s)
    activation = apply_weight_exponent(accumulated, layer.weight_exp)
    lost_u, lost_v = layer.lost()
    u = add_activation(decay(state.u, lost_u), activation)
    u = wrap_current(u)
    v = integrate_voltage(decay(state.v, lost_v), u)
    v = v + add_bias(layer)
    if layer.reset == "subtract_late":
        v = subtract_threshold(v, state.s, layer.vth)
    v = saturate_voltage(v)
    s = fire(v, layer.vth) if layer.fires else np.zeros_like(v, dtype=np.uint8)
    if layer.reset == "zero":
        v = reset_voltage(v, s)
    elif layer.reset == "subtract":
        v = subtract_threshold(v, s, layer.vth)
    return State(u, v, s)


def accumulate_synapses(layer: FixedPointLayer, s_pre: np.ndarray, s_own: np.ndarray) -> np.ndarray:
    """Add the weights of all axons that spiked, and of all bias axons; int64 [B, out].

    Args:
        s_own: the layer's own spikes of the step before, which recurrent synapses send.
    """
    total = currents(layer.w.astype(np.int64), layer.conv, s_pre, average=False) + layer.bias()
    if layer.w_rec is not None:
        total = total + s_own.astype(np.int64) @ layer.w_rec.T.astype(np.int64)
    return total


def apply_weight_exponent(accumulated: np.ndarray, weight_exp: int) -> np.ndarray:
    """Shift left for a positive exponent, right (rounding down) for a negative one."""
    return accumulated << weight_exp if weight_exp > 0 else accumulated >> -weight_exp


def decay(x: np.ndarray, lost: int | np.ndarray) -> np.ndarray:
    """Keep (4096 - lost) / 4096 of x, rounding its magnitude down."""
    return np.sign(x) * ((np.abs(x) * (chip.DECAY_UNITY - lost)) >> 12)


def add_activation(u: np.ndarray, activation: np.ndarray) -> np.ndarray:
    """Add the activation, aligned with the 24-bit state by a shift of 6."""
    return u + (activation << chip.INPUT_SHIFT)


def wrap_current(u: np.ndarray) -> np.ndarray:
    """Wrap once into -2^23 < u <= 2^23, as the chip's adder does."""
    u = np.where(u > chip.MAX_STATE, u - 2 * chip.MAX_STATE, u)
    return np.where(u <= -chip.MAX_STATE, u + 2 * chip.MAX_STATE, u)


def integrate_voltage(v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Add the current of this step to the decayed voltage."""
    return v + u


def saturate_voltage(v: np.ndarray) -> np.ndarray:
    """Clip to +-(2^23 - 1)."""
    return np.clip(v, 1 - chip.MAX_STATE, chip.MAX_STATE - 1)


def fire(v: np.ndarray, vth: int) -> np.ndarray:
    """Spike where v lies strictly above the threshold, uint8."""
    return (v > vth << chip.INPUT_SHIFT).astype(np.uint8)


def add_bias(layer: FixedPointLayer) -> np.ndarray:
    """Return what biases of the neurons' own add to v, int64 [out]; most layers have none."""
    if layer.bias_mant is None:
        return np.zeros(layer.neurons, dtype=np.int64)
    mantissas = np.repeat(layer.bias_mant.astype(np.int64), layer.positions)
    return mantissas << chip.INPUT_SHIFT


def reset_voltage(v: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Set v to 0 where the neuron spiked; u stays."""
    return np.where(s > 0, 0, v)


def subtract_threshold(v: np.ndarray, s: np.ndarray, vth: int) -> np.ndarray:
    """Take the threshold from v where the neuron spiked: not a reset of Loihi 1, nor of Lava."""
    return v - (vth << chip.INPUT_SHIFT) * s.astype(np.int64)


def _reached(layer: FixedPointLayer, s_pre: np.ndarray, s_own: np.ndarray) -> int:
    """Count the neurons that a spike reaches in one step of all samples."""
    ones = np.ones_like(layer.w, dtype=np.int64)
    spikes = currents(ones, layer.conv, s_pre, average=False)
    if layer.w_rec is not None:
        spikes = spikes + s_own.sum(axis=1, dtype=np.int64)[:, None]
    return int((spikes > 0).sum())
