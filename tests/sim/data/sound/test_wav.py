"""Wav files of every width and kind, and how those that cannot be read are refused."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from biograd.data.sound.wav import read_wav, resample, wav_samples


def wav(values: np.ndarray, width: int = 2, channels: int = 1, rate: int = 8000) -> bytes:
    """Return a wav file of integers [n * channels]."""
    raw = b"".join(
        struct.pack("B", value + 128)
        if width == 1
        else int(value).to_bytes(width, "little", signed=True)
        for value in values.tolist()
    )
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)
    return content.getvalue()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_integers_of_every_width_come_as_shares_of_full_scale(width: int) -> None:
    full = 1 << (8 * width - 1)
    values = np.array([0, full // 2, -full, full - 1, -1])
    samples, rate = wav_samples(wav(values, width), "a.wav")
    assert rate == 8000 and samples.dtype == np.float32
    assert np.allclose(samples, values / full, atol=0)


def test_stereo_is_mixed_to_the_mean_of_its_channels() -> None:
    samples, _ = wav_samples(wav(np.array([100, 300, -50, -150]), channels=2), "a.wav")
    assert (samples * 32768).tolist() == [200, -100]


def test_resampling_keeps_a_tone_and_drops_what_the_lower_rate_cannot_hold() -> None:
    t = np.arange(16000) / 16000
    kept = resample(np.sin(2 * np.pi * 440 * t), 16000, 8000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(kept - wanted)[100:-100].max() < 1e-3
    dropped = resample(np.sin(2 * np.pi * 6000 * t), 16000, 8000)
    assert np.abs(dropped[100:-100]).max() < 1e-2
    raised = resample(wanted, 8000, 16000)
    assert np.abs(raised - np.sin(2 * np.pi * 440 * t))[200:-200].max() < 1e-3


SOUND = wav(np.arange(100))
FLOATS = SOUND[:20] + struct.pack("<H", 3) + SOUND[22:]  # format 3: floating point


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cannot be read as a wav file"),
        (SOUND[:30], "cannot be read as a wav file"),
        (FLOATS, "cannot be read as a wav file"),
        (b"ID3 not a wav file at all", "cannot be read as a wav file"),
        (SOUND[:-20], "is truncated"),
        (wav(np.array([], int)), "holds no samples"),
        (wav(np.zeros(10, int), rate=2_000_000), "samples/s"),
    ],
)
def test_files_that_are_no_whole_pcm_are_refused_in_one_line(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        wav_samples(content, "0_theo_3.wav")
    assert "0_theo_3.wav" in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_clip_longer_than_the_bound_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav(np.zeros(16000, int)))
    assert len(read_wav(path)[0]) == 16000
    with pytest.raises(ValueError, match=r"lasts 2\.0 s; the limit is 1\.5 s"):
        read_wav(path, max_seconds=1.5)
    with pytest.raises(OSError):
        read_wav(tmp_path / "absent.wav")
