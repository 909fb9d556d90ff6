"""Constants of the compiled loops follow from the parameters."""

from __future__ import annotations

from hardware.learning.constants import chip_constants, sleep_constants
from hardware.learning.params import ChipLearningParams


def test_decays_are_kept_fractions_and_shifts_leave_128ths_of_a_weight():
    constants = chip_constants(ChipLearningParams(du=3071, dv=1024, exponent=-7, weight_bits=8))
    assert (constants.keep_u, constants.keep_v) == (1024, 3072)  # 1/4 and 3/4 of 4096
    assert (constants.up, constants.bits, constants.step) == (0, 8, 2)


def test_signed_traces_centre_the_noise_and_unsigned_ones_take_two_products():
    signed = sleep_constants(ChipLearningParams())
    assert signed.y_noise.tolist() == [[-1, 4], [0, 0]] and len(signed.hebb) == 1
    unsigned = sleep_constants(ChipLearningParams(traces="unsigned"))
    assert unsigned.y_noise.tolist() == [[0, 5], [1, 1]] and len(unsigned.hebb) == 2
    assert unsigned.hebb[0, 0] == -unsigned.hebb[1, 0] > 0
