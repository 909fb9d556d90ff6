"""A GPU: its kernels checked, times of single steps, memory, and one layer on any device."""

from __future__ import annotations

from collections.abc import Mapping

from biograd.runs.records import Record

from .evidence import Evidence, machine_of, newest
from .page import Section

GPU_COMMAND = "biograd benchmark --suite gpu"
MODES = ("training", "inference")


def gpu(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show what is measured on a GPU, and how its kernels are checked without one."""
    section = Section("gpu", "On a GPU")
    times = newest(evidence.named("gpu times"))
    if not times:
        section.missing("No GPU has been measured.", GPU_COMMAND)
    for record in times:
        section.note(_times(record["results"]))
    if checked := evidence.named("gpu kernels"):
        section.note(_kernels(checked))
    for record in newest(evidence.named("gpu memory")):
        section.note(_memory(record["results"]))
    if layers := newest(evidence.named("single layer")):
        _single_layers(section, layers)
    return section


def _times(r: Record) -> str:
    parts = []
    for mode in MODES:
        speeds = ", ".join(
            f"{name} {value:,.0f}" for name, value in r[mode]["samples_per_second"].items()
        )
        parts.append(f"{mode}, samples/s: {speeds}.")
    return f"{r['device']}, batch {r['batch']:,}: {' '.join(parts)}"


def _kernels(records: list[Record]) -> str:
    equal: dict[str, list[str]] = {}
    for record in records:
        r = record["results"]
        words = r["kernel"] + ("" if r["equal"] else f" (apart by {r['largest_difference']:.2g})")
        names = equal.setdefault(f"{r['by']} ({r['device']})", [])
        if words not in names:
            names.append(words)
    by = "; ".join(f"{where}: {', '.join(names)}" for where, names in equal.items())
    return f"Kernels compared with the pure steps, equal to the bit unless said otherwise: {by}."


def _memory(r: Record) -> str:
    peaks = "; ".join(
        f"{name}: {', '.join(f'{peak / 2**20:,.1f}' for peak in of_method)}"
        for name, of_method in r["peak_bytes"].items()
    )
    return (
        f"Peak memory of one learning step on a GPU, batch {r['batch']}, at"
        f" T = {', '.join(map(str, r['steps']))}, in MiB: {peaks}."
    )


def _single_layers(section: Section, records: list[Record]) -> None:
    rows = []
    for record in records:
        r = record["results"]
        for name, forward in r["forward_milliseconds"].items():
            backward, peak = r["backward_milliseconds"][name], r["peak_bytes"][name] / 2**20
            numbers = f"{r['n']:,}", f"{forward:,.1f}", f"{backward:,.1f}", f"{peak:,.1f}"
            rows.append([r["device"], name, *numbers])
    first = records[0]["results"]
    section.table(
        ["device", "method", "n", "forward, ms", "backward, ms", "peak, MiB"],
        rows,
        numbers=(2, 3, 4, 5),
        tinted=[i for i, row in enumerate(rows) if row[1] == "BioGrad"],
        caption=(
            "One linear layer of n inputs and its n neurons, batch"
            f" {first['batch']}, T = {first['steps']}: the protocol of Open Neuromorphic's"
            " benchmark (2023). Of a local rule, backward is what learning takes beyond the"
            f" forward pass; {machine_of(records[0])}."
        ),
    )
