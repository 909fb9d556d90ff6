"""Layers in integers whose neurons, or maps, decay each in its own way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hardware import chip, emulator, emulator_step
from hardware.border.faults import Faults
from hardware.border.layers import LayerModel
from hardware.border.model import Model, SpikeInput
from hardware.border.shapes import Convolution
from hardware.faulty_emulator import run as run_with_faults
from hardware.fixed_layers import FixedPointLayer, FixedPointModel, read_fixed, write_fixed
from hardware.fixed_point import quantise
from hardware.limits import LimitError, check, worst_case_current

RNG = np.random.default_rng(0)
STEPS, SAMPLES = 20, 30
CONV = Convolution(in_shape=(2, 6, 6), channels=4, kernel=(3, 3), stride=(2, 2), padding=(1, 1))


def a_layer(conv: Convolution | None = None, recurrent: bool = False, rows: int = 4):
    shape = (rows, 9) if conv is None else conv.weight_shape
    return FixedPointLayer(
        w=RNG.integers(-60, 90, shape) * 2,
        w_bias=RNG.integers(-10, 30, (rows, 1)) * 2,
        vth=300,
        decays=np.array([RNG.integers(0, 4096, rows), RNG.integers(0, 4096, rows)]),
        conv=conv,
        w_rec=RNG.integers(-60, 60, (rows, rows)) * 2 if recurrent else None,
    )


def spikes_for(layer: FixedPointLayer) -> SpikeInput:
    drawn = RNG.random((STEPS, SAMPLES, layer.inputs)) < 0.3
    return SpikeInput(spikes=drawn.astype(np.uint8))


def recorded(layer: FixedPointLayer, spikes: SpikeInput):
    model = FixedPointModel(layers=(layer,), steps=STEPS)
    result = emulator.run(model, spikes, record=("u", "v", "s"))
    return [part[0] for part in (result.u, result.v, result.s)]


@pytest.mark.parametrize("conv", [None, CONV])
def test_each_row_of_weights_runs_as_in_a_layer_of_its_own_decays(conv):
    layer = a_layer(conv)
    spikes = spikes_for(layer)
    mixed = recorded(layer, spikes)
    assert mixed[2].any()
    for row, (du, dv) in enumerate(layer.decays.T):
        alike = recorded(replace(layer, decays=None, du=int(du), dv=int(dv)), spikes)
        own = slice(row * layer.positions, (row + 1) * layer.positions)
        for part, other in zip(mixed, alike, strict=True):
            assert np.array_equal(part[:, :, own], other[:, :, own])


@pytest.mark.parametrize(("conv", "recurrent"), [(None, False), (None, True), (CONV, False)])
def test_the_loops_equal_the_readable_step(conv, recurrent):
    layer = a_layer(conv, recurrent)
    spikes = spikes_for(layer)
    stepped = emulator_step.run_reference(FixedPointModel(layers=(layer,), steps=STEPS), spikes)
    for part, other in zip(recorded(layer, spikes), "uvs", strict=True):
        assert np.array_equal(part, getattr(stepped, other)[0])


def test_the_emulator_with_faults_decays_alike():
    model = FixedPointModel(layers=(a_layer(),), steps=STEPS)
    spikes = spikes_for(model.layers[0])
    faulty = run_with_faults(model, spikes, Faults(noise=1e-9))  # less than any unit
    assert np.array_equal(faulty.counts, emulator.run(model, spikes).counts)


def test_a_file_brings_the_decays_back(tmp_path):
    model = FixedPointModel(layers=(a_layer(),), steps=STEPS)
    write_fixed(model, tmp_path / "fixed.npz")
    assert np.array_equal(
        read_fixed(tmp_path / "fixed.npz").layers[0].decays, model.layers[0].decays
    )


def test_decays_are_rounded_to_twelve_bits_and_the_report_names_the_worst():
    alphas = np.array([0.12, 0.3331, 0.75, 0.8711])
    layer = LayerModel(w=RNG.normal(size=(4, 9)), bias=np.zeros(4), alpha_v=0.5, alphas_u=alphas)
    fixed = quantise(Model(layers=(layer,), steps=STEPS))
    wanted = np.rint(4096 * (1 - alphas.astype(np.float32))).astype(int)
    assert fixed.layers[0].decays.tolist() == [(wanted - 1).tolist(), [2048] * 4]
    report = fixed.report.layers[0]
    errors = np.abs(1 - wanted / 4096 - alphas)
    assert report.alpha_u_asked == pytest.approx(alphas[errors.argmax()])
    assert abs(report.alpha_u_asked - report.alpha_u_got) == pytest.approx(errors.max(), rel=1e-3)
    assert (report.alpha_v_asked, report.alpha_v_got) == (0.5, 0.5)


def test_a_core_holds_32_pairs_and_the_slowest_current_bounds_the_sum():
    layer = a_layer(rows=40)
    level = np.arange(40) % 32
    fits = replace(layer, decays=np.array([level + 100, level]))
    check(FixedPointModel(layers=(fits,), steps=STEPS))
    alike = replace(layer, decays=None, du=100, dv=0)
    assert worst_case_current(fits) == worst_case_current(alike)
    level = np.arange(40) % 33
    beyond = replace(layer, decays=np.array([level + 100, level]))
    says = r"^layer 1: its neurons have 33 pairs of decays; a Loihi core holds 32: give"
    with pytest.raises(LimitError, match=says):
        check(FixedPointModel(layers=(beyond,), steps=STEPS))
    beyond = replace(layer, decays=[[0] * 40, [4096] * 40])
    with pytest.raises(LimitError, match=r"^layer 1: dv is 4,096; Loihi holds 0 to 4,095"):
        check(FixedPointModel(layers=(beyond,), steps=STEPS))
    assert chip.MAX_DECAY_PAIRS == 32


@pytest.mark.parametrize(
    ("decays", "says"),
    [
        (np.zeros((2, 3), np.int64), r"^FixedPointLayer.decays has shape \(2, 3\); need \(2, 4\)"),
        (np.full((2, 4), 0.5), "^FixedPointLayer.decays is float64"),
    ],
)
def test_decays_that_are_no_pair_per_row_are_refused(decays, says):
    with pytest.raises(ValueError, match=says):
        replace(a_layer(), decays=decays)
