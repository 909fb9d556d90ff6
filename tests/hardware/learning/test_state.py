"""A chip's state comes back from its file, from a model and as a model; damage is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hardware.border.files import read_model, write_model
from hardware.border.model import LayerModel, Model
from hardware.fixed_point import quantise
from hardware.learning import state as learning_state
from hardware.learning.emulator import learn
from hardware.learning.params import ChipLearningParams
from hardware.learning.state import from_model, read_state, start, to_model, write_state


def test_resumed_run_is_equal_to_the_bit(tmp_path, patterns, longer):
    images, labels = patterns(30)
    whole = start(longer)
    list(learn(whole, images, labels, epochs=2))
    half = start(longer)
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


def test_damaged_and_foreign_states_are_refused(tmp_path, tiny):
    path = tmp_path / "state.npz"
    state = start(tiny)
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


def test_learned_weights_come_back_as_the_same_integers(tmp_path, tiny, taught):
    state = taught(tiny)
    write_model(to_model(state), tmp_path / "learned.nir")
    model = read_model(tmp_path / "learned.nir")
    again = from_model(model, tiny)
    assert all(np.array_equal(a, b) for a, b in zip(again.w, state.w, strict=True))
    fixed = quantise(model)
    for layer, w in zip(fixed.layers, state.w, strict=True):
        assert layer.vth == tiny.vth
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
    mixed = Model(
        layers=(
            LayerModel(w=np.ones((5, 20)), bias=np.zeros(5), alpha_u=0.25),
            LayerModel(w=np.ones((4, 5)), bias=np.zeros(4)),
        ),
        steps=20,
    )
    with pytest.raises(ValueError, match="needs one for all"):
        from_model(mixed)
