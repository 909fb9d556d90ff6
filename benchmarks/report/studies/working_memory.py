"""A working memory of two angles: errors by the local rule and by BPTT, and the torus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from biograd.pictures.studies import working_memory as pictures_of
from biograd.runs.records import Record

from ..evidence import Evidence
from ..page import Section
from .seeds import STUDIES_COMMAND, newest_seeds

AIM = 12.0  # degrees
NAMES = {
    ("local", "delays"): "local rule, taught over delays",
    ("bptt", "cue"): "BPTT, taught in the cue",
    ("local", "cue"): "local rule, taught in the cue",
}


def working_memory(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show errors, the manifold of one seed of each rule, and its measures."""
    section = Section("working-memory", "Two angles in working memory")
    records = evidence.named("working memory")
    if not records:
        return section.missing("No working memory is recorded.", STUDIES_COMMAND)
    section.text(
        "A recurrent network of rates sees one orientation, waits, sees another, waits, and"
        " reports both (Cueva et al. 2021). It learns by e-prop's local traces with feedback that"
        " sleep aligns, or by backpropagation through time, from the same weights and as many"
        " trials. Targets are given in the cue alone, as in the paper, or, for a rule that looks"
        " not far into the past, from the end of each stimulus on; errors count in the cue."
        " On a Clifford torus both angles lie in planes at right angles, with equal radii."
    )
    by_rule = {
        name: newest_seeds([r for r in records if _way(r) == way], "two angles")
        for way, name in NAMES.items()
    }
    by_rule = {name: seeds for name, seeds in by_rule.items() if seeds}
    curves = {name: [r["results"]["curve"] for r in seeds] for name, seeds in by_rule.items()}
    shapes = {
        f"{name}, seed {seeds[0]['seed']}": seeds[0]["results"]["projected"]
        for name, seeds in by_rule.items()
    }
    section.figures(
        (
            pictures_of.learning(curves, aim=AIM),
            "Root mean square error of new trials, one line per seed; a guess is off by 52"
            f" degrees. Dashed: {AIM:g} degrees.",
        ),
        (
            pictures_of.manifolds(shapes),
            "Rates at the end of the last delay, on three principal components. Colour: the first"
            " angle; along a coloured ring the second angle turns.",
        ),
    )
    section.table(
        ["mean ± standard deviation", *(f"{n}, {len(s)} seeds" for n, s in by_rule.items())],
        [[name, *(_spread(seeds, of) for seeds in by_rule.values())] for name, of in MEASURES],
        numbers=range(1, 1 + len(by_rule)),
        caption="Measured. Errors modulo 180 degrees, from outputs averaged over the cue. Planes:"
        " of the first harmonic of each angle. Tuning: units whose tuning curve to the first angle"
        " correlates below 0.5 between the delay before and the delay after the second angle.",
    )
    return section


def _way(record: Record) -> tuple[str, str]:
    return record["results"]["rule"], record["results"]["taught"]


MEASURES: list[tuple[str, Callable[[dict[str, Any]], float]]] = [  # any: JSON
    ("error, first angle (degrees)", lambda r: r["first_deg"]),
    ("error, second angle (degrees)", lambda r: r["second_deg"]),
    ("CPU seconds of learning", lambda r: r["cpu_seconds"]),
    ("variance in 4 components (%)", lambda r: 100 * r["torus"]["four_components"]),
    ("variance in both planes (%)", lambda r: 100 * sum(r["torus"]["shares"])),
    ("smaller principal angle (degrees)", lambda r: r["torus"]["principal_deg"][0]),
    ("larger principal angle (degrees)", lambda r: r["torus"]["principal_deg"][1]),
    ("radius, first / second", lambda r: r["torus"]["radii"][0] / r["torus"]["radii"][1]),
    ("roundness, first angle", lambda r: r["torus"]["roundness"][0]),
    ("roundness, second angle", lambda r: r["torus"]["roundness"][1]),
    ("units with changed tuning (%)", lambda r: 100 * r["tuning"]["changed"]),
    ("correlation of tuning curves", lambda r: r["tuning"]["correlation"]),
]


def _spread(seeds: list[Record], of: Callable[[dict[str, Any]], float]) -> str:  # any: JSON
    values = np.array([of(record["results"]) for record in seeds])
    spread = f" ± {values.std(ddof=1):.2g}" if len(values) > 1 else ""
    return f"{values.mean():.3g}{spread}"
