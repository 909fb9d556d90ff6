"""The paper's figures beside ours and the best peer's, and the cards at the top of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from markupsafe import Markup

from biograd.pictures.units import engineering
from biograd.runs.records import Record

from .chip import small_net_joules
from .evidence import Accuracy, Evidence, joules_of
from .literature import (
    BEST_ON_LOIHI,
    MNIST_ACCURACY,
    PAPER_ENERGY,
    PAPER_LOIHI,
    PAPER_MNIST,
    PAPER_NMNIST,
)
from .page import Section, tag
from .signals.events import simulated_accuracy

PAPER_COMMAND = "biograd benchmark --suite paper"
CHIP_COMMAND = "python -m benchmarks.measurements.chip_learning"
GPU_COMMAND = (
    "biograd benchmark --suite energy  # on a machine with an NVIDIA GPU, torch for CUDA and"
    " nvidia-ml-py"
)
Row = list[str | Markup]  # figure, paper, ours, best peer, how ours was obtained


class Card(TypedDict):
    """One figure at the top of the page."""

    name: str
    value: str
    note: str


def headline(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show every figure of the paper beside ours and the best peer's."""
    section = Section("headline", "The paper's figures, ours, and the best peer's")
    rows = [
        _parity(evidence, "Adam", sgd=False),
        _parity(evidence, "SGD", sgd=True),
        _nmnist(evidence),
        _on_chip(evidence),
        _energy_ratio(evidence),
    ]
    columns = ["figure", "paper", "ours", "best peer", "how ours was obtained"]
    section.table(columns, rows, stack=True)
    return section.text(
        "The paper is Tang et al. 2021, of which only the abstract was available. Test accuracy is"
        " that of the last epoch; hyperparameters were chosen on training images set apart. “±” is"
        " the standard deviation over seeds."
    )


def cards(evidence: Evidence) -> list[Card]:
    """Return the few figures to remember; those without records are left out."""
    made = (card(evidence) for card in (_accuracy, _loihi_joules, _training_speed, _memory))
    return [card for card in made if card]


def _accuracy(evidence: Evidence) -> Card | None:
    if best := evidence.best("BioGrad, sleep"):
        seeds = _count(len(best.seeds), "seed")
        return {
            "name": "MNIST test accuracy",
            "value": f"{best.mean:.2f} %",
            "note": f"measured; {best.net}, {seeds}",
        }
    answers = evidence.results("answers")
    if not answers:
        return None
    return {
        "name": (
            "MNIST test accuracy"
            if _on_mnist(answers)
            else f"Test accuracy on {answers['dataset']}"
        ),
        "value": f"{100 * answers['test_accuracy']:.2f} %",
        "note": "measured; this run",
    }


def _loihi_joules(evidence: Evidence) -> Card | None:
    costs = evidence.results("loihi")
    if not costs:
        return None
    low, high = costs["training"]["davies2018"]["total_j"]
    return {
        "name": "A training sample on Loihi",
        "value": f"{engineering(low, 'J')} – {engineering(high, 'J')}",
        "note": "modelled; " + "-".join(map(str, costs["sizes"])),
    }


def _training_speed(evidence: Evidence) -> Card | None:
    races = evidence.named("speed")
    if not races:
        return None

    def rank(race: Record) -> tuple[int, bool, str]:
        r = race["results"]
        return r.get("rounds", 0), r.get("inputs") == "digits", str(race.get("when"))

    r = max(races, key=rank)["results"]
    threads = _count(r["threads"], "thread")
    return {
        "name": "Training speed",
        "value": f"{r['ratio_full_vs_snntorch']:.1f} × / {r['ratio_factorised_vs_snntorch']:.1f} ×",
        "note": f"full / factorised rule against snnTorch's BPTT, {threads}; measured",
    }


def _memory(evidence: Evidence) -> Card | None:
    r = evidence.results("memory")
    if not r:
        return None
    first, last = r["steps"][0], r["steps"][-1]
    return {
        "name": "Memory against time steps",
        "value": f"{r['online_growth']:.2f} ×",
        "note": f"peak memory of online learning, T = {last} over T = {first}; measured",
    }


def _parity(evidence: Evidence, optimizer: str, *, sgd: bool) -> Row:
    name = f"MNIST, multi-layer fully connected, {optimizer}"
    trained = [peer for start in ("BPTT", "ANN") if (peer := evidence.best(start, sgd=sgd))]
    published = max(MNIST_ACCURACY, key=lambda p: p.value)
    paper = f"{PAPER_MNIST.value} %, at parity with backprop"
    peers = (
        "".join(f"{peer.method}: {peer.text}; " for peer in trained)
        + f"published: {published.what}, {published.value} %"
    )
    best = evidence.best("BioGrad, sleep", sgd=sgd)
    if best is not None:
        how = Markup("{} {}; <code>{}</code>").format(tag("measured"), best.net, PAPER_COMMAND)
        return [name, paper, _against_bptt(evidence, best, sgd=sgd), peers, how]
    run = None if sgd else _run_accuracy(evidence)
    if run is None:
        return [name, paper, tag("missing"), peers, _command(PAPER_COMMAND)]
    how = Markup("{} <code>biograd train</code>").format(tag("measured"))
    return [name, paper, f"{run:.2f} % (this run, 1 seed)", peers, how]


