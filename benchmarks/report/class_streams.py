"""Classes learned one after another: accuracy, forgetting, and modelled joules per sample.

From records of `benchmarks.measurements.class_streams`; joules as `chip_prices.priced` adds them.
"""

from __future__ import annotations

import statistics

from biograd.pictures.units import engineering_range
from biograd.runs.records import Record

from .evidence import Evidence
from .literature import CONTINUAL_J, CONTINUAL_S, SOURCES
from .page import Section

_PROFILE = "davies2018"
DATASETS = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}


def class_streams(section: Section, evidence: Evidence) -> None:
    """Add the table of streams; nothing where none is recorded."""
    groups = evidence.grouped("class stream", "method")
    if not groups:
        return
    section.table(
        [
            "classes one after another",
            "data",
            "samples per class",
            "test %",
            "±",
            "seeds",
            "forgotten, points",
            "J per sample",
            "s per sample",
        ],
        [_row(group) for group in groups],
        numbers=(2, 3, 4, 5, 6, 7, 8),
        caption=(
            "Five tasks of two classes, each sample once, the task unknown at test. Forgotten: mean"
            " fall of a task's accuracy until the end, what later classes take as further answers"
            f" included. Joules and seconds are modelled ({_PROFILE}). {_published()}"
        ),
    )
    for group in evidence.grouped("class stream in lava"):
        r = group[-1]["results"]
        verdict = "equal after every sample" if r.get("equal") else "NOT equal"
        section.note(
            f"Prototypes against Lava's learning engine: {verdict}"
            f" ({r.get('samples', '?')} samples, {r.get('recruited', '?')} prototypes)."
        )


def _row(group: list[Record]) -> list[str]:
    results = [record["results"] for record in group]
    config = group[-1].get("config") or {}
    percent = [100 * r["test_accuracy"] for r in results]
    prices = [
        (results[-1].get(name) or {}).get(_PROFILE)
        for name in ("modelled_j_per_sample", "modelled_s_per_sample")
    ]
    dataset = str(config.get("dataset", "mnist"))
    return [
        str(results[-1].get("method")),
        DATASETS.get(dataset, dataset),
        str(config.get("shots") or "all"),
        f"{statistics.fmean(percent):.2f}",
        f"{statistics.stdev(percent):.2f}" if len(percent) > 1 else "–",
        str(len(percent)),
        f"{100 * statistics.fmean(r.get('forgetting', 0.0) for r in results):.2f}",
        *(
            engineering_range(price, unit) if price else "–"
            for price, unit in zip(prices, ("J", "s"), strict=True)
        ),
    ]


def _published() -> str:
    """Return the published chip's measured joules and seconds, in words."""
    source = next(source.text for source in SOURCES if source.key == CONTINUAL_J.source)
    return (
        f"Measured by its authors on silicon, on other data: {CONTINUAL_J.what},"
        f" {1e3 * CONTINUAL_J.value:.2f} mJ and {1e3 * CONTINUAL_S.value:.2f} ms per update"
        f" ({source})"
    )
