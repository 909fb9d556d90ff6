"""Pictures of a deployment find and draw the first spike that only one side fires."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from biograd.pictures import saving
from biograd.pictures.deployment import draw_deployment, find_difference
from biograd.runs.checkpoint import RunFolder
from hardware import emulator, limits
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import quantise

INPUT = np.random.default_rng(0).integers(0, 2, (12, 30, 20)).astype(np.uint8)
INPUT[:, :3] = 0  # three silent samples, on which no spike can differ
SPIKES = SpikeInput(spikes=INPUT, labels=np.arange(30) % 4)


def model(scale: float = 0.4) -> Model:
    drawn = np.random.default_rng(1)
    layers = tuple(
        LayerModel(
            w=drawn.normal(0, scale, (out, inputs)).astype(np.float32),
            bias=np.zeros(out, np.float32),
            alpha_u=0.5,
            alpha_v=0.75,
        )
        for inputs, out in ((20, 8), (8, 4))
    )
    return Model(layers=layers, steps=12)


@pytest.fixture(scope="module")
def deployed():
    """Return a network as real numbers and as integers that agree on some samples only."""
    floats = model()
    return floats, quantise(floats, calibration=SPIKES)


def test_the_first_difference_is_the_earliest_of_the_first_image_that_differs(deployed):
    floats, fixed = deployed
    found = find_difference(floats, fixed, SPIKES)
    assert found.step is not None and found.sample >= 3
    differ = (found.v_simulator > 1) != (found.v_chip > 1)
    assert int(differ.argmax()) == found.step
    one_less = SpikeInput(spikes=SPIKES.spikes[:, : found.sample])
    assert find_difference(floats, fixed, one_less).step is None
    # the chip's voltage before the reset is above 1 exactly where it fired
    result = emulator.run(fixed, SPIKES, record=("s",))
    fired = result.s[found.layer][:, found.sample, found.neuron]
    assert np.array_equal(found.v_chip > 1, fired == 1)


def test_decays_of_each_neuron_are_those_of_both_sides():
    floats = model()
    hidden = replace(floats.layers[0], alphas_v=np.linspace(0.1, 0.95, 8))
    mixed = replace(floats, layers=(hidden, floats.layers[1]))
    fixed = quantise(mixed, calibration=SPIKES)
    found, unaware = (find_difference(m, fixed, SPIKES) for m in (mixed, floats))
    assert np.abs(found.v_simulator[: found.step] - found.v_chip[: found.step]).max(initial=0) < 0.2
    assert unaware.sample == 3 <= found.sample  # decays that are left out show at once


def test_where_all_spikes_are_equal_the_widest_gap_is_found():
    silent = model(scale=0.001)
    found = find_difference(silent, quantise(silent, calibration=SPIKES), SPIKES)
    assert found.step is None
    assert 0 < np.abs(found.v_simulator - found.v_chip).max() < 1e-3


@pytest.mark.slow
def test_three_pictures_of_a_deployment_are_written(deployed, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "as_png", lambda figure: b"slow to draw")
    floats, fixed = deployed
    folder = RunFolder(tmp_path)
    written = draw_deployment(floats, fixed, limits.check(fixed), SPIKES, folder)
    assert [path.name for path in written] == ["core_map.svg", "weights.svg", "voltages.svg"]
    assert all(path.with_suffix(".png").exists() for path in written)
