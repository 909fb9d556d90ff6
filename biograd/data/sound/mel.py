"""Filter bank: the loudness of a sound in mel bands, frame by frame, as a cochlea splits it.

    samples --frames of 32 ms every 10 ms--> power spectrum --triangles--> bands --gain--> loudness

Every frame needs only the samples up to its end, and `FilterBank` keeps what the next chunk needs:
a stream in chunks of any length gives the frames of the whole sound, to the bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...checks import or_default
from ...params.signal import MelParams as MelParams

FLOOR = 1e-8  # added to powers before the logarithm, full scale squared: quieter than 16 bit


class BankState(NamedTuple):
    """State of a filter bank between two chunks; its size does not grow."""

    rest: np.ndarray  # samples that later frames still need, float64 [n]
    mean: np.ndarray | None  # running mean power of each band (pcen); None before the first frame


class FilterBank:
    """Mel filter bank of a sound in chunks.

        power      |FFT(Hann window x frame)|^2 / frame length, summed in triangles
        log        ln(power + floor)
        pcen       (power / (1e-6 + mean)^gain + offset)^root - offset^root
                   mean <- (1 - smoothing) mean + smoothing power

    Example:
        >>> bank, sound = FilterBank(MelParams(bands=20)), np.zeros(8000)
        >>> frames, state = bank.frames(bank.start(), sound[:1000])
        >>> more, state = bank.frames(state, sound[1000:])
        >>> len(frames) + len(more)    # one second: frames of 32 ms every 10 ms
        97
    """

    def __init__(self, p: MelParams | None = None) -> None:
        self.p = or_default(p, MelParams, "p")
        self._window = np.hanning(self.p.frame)
        self._triangles = _triangles(self.p)

    def start(self) -> BankState:
        """Return the state before the first sample."""
        return BankState(np.zeros(0), None)

    def frames(self, state: BankState, samples: np.ndarray) -> tuple[np.ndarray, BankState]:
        """Return the frames that end within a chunk, float32 [frames, bands], and the new state.

        Args:
            samples: float [n], any n, -1..1.
        Raises: ValueError for samples that are not finite.
        """
        chunk = np.asarray(samples, np.float64)
        if chunk.ndim != 1 or not np.isfinite(chunk).all():
            bad = int((~np.isfinite(chunk)).sum())
            raise ValueError(
                f"samples have the shape {chunk.shape} and {bad:,} values that are not finite; need"
                " finite numbers [n]: leave the clip out"
            )
        samples, p = np.concatenate([state.rest, chunk]), self.p
        count = max(0, (len(samples) - p.frame) // p.hop + 1)
        if not count:
            return np.zeros((0, p.bands), np.float32), state._replace(rest=samples)
        at = np.arange(count)[:, None] * p.hop + np.arange(p.frame)
        # each frame by itself, so that chunks of other lengths give the same bits
        power = np.stack([self._power(samples[of_frame]) for of_frame in at])
        rest = samples[count * p.hop :]
        if p.compression == "log":
            return np.log(power + FLOOR).astype(np.float32), BankState(rest, None)
        mean = power[0] if state.mean is None else state.mean
        out = np.empty_like(power)
        for t in range(count):
            mean = (1 - p.smoothing) * mean + p.smoothing * power[t]
            out[t] = (power[t] / (1e-6 + mean) ** p.gain + p.offset) ** p.root
        return (out - p.offset**p.root).astype(np.float32), BankState(rest, mean)

    def of_sound(self, samples: np.ndarray) -> np.ndarray:
        """Return all frames of a whole sound; one shorter than a frame is filled with silence."""
        short = self.p.frame - len(samples)
        return self.frames(self.start(), np.pad(samples, (0, max(0, short))))[0]

    def _power(self, frame: np.ndarray) -> np.ndarray:
        spectrum = np.abs(np.fft.rfft(frame * self._window)) ** 2 / self.p.frame
        return spectrum @ self._triangles


def _triangles(p: MelParams) -> np.ndarray:
    """Return the weight of each frequency in each band, [frequencies, bands]."""
    edges, f = np.array(p.edges()), np.fft.rfftfreq(p.frame, 1 / p.rate)[:, None]
    rising = (f - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - f) / (edges[2:] - edges[1:-1])
    weights = np.clip(np.minimum(rising, falling), 0, None)
    if bool((weights.sum(0) == 0).any()):
        raise ValueError(
            f"mel.bands is {p.bands}, and some bands fall between the {len(f)} frequencies of a"
            f" frame of {p.frame_ms:g} ms: take fewer bands or longer frames"
        )
    return weights
