"""The time that each study took, and the price of fault injection."""

from __future__ import annotations

from collections.abc import Mapping

from biograd.runs.records import Record

from ..evidence import Evidence, busy
from ..page import Section
from .seeds import STUDIES_COMMAND

LIMIT = 600.0  # seconds of one study, all of its tasks and seeds
STUDIES = {
    "independent components": "independent components",
    "grid code": "grid code",
    "working memory": "two angles in working memory",
    "trained nets": "trained networks under faults",
    "chip healing": "a damaged chip learns on",
    "fault speed": "price of fault injection",
}
PLACES = {
    "simulator": "simulator, evaluation",
    "emulator": "emulator, inference",
    "learning": "emulator, learning",
}


def study_times(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the seconds of each study, and the speed with and without faults."""
    section = Section("study-times", "Time of the studies")
    studies = {title: _newest(evidence.named(name)) for name, title in STUDIES.items()}
    rows = [_row(title, list(tasks)) for title, tasks in studies.items() if tasks]
    if not rows:
        return section.missing("No study is recorded.", STUDIES_COMMAND)
    section.table(
        ["study", "tasks and seeds", "seconds, all", "longest task", "on a busy machine"],
        rows,
        numbers=range(1, 5),
        caption=f"Measured on 2 cores, on the wall; the aim is {LIMIT:g} seconds per study. Last"
        " column: tasks during which other programs kept both cores busy (load above 3), whose"
        " seconds are upper bounds.",
    )
    race = evidence.results("fault speed")
    if race:
        section.table(
            ["where", "no faults set", "some faults"],
            [
                [title, f"{race['none_ratio'][place]:.2f}", f"{race['some_ratio'][place]:.2f}"]
                for place, title in PLACES.items()
            ],
            numbers=range(1, 3),
            caption="Measured: speed over that of the plain code, medians of interleaved rounds,"
            " processor time. Some: a tenth of the neurons dead, a tenth of the synapses failed.",
        )
    return section


def _newest(records: list[Record]) -> list[Record]:
    """Return the newest record of each task and seed; records: oldest first."""
    timed = (r for r in records if isinstance(r.get("wall_seconds"), int | float))
    return list({r["key"]: r for r in timed}.values())


def _row(title: str, tasks: list[Record]) -> list[str]:
    seconds = [float(r["wall_seconds"]) for r in tasks]
    slowed = sum(map(busy, tasks))
    return [title, str(len(tasks)), f"{sum(seconds):.0f}", f"{max(seconds):.0f}", str(slowed)]
