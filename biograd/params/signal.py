"""Constants of signals in time: filter bank of a sound, and coding of a series as spikes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..checks import real_fields, whole_fields, word_of

COMPRESSIONS = ("log", "pcen")
CODINGS = ("integrate_and_fire", "level_crossing")


@dataclass(frozen=True, kw_only=True)
class MelParams:
    """Constants of a mel filter bank.

    Bands: triangles of equal width on the mel scale, 2595 log10(1 + f/700) (O'Shaughnessy 1987).

    Example:
        >>> MelParams(bands=20).hop    # samples from one frame to the next
        80
    """

    rate: int = 8000  # samples per second; sounds of another rate are resampled
    bands: int = 40
    frame_ms: float = 32.0  # length of a frame
    hop_ms: float = 10.0  # from one frame to the next: the time step of the network
    lowest: float = 60.0  # lower edge of the lowest band, Hz
    highest: float = 4000.0  # upper edge of the highest band, Hz; at most half the rate
    # log: ln(power + floor); pcen: gain control by each band's running mean
    compression: str = "log"
    # of pcen: share by which the mean follows per frame, exponent of the gain, offset, root
    # Source: Wang et al. 2017 (arXiv 1607.05666), whose values these are
    smoothing: float = 0.025
    gain: float = 0.98
    offset: float = 2.0
    root: float = 0.5
    max_seconds: float = 60.0  # longest clip

    def __post_init__(self) -> None:
        whole_fields(self, "rate", "bands", table="mel", least=1, most=1 << 20)
        word_of(self.compression, COMPRESSIONS, "mel.compression")
        positive = ("frame_ms", "hop_ms", "lowest", "highest", "max_seconds")
        real_fields(self, *positive, table="mel", above=0)
        real_fields(self, "smoothing", "gain", "root", table="mel", above=0, most=1)
        real_fields(self, "offset", table="mel", least=0)
        if not self.lowest < self.highest <= self.rate / 2:
            raise ValueError(
                f"mel.lowest is {self.lowest:g} Hz and mel.highest {self.highest:g} Hz; need lowest"
                f" < highest <= {self.rate / 2:g} Hz, half the rate"
            )
        if not 1 <= self.hop <= self.frame or self.frame < 2:
            raise ValueError(
                f"mel.frame_ms is {self.frame_ms:g} and mel.hop_ms {self.hop_ms:g}: at"
                f" {self.rate:,} samples/s that is {self.frame} and {self.hop} samples; need a"
                " frame of at least 2, and hops of 1 to a frame"
            )

    @property
    def frame(self) -> int:
        """Samples of a frame."""
        return round(self.rate * self.frame_ms / 1000)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return round(self.rate * self.hop_ms / 1000)

    def edges(self) -> list[float]:
        """Return the edges of the bands, Hz: band i rises from edge i and falls to edge i + 2."""
        low, high = (2595 * math.log10(1 + f / 700) for f in (self.lowest, self.highest))
        steps = (low + (high - low) * i / (self.bands + 1) for i in range(self.bands + 2))
        return [700 * (10 ** (mel / 2595) - 1) for mel in steps]


@dataclass(frozen=True, kw_only=True)
class CodingParams:
    """Coding of a series as spikes.

    Example:
        >>> CodingParams(coding="level_crossing", threshold=0.5).delta
        3
    """

    coding: str = "integrate_and_fire"  # or level_crossing
    # integrate_and_fire: spikes per step of a channel one standard deviation from its mean
    scale: float = 0.5
    threshold: float = 0.5  # level_crossing: distance of the levels, standard deviations
    # channels of change besides: x[t] - x[t - delta], steps; 0: none (level_crossing needs none)
    delta: int = 3

    def __post_init__(self) -> None:
        word_of(self.coding, CODINGS, "coding.coding")
        real_fields(self, "scale", "threshold", table="coding", above=0)
        whole_fields(self, "delta", table="coding", least=0, most=10_000)

    @property
    def inputs_per_channel(self) -> int:
        """Input neurons per channel: one for each sign, twice where changes are channels, too."""
        return 4 if self.delta and self.coding == "integrate_and_fire" else 2
