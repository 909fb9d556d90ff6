"""Learning on the chip: the compiled emulator against the slow reference, and what it must be able
to learn.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from hardware.border.files import read_model, write_model
from hardware.border.model import LayerModel, Model
from hardware.fixed_point import quantise
from hardware.learning import state as learning_state
from hardware.learning.emulator import evaluate, learn, output_counts, sleep, spike_masks
from hardware.learning.params import ChipLearningParams
from hardware.learning.reference import ReferenceChip
from hardware.learning.sleep_params import ChipSleepParams
from hardware.learning.state import (
    feedback_angle,
    from_model,
    read_state,
    start,
    to_model,
    write_state,
)

TINY = ChipLearningParams(
    sizes=(20, 12, 4), vth=200, init=1.5, gain_hidden=255, shift_hidden=9, samples=40, margin_positive=1, margin_negative=0,
    sleep=ChipSleepParams(steps=40, every=3, before=2),
)  # fmt: skip


def patterns(
    n: int, seed: int = 0, inputs: int = 20, classes: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Noisy prototypes, one per class: uint8 [n, inputs], int64 [n]."""
    prototypes = (np.random.default_rng(99).random((classes, inputs)) < 0.4) * 255.0
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    return (
        np.clip(prototypes[labels] + rng.normal(0, 60, (n, inputs)), 0, 255).astype(np.uint8),
        labels,
    )


def taught(params: ChipLearningParams, n: int = 7) -> learning_state.LearningState:
    state = start(params)
    list(learn(state, *patterns(n)))
    return state


VARIANTS = [
    {},
    {"traces": "unsigned"},
    {"rounding": "stock", "weight_bits": 9},
    {"rounding": "nearest", "weight_bits": 6, "epoch": 1},
    {"rounding": "floor", "epoch": 7},
    {"feedback": "random"},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_compiled_emulator_equals_the_reference(changes):
    params = dataclasses.replace(TINY, **changes)
    images, labels = patterns(7)
    state, before = taught(params), start(params)
    chip = ReferenceChip(params)
    chip.run(images, labels, np.random.default_rng([params.seed, 1, 0]).permutation(7))
    assert chip.differences(state) == []
    assert not np.array_equal(state.w[0], before.w[0]), (
        "nothing was learned, so nothing was compared"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{"sizes": (20, 9, 8, 4), "traces": "unsigned"}, {"sizes": (20, 9, 8, 4), "epoch": 3}],
    ids=str,
)
def test_compiled_emulator_equals_the_reference_with_two_hidden_layers(changes):
    params = dataclasses.replace(TINY, **changes)
    state = taught(params)
    chip = ReferenceChip(params)
    chip.run(*patterns(7), np.random.default_rng([params.seed, 1, 0]).permutation(7))
    assert chip.differences(state) == []


def test_reference_notices_a_single_changed_weight():
    params = TINY
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


PATTERNS = dataclasses.replace(
    TINY, samples=600, shift_hidden=14, margin_positive=3, margin_negative=2
)


def test_patterns_are_learned():
    state = start(PATTERNS)
    list(learn(state, *patterns(600)))
    assert evaluate(state, *patterns(300, seed=1)) > 0.9


def test_shuffled_labels_stay_at_chance():
    images, _ = patterns(600)
    state = start(PATTERNS)
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


def test_feedback_of_silent_outputs_only_fades_whatever_the_forward_weights():
    # With outputs that never fire, feedback must not depend on the forward weights: no other way
    # leads from one to the other. A drive of 0 and weights scaled far below threshold keep them
    # silent.
    params = dataclasses.replace(
        TINY, sleep=dataclasses.replace(TINY.sleep, drive=0.0), vth=60_000, rounding="nearest"
    )
    found = []
    for seed in (1, 2):
        state = start(params)
        state.w[1][...] = np.random.default_rng(seed).integers(-60, 60, state.w[1].shape) * 2
        state.w_fb[0][...] = 128
        record = sleep(state)
        assert record.spikes[-1] == 0
        found.append(state.w_fb[0].copy())
    assert np.array_equal(*found)
    assert (found[0] == 120).all()


def test_resumed_run_is_equal_to_the_bit(tmp_path):
    images, labels = patterns(30)
    whole = start(PATTERNS)
    list(learn(whole, images, labels, epochs=2))
    half = start(PATTERNS)
    for number, _ in enumerate(learn(half, images, labels, epochs=2)):
        if number == 6:
            break
    write_state(half, tmp_path / "state.npz")
    rest = read_state(tmp_path / "state.npz")
    list(learn(rest, images, labels, epochs=2))
    assert (rest.clock, rest.samples, rest.nights) == (whole.clock, whole.samples, whole.nights)
    for name in ("w", "w_fb", "x1", "means"):
        for a, b in zip(getattr(rest, name), getattr(whole, name), strict=True):
            assert np.array_equal(a, b), name


def test_damaged_and_foreign_states_are_refused(tmp_path):
    path = tmp_path / "state.npz"
    state = start(TINY)
    write_state(state, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a readable"):
        read_state(path)
    state.w[0].resize((5, 12), refcheck=False)
    write_state(state, path)
    with pytest.raises(ValueError, match="w0 is int16"):
        read_state(path)
    learning_state.write_npz(path, {"format": np.array(99)})
    with pytest.raises(ValueError, match="format 99"):
        read_state(path)
    learning_state.write_npz(path, {"format": np.array(1)})
    with pytest.raises(ValueError, match="not a learning state"):
        read_state(path)
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "nowhere.npz")


