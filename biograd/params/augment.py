"""Limits of random changes of training samples."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..checks import real_fields


@dataclass(frozen=True, kw_only=True)
class AugmentParams:
    """Limits of the random changes; 0 everywhere: none.

    Example:
        >>> AugmentParams(shift=1, rotate=8.0).shift    # pixels
        1
    """

    shift: int = 0  # pixels, uniform in -shift .. shift along both axes
    rotate: float = 0.0  # degrees, uniform in -rotate .. rotate
    scale: float = 0.0  # 1, each axis by its own factor, uniform in 1 - scale .. 1 + scale
    elastic: float = 0.0  # pixels, standard deviation of the displacement along each axis
    # probability that an image is mirrored left to right: for objects without a side, e.g. clothes
    flip: float = 0.0
    # of series in time alone, see `data.sound.changes`
    stretch: float = 0.0  # natural logarithm of the factor of time, uniform in -stretch .. stretch
    bands: float = 0.0  # channels, uniform in -bands .. bands: another pitch
    gain: float = 0.0  # standard deviations of a channel, normal, one per series: loudness
    noise: float = 0.0  # standard deviations of a channel, normal, one per value

    def __post_init__(self) -> None:
        limits = {"shift": 14, "rotate": 180, "scale": 0.5, "elastic": 10, "flip": 1}
        limits |= {"stretch": 1, "bands": 100, "gain": 10, "noise": 10}
        for field in fields(self):
            limit = limits[field.name]
            real_fields(self, field.name, table="AugmentParams", least=0, most=limit)
        if self.shift != int(self.shift):
            raise ValueError(
                f"AugmentParams.shift is {self.shift}; need whole pixels, so that shifted images"
                " stay exact"
            )
