"""Accuracy over seeds, learning curves, feedback angles, ablations, and mistakes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biograd.pictures import matrices, plots
from biograd.pictures.charts import Line, colour_of, curves, dots
from biograd.pictures.style import LAYER_COLOURS
from biograd.runs.records import Record

from .evidence import Accuracy, Evidence, mean_curve, over_seeds
from .literature import FASHION_ACCURACY, MNIST_ACCURACY, PAPER_MNIST, SOURCES
from .page import Section

PAPER_COMMAND = "biograd benchmark --suite paper"
QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"
_BAND = "Mean over seeds; the band is one standard deviation."
_MAIN = ("BioGrad, sleep", "BPTT", "ANN", "BioGrad, random feedback")  # methods with a curve
_SOURCE_NAMES = {source.key: source.text.split(":")[0].split(";")[0] for source in SOURCES}


def accuracy(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show every method with its seeds, and published figures."""
    section = Section("accuracy", "Accuracy, with seeds and spread")
    methods = sorted(evidence.accuracies(), key=lambda a: -a.mean)
    if methods:
        _methods(section, methods)
    else:
        section.missing("No comparison over seeds is recorded.", PAPER_COMMAND)
    published = [
        [p.what, f"{p.value}", _SOURCE_NAMES[p.source]]
        for p in sorted(MNIST_ACCURACY, key=lambda p: -p.value)
    ]
    section.table(
        ["published, fully connected spiking nets", "MNIST %", "source"], published, numbers=(1,)
    )
    _fashion(section, evidence)
    return section


