"""What goes out and comes back is what it was: models, chip integers, spikes, and numbers from real
to integer and back.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.border.files import read_model, read_spikes, write_model, write_spikes
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import dequantise, quantise, read_fixed, round_to_step, write_fixed

alphas = st.just(0.0) | st.floats(float(np.float32(2e-6)), 1, exclude_max=True, width=32)
texts = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
    max_size=3,
)


@st.composite
def models(draw) -> Model:
    sizes = draw(st.lists(st.integers(1, 7), min_size=2, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-6, 0.1, 1.0, 30.0]))
    made = []
    for number, (a, b) in enumerate(pairwise(sizes), start=1):
        w_fb = (
            rng.normal(size=(b, sizes[-1]))
            if number < len(sizes) - 1 and draw(st.booleans())
            else None
        )
        bias = rng.normal(size=b) * scale * draw(st.sampled_from([0, 1]))
        kept = {name: draw(alphas) for name in ("alpha_u", "alpha_v", "alpha_a")}
        made.append(LayerModel(w=rng.normal(size=(b, a)) * scale, bias=bias, w_fb=w_fb, **kept))
    return Model(layers=tuple(made), steps=draw(st.integers(1, 1000)), info=draw(texts))


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
        assert (a.w_fb is None) == (b.w_fb is None) and (
            a.w_fb is None or np.array_equal(a.w_fb, b.w_fb)
        )


@settings(max_examples=40)
@given(models(), st.sampled_from([2, 3, 4, 5, 6, 8]))
def test_integers_come_back_from_their_file_and_from_real_numbers(model, bits):
    fixed = quantise(model, weight_bits=bits)
    with TemporaryDirectory() as folder:
        write_fixed(fixed, Path(folder) / "f.npz")
        back = read_fixed(Path(folder) / "f.npz")
    again = quantise(dequantise(fixed, model), weight_bits=bits)
    for one in (back, again):
        for a, b in zip(fixed.layers, one.layers, strict=True):
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
