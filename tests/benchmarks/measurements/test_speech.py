"""The suite `speech`: each method learns, what is frozen stays, and the rows differ."""

from __future__ import annotations

import dataclasses
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.measurements import speech
from biograd.data import datasets
from biograd.data.sound.series import SeriesSet
from biograd.params.signal import MelParams


def steps_up_or_down(root, split, progress) -> SeriesSet:
    """Forty series of two channels, of 6 to 9 steps: the first rises, or the second does."""
    draws = torch.Generator().manual_seed(int(split == "test"))
    lengths, y = torch.arange(40) % 4 + 6, torch.arange(40) % 2
    parts = []
    for length, label in zip(lengths.tolist(), y.tolist(), strict=True):
        x = 0.1 * torch.randn(length, 2, generator=draws)
        x[:, label] += torch.linspace(-2, 2, length)
        parts.append(x)
    return SeriesSet(values=torch.cat(parts), lengths=lengths, y=y, classes=2, split=split)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "fsdd", steps_up_or_down)
    sleep = dataclasses.replace(speech.SPEECH.sleep, first_night=20, steps=500)
    return dataclasses.replace(
        speech.SPEECH, hidden=(24,), epochs=16, batch=8, lr=1e-2, sleep=sleep
    )


@pytest.mark.parametrize("method", speech.METHODS)
def test_each_method_learns_and_reports_its_answers_in_time(small, method: str) -> None:
    (results,) = speech.measure(small, method, seed=0)
    assert results["test_accuracy"] >= (0.7 if method == "readout alone" else 0.9)
    if method != "linear":
        assert results["method"] == method and len(results["anytime_accuracy"]) == 9
        assert results["anytime_accuracy"][-1] == pytest.approx(results["test_accuracy"])


def test_the_deployed_network_answers_as_before_rounding(small) -> None:
    with pytest.warns(UserWarning, match="layered feedback is left out"):
        results = next(speech.measure(small, "deployed", seed=0))
    assert results["float_test_accuracy"] >= 0.9 and abs(results["lost_points"]) <= 5
    low, high = results["joules_per_series"]
    assert 0 < low < high and results["samples"] == 40
    assert "joules_in_real_time" not in results  # of sounds alone


def test_a_frozen_layer_learns_nothing() -> None:
    update = speech.Frozen().over_time(torch.ones(5, 2, 3), torch.ones(5, 2, 4))
    assert update.dw.shape == (3, 4) and not update.dw.any() and not update.db.any()


def test_the_preset_comes_first_for_every_seed_and_linear_once() -> None:
    rows = speech.rows()
    digits = [(method, seed) for config, method, seed in rows if config.dataset == "fsdd"]
    assert digits[:3] == [("sleep", 0), ("sleep", 1), ("sleep", 2)]
    assert [row for row in digits if row[0] == "linear"] == [("linear", 0)]
    assert len(set(digits)) == len(digits) == 17


def test_a_chip_that_listens_is_on_as_long_as_the_sound(small) -> None:
    series = steps_up_or_down(None, "test", None)
    sounds = dataclasses.replace(series, mel=MelParams(bands=2, hop_ms=10))
    heard = SimpleNamespace(test_set=sounds)
    energy = {"static_j": [1e-6, 4e-6], "seconds": [1e-3, 2e-3], "dynamic_j": [1e-5, 2e-5]}
    results = speech._while_listening(heard, energy)
    lasts = 0.01 * sounds.mean_steps
    assert results["seconds_of_sound"] == pytest.approx(lasts)
    watts = 1e-3, 2e-3
    assert results["joules_in_real_time"] == pytest.approx(
        [1e-5 + watts[0] * lasts, 2e-5 + watts[1] * lasts]
    )


@pytest.mark.slow
def test_the_command_is_timed_as_a_user_runs_it(tmp_path) -> None:
    for half in ("train", "test"):
        for label, hertz in (("high", 1500), ("low", 300)):
            for number in range(2):
                hum(tmp_path / half / label / f"{number}.wav", hertz + 20 * number)
    words = ("--dataset", str(tmp_path), "--hidden", "4", "--epochs", "1", "--batch", "2")
    results = speech.training_time(1, *words, "--sleep.first-night", "1", "--sleep.steps", "50")
    assert results["processor_seconds"] > 0 and 0 < results["seconds"] < 120
    assert 0 <= results["test_accuracy"] <= 1 and results["threads"] == 1
    with pytest.raises(RuntimeError, match=r"^biograd train failed: .*absent"):
        speech.training_time(1, "--dataset", str(tmp_path / "absent"))


def hum(path: Path, hertz: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 9000 * np.sin(2 * np.pi * hertz * np.arange(1200) / 8000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())
