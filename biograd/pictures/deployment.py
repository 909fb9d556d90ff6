"""The pictures of a deployment, as SVG and PNG beside those of the run it came from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from hardware import chip, emulator, emulator_step, limits
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.convolution.currents import currents
from hardware.fixed_point import FixedPointLayer, FixedPointModel, round_to_step

from ..neurons import MixedLIF, TwoCompartmentLIF, TwoCompartmentParams, soma_voltages
from ..runs.checkpoint import RunFolder
from . import chip_plots
from .cores import CoreLoad, core_loads
from .saving import save

SAMPLES = 100  # images searched for a spike that simulator and chip do not share


class FirstDifference(NamedTuple):
    """One neuron where simulator and chip differ: soma voltages before the reset, thresholds."""

    sample: int
    layer: int  # 0 = first hidden layer
    neuron: int
    step: int | None  # of the first spike that only one of them fires, 0 = first; None: no such
    v_simulator: np.ndarray  # [T]
    v_chip: np.ndarray  # [T]


def draw_deployment(
    model: Model, fixed: FixedPointModel, fit: limits.Fit, spikes: SpikeInput, folder: RunFolder
) -> list[Path]:
    """Draw core loads, weights before and after rounding, and the first difference in voltage.

    Args:
        spikes: encoded test images; only the first `SAMPLES` are compared.
    Returns: the SVG files.
    """
    return save(_figures(model, fixed, fit, spikes), folder.path / "pictures")


def find_difference(model: Model, fixed: FixedPointModel, spikes: SpikeInput) -> FirstDifference:
    """Return where simulator and chip first differ by a spike.

    The first image; in it the earliest step; at that step the earliest layer, as causes precede
    effects. If all spikes are equal: the neuron and image with the largest gap of voltages.
    """
    per_layer = _simulated_voltages(model, spikes.spikes)
    result = emulator.run(fixed, spikes, record="uv")
    assert result.u is not None and result.v is not None
    on_chip = [
        _before_reset(layer, u, v)
        for layer, u, v in zip(fixed.layers, result.u, result.v, strict=True)
    ]
    if not model.layers[-1].fires and len(model.layers) > 1:  # a readout has no spikes to compare
        per_layer, on_chip = per_layer[:-1], on_chip[:-1]
    offsets = np.cumsum([0, *(v.shape[2] for v in per_layer)])
    v_simulator, v_chip = np.concatenate(per_layer, axis=2), np.concatenate(on_chip, axis=2)
    differ = (v_simulator > 1) != (v_chip > 1)
    step: int | None
    if differ.any():
        sample = int(differ.any(axis=(0, 2)).argmax())
        step, unit = (int(i) for i in np.argwhere(differ[:, sample])[0])
    else:
        gaps = np.abs(v_simulator - v_chip)
        step, (_, sample, unit) = None, np.unravel_index(gaps.argmax(), gaps.shape)
    layer = int(np.searchsorted(offsets, unit, side="right")) - 1
    return FirstDifference(
        int(sample),
        layer,
        int(unit - offsets[layer]),
        step,
        v_simulator[:, sample, unit],
        v_chip[:, sample, unit],
    )


def _figures(
    model: Model, fixed: FixedPointModel, fit: limits.Fit, spikes: SpikeInput
) -> dict[str, Figure]:
    # all T steps, where samples end earlier too: simulator and chip are compared step by step
    few = dataclasses.replace(spikes.of(slice(0, SAMPLES)), lengths=None)
    names = [*(f"hidden {number}" for number in range(1, len(model.layers))), "output"]
    figures = {
        "core_map": core_loads(
            [_load(name, layer) for name, layer in zip(names, fit.layers, strict=True)]
        ),
        "weights": chip_plots.weights(
            [
                _rounding(name, layer, rounded)
                for name, layer, rounded in zip(names, model.layers, fixed.layers, strict=True)
            ]
        ),
    }
    if all(_is_compared(layer) for layer in model.layers[:-1]):
        difference = find_difference(model, fixed, few)
        figures["voltages"] = chip_plots.voltages(
            difference.v_simulator,
            difference.v_chip,
            title=_title(difference, names[difference.layer], few),
        )
    return figures


def _is_compared(layer: LayerModel) -> bool:
    """Return true for layers whose voltages are computed here, without loops or other resets."""
    return layer.w_rec is None and layer.delay is None and layer.reset == "zero"


def _load(name: str, layer: limits.LayerFit) -> CoreLoad:
    loads = {
        "compartments": layer.compartments,
        "axons in": layer.axons_in,
        "axons out": layer.axons_out,
        "synapse words": layer.synapse_words,
    }
    return CoreLoad(name, layer.cores, loads)


def _rounding(name: str, layer: LayerModel, fixed: FixedPointLayer) -> chip_plots.Rounding:
    low, high = (
        int(w)
        for w in round_to_step(np.array([-np.inf, np.inf]), fixed.weight_bits, fixed.sign_mode)
    )
    step = chip.SIGN_MODES[fixed.sign_mode].step(fixed.weight_bits)
    factor = 1.0 if layer.conv is None else layer.conv.factor
    real, rounded = (w.reshape(len(w), -1) for w in (layer.w * np.float32(factor), fixed.w))
    return chip_plots.Rounding(name, real, rounded, fixed.scale, step, low, high)


def _title(difference: FirstDifference, layer: str, spikes: SpikeInput) -> str:
    label = "" if spikes.labels is None else f" (class {spikes.labels[difference.sample]})"
    place = f"{layer}, neuron {difference.neuron}, on test image {difference.sample}{label}"
    if difference.step is None:
        images = spikes.spikes.shape[1]
        return f"Simulator and chip fire alike on {images} images; the widest gap:\n{place}"
    fires = "the chip" if difference.v_chip[difference.step] > 1 else "the simulator"
    step = difference.step + 1
    return f"First difference of simulator and chip: at step {step} only {fires} fires\n{place}"


def _simulated_voltages(model: Model, spikes: np.ndarray) -> list[np.ndarray]:
    """Return soma voltages before the reset, float32 [T, B, N] per layer.

    Args:
        spikes: of the input, [T, B, inputs].
    """
    s, voltages = torch.from_numpy(spikes).float(), []
    for layer in model.layers:
        if layer.conv is None:
            current = torch.nn.functional.linear(
                s, torch.from_numpy(layer.w), torch.from_numpy(layer.bias)
            )
        else:
            rows = currents(layer.w, layer.conv, s.flatten(0, 1).numpy())
            rows = rows + np.repeat(layer.bias, layer.neurons // len(layer.bias))
            current = torch.from_numpy(rows).unflatten(0, s.shape[:2])
        p = TwoCompartmentParams(alpha_u=layer.alpha_u, alpha_v=layer.alpha_v)
        each = [() if a is None else a.tolist() for a in (layer.alphas_u, layer.alphas_v)]
        mixed = MixedLIF(p, alphas_u=each[0], alphas_v=each[1])
        neuron = mixed if layer.is_mixed else TwoCompartmentLIF(p)
        v = soma_voltages(neuron, current)
        s = (v > 1).float()
        voltages.append(v.numpy())
    return voltages


def _before_reset(layer: FixedPointLayer, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the voltages that were compared with the threshold, thresholds, float64 [T, B, N].

    Args:
        u: recorded currents.
        v: recorded voltages, 0 after a spike.
    """
    before = np.concatenate([np.zeros_like(v[:1]), v[:-1]]).astype(np.int64)
    compared = emulator_step.saturate_voltage(
        emulator_step.integrate_voltage(emulator_step.decay(before, layer.lost()[1]), u)
    )
    return compared / (layer.vth << chip.INPUT_SHIFT)