def learning_curves(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show test accuracy epoch by epoch."""
    section = Section("curves", "Learning curves")
    methods = [
        a for a in evidence.accuracies() if a.config.get("optimizer") != "sgd" and a.method in _MAIN
    ]
    figures = []
    if methods:
        lines = [_line(a) for a in methods]
        low = max(80.0, min(min(line.y) for line in lines) - 0.5)
        figures.append((curves(lines, x="epoch", y="test accuracy (%)", low=low), _BAND))
    if any(epoch.get("test_accuracy") is not None for epoch in evidence.epochs):
        figures.append(
            (
                plots.learning_curve(_last_run(evidence)),
                "This run; held out: the test images, or those set apart.",
            )
        )
    if figures:
        return section.figures(*figures)
    return section.missing("No curve is recorded.", PAPER_COMMAND)


def angles(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the angle between feedback weights and those of backpropagation."""
    section = Section("angles", "Feedback angles: does sleep align the error path?")
    section.text(
        "The angle between a layer's feedback weights and the transposed forward path: 90° is"
        " chance, 0° is backpropagation's."
    )
    lines = []
    base = evidence.best("BioGrad, sleep")
    for a in evidence.accuracies():
        feedback, optimizer = a.config.get("feedback"), a.config.get("optimizer")
        if (
            base is not None
            and a.net == base.net
            and feedback in ("sleep", "dfa")
            and optimizer != "sgd"
            and "factorised" not in a.method
        ):
            lines += _angle_lines(a)
    if lines:
        section.figures((curves(lines, x="epoch", y="angle (degrees)", low=0, high=95), _BAND))
    elif any(epoch.get("feedback_angle_deg") for epoch in evidence.epochs):
        section.figures((plots.feedback_angles(_last_run(evidence)), "This run."))
    else:
        section.missing("No angles are recorded.", PAPER_COMMAND)
    return section


def ablations(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the accuracy without each part of the method."""
    section = Section("ablations", "Ablations")
    base = evidence.best("BioGrad, sleep")
    variants = [
        a
        for a in evidence.accuracies()
        if a.method.startswith("BioGrad")
        and a.config.get("optimizer") != "sgd"
        and base is not None
        and a.net == base.net
    ]
    if base is None or len(variants) < 2:
        return section.missing("No ablation is recorded.", PAPER_COMMAND)
    rows = []
    for a in sorted(variants, key=lambda a: -a.mean):
        last = [r["angle_curve_deg"][-1] for r in a.results if r.get("angle_curve_deg")]
        degrees = " / ".join(f"{x:.0f}" for x in np.mean(last, axis=0)) if last else "–"
        gap = f"{a.mean - base.mean:+.2f}"
        rows.append([a.method, a.net, f"{a.mean:.2f}", gap, degrees, str(len(a.seeds))])
    return section.table(
        ["variant", "net", "test %", "points to sleep", "angles at the end (°)", "seeds"],
        rows,
        numbers=(2, 3, 5),
        caption="Symmetric feedback is the upper bound: no local rule can know those weights.",
    )


def mistakes(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show the confusion matrix and misread digits of the newest run."""
    section = Section("mistakes", "Confusion and mistakes")
    answers = evidence.results("answers")
    if not answers:
        if "confusion" in pictures:
            return section.figures(
                (pictures["confusion"], "Test images of this run."), shape="picture"
            )
        return section.missing("No answers are recorded.", QUICK_COMMAND)
    section.figures(
        (
            matrices.confusion(np.array(answers["confusion"])),
            f"{answers['test_images']:,} test images; rows are the true class.",
        ),
        shape="picture",
    )
    first, total = len(answers["misread"]), answers["misread_in_all"]
    section.note(f"The first {first} of {total} misread digits: true class → answer.")
    return section.digits(answers["misread"])


def _methods(section: Section, methods: list[Accuracy]) -> None:
    section.text(
        "Rows of the same net and number of epochs share data, encoder, transforms, order of"
        " samples and evaluation; spiking peers have the same neuron and the same initial"
        " weights. BPTT is surrogate-gradient backpropagation through time with a learning"
        " rate, loss and surrogate chosen on the same validation images as BioGrad's."
    )
    rows = [
        [a.method, a.net, _optimizer(a), f"{a.mean:.2f}", _spread(a), str(len(a.seeds)), _rate(a)]
        for a in methods
    ]
    section.table(
        ["method", "net", "optimizer", "test %", "±", "seeds", "spikes per neuron and sample"],
        rows,
        numbers=(3, 4, 5),
        tinted=[i for i, a in enumerate(methods) if a.method.startswith("BioGrad")],
        caption=(
            "MNIST test images, last epoch. Differences below 0.3 points on one seed are noise."
        ),
    )
    figure = dots(
        [(a.method, a.percent) for a in methods],
        unit="test accuracy (%)",
        mark=("paper", PAPER_MNIST.value),
    )
    section.figures(
        (figure, "Each dot is one seed, the stroke their mean; dashed: the paper's figure.")
    )


def _fashion(section: Section, evidence: Evidence) -> None:
    nets = over_seeds(evidence.named("fashion"), _net)
    if not nets:
        return
    rows = [
        [f"BioGrad, {net}", f"{mean} ± {spread}" if spread else mean, f"{seeds} seeds"]
        for net, mean, spread, seeds in nets
    ]
    rows += [[p.what, f"{p.value}", _SOURCE_NAMES[p.source]] for p in FASHION_ACCURACY]
    section.table(
        ["fully connected spiking nets", "Fashion-MNIST %", "source"],
        rows,
        numbers=(1,),
        tinted=range(len(nets)),
    )


def _net(record: Record) -> str:
    config = record["config"]
    return f"784-{'-'.join(map(str, config['hidden']))}-10, T = {config['steps']}"


def _line(a: Accuracy) -> Line:
    mean, spread = mean_curve([[100 * y for y in r["test_accuracy_curve"]] for r in a.results])
    return Line(
        f"{a.method}: {mean[-1]:.2f} %", range(1, len(mean) + 1), mean, colour_of(a.method), spread
    )


def _angle_lines(a: Accuracy) -> list[Line]:
    """Return one line per hidden layer; the two kinds of feedback differ in colour."""
    per_seed = [r["angle_curve_deg"] for r in a.results if r.get("angle_curve_deg")]
    if not per_seed:
        return []
    lines = []
    feedback, first_colour = ("random", 2) if a.config["feedback"] == "dfa" else ("sleep", 0)
    for layer in range(len(per_seed[0][0])):
        mean, spread = mean_curve([[epoch[layer] for epoch in curve] for curve in per_seed])
        name = f"{feedback}, hidden {layer + 1}: {mean[-1]:.0f}°"
        colour = LAYER_COLOURS[(layer + first_colour) % len(LAYER_COLOURS)]
        lines.append(Line(name, range(1, len(mean) + 1), mean, colour, spread))
    return lines


def _optimizer(a: Accuracy) -> str:
    momentum = f", momentum {a.config['momentum']}" if a.config.get("momentum") else ""
    return f"{a.config.get('optimizer', '?')} {a.config.get('lr', '?')}{momentum}"


def _spread(a: Accuracy) -> str:
    return "–" if a.spread is None else f"{a.spread:.2f}"


def _rate(a: Accuracy) -> str:
    rates = [r["spikes_per_neuron"] for r in a.results if r.get("spikes_per_neuron")]
    return " / ".join(f"{x:.1f}" for x in np.mean(rates, axis=0)) if rates else "–"


def _last_run(evidence: Evidence) -> list[Record]:
    """Return the epochs of the newest run among the records: from its last epoch 1 on."""
    starts = [i for i, epoch in enumerate(evidence.epochs) if epoch.get("epoch") == 1]
    return evidence.epochs[starts[-1] if starts else 0 :]
