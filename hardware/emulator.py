"""Loihi's inference in integers, equal to Lava's fixed-point LIF and Dense to the bit, in batches.

`run` takes a layer at once, in a compiled loop (`emulator_loop`) that adds only the weights of
axons that spiked. `emulator_step` holds the same arithmetic in readable calls; a test holds the two
equal, and both equal to Lava. Every sample starts from u = v = 0.

On Lava and on the chip a spike takes one step from layer to layer, so layer k works on step t of a
sample at time t + k. Here that delay is left out: recordings and counts are those of the layer's
own window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import chip, limits
from .border.archive import MAX_BYTES
from .border.checks import instance_of, whole_number
from .border.model import OperationCounts, RunResult, SpikeInput
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
    firsts = range(0, samples, CHUNK_SAMPLES)

    def run_chunk(first: int) -> _Chunk:
        return _run_chunk(fixed, spikes.spikes[:, first : first + CHUNK_SAMPLES], record)

    chunks = []
    with ThreadPoolExecutor(min(len(firsts), threads or usable_processors())) as pool:
        for chunk in pool.map(run_chunk, firsts):
            chunks.append(chunk)
            if progress is not None:
                progress(min(len(chunks) * CHUNK_SAMPLES, samples), samples)
    sent, steps_with_input, overflows = (
        np.sum([getattr(chunk, name) for chunk in chunks], axis=0)
        for name in ("sent", "steps_with_input", "overflows")
    )
    # any: keywords of one type, which mypy holds against every field
    recordings: dict[str, Any] = {name: _joined(chunks, name) for name in record}
    return RunResult(
        counts=np.concatenate([chunk.counts for chunk in chunks]),
        target="emulator",
        operations=count_operations(
            fixed, fits, sent, steps_with_input, samples=samples, steps=steps
        ),
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
    sent: np.ndarray,
    steps_with_input: np.ndarray,
    *,
    samples: int,
    steps: int,
) -> OperationCounts:
    """Derive all counts from the spikes sent.

    Args:
        fits: the layers on their cores, for the number of destination cores.
        sent: int64 [1 + layers], spikes of the input and of each layer, without bias neurons.
        steps_with_input: int64 [1 + layers], steps of all samples in which a layer received a
            spike; entry 0 is unused.
        steps: time steps per sample.
    """
    ticks = samples * steps
    sizes, cores = np.array(fixed.sizes), np.array([fit.cores for fit in fits] + [1])
    bias_axons = np.array([layer.w_bias.shape[1] for layer in fixed.layers] + [0])
    arriving = sent[:-1] + bias_axons[:-1] * ticks
    active = steps_with_input[1:] * sizes[1:]
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


@dataclass(frozen=True)
class _Chunk:
    """Result of some samples; u, v and s hold an array per layer, or are empty."""

    counts: np.ndarray  # int32 [B, classes]
    sent: np.ndarray  # int64 [1 + layers], spikes
    steps_with_input: np.ndarray  # int64 [1 + layers], steps x samples
    overflows: np.ndarray  # int64 [2], wrapped currents and saturated voltages
    u: list[np.ndarray]
    v: list[np.ndarray]
    s: list[np.ndarray]


def _run_chunk(fixed: FixedPointModel, s: np.ndarray, record: Sequence[str]) -> _Chunk:
    sent, steps_with_input = [int(s.sum(dtype=np.int64))], [0]
    overflows = np.zeros(2, dtype=np.int64)
    recordings: dict[str, list[np.ndarray]] = {"u": [], "v": [], "s": []}
    for layer in fixed.layers:
        steps_with_input.append(_steps_with_input(layer, s))
        u, v, s = _layer_at_once(layer, s, keep="u" in record or "v" in record, overflows=overflows)
        sent.append(int(s.sum(dtype=np.int64)))
        for name, array in (("u", u), ("v", v), ("s", s)):
            if name in record:
                recordings[name].append(array)
    counts = s.sum(axis=0, dtype=np.int32)
    return _Chunk(counts, np.array(sent), np.array(steps_with_input), overflows, **recordings)


def _joined(chunks: Sequence[_Chunk], name: str) -> tuple[np.ndarray, ...]:
    """Return one recorded variable of all samples, an array [T, B, N] per layer."""
    return tuple(
        np.concatenate(parts, axis=1)
        for parts in zip(*(getattr(chunk, name) for chunk in chunks), strict=True)
    )


def _steps_with_input(layer: FixedPointLayer, s: np.ndarray) -> int:
    """Count steps x samples in which at least one synaptic operation reached the layer."""
    return s.shape[0] * s.shape[1] if layer.w_bias.shape[1] else int(s.any(axis=2).sum())


def _layer_at_once(
    layer: FixedPointLayer, s: np.ndarray, keep: bool, overflows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run all steps of one layer: s uint8 [T, B, in] -> u, v int32 and s uint8, [T, B, out].

    Args:
        keep: fill u and v; else they have 0 steps.
        overflows: int64 [2], to which wrapped currents and saturated voltages are added.
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
