"""Sound on the command line: train on wav files, evaluate while they come in, listen to one."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from biograd.data.datasets import load
from biograd.data.sound.series import SeriesSet


def hum(path: Path, hertz: float, seconds: float = 0.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(8000 * seconds)) / 8000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((9000 * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes())
    return path


def measured_lengths(sounds: Path) -> list[int]:
    test = load(str(sounds), "test")
    assert isinstance(test, SeriesSet)
    return test.lengths.tolist()


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A folder of two classes, low and high tones of different length."""
    for half in ("train", "test"):
        for label, hertz in (("high", 1500), ("low", 300)):
            for number in range(6):
                name = tmp_path / "tones" / half / label / f"{number}.wav"
                hum(name, hertz + 20 * number, 0.1 + 0.02 * number)
    return tmp_path / "tones"


@pytest.mark.filterwarnings("default:the layered feedback is left out")  # the console prints it
@pytest.mark.parametrize("delays", [(), ("--delays", "3", "0")])
def test_wav_files_train_evaluate_and_answer_while_they_are_heard(
    sounds, biograd, tmp_path, delays
):
    out = tmp_path / "run"
    words = (
        "--preset",
        "speech",
        "--dataset",
        sounds,
        "--hidden",
        "16",
        "--epochs",
        "4",
        "--quiet",
    )
    sleep = ("--sleep.first-night", "3", "--sleep.steps", "100", "--threads", "1")
    trained = biograd("train", *words, *sleep, *delays, "--batch", "4", "--out", out, "--json")
    assert trained.code == 0, trained.err
    measured = biograd("evaluate", out, "--json").result
    assert measured["test_accuracy"] == trained.result["test_accuracy"] == 1.0
    assert measured["anytime_accuracy"][-1] == 1.0
    assert 1 <= measured["median_latency_steps"] <= len(measured["anytime_accuracy"])
    assert measured["spikes_per_neuron"][0] == pytest.approx(
        trained.result["spikes_per_neuron"][0], rel=0.5
    )

    assert biograd("export", out, "--out", tmp_path / "tones.nir").code == 0
    deployed = biograd("deploy", tmp_path / "tones.nir", "--dataset", sounds, "--json").result
    assert deployed["test_accuracy"] == deployed["float_test_accuracy"] == 1.0
    # clips of 0.1 to 0.2 s: the chip steps as long as each of them is
    assert deployed["steps"] == sum(measured_lengths(sounds)) < 12 * 250

    heard = biograd("listen", out, hum(tmp_path / "one.wav", 320, 0.3), "--json").result
    assert heard["answer"] == "low" and heard["steps"] == 27
    chunks = biograd("listen", out, tmp_path / "one.wav", "--chunk-ms", "7", "--json").result
    assert chunks == heard
    assert "answer: low" in biograd("listen", out, tmp_path / "one.wav").out

    short = biograd("listen", out, hum(tmp_path / "short.wav", 320, 0.02))
    assert short.is_one_line and "lasts 20 ms; an answer needs 32 ms" in short.err
    assert biograd("listen", out, tmp_path / "absent.wav").is_one_line


@pytest.mark.filterwarnings("default::UserWarning")  # of what is skipped
def test_bad_clips_are_skipped_on_the_command_line(sounds, biograd, tmp_path):
    (sounds / "train" / "low" / "broken.wav").write_bytes(b"RIFF")
    words = ("train", "--preset", "speech", "--dataset", sounds, "--hidden", "4", "--epochs", "1")
    words += ("--quiet", "--sleep.first-night", "1", "--sleep.steps", "10", "--threads", "1")
    refused = biograd(*words, "--out", tmp_path / "a")
    assert refused.is_one_line and "broken.wav cannot be read as a wav file" in refused.err
    skipped = biograd(*words, "--out", tmp_path / "b", "--skip-bad")
    assert skipped.code == 0 and "1 of 13 clips of tones cannot be read" in skipped.err


def test_a_run_on_images_cannot_listen(trained, biograd, tmp_path):
    refused = biograd("listen", trained, hum(tmp_path / "one.wav", 300))
    assert refused.is_one_line and "was trained on mnist, which is no sound" in refused.err
