"""Loihi's inference in integers, equal to Lava's fixed-point LIF, Dense and Conv to the bit.

`run` takes a layer at once, in a compiled loop (`emulator_loop`, `convolution.loop`) that adds only
the weights of axons that spiked. `emulator_step` holds the same arithmetic in readable calls; a
test holds the two equal, and both equal to Lava. Every sample starts from u = v = 0.

On Lava and on the chip a spike takes one step from layer to layer, so layer k works on step t of a
sample at time t + k. Here that delay is left out: recordings and counts are those of the layer's
own window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from . import chip, limits
from .border.archive import MAX_BYTES
from .border.checks import instance_of, whole_number
from .border.layers import RESETS
from .border.model import OperationCounts, RunResult, SpikeInput
from .convolution.currents import delayed
from .convolution.loop import scan_convolution
from .convolution.tables import event_weights, tables
from .emulator_loop import scan_layer
from .fixed_point import FixedPointLayer, FixedPointModel
from .processors import usable_processors

CHUNK_SAMPLES = 256  # progress is reported after each chunk
_RECORD_BYTES = {"u": 4, "v": 4, "s": 1}


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
        threads: chunks that run in parallel; default: one per processor. Results do not depend on
            it.
    Raises: limits.LimitError for numbers that the chip cannot hold; ValueError for spikes that do
        not fit.
    """
    check_spikes(fixed, spikes, record)
    if threads is not None:
        whole_number(threads, "threads", 1)
    fits = limits.check(fixed).layers
    start = time.perf_counter()
    steps, samples, _ = spikes.spikes.shape
    members = _members(spikes)

    def run_chunk(chosen: np.ndarray) -> _Chunk:
        if spikes.lengths is None:
            return _run_chunk(fixed, spikes.spikes[:, chosen[0] : chosen[-1] + 1], record)
        chunk = _run_chunk(fixed, spikes.spikes[: spikes.lengths[chosen[0]], chosen], record)
        return _padded(chunk, steps)

    chunks: list[_Chunk] = []
    done = 0
    with ThreadPoolExecutor(min(len(members), threads or usable_processors())) as pool:
        for chunk in pool.map(run_chunk, members):
            chunks.append(chunk)
            done += len(members[len(chunks) - 1])
            if progress is not None:
                progress(done, samples)
    back = np.argsort(np.concatenate(members), kind="stable")
    reached, overflows = (
        np.sum([getattr(chunk, name) for chunk in chunks], axis=0)
        for name in ("reached", "overflows")
    )
    sent = [np.sum(parts, axis=0) for parts in zip(*(chunk.sent for chunk in chunks), strict=True)]
    # any: keywords of one type, which mypy holds against every field
    recordings: dict[str, Any] = {name: _joined(chunks, name, back) for name in record}
    ticks = samples * steps if spikes.lengths is None else int(spikes.lengths.sum())
    return RunResult(
        counts=np.concatenate([chunk.counts for chunk in chunks])[back],
        target="emulator",
        operations=count_operations(fixed, fits, sent, reached, samples=samples, ticks=ticks),
        seconds=time.perf_counter() - start,
        wrapped_currents=int(overflows[0]),
        saturated_voltages=int(overflows[1]),
        **recordings,
    )


def check_spikes(fixed: FixedPointModel, spikes: SpikeInput, record: Sequence[str] = ()) -> None:
    """Raise ValueError for spikes of another size than the model's, or an unknown recording."""
    instance_of(fixed, FixedPointModel, "fixed", "a FixedPointModel, e.g. quantise(model)")
    instance_of(spikes, SpikeInput, "spikes", "a SpikeInput(spikes=...)")
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
    instance_of(record, (str, list, tuple), "record", "some of 'u', 'v', 's'")
    unknown = set(map(str, record)) - {"u", "v", "s"}
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
    sent: Sequence[np.ndarray],
    reached: np.ndarray,
    *,
    samples: int,
    ticks: int,
) -> OperationCounts:
    """Derive all counts from the spikes sent.

    Args:
        fits: the layers on their cores, for the number of destination cores.
        sent: of the input and of each layer, int64 [N], spikes of each neuron, without bias
            neurons.
        reached: int64 [layers], neurons x steps of all samples that a spike reached.
        ticks: time steps of all samples together.
    """
    neurons = np.array(fixed.sizes[1:])
    bias_axons = np.array([layer.w_bias.shape[1] for layer in fixed.layers])
    synaptic = [
        int(arriving @ fan_out(layer))
        + (0 if layer.w_rec is None else int(own.sum()) * layer.neurons)
        for layer, arriving, own in zip(fixed.layers, sent[:-1], sent[1:], strict=True)
    ]
    active = np.where(bias_axons > 0, ticks * neurons, reached)
    spikes = np.array([counts.sum() for counts in sent])
    # a recurrent layer's spikes also go to its own cores
    loops = [0 if layer.w_rec is None else 1 for layer in fixed.layers]
    own = [0, *(loop * fit.cores for loop, fit in zip(loops, fits, strict=True))]
    to = np.array([*(fit.destinations for fit in fits), 1]) + own
    zero = np.zeros(1, dtype=np.int64)
    return OperationCounts(
        synaptic_operations=np.concatenate([zero, synaptic + bias_axons * ticks * neurons]),
        active_updates=np.concatenate([zero, active]),
        inactive_updates=np.concatenate([zero, ticks * neurons - active]),
        spikes=spikes,
        messages=(spikes + np.concatenate([bias_axons, zero]) * ticks) * to,
        synaptic_updates=np.zeros(len(spikes), dtype=np.int64),
        samples=samples,
        steps=ticks,
    )


