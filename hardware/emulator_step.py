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
from .emulator import check_spikes, count_operations
from .fixed_point import FixedPointLayer, FixedPointModel


@dataclass(frozen=True)
class State:
    """Current and voltage of one layer, int64 [B, N], in chip units."""

    u: np.ndarray
    v: np.ndarray


def run_reference(fixed: FixedPointModel, spikes: SpikeInput) -> RunResult:
    """Run all samples step by step through `step`, recording everything; slow and short."""
    check_spikes(fixed, spikes)
    fits = limits.check(fixed).layers
    start = time.perf_counter()
    steps, samples, _ = spikes.spikes.shape
    s, us, vs, ss = spikes.spikes, [], [], []
    sent, steps_with_input = [int(s.sum())], [0]
    for layer in fixed.layers:
        zeros = np.zeros((samples, layer.w.shape[0]), dtype=np.int64)
        state, trace = State(zeros, zeros), []
        for t in range(steps):
            state, out = step(layer, state, s[t])
            trace.append((state.u, state.v, out))
        always_on = layer.w_bias.shape[1] > 0
        steps_with_input.append(steps * samples if always_on else int(s.any(axis=2).sum()))
        us.append(np.stack([u for u, _, _ in trace]).astype(np.int32))
        vs.append(np.stack([v for _, v, _ in trace]).astype(np.int32))
        ss.append(s := np.stack([out for _, _, out in trace]))
        sent.append(int(s.sum()))
    operations = count_operations(
        fixed, fits, np.array(sent), np.array(steps_with_input), samples=samples, steps=steps
    )
    seconds = time.perf_counter() - start
    return RunResult(
        counts=s.sum(axis=0),
        target="emulator",
        seconds=seconds,
        operations=operations,
        u=tuple(us),
        v=tuple(vs),
        s=tuple(ss),
    )


def step(layer: FixedPointLayer, state: State, s_pre: np.ndarray) -> tuple[State, np.ndarray]:
    """Advance one layer by one time step.

    Args:
        state: u, v after the last step, int64 [B, out].
        s_pre: spikes that arrive, uint8 [B, in].
    Returns: the state after the step, and the spikes sent, uint8 [B, out].
    """
    accumulated = accumulate_synapses(layer.w, layer.w_bias, s_pre)
    activation = apply_weight_exponent(accumulated, layer.weight_exp)
    u = add_activation(decay(state.u, layer.du + 1), activation)
    u = wrap_current(u)
    v = integrate_voltage(decay(state.v, layer.dv), u)
    v = saturate_voltage(v)
    s = fire(v, layer.vth)
    return State(u, reset_voltage(v, s)), s


def accumulate_synapses(w: np.ndarray, w_bias: np.ndarray, s_pre: np.ndarray) -> np.ndarray:
    """Add the weights of all axons that spiked, and of all bias axons; int64 [B, out]."""
    return s_pre.astype(np.int64) @ w.T.astype(np.int64) + w_bias.sum(axis=1, dtype=np.int64)


def apply_weight_exponent(accumulated: np.ndarray, weight_exp: int) -> np.ndarray:
    """Shift left for a positive exponent, right (rounding down) for a negative one."""
    return accumulated << weight_exp if weight_exp > 0 else accumulated >> -weight_exp


def decay(x: np.ndarray, lost: int) -> np.ndarray:
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


def reset_voltage(v: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Set v to 0 where the neuron spiked; u stays."""
    return np.where(s > 0, 0, v)
