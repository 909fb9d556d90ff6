import numpy as np
import pytest

from hardware import emulator
from hardware.border.layers import LayerModel
from hardware.border.model import Model, SpikeInput
from hardware.border.shapes import Convolution
from hardware.prototypes.emulator import answers, learn
from hardware.prototypes.front import features, front_of, quantised
from hardware.prototypes.params import PrototypeParams
from hardware.prototypes.state import start


def convolutional():
    """6 x 6 images, four maps of 4 x 4, three classes."""
    rng = np.random.default_rng(2)
    conv = Convolution(in_shape=(1, 6, 6), channels=4, kernel=(3, 3))
    kernels = rng.normal(0.1, 0.4, (4, 1, 3, 3))
    maps = LayerModel(w=kernels, bias=np.zeros(4), conv=conv)
    head = LayerModel(w=rng.normal(0, 0.3, (3, 64)), bias=np.zeros(3))
    return Model(layers=(maps, head), steps=8)


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    rates = np.full((3, 36), 0.1)
    for label in range(3):
        rates[label, 12 * label : 12 * label + 12] = 0.7
    return SpikeInput(spikes=(rng.random((8, n, 36)) < rates[labels]), labels=labels)


def test_the_features_are_the_last_hidden_layers_spikes():
    model, inputs = convolutional(), samples(5)
    packed = features(quantised(front_of(model)), [inputs])
    whole = emulator.run(quantised(model), inputs, record=("s",))
    unpacked = (packed[None] >> np.arange(8, dtype=np.uint64)[:, None, None]) & np.uint64(1)
    assert packed.shape == (5, 64)
    assert np.array_equal(unpacked, whole.s[0])


def test_portions_give_the_same_features():
    front, inputs = quantised(front_of(convolutional())), samples(7)
    parts = [SpikeInput(spikes=inputs.spikes[:, :3]), SpikeInput(spikes=inputs.spikes[:, 3:])]
    assert np.array_equal(features(front, [inputs]), features(front, parts))


def test_a_head_learns_classes_one_after_another_on_a_frozen_convolution():
    front, inputs = quantised(front_of(convolutional())), samples(90)
    spikes, labels = features(front, [inputs]), inputs.labels
    state = start(PrototypeParams(inputs=64, prototypes=30, per_class=10, classes=3, steps=8))
    for label in range(3):
        learn(state, spikes[labels == label], labels[labels == label])
    unseen = samples(60, seed=1)
    assert (answers(state, features(front, [unseen])) == unseen.labels).mean() > 0.8


def test_a_model_without_hidden_layer_is_no_front():
    only = Model(layers=(convolutional().layers[1],), steps=8)
    with pytest.raises(ValueError, match="the model has 1 layer"):
        front_of(only)


def test_a_front_of_too_many_steps_is_refused():
    model = Model(layers=convolutional().layers, steps=65)
    with pytest.raises(ValueError, match="the model runs for 65 steps; a front can have 64"):
        front_of(model)
