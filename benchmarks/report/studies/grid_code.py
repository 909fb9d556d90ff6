"""Logic by unreliable neurons: errors per gate, deep circuits, the threshold of faulty copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from biograd.pictures.studies.grid_code import Rates, errors
from biograd.runs.records import Record

from ..evidence import Evidence
from ..page import Section
from .seeds import STUDIES_COMMAND, newest_seeds

_Rows = list[dict[str, Any]]  # any: JSON


def grid_code(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show errors of one gate, of circuits, and of faulty copies."""
    section = Section("grid-code", "Logic by unreliable neurons in a grid code")
    records = evidence.named("grid code")
    if not records:
        return section.missing("No grid code is recorded.", STUDIES_COMMAND)
    section.text(
        "Bits are held as phases of grid modules, added, decoded and coded again (Zlokapa et al."
        " 2022, in outline). Intervals are Wilson's, 95 %."
    )
    for task, show in (("gate", _gate), ("circuit", _circuit), ("threshold", _threshold)):
        seeds = newest_seeds(records, task)
        if seeds:
            show(section, seeds)
    return section


def _gate(section: Section, seeds: list[Record]) -> None:
    rows: _Rows = seeds[-1]["results"]["rows"]
    phase = [row for row in rows if row["kind"] == "phase"]
    copies = {
        f"{row['number']} × 5 modules": _rates(phase, "copies", row["number"])
        for row in phase
        if row["by"] == "copies"
    }
    figure = errors(copies, x="phase noise (periods)", y="wrong answers per NAND gate", floor=2e-5)
    section.figures(
        (figure, "Copies of five modules: errors fall at every noise, and the curves do not cross.")
    )
    noises = sorted({row["noise"] for row in phase})
    table = []
    for by, number in dict.fromkeys((row["by"], row["number"]) for row in rows):
        of = [row for row in rows if (row["by"], row["number"]) == (by, number)]
        cells = [_percent(row["rate"]) for row in of if row["kind"] == "phase"]
        others = [_percent(row["rate"]) for row in of if row["kind"] != "phase"]
        table.append([_name(by, number), str(of[0]["neurons"]), *cells, *(others or ["", ""])])
    section.table(
        [
            "one NAND gate, % wrong",
            "neurons",
            *(f"phase {noise:g}" for noise in noises),
            "units",
            "synapses",
        ],
        table,
        numbers=range(1, 4 + len(noises)),
        caption="Measured. Noise of phases in periods; of cosine and sine units, and failed"
        " synapses, as the record says. 1 module is the period 4 alone, unencoded.",
    )


def _circuit(section: Section, seeds: list[Record]) -> None:
    record = seeds[-1]
    config = record["config"]
    rows = [
        [
            f"{row['copies']} × 5 modules",
            str(row["neurons_per_gate"]),
            _interval(row["per_gate"]),
            _interval(row["at_the_end"]),
            _interval(row["multiplier"]),
        ]
        for row in record["results"]["rows"]
    ]
    section.table(
        [
            f"{config['depth']} layers of NAND",
            "neurons per gate",
            "wrong per gate",
            "wrong at the end",
            "wrong products",
        ],
        rows,
        numbers=(1, 2, 3, 4),
        caption=f"Measured at phase noise {config['noise']:g}. Products: of a multiplier of two"
        " bits by two, 12 gates.",
    )


def _threshold(section: Section, seeds: list[Record]) -> None:
    every: _Rows = [row for record in seeds for row in record["results"]["rows"]]
    for noise in sorted({row["phase_noise"] for row in every}):
        rows = [row for row in every if row["phase_noise"] == noise]
        crossings = _crossings(seeds, noise)
        spread = f" ± {np.std(crossings, ddof=1):.3f}" if len(crossings) > 1 else ""
        place = f"{np.mean(crossings):.3f}{spread}" if crossings else "–"
        curves = {
            f"{copies} copies": _of_copies(rows, copies)
            for copies in sorted({row["copies"] for row in rows})
        }
        figure = errors(
            curves,
            x="fraction of faulty copies",
            y="wrong majorities per gate",
            floor=1e-4,
            mark=float(np.mean(crossings)) if crossings else None,
        )
        section.figures(
            (
                figure,
                f"Phase noise {noise:g}, {len(seeds)} seeds. Below the dashed line more copies"
                f" help, above it they harm: the threshold {place} (mean and standard deviation"
                f" over the {len(crossings)} seeds in which the curves of the most copies cross).",
            )
        )


def _crossings(seeds: list[Record], noise: float) -> list[float]:
    found = []
    for record in seeds:
        rows = [row for row in record["results"]["rows"] if row["phase_noise"] == noise]
        few, many = sorted({row["copies"] for row in rows})[-2:]
        faults = sorted({row["fault"] for row in rows})
        gap = [_wrong(rows, many, fault) - _wrong(rows, few, fault) for fault in faults]
        helps = [k for k, value in enumerate(gap) if value < 0]
        if helps and helps[-1] < len(gap) - 1:
            k = helps[-1]
            part = gap[k] / (gap[k] - gap[k + 1])
            found.append(faults[k] + part * (faults[k + 1] - faults[k]))
    return found


def _wrong(rows: _Rows, copies: int, fault: float) -> float:
    of = [row for row in rows if (row["copies"], row["fault"]) == (copies, fault)]
    return sum(row["wrong"] for row in of) / sum(row["gates"] for row in of)


def _of_copies(rows: _Rows, copies: int) -> Rates:
    """Return the mean over seeds, and one standard error on either side."""
    faults = sorted({row["fault"] for row in rows})
    means, errors_of = [], []
    for fault in faults:
        of = [row for row in rows if (row["copies"], row["fault"]) == (copies, fault)]
        rates = np.array([row["wrong"] / row["gates"] for row in of])
        means.append(rates.mean())
        errors_of.append(rates.std(ddof=1) / len(rates) ** 0.5 if len(rates) > 1 else 0.0)
    low, high = np.array(means) - errors_of, np.array(means) + errors_of
    return Rates(faults, means, low.tolist(), high.tolist())


def _rates(rows: _Rows, by: str, number: int) -> Rates:
    of = [row for row in rows if (row["by"], row["number"]) == (by, number)]
    columns = [[row[key] for row in of] for key in ("noise", "rate", "low", "high")]
    return Rates(*columns)


def _name(by: str, number: int) -> str:
    return {
        "modules": f"{number} module{'s' if number > 1 else ''}",
        "copies": f"{number} × 5 modules",
        "repetition": f"{5 * number} × period 4",
    }[by]


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def _interval(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:.2g} ({rate['low']:.1g} to {rate['high']:.1g})"
