"""Event cameras and timing: recordings simulated from MNIST, and tasks in which only time tells the classes apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from .evidence import Evidence, Record
from .literature import PAPER_NMNIST
from .page import Section

EVENTS_COMMAND = "biograd benchmark --suite events"


def events(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Accuracy on simulated recordings, and what traces are worth where rates say nothing."""
    section = Section("events", "Event cameras and timing")
    shown = evidence.named("simulated events")
    if shown:
        rows = [[*row, f"{PAPER_NMNIST.value} (real N-MNIST)"] for row in _over_seeds(shown, _net)]
        section.table(["net", "test %", "±", "seeds", "the paper"], rows, numbers=(1, 2, 3), caption=_SIMULATED)
    timed = evidence.named("timing")
    if timed:
        rows = _over_seeds(timed, lambda r: f"{r['results']['task']}: {r['results']['method']}")
        ours = [i for i, row in enumerate(rows) if "eligibility" in row[0]]
        section.table(["task: rule", "test %", "±", "seeds"], rows, numbers=(1, 2, 3), ours=ours, caption=_TIMING)
    return section if shown or timed else section.missing("Nothing of events or timing is recorded.", EVENTS_COMMAND)


def simulated_accuracy(evidence: Evidence) -> str:
    """Ours on simulated recordings in a few words, or nothing."""
    rows = _over_seeds(evidence.named("simulated events"), lambda r: "")
    return f"{rows[0][1]} ± {rows[0][2]} % on events simulated from MNIST ({rows[0][3]} seeds)" if rows else ""


def _over_seeds(records: list[Record], name: Callable[[Record], str]) -> list[list[str]]:
    """[name, mean, standard deviation, seeds] in percent; the newest record of each seed."""
    groups: dict[str, dict[int, float]] = defaultdict(dict)
    for record in records:
        groups[name(record)][int(record.get("seed") or 0)] = 100 * float(record["results"]["test_accuracy"])
    return [
        [kind, f"{np.mean(list(found.values())):.2f}", f"{np.std(list(found.values()), ddof=len(found) > 1):.2f}", str(len(found))]
        for kind, found in groups.items()
    ]


def _net(record: Record) -> str:
    config = record.get("config") or {}
    return f"2312-{'-'.join(str(n) for n in config.get('hidden', ()))}-10, T = {config.get('steps')}"


_SIMULATED = (
    "Measured on simulated recordings: an event camera's equations applied to MNIST in three saccades, in N-MNIST's own file format "
    "(biograd/events_simulated.py). They are not N-MNIST, which could not be fetched here; the paper's figure is of the real recordings."
)
_TIMING = (
    "Measured on held-out samples. Every input fires equally often in every sample; only when tells the two classes apart, and chance is "
    "50 %. The same network, feedback and optimizer in every row: with the traces cut off a synapse knows only this very step."
)
