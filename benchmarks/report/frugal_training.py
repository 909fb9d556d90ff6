"""Fewer joules of training by design: whole training runs on the modelled chip, one saving after
another.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from biograd.pictures.charts import Span, engineering_range, span_scatter
from biograd.pictures.plots import BLUE, INK, ORANGE

from .evidence import Evidence, Record
from .page import Section

ENERGY_COMMAND = "biograd benchmark --suite energy --run runs/mnist"
PROFILE = "davies2018"
STANDARD = "(standard)"  # how the method of the run that all are held against ends

_PARTS = {
    "synaptic_operations_j": "synaptic operations",
    "neuron_updates_j": "neuron updates",
    "synaptic_updates_j": "synaptic updates (learning)",
    "messages_j": "messages between cores",
    "static_j": "static",
    "total_j": "total",
    "x86_j": "x86, beside the total",
}

_TERMS = (
    "Latency: one spike per pixel, the brighter the sooner. Fewer pixels: no synapses from those"
    " that are on in fewer than one of 20 images. Sure rest: samples answered surely rest for 1, 2,"
    " 4, ... epochs. Known rest for good: those answered surely at first sight are shown once, and"
    " sure ones are not learned from. Points off: to the standard net. Shown: presentations over"
    " samples. Times fewer: at the upper bounds – at the lower ones. Spread: on {times} times the"
    " cores."
)


@dataclass(frozen=True)
class Run:
    """One kind of training run: its seeds' accuracies in integers and mean joules."""

    name: str
    percent: tuple[float, ...]  # of the test images, in the chip's integers
    shown: float  # presentations over samples, 0..1
    # joules and seconds per training sample, [low, high] each, on as few cores as hold the net
    packed: Record
    spread: Record  # the same, on `times` as many
    times: int
    # share of presentations after which the integers let the same samples rest
    decisions_equal: float | None

    @property
    def accuracy(self) -> float:
        return statistics.fmean(self.percent)

    def told(self) -> str:
        """Accuracy with spread and seeds."""
        n = len(self.percent)
        return f"{self.accuracy:.2f}" + (
            f" ± {statistics.stdev(self.percent):.2f} ({n} seeds)" if n > 1 else " (1 seed)"
        )


def frugal_training(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """A table and a figure of accuracy against joules per training sample, and where they go."""
    section = Section("frugal", "Fewer joules of training by design")
    runs = _runs(evidence)
    standard = next((run for run in runs if run.name.endswith(STANDARD)), None)
    if standard is None:
        return section.missing("No whole training run has been priced.", ENERGY_COMMAND)
    runs.sort(key=lambda run: (run is not standard, -run.packed["total_j"][1]))
    section.text(
        f"Modelled ({PROFILE}), over whole training runs: at both ends of every epoch some of the"
        " samples it shows go through the network of that moment in the chip's integers. A run's"
        " joules are shared among all samples of all its epochs, also those that rested and were"
        " not shown. Accuracy is that of all test images, in integers, after the last epoch.",
        "Bounds are held against the same bounds of the standard net: the upper ones have every"
        " synapse visited at every presentation and the whole chip's static power, the lower ones"
        " only what learns and its own cores'. Spread: on more cores, which shortens the time and"
        " so the chip's static energy; the standard net is spread likewise.",
    )
    spans = [
        Span(
            run.accuracy, run.packed["total_j"][0], run.packed["total_j"][1], _colour(run, standard)
        )
        for run in runs
    ]
    caption = (
        "Numbers as in the table; dark: the standard net; orange: smaller nets, fewer spikes and"
        " synapses; blue: samples answered surely rest, too. Dashed: 0.3 points below the standard"
        " net."
    )
    section.figures(
        (
            span_scatter(
                spans,
                x="joules per training sample (modelled)",
                y="test accuracy (%)",
                unit="J",
                mark=standard.accuracy - 0.3,
            ),
            caption,
        )
    )
    columns = [
        "no.",
        "variant",
        "test % on the chip",
        "points off",
        "shown",
        "J per sample",
        "times fewer",
        "J, spread",
        "times fewer, spread",
    ]
    rows = [
        [str(number), run.name, *_row(run, standard)] for number, run in enumerate(runs, start=1)
    ]
    best = _best(runs, standard)
    section.table(
        columns,
        rows,
        numbers=(0, 2, 3, 4, 5, 6, 7, 8),
        ours=[index for index, run in enumerate(runs) if run is best],
        caption=_TERMS.format(times=standard.times),
        stack=True,
    )
    if best is not None:
        rows = [
            [told, *(engineering_range(run.packed[name], "J") for run in (standard, best))]
            for name, told in _PARTS.items()
        ]
        section.table(
            ["part", standard.name, best.name],
            rows,
            numbers=(1, 2),
            caption="Where a training sample's joules go.",
            stack=True,
        )
        section.note(_agreement(best))
    return section


def _runs(evidence: Evidence) -> list[Run]:
    found = []
    for group in evidence.grouped("pareto", "method"):
        results = [
            record["results"]
            for record in group
            if isinstance(record["results"].get("whole_run"), dict)
        ]
        if not results:
            continue
        whole = [r["whole_run"] for r in results]
        equal = [w["decisions_equal"] for w in whole if w["decisions_equal"] is not None]
        found.append(
            Run(
                name=str(results[-1]["method"]),
                percent=tuple(100 * r["loihi"]["test_accuracy"] for r in results),
                shown=statistics.fmean(w["shown_share"] for w in whole),
                packed=_mean([w["training"][PROFILE] for w in whole]),
                spread=_mean([w["training_spread"][PROFILE] for w in whole]),
                times=int(whole[-1]["spread"]),
                decisions_equal=statistics.fmean(equal) if equal else None,
            )
        )
    return found


def _mean(costs: Sequence[Record]) -> Record:
    """Mean bounds over seeds."""
    names = [name for name, value in costs[0].items() if isinstance(value, list)]
    return {
        name: [statistics.fmean(cost[name][bound] for cost in costs) for bound in (0, 1)]
        for name in names
    }


def _row(run: Run, standard: Run) -> list[str]:
    cells = [
        run.told(),
        f"{run.accuracy - standard.accuracy:+.2f}" if run is not standard else "–",
        f"{100 * run.shown:.0f} %",
    ]
    for mine, theirs in ((run.packed, standard.packed), (run.spread, standard.spread)):
        low, high = sorted(
            before / now for before, now in zip(theirs["total_j"], mine["total_j"], strict=True)
        )
        cells += [
            engineering_range(mine["total_j"], "J"),
            f"{low:.1f} – {high:.1f}" if run is not standard else "–",
        ]
    return cells


def _best(runs: Sequence[Run], standard: Run) -> Run | None:
    """The run of fewest joules at the upper bound that loses less than 0.3 points."""
    near = [run for run in runs if run is not standard and standard.accuracy - run.accuracy < 0.3]
    return min(near, key=lambda run: run.packed["total_j"][1], default=None)


def _colour(run: Run, standard: Run) -> str:
    return INK if run is standard else BLUE if run.shown < 0.999 else ORANGE


def _agreement(best: Run) -> str:
    told = (
        "Not counted: the nights (about 2 % of the standard net's operations), and the host that"
        " keeps the list of who rests. "
    )
    if best.decisions_equal is None:
        return told
    return (
        told
        + "Which samples rest was decided by the simulator's answers; the chip's integers decide"
        f" the same after {100 * best.decisions_equal:.1f} % of the presentations."
    )