def _against_bptt(evidence: Evidence, best: Accuracy, *, sgd: bool) -> str:
    text = best.text
    if bptt := evidence.best("BPTT", sgd=sgd):
        text += f"; {best.mean - bptt.mean:+.2f} points to BPTT"
    if sgd:
        return text
    variants = [a for a in evidence.accuracies() if a.method.startswith("BioGrad")]
    any_net = max(variants, key=lambda a: a.mean)
    if any_net.mean > best.mean + 0.1:
        text += f"; with {any_net.net}: {any_net.text}"
    return text


def _nmnist(evidence: Evidence) -> Row:
    name, paper = "N-MNIST, event camera", f"{PAPER_NMNIST.value} %"
    peers = "published: Lee 2016, 98.66 %; STBP (800 hidden), 98.78 %"
    for a in evidence.accuracies():
        if a.config.get("dataset") == "nmnist":
            return [name, paper, a.text, peers, Markup("{} {}").format(tag("measured"), a.net)]
    why = Markup(
        "N-MNIST is 1.2 GB on its own site; with your copy: <code>biograd train --preset"
        " events --dataset nmnist</code>"
    )
    accuracy = tag("missing")
    if simulated := simulated_accuracy(evidence):
        accuracy = Markup("{} on the real one; {}").format(accuracy, simulated)
    return [name, paper, accuracy, peers, why]


def _on_chip(evidence: Evidence) -> Row:
    name, paper = "Trained on Loihi, one hidden layer of 100", f"{PAPER_LOIHI.value} %"
    peer = f"published: {BEST_ON_LOIHI.what}, {BEST_ON_LOIHI.value} %"
    learned = evidence.chip_learning()
    if learned is None:
        return [name, paper, tag("missing"), peer, _command(CHIP_COMMAND)]
    accuracy, variant = learned
    how = Markup(
        "{} in integers by the emulator, which equals Lava's fixed-point simulation; {}. No silicon"
        " was available."
    ).format(tag("measured"), variant)
    return [name, paper, accuracy, peer, how]


def _energy_ratio(evidence: Evidence) -> Row:
    name = "Energy per training sample, Loihi against a GPU"
    paper = f"{PAPER_ENERGY.value:.0f} times less"
    peer = (
        "published: CLP-SNN on Loihi 2, 0.05 mJ against an edge GPU's 333 mJ (22 times by"
        " algorithm, 295 by hardware)"
    )
    modelled = small_net_joules(evidence)
    loihi = ""
    if modelled:
        low, high, net = modelled
        loihi = f"Loihi: {engineering(low, 'J')} – {engineering(high, 'J')} (modelled; {net}). "
    per_batch = [
        (r["batch"], total, joules_of(r, above_idle=True))
        for r in evidence.device_energy("cuda", "training", "BioGrad")
        if (total := joules_of(r, above_idle=False))
    ]
    if not modelled or not per_batch:
        lacks = (
            "There is no recorded GPU run."
            if not per_batch
            else "No net of one hidden layer of 100 was learned in the chip's integers."
        )
        ratio = Markup("{} {}{}").format(tag("missing"), loihi, lacks)
        return [name, paper, ratio, peer, _command(GPU_COMMAND)]
    first, best = per_batch[0], min(per_batch, key=lambda row: row[1])
    ratios = [_times_less(*row, low, high) for row in dict.fromkeys((first, best))]
    how = Markup("{} GPU by NVML; {} Loihi").format(tag("measured"), tag("modelled"))
    return [name, paper, loihi + "; ".join(ratios), peer, how]


def _times_less(batch: int, total: float, above: float | None, low: float, high: float) -> str:
    """Return a GPU's measured joules over Loihi's modelled ones, in words."""
    idle = f" ({above / high:,.0f} – {above / low:,.0f} above idle)" if above else ""
    return f"{total / high:,.0f} – {total / low:,.0f} times less than at batch {batch}{idle}"


def _run_accuracy(evidence: Evidence) -> float | None:
    answers = evidence.results("answers")
    if answers and _on_mnist(answers):
        return 100 * float(answers["test_accuracy"])
    runs = [run for run in evidence.runs if _on_mnist(run)]
    return 100 * float(runs[-1]["test_accuracy"]) if runs else None


def _on_mnist(record: Mapping[str, Any]) -> bool:  # any: JSON
    # older records name no data set: all were of MNIST
    return record.get("dataset", "mnist") == "mnist"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _command(command: str) -> Markup:
    return Markup("not measured yet: <code>{}</code>").format(command)
