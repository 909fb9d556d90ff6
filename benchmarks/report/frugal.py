"""Fewer joules of inference by design: accuracy against energy."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from biograd.pictures.charts import COLOURS, engineering_range, scatter
from biograd.pictures.plots import BLUE, SKY

from .evidence import Evidence, Record
from .page import Section

ENERGY_COMMAND = "biograd benchmark --suite energy --run runs/mnist"


def fewer_joules(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Accuracy against energy: steps, sizes, bits, early answers."""
    section = Section("pareto", "Fewer joules of inference by design")
    chip = evidence.results("loihi")
    points: list[tuple[str, float, float, str]] = []
    rows: list[list[str]] = []
    for entry in chip.get("pareto") or []:
        colour = BLUE if entry["changed"] == "steps" else SKY
        _add(
            points,
            rows,
            f"this run, {entry['changed']} = {entry['value']}",
            entry["test_accuracy"],
            entry,
            colour,
        )
    for index, seeds in enumerate(evidence.grouped("pareto", "method")):
        found = [record["results"] for record in seeds if record["results"].get("loihi")]
        if found:
            reached = statistics.fmean(r["loihi"]["test_accuracy"] for r in found)
            name = f"{found[-1]['method']}" + (f" ({len(found)} seeds)" if len(found) > 1 else "")
            _add(
                points,
                rows,
                name,
                reached,
                found[-1]["loihi"]["inference"]["davies2018"],
                COLOURS[1 + index % 4],
            )
    if points:
        section.text(
            "Inference, modelled (davies2018), in the chip's integers. Dynamic energy, so that no"
            " assumption on static power enters."
        )
        columns = [
            "no.",
            "variant",
            "test % on the chip",
            "dynamic J per sample",
            "seconds per sample",
        ]
        figure = scatter(
            points,
            x="dynamic energy per sample (modelled, middle)",
            y="test accuracy (%)",
            unit="J",
        )
        section.figures(
            (figure, "The grey line joins what nothing beats in both; numbers as in the table.")
        )
        section.table(columns, rows, numbers=(0, 2, 3, 4))
    else:
        section.missing("No trade-off is recorded.", ENERGY_COMMAND)
    if chip.get("early_answers"):
        early = [
            [
                f"{row['lead']} spike{'s' if row['lead'] > 1 else ''}",
                f"{row['mean_steps']:.1f} of {row['of_steps']}",
                f"{100 * row['test_accuracy']:.2f}",
                f"{row['of_steps'] / row['mean_steps']:.1f}",
            ]
            for row in chip["early_answers"]
        ]
        columns = ["stop when a class leads by", "steps taken", "test %", "times fewer steps"]
        full = f"{100 * chip['test_accuracy']:.2f} % with all steps."
        section.table(
            columns,
            early,
            numbers=(1, 2, 3),
            caption=f"Early answers, in the chip's integers; {full}",
        )
    if "samples_learned_from" in chip:
        fewest, most = (
            chip["training_operations_per_sample"][name]["synaptic_updates"]
            for name in ("fewest", "most")
        )
        section.note(
            "Learning only from samples that are not yet right, and at synapses whose input fired,"
            f" leaves {fewest:,.0f} of {most:,.0f} synaptic updates a sample at the end of training"
            f" ({100 * chip['samples_learned_from']:.0f} % of the samples are learned from)."
        )
    return section


def _add(
    points: list[tuple[str, float, float, str]],
    rows: list[list[str]],
    name: str,
    reached: float,
    costs: Record,
    colour: str,
) -> None:
    low, high = costs["dynamic_j"]
    points.append((name, (low * high) ** 0.5, 100 * reached, colour))
    rows.append(
        [
            str(len(points)),
            name,
            f"{100 * reached:.2f}",
            engineering_range((low, high), "J"),
            engineering_range(costs["seconds"], "s"),
        ]
    )
