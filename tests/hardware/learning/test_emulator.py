"""The compiled emulator equals the slow reference, and learns."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from hardware.learning.emulator import evaluate, learn, output_counts, sleep
from hardware.learning.inputs import spike_masks
from hardware.learning.params import ChipLearningParams
from hardware.learning.reference import ReferenceChip
from hardware.learning.sleep_params import ChipSleepParams
from hardware.learning.state import feedback_angle, start

VARIANTS = [
    {},
    {"traces": "unsigned"},
    {"rounding": "stock", "weight_bits": 9},
    {"rounding": "nearest", "weight_bits": 6, "epoch": 1},
    {"rounding": "floor", "epoch": 7},
    {"feedback": "random"},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_compiled_emulator_equals_the_reference(changes, tiny, patterns, taught):
    params = dataclasses.replace(tiny, **changes)
    images, labels = patterns(7)
    state, before = taught(params), start(params)
    chip = ReferenceChip(params)
    chip.run(images, labels, np.random.default_rng([params.seed, 1, 0]).permutation(7))
    assert chip.differences(state) == []
    assert not np.array_equal(state.w[0], before.w[0]), (
        "nothing was learned, so nothing was compared"
    )


@pytest.mark.parametrize("traces", ["signed", "unsigned"])
def test_a_net_without_hidden_layers_equals_the_reference_on_spikes(traces, tiny, patterns):
    params = dataclasses.replace(tiny, sizes=(20, 4), traces=traces)
    grey, labels = patterns(7)
    spikes = spike_masks(params.steps)[grey].astype(np.uint64)
    state, from_grey = start(params), start(params)
    list(learn(state, spikes, labels))
    list(learn(from_grey, grey, labels))
    chip = ReferenceChip(params)
    chip.run(spikes, labels, np.random.default_rng([params.seed, 1, 0]).permutation(7))
    assert chip.differences(state) == []
    assert np.array_equal(state.w[0], from_grey.w[0])
    assert not np.array_equal(state.w[0], start(params).w[0]), "nothing was learned"
    assert np.array_equal(output_counts(state, spikes), output_counts(state, grey))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"sizes": (20, 9, 8, 4), "traces": "unsigned"}, {"sizes": (20, 9, 8, 4), "epoch": 3}],
    ids=str,
)
def test_compiled_emulator_equals_the_reference_with_two_hidden_layers(
    changes, tiny, patterns, taught
):
    params = dataclasses.replace(tiny, **changes)
    state = taught(params)
    chip = ReferenceChip(params)
    chip.run(*patterns(7), np.random.default_rng([params.seed, 1, 0]).permutation(7))
    assert chip.differences(state) == []


def test_reference_notices_a_single_changed_weight(tiny, patterns, taught):
    params = tiny
    state = taught(params)
    chip = ReferenceChip(params)
    chip.run(*patterns(7), np.random.default_rng([params.seed, 1, 0]).permutation(7))
    state.w_fb[0][0, 1, 2] += 2
    assert chip.differences(state) == ["w_fb0.0"]


def test_grey_values_spike_as_often_as_they_are_bright():
    masks = spike_masks(20)
    assert masks[0] == 0
    assert masks[255] == (1 << 20) - 1
    sent = [int(mask).bit_count() for mask in masks]
    assert sent == [int(np.floor(20 * grey / 255 + 0.5)) for grey in range(256)]


def test_patterns_are_learned(patterns, longer):
    state = start(longer)
    list(learn(state, *patterns(600)))
    assert evaluate(state, *patterns(300, seed=1)) > 0.9


def test_shuffled_labels_stay_at_chance(patterns, longer):
    images, _ = patterns(600)
    state = start(longer)
    list(learn(state, images, np.random.default_rng(3).integers(0, 4, 600)))
    # chance is 0.25; the majority of a prototype's few random labels may win
    assert evaluate(state, *patterns(400, seed=1)) < 0.55


def test_sleep_turns_feedback_towards_the_forward_path():
    state = start(ChipLearningParams(sizes=(4, 60, 10)))
    angles = [feedback_angle(state)]
    for _ in range(3):
        for _ in range(20):
            sleep(state)
        angles.append(feedback_angle(state))
    assert angles[0] == 90
    assert angles[1] < 40
    assert angles[3] < 35


def test_feedback_of_silent_outputs_only_fades_whatever_the_forward_weights(tiny):
    # With outputs that never fire, feedback must not depend on the forward weights: no other way
    # leads from one to the other. A drive of 0 and weights scaled far below threshold keep them
    # silent.
    params = dataclasses.replace(
        tiny, sleep=dataclasses.replace(tiny.sleep, drive=0.0), vth=60_000, rounding="nearest"
    )
    faded = []
    for seed in (1, 2):
        state = start(params)
        state.w[1][...] = np.random.default_rng(seed).integers(-60, 60, state.w[1].shape) * 2
        state.w_fb[0][...] = 128
        record = sleep(state)
        assert record.spikes[-1] == 0
        faded.append(state.w_fb[0].copy())
    assert np.array_equal(*faded)
    assert (faded[0] == 120).all()


def test_frozen_layers_keep_their_weights(tiny, taught):
    params = dataclasses.replace(tiny, plastic=(False, True))
    state, before = taught(params), start(params)
    assert np.array_equal(state.w[0], before.w[0])
    assert not np.array_equal(state.w[1], before.w[1])


def test_random_feedback_stays_as_it_was(tiny, taught):
    params = dataclasses.replace(tiny, feedback="random")
    state, before = taught(params), start(params)
    assert np.array_equal(state.w_fb[0], before.w_fb[0])
    assert before.w_fb[0].any()
    assert state.nights == 0


def test_evaluation_learns_nothing(tiny, patterns, taught):
    state = taught(tiny)
    before = [w.copy() for w in (*state.w, *state.w_fb, *state.x1)], state.clock
    images, labels = patterns(10, seed=2)
    counts = output_counts(state, images)
    assert evaluate(state, images, labels) == np.mean(counts.argmax(axis=1) == labels)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(before[0], (*state.w, *state.w_fb, *state.x1), strict=True)
    )
    assert state.clock == before[1]


def test_weights_stay_what_their_bits_can_hold(tiny, taught):
    for bits in (4, 6, 8):
        state = taught(
            dataclasses.replace(tiny, weight_bits=bits, gain_output=255, shift_output=2), n=40
        )
        step = 1 << (9 - bits)
        for w in (*state.w, *state.w_fb):
            assert (w % step == 0).all()
            assert w.min() >= -256
            assert w.max() <= 256 - step


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 20)), np.zeros(2, int), "need uint8"),
        (np.full((2, 20), 1 << 20, np.uint64), np.zeros(2, int), "spikes after step 20"),
        (np.zeros((0, 20), np.uint8), np.zeros(0, int), "n at least 1"),
        (np.zeros((2, 21), np.uint8), np.zeros(2, int), "21 pixels, the net takes 20"),
        (np.zeros((2, 20), np.uint8), np.zeros(3, int), "one whole number for each of 2 images"),
        (
            np.zeros((2, 20), np.uint8),
            np.array([0, 4]),
            "labels reach from 0 to 4; the net has classes 0 to 3",
        ),
        (np.zeros((2, 20), np.uint8), np.array([-1, 0]), "labels reach from -1"),
        (np.zeros((2, 20), np.uint8), np.zeros(2), "labels are float64"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused_before_anything_is_learned(
    images, labels, message, tiny, patterns
):
    state = start(tiny)
    with pytest.raises(ValueError, match=message):
        learn(state, images, labels)
    with pytest.raises(ValueError, match="epochs is 0"):
        learn(state, *patterns(3), epochs=0)
    assert state.clock == 0


@pytest.mark.slow
def test_mnist_is_learned_online_fast_enough():
    # Noise the size of MNIST: 5,000 samples per second of processor time on one core, with a margin
    # for slow machines.
    rng = np.random.default_rng(0)
    images = (rng.random((2000, 784)) * 255).astype(np.uint8)
    # 81 % of MNIST's pixels are 0
    images[rng.random(images.shape) < 0.8] = 0
    state = start(ChipLearningParams(samples=2000))
    list(learn(state, images[:100], np.zeros(100, int)))  # compile
    state = start(ChipLearningParams(samples=2000, sleep=ChipSleepParams(before=0)))
    begun = time.process_time()
    list(learn(state, images, rng.integers(0, 10, 2000)))
    assert 2000 / (time.process_time() - begun) > 2500
