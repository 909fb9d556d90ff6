"""Accuracy: methods over seeds, curves, feedback angles, ablations, mistakes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biograd.pictures import plots
from biograd.pictures.charts import Line, colour_of, curves, dots

from .evidence import Accuracy, Evidence, Record, mean_curve, over_seeds
from .literature import FASHION_ACCURACY, MNIST_ACCURACY, PAPER_MNIST, SOURCES
from .page import Section

PAPER_COMMAND = "biograd benchmark --suite paper"


def accuracy(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Every method with its seeds, and what others published."""
    section = Section("accuracy", "Accuracy, with seeds and spread")
    kinds = sorted(evidence.accuracies(), key=lambda a: -a.mean)
    if kinds:
        section.text(
            "Rows of the same net and number of epochs share data, encoder, transforms, order of"
            " samples and evaluation; spiking peers have the same neuron and the same initial"
            " weights. BPTT is surrogate-gradient backpropagation through time with a learning"
            " rate, loss and surrogate chosen on the same validation images as BioGrad's."
        )
        rows = [
            [
                a.method,
                a.net,
                _optimizer(a),
                f"{a.mean:.2f}",
                _spread(a),
                str(len(a.seeds)),
                _rate(a),
            ]
            for a in kinds
        ]
        section.table(
            ["method", "net", "optimizer", "test %", "±", "seeds", "spikes per neuron and sample"],
            rows,
            numbers=(3, 4, 5),
            ours=[i for i, a in enumerate(kinds) if a.method.startswith("BioGrad")],
            caption=(
                "MNIST test images, last epoch. Differences below 0.3 points on one seed are noise."
            ),
        )
        section.figures(
            (
                dots(
                    [(a.method, a.percent) for a in kinds],
                    unit="test accuracy (%)",
                    mark=("paper", PAPER_MNIST.value),
                ),
                _DOTS,
            )
        )
    else:
        section.missing("No comparison over seeds is recorded.", PAPER_COMMAND)
    names = {source.key: source.text.split(":")[0].split(";")[0] for source in SOURCES}
    published = [
        [p.what, f"{p.value}", names[p.source]]
        for p in sorted(MNIST_ACCURACY, key=lambda p: -p.value)
    ]
    section.table(
        ["published, fully connected spiking nets", "MNIST %", "source"], published, numbers=(1,)
    )
    clothes = over_seeds(evidence.named("fashion"), _net)
    if clothes:
        rows = [
            [f"BioGrad, {net}", f"{mean} ± {spread}" if spread else mean, f"{seeds} seeds"]
            for net, mean, spread, seeds in clothes
        ]
        rows += [[p.what, f"{p.value}", names[p.source]] for p in FASHION_ACCURACY]
        section.table(
            ["fully connected spiking nets", "Fashion-MNIST %", "source"],
            rows,
            numbers=(1,),
            ours=range(len(clothes)),
        )
    return section


def _net(record: Record) -> str:
    config = record["config"]
    return f"784-{'-'.join(map(str, config['hidden']))}-10, T = {config['steps']}"


