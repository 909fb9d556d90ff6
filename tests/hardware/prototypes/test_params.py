import numpy as np
import pytest

from hardware.learning.inputs import spike_masks
from hardware.prototypes.params import PrototypeParams


def test_the_first_gain_fits_the_traces_that_spikes_leave():
    params = PrototypeParams()
    keep = np.exp(-1 / params.x1_tau)
    masks, traces, counts = spike_masks(params.steps), [], []
    for mask in masks.tolist():
        x1 = 0.0
        for k in range(params.period):
            spike = k < params.steps and mask >> k & 1
            x1 = min(127.0, keep * x1 + params.x1_impulse * spike)
        traces.append(x1)
        counts.append(mask.bit_count())
    slope = np.dot(traces, counts) / np.dot(counts, counts)
    assert params.first_gain / 64 == pytest.approx(2 * slope * 15 / 16, rel=0.05)


def test_a_gain_that_is_given_is_kept():
    assert PrototypeParams(energy_gain=500).first_gain == 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prototypes": 0}, "prototypes is 0"),
        ({"steps": 49}, "steps is 49"),
        ({"weight_bits": 7}, "weight_bits is 7; Loihi has"),
        ({"energy_gain": 0}, "energy_gain is 0"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        PrototypeParams(**change)


def test_parameters_read_back_from_json():
    params = PrototypeParams(push=3, seed=9)
    assert PrototypeParams.from_json(params.to_json()) == params
    with pytest.raises(ValueError, match="not of this version"):
        PrototypeParams.from_json('{"colour": 1}')
