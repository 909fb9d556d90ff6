"""The grid code: exact without noise, the figures of a trial with it, and circuits of copies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from biograd.studies.grid_code import (
    TABLES,
    GridCode,
    Multiplexing,
    coprime_periods,
    error_rate,
    gate_error,
    ideal,
    majority,
    multiplier,
    nand_circuit,
    run_circuit,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("gate", TABLES)
def test_without_noise_every_gate_is_its_truth_table(gate: str) -> None:
    x = np.arange(4)
    assert GridCode().decode(x, rng()).tolist() == [0, 1, 2, 3]
    a, b = x % 2, x // 2
    logic = {"and": a & b, "or": a | b, "xor": a ^ b, "nand": 1 - (a & b)}[gate]
    assert list(TABLES[gate]) == logic.tolist()
    assert gate_error(GridCode(), gate=gate, trials=200, rng=rng()).rate == 0


# An independent trial of this construction, 20,000 trials per figure, in per cent.
TRIAL = {2: (0.2, 6.2, 15.0, 23.4), 3: (0.0, 1.0, 7.4, 17.5), 5: (0.0, 0.45, 4.6, 13.2)}


@pytest.mark.parametrize("modules", TRIAL)
def test_a_nand_gate_errs_as_often_as_in_a_trial(modules: int) -> None:
    for noise, percent in zip((0.05, 0.1, 0.15, 0.2), TRIAL[modules], strict=True):
        code = GridCode(periods=coprime_periods(modules), phase_noise=noise)
        rate = gate_error(code, trials=20_000, rng=rng(1)).rate
        # four standard errors of the difference of two trials, and the rounding of the figure
        error = 4 * math.sqrt(2 * max(percent / 100, 1e-4) / 20_000) + 0.0006
        assert rate == pytest.approx(percent / 100, abs=error)


def test_copies_lower_the_error_and_every_noise_raises_it() -> None:
    rates = [
        gate_error(GridCode(copies=n, phase_noise=0.2), trials=4000, rng=rng()).rate
        for n in (1, 2, 4)
    ]
    assert rates[0] > 1.5 * rates[1] > 2.5 * rates[2] > 0
    quiet = gate_error(GridCode(phase_noise=0.1), trials=4000, rng=rng()).rate
    for noise in ({"unit_noise": 0.8}, {"score_noise": 2.0}, {"synapses": 0.4}):
        assert gate_error(GridCode(phase_noise=0.1, **noise), trials=4000, rng=rng()).rate > quiet


def test_the_multiplier_multiplies() -> None:
    numbers = np.array([[a & 1, a >> 1, b & 1, b >> 1] for a in range(4) for b in range(4)])
    product = ideal(multiplier(), numbers)[-1] @ [1, 2, 4, 8]
    assert product.tolist() == [a * b for a in range(4) for b in range(4)]
    *_, last = run_circuit(
        multiplier(), numbers, GridCode(), Multiplexing(copies=3, reads=2), rng()
    )
    assert np.array_equal(majority(last), ideal(multiplier(), numbers)[-1])


def test_a_deep_circuit_without_noise_is_the_ideal_one_in_every_copy() -> None:
    circuit, bits = nand_circuit(12, 3, rng()), rng(1).integers(0, 2, (5, 3))
    states = list(run_circuit(circuit, bits, GridCode(), Multiplexing(copies=4, reads=2), rng()))
    assert np.array_equal(np.stack(states), np.repeat(ideal(circuit, bits)[1:, ..., None], 4, -1))
    assert (circuit.sources[..., 0] != circuit.sources[..., 1]).all()


def wrong_at_the_end(copies: int, fault: float) -> float:
    circuit, bits = nand_circuit(15, 2, rng(3)), rng(1).integers(0, 2, (30, 2))
    p = Multiplexing(copies=copies, reads=3, fault=fault)
    *_, last = run_circuit(circuit, bits, GridCode(periods=(3, 4, 5)), p, rng(2))
    return float((majority(last) != ideal(circuit, bits)[-1]).mean())


def test_below_the_threshold_more_copies_save_the_answer_and_above_it_nothing_does() -> None:
    assert wrong_at_the_end(3, 0.06) > 0.05 and wrong_at_the_end(61, 0.06) == 0
    assert wrong_at_the_end(61, 0.3) > 0.3


def test_wilsons_interval_holds_the_rate_and_narrows_with_trials() -> None:
    few, many = error_rate(5, 100), error_rate(500, 10_000)
    # Source: Wilson 1927; 5 of 100: 2.15 % to 11.18 %
    assert few.low == pytest.approx(0.0215, abs=1e-4)
    assert few.high == pytest.approx(0.1118, abs=1e-4)
    assert few.low < many.low < 0.05 < many.high < few.high


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda: GridCode(periods=(3, 1)), "need whole numbers of at least 2"),
        (lambda: GridCode(phase_noise=-1), "grid.phase_noise is -1; need 0 <= phase_noise"),
        (lambda: GridCode(synapses=1.5), "grid.synapses is 1.5; need 0 <= synapses <= 1"),
        (lambda: Multiplexing(copies=2, reads=3), "need reads of at most copies"),
        (lambda: Multiplexing(fault=2), "multiplexing.fault is 2; need 0 <= fault <= 1"),
        (lambda: gate_error(GridCode(), gate="nor", rng=rng()), "known: and, or, xor, nand"),
        (lambda: error_rate(3, 2), "wrong is 3; need 0 to 2"),
        (
            lambda: next(
                run_circuit(multiplier(), np.zeros((2, 3), int), GridCode(), Multiplexing(), rng())
            ),
            r"need \[trials, 4\]",
        ),
    ],
)
def test_codes_that_cannot_be_are_refused(fails, message) -> None:
    with pytest.raises(ValueError, match=message):
        fails()
