"""Learning in the chip's integers: accuracy, learning after deployment, modelled energy.

From records of `benchmarks.measurements.chip_learning`; joules as `chip_prices.priced` adds them.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from biograd.pictures.units import engineering_range
from biograd.runs.records import Record

from .chip_points import beside_published_chips
from .class_streams import DATASETS, class_streams
from .evidence import Evidence
from .page import Section

COMMAND = (
    "biograd learn, and python -m benchmarks.measurements.chip_learning for every row with seeds"
)


def learning_on_chip(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the chip-learning table with seeds and energy, and learning after deployment."""
    section = Section("chip", "Learning in the chip's integers")
    section.text(
        "All values are Loihi's integers, one sample at a time, with rules that Lava's learning"
        " engine supports. The emulator that learned equals Lava's fixed-point simulation, weight"
        " for weight; neither is silicon."
    )
    groups = evidence.grouped("chip learning")
    if not groups:
        return section.missing("No learning run in the chip's integers is recorded.", COMMAND)
    beside_published_chips(section, groups)
    _variants(section, groups)
    _heads(section, evidence)
    _against_lava(section, evidence)
    _after_deployment(section, evidence)
    class_streams(section, evidence)
    return section


def small_net_joules(evidence: Evidence) -> tuple[float, float, str] | None:
    """Return modelled joules per training sample of 784-100-10: low, high, accuracy in words.

    Profile davies2018; of the variants, the one with most seeds, then the most accurate.
    """
    best: tuple[int, float, list[float]] | None = None  # seeds, accuracy, joules
    for group in evidence.grouped("chip learning"):
        sizes = list((group[-1].get("config") or {}).get("sizes") or [])
        joules = _joules(group[-1]).get("davies2018")
        if sizes == [784, 100, 10] and joules:
            percent = statistics.fmean(100 * record["results"]["test_accuracy"] for record in group)
            if best is None or (len(group), percent) > best[:2]:
                best = (len(group), percent, joules)
    if best is None:
        return None
    _, percent, (low, high) = best
    return low, high, f"784-100-10 learned in the chip's integers, {percent:.2f} %"


def _variants(section: Section, groups: list[list[Record]]) -> None:
    profiles = list(dict.fromkeys(name for group in groups for name in _joules(group[-1])))
    columns = [
        "variant",
        "test %",
        "±",
        "seeds",
        "samples learned from",
        "angles (°)",
        *(f"J per sample, {name}" for name in profiles),
    ]
    section.table(
        columns,
        [_variant(group, profiles) for group in groups],
        numbers=(1, 2, 3, 4, 6, 7),
        caption=(
            "Joules are modelled: dynamic and static, nights included, mean over the whole run,"
            " from the operations of the last seed."
        ),
    )
    unpriced = [
        str(group[-1]["results"].get("method"))
        for group in groups
        if "operations_per_sample" in group[-1]["results"] and not _joules(group[-1])
    ]
    if unpriced:
        section.note(f"No joules: the operations of {'; '.join(unpriced)} cannot be read.")


def _variant(group: list[Record], profiles: list[str]) -> list[str]:
    r, joules = group[-1]["results"], _joules(group[-1])
    percent = [100 * record["results"]["test_accuracy"] for record in group]
    return [
        str(r.get("method")),
        f"{statistics.fmean(percent):.2f}",
        f"{statistics.stdev(percent):.2f}" if len(percent) > 1 else "–",
        str(len(percent)),
        f"{100 * r['taught_fraction']:.0f} %" if "taught_fraction" in r else "–",
        " / ".join(f"{angle:.0f}" for angle in r.get("feedback_angle_deg") or []) or "–",
        *(engineering_range(joules[name], "J") if joules else "–" for name in profiles),
    ]


def _heads(section: Section, evidence: Evidence) -> None:
    groups = evidence.grouped("chip head", "method")
    if not groups:
        return
    rows = []
    for group in groups:
        results = [record["results"] for record in group]
        percent = [100 * r["test_accuracy"] for r in results]
        trained = [100 * r["float_test_accuracy"] for r in results if r.get("float_test_accuracy")]
        gap = (
            f"{statistics.fmean(percent) - statistics.fmean(trained):+.2f}"
            if len(trained) == len(percent)
            else "–"
        )
        joules = _joules(group[-1]).get("davies2018")
        fronts = {(r.get("front") or {}).get("seed") for r in results}
        rows.append(
            [
                str(results[-1].get("method")),
                DATASETS.get(str((group[-1].get("config") or {}).get("dataset")), "–"),
                f"{statistics.fmean(trained):.2f}" if trained else "–",
                f"{statistics.fmean(percent):.2f}",
                f"{statistics.stdev(percent):.2f}" if len(percent) > 1 else "–",
                gap,
                f"{len(percent)} on {len(fronts)} net{'s' if len(fronts) > 1 else ''}",
                engineering_range(joules, "J") if joules else "–",
            ]
        )
    section.table(
        [
            "head learned on the chip",
            "data",
            "float net %",
            "head %",
            "±",
            "points",
            "seeds",
            "J per sample",
        ],
        rows,
        numbers=(2, 3, 4, 5, 6, 7),
        caption=(
            "Convolutions run frozen in the chip's integers; a dense layer of spiking neurons"
            " starts untrained and learns on their spikes. Test accuracy beside that of the whole"
            " trained network in real numbers; points: the difference. Joules are modelled"
            " (davies2018), the frozen layers' inference included."
        ),
    )


def _against_lava(section: Section, evidence: Evidence) -> None:
    for group in evidence.grouped("chip learning in lava"):
        r, sizes = group[-1]["results"], (group[-1].get("config") or {}).get("sizes") or ()
        verdict = "equal after every sample" if r.get("equal") else "NOT equal"
        form = r.get("method") or "-".join(map(str, sizes)) or "a net"
        section.note(
            f"Against Lava's learning engine, {form}: {verdict} ({r.get('samples', '?')} samples)."
        )


def _after_deployment(section: Section, evidence: Evidence) -> None:
    groups = evidence.grouped("chip keep learning", "lesson", "old_mixed_in")
    if not groups:
        return
    rows = []
    for group in groups:
        r = group[0]["results"]
        means = (
            statistics.fmean(record["results"][name] for record in group)
            for name in ("old_before", "old_after", "new_before", "new_after")
        )
        task = r["lesson"] + (", old samples mixed in" if r["old_mixed_in"] else "")
        rows.append([task, *(f"{100 * mean:.1f}" for mean in means), str(len(group))])
    section.table(
        ["learned after deployment", "old before", "old after", "new before", "new after", "seeds"],
        rows,
        numbers=(1, 2, 3, 4, 5),
        caption="Test accuracy, %, on the old task and on the new one.",
    )


def _joules(record: Record) -> dict[str, list[float]]:
    """Return modelled bounds per sample by energy profile; {} for a record without them."""
    return record["results"].get("modelled_j_per_sample") or {}
