"""The emulator with faults: without any it is the emulator, and with them each is where it was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hardware import emulator, faults, faulty_emulator, targets
from hardware.border.faults import Faults
from hardware.border.model import COUNTED


def same(result, other) -> bool:
    operations = all(
        np.array_equal(getattr(result.operations, name), getattr(other.operations, name))
        for name in COUNTED
    )
    return operations and np.array_equal(result.counts, other.counts)


@pytest.mark.parametrize("rates", [{}, {"lost": 1e-12}, {"noise": 1e-9}, {"output": False}])
def test_faults_that_never_strike_change_no_bit(random_net, rates) -> None:
    fixed, spikes = random_net(9, 30, 20, 5, samples=300)
    plain = emulator.run(fixed, spikes, record=("s",))
    faulty = faulty_emulator.run(fixed, spikes, Faults(**rates), record=("s",))
    assert same(faulty, plain) and plain.counts.any()
    for s, other in zip(faulty.s, plain.s, strict=True):
        assert np.array_equal(s, other)


@pytest.mark.parametrize("kind", ["dead", "stuck", "lost", "synapses", "weight_bits", "state_bits"])
def test_the_same_seed_gives_the_same_run_and_another_seed_another(random_net, kind) -> None:
    fixed, spikes = random_net(9, 30, 5, samples=40)
    first, again, other = (
        faulty_emulator.run(fixed, spikes, Faults(**{kind: 0.3}, seed=seed)) for seed in (0, 0, 1)
    )
    plain = emulator.run(fixed, spikes)
    assert same(first, again) and not same(first, other) and not same(first, plain)


def test_dead_neurons_are_silent_and_the_next_layer_hears_the_others_alone(random_net) -> None:
    fixed, spikes = random_net(9, 30, 5, samples=20)
    p = Faults(dead=0.5, output=False)
    result = faulty_emulator.run(fixed, spikes, p, record=("s",))
    dead, _ = faults.neurons_fail(p, 0, 30)
    assert 5 < dead.sum() < 25
    second = fixed.layers[1].w.copy()
    second[:, dead] = 0
    cut = (fixed.layers[0], dataclasses.replace(fixed.layers[1], w=second))
    expected = emulator.run(dataclasses.replace(fixed, layers=cut), spikes)
    assert np.array_equal(result.counts, expected.counts)
    assert result.operations.spikes.tolist() == [
        int(spikes.spikes.sum()),
        int(result.s[0].sum()),
        int(result.s[1].sum()),
    ]


def test_a_samples_faults_depend_on_its_place_alone(random_net) -> None:
    fixed, spikes = random_net(9, 30, 5, samples=600)
    p = Faults(lost=0.3)
    every = faulty_emulator.run(fixed, spikes, p).counts
    first = dataclasses.replace(spikes, spikes=spikes.spikes[:, :512])
    assert np.array_equal(faulty_emulator.run(fixed, first, p).counts, every[:512])


def test_flipped_voltages_stay_within_24_bits_and_noise_changes_spikes(random_net) -> None:
    fixed, spikes = random_net(9, 30, 5, samples=20)
    plain = emulator.run(fixed, spikes)
    for p in (Faults(state_bits=1.0), Faults(noise=0.5)):
        result = faulty_emulator.run(fixed, spikes, p)
        assert not np.array_equal(result.counts, plain.counts)
    v = np.array([0, 5, -5, 2**23 - 1, 1 - 2**23])
    for bit in range(24):
        flipped = faulty_emulator._flipped(v, np.int64(1 << bit))
        assert flipped.min() >= -(2**23) and flipped.max() < 2**23
        assert np.array_equal(np.abs(flipped - v), np.full(5, 1 << bit))


def test_targets_take_faults_where_they_can(random_net) -> None:
    fixed, spikes = random_net(9, 30, 5, samples=10)
    p = Faults(dead=0.4)
    by_target = targets.run(fixed, spikes, "emulator", faults=p)
    assert same(by_target, faulty_emulator.run(fixed, spikes, p))
    with pytest.raises(ValueError, match="not in Lava: run the target 'emulator'"):
        targets.run(fixed, spikes, "lava", faults=p)
    with pytest.raises(ValueError, match="takes no options, and so no faults"):
        targets.run(fixed, spikes, lambda fixed, spikes: by_target, faults=p)
    with pytest.raises(ValueError, match="spikes alone are recorded"):
        faulty_emulator.run(fixed, spikes, p, record=("u",))
