"""Models, spikes and results come back from their files as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hardware.border import files
from hardware.border.model import COUNTED, OperationCounts, RunResult, SpikeInput


def counted(layers: int = 3) -> OperationCounts:
    numbers = {name: np.arange(layers) + index for index, name in enumerate(COUNTED)}
    return OperationCounts(**numbers, samples=4, steps=40)


@pytest.mark.parametrize(
    "alpha",
    [
        0.0,
        1e-6,
        0.1,
        0.5,
        0.75,
        0.9,
        0.999,
        1 - 2**-12,
        float(np.nextafter(np.float32(1), np.float32(0))),
    ],
)
def test_a_model_comes_back_exactly_whatever_its_decays(tmp_path, model, alpha):
    model = replace(
        model,
        layers=tuple(
            replace(layer, alpha_u=alpha, alpha_v=alpha, alpha_a=alpha) for layer in model.layers
        ),
    )
    files.write_model(model, tmp_path / "model.nir")
    back = files.read_model(tmp_path / "model.nir")
    assert (back.steps, back.dt, back.encoder, back.info) == (
        model.steps,
        model.dt,
        model.encoder,
        model.info,
    )
    for layer, original in zip(back.layers, model.layers, strict=True):
        assert (layer.alpha_u, layer.alpha_v, layer.alpha_a) == (
            original.alpha_u,
            original.alpha_v,
            original.alpha_a,
        )
        assert np.array_equal(layer.w, original.w) and np.array_equal(layer.bias, original.bias)
        assert layer.w.dtype == np.float32
    assert np.array_equal(back.layers[0].w_fb, model.layers[0].w_fb) and back.layers[1].w_fb is None


def test_a_file_cut_short_anywhere_is_refused(tmp_path, model):
    path = tmp_path / "model.nir"
    files.write_model(model, path)
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(
            ValueError, match=r"not a readable HDF5 file|damaged|not a NIR graph|without BioGrad"
        ):
            files.read_model(path)


def test_missing_files_are_named(tmp_path):
    for read in (files.read_model, files.read_spikes, files.read_result):
        with pytest.raises(FileNotFoundError, match="absent: no such file"):
            read(tmp_path / "absent")


def test_spikes_come_back_as_they_were(tmp_path):
    spikes = SpikeInput(
        spikes=np.random.default_rng(0).random((7, 3, 11)) < 0.3, labels=np.array([2, 0, 1])
    )
    files.write_spikes(spikes, tmp_path / "spikes.npz")
    back = files.read_spikes(tmp_path / "spikes.npz")
    assert np.array_equal(back.spikes, spikes.spikes) and back.spikes.dtype == np.uint8
    assert np.array_equal(back.labels, [2, 0, 1]) and back.labels.dtype == np.int64
    np.savez(tmp_path / "plain.npz", spikes=spikes.spikes.astype(bool))
    assert np.array_equal(files.read_spikes(tmp_path / "plain.npz").spikes, spikes.spikes)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"spikes": np.zeros((3, 4))}, r"shape \(3, 4\)"),
        ({"spikes": np.zeros((3, 0, 4))}, "none of them 0"),
        ({"spikes": np.full((3, 4, 5), 2)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), 0.5)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), np.nan)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), -1)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), 256)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), "1")}, "holds <U1 values"),
        (
            {"spikes": np.zeros((3, 4, 5)), "labels": np.zeros(3, int)},
            "one whole number per sample",
        ),
        ({"spikes": np.zeros((3, 4, 5)), "labels": np.zeros(4)}, "one whole number per sample"),
        ({"x": np.zeros(3)}, "has no array 'spikes'; it has 'x'"),
        (
            {"spikes": np.zeros(3, np.uint8), "shape": np.array([2, 2]), "format": 1},
            r"do not make shape \(2, 2\)",
        ),
        (
            {
                "spikes": np.zeros(3, np.uint8),
                "shape": np.array([10**6, 10**6, 10**6]),
                "format": 1,
            },
            "do not make shape",
        ),
        (
            {"spikes": np.zeros(3, np.uint8), "shape": np.array([1, 1, 24]), "format": 9},
            "format 9; this version reads format 1",
        ),
    ],
)
def test_invalid_spikes_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "spikes.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        files.read_spikes(tmp_path / "spikes.npz")


def test_a_result_comes_back_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    layers = tuple(rng.integers(-9, 9, (10, 4, n), dtype=np.int32) for n in (6, 3))
    counts = rng.integers(0, 10, (4, 3))
    result = RunResult(
        counts=counts,
        target="emulator",
        seconds=0.25,
        operations=counted(),
        u=layers,
        v=layers,
        wrapped_currents=2,
    )
    files.write_result(result, tmp_path / "result.npz")
    back = files.read_result(tmp_path / "result.npz")
    assert np.array_equal(back.counts, counts) and back.counts.dtype == np.int32
    assert (
        back.target,
        back.seconds,
        back.samples,
        back.wrapped_currents,
        back.saturated_voltages,
    ) == ("emulator", 0.25, 4, 2, None)
    assert all(np.array_equal(a, b) for a, b in zip(back.u, layers, strict=True)) and back.s is None
    for name in COUNTED:
        assert np.array_equal(getattr(back.operations, name), getattr(result.operations, name))
    assert back.operations.totals() == result.operations.totals()
