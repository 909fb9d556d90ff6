"""Joules and seconds on Loihi 1 from operation counts. All of it is MODELLED: no chip was measured.

    dynamic        = computation + communication
    computation    = synaptic operations + neuron updates + synaptic updates (learning)
    communication  = spikes + messages to other cores
    static         = time x power of the cores used (at least) or of the whole chip (at most)
    x86            = time x power of the embedded x86 cores (none at least, all at most)
    time           = sum over steps of (barrier + work of the busiest layer's cores)

Each count is multiplied by its energy. Where a source states a constant as a minimum, or a quantity
depends on the placement, the constant is an interval, and so is every result. Dynamic, static and
x86 energies are kept apart; `total` is dynamic + static.

Short names of the sources:
    Davies 2018   Davies et al., "Loihi: a neuromorphic manycore processor with on-chip learning",
                  IEEE Micro 38(1), Table 2: pre-silicon estimates at 0.75 V
    Frady 2020    Frady et al., "Neuromorphic nearest neighbor search using Intel's Pohoiki
                  Springs", NICE 2020: 3.34 W of static power for 32 chips, split into cores and
                  x86; voltage not stated
    SANA-FE       Boyle et al. 2025, SANA-FE 2, file arch/loihi.yaml: calibrated on silicon for
                  inference; its authors claim errors of 12 % (energy) and 25 % (latency). It has
                  no learning.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .border.checks import instance_of, real_number
from .border.model import OperationCounts

PICO = 1e-12
NANO = 1e-9


class Interval(NamedTuple):
    """A quantity between two bounds, `low <= high`; the bounds are equal where it is known."""

    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:  # type: ignore[override]  # of numbers, not of tuples
        return Interval(self.low + other.low, self.high + other.high)

    def scaled(self, by: float) -> Interval:
        """Return both bounds times a number of at least 0."""
        return Interval(self.low * by, self.high * by)

    def times(self, other: Interval) -> Interval:
        """Return the product of two intervals of numbers of at least 0."""
        return Interval(self.low * other.low, self.high * other.high)

    @property
    def middle(self) -> float:
        """Geometric mean, off by the same factor from either bound; `high` / 2 where `low` is 0."""
        return math.sqrt(self.low * self.high) if self.low > 0 else self.high / 2


def exactly(value: float) -> Interval:
    """Return an interval of one value."""
    return Interval(value, value)


NOTHING = exactly(0.0)


@dataclass(frozen=True, kw_only=True)
class EnergyProfile:
    """A set of constants: joules and seconds per operation, watts of the parts that always run.

    Any constant may be replaced, by `override` or
    `dataclasses.replace(profile, synaptic_operation=Interval(2e-11, 4e-11))`.
    """

    name: str
    source: str
    synaptic_operation: Interval  # J per spike and synapse
    synaptic_update: Interval  # J per synapse and learning epoch
    active_update: Interval  # J per step of a neuron that received input in it
    inactive_update: Interval  # J per step of a neuron that only decays
    spike: Interval  # J per spike sent, for any number of destinations
    message: Interval  # J per spike and destination core, hops included
    core_power: float  # W per core, static
    chip_power: float  # W per chip, static, all cores
    x86_power: float  # W per chip, embedded x86 cores
    synaptic_operation_time: float  # s; all times: one after the other within a core
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


# Hops through the 8 x 4 mesh of a chip: 0 where both cores share a tile, 7 + 3 across the chip.
_MAX_HOPS_EAST, _MAX_HOPS_NORTH = 7, 3

DAVIES2018 = EnergyProfile(
    name="davies2018",
    source="Davies 2018, Table 2 (pre-silicon); static and x86 power: Frady 2020",
    # Stated as a minimum; the upper bound is the value that SANA-FE calibrated on silicon.
    synaptic_operation=Interval(23.6 * PICO, 35.5 * PICO),
    # pairwise STDP; a rule of more products costs more
    synaptic_update=exactly(120 * PICO),
    active_update=exactly(81 * PICO),
    inactive_update=exactly(52 * PICO),
    spike=NOTHING,  # part of the neuron update in this table
    message=Interval(1.7 * PICO, (1.7 + _MAX_HOPS_EAST * 3.0 + _MAX_HOPS_NORTH * 4.0) * PICO),
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
    message=Interval(111 * PICO, (111 + _MAX_HOPS_EAST * 3.0 + _MAX_HOPS_NORTH * 4.2) * PICO),
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
        """Computation and communication, J per sample."""
        return self.computation + self.communication

    @property
    def total(self) -> Interval:
        """Dynamic and static, without the x86 cores, J per sample."""
        return self.dynamic + self.static

    def record(self) -> dict[str, object]:
        """Return a record for JSON: each interval as [low, high], in SI units per sample."""
        fields = [field.name for field in dataclasses.fields(self)]
        parts = [name for name in fields if isinstance(getattr(self, name), Interval)]
        profile = PROFILES.get(self.profile)
        intervals = {
            "seconds" if name == "seconds" else f"{name}_j": list(getattr(self, name))
            for name in (*parts, "computation", "communication", "dynamic", "total")
        }
        return {
            "how": "modelled",
            "profile": self.profile,
            "source": profile.source if profile else "constants of the caller",
            "cores": self.cores,
            **intervals,
        }


def estimate(
    operations: OperationCounts,
    cores: Sequence[int],
    profile: EnergyProfile = DAVIES2018,
    *,
    seconds: float | None = None,
) -> EnergyEstimate:
    """Model the energy and time of one sample on Loihi 1.

    Args:
        operations: counts of a run, inference or training; their mean over samples is priced.
        cores: cores of each layer, [layers], as `limits.check(...)` places them.
        profile: the constants.
        seconds: measured time per sample, to use instead of the modelled time.
    Raises: ValueError where `cores` does not fit the counts.
    """
    instance_of(operations, OperationCounts, "operations", "the operations of a run")
    instance_of(profile, EnergyProfile, "profile", "an EnergyProfile, e.g. DAVIES2018")
    if seconds is not None:
        real_number(seconds, "seconds", 0)
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
    """Return a profile with some constants replaced; its name lists them.

    Args:
        constants: values in SI units; a number stands for an interval of one value.
    Raises: ValueError for an unknown constant, with the valid names.
    """
    fields = [field.name for field in dataclasses.fields(profile)]
    names = [name for name in fields if name not in ("name", "source")]
    for name in constants:
        if name not in names:
            raise ValueError(
                f"profile {profile.name} has no constant {name!r}; known: {', '.join(names)}"
            )
    typed = {
        name: (
            exactly(value)
            if isinstance(getattr(profile, name), Interval) and not isinstance(value, Interval)
            else value
        )
        for name, value in constants.items()
    }
    label = f"{profile.name} with own {', '.join(sorted(constants))}" if constants else profile.name
    return dataclasses.replace(profile, name=label, **typed)  # type: ignore[arg-type]  # checked above


def _time(operations: OperationCounts, cores: Sequence[int], p: EnergyProfile) -> Interval:
    """Return the seconds per sample: barriers, and the work of the busiest layer.

    Layers work in parallel (a step of one overlaps with the same step of the others), a layer's
    work is spread evenly over its cores, and within a core operations follow each other. Computed
    on sums over steps, which hide steps that are busier than the mean: so the busiest layer's work
    is the lower bound, and the work of all layers, one after the other, the upper one.
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
