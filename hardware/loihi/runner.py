"""Run a network of chip integers in Lava's own CPU simulation, of stock LIFReset, Dense and Conv.

    host -> Dense -> LIFReset -> Dense -> LIFReset -> ... -> host

All samples run in one continuous simulation. Each layer resets its state every T steps, at the step
at which its next sample arrives. A bias axon is one more spiking neuron in the layer before (or one
more input of the host): it receives no synapse, and its own bias lifts it above the threshold at
every step.

Only Python 3.10 has Lava. From other Pythons, `hardware.targets` starts `hardware.loihi.worker` in
it and guards it.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lava.magma.core.process.ports.ports import AbstractPort
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.lif.process import LIFReset

from hardware import chip, limits
from hardware.fixed_layers import FixedPointLayer, FixedPointModel
from hardware.loihi import synapses
from hardware.loihi.processes import Host, PyRecordedLif


@dataclass(frozen=True)
class LavaRun:
    """Result of Lava; recordings as in `border.model.RunResult`."""

    counts: np.ndarray  # int32 [B, classes]
    seconds: float  # of the run itself, without compiling
    u: tuple[np.ndarray, ...] | None = None
    v: tuple[np.ndarray, ...] | None = None
    s: tuple[np.ndarray, ...] | None = None


def run(
    fixed: FixedPointModel,
    spikes: np.ndarray,
    *,
    record: bool = False,
    watch: Callable[[object, Callable[[], int]], None] | None = None,
) -> LavaRun:
    """Run all samples in Lava.

    Args:
        spikes: uint8 [T, B, N] of 0 and 1.
        record: keep u, v and s of every layer and step.
        watch: called once Lava is compiled, before it runs, with Lava's runtime and a function that
            returns the number of samples counted so far; `worker` uses it to see failures and
            progress.
    Raises: limits.LimitError; or what Lava raises. Where a Process of it fails, Lava may hang.
    """
    limits.check(fixed)
    steps, samples, _ = spikes.shape
    with tempfile.TemporaryDirectory(prefix="biograd-lava-") as folder:
        counts = _raw_file(Path(folder, "counts"), (samples * fixed.sizes[-1] + 1,))
        host, neurons = _build(fixed, spikes, Path(folder, "counts"))
        reads_voltages = not fixed.layers[-1].fires
        records = [
            _record(lif, number, fixed, steps * samples, Path(folder))
            for number, lif in enumerate(neurons, start=1)
            if record or reads_voltages
        ]
        config = Loihi2SimCfg(
            select_tag="fixed_pt",
            exception_proc_model_map={LIFReset: PyRecordedLif} if records else None,
        )
        host.create_runtime(config)
        if watch is not None:
            watch(host.runtime, lambda: int(counts[-1]) // steps)
        start = time.perf_counter()
        host.run(condition=RunSteps(num_steps=steps * samples + len(neurons)), run_cfg=config)
        seconds = time.perf_counter() - start
        host.stop()
        u, v, s = (_recorded(records, index, steps, samples) for index in range(3))
        answers = np.array(counts[:-1]).reshape(samples, -1)
        if reads_voltages:
            assert v is not None
            answers = v[-1].sum(axis=0, dtype=np.int64)
        return LavaRun(answers, seconds, *((u, v, s) if record else (None, None, None)))


def _build(
    fixed: FixedPointModel, spikes: np.ndarray, counts_path: Path
) -> tuple[Host, list[LIFReset]]:
    """Connect the Processes; return the host and each layer's neurons."""
    steps, samples, n_in = spikes.shape
    shared = synapses.all_dense(fixed)
    bias_axons = [layer.w_bias.shape[1] if shared else 0 for layer in fixed.layers] + [0]
    always_on = np.ones((steps, samples, bias_axons[0]), dtype=np.uint8)
    in_order = (
        np.concatenate([spikes, always_on], axis=2).transpose(1, 0, 2).reshape(steps * samples, -1)
    )
    host = Host(
        packed=np.packbits(in_order, axis=1),
        n_in=n_in + bias_axons[0],
        counts_path=str(counts_path),
        samples=samples,
        classes=fixed.sizes[-1],
        steps=steps,
        delay=len(fixed.layers),
    )
    neurons: list[LIFReset] = []
    out = host.s_out
    for number, layer in enumerate(fixed.layers, start=1):
        make = _dense_chain_layer if shared else _layer
        lif = make(out, layer, number, steps, bias_axons[number])
        neurons.append(lif)
        out = lif.s_out
    out.connect(host.s_in)
    return host, neurons


