"""The pictures of a deployment, as SVG and PNG beside those of the run it came from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from hardware import chip, emulator, limits
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import FixedPointLayer, FixedPointModel, round_to_step

from ..files import atomic_write
from ..neurons import SomaState, TwoCompartmentParams, soma_step
from ..runs.checkpoint import RunFolder
from . import chip_plots, plots

SAMPLES = 100  # images searched for a spike that simulator and chip do not share


class FirstDifference(NamedTuple):
    """Where simulator and chip part: one neuron's soma voltages, before the reset, in thresholds."""

    sample: int
    layer: int  # 0 = first hidden layer
    neuron: int
    # of the first spike that only one of them fires, 0 = first; None where none does
    step: int | None
    v_simulator: np.ndarray  # [T]
    v_chip: np.ndarray  # [T]


def draw_deployment(
    model: Model, fixed: FixedPointModel, fit: limits.Fit, spikes: SpikeInput, folder: RunFolder
) -> list[Path]:
    """Draw the cores and their load, the weights before and after rounding, and where the voltages
    part; returns the SVG files.

    Args:
        spikes: encoded test images; of more than `SAMPLES`, only the first ones are looked at.
    """
    written = []
    for name, figure in _figures(model, fixed, fit, spikes).items():
        path = folder.path / "pictures" / f"{name}.svg"
        atomic_write(path, plots.as_svg(figure).encode())
        atomic_write(path.with_suffix(".png"), plots.as_png(figure))
        written.append(path)
    return written


def find_parting(model: Model, fixed: FixedPointModel, spikes: SpikeInput) -> FirstDifference:
    """The first image on which the two differ by a spike; in it the earliest step, there the
    earliest layer, as causes precede effects.

    Where all spikes are equal: the neuron and image with the largest gap between the voltages.
    """
    ours = _simulate(model, spikes.spikes)
    result = emulator.run(fixed, spikes, record="uv")
    assert result.u is not None and result.v is not None
    theirs = [_before_reset(*known) for known in zip(fixed.layers, result.u, result.v, strict=True)]
    offsets = np.cumsum([0, *(v.shape[2] for v in ours)])
    here, there = np.concatenate(ours, axis=2), np.concatenate(theirs, axis=2)
    differ = (here > 1) != (there > 1)
    if differ.any():
        sample = int(differ.any(axis=(0, 2)).argmax())
        step, unit = (int(i) for i in np.argwhere(differ[:, sample])[0])
    else:
        step, (_, sample, unit) = None, np.unravel_index(np.abs(here - there).argmax(), here.shape)
    layer = int(np.searchsorted(offsets, unit, side="right")) - 1
    return FirstDifference(
        int(sample),
        layer,
        int(unit - offsets[layer]),
        step,
        here[:, sample, unit],
        there[:, sample, unit],
    )


def _figures(
    model: Model, fixed: FixedPointModel, fit: limits.Fit, spikes: SpikeInput
) -> dict[str, Figure]:
    few = SpikeInput(
        spikes=spikes.spikes[:, :SAMPLES],
        labels=None if spikes.labels is None else spikes.labels[:SAMPLES],
    )
    names = [*(f"hidden {number}" for number in range(1, len(model.layers))), "output"]
    found = find_parting(model, fixed, few)
    return {
        "core_map": chip_plots.core_loads(
            [_load(name, layer) for name, layer in zip(names, fit.layers, strict=True)]
        ),
        "weights": chip_plots.weights(
            [_rounding(*known) for known in zip(names, model.layers, fixed.layers, strict=True)]
        ),
        "voltages": chip_plots.voltages(
            found.v_simulator, found.v_chip, title=_title(found, names[found.layer], few)
        ),
    }


def _load(name: str, layer: limits.LayerFit) -> chip_plots.CoreLoad:
    loads = {
        "compartments": layer.compartments,
        "axons in": layer.axons_in,
        "axons out": layer.axons_out,
        "synapse words": layer.synapse_words,
    }
    return chip_plots.CoreLoad(name, layer.cores, loads)


def _rounding(name: str, layer: LayerModel, fixed: FixedPointLayer) -> chip_plots.Rounding:
    low, high = (
        int(w)
        for w in round_to_step(np.array([-np.inf, np.inf]), fixed.weight_bits, fixed.sign_mode)
    )
    step = chip.SIGN_MODES[fixed.sign_mode].step(fixed.weight_bits)
    return chip_plots.Rounding(name, layer.w, fixed.w, fixed.scale, step, low, high)


def _title(found: FirstDifference, layer: str, spikes: SpikeInput) -> str:
    digit = "" if spikes.labels is None else f" (class {spikes.labels[found.sample]})"
    where = f"{layer}, neuron {found.neuron}, on test image {found.sample}{digit}"
    if found.step is None:
        return (
            f"Simulator and chip fire alike on {spikes.spikes.shape[1]} images; the widest"
            f" gap:\n{where}"
        )
    one = "the chip" if found.v_chip[found.step] > 1 else "the simulator"
    return f"Where simulator and chip part: at step {found.step + 1} only {one} fires\n{where}"


def _simulate(model: Model, spikes: np.ndarray) -> list[np.ndarray]:
    """Soma voltages before the reset, float32 [T, B, N] a layer, of spikes [T, B, inputs]."""
    s, voltages = torch.from_numpy(spikes).float(), []
    for layer in model.layers:
        current = torch.nn.functional.linear(
            s, torch.from_numpy(layer.w), torch.from_numpy(layer.bias)
        )
        p = TwoCompartmentParams(alpha_u=layer.alpha_u, alpha_v=layer.alpha_v)
        state, states = SomaState(*[torch.zeros_like(current[0])] * 3), []
        for t in range(len(current)):
            state = soma_step(state, current[t], p)
            states.append(state)
        s = torch.stack([state.s for state in states])
        voltages.append(torch.stack([state.v for state in states]).numpy())
    return voltages


def _before_reset(layer: FixedPointLayer, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The voltages that the threshold saw, in thresholds, float64 [T, B, N], from recorded u and v,
    whose v is 0 after a spike.
    """
    before = np.concatenate([np.zeros_like(v[:1]), v[:-1]]).astype(np.int64)
    seen = emulator.saturate_voltage(
        emulator.integrate_voltage(emulator.decay(before, layer.dv), u)
    )
    return seen / (layer.vth << chip.INPUT_SHIFT)
