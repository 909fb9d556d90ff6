"""Parameters of the sleep phases in which feedback weights are learned on the chip."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from ..border.checks import real_number, text_of


@dataclass(frozen=True, kw_only=True)
class ChipSleepParams:
    """Sleep phases of the hidden layers, in steps, spikes and integers of the chip."""

    steps: int = 200  # time steps per phase
    every: int = 500  # samples between two nights
    before: int = 60  # nights before the first sample
    rate: int = 13_107  # noise, spikes per step in 1/65536: 0.2
    # current in place of the mean, thresholds per step; alone it lifts v to 1/3 of the threshold
    drive: float = 0.0625
    mean_shift: int = 6  # running mean current: m += (current - m) >> mean_shift
    spike_step: int = 4  # y1 at a noise spike, -1 without: mean 0 at a rate of 0.2
    hebb_exponent: int = -3  # of dw_fb = 2^a x1 y1
    forget_exponent: int = -5  # of dw_fb = -2^b w y3; y3 = 64, so 1/16 of w per night

    def __post_init__(self) -> None:
        check_ranges(
            self,
            steps=(8, 100_000),
            every=(1, 10**9),
            before=(0, 10**6),
            mean_shift=(0, 20),
            spike_step=(1, 15),
            rate=(1, 65_535),
        )
        real_number(self.drive, "ChipSleepParams.drive", finite=False)
        if not 0 <= self.drive < 8:
            raise ValueError(
                f"ChipSleepParams.drive is {self.drive}; need 0 <= drive < 8 thresholds per step"
            )


def check_ranges(params: object, **ranges: tuple[int, int]) -> None:
    """Keep the fields named in `ranges` as ints; ValueError unless each is whole, low to high."""
    for name, (low, high) in ranges.items():
        value = check_range(f"{type(params).__name__}.{name}", getattr(params, name), low, high)
        object.__setattr__(params, name, value)


def check_range(name: str, value: object, low: int, high: int) -> int:
    """Return a whole number of Python or NumPy; ValueError unless it is one of low to high."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not low <= int(value) <= high:  # type: ignore[call-overload]  # it is whole
        raise ValueError(f"{name} is {text_of(value)}; need a whole number of {low:,} to {high:,}")
    return int(value)  # type: ignore[call-overload]  # it is whole
