"""Models, chip integers and spikes come back unchanged from files and from other number formats."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.border.files import read_model, read_spikes, write_model, write_spikes
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import FixedPointModel, quantise, read_fixed, write_fixed
from hardware.weights import round_to_step

ALPHAS = st.just(0.0) | st.floats(float(np.float32(2e-6)), 1, exclude_max=True, width=32)
TEXTS = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
    max_size=3,
)


@st.composite
def models(draw) -> Model:
    sizes = draw(st.lists(st.integers(1, 7), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-6, 0.1, 1.0, 30.0]))
    layers = []
    for number, (a, b) in enumerate(pairwise(sizes), start=1):
        w_fb = (
            rng.normal(size=(b, sizes[-1]))
            if number < len(sizes) - 1 and draw(st.booleans())
            else None
        )
        bias = rng.normal(size=b) * scale * draw(st.sampled_from([0, 1]))
        window = draw(st.floats(1e-3, 10))
        constants = {name: draw(ALPHAS) for name in ("alpha_u", "alpha_v", "alpha_a")}
        layers.append(
            LayerModel(
                w=rng.normal(size=(b, a)) * scale, bias=bias, w_fb=w_fb, window=window, **constants
            )
        )
    return Model(layers=tuple(layers), steps=draw(st.integers(1, 1000)), info=draw(TEXTS))


@settings(max_examples=40)
@given(models())
def test_any_model_comes_back_from_its_file(model):
    with TemporaryDirectory() as folder:
        write_model(model, Path(folder) / "m.nir")
        back = read_model(Path(folder) / "m.nir")
    assert (back.steps, back.info, back.encoder, back.dt) == (
        model.steps,
        model.info,
        model.encoder,
        model.dt,
    )
    for a, b in zip(model.layers, back.layers, strict=True):
        assert np.array_equal(a.w, b.w) and np.array_equal(a.bias, b.bias)
        assert [
            np.float32(getattr(a, name)) == np.float32(getattr(b, name))
            for name in ("alpha_u", "alpha_v", "alpha_a")
        ] == [True] * 3
        assert a.window == b.window
        assert (a.w_fb is None) == (b.w_fb is None) and (
            a.w_fb is None or np.array_equal(a.w_fb, b.w_fb)
        )


def put_back(fixed: FixedPointModel, model: Model) -> Model:
    """The integers as real weights, with their scales recorded, as `learning.state` does it."""
    layers = tuple(
        replace(layer, w=chip.w * chip.scale, bias=chip.w_bias.sum(axis=1) * chip.scale)
        for layer, chip in zip(model.layers, fixed.layers, strict=True)
    )
    scales = [{"vth": chip.vth, "weight_exp": chip.weight_exp} for chip in fixed.layers]
    return replace(model, layers=layers, info={"quantisation": {"layers": scales}})


@settings(max_examples=40)
@given(models(), st.sampled_from([2, 3, 4, 5, 6, 8]))
def test_integers_come_back_from_their_file_and_from_real_numbers(model, bits):
    fixed = quantise(model, weight_bits=bits)
    with TemporaryDirectory() as folder:
        write_fixed(fixed, Path(folder) / "f.npz")
        back = read_fixed(Path(folder) / "f.npz")
    again = quantise(put_back(fixed, model), weight_bits=bits)
    for other in (back, again):
        for a, b in zip(fixed.layers, other.layers, strict=True):
            assert np.array_equal(a.w, b.w) and np.array_equal(
                a.w_bias.sum(axis=1), b.w_bias.sum(axis=1)
            )
            assert (a.vth, a.weight_exp, a.du, a.dv, a.weight_bits) == (
                b.vth,
                b.weight_exp,
                b.du,
                b.dv,
                b.weight_bits,
            )


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9),
    st.sampled_from([2, 3, 4, 5, 6, 8]),
    st.sampled_from(["mixed", "excitatory"]),
)
def test_rounding_is_to_the_nearest_weight_there_is_and_stays_there(values, bits, mode):
    rounded = round_to_step(np.array(values), bits, mode)
    grid = np.arange(
        -256 if mode == "mixed" else 0, 256, (1 << (9 - bits)) // (1 if mode == "mixed" else 2)
    )
    assert np.isin(rounded, grid).all()
    assert np.allclose(
        np.abs(rounded - values),
        np.abs(grid[:, None] - np.array(values)).min(axis=0),
        rtol=0,
        atol=1e-9,
    )
    assert np.array_equal(round_to_step(rounded, bits, mode), rounded)


@settings(max_examples=40)
@given(
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 20),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_any_spikes_come_back_from_their_file(steps, samples, inputs, seed, labelled):
    rng = np.random.default_rng(seed)
    spikes = SpikeInput(
        spikes=rng.random((steps, samples, inputs)) < 0.5,
        labels=rng.integers(0, 10, samples) if labelled else None,
    )
    with TemporaryDirectory() as folder:
        write_spikes(spikes, Path(folder) / "s.npz")
        back = read_spikes(Path(folder) / "s.npz")
    assert np.array_equal(back.spikes, spikes.spikes) and (back.labels is None) == (not labelled)
    assert not labelled or np.array_equal(back.labels, spikes.labels)


def test_weights_learned_on_the_chip_quantise_to_themselves():
    rng = np.random.default_rng(0)
    layers = (
        LayerModel(w=rng.normal(0, 0.3, (30, 40)), bias=rng.normal(0, 0.1, 30)),
        LayerModel(w=rng.normal(0, 0.5, (10, 30)), bias=np.zeros(10)),
    )
    model = Model(layers=layers, steps=10)
    fixed = quantise(model)
    learned = replace(
        fixed,
        layers=tuple(
            replace(layer, w=round_to_step(layer.w + rng.normal(0, 9, layer.w.shape)))
            for layer in fixed.layers
        ),
    )
    again = quantise(put_back(learned, model))
    for layer, expected in zip(again.layers, learned.layers, strict=True):
        assert np.array_equal(layer.w, expected.w)
        assert np.array_equal(layer.w_bias.sum(axis=1), expected.w_bias.sum(axis=1))
        assert (layer.vth, layer.weight_exp, layer.du, layer.dv) == (
            expected.vth,
            expected.weight_exp,
            expected.du,
            expected.dv,
        )
    assert again.report.layers[0].weight_error_max < 1e-6
