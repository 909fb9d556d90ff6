"""Less energy for training by design: whole training runs on the modelled chip."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from biograd.pictures.style import BLUE, INK, ORANGE
from biograd.pictures.trade_offs import Span, span_scatter
from biograd.pictures.units import engineering_range
from biograd.runs.records import Record

from .evidence import Evidence
from .page import Section

ENERGY_COMMAND = "biograd benchmark --suite energy --run runs/mnist"
PROFILE = "davies2018"
STANDARD = "(standard)"  # how the method of the run that others are compared with ends
NEAR = 0.3  # points of accuracy that a frugal run may lose

_PARTS = {
    "synaptic_operations_j": "synaptic operations",
    "neuron_updates_j": "neuron updates",
    "synaptic_updates_j": "synaptic updates (learning)",
    "messages_j": "messages between cores",
    "static_j": "static",
    "total_j": "total",
    "x86_j": "x86, not part of the total",
}

_TERMS = (
    "Latency: one spike per pixel, the brighter the sooner. Fewer pixels: no synapses from pixels"
    " that are on in fewer than one of 20 images. Sure rest: samples answered with certainty are"
    " not shown for 1, 2, 4, ... epochs. Known rest for good: samples answered with certainty at"
    " first sight are shown once, and certain answers are not learned from. Points: to the standard"
    " net. Shown: presentations over samples. Times fewer: the ratios of the lower and of the upper"
    " bounds, the smaller first. Spread: on {times} times the cores."
)


@dataclass(frozen=True)
class Run:
    """Training runs of one method: accuracies of its seeds in integers, and mean joules."""

    name: str
    percent: tuple[float, ...]  # of the test images, in the chip's integers
    share_shown: float  # presentations over samples, 0..1
    # joules and seconds per training sample, [low, high] each, on as few cores as hold the net
    packed: Record
    spread: Record  # the same, on `times` as many
    times: int
    # share of presentations after which the integers let the same samples rest
    decisions_equal: float | None

    @property
    def accuracy(self) -> float:
        return statistics.fmean(self.percent)

    @property
    def text(self) -> str:
        """Accuracy with spread and seeds."""
        n = len(self.percent)
        return f"{self.accuracy:.2f}" + (
            f" ± {statistics.stdev(self.percent):.2f} ({n} seeds)" if n > 1 else " (1 seed)"
        )


def frugal_training(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show accuracy against joules per training sample, and the parts of those joules."""
    section = Section("frugal", "Less energy for training by design")
    runs = _runs(evidence)
    standard = next((run for run in runs if run.name.endswith(STANDARD)), None)
    if standard is None:
        return section.missing("No whole training run has been priced.", ENERGY_COMMAND)
    runs.sort(key=lambda run: (run is not standard, -run.packed["total_j"][1]))
    best = _best(runs, standard)
    section.text(
        f"Modelled ({PROFILE}), over whole training runs: at both ends of every epoch, some of the"
        " samples it shows are run through the network of that moment in the chip's integers. A"
        " run's joules are shared among all samples of all its epochs, including those that rested"
        " and were not shown. Accuracy is that of all test images, in integers, after the last"
        " epoch.",
        "Bounds are compared with the same bounds of the standard net. Upper bounds assume that"
        " every synapse is visited at every presentation, and the whole chip's static power; lower"
        " bounds only the synapses that learn, and the static power of the net's own cores."
        " Spread: on more cores, which shortens the time and so the chip's static energy; the"
        " standard net is spread likewise.",
    )
    _figure(section, runs, standard)
    _table(section, runs, standard, best)
    if best is not None:
        _parts(section, standard, best)
    return section


def _figure(section: Section, runs: Sequence[Run], standard: Run) -> None:
    spans = [
        Span(
            run.accuracy, run.packed["total_j"][0], run.packed["total_j"][1], _colour(run, standard)
        )
        for run in runs
    ]
    figure = span_scatter(
        spans,
        x="joules per training sample (modelled)",
        y="test accuracy (%)",
        unit="J",
        mark=standard.accuracy - NEAR,
    )
    caption = (
        "Numbers as in the table; dark: the standard net; orange: smaller nets, fewer spikes and"
        " synapses; blue: with resting samples, too. Dashed: 0.3 points below the standard net."
    )
    section.figures((figure, caption))


