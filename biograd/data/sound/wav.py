"""Sound files: PCM samples of a wav file as numbers in -1..1, mixed to mono and resampled.

Read by the standard library: 8, 16, 24 and 32 bit integers, any number of channels. Compressed and
floating-point files are refused, in one line that names the file and the way out.
"""

from __future__ import annotations

import io
import math
import wave
from pathlib import Path

import numpy as np

from ...checks import real_number, whole_number
from ...files import path_of, printable

MAX_SECONDS = 60.0  # of one clip, unless another bound is given
MAX_RATE = 384_000  # samples per second; the fastest audio hardware in use
MAX_CHANNELS = 64
_MIDDLE = 128  # of 8-bit samples, which have no sign
TAPS = 32  # zero crossings of the resampling filter on each side; ours


def read_wav(
    path: str | Path, *, rate: int = 0, max_seconds: float = MAX_SECONDS
) -> tuple[np.ndarray, int]:
    """Read a wav file as mono samples.

    Args:
        rate: samples per second to resample to; 0: as the file has them.
        max_seconds: longest clip that is read.
    Returns: samples, float32 [n], -1..1, and their number per second.
    Raises: ValueError, one line that names the file: not a wav file, compressed, truncated, empty,
    longer than the bound; OSError where the file is not there.

    Example:
        >>> samples, rate = read_wav("0_jackson_0.wav")    # doctest: +SKIP
        >>> samples.shape, rate                            # doctest: +SKIP
        ((5148,), 8000)
    """
    path = path_of(path, "path")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file: name a wav file")
    return wav_samples(path.read_bytes(), str(path), rate=rate, max_seconds=max_seconds)


def wav_samples(
    content: bytes, name: str, *, rate: int = 0, max_seconds: float = MAX_SECONDS
) -> tuple[np.ndarray, int]:
    """Return what `read_wav` does, from the bytes of a file; `name` stands in messages."""
    rate = whole_number(rate, "rate", 0, MAX_RATE)
    real_number(max_seconds, "max_seconds", above=0)
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, of_file, frames = file.getparams()[:4]
            _check_format(name, channels, width, of_file)
            if frames / of_file > max_seconds:
                raise ValueError(
                    f"{name} lasts {frames / of_file:.1f} s; the limit is {max_seconds:g} s: cut"
                    " it, or raise max_seconds"
                )
            raw = file.readframes(frames)
    except (wave.Error, EOFError) as error:
        reason = printable(error) or "it ends within its header"
        raise ValueError(
            f"{name} cannot be read as a wav file ({reason}): convert it to PCM of 16 bit"
        ) from error
    if not frames:
        raise ValueError(f"{name} holds no samples: leave it out")
    if len(raw) != frames * channels * width:
        raise ValueError(
            f"{name} is truncated: {len(raw):,} bytes of sound, and its header announces"
            f" {frames * channels * width:,}: fetch it again"
        )
    mono = _integers(raw, width).reshape(frames, channels).mean(1, dtype=np.float64)
    samples = (mono / (1 << (8 * width - 1))).astype(np.float32)
    if rate and rate != of_file:
        return resample(samples, of_file, rate), rate
    return samples, of_file


def _check_format(name: str, channels: int, width: int, rate: int) -> None:
    if not (1 <= channels <= MAX_CHANNELS and 1 <= rate <= MAX_RATE and 1 <= width <= 4):
        raise ValueError(
            f"{name} has {channels} channels of {8 * width} bit at {rate:,} samples/s; need 1 to"
            f" {MAX_CHANNELS} channels of 8 to 32 bit, at most {MAX_RATE:,} samples/s: convert it"
        )


def _integers(raw: bytes, width: int) -> np.ndarray:
    """Return little-endian PCM of 1 to 4 bytes as int32; 8-bit samples lose their offset."""
    octets = np.frombuffer(raw, np.uint8).reshape(-1, width)
    if width == 1:
        return octets[:, 0].astype(np.int32) - _MIDDLE
    wide = np.zeros((len(octets), 4), np.uint8)
    wide[:, 4 - width :] = octets  # at the top, so that the sign is the topmost bit
    return wide.reshape(-1).view("<i4") >> (8 * (4 - width))


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Return samples at another rate: interpolated by a sinc with a Hann window.

    Frequencies above half the lower rate are left out. Source: Smith 1984, "A flexible
    sampling-rate conversion method" (ICASSP); the width of the window is ours.

    Args:
        samples: float [n].
        rate, to: samples per second before and after.

    Example:
        >>> tone = np.sin(2 * np.pi * 100 * np.arange(1600) / 16000)
        >>> resample(tone, 16000, 8000).shape
        (800,)
    """
    rate, to = whole_number(rate, "rate", 1, MAX_RATE), whole_number(to, "to", 1, MAX_RATE)
    n = max(1, len(samples) * to // rate)
    cut = min(1.0, to / rate)  # of the band that both rates hold
    reach = math.ceil(TAPS / cut)
    padded = np.pad(np.asarray(samples, np.float64), reach)
    out = np.empty(n, np.float32)
    taps = np.arange(-reach + 1, reach + 1)
    for start in range(0, n, 4096):  # in blocks: memory independent of the length
        at = np.arange(start, min(n, start + 4096)) * (rate / to)
        first = np.floor(at).astype(np.int64)
        distance = (at - first)[:, None] - taps
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / reach, -1, 1))
        weights = cut * np.sinc(cut * distance) * window
        out[start : start + len(at)] = (padded[first[:, None] + taps + reach] * weights).sum(1)
    return out
