"""Deep and convolutional nets: accuracy beside BPTT, and the angle of every layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from biograd.runs.records import Record

from .evidence import Evidence, over_seeds
from .page import Section

DEPTH_COMMAND = "biograd benchmark --suite depth"


def depth(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the tables of the suite `depth`."""
    section = Section("depth", "Deep and convolutional networks")
    _feedbacks(section, evidence)
    _beside_bptt(section, evidence)
    _presets(section, evidence)
    if not section.items:
        section.missing("No deep network is recorded.", DEPTH_COMMAND)
    return section


def _feedbacks(section: Section, evidence: Evidence) -> None:
    records = evidence.named("depth")
    if records:
        _table(
            section,
            "four hidden layers, MNIST",
            records,
            lambda record: record["results"]["method"],
            "784-256-256-256-256-10 on 20,000 digits, 3 epochs. Layered feedback travels from"
            " dendrite to dendrite, direct feedback straight from the output; symmetric weights are"
            " those of backpropagation, which no local rule can know.",
        )


def _beside_bptt(section: Section, evidence: Evidence) -> None:
    records = evidence.named("convolution")
    records.sort(key=lambda r: (r["config"]["dataset"], r["results"]["method"]))
    if records:
        _table(
            section,
            "convolutions, 20,000 images, 4 epochs",
            records,
            lambda record: f"{record['config']['dataset']}: {record['results']['method']}",
            " ".join(
                ["Net, data, epochs, optimizer and schedule are those of BPTT.", *_data(records)]
            ),
        )


def _presets(section: Section, evidence: Evidence) -> None:
    records = evidence.named("conv presets")
    if records:
        _table(
            section,
            "convolutional presets",
            records,
            lambda record: (
                f"{record['results']['method'].removeprefix('BioGrad, ')},"
                f" {record['config']['epochs']} epochs"
            ),
            " ".join(["Test accuracy of the last epoch.", *_data(records)]),
        )


def _data(records: list[Record]) -> list[str]:
    """Return what the records say of their data."""
    return sorted({r["results"]["data"] for r in records if "data" in r["results"]})


def _table(
    section: Section,
    head: str,
    records: list[Record],
    name: Callable[[Record], str],
    caption: str,
) -> None:
    rows = [
        [*row, _angles([record for record in records if name(record) == row[0]])]
        for row in over_seeds(records, name)
    ]
    section.table(
        [head, "test %", "±", "seeds", "angles at the end (°)"],
        rows,
        numbers=(1, 2, 3),
        tinted=[i for i, row in enumerate(rows) if "sleep" in row[0]],
        caption=f"Measured. {caption}",
    )


def _angles(records: list[Record]) -> str:
    last = [
        record["results"]["angle_curve_deg"][-1]
        for record in records
        if record["results"].get("angle_curve_deg")
    ]
    return " / ".join(f"{angle:.0f}" for angle in np.mean(last, axis=0)) if last else "–"
