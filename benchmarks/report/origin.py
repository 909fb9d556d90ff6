"""The inside of a network, the origin of every figure, and citations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from biograd.pictures.cores import core_map
from biograd.runs.records import Record

from .evidence import Evidence, busy, machine_of
from .literature import SOURCES
from .page import Section, link

QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"
PICTURES = {
    "raster": "Every spike of one test image, layer by layer.",
    "compartments": "Both compartments of one neuron, and the eligibility of one of its synapses.",
    "receptive_fields": "The weights of first-layer neurons as pictures.",
    "weights": (
        "Weights before and after they became the chip's integers: rounded and clipped ones."
    ),
    "voltages": ("The first difference of simulator and chip: one neuron's soma voltage in both."),
    "core_map": (
        "The cores of a Loihi chip that the deployed network occupies; below, how full the fullest"
        " core of each layer is."
    ),
}
_IN_OTHER_SECTIONS = {"confusion", "learning_curve", "feedback_angles"}
_LISTED = 20  # records left out that are listed one by one


def inside(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show spikes, compartments and weights of one run, and the cores it would occupy."""
    section = Section("inside", "Inside one network, and on the chip")
    fit = evidence.results("loihi").get("fit")
    captions = {name: caption for name, caption in PICTURES.items() if name in pictures}
    if fit:  # drawn from records below, for learning and for inference
        captions.pop("core_map", None)
    others = set(pictures) - set(PICTURES) - _IN_OTHER_SECTIONS
    captions |= {name: name.replace("_", " ") for name in sorted(others)}
    if captions:
        section.figures(
            *((pictures[name], caption) for name, caption in captions.items()), shape="picture"
        )
    else:
        section.missing(
            "There are no pictures of a run.",
            "biograd train, then biograd report --run runs/mnist",
        )
    if fit:
        section.figures(*(_cores(mode, layers) for mode, layers in fit.items()))
    elif "core_map" not in pictures:
        section.missing("No core map is recorded.", QUICK_COMMAND)
    _deployments(section, evidence)
    return section


def origin(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show machine, commit and date of every measurement, and the records left out."""
    section = Section("origin", "How everything was obtained")
    rows = _merged([_origin_row(record) for record in evidence.measurements])
    if rows:
        section.table(
            ["measurement", "suite", "seeds", "machine", "commit", "when (UTC)", "seconds"],
            rows,
            numbers=(6,),
            caption=(
                "Repeat a suite with: biograd benchmark --suite NAME. A commit with + had changed"
                " files; busy: other programs loaded the machine."
            ),
            stack=True,
        )
        versions = evidence.measurements[-1].get("versions") or {}
        named = [f"{name} {version}" for name, version in versions.items() if version]
        if named:
            section.note(f"Versions of the newest: {', '.join(named)}.")
    else:
        section.missing("Nothing has been measured.", QUICK_COMMAND)
    if len(evidence.machines()) > 1:
        section.note(
            "Records of several machines or thread counts: seconds and joules are never averaged"
            " over them.",
            "caution",
        )
    for name, reason in evidence.left_out[:_LISTED]:
        section.note(f"Left out: {name} ({reason}).", "caution")
    if len(evidence.left_out) > _LISTED:
        more = len(evidence.left_out) - _LISTED
        section.note(f"Also left out: {more} more records.", "caution")
    return section


def sources(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show citations."""
    section = Section("sources", "Sources")
    rows: list[list[str | Markup]] = [
        [source.text, link(source.link.removeprefix("https://"), source.link)] for source in SOURCES
    ]
    return section.table(["source", "link"], rows, stack=True)


def _cores(mode: str, layers: list[Record]) -> tuple[Any, str]:  # any: a Figure
    names = {
        "compartments": "neurons",
        "axons_in": "axons in",
        "axons_out": "axons out",
        "synapse_words": "synapses",
    }
    placed = [
        (
            layer["name"],
            layer["cores"],
            [(text, layer[name][0] / layer[name][1]) for name, text in names.items()],
        )
        for layer in layers
    ]
    return (
        core_map(placed),
        f"Cores of a Loihi chip, {mode}; below, how full the fullest core of each layer is.",
    )


def _deployments(section: Section, evidence: Evidence) -> None:
    rows = [
        [
            str(d["target"]),
            str(d.get("samples", "–")),
            _percent(d.get("test_accuracy")),
            _percent(d.get("float_test_accuracy")),
            str(d.get("lava_mismatches", "–")),
        ]
        for d in evidence.deployments
        if d.get("target")
    ]
    if rows:
        columns = [
            "target",
            "test images",
            "test % in integers",
            "test % in floats",
            "samples where Lava and emulator differ",
        ]
        section.table(columns, rows, numbers=(1, 2, 3, 4))


def _percent(value: Any) -> str:  # any: JSON
    return f"{100 * value:.2f}" if isinstance(value, int | float) else "–"


def _origin_row(record: Record) -> list[str]:
    method = record["results"].get("method") or record["results"].get("device") or ""
    seconds = record.get("wall_seconds")
    return [
        f"{record['name']}{': ' if method else ''}{method}",
        str(record.get("suite", "–")),
        "–" if record.get("seed") is None else str(record["seed"]),
        machine_of(record) + (" (busy)" if busy(record) else ""),
        str(record.get("commit") or "–"),
        str(record.get("when") or "–")[:16].replace("T", " "),
        f"{seconds:,.0f}" if isinstance(seconds, int | float) else "–",
    ]


def _merged(rows: list[list[str]]) -> list[list[str]]:
    """Merge rows that differ in nothing but seed, commit, date and seconds.

    Seeds and commits are listed, the first date is kept, seconds are added.
    """
    merged: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        key = (row[0], row[1], row[3])
        if key not in merged:
            merged[key] = list(row)
            continue
        first = merged[key]
        for column in (2, 4):  # seeds, commits
            if row[column] not in first[column].split(", "):
                first[column] += f", {row[column]}"
        if first[6] != "–" and row[6] != "–":
            first[6] = f"{int(first[6].replace(',', '')) + int(row[6].replace(',', '')):,}"
    return list(merged.values())
