"""From operation counts to joules and seconds on Loihi 1. Everything here is MODELLED: no chip was
measured.

    dynamic        = computation + communication
    computation    = synaptic operations + neuron updates + synaptic updates (learning), each times its energy
    communication  = spikes + messages to other cores, each times its energy
    static         = power of the cores used (at least), or of the whole chip (at most), times the time
    x86            = power of the embedded x86 cores (none at least, all at most), times the time
    time           = sum over steps of (barrier + work of the busiest layer's cores)

Where a source states a constant as a minimum, or a quantity depends on what a placement decides, a
constant is an interval, and so is every result. Dynamic, static and x86 energies are kept apart;
`total` is dynamic + static.

Short names of the sources:
    Davies 2018   Davies et al., "Loihi: a neuromorphic manycore processor with on-chip learning", IEEE Micro 38(1), Table 2:
                  pre-silicon estimates at 0.75 V
    Frady 2020    Frady et al., "Neuromorphic nearest neighbor search using Intel's Pohoiki Springs", NICE 2020: 3.34 W of static power
                  for 32 chips, split into cores and x86; voltage not stated
    SANA-FE       Boyle et al. 2025, SANA-FE 2, file arch/loihi.yaml: calibrated on silicon for inference; its authors claim errors of
                  12 % (energy) and 25 % (latency). It has no learning.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .border.model import OperationCounts

PICO = 1e-12
NANO = 1e-9


class Interval(NamedTuple):
    """A quantity known to lie between two bounds, `low <= high`; equal where it is known."""

    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:  # type: ignore[override]  # of numbers, not of tuples
        return Interval(self.low + other.low, self.high + other.high)

    def scaled(self, by: float) -> Interval:
        """Both bounds times a number of at least 0."""
        return Interval(self.low * by, self.high * by)

    def times(self, other: Interval) -> Interval:
        """Product of two intervals of numbers of at least 0."""
        return Interval(self.low * other.low, self.high * other.high)

    @property
    def middle(self) -> float:
        """The geometric mean: off by the same factor from either bound; half of `high` where `low`
        is 0.
        """
        return math.sqrt(self.low * self.high) if self.low > 0 else self.high / 2


def exactly(value: float) -> Interval:
    """An interval of one value."""
    return Interval(value, value)


NOTHING = exactly(0.0)


@dataclass(frozen=True, kw_only=True)
class EnergyProfile:
    """One set of constants: joules and seconds of one operation, watts of what runs all the time.

    Any constant may be replaced: `dataclasses.replace(profile, synaptic_operation=Interval(2e-11,
    4e-11))`, or `override`.
    """

    name: str
    source: str
    synaptic_operation: Interval  # J, one spike through one synapse
    synaptic_update: Interval  # J, one synapse in one learning epoch
    active_update: Interval  # J, a neuron that got input in this step
    inactive_update: Interval  # J, a neuron that only decays
    spike: Interval  # J, sending one spike, whatever its destinations
    message: Interval  # J, one spike to one destination core, hops included
    core_power: float  # W per core, static
    chip_power: float  # W a chip, static, all cores
    x86_power: float  # W a chip, embedded x86 cores
    synaptic_operation_time: float  # s, one after the other within a core, as all of these
    synaptic_update_time: float  # s
    active_update_time: float  # s
    inactive_update_time: float  # s
    barrier_time: Interval  # s per step

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                continue
            bounds = value if isinstance(value, Interval) else exactly(value)
            if not (0 <= bounds.low <= bounds.high < math.inf):
                raise ValueError(
                    f"{self.name}.{field.name} is {value}; need finite bounds, 0 <= low <= high (SI"
                    " units)"
                )


# Hops through the 8 x 4 mesh of a chip: none where both cores share a tile, 7 + 3 across the whole
# chip.
_FAR_EAST, _FAR_NORTH = 7, 3

DAVIES2018 = EnergyProfile(
    name="davies2018",
    source="Davies 2018, Table 2 (pre-silicon); static and x86 power: Frady 2020",
    # Stated as a minimum. The upper bound is what SANA-FE's calibration on silicon asks for the
    # same operation.
    synaptic_operation=Interval(23.6 * PICO, 35.5 * PICO),
    # pairwise STDP; a rule of more products costs more, of fewer less
    synaptic_update=exactly(120 * PICO),
    active_update=exactly(81 * PICO),
    inactive_update=exactly(52 * PICO),
    spike=NOTHING,  # part of the neuron update in this table
    message=Interval(1.7 * PICO, (1.7 + _FAR_EAST * 3.0 + _FAR_NORTH * 4.0) * PICO),
    core_power=0.82e-3,
    chip_power=104e-3,
    x86_power=65e-3,
    synaptic_operation_time=3.5 * NANO,  # stated as a maximum
    synaptic_update_time=6.1 * NANO,
    active_update_time=8.4 * NANO,
    inactive_update_time=5.3 * NANO,
    barrier_time=Interval(113 * NANO, 465 * NANO),  # 1 to 32 tiles
)

SANAFE2025 = dataclasses.replace(
    DAVIES2018,
    name="sanafe2025",
    source=(
        "SANA-FE arch/loihi.yaml (calibrated on silicon); synaptic update, static and x86 power as"
        " in davies2018, for it has none"
    ),
    synaptic_operation=exactly(35.5 * PICO),
    active_update=exactly((51.2 + 21.6) * PICO),
    inactive_update=exactly(51.2 * PICO),
    spike=exactly(69.3 * PICO),
    message=Interval(111 * PICO, (111 + _FAR_EAST * 3.0 + _FAR_NORTH * 4.2) * PICO),
    synaptic_operation_time=4.0 * NANO,
    active_update_time=9.7 * NANO,
    inactive_update_time=6.0 * NANO,
    barrier_time=Interval(0.6e-6, 1.8e-6),
)

PROFILES = {profile.name: profile for profile in (DAVIES2018, SANAFE2025)}


@dataclass(frozen=True, kw_only=True)
class EnergyEstimate:
    """Modelled joules and seconds per sample, each an interval; never measured."""

    profile: str
    cores: int  # cores used
    synaptic_operations: Interval  # J per sample
    neuron_updates: Interval
    synaptic_updates: Interval  # learning
    spikes: Interval
    messages: Interval
    static: Interval
    x86: Interval
    seconds: Interval  # s per sample

    @property
    def computation(self) -> Interval:
        """Synapses and neurons, J per sample."""
        return self.synaptic_operations + self.neuron_updates + self.synaptic_updates

    @property
    def communication(self) -> Interval:
        """Spikes and messages, J per sample."""
        return self.spikes + self.messages

    @property
    def dynamic(self) -> Interval:
        """What the operations take, J per sample."""
        return self.computation + self.communication

    @property
    def total(self) -> Interval:
        """Dynamic and static, without the x86 cores, J per sample."""
        return self.dynamic + self.static

    @property
    def communication_to_computation(self) -> float:
        """Ratio of the middles. Levy and Calvert 2021 (PNAS 118:e2008173118) find 35 for the human
        cortex.
        """
        return self.communication.middle / self.computation.middle

    def record(self) -> dict[str, object]:
        """For JSON: each interval as [low, high], SI units per sample, and how it came to be."""
        names = [
            field.name
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), Interval)
        ]
        sums = ("computation", "communication", "dynamic", "total")
        intervals = {name: list(getattr(self, name)) for name in (*names, *sums)}
        return {
            "how": "modelled",
            "profile": self.profile,
            "source": (
                PROFILES[self.profile].source
                if self.profile in PROFILES
                else "constants of the caller"
            ),
            "cores": self.cores,
            **{
                f"{name}_j" if name != "seconds" else "seconds": value
                for name, value in intervals.items()
            },
        }


def estimate(
    operations: OperationCounts,
    cores: Sequence[int],
    profile: EnergyProfile = DAVIES2018,
    *,
    seconds: float | None = None,
) -> EnergyEstimate:
    """Model what one sample costs on Loihi 1.

    Args:
        operations: counts of a run, inference or training, any number of samples; means over them
            are what is priced.
        cores: cores of each layer, [layers], as `limits.check(...)` places them.
        profile: the constants.
        seconds: time of a sample where it is known (measured), instead of the modelled one.
    Raises: ValueError where `cores` does not fit the counts.
    """
    if len(cores) != len(operations.spikes) - 1 or min(cores, default=0) < 1:
        raise ValueError(
            f"cores are {list(cores)}; the counts have {len(operations.spikes) - 1} layers: give"
            " each at least 1 core"
        )
    n = operations.per_sample()
    time = exactly(seconds) if seconds is not None else _time(operations, cores, profile)
    return EnergyEstimate(
        profile=profile.name,
        cores=sum(cores),
        synaptic_operations=profile.synaptic_operation.scaled(n["synaptic_operations"]),
        neuron_updates=profile.active_update.scaled(n["active_updates"])
        + profile.inactive_update.scaled(n["inactive_updates"]),
        synaptic_updates=profile.synaptic_update.scaled(n["synaptic_updates"]),
        spikes=profile.spike.scaled(n["spikes"]),
        messages=profile.message.scaled(n["messages"]),
        static=Interval(
            min(sum(cores) * profile.core_power, profile.chip_power), profile.chip_power
        ).times(time),
        x86=Interval(0, profile.x86_power).times(time),
        seconds=time,
    )


def override(profile: EnergyProfile, **constants: float | Interval) -> EnergyProfile:
    """A profile with some constants replaced; its name says which. Values in SI units; a number
    stands for an interval of one value.

    Raises: ValueError for an unknown constant, with the known ones.
    """
    known = [
        field.name for field in dataclasses.fields(profile) if field.name not in ("name", "source")
    ]
    for name in constants:
        if name not in known:
            raise ValueError(
                f"profile {profile.name} has no constant {name!r}; known: {', '.join(known)}"
            )
    as_typed = {
        name: (
            exactly(value)
            if isinstance(getattr(profile, name), Interval) and not isinstance(value, Interval)
            else value
        )
        for name, value in constants.items()
    }
    label = f"{profile.name} with own {', '.join(sorted(constants))}" if constants else profile.name
    return dataclasses.replace(profile, name=label, **as_typed)  # type: ignore[arg-type]  # names and types checked above


def _time(operations: OperationCounts, cores: Sequence[int], p: EnergyProfile) -> Interval:
    """Seconds per sample: barriers, and the work of the busiest layer.

    Layers work side by side (a step of one overlaps with the same step of the others), a layer's
    work is spread evenly over its cores,
    and within a core operations follow each other. Taken on sums, so a step that is busier than the
    mean is not seen: a lower bound on the work, unless all layers took turns, which is the upper
    bound.
    """
    work = (
        operations.synaptic_operations[1:] * p.synaptic_operation_time
        + operations.synaptic_updates[1:] * p.synaptic_update_time
        + operations.active_updates[1:] * p.active_update_time
        + operations.inactive_updates[1:] * p.inactive_update_time
    ) / np.asarray(cores)
    barriers = p.barrier_time.scaled(operations.steps)
    return Interval(barriers.low + float(work.max()), barriers.high + float(work.sum())).scaled(
        1 / operations.samples
    )
