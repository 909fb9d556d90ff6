"""Where everything comes from: the inside of a network, how figures were obtained, citations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from biograd.pictures.charts import core_map

from .evidence import Evidence, busy, machine_of
from .literature import SOURCES
from .page import Section, link

PICTURES = {
    "raster": "Every spike of one test image, layer by layer.",
    "compartments": "Both compartments of one neuron, and the eligibility of one of its synapses.",
    "receptive_fields": "What the neurons of the first layer look for.",
    "weights": (
        "Weights before and after they became the chip's integers: what was rounded and what was"
        " clipped."
    ),
    "voltages": "Where simulator and chip part: one neuron's soma voltage in both.",
    "core_map": (
        "The cores of a Loihi chip that the deployed network takes; below, what is used of the"
        " fullest core of each layer."
    ),
}


def inside(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Spikes, compartments and weights of one run, and the cores it would lie on."""
    section = Section("inside", "Inside one network, and on the chip")
    fit = evidence.results("loihi").get("fit")
    # drawn below from records, with learning beside inference
    hidden = {"core_map"} if fit else set()
    shown = [
        (pictures[name], caption)
        for name, caption in PICTURES.items()
        if name in pictures and name not in hidden
    ]
    others = set(pictures) - set(PICTURES) - {"confusion", "learning_curve", "feedback_angles"}
    shown += [(pictures[name], name.replace("_", " ")) for name in sorted(others)]
    if shown:
        section.figures(*shown, shape="picture")
    else:
        section.missing(
            "No pictures of a run were handed in.",
            "biograd train, then biograd report --run runs/mnist",
        )
    if fit:
        drawn = []
        for mode, layers in fit.items():
            placed = [(layer["name"], layer["cores"], _shares(layer)) for layer in layers]
            drawn.append(
                (
                    core_map(placed),
                    (
                        f"Cores of a Loihi chip, {mode}; below, how full the fullest core of each"
                        " layer is."
                    ),
                )
            )
        section.figures(*drawn)
    elif "core_map" not in pictures:
        section.missing(
            "No core map is recorded.", "biograd benchmark --suite quick --run runs/mnist"
        )
    deployed = [d for d in evidence.deployments if d.get("target")]
    if deployed:
        rows = [
            [
                str(d["target"]),
                str(d.get("samples", "–")),
                _percent(d.get("test_accuracy")),
                _percent(d.get("float_test_accuracy")),
                _mismatches(d),
            ]
            for d in deployed
        ]
        columns = [
            "target",
            "test images",
            "test % in integers",
            "test % in floats",
            "samples where Lava and emulator differ",
        ]
        section.table(columns, rows, numbers=(1, 2, 3, 4))
    return section


def origin(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Every measurement's machine, commit and date; and what was left out."""
    section = Section("origin", "How everything was obtained")
    rows = []
    for record in evidence.measurements:
        seed = "–" if record.get("seed") is None else str(record["seed"])
        method = record["results"].get("method") or record["results"].get("device") or ""
        took = record.get("wall_seconds")
        rows.append(
            [
                f"{record['name']}{': ' if method else ''}{method}",
                str(record.get("suite", "–")),
                seed,
                machine_of(record) + (" (busy)" if busy(record) else ""),
                str(record.get("commit") or "–"),
                str(record.get("when") or "–")[:16].replace("T", " "),
                f"{took:,.0f}" if isinstance(took, int | float) else "–",
            ]
        )
    rows = _merged(rows)
    if rows:
        columns = ["measurement", "suite", "seeds", "machine", "commit", "when (UTC)", "seconds"]
        caption = (
            "Repeat a suite with: biograd benchmark --suite NAME. A commit with + had changed"
            " files; busy: others were at work."
        )
        section.table(columns, rows, numbers=(6,), caption=caption, stack=True)
    else:
        section.missing(
            "Nothing has been measured.", "biograd benchmark --suite quick --run runs/mnist"
        )
    versions = [
        v
        for record in evidence.measurements[-1:]
        for v in (record.get("versions") or {}).items()
        if v[1]
    ]
    if versions:
        section.note(
            "Versions of the newest: "
            + ", ".join(f"{name} {version}" for name, version in versions)
            + "."
        )
    if len(evidence.machines()) > 1:
        section.note(
            "Records of several machines or thread counts: seconds and joules are never averaged"
            " over them.",
            "caution",
        )
    for what, why in evidence.left_out[:20]:
        section.note(f"Left out: {what} ({why}).", "caution")
    if len(evidence.left_out) > 20:
        section.note(f"Left out besides: {len(evidence.left_out) - 20} more records.", "caution")
    return section


def sources(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Citations."""
    section = Section("sources", "Sources")
    rows: list[list[str | Markup]] = [
        [source.text, link(source.link.removeprefix("https://"), source.link)] for source in SOURCES
    ]
    return section.table(["source", "link"], rows, stack=True)


def _shares(layer: dict[str, Any]) -> list[tuple[str, float]]:  # any: JSON
    names = {
        "compartments": "neurons",
        "axons_in": "axons in",
        "axons_out": "axons out",
        "synapse_words": "synapses",
    }
    return [(told, layer[name][0] / layer[name][1]) for name, told in names.items()]


def _percent(value: Any) -> str:  # any: JSON
    return f"{100 * value:.2f}" if isinstance(value, int | float) else "–"


def _mismatches(deployed: dict[str, Any]) -> str:  # any: JSON
    return str(deployed["lava_mismatches"]) if "lava_mismatches" in deployed else "–"


def _merged(rows: list[list[str]]) -> list[list[str]]:
    """Rows that differ in nothing but seed, commit, date and seconds as one: seeds and commits
    listed, first date, seconds added.
    """
    merged: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        key = (row[0], row[1], row[3])
        if key not in merged:
            merged[key] = list(row)
            continue
        there = merged[key]
        for column in (2, 4):  # seeds, commits
            if row[column] not in there[column].split(", "):
                there[column] += f", {row[column]}"
        if there[6] != "–" and row[6] != "–":
            there[6] = f"{int(there[6].replace(',', '')) + int(row[6].replace(',', '')):,}"
    return list(merged.values())
