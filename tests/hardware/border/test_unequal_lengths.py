"""Samples that end before step T run, count and answer for their own steps alone, anywhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hardware import emulator, targets
from hardware.border.faults import Faults
from hardware.border.files import read_spikes, write_spikes
from hardware.border.layers import LayerModel
from hardware.border.model import COUNTED, Model, SpikeInput
from hardware.fixed_point import FixedPointModel, quantise

STEPS, LENGTHS = 9, np.array([9, 2, 5, 2, 1, 7])


def ragged(inputs: int = 6) -> SpikeInput:
    spikes = np.random.default_rng(1).random((STEPS, len(LENGTHS), inputs)) < 0.4
    live = np.arange(STEPS)[:, None, None] < LENGTHS[:, None]
    return SpikeInput(spikes=spikes & live, labels=np.arange(6), lengths=LENGTHS)


def net(fires: bool) -> FixedPointModel:
    rng = np.random.default_rng(2)
    hidden = LayerModel(
        w=rng.normal(0.3, 0.5, (8, 6)), bias=np.full(8, 0.1), w_rec=rng.normal(0, 0.3, (8, 8))
    )
    output = LayerModel(w=rng.normal(0.2, 0.5, (3, 8)), bias=np.full(3, 0.2), fires=fires)
    return quantise(Model(layers=(hidden, output), steps=STEPS))


@pytest.mark.parametrize("fires", [True, False])
def test_each_sample_runs_as_if_it_were_alone(fires):
    fixed, spikes = net(fires), ragged()
    together = emulator.run(fixed, spikes, record="uvs")
    alone = [
        emulator.run(
            dataclasses.replace(fixed, steps=length, report=None),
            SpikeInput(spikes=spikes.spikes[:length, b : b + 1]),
            record="uvs",
        )
        for b, length in enumerate(LENGTHS.tolist())
    ]
    assert np.array_equal(together.counts, np.concatenate([run.counts for run in alone]))
    assert together.counts.any()
    for name in COUNTED:
        total = sum(getattr(run.operations, name) for run in alone)
        assert np.array_equal(getattr(together.operations, name), total), name
    assert (together.operations.steps, together.operations.samples) == (LENGTHS.sum(), 6)
    for name in ("u", "v", "s"):
        for layer in (0, 1):
            whole = getattr(together, name)[layer]
            for b, length in enumerate(LENGTHS):
                assert np.array_equal(whole[:length, b], getattr(alone[b], name)[layer][:, 0])
                assert not whole[length:, b].any()


@pytest.mark.slow
@pytest.mark.usefixtures("lava")
@pytest.mark.parametrize("fires", [True, False])
def test_lava_gives_the_emulators_answers_and_voltages(fires):
    fixed, spikes = net(fires), ragged()
    emulated, lavas = (targets.run(fixed, spikes, t, record="v") for t in ("emulator", "lava"))
    assert np.array_equal(emulated.counts, lavas.counts) and emulated.counts.any()
    for a, b in zip(emulated.v, lavas.v, strict=True):
        assert np.array_equal(a, b)


def test_padding_does_not_enter_the_rates_that_weigh_rounding_errors():
    model = Model(
        layers=(LayerModel(w=np.random.default_rng(3).normal(0, 1, (3, 6)), bias=np.zeros(3)),),
        steps=STEPS,
    )
    few = ragged().of(slice(0, 1))  # it has all steps
    longer = np.concatenate([few.spikes, np.zeros_like(few.spikes)])
    padded = SpikeInput(spikes=longer, lengths=np.array([STEPS]))
    plain, filled = (quantise(model, calibration=spikes) for spikes in (few, padded))
    assert np.array_equal(plain.layers[0].w, filled.layers[0].w)
    assert plain.report == filled.report


def test_lengths_come_back_from_a_file(tmp_path):
    write_spikes(ragged(), tmp_path / "spikes.npz")
    assert read_spikes(tmp_path / "spikes.npz").lengths.tolist() == LENGTHS.tolist()


@pytest.mark.parametrize(
    ("lengths", "reason"),
    [
        ([1, 2], "need the steps of each sample"),
        ([9.0] * 6, "whole numbers"),
        ([0, 2, 5, 2, 1, 7], "run from 0 to 7; need 1 to 9 steps"),
        ([10, 2, 5, 2, 1, 7], "run from 1 to 10; need 1 to 9 steps"),
        ([1] * 6, "spikes after the last step"),
    ],
)
def test_wrong_lengths_are_refused_in_one_line(lengths, reason):
    with pytest.raises(ValueError, match=reason) as refused:
        SpikeInput(spikes=ragged().spikes, lengths=np.array(lengths))
    assert "\n" not in str(refused.value)


def test_faults_of_samples_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="faults are drawn for samples of one length"):
        targets.run(net(True), ragged(), "emulator", faults=Faults(dead=0.1))
