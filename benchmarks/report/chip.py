"""Learning in the chip's integers: accuracy, what it keeps, and what it would cost. From records of
`benchmarks.measurements.chip_learning`.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from biograd.pictures.charts import engineering
from hardware.border.model import OperationCounts
from hardware.energy import PROFILES, EnergyProfile, Interval, estimate

from .evidence import Evidence, Record
from .page import Section

COMMAND = (
    "biograd learn, and python -m benchmarks.measurements.chip_learning for every row with seeds"
)
# 784 x 64 synapses of 17 bit fill a core's 128 KB; as hardware.limits places them
PLASTIC_SYNAPSES_A_CORE = 50_000


def learning_on_chip(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Rows of the chip-learning table with seeds, energy, and lessons after deployment."""
    section = Section("chip", "Learning on the chip's own terms")
    section.text(
        "Everything in Loihi's integers, one sample at a time, with rules that Lava's learning"
        " engine takes. The emulator that learned is held equal to Lava's fixed-point simulation,"
        " weight for weight; neither is silicon."
    )
    groups = evidence.grouped("chip learning")
    if not groups:
        return section.missing("No learning run on the chip's terms is recorded.", COMMAND)
    rows = []
    for found in groups:
        r = found[-1]["results"]
        percent = [100 * record["results"]["test_accuracy"] for record in found]
        spread = f"{statistics.stdev(percent):.2f}" if len(percent) > 1 else "–"
        joules = price(found[-1])
        told = [_range(joules[name]) if joules else "–" for name in PROFILES]
        angles = " / ".join(f"{angle:.0f}" for angle in r.get("feedback_angle_deg") or []) or "–"
        taught = f"{100 * r['taught_fraction']:.0f} %" if "taught_fraction" in r else "–"
        rows.append(
            [
                str(r.get("method")),
                f"{statistics.fmean(percent):.2f}",
                spread,
                str(len(percent)),
                taught,
                angles,
                *told,
            ]
        )
    columns = [
        "variant",
        "test %",
        "±",
        "seeds",
        "samples taught",
        "angles (°)",
        *(f"J per sample, {name}" for name in PROFILES),
    ]
    caption = (
        "Joules are modelled: dynamic and static, nights included, mean over the whole run; the"
        " last seed's operations."
    )
    section.table(columns, rows, numbers=(1, 2, 3, 4, 6, 7), caption=caption)
    lava = evidence.named("chip learning in lava")
    if lava:
        r = lava[-1]["results"]
        verdict = "equal after every sample" if r.get("equal") else "NOT equal"
        section.note(
            f"Against Lava's learning engine: {verdict} ({r.get('samples', '?')} samples)."
        )
    lessons = evidence.grouped("chip keep learning", "lesson", "old_mixed_in")
    if lessons:
        told_rows = [
            [
                str(found[0]["results"]["lesson"])
                + (", old samples mixed in" if found[0]["results"]["old_mixed_in"] else ""),
                *(
                    f"{100 * statistics.fmean(f['results'][name] for f in found):.1f}"
                    for name in _LESSON
                ),
                str(len(found)),
            ]
            for found in lessons
        ]
        columns = [
            "lesson after deployment",
            "old before",
            "old after",
            "new before",
            "new after",
            "seeds",
        ]
        section.table(
            columns,
            told_rows,
            numbers=(1, 2, 3, 4, 5),
            caption="Test accuracy, %, on the old task and on the new one.",
        )
    return section


def price(record: Record) -> dict[str, Interval] | None:
    """Modelled joules per sample, dynamic and static, by profile, from a record's operations; None
    where it has none.
    """
    told, sizes = (
        record["results"].get("operations_per_sample"),
        (record.get("config") or {}).get("sizes"),
    )
    if not told or not sizes:
        return None
    return {name: _price(told, sizes, profile) for name, profile in PROFILES.items()}


def small_net_joules(evidence: Evidence) -> tuple[float, float, str] | None:
    """Modelled joules per training sample of 784-100-10 learned on the chip's terms (davies2018),
    with its accuracy in words.
    """
    # seeds, accuracy, joules: many seeds first, then the best of them
    best: tuple[int, float, Interval] | None = None
    for found in evidence.grouped("chip learning"):
        if list((found[-1].get("config") or {}).get("sizes") or []) == [784, 100, 10] and (
            joules := price(found[-1])
        ):
            percent = statistics.fmean(100 * record["results"]["test_accuracy"] for record in found)
            if best is None or (len(found), percent) > best[:2]:
                best = (len(found), percent, joules["davies2018"])
    return best and (*best[2], f"784-100-10 learned on the chip's terms, {best[1]:.2f} %")


_COUNTS = ("synaptic_operations", "synaptic_updates", "neuron_updates", "spikes")
_LESSON = ("old_before", "old_after", "new_before", "new_after")


def _price(told: dict[str, Any], sizes: list[int], profile: EnergyProfile) -> Interval:  # any: JSON
    """Day and nights together. At least: the updates counted, no neuron update active. At most:
    every synapse once, all active.
    """
    scale = 1000  # counts are means a sample: whole numbers to a thousandth
    whole = {
        name: np.rint(scale * np.asarray(told[name], dtype=float)).astype(np.int64)
        for name in _COUNTS
    }
    pairs = list(itertools.pairwise(sizes))
    cores = [max(1, -(-m * n // PLASTIC_SYNAPSES_A_CORE)) for m, n in pairs]
    spikes = whole["spikes"].copy()
    spikes[-1] += round(scale * float(told.get("error_spikes", 0)))
    every = scale * np.array([0, *(m * n for m, n in pairs)])
    nothing = np.zeros_like(spikes)
    bounds = [
        estimate(
            OperationCounts(
                synaptic_operations=whole["synaptic_operations"],
                active_updates=active,
                inactive_updates=inactive,
                spikes=spikes,
                messages=spikes * np.array([*cores, 1]),
                synaptic_updates=updates,
                samples=scale,
                steps=round(scale * float(told.get("time_steps", 20))),
            ),
            cores,
            profile,
        ).total
        for active, inactive, updates in (
            (nothing, whole["neuron_updates"], whole["synaptic_updates"]),
            (whole["neuron_updates"], nothing, np.maximum(whole["synaptic_updates"], every)),
        )
    ]
    return Interval(bounds[0].low, bounds[1].high)


def _range(bounds: Interval) -> str:
    return f"{engineering(bounds.low, 'J')} – {engineering(bounds.high, 'J')}"