def test_frozen_layers_keep_their_weights():
    params = dataclasses.replace(TINY, plastic=(False, True))
    state, before = taught(params), start(params)
    assert np.array_equal(state.w[0], before.w[0])
    assert not np.array_equal(state.w[1], before.w[1])


def test_random_feedback_stays_as_it_was():
    params = dataclasses.replace(TINY, feedback="random")
    state, before = taught(params), start(params)
    assert np.array_equal(state.w_fb[0], before.w_fb[0])
    assert before.w_fb[0].any()
    assert state.nights == 0


def test_nothing_is_learned_from_a_look():
    state = taught(TINY)
    before = [w.copy() for w in (*state.w, *state.w_fb, *state.x1)], state.clock
    images, labels = patterns(10, seed=2)
    counts = output_counts(state, images)
    assert evaluate(state, images, labels) == np.mean(counts.argmax(axis=1) == labels)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(before[0], (*state.w, *state.w_fb, *state.x1), strict=True)
    )
    assert state.clock == before[1]


def test_weights_stay_what_their_bits_can_hold():
    for bits in (4, 6, 8):
        state = taught(
            dataclasses.replace(TINY, weight_bits=bits, gain_output=255, shift_output=2), n=40
        )
        step = 1 << (9 - bits)
        for w in (*state.w, *state.w_fb):
            assert (w % step == 0).all()
            assert w.min() >= -256
            assert w.max() <= 256 - step


def test_records_count_what_happened():
    images, labels = patterns(3)
    params = dataclasses.replace(
        TINY, feedback="random", sleep=dataclasses.replace(TINY.sleep, every=3)
    )
    (record,) = learn(start(params), images, labels)
    spikes = sum(int(spike_masks(params.steps)[grey]).bit_count() for grey in images.ravel())
    assert record.spikes[0] == spikes
    assert (
        record.synaptic_operations[1] == (spikes + 3 * params.steps) * 12 + record.error_spikes * 12
    )
    assert record.steps == 3 * params.period
    assert record.neuron_updates.tolist() == [0, 2 * 12 * record.steps, 3 * 4 * record.steps]
    assert record.block == record.samples == 3
    assert record.nights == 0
    assert set(record.night_operations.values()) == {0}


def test_nights_are_counted_apart():
    records = list(learn(start(TINY), *patterns(3)))
    assert records[0].nights == TINY.sleep.before + 1
    assert 0 < records[0].night_operations["synaptic_updates"] < records[0].synaptic_updates.sum()


def test_learned_weights_come_back_as_the_same_integers(tmp_path):
    state = taught(TINY)
    write_model(to_model(state), tmp_path / "learned.nir")
    model = read_model(tmp_path / "learned.nir")
    again = from_model(model, TINY)
    assert all(np.array_equal(a, b) for a, b in zip(again.w, state.w, strict=True))
    fixed = quantise(model)
    for layer, w in zip(fixed.layers, state.w, strict=True):
        assert layer.vth == TINY.vth
        assert np.array_equal(layer.w.T, w[:-1])
        assert np.array_equal(layer.w_bias.sum(axis=1), w[-1])


def test_models_with_larger_weights_get_a_scale_that_holds_them():
    rng = np.random.default_rng(0)
    layers = [
        LayerModel(w=rng.normal(0, 1, shape), bias=np.zeros(shape[0]))
        for shape in ((12, 20), (4, 12))
    ]
    state = from_model(Model(layers=tuple(layers), steps=10))
    assert max(state.info["weights_clipped"]) < 0.03
    assert 40 < state.params.vth < 200
    assert state.params.gain_hidden < ChipLearningParams().gain_hidden
    assert np.abs(state.w[0][:-1].T / state.params.vth - layers[0].w).max() < 1.5
    assert np.median(np.abs(state.w[0][:-1].T / state.params.vth - layers[0].w)) < 0.02


def test_models_that_cannot_learn_on_the_chip_are_refused():
    flat = Model(layers=(LayerModel(w=np.ones((4, 20)), bias=np.zeros(4)),), steps=20)
    with pytest.raises(ValueError, match="at least one hidden layer"):
        from_model(flat)
    mixed = Model(
        layers=(
            LayerModel(w=np.ones((5, 20)), bias=np.zeros(5), alpha_u=0.25),
            LayerModel(w=np.ones((4, 5)), bias=np.zeros(4)),
        ),
        steps=20,
    )
    with pytest.raises(ValueError, match="needs one for all"):
        from_model(mixed)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 20)), np.zeros(2, int), "need uint8"),
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
    images, labels, message
):
    state = start(TINY)
    with pytest.raises(ValueError, match=message):
        learn(state, images, labels)
    with pytest.raises(ValueError, match="epochs is 0"):
        learn(state, *patterns(3), epochs=0)
    assert state.clock == 0


@pytest.mark.slow
def test_mnist_is_learned_online_fast_enough():
    # 1,000 samples of noise the size of MNIST: at least 5,000 a second of processor time on one
    # core, with a margin for slow machines.
    rng = np.random.default_rng(0)
    images = (rng.random((2000, 784)) * 255).astype(np.uint8)
    # MNIST is dark where it is not 0 for 81 % of its pixels
    images[rng.random(images.shape) < 0.8] = 0
    state = start(ChipLearningParams(samples=2000))
    list(learn(state, images[:100], np.zeros(100, int)))  # compile
    state = start(ChipLearningParams(samples=2000, sleep=ChipSleepParams(before=0)))
    begun = time.process_time()
    list(learn(state, images, rng.integers(0, 10, 2000)))
    assert 2000 / (time.process_time() - begun) > 2500
