"""The emulator with faults: each layer runs on the spikes that the faulty layer before it sent.

Without faults this is `emulator.run` itself. A layer whose voltages stay intact takes the
emulator's compiled loop; noise and flipped bits in voltages are stepped call by call.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import chip, emulator, limits
from .border.checks import instance_of
from .border.faults import Faults
from .border.model import COUNTED, OperationCounts, RunResult, SpikeInput
from .convolution.currents import currents
from .emulator_step import (
    add_activation,
    apply_weight_exponent,
    decay,
    fire,
    integrate_voltage,
    reset_voltage,
    saturate_voltage,
    wrap_current,
)
from .faults import BLOCK, damaged, fired, flipped_state, voltage_noise
from .fixed_point import FixedPointLayer, FixedPointModel


def run(
    fixed: FixedPointModel,
    spikes: SpikeInput,
    faults: Faults,
    *,
    record: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> RunResult:
    """Run all samples through the model with faults.

    Args:
        record, progress: see `emulator.run`; recorded spikes are those that left the neurons.
    Raises: see `emulator.run`; ValueError where u or v are to be recorded under faults.
    """
    instance_of(faults, Faults, "faults", "Faults(dead=0.1)")
    if not faults.any:
        return emulator.run(fixed, spikes, record=record, progress=progress)
    emulator.check_spikes(fixed, spikes, record)
    if spikes.lengths is not None:
        raise ValueError(
            "the samples have lengths of their own, and faults are drawn for samples of one length:"
            " leave the faults out, or pass samples of one length"
        )
    if set(record) - {"s"}:
        raise ValueError("under faults spikes alone are recorded: set record to ['s']")
    limits.check(fixed)
    for number, layer in enumerate(fixed.layers, start=1):
        _check_layer(number, layer, faults)
    fixed, start = damaged(fixed, faults), time.perf_counter()
    samples = spikes.spikes.shape[1]
    blocks: list[list[RunResult]] = []
    sent: list[list[np.ndarray]] = []
    for block, first in enumerate(range(0, samples, BLOCK)):
        s = spikes.spikes[:, first : first + BLOCK]
        blocks.append([])
        sent.append([])
        for number, layer in enumerate(fixed.layers):
            result = _layer(fixed, layer, number, block, s, faults)
            output = number == len(fixed.layers) - 1
            assert result.s is not None  # it was asked for
            s = fired(faults, number, block, result.s[0], output=output)
            blocks[-1].append(result)
            sent[-1].append(s)
        if progress is not None:
            progress(min(first + BLOCK, samples), samples)
    spikes_sent = [np.concatenate(parts, axis=1) for parts in zip(*sent, strict=True)]
    return RunResult(
        counts=spikes_sent[-1].sum(axis=0, dtype=np.int32)
        if fixed.layers[-1].fires
        else np.concatenate([block[-1].counts for block in blocks]),
        target="emulator",
        seconds=time.perf_counter() - start,
        operations=_operations(blocks, spikes_sent[-1]),
        s=tuple(spikes_sent) if "s" in record else None,
        wrapped_currents=_total(blocks, "wrapped_currents"),
        saturated_voltages=_total(blocks, "saturated_voltages"),
    )


def _check_layer(number: int, layer: FixedPointLayer, faults: Faults) -> None:
    """Refuse faults that are not worked out for a layer's kind."""
    if layer.w_rec is not None:
        raise ValueError(
            f"layer {number} is recurrent, and faults would have to reach its own spikes step by"
            " step, which is not done: run it without faults"
        )
    plain = layer.fires and layer.reset == "zero" and layer.bias_mant is None
    if faults.in_voltages and not plain:
        raise ValueError(
            f"layer {number} is a readout, resets by {layer.reset!r}, or has biases of its neurons'"
            " own: faults of voltages are known for neurons that fire and reset to zero alone"
        )


def _layer(
    fixed: FixedPointModel,
    layer: FixedPointLayer,
    number: int,
    block: int,
    s: np.ndarray,
    faults: Faults,
) -> RunResult:
    """Run one layer, of intact neurons, on the spikes that reach it."""
    alone = dataclasses.replace(fixed, layers=(layer,), report=None)
    result = emulator.run(alone, SpikeInput(spikes=s), record=("s",), threads=1)
    if not faults.in_voltages:
        return result
    # operations follow from the spikes that arrive, and faults of voltages do not change those
    return dataclasses.replace(result, s=(_stepped(layer, number, block, s, faults),))


def _stepped(
    layer: FixedPointLayer, number: int, block: int, s: np.ndarray, faults: Faults
) -> np.ndarray:
    """Return the spikes of a layer whose stored voltages are disturbed before every step."""
    shape = (*s.shape[:2], layer.neurons)
    threshold = layer.vth << chip.INPUT_SHIFT
    noise = np.zeros(shape, np.int64)
    if faults.noise:
        real = voltage_noise(faults, number, block, shape)
        noise = np.rint(real.astype(np.float64) * threshold).astype(np.int64)
    flips = flipped_state(faults, number, block, shape) if faults.state_bits else None
    u, v = np.zeros(shape[1:], np.int64), np.zeros(shape[1:], np.int64)
    w, bias = layer.w.astype(np.float64), layer.bias().astype(np.int64)
    out = np.empty(shape, np.uint8)
    lost_u, lost_v = layer.lost()
    for t in range(len(s)):
        # sums of whole numbers below 2^53: exact in float64, whose product is the fast one
        total = currents(w, layer.conv, s[t], average=False).astype(np.int64) + bias
        activation = apply_weight_exponent(total, layer.weight_exp)
        u = wrap_current(add_activation(decay(u, lost_u), activation))
        v = saturate_voltage(v + noise[t])
        if flips is not None:
            v = saturate_voltage(_flipped(v, flips[t]))
        v = saturate_voltage(integrate_voltage(decay(v, lost_v), u))
        out[t] = fire(v, layer.vth)
        v = reset_voltage(v, out[t])
    return out


def _flipped(v: np.ndarray, flips: np.ndarray) -> np.ndarray:
    """Return stored voltages with bits flipped, in two's complement of 24 bits."""
    full = 1 << chip.STATE_BITS
    stored = (v & (full - 1)) ^ flips
    return np.where(stored >= full >> 1, stored - full, stored)


def _operations(blocks: list[list[RunResult]], sent: np.ndarray) -> OperationCounts:
    """Add up the operations of layers that ran one by one.

    Entry 0 of a layer's own counts is what its inputs sent: the layer before it.
    """
    layers = range(len(blocks[0]))
    counts: dict[str, Any] = {}  # any: arrays, by the names of OperationCounts
    for name in COUNTED:
        parts = np.array([[getattr(r.operations, name) for r in block] for block in blocks])
        own, before = parts[:, :, 1].sum(axis=0), parts[:, :, 0].sum(axis=0)
        last = own[-1] if name in ("spikes", "messages") else 0
        counts[name] = (
            np.array([*before, last])
            if name in ("spikes", "messages")
            else np.array([0, *(own[k] for k in layers)])
        )
    changed = int(sent.sum(dtype=np.int64)) - counts["spikes"][-1]
    counts["spikes"][-1] += changed
    counts["messages"][-1] += changed  # the output sends to one core
    return OperationCounts(
        **counts,
        samples=sum(block[0].operations.samples for block in blocks),
        steps=sum(block[0].operations.steps for block in blocks),
    )


def _total(blocks: list[list[RunResult]], name: str) -> int:
    return sum(getattr(result, name) or 0 for block in blocks for result in block)