def learning_curves(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Test accuracy epoch by epoch."""
    section = Section("curves", "Learning curves")
    kinds = [a for a in evidence.accuracies() if a.config.get("optimizer") != "sgd" and _main(a)]
    drawn = []
    if kinds:
        lines = [_line(a) for a in kinds]
        low = max(80.0, min(min(line.y) for line in lines) - 0.5)
        drawn.append((curves(lines, x="epoch", y="test accuracy (%)", low=low), _BAND))
    if any(epoch.get("test_accuracy") is not None for epoch in evidence.epochs):
        drawn.append(
            (
                plots.learning_curve(_last_run(evidence)),
                "This run; held out: the test images, or those set apart.",
            )
        )
    if drawn:
        return section.figures(*drawn)
    return section.missing("No curve is recorded.", PAPER_COMMAND)


def angles(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """How well feedback points where backpropagation's would."""
    section = Section("angles", "Feedback angles: does sleep align the error path?")
    section.text(
        "The angle between a layer's feedback weights and the transposed forward path: 90° knows"
        " nothing, 0° is backpropagation's."
    )
    lines = []
    base = evidence.best("BioGrad, sleep")
    for a in evidence.accuracies():
        if base is None or a.net != base.net:
            continue
        found = [r["angle_curve_deg"] for r in a.results if r.get("angle_curve_deg")]
        if (
            not found
            or a.config.get("feedback") not in ("sleep", "dfa")
            or a.config.get("optimizer") == "sgd"
            or "factorised" in a.method
        ):
            continue
        for layer in range(len(found[0][0])):
            mean, spread = mean_curve([[epoch[layer] for epoch in curve] for curve in found])
            colour = plots.LAYER_COLOURS[
                (layer + (2 if a.config["feedback"] == "dfa" else 0)) % len(plots.LAYER_COLOURS)
            ]
            lines.append(
                Line(
                    f"{a.config['feedback']}, hidden {layer + 1}: {mean[-1]:.0f}°",
                    range(1, len(mean) + 1),
                    mean,
                    colour,
                    spread,
                )
            )
    if lines:
        section.figures((curves(lines, x="epoch", y="angle (degrees)", low=0, high=95), _BAND))
    elif any(epoch.get("feedback_angle_deg") for epoch in evidence.epochs):
        section.figures((plots.feedback_angles(_last_run(evidence)), "This run."))
    else:
        section.missing("No angles are recorded.", PAPER_COMMAND)
    return section


def ablations(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """What each part of the method is worth."""
    section = Section("ablations", "Ablations")
    base = evidence.best("BioGrad, sleep")
    kinds = [
        a
        for a in evidence.accuracies()
        if a.method.startswith("BioGrad") and a.config.get("optimizer") != "sgd"
    ]
    kinds = [a for a in kinds if base is not None and a.net == base.net]
    if base is None or len(kinds) < 2:
        return section.missing("No ablation is recorded.", PAPER_COMMAND)
    rows = []
    for a in sorted(kinds, key=lambda a: -a.mean):
        last = [r["angle_curve_deg"][-1] for r in a.results if r.get("angle_curve_deg")]
        told = " / ".join(f"{x:.0f}" for x in np.mean(last, axis=0)) if last else "–"
        rows.append(
            [
                a.method,
                a.net,
                f"{a.mean:.2f}",
                f"{a.mean - base.mean:+.2f}",
                told,
                str(len(a.seeds)),
            ]
        )
    columns = ["variant", "net", "test %", "to sleep", "angles at the end (°)", "seeds"]
    section.table(
        columns,
        rows,
        numbers=(2, 3, 5),
        caption="Symmetric feedback is the upper bound: no local rule can know those weights.",
    )
    return section


def mistakes(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Confusion matrix and misread digits of the newest run."""
    section = Section("mistakes", "What it gets wrong")
    found = evidence.results("answers")
    if not found:
        if "confusion" in pictures:
            return section.figures(
                (pictures["confusion"], "Test images of this run."), shape="picture"
            )
        return section.missing(
            "No answers are recorded.", "biograd benchmark --suite quick --run runs/mnist"
        )
    matrix = np.array(found["confusion"])
    section.figures(
        (
            plots.confusion(matrix),
            f"{found['test_images']:,} test images; rows are the true class.",
        ),
        shape="picture",
    )
    shown, total = len(found["misread"]), found["misread_in_all"]
    section.note(f"The first {shown} of {total} misread digits: true class → answer.")
    return section.digits(found["misread"])


_BAND = "Mean over seeds; the band is one standard deviation."
_DOTS = "Each dot is one seed, the stroke their mean; dashed: the paper's figure."


def _main(a: Accuracy) -> bool:
    return a.method in ("BioGrad, sleep", "BPTT", "ANN", "BioGrad, random feedback")


def _line(a: Accuracy) -> Line:
    mean, spread = mean_curve([[100 * y for y in r["test_accuracy_curve"]] for r in a.results])
    return Line(
        f"{a.method}: {mean[-1]:.2f} %", range(1, len(mean) + 1), mean, colour_of(a.method), spread
    )


def _optimizer(a: Accuracy) -> str:
    momentum = f", momentum {a.config['momentum']}" if a.config.get("momentum") else ""
    return f"{a.config.get('optimizer', '?')} {a.config.get('lr', '?')}{momentum}"


def _spread(a: Accuracy) -> str:
    return "–" if a.spread is None else f"{a.spread:.2f}"


def _rate(a: Accuracy) -> str:
    found = [r["spikes_per_neuron"] for r in a.results if r.get("spikes_per_neuron")]
    return " / ".join(f"{x:.1f}" for x in np.mean(found, axis=0)) if found else "–"


def _last_run(evidence: Evidence) -> list[dict[str, object]]:
    """The epochs of the newest run among the records: from its last epoch 1 on."""
    starts = [i for i, epoch in enumerate(evidence.epochs) if epoch.get("epoch") == 1]
    return evidence.epochs[starts[-1] if starts else 0 :]