def _table(section: Section, runs: Sequence[Run], standard: Run, best: Run | None) -> None:
    columns = [
        "variant",
        "test % on the chip",
        "points",
        "shown",
        "J per sample",
        "times fewer",
        "J, spread",
        "times fewer, spread",
    ]
    section.table(
        columns,
        [
            [f"{number}. {run.name}", *_row(run, standard)]
            for number, run in enumerate(runs, start=1)
        ],
        numbers=(1, 2, 3, 4, 5, 6, 7),
        tinted=[index for index, run in enumerate(runs) if run is best],
        caption=_TERMS.format(times=standard.times),
        stack=True,
    )


def _parts(section: Section, standard: Run, best: Run) -> None:
    rows = [
        [part, *(engineering_range(run.packed[name], "J") for run in (standard, best))]
        for name, part in _PARTS.items()
    ]
    section.table(
        ["part", standard.name, best.name],
        rows,
        numbers=(1, 2),
        caption="The parts of a training sample's joules.",
        stack=True,
    )
    text = (
        "Not counted: the nights (about 2 % of the standard net's operations), and the host that"
        " keeps the list of resting samples."
    )
    if best.decisions_equal is not None:
        text += (
            " Which samples rest was decided by the simulator's answers; the chip's integers decide"
            f" the same after {100 * best.decisions_equal:.1f} % of the presentations."
        )
    section.note(text)


def _runs(evidence: Evidence) -> list[Run]:
    runs = []
    for group in evidence.grouped("pareto", "method"):
        results = [
            record["results"]
            for record in group
            if isinstance(record["results"].get("whole_run"), dict)
        ]
        if results:
            runs.append(_run(results))
    return runs


def _run(results: Sequence[Record]) -> Run:
    whole = [r["whole_run"] for r in results]
    equal = [w["decisions_equal"] for w in whole if w["decisions_equal"] is not None]
    return Run(
        name=str(results[-1]["method"]),
        percent=tuple(100 * r["loihi"]["test_accuracy"] for r in results),
        share_shown=statistics.fmean(w["shown_share"] for w in whole),
        packed=_mean([w["training"][PROFILE] for w in whole]),
        spread=_mean([w["training_spread"][PROFILE] for w in whole]),
        times=int(whole[-1]["spread"]),
        decisions_equal=statistics.fmean(equal) if equal else None,
    )


def _mean(costs: Sequence[Record]) -> Record:
    """Return mean bounds over seeds."""
    names = [name for name, value in costs[0].items() if isinstance(value, list)]
    return {
        name: [statistics.fmean(cost[name][bound] for cost in costs) for bound in (0, 1)]
        for name in names
    }


def _row(run: Run, standard: Run) -> list[str]:
    cells = [
        run.text,
        f"{run.accuracy - standard.accuracy:+.2f}" if run is not standard else "–",
        f"{100 * run.share_shown:.0f} %",
    ]
    for joules, before in ((run.packed, standard.packed), (run.spread, standard.spread)):
        ratios = [b / j for b, j in zip(before["total_j"], joules["total_j"], strict=True)]
        cells += [
            engineering_range(joules["total_j"], "J"),
            f"{min(ratios):.1f} – {max(ratios):.1f}" if run is not standard else "–",
        ]
    return cells


def _best(runs: Sequence[Run], standard: Run) -> Run | None:
    """Return the run of fewest joules at the upper bound that loses less than `NEAR` points."""
    near = [run for run in runs if run is not standard and standard.accuracy - run.accuracy < NEAR]
    return min(near, key=lambda run: run.packed["total_j"][1], default=None)


def _colour(run: Run, standard: Run) -> str:
    return INK if run is standard else BLUE if run.share_shown < 0.999 else ORANGE
