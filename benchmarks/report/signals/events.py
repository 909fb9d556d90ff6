"""Tasks beyond MNIST: simulated events, order in time, a few samples, and real numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biograd.runs.records import Record

from ..evidence import Evidence, over_seeds
from ..literature import PAPER_NMNIST
from ..page import Section

TASKS_COMMAND = "biograd benchmark --suite tasks"


def events(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the tables of the suite `tasks`, except Fashion-MNIST."""
    section = Section("events", "Event cameras, timing, a few samples, and real numbers")
    for add_table in (_simulated_events, _timing, _few_shot, _regression):
        add_table(section, evidence)
    if not section.items:
        section.missing("None of these tasks is recorded.", TASKS_COMMAND)
    return section


def simulated_accuracy(evidence: Evidence) -> str:
    """Return our accuracy on simulated recordings in a few words; "" if there is none."""
    rows = over_seeds(evidence.named("simulated events"), lambda record: "")
    if not rows:
        return ""
    _, mean, spread, seeds = rows[0]
    percent = f"{mean} ± {spread} %" if spread else f"{mean} %"
    return f"{percent} on events simulated from MNIST ({seeds} seed{'s' if spread else ''})"


def _simulated_events(section: Section, evidence: Evidence) -> None:
    records = evidence.named("simulated events")
    if records:
        section.table(
            ["net", "test %", "±", "seeds", "the paper"],
            [[*row, f"{PAPER_NMNIST.value} (real N-MNIST)"] for row in over_seeds(records, _net)],
            numbers=(1, 2, 3),
            caption=(
                "Measured on simulated recordings: an event camera's equations applied to MNIST in"
                " three saccades, in N-MNIST's own file format (biograd/data/events/simulated.py)."
                " They are not N-MNIST, which could not be fetched here; the paper's figure is of"
                " the real recordings."
            ),
        )


def _timing(section: Section, evidence: Evidence) -> None:
    records = evidence.named("timing")
    if records:
        rows = over_seeds(records, lambda r: f"{r['results']['task']}: {r['results']['method']}")
        section.table(
            ["task: rule", "test %", "±", "seeds"],
            rows,
            numbers=(1, 2, 3),
            tinted=[i for i, row in enumerate(rows) if "eligibility" in row[0]],
            caption=(
                "Measured on held-out samples. Every input fires equally often in every sample;"
                " only the timing tells the two classes apart, and chance is 50 %. The same"
                " network, feedback and optimizer in every row: with the traces cut off, a synapse"
                " knows only the present step."
            ),
        )


def _few_shot(section: Section, evidence: Evidence) -> None:
    results = [
        record["results"]
        for record in evidence.named("few-shot")
        if record["results"].get("old_mixed_in")
    ]
    if not results:
        return
    columns = {
        "old_before": "eight digits before %",
        "old_after": "and after %",
        "new_after": "the two new ones %",
    }
    rows = []
    for shots in sorted({r["shots"] for r in results}):
        seeds = [r for r in results if r["shots"] == shots]
        percent = [_spread([r[key] for r in seeds]) for key in columns]
        rows.append([str(shots), *percent, str(len(seeds))])
    section.table(
        ["samples per class", *columns.values(), "seeds"],
        rows,
        numbers=(0, 1, 2, 3, 4),
        caption=(
            "Measured on the MNIST test images. A net that has learned the digits 0 to 7 learns 8"
            " and 9, which it never answered before: one sample at a time, one local update each,"
            " five times through, with as many samples of each old digit mixed in."
        ),
    )


def _regression(section: Section, evidence: Evidence) -> None:
    groups = evidence.grouped("regression")
    if groups:
        section.table(
            ["task: method", "RMSE", "±", "R²", "seeds"],
            [_regression_row(group) for group in groups],
            numbers=(1, 2, 3, 4),
            tinted=[
                i
                for i, group in enumerate(groups)
                if group[0]["results"].get("method") == "local rule"
            ],
            caption=(
                "Measured on held-out samples; output rates represent numbers. Angle: by how many"
                " degrees a handwritten digit was turned, between -60 and 60. Friedman: a function"
                " of five of ten inputs with noise of standard deviation 1, the smallest RMSE that"
                " any method can reach. The local rule and BPTT train the same network with the"
                " same optimizer."
            ),
        )


def _regression_row(group: list[Record]) -> list[str]:
    rmse, r2 = (
        np.array([float(record["results"][name]) for record in group]) for name in ("rmse", "r2")
    )
    spread = f"{rmse.std(ddof=1):.2f}" if len(group) > 1 else ""
    r = group[0]["results"]
    task = f"{r['task']}: {r['method']}"
    return [task, f"{rmse.mean():.2f}", spread, f"{r2.mean():.3f}", str(len(group))]


def _spread(values: list[float]) -> str:
    percent = 100 * np.array(values)
    return f"{percent.mean():.1f}" + (f" ± {percent.std(ddof=1):.1f}" if len(values) > 1 else "")


def _net(record: Record) -> str:
    config = record.get("config") or {}
    hidden = "-".join(str(n) for n in config.get("hidden", ()))
    return f"2312-{hidden}-10, T = {config.get('steps')}"
