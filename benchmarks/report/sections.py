"""The sections of the report, in order; a new one is a function and a line in `SECTIONS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .accuracy import ablations, accuracy, angles, learning_curves, mistakes
from .chip import learning_on_chip
from .depth import depth
from .energy import energy
from .energy_model import energy_model
from .evidence import Evidence
from .frugal import fewer_joules
from .frugal_training import frugal_training
from .gpu import gpu
from .headline import headline
from .memory import memory
from .origin import inside, origin, sources
from .page import Section
from .signals.events import events
from .signals.speech import speech
from .speed import speed
from .studies.chip_healing import healed_chips
from .studies.grid_code import grid_code
from .studies.separation import separation
from .studies.times import study_times
from .studies.trained_nets import broken_nets, energy_split
from .studies.working_memory import working_memory

SectionFunction = Callable[[Evidence, Mapping[str, str]], Section]  # of records, and SVG by name


def subtitle(evidence: Evidence) -> str:
    """Return the line under the title: what is compared, measured when and where."""
    machines = evidence.machines()
    dates = [
        str(record.get("when", ""))[:10] for record in evidence.measurements if record.get("when")
    ]
    when = "nothing measured yet"
    if dates:
        when = f"measured {min(dates)}" + (f" to {max(dates)}" if min(dates) != max(dates) else "")
    where = (
        f" on {machines[0]}"
        if len(machines) == 1
        else f" on {len(machines)} settings of machine and threads"
        if machines
        else ""
    )
    return (
        "Spiking networks trained by local rules and sleep, compared with the same networks trained"
        f" by backpropagation; {when}{where}. Every figure says whether it was measured here,"
        " modelled, or published by others."
    )


def footer(evidence: Evidence) -> str:
    """Return the last line of the page."""
    total = (
        len(evidence.measurements)
        + len(evidence.deployments)
        + len(evidence.runs)
        + len(evidence.epochs)
    )
    return (
        f"From {total:,} records; {len(evidence.left_out)} left out. This page loads nothing from"
        " any network."
    )


SECTIONS: list[SectionFunction] = [
    headline,
    accuracy,
    learning_curves,
    angles,
    ablations,
    learning_on_chip,
    energy,
    energy_model,
    frugal_training,
    fewer_joules,
    memory,
    speed,
    gpu,
    depth,
    events,
    speech,
    separation,
    grid_code,
    working_memory,
    broken_nets,
    healed_chips,
    energy_split,
    study_times,
    mistakes,
    inside,
    origin,
    sources,
]
