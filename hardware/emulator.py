"""Loihi's inference in integers, bit for bit as Lava's fixed-point LIF and Dense compute it, but in
batches.

`step` is the reference: eight named calls, one for each thing a core does in a time step, in
integers. `run` is the fast
path: a compiled loop (`scan.py`) that takes a layer at once and adds only the weights of axons that
    spiked. A test holds
the two equal, and both equal to Lava. Every sample starts from u = v = 0.

On Lava and on the chip a spike needs one step from layer to layer, so layer k works on step t of a
sample at time t + k.
Here that delay is left out: recordings and counts are those of the layer's own window.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import chip, limits
from .border.archive import MAX_BYTES
from .border.model import OperationCounts, RunResult, SpikeInput
from .emulator_loop import scan_layer
from .fixed_point import FixedPointLayer, FixedPointModel

CHUNK_SAMPLES = 256  # progress is told after each chunk
_RECORD_BYTES = {"u": 4, "v": 4, "s": 1}


@dataclass(frozen=True)
class State:
    """Current and voltage of one layer, int64 [B, N], in chip units."""

    u: np.ndarray
    v: np.ndarray


def run(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    *,
    record: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> RunResult:
    """Run all samples through the model.

    Args:
        record: any of "u", "v", "s": keep them for every layer and step, [T, B, N].
        progress: called with (samples done, samples in all) after each chunk.
        threads: chunks run side by side; default: one per core. Results do not depend on it.
    Raises: limits.LimitError for numbers the chip cannot hold; ValueError for spikes that do not
    fit.
    """
    check_spikes(fixed, spikes, record)
    fits = limits.check(fixed).layers
    begun = time.perf_counter()
    steps, samples, _ = spikes.spikes.shape
    starts = range(0, samples, CHUNK_SAMPLES)
    with ThreadPoolExecutor(min(len(starts), threads or os.cpu_count() or 1)) as pool:
        chunks = []
        for chunk in pool.map(
            lambda first: _run_chunk(
                fixed, spikes.spikes[:, first : first + CHUNK_SAMPLES], record
            ),
            starts,
        ):
            chunks.append(chunk)
            if progress is not None:
                progress(min(len(chunks) * CHUNK_SAMPLES, samples), samples)
    sent, awake, overflows = (
        np.sum([getattr(chunk, name) for chunk in chunks], axis=0)
        for name in ("sent", "awake", "overflows")
    )
    recordings: dict[str, Any] = {name: _joined(chunks, name) for name in record}
    return RunResult(
        counts=np.concatenate([chunk.counts for chunk in chunks]),
        target="emulator",
        operations=count_operations(fixed, fits, sent, awake, samples=samples, steps=steps),
        seconds=time.perf_counter() - begun,
        wrapped_currents=int(overflows[0]),
        saturated_voltages=int(overflows[1]),
        **recordings,
    )


def check_spikes(fixed: FixedPointModel, spikes: SpikeInput, record: Sequence[str] = ()) -> None:
    """Raise ValueError where the spikes' size is not the model's, or an unknown recording is asked
    for.
    """
    if spikes.spikes.shape[2] != fixed.sizes[0]:
        raise ValueError(
            f"the spikes have {spikes.spikes.shape[2]} inputs, the model takes {fixed.sizes[0]}:"
            " encode with the model's own data set"
        )
    if spikes.spikes.shape[0] != fixed.steps:
        raise ValueError(
            f"the spikes have {spikes.spikes.shape[0]} steps, the model was made for {fixed.steps}:"
            f" encode with steps={fixed.steps}"
        )
    unknown = set(record) - {"u", "v", "s"}
    if unknown:
        raise ValueError(f"cannot record {', '.join(sorted(unknown))}; known are u, v, s")
    size = (
        spikes.spikes.shape[0]
        * spikes.spikes.shape[1]
        * sum(fixed.sizes[1:])
        * sum(_RECORD_BYTES[name] for name in set(record))
    )
    if size > MAX_BYTES:
        raise ValueError(
            f"recording {', '.join(record)} would take {size:,} bytes; at most {MAX_BYTES:,} are"
            " kept: run fewer samples"
        )


def count_operations(
    fixed: FixedPointModel,
    fits: Sequence[limits.LayerFit],
    sent: np.ndarray,
    awake: np.ndarray,
    *,
    samples: int,
    steps: int,
) -> OperationCounts:
    """Derive all counts from what was sent.

    Args:
        fits: the layers on their cores, for the number of destination cores.
        sent: int64 [1 + layers], spikes of the input and of each layer, bias neurons left out.
        awake: int64 [1 + layers], steps of all samples in which a layer got input; entry 0 unused.
    """
    ticks = samples * steps
    sizes, cores = np.array(fixed.sizes), np.array([fit.cores for fit in fits] + [1])
    bias_axons = np.array([layer.w_bias.shape[1] for layer in fixed.layers] + [0])
    arriving = sent[:-1] + bias_axons[:-1] * ticks
    active = awake[1:] * sizes[1:]
    return OperationCounts(
        synaptic_operations=np.concatenate([[0], arriving * sizes[1:]]),
        active_updates=np.concatenate([[0], active]),
        inactive_updates=np.concatenate([[0], ticks * sizes[1:] - active]),
        spikes=sent.copy(),
        messages=(sent + bias_axons * ticks) * cores,
        synaptic_updates=np.zeros(len(sizes), dtype=np.int64),
        samples=samples,
        steps=ticks,
    )


def run_reference(fixed: FixedPointModel, spikes: SpikeInput) -> RunResult:
    """Run all samples step by step through `step`, recording everything: slow, short, and what
    `run` is held against.
    """
    check_spikes(fixed, spikes)
    fits = limits.check(fixed).layers
    begun = time.perf_counter()
    steps, samples, _ = spikes.spikes.shape
    s, us, vs, ss = spikes.spikes, [], [], []
    sent, awake = [int(s.sum())], [0]
    for layer in fixed.layers:
        zeros = np.zeros((samples, layer.w.shape[0]), dtype=np.int64)
        state, trace = State(zeros, zeros), []
        for t in range(steps):
            state, out = step(layer, state, s[t])
            trace.append((state.u, state.v, out))
        awake.append(steps * samples if layer.w_bias.shape[1] else int(s.any(axis=2).sum()))
        us.append(np.stack([u for u, _, _ in trace]).astype(np.int32))
        vs.append(np.stack([v for _, v, _ in trace]).astype(np.int32))
        ss.append(s := np.stack([out for _, _, out in trace]))
        sent.append(int(s.sum()))
    operations = count_operations(
        fixed, fits, np.array(sent), np.array(awake), samples=samples, steps=steps
    )
    seconds = time.perf_counter() - begun
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
    """Add the weights of all axons that spiked; the bias axons always do. Returns int64 [B, out]."""
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


@dataclass(frozen=True)
class _Chunk:
    """What some samples did; recordings hold an array per layer, or nothing."""

    counts: np.ndarray  # int32 [B, classes]
    sent: np.ndarray  # int64 [1 + layers], spikes
    awake: np.ndarray  # int64 [1 + layers], steps x samples with input
    overflows: np.ndarray  # int64 [2], wrapped currents and saturated voltages
    u: list[np.ndarray]
    v: list[np.ndarray]
    s: list[np.ndarray]


def _run_chunk(fixed: FixedPointModel, s: np.ndarray, record: Sequence[str]) -> _Chunk:
    sent, awake, overflows = [int(s.sum(dtype=np.int64))], [0], np.zeros(2, dtype=np.int64)
    kept: dict[str, list[np.ndarray]] = {"u": [], "v": [], "s": []}
    for layer in fixed.layers:
        awake.append(_steps_with_input(layer, s))
        u, v, s = _layer_at_once(layer, s, keep="u" in record or "v" in record, overflows=overflows)
        sent.append(int(s.sum(dtype=np.int64)))
        for name, array in (("u", u), ("v", v), ("s", s)):
            if name in record:
                kept[name].append(array)
    return _Chunk(s.sum(axis=0, dtype=np.int32), np.array(sent), np.array(awake), overflows, **kept)


def _joined(chunks: Sequence[_Chunk], name: str) -> tuple[np.ndarray, ...]:
    """One recorded variable of all samples, an array [T, B, N] a layer."""
    return tuple(
        np.concatenate(parts, axis=1)
        for parts in zip(*(getattr(chunk, name) for chunk in chunks), strict=True)
    )


def _steps_with_input(layer: FixedPointLayer, s: np.ndarray) -> int:
    """Steps x samples in which at least one synaptic operation reached the layer."""
    return s.shape[0] * s.shape[1] if layer.w_bias.shape[1] else int(s.any(axis=2).sum())


def _layer_at_once(
    layer: FixedPointLayer, s: np.ndarray, keep: bool, overflows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All steps of one layer: s uint8 [T, B, in] -> u, v int32, s uint8 [T, B, out]; without
    `keep`, u and v are empty.

    Adds the number of wrapped currents and saturated voltages to `overflows`, int64 [2].
    """
    steps, samples, _ = s.shape
    shape = (steps, samples, layer.w.shape[0])
    out = np.empty(shape, dtype=np.uint8)
    u, v = (np.empty(shape if keep else (0, *shape[1:]), dtype=np.int32) for _ in range(2))
    w = np.ascontiguousarray(layer.w.T, dtype=np.int16)
    bias = layer.w_bias.sum(axis=1, dtype=np.int32)
    numbers = (
        max(layer.weight_exp, 0),
        max(-layer.weight_exp, 0),
        chip.DECAY_UNITY - layer.du - 1,
        chip.DECAY_UNITY - layer.dv,
        layer.vth << chip.INPUT_SHIFT,
    )
    scan_layer(np.ascontiguousarray(s), w, bias, *map(np.int32, numbers), out, u, v, overflows)
    return u, v, out