def _dense_chain_layer(
    out: AbstractPort, layer: FixedPointLayer, number: int, steps: int, bias_neurons: int
) -> LIFReset:
    """Make the synapses and neurons of layer `number` (from 1) of a plain chain.

    The bias neurons of the next layer come after the layer's own neurons.
    """
    w = np.concatenate([layer.w, layer.w_bias], axis=1)
    w = np.concatenate([w, np.zeros((bias_neurons, w.shape[1]), dtype=np.int32)], axis=0)
    is_bias = np.arange(w.shape[0]) >= layer.neurons
    lif = _neurons(
        layer,
        number,
        steps,
        neurons=len(w),
        bias_mant=is_bias * chip.MAX_BIAS_MANTISSA,
        bias_exp=is_bias * chip.MAX_BIAS_EXP,
    )
    synapses.connect_dense(out, synapses.dense(w, layer), lif)
    return lif


def _layer(
    out: AbstractPort, layer: FixedPointLayer, number: int, steps: int, bias_neurons: int
) -> LIFReset:
    """Make layer `number` with a source of its own for its bias axons."""
    mantissas = np.zeros(layer.neurons, dtype=np.int32)
    if layer.bias_mant is not None:
        mantissas = np.repeat(layer.bias_mant, layer.positions)
    lif = _neurons(
        layer,
        number,
        steps,
        neurons=layer.neurons,
        bias_mant=mantissas,
        bias_exp=np.full(layer.neurons, chip.INPUT_SHIFT),
    )
    synapses.connect(out, layer, lif)
    if layer.w_bias.shape[1]:
        synapses.connect_bias(layer, lif)
    if layer.w_rec is not None:
        synapses.connect_loop(layer, lif, steps, number)
    return lif


def _neurons(
    layer: FixedPointLayer,
    number: int,
    steps: int,
    *,
    neurons: int,
    bias_mant: np.ndarray,
    bias_exp: np.ndarray,
) -> LIFReset:
    return LIFReset(
        shape=(neurons,),
        du=layer.du,
        dv=layer.dv,
        vth=layer.vth if layer.fires else chip.MAX_THRESHOLD,
        bias_mant=bias_mant,
        bias_exp=bias_exp,
        reset_interval=steps,
        reset_offset=(number + 1) % steps,
    )


def _raw_file(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Make a file of int32 zeros, shared between Lava's processes and this one."""
    return np.memmap(path, dtype=np.int32, mode="w+", shape=shape)


def _record(
    lif: LIFReset, number: int, fixed: FixedPointModel, length: int, folder: Path
) -> np.memmap:
    """Make the neurons of layer `number` record themselves; return the file, int32 [T B, 3, N]."""
    shape = (length, 3, fixed.sizes[number])
    record = _raw_file(folder / f"layer{number}", shape)
    for name, value in (
        ("record_path", str(folder / f"layer{number}")),
        ("record_shape", shape),
        ("record_delay", number),
    ):
        lif.proc_params[name] = value
    return record


def _recorded(
    records: list[np.memmap], index: int, steps: int, samples: int
) -> tuple[np.ndarray, ...] | None:
    """Return one recorded variable, [T, B, N] per layer: u and v int32, s uint8."""
    dtype = (np.int32, np.int32, np.uint8)[index]
    arrays = [
        np.array(r[:, index]).reshape(samples, steps, -1).transpose(1, 0, 2).astype(dtype)
        for r in records
    ]
    return tuple(arrays) or None
