"""Accuracy against joules and seconds per training sample: modelled runs, and measured chips.

Modelled ranges and measured points never share a colour, a shape or a sum.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from biograd.pictures.trade_offs import Span, spans_and_points
from biograd.pictures.units import engineering, engineering_range
from biograd.runs.records import Record

from .literature import CHIP_TRAINING_J, CHIP_TRAINING_S, SOURCES
from .page import Section

PROFILE = "davies2018"
WHOLE = 3  # epochs of a run that is shown; shorter ones are ablations
_MEASURES = (("modelled_j_per_sample", "J"), ("modelled_s_per_sample", "s"))


class Chip(NamedTuple):
    """Training of MNIST on a chip, measured by its authors."""

    what: str
    percent: float
    joules: float
    seconds: float | None  # None: not published
    source: str


def beside_published_chips(section: Section, groups: Sequence[Sequence[Record]]) -> None:
    """Add the two pictures and their table; nothing where no run has a price."""
    runs = [group for group in groups if _whole(group[-1])]
    if not runs:
        return
    chips = _published()
    figures = []
    for measure, unit in _MEASURES:
        spans = [
            Span(_percent(run), *run[-1]["results"][measure][PROFILE])  # low, high
            for run in runs
        ]
        figure = spans_and_points(
            spans,
            [(chip.joules if unit == "J" else chip.seconds, chip.percent) for chip in chips],
            x=f"{'energy' if unit == 'J' else 'time'} per training sample",
            y="MNIST test accuracy (%)",
            unit=unit,
            names=(f"ours, modelled ({PROFILE})", "chips, measured by their authors"),
        )
        figures.append((figure, "Numbers as in the table."))
    section.figures(*figures)
    _table(section, runs, chips)


def _table(
    section: Section,
    runs: Sequence[Sequence[Record]],
    chips: Sequence[Chip],
) -> None:
    rows = []
    for number, run in enumerate(runs, start=1):
        results = run[-1]["results"]
        ranges = [engineering_range(results[name][PROFILE], unit) for name, unit in _MEASURES]
        rows.append(
            [f"{number}. {results['method']}", f"{_percent(run):.2f}", *ranges, "modelled", "ours"]
        )
    for number, (what, percent, joules, seconds, source) in enumerate(chips, start=len(runs) + 1):
        values = engineering(joules, "J"), "–" if seconds is None else engineering(seconds, "s")
        rows.append([f"{number}. {what}", f"{percent:.1f}", *values, "measured", source])
    section.table(
        [
            "MNIST, learned on the chip",
            "test %",
            "J per sample",
            "s per sample",
            "figure",
            "source",
        ],
        rows,
        numbers=(1, 2, 3),
        caption=(
            "Ours: integers of the emulator, energy and time from a model of Loihi 1, nights"
            " included, mean over the seeds' accuracy. No chip of ours was measured, so that a"
            " range and a point say nothing about each other's hardware."
        ),
    )


def _whole(record: Record) -> bool:
    """Return whether a record is a priced MNIST run, and no ablation."""
    config, results = record.get("config") or {}, record["results"]
    return (
        all(PROFILE in (results.get(name) or {}) for name, _ in _MEASURES)
        and config.get("dataset", "mnist") == "mnist"
        and config.get("feedback", "sleep") == "sleep"
        and config.get("rounding", "synapse") == "synapse"
        and not config.get("shuffled_labels")
        and (config.get("epochs") or 0) >= WHOLE
    )


def _percent(run: Sequence[Record]) -> float:
    return statistics.fmean(100 * record["results"]["test_accuracy"] for record in run)


def _published() -> list[Chip]:
    texts = {source.key: source.text for source in SOURCES}
    seconds = {figure.source: figure.value for figure in CHIP_TRAINING_S}
    return [
        Chip(
            figure.what,
            float(figure.note.removesuffix(" %")),
            figure.value,
            seconds.get(figure.source),
            texts[figure.source],
        )
        for figure in CHIP_TRAINING_J
    ]
