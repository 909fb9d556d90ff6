import numpy as np
import pytest

from hardware.learning.inputs import spike_masks
from hardware.prototypes.emulator import answers, learn
from hardware.prototypes.params import PrototypeParams
from hardware.prototypes.reference import ReferencePrototypes
from hardware.prototypes.state import start

SMALL = {"inputs": 30, "prototypes": 12, "per_class": 3, "classes": 4}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"push": 7},
        {"weight_bits": 6, "epoch": 5},
        {"novelty": 14},
        {"weight_bits": 9, "epoch": 1, "rest": 3, "steps": 9},
    ],
    ids=str,
)
def test_the_compiled_loop_equals_the_reference_synapse_by_synapse(blobs, changes):
    images, labels = blobs
    params = PrototypeParams(**SMALL, **changes)
    state, reference = start(params), ReferencePrototypes(params)
    record = learn(state, images[:60], labels[:60])
    answered = reference.learn(images[:60], labels[:60])
    assert reference.differences(state) == []
    assert record.correct == (answered == labels[:60]).sum()
    assert record.recruited + record.attracted == 60
    assert (record.repelled > 0) == ("push" in changes)


def test_a_recruited_prototype_stores_twice_the_traces_of_its_first_sample(blobs):
    images, labels = blobs
    state = start(PrototypeParams(**SMALL))
    learn(state, images[:1], labels[:1])
    # y2 = 64 fades by 1/65535 per step, so an unlucky rounding takes one 64th of it
    assert np.abs(state.w[:, 0] - 2 * state.x1).max() <= 4
    assert (state.w[:, 1:] == 0).all()
    assert state.classes.tolist() == [labels[0], *[-1] * 11]


def test_no_prototype_of_another_class_changes(blobs):
    images, labels = blobs
    state = start(PrototypeParams(**SMALL))
    old = labels < 2
    learn(state, images[old], labels[old])
    mine = state.classes >= 0
    w, means = state.w[:, mine].copy(), state.means[mine].copy()
    learn(state, images[~old], labels[~old])
    assert np.array_equal(state.w[:, mine], w)
    assert np.array_equal(state.means[mine], means)


def test_classes_met_one_after_another_are_all_known_at_the_end(blobs):
    images, labels = blobs
    state = start(PrototypeParams(**SMALL))
    for label in range(4):
        learn(state, images[labels == label], labels[labels == label])
    assert (answers(state, images) == labels).mean() > 0.9


def test_recorded_spikes_teach_as_their_grey_values_do(blobs):
    images, labels = blobs
    spikes = spike_masks(20)[images].astype(np.uint64)
    by_grey, by_spikes = start(PrototypeParams(**SMALL)), start(PrototypeParams(**SMALL))
    learn(by_grey, images, labels)
    learn(by_spikes, spikes, labels)
    assert np.array_equal(by_grey.w, by_spikes.w)
    assert np.array_equal(answers(by_grey, images), answers(by_spikes, spikes))


def test_a_stopped_run_goes_on_to_the_same_weights(blobs):
    images, labels = blobs
    whole, parts = start(PrototypeParams(**SMALL)), start(PrototypeParams(**SMALL))
    learn(whole, images, labels)
    learn(parts, images[:50], labels[:50])
    learn(parts, images[50:], labels[50:])
    assert np.array_equal(whole.w, parts.w)
    assert whole.clock == parts.clock == 120 * whole.params.period


def test_an_untrained_layer_gives_no_class(blobs):
    assert (answers(start(PrototypeParams(**SMALL)), blobs[0]) == -1).all()


def test_a_class_without_a_free_prototype_is_refused_and_the_rest_is_kept(blobs):
    images, labels = blobs
    state = start(PrototypeParams(**SMALL | {"prototypes": 6, "per_class": 6}))
    order = np.argsort(labels, kind="stable")
    known = int((labels < 1).sum())
    with pytest.raises(ValueError, match=rf"class 1 is new at sample {known + 1}, and all 6 proto"):
        learn(state, images[order], labels[order])
    assert state.samples == known
    assert set(answers(state, images).tolist()) == {0}


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 30)), [0, 1, 2], "images are float64"),
        (np.zeros((3, 29), np.uint8), [0, 1, 2], "have 29 inputs, the layer takes 30"),
        (np.zeros((3, 30), np.uint8), [0, 1], "need one whole number for each of 3 samples"),
        (np.zeros((3, 30), np.uint8), [0, 1, 4], "labels reach from 0 to 4"),
        (np.full((3, 30), 1 << 20, np.uint64), [0, 1, 2], "spikes after step 20"),
    ],
)
def test_samples_that_do_not_fit_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        learn(start(PrototypeParams(**SMALL)), images, np.array(labels))
