"""More tasks: recordings simulated from MNIST, classes that only time tells apart, a few samples of
new ones, and real numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .evidence import Evidence, Record, over_seeds
from .literature import PAPER_NMNIST
from .page import Section

TASKS_COMMAND = "biograd benchmark --suite tasks"


def events(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Accuracy on simulated recordings, what traces are worth where rates say nothing, what few
    samples teach, and real numbers.
    """
    section = Section("events", "Event cameras, timing, a few samples, and real numbers")
    shown = evidence.named("simulated events")
    if shown:
        rows = [[*row, f"{PAPER_NMNIST.value} (real N-MNIST)"] for row in over_seeds(shown, _net)]
        section.table(
            ["net", "test %", "±", "seeds", "the paper"],
            rows,
            numbers=(1, 2, 3),
            caption=_SIMULATED,
        )
    timed = evidence.named("timing")
    if timed:
        rows = over_seeds(timed, lambda r: f"{r['results']['task']}: {r['results']['method']}")
        ours = [i for i, row in enumerate(rows) if "eligibility" in row[0]]
        section.table(
            ["task: rule", "test %", "±", "seeds"],
            rows,
            numbers=(1, 2, 3),
            ours=ours,
            caption=_TIMING,
        )
    few = [
        record["results"]
        for record in evidence.named("few-shot")
        if record["results"].get("old_mixed_in")
    ]
    if few:
        told = []
        for shots in sorted({found["shots"] for found in few}):
            of_these = [found for found in few if found["shots"] == shots]
            told.append(
                [
                    str(shots),
                    *(_spread([found[key] for found in of_these]) for key in _FEW),
                    str(len(of_these)),
                ]
            )
        section.table(
            ["samples of each class", *_FEW.values(), "seeds"],
            told,
            numbers=(0, 1, 2, 3, 4),
            caption=_FEW_SHOT,
        )
    told_as_rates = evidence.grouped("regression")
    if told_as_rates:
        rows = [_regression_row(group) for group in told_as_rates]
        ours = [
            i
            for i, group in enumerate(told_as_rates)
            if group[0]["results"].get("method") == "local rule"
        ]
        section.table(
            ["task: method", "RMSE", "±", "R²", "seeds"],
            rows,
            numbers=(1, 2, 3, 4),
            ours=ours,
            caption=_REGRESSION,
        )
    return (
        section
        if shown or timed or few or told_as_rates
        else section.missing("None of these tasks is recorded.", TASKS_COMMAND)
    )


def simulated_accuracy(evidence: Evidence) -> str:
    """Ours on simulated recordings in a few words, or nothing."""
    rows = over_seeds(evidence.named("simulated events"), lambda r: "")
    if not rows:
        return ""
    _, mean, spread, seeds = rows[0]
    told = f"{mean} ± {spread} %" if spread else f"{mean} %"
    return f"{told} on events simulated from MNIST ({seeds} seed{'s' if spread else ''})"


def _regression_row(group: list[Record]) -> list[str]:
    rmse, r2 = (
        np.array([float(record["results"][name]) for record in group]) for name in ("rmse", "r2")
    )
    spread = f"{rmse.std(ddof=1):.2f}" if len(group) > 1 else ""
    r = group[0]["results"]
    return [
        f"{r['task']}: {r['method']}",
        f"{rmse.mean():.2f}",
        spread,
        f"{r2.mean():.3f}",
        str(len(group)),
    ]


def _spread(values: list[float]) -> str:
    percent = 100 * np.array(values)
    return f"{percent.mean():.1f}" + (f" ± {percent.std(ddof=1):.1f}" if len(values) > 1 else "")


def _net(record: Record) -> str:
    config = record.get("config") or {}
    return (
        f"2312-{'-'.join(str(n) for n in config.get('hidden', ()))}-10, T = {config.get('steps')}"
    )


_FEW = {
    "old_before": "eight digits before %",
    "old_after": "and after %",
    "new_after": "the two new ones %",
}
_FEW_SHOT = (
    "Measured on the MNIST test images. A net that has learned the digits 0 to 7 meets 8 and 9,"
    " which it never answered before: one sample at a time, one local update each, five times"
    " through, with as many samples of each old digit mixed in."
)
_SIMULATED = (
    "Measured on simulated recordings: an event camera's equations applied to MNIST in three"
    " saccades, in N-MNIST's own file format (biograd/data/events/simulated.py). They are not"
    " N-MNIST, which could not be fetched here; the paper's figure is of the real recordings."
)
_REGRESSION = (
    "Measured on held-out samples; output rates stand for numbers. Angle: by how many degrees a"
    " handwritten digit was turned, between -60 and 60. Friedman: a function of five of ten inputs"
    " with noise of standard deviation 1, which nobody can tell better than to 1. The local rule"
    " and BPTT train the same network with the same optimizer."
)
_TIMING = (
    "Measured on held-out samples. Every input fires equally often in every sample; only when tells"
    " the two classes apart, and chance is 50 %. The same network, feedback and optimizer in every"
    " row: with the traces cut off a synapse knows only this very step."
)
