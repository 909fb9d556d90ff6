"""Spoken digits and series in time: accuracy, answers while they come in, deployment, memory."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from biograd.pictures.charts import Line, colour_of, curves
from biograd.pictures.units import engineering_range
from biograd.runs.records import Record

from ..evidence import Evidence, busy, mean_curve, over_seeds
from ..page import Section

SPEECH_COMMAND = "biograd benchmark --suite speech"
FRAME, HOP = 32, 10  # milliseconds: the first step ends with the first frame (`MelParams`)
DIGITS, UNSEEN = "fsdd", "fsdd-"  # data sets: the published split; one person is tested
_SHOWN = {  # methods in the figure, and the family whose colour they have
    "sleep": "BioGrad",
    "BPTT": "BPTT",
    "random feedback": "BioGrad, random",
}


def speech(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the suite `speech`."""
    section = Section("speech", "Spoken digits, while they are spoken")
    records = evidence.named("speech")
    if not records:
        return section.missing("No spoken digits are recorded.", SPEECH_COMMAND)
    trained = [r for r in records if r["config"].get("method") != "deployed"]
    published = [r for r in trained if not r["config"]["dataset"].startswith(UNSEEN)]
    published.sort(key=lambda r: str(r["config"]["dataset"]))  # the methods stay in their order
    rows = over_seeds(
        published, lambda r: f"{r['config']['dataset']}: {r['results'].get('method', '?')}"
    )
    section.table(
        ["data set: method", "test %", "±", "seeds"],
        rows,
        numbers=(1, 2, 3),
        tinted=[i for i, row in enumerate(rows) if row[0].endswith(": sleep")],
        caption="Measured: last epoch, settings chosen on training samples. All methods train the"
        " same network on the same spikes; linear: softmax regression on the spike counts.",
    )
    _by_person(section, trained)
    _while_coming_in(section, published)
    _deployed(section, [r for r in records if r["config"].get("method") == "deployed"])
    _memory_and_time(section, evidence)
    return section


def _by_person(section: Section, records: list[Record]) -> None:
    by_person: dict[str, dict[str, dict[int, float]]] = {}  # percent by method and seed
    for r in records:
        name, method = r["config"]["dataset"], str(r["results"].get("method"))
        method += ", delays" if r["config"].get("delays") else ""
        if name.startswith(UNSEEN):
            of_methods = by_person.setdefault(name.removeprefix(UNSEEN), {})
            percent = 100 * r["results"]["test_accuracy"]
            of_methods.setdefault(method, {})[int(r.get("seed") or 0)] = percent
    methods = list(dict.fromkeys(m for of_methods in by_person.values() for m in of_methods))
    if not methods:
        return
    means = {
        person: [
            statistics.fmean(of_methods[m].values()) if m in of_methods else None for m in methods
        ]
        for person, of_methods in by_person.items()
    }
    seeds = {len(of_method) for found in by_person.values() for of_method in found.values()}
    rows = [[person, *map(_percent, values)] for person, values in means.items()]
    columns = [[v for v in column if v is not None] for column in zip(*means.values(), strict=True)]
    rows.append(["mean of the persons", *(_percent(statistics.fmean(c)) for c in columns)])
    section.table(
        ["tested on a person who was not in training", *(f"{m}, %" for m in methods)],
        rows,
        numbers=range(1, len(methods) + 1),
        caption="Measured. All clips of one person are the test set, those of the others train."
        f" Seeds per row: {' to '.join(map(str, sorted({min(seeds), max(seeds)})))}.",
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _while_coming_in(section: Section, records: list[Record]) -> None:
    lines = []
    for method, family in _SHOWN.items():
        found = [
            r["results"]
            for r in records
            if r["config"]["dataset"] == DIGITS and r["results"].get("method") == method
        ]
        if any("anytime_accuracy" in results for results in found):
            mean, spread = mean_curve(results["anytime_accuracy"] for results in found)
            x = [FRAME + HOP * t for t in range(len(mean))]
            percent, band = ([100 * v for v in values] for values in (mean, spread))
            latency = statistics.fmean(results["median_latency_steps"] for results in found)
            name = f"{method} ({FRAME + HOP * (latency - 1):.0f} ms)"
            lines.append(Line(name, x, percent, colour_of(family), band))
    if lines:
        figure = curves(
            lines, x="milliseconds since the word began", y="right answers (%)", high=100
        )
        section.figures(
            (
                figure,
                "Accuracy after each step of a test clip; clips that have ended keep their last"
                " answer. In brackets: the median time after which the answer never changes.",
            )
        )


def _deployed(section: Section, records: list[Record]) -> None:
    newest = {r["config"]["dataset"]: r["results"] for r in records if "energy" in r["results"]}
    lava = {r["config"]["dataset"]: r["results"] for r in records if "samples" in r["results"]}
    if not newest:
        return
    rows = []
    for name, r in newest.items():
        compared = lava.get(name, {})
        real_time = r.get("joules_in_real_time")
        rows.append(
            [
                f"{name}, {r['net']}",
                f"{100 * r['float_test_accuracy']:.2f}",
                f"{100 * r['test_accuracy']:.2f}",
                f"{compared['numbers_that_differ']:,} of {compared['numbers_compared']:,}"
                if "numbers_compared" in compared
                else "–",
                engineering_range(r["energy"]["dynamic_j"], "J"),
                engineering_range(r["joules_per_series"], "J"),
                engineering_range(real_time, "J") if real_time else "–",
            ]
        )
    energy = next(iter(newest.values()))["energy"]
    section.table(
        [
            "deployed, 8 bit",
            "before %",
            "after %",
            "numbers that differ from Lava's",
            "J per word, dynamic",
            "with static power",
            "chip on while it is spoken",
        ],
        rows,
        numbers=(1, 2, 4, 5, 6),
        caption="Accuracies and differences are measured; joules per spoken word or series are"
        f" modelled for Loihi 1 ({energy['source']}), without filter bank, microphone and host."
        " Static power: of the cores used to the whole chip, for as long as the chip computes; or,"
        " last, for as long as the word lasts, since a chip that listens cannot run ahead.",
    )


def _memory_and_time(section: Section, evidence: Evidence) -> None:
    if memory := evidence.results("memory of a sound"):
        short, long = memory["seconds_of_sound"]
        section.note(
            f"Peak memory of learning {long:g} s of sound over {short:g} s, each in a fresh"
            f" process, one clip at a time: {memory['online_growth']:.3f} times in the order"
            f" 'online' (tensors of the step alone: {memory['online_growth_of_tensors']:.3f}),"
            f" {memory['layer_growth']:.3f} times in the order 'layer' (tensors:"
            f" {memory['layer_growth_of_tensors']:.2f}). The input is part of the process."
        )
    timed = evidence.named("time of training on speech")
    if timed:
        r, m = timed[-1]["results"], timed[-1].get("machine") or {}
        on = f" while other programs loaded it ({r['load_before']:.0f})" * busy(timed[-1])
        section.note(
            f"{r['method']} took {r['seconds']:.0f} s in {r['threads']} threads"
            f" ({r['processor_seconds']:.0f} s of processor time) on {m.get('cpu', '?')} with"
            f" {m.get('cores', '?')} cores{on};"
            f" test accuracy {100 * r['test_accuracy']:.2f} %."
        )
