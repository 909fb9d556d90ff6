"""Frozen layers before a head: the same spikes, a head that learns, and the whole as a model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hardware import emulator
from hardware.border.layers import LayerModel
from hardware.border.model import Model, SpikeInput
from hardware.border.shapes import Convolution
from hardware.fixed_point import quantise
from hardware.learning import front
from hardware.learning.emulator import evaluate, learn, output_counts
from hardware.learning.front import front_of, head_of, quantised, with_head
from hardware.learning.params import ChipLearningParams
from hardware.prototypes.emulator import answers
from hardware.prototypes.emulator import learn as learn_prototypes
from hardware.prototypes.params import PrototypeParams
from hardware.prototypes.state import start

HEAD = ChipLearningParams(
    vth=1024, init=0.05, margin_positive=1, margin_negative=1, gain_output=200, shift_output=4
)


def convolutional(**head):
    """6 x 6 images, four maps of 4 x 4, three classes."""
    rng = np.random.default_rng(2)
    conv = Convolution(in_shape=(1, 6, 6), channels=4, kernel=(3, 3))
    kernels = rng.normal(0.1, 0.4, (4, 1, 3, 3))
    maps = LayerModel(w=kernels, bias=rng.normal(0, 0.1, 4), conv=conv)
    last = LayerModel(w=rng.normal(0, 0.3, (3, 64)), bias=np.zeros(3), **head)
    return Model(layers=(maps, last), steps=8)


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    rates = np.full((3, 36), 0.1)
    for label in range(3):
        rates[label, 12 * label : 12 * label + 12] = 0.7
    return SpikeInput(spikes=(rng.random((8, n, 36)) < rates[labels]), labels=labels)


def test_a_fronts_spikes_and_operations_are_those_of_the_layers_in_the_whole_network():
    model, inputs = convolutional(), samples(5)
    run = front.run(quantised(front_of(model)), inputs)
    whole = emulator.run(quantise(model), inputs, record=("s",))
    unpacked = (run.spikes[None] >> np.arange(8, dtype=np.uint64)[:, None, None]) & np.uint64(1)
    assert run.spikes.shape == (5, 64)
    assert np.array_equal(unpacked, whole.s[0])
    assert run.operations.samples == 5
    assert not run.operations.synaptic_updates.any(), "frozen layers learn nothing"
    for name in ("synaptic_operations", "spikes"):
        mine, its = getattr(run.operations, name), getattr(whole.operations, name)
        assert np.array_equal(mine, its[:2])


def test_portions_give_the_same_spikes_and_operations():
    frozen, inputs = quantised(front_of(convolutional())), samples(7)
    whole = front.run(frozen, inputs)
    parts = front.joined([front.run(frozen, inputs.of(slice(a, a + 4))) for a in (0, 4)])
    assert np.array_equal(whole.spikes, parts.spikes)
    assert whole.operations.totals() == parts.operations.totals()


def learned_head(model):
    frozen, head = quantised(front_of(model)), head_of(model, HEAD)
    inputs = samples(300)
    list(learn(head, front.run(frozen, inputs).spikes, inputs.labels, epochs=2))
    return frozen, head


def test_a_head_learns_on_a_frozen_convolution_and_the_whole_is_the_same_on_the_chip():
    model, unseen = convolutional(fires=False), samples(100, seed=1)
    frozen, head = learned_head(model)
    spikes = front.run(frozen, unseen).spikes
    assert evaluate(head_of(model, HEAD), spikes, unseen.labels) < 0.6
    assert evaluate(head, spikes, unseen.labels) > 0.9
    whole = with_head(model, frozen, head)
    for calibration in (None, samples(20, seed=3)):
        deployed = emulator.run(quantise(whole, calibration=calibration), unseen)
        assert np.array_equal(deployed.counts, output_counts(head, spikes))
    assert front.digest(quantise(front_of(whole))) == front.digest(frozen)


def test_a_spiking_last_layer_goes_on_from_its_weights_and_a_readout_starts_anew():
    spiking, readout = convolutional(alpha_u=0.25, alpha_v=0.5), convolutional(fires=False)
    kept, new = head_of(spiking, HEAD), head_of(readout, HEAD)
    real = kept.w[0][:-1].T / kept.params.vth
    # the largest weights are clipped
    assert np.median(np.abs(real - spiking.layers[-1].w)) < 1 / kept.params.vth
    assert (kept.params.du, kept.params.dv) == (3071, 2048)
    assert new.params.sizes == kept.params.sizes == (64, 3)
    assert new.params.steps == 8
    assert np.abs(new.w[0]).max() < 0.05 * 2 / 8 * 1024 + 2


def test_recorded_scales_of_the_whole_network_are_not_mixed_up():
    model = convolutional(fires=False)
    whole = with_head(model, *learned_head(model))
    assert [entry["vth"] for entry in whole.info["quantisation"]["layers"]][-1] == 1024
    part = front_of(whole)
    assert len(part.info["quantisation"]["layers"]) == 1
    assert head_of(whole, HEAD).params.vth == 1024


def test_prototypes_learn_classes_one_after_another_on_a_frozen_convolution():
    frozen, inputs = quantised(front_of(convolutional())), samples(90)
    spikes, labels = front.run(frozen, inputs).spikes, inputs.labels
    state = start(PrototypeParams(inputs=64, prototypes=30, per_class=10, classes=3, steps=8))
    for label in range(3):
        learn_prototypes(state, spikes[labels == label], labels[labels == label])
    unseen = samples(60, seed=1)
    assert (answers(state, front.run(frozen, unseen).spikes) == unseen.labels).mean() > 0.8


def test_networks_without_a_front_or_a_head_are_refused():
    model = convolutional()
    with pytest.raises(ValueError, match="the model has 1 layer"):
        front_of(dataclasses.replace(model, layers=model.layers[1:]))
    with pytest.raises(ValueError, match="the model runs for 65 steps; a front can have 64"):
        front_of(dataclasses.replace(model, steps=65))
    alone = dataclasses.replace(model, layers=model.layers[:1])
    with pytest.raises(ValueError, match="layer 1, the last, is a convolution"):
        head_of(alone, HEAD)
