"""Independent components by the two-compartment rule, beside FOBI and FastICA."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biograd.pictures.studies import separation as pictures_of
from biograd.runs.records import Record

from ..evidence import Evidence
from ..page import Section
from .seeds import STUDIES_COMMAND, newest_seeds

_MS = {"periodic": 0.1, "voices": 1 / 16}  # milliseconds per sample


def separation(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show waves, the error while learning, and a table of all methods."""
    section = Section("separation", "Independent components by a two-compartment rule")
    records = evidence.named("independent components")
    if not records:
        return section.missing("No separated mixture is recorded.", STUDIES_COMMAND)
    section.text(
        "Dendrite, soma and lateral synapses separate mixed sources by a local rule, modulated by"
        " the population's activity (Bahroun et al. 2021). FOBI and FastICA see all samples at"
        " once and are no neurons; they are the references, on the same samples."
    )
    for task in dict.fromkeys(record["results"]["task"] for record in records):
        _task(section, task, newest_seeds(records, task))
    return section


def _task(section: Section, task: str, seeds: list[Record]) -> None:
    results = [record["results"] for record in seeds]
    if task in _MS:
        waves = pictures_of.waves(results[0]["shown"], ms=_MS[task])
        reference = [r["methods"]["FOBI"]["error"] for r in results]
        curves = [r["curves"]["rule"] for r in results]
        learning = pictures_of.convergence(curves, reference, x="steps of the batch form")
        section.figures(
            (waves, f"{task}: the first samples of seed {seeds[0]['seed']}"),
            (learning, f"{task}: the error as the rule learns, one line per seed"),
        )
    rows = [_row(method, results) for method in results[0]["methods"]]
    section.table(
        [f"{task}, {len(seeds)} seeds", "error", "±", "within 1.1 × FOBI", "all ≥ 0.95", "Amari"],
        rows,
        numbers=(1, 2, 3, 4, 5),
        tinted=[i for i, row in enumerate(rows) if row[0].startswith("rule")],
        caption="Measured. Mean squared error per source of variance 1, after matching; seeds"
        " within 1.1 times FOBI's error; seeds of which every source correlates at 0.95 or more;"
        " mean Amari index. Lambda is 1, 2, .. unless it says oracle (the kurtoses of FOBI).",
    )


def _row(method: str, results: list[Record]) -> list[str]:
    scores = [r["methods"][method] for r in results]
    errors = np.array([score["error"] for score in scores])
    bounds = np.array([1.1 * r["methods"]["FOBI"]["error"] for r in results])
    recovered = sum(score["lowest_correlation"] >= 0.95 for score in scores)
    return [
        method,
        f"{errors.mean():.2g}",
        f"{errors.std(ddof=1):.1g}" if len(errors) > 1 else "",
        str(int((errors <= bounds).sum())),
        str(recovered),
        f"{np.mean([score['amari'] for score in scores]):.3f}",
    ]
