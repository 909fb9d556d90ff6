"""Less energy for inference by design: accuracy against joules."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from biograd.pictures.charts import COLOURS
from biograd.pictures.style import BLUE, SKY
from biograd.pictures.trade_offs import scatter
from biograd.pictures.units import engineering_range
from biograd.runs.records import Record

from .evidence import Evidence
from .page import Section

ENERGY_COMMAND = "biograd benchmark --suite energy --run runs/mnist"


def fewer_joules(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show accuracy against energy for fewer steps, other sizes, fewer bits and early answers."""
    section = Section("pareto", "Less energy for inference by design")
    costs = evidence.results("loihi")
    variants = [*_of_this_run(costs), *_trained_for_it(evidence)]
    if variants:
        _trade_off(section, variants)
    else:
        section.missing("No trade-off is recorded.", ENERGY_COMMAND)
    if costs.get("early_answers"):
        _early_answers(section, costs)
    if "samples_learned_from" in costs:
        fewest, most = (
            costs["training_operations_per_sample"][name]["synaptic_updates"]
            for name in ("fewest", "most")
        )
        section.note(
            "Learning only from samples that are not yet right, and only at synapses whose input"
            f" fired, leaves {fewest:,.0f} of {most:,.0f} synaptic updates per sample at the end of"
            f" training ({100 * costs['samples_learned_from']:.0f} % of the samples are learned"
            " from)."
        )
    return section


Variant = tuple[str, float, Record, str]  # name, accuracy, costs, colour


def _of_this_run(costs: Record) -> list[Variant]:
    return [
        (
            f"this run, {entry['changed']} = {entry['value']}",
            entry["test_accuracy"],
            entry,
            BLUE if entry["changed"] == "steps" else SKY,
        )
        for entry in costs.get("pareto") or []
    ]


def _trained_for_it(evidence: Evidence) -> list[Variant]:
    variants: list[Variant] = []
    for index, seeds in enumerate(evidence.grouped("pareto", "method")):
        runs = [record["results"] for record in seeds if record["results"].get("loihi")]
        if runs:
            accuracy = statistics.fmean(run["loihi"]["test_accuracy"] for run in runs)
            name = f"{runs[-1]['method']}" + (f" ({len(runs)} seeds)" if len(runs) > 1 else "")
            costs = runs[-1]["loihi"]["inference"]["davies2018"]
            variants.append((name, accuracy, costs, COLOURS[1 + index % 4]))
    return variants


def _trade_off(section: Section, variants: list[Variant]) -> None:
    section.text(
        "Inference, modelled (davies2018), in the chip's integers. Dynamic energy, so that no"
        " assumption about static power enters."
    )
    points, rows = [], []
    for number, (name, accuracy, costs, colour) in enumerate(variants, start=1):
        low, high = costs["dynamic_j"]
        points.append((name, (low * high) ** 0.5, 100 * accuracy, colour))
        joules = engineering_range((low, high), "J")
        seconds = engineering_range(costs["seconds"], "s")
        rows.append([f"{number}. {name}", f"{100 * accuracy:.2f}", joules, seconds])
    figure = scatter(
        points,
        x="dynamic energy per sample (modelled, middle)",
        y="test accuracy (%)",
        unit="J",
    )
    caption = "The grey line joins variants that no other beats in both; numbers as in the table."
    section.figures((figure, caption))
    section.table(
        ["variant", "test % on the chip", "dynamic J per sample", "seconds per sample"],
        rows,
        numbers=(1, 2, 3),
    )


def _early_answers(section: Section, costs: Record) -> None:
    rows = [
        [
            f"{row['lead']} spike{'s' if row['lead'] > 1 else ''}",
            f"{row['mean_steps']:.1f} of {row['of_steps']}",
            f"{100 * row['test_accuracy']:.2f}",
            f"{row['of_steps'] / row['mean_steps']:.1f}",
        ]
        for row in costs["early_answers"]
    ]
    full = f"{100 * costs['test_accuracy']:.2f} % with all steps."
    section.table(
        ["stop when a class leads by", "steps taken", "test %", "times fewer steps"],
        rows,
        numbers=(1, 2, 3),
        caption=f"Early answers, in the chip's integers; {full}",
    )
