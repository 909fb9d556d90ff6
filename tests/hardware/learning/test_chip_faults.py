"""A chip that learns with faults: compiled loops equal the reference; learning goes around them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hardware import faulty_emulator
from hardware.border.faults import Faults
from hardware.border.model import SpikeInput
from hardware.faults import neurons_fail, synapses_fail
from hardware.fixed_point import quantise
from hardware.learning.emulator import evaluate, learn, output_counts
from hardware.learning.faults import damaged
from hardware.learning.inputs import spike_masks
from hardware.learning.reference import ReferenceChip
from hardware.learning.state import read_state, start, to_model, write_state

BROKEN = Faults(dead=0.2, stuck=0.1, synapses=0.2, seed=2)


@pytest.mark.parametrize(
    "changes",
    [{}, {"traces": "unsigned"}, {"sizes": (20, 9, 8, 4)}, {"feedback": "random"}],
    ids=str,
)
def test_compiled_emulator_with_faults_equals_the_reference(changes, tiny, patterns):
    params = dataclasses.replace(tiny, **changes)
    images, labels = patterns(7)
    state = damaged(start(params), BROKEN)
    list(learn(state, images, labels))
    chip = ReferenceChip(params, BROKEN)
    chip.run(images, labels, np.random.default_rng([params.seed, 1, 0]).permutation(7))
    assert chip.differences(state) == []
    intact = start(params)
    list(learn(intact, images, labels))
    assert chip.differences(intact), "the faults changed nothing, so nothing was compared"


def test_no_faults_change_no_bit(tiny, patterns, taught):
    state = damaged(start(tiny), Faults(seed=5))
    list(learn(state, *patterns(7)))
    intact = taught(tiny)
    for name in ("w", "w_fb", "x1", "means"):
        for one, other in zip(getattr(state, name), getattr(intact, name), strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_was_learned_under_faults_deploys_with_the_same_faults(longer, patterns):
    """Faults are those of `faulty_emulator`, neuron for neuron and synapse for synapse."""
    state = damaged(start(longer), BROKEN)
    list(learn(state, *patterns(100)))
    images, _ = patterns(50, seed=3)
    spikes = (spike_masks(longer.steps)[images] >> np.arange(longer.steps)[:, None, None]) & 1
    ran = faulty_emulator.run(
        quantise(to_model(state)), SpikeInput(spikes=spikes.astype(np.uint8)), BROKEN
    )
    np.testing.assert_array_equal(ran.counts, output_counts(state, images))


def test_failed_synapses_stay_silent_and_others_learn(longer, patterns):
    faults = Faults(synapses=0.5, seed=1)
    state = damaged(start(longer), faults)
    before = [w.copy() for w in state.w]
    failed = [
        synapses_fail(faults, layer, (w.shape[1], len(w) - 1)).T for layer, w in enumerate(before)
    ]
    list(learn(state, *patterns(100)))
    for w, first, broken in zip(state.w, before, failed, strict=True):
        assert not w[:-1][broken].any()
        assert (w[:-1][~broken] != first[:-1][~broken]).any()
    assert 0.3 < (state.w_fb[0] == 0).mean() < 0.7


def test_learning_on_goes_around_dead_neurons(longer, patterns):
    params = dataclasses.replace(longer, sizes=(20, 40, 4), samples=None)
    state = start(params)
    list(learn(state, *patterns(600)))
    test = patterns(300, seed=1)
    intact = evaluate(state, *test)
    broken = damaged(state, Faults(dead=0.6, output=False, seed=0))
    at_once = evaluate(broken, *test)
    list(learn(broken, *patterns(600), epochs=2))
    healed = evaluate(broken, *test)
    assert at_once < intact - 0.1
    assert healed > at_once + 0.5 * (intact - at_once)


def test_damage_leaves_the_given_state_as_it_was(longer, patterns):
    state = start(longer)
    before = [w.copy() for w in state.w]
    broken = damaged(state, Faults(synapses=0.5))
    list(learn(broken, *patterns(20)))
    assert not state.faults.any
    for w, first in zip(state.w, before, strict=True):
        np.testing.assert_array_equal(w, first)


def test_dead_outputs_are_never_answered_unless_the_output_is_spared(longer, patterns):
    faults = Faults(dead=0.5, seed=3)
    dead, _ = neurons_fail(faults, 1, 4)
    assert dead.any() and not dead.all()
    images, _ = patterns(50)
    state = start(dataclasses.replace(longer, init=6.0))
    assert not output_counts(damaged(state, faults), images)[:, dead].any()
    spared = dataclasses.replace(faults, output=False)
    assert output_counts(damaged(state, spared), images)[:, dead].any()


def test_a_stored_state_keeps_its_faults(tiny, patterns, tmp_path):
    state = damaged(start(tiny), BROKEN)
    list(learn(state, *patterns(7)))
    write_state(state, tmp_path / "state.npz")
    again = read_state(tmp_path / "state.npz")
    assert again.faults == BROKEN
    for one in (state, again):
        list(learn(one, *patterns(7), epochs=2))
    for one, other in zip(state.w, again.w, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["lost", "noise", "weight_bits", "state_bits"])
def test_faults_that_change_from_step_to_step_are_refused(tiny, kind):
    with pytest.raises(ValueError, match=f"faults.{kind} is 0.1; a chip that learns takes faults"):
        damaged(start(tiny), Faults(**{kind: 0.1}))
    with pytest.raises(TypeError, match=r"faults is 0\.1"):
        damaged(start(tiny), 0.1)