def fan_out(layer: FixedPointLayer) -> np.ndarray:
    """Return the synapses of each input of a layer, int64 [in]."""
    if layer.conv is None:
        return np.full(layer.inputs, layer.neurons, dtype=np.int64)
    return layer.conv.fan_out()


@dataclass(frozen=True)
class _Chunk:
    """Result of some samples; u, v and s hold an array per layer, or are empty."""

    counts: np.ndarray  # [B, classes], int32 spikes, or int64 sums of a readout's voltages
    sent: list[np.ndarray]  # of the input and of each layer, int64 [N], spikes
    reached: np.ndarray  # int64 [layers], neurons x steps x samples that a spike reached
    overflows: np.ndarray  # int64 [2], wrapped currents and saturated voltages
    u: list[np.ndarray]
    v: list[np.ndarray]
    s: list[np.ndarray]


def _run_chunk(fixed: FixedPointModel, s: np.ndarray, record: Sequence[str]) -> _Chunk:
    sent, reached = [s.sum(axis=(0, 1), dtype=np.int64)], []
    overflows = np.zeros(2, dtype=np.int64)
    recordings: dict[str, list[np.ndarray]] = {"u": [], "v": [], "s": []}
    for layer in fixed.layers:
        keep = "u" in record or "v" in record
        ran = _layer_at_once(layer, delayed(s, layer.delay), keep, overflows)
        s = ran.s
        sent.append(s.sum(axis=(0, 1), dtype=np.int64))
        reached.append(ran.reached)
        for name in record:
            recordings[name].append(getattr(ran, name))
    counts = s.sum(axis=0, dtype=np.int32) if fixed.layers[-1].fires else ran.v_sums
    return _Chunk(counts, sent, np.array(reached), overflows, **recordings)


def _members(spikes: SpikeInput) -> list[np.ndarray]:
    """Return the numbers of the samples of each chunk, of one length per chunk."""
    samples = np.arange(spikes.spikes.shape[1])
    groups = [samples]
    if spikes.lengths is not None:
        groups = [samples[spikes.lengths == length] for length in np.unique(spikes.lengths)]
    return [
        group[first : first + CHUNK_SAMPLES]
        for group in groups
        for first in range(0, len(group), CHUNK_SAMPLES)
    ]


def _padded(chunk: _Chunk, steps: int) -> _Chunk:
    """Return a chunk whose recordings are filled up with 0 to all steps."""
    filled: dict[str, Any] = {  # any: fields of several types
        name: [np.pad(x, ((0, steps - len(x)), (0, 0), (0, 0))) for x in getattr(chunk, name)]
        for name in _RECORD_BYTES
    }
    return replace(chunk, **filled)


def _joined(chunks: Sequence[_Chunk], name: str, back: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return one recorded variable of all samples, an array [T, B, N] per layer."""
    if len(chunks) == 1:
        return tuple(getattr(chunks[0], name))
    return tuple(
        np.concatenate(parts, axis=1)[:, back]
        for parts in zip(*(getattr(chunk, name) for chunk in chunks), strict=True)
    )


class _LayerRun(NamedTuple):
    """One layer on some samples: [T, B, out], u and v of 0 steps where they are not kept."""

    u: np.ndarray
    v: np.ndarray
    s: np.ndarray
    v_sums: np.ndarray  # int64 [B, out] of a readout, else of 0 samples
    reached: int  # neurons x steps that a spike reached


def _layer_at_once(
    layer: FixedPointLayer, s: np.ndarray, keep: bool, overflows: np.ndarray
) -> _LayerRun:
    """Run all steps of one layer.

    Args:
        s: uint8 [T, B, in], spikes as they arrive.
        keep: fill u and v.
        overflows: int64 [2], to which wrapped currents and saturated voltages are added.
    """
    steps, samples, _ = s.shape
    shape = (steps, samples, layer.neurons)
    out = np.empty(shape, dtype=np.uint8)
    u, v = (np.empty(shape if keep else (0, *shape[1:]), dtype=np.int32) for _ in range(2))
    v_sums = np.zeros((0 if layer.fires else samples, layer.neurons), dtype=np.int64)
    v_bias = np.zeros(0, dtype=np.int32)
    if layer.bias_mant is not None:
        v_bias = np.repeat(layer.bias_mant << chip.INPUT_SHIFT, layer.positions).astype(np.int32)
    numbers = (
        max(layer.weight_exp, 0),
        max(-layer.weight_exp, 0),
        layer.vth << chip.INPUT_SHIFT if layer.fires else np.iinfo(np.int32).max,
        RESETS.index(layer.reset),
    )
    keeps = np.int32(chip.DECAY_UNITY) - layer.lost()
    numbers_32 = tuple(map(np.int32, numbers))
    results = (out, u, v, v_sums, overflows)
    s = np.ascontiguousarray(s)
    if layer.conv is not None:
        reached = np.zeros(1, dtype=np.int64)
        synapses = (
            event_weights(layer.w, layer.conv),
            layer.bias(),
            *tables(layer.conv),
            v_bias,
            keeps,
        )
        scan_convolution(s, *synapses, numbers_32, *results, reached)
        return _LayerRun(u, v, out, v_sums, int(reached[0]))
    w = np.ascontiguousarray(layer.w.T, dtype=np.int16)
    w_rec = np.zeros((0, 0)) if layer.w_rec is None else layer.w_rec.T
    synapses = (w, np.ascontiguousarray(w_rec, dtype=np.int16), layer.bias(), v_bias, keeps)
    scan_layer(s, *synapses, numbers_32, *results)
    arrives = np.asarray(s.any(axis=2))
    if layer.w_rec is not None:
        arrives[1:] |= out[:-1].any(axis=2)
    return _LayerRun(u, v, out, v_sums, int(arrives.sum()) * layer.neurons)
