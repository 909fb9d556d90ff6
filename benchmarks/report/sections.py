"""The report, section by section: what each shows, from `Evidence` alone. A new one is a function
and a line in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from biograd.pictures.charts import engineering

from .accuracy import ablations, accuracy, angles, learning_curves, mistakes
from .chip import learning_on_chip, small_net_joules
from .energy import energy
from .energy_model import energy_model
from .events import events, simulated_accuracy
from .evidence import Accuracy, Evidence, joules_of
from .frugal import fewer_joules
from .frugal_training import frugal_training
from .literature import (
    BEST_ON_LOIHI,
    MNIST_ACCURACY,
    PAPER_ENERGY,
    PAPER_LOIHI,
    PAPER_MNIST,
    PAPER_NMNIST,
)
from .memory import memory
from .origin import inside, origin, sources
from .page import Section, tag
from .speed import speed

SectionFunction = Callable[[Evidence, Mapping[str, str]], Section]

GPU_COMMAND = (
    "biograd benchmark --suite energy  # on a machine with an NVIDIA GPU, torch for CUDA and"
    " nvidia-ml-py"
)


def subtitle(evidence: Evidence) -> str:
    """One line under the title."""
    machines = evidence.machines()
    made = [
        str(record.get("when", ""))[:10] for record in evidence.measurements if record.get("when")
    ]
    when = "nothing measured yet"
    if made:
        when = f"measured {min(made)}" + (f" to {max(made)}" if min(made) != max(made) else "")
    where = (
        f" on {machines[0]}"
        if len(machines) == 1
        else f" on {len(machines)} settings of machine and threads"
        if machines
        else ""
    )
    return (
        "Spiking networks that learn by local rules and sleep, beside the same networks trained by"
        f" backpropagation; {when}{where}. Every figure says whether it was measured here,"
        " modelled, or published by others."
    )


def footer(evidence: Evidence) -> str:
    """The last line."""
    total = (
        len(evidence.measurements)
        + len(evidence.deployments)
        + len(evidence.runs)
        + len(evidence.epochs)
    )
    return (
        f"From {total:,} records; {len(evidence.left_out)} left out. This page loads nothing from"
        " any network."
    )


def cards(evidence: Evidence) -> list[dict[str, str]]:
    """The few figures to remember."""
    found = []
    if best := evidence.best("BioGrad, sleep"):
        note = f"measured; {best.net}, {_count(len(best.seeds), 'seed')}"
        found.append({"name": "MNIST test accuracy", "value": f"{best.mean:.2f} %", "note": note})
    elif answers := evidence.results("answers"):
        name = (
            "MNIST test accuracy"
            if _on_mnist(answers)
            else f"Test accuracy on {answers['dataset']}"
        )
        found.append(
            {
                "name": name,
                "value": f"{100 * answers['test_accuracy']:.2f} %",
                "note": "measured; this run",
            }
        )
    if chip := evidence.results("loihi"):
        low, high = chip["training"]["davies2018"]["total_j"]
        value = f"{engineering(low, 'J')} – {engineering(high, 'J')}"
        found.append(
            {
                "name": "A training sample on Loihi",
                "value": value,
                "note": "modelled; " + "-".join(map(str, chip["sizes"])),
            }
        )
    if fast := _speed(evidence):
        value = (
            f"{fast['ratio_full_vs_snntorch']:.1f} × / {fast['ratio_factorised_vs_snntorch']:.1f} ×"
        )
        note = (
            f"full / factorised rule against snnTorch's BPTT, {_count(fast['threads'], 'thread')};"
            " measured"
        )
        found.append({"name": "Training speed", "value": value, "note": note})
    if kept := evidence.results("memory"):
        note = (
            f"peak memory of online learning, T = {kept['steps'][-1]} over T = {kept['steps'][0]};"
            " measured"
        )
        found.append(
            {
                "name": "Memory against time steps",
                "value": f"{kept['online_growth']:.2f} ×",
                "note": note,
            }
        )
    return found


def headline(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Every figure of the paper beside ours and the best peer's."""
    section = Section("headline", "The paper's figures, ours, and the best peer's")
    rows = [
        _parity(evidence, "Adam", sgd=False),
        _parity(evidence, "SGD", sgd=True),
        _nmnist(evidence),
        _on_chip(evidence),
        _energy_ratio(evidence),
    ]
    section.table(["figure", "paper", "ours", "best peer", "how ours came to be"], rows, stack=True)
    return section.text(
        "The paper is Tang et al. 2021, of which only the abstract was at hand. Test accuracy is"
        " that of the last epoch; hyperparameters were chosen on training images set apart. “±” is"
        " the standard deviation over seeds."
    )


def _parity(evidence: Evidence, optimizer: str, *, sgd: bool) -> list[str | Markup]:
    name = f"MNIST, multi-layer fully connected, {optimizer}"
    ours = evidence.best("BioGrad, sleep", sgd=sgd)
    trained = [peer for start in ("BPTT", "ANN") if (peer := evidence.best(start, sgd=sgd))]
    published = max(MNIST_ACCURACY, key=lambda p: p.value)
    paper = f"{PAPER_MNIST.value} %, at parity with backprop"
    peers = (
        "".join(f"{peer.method}: {peer.told()}; " for peer in trained)
        + f"published: {published.what}, {published.value} %"
    )
    if ours is None:
        run = _run_accuracy(evidence) if not sgd else None
        if run is None:
            return [name, paper, tag("missing"), peers, _command("biograd benchmark --suite paper")]
        return [
            name,
            paper,
            f"{run:.2f} % (this run, 1 seed)",
            peers,
            Markup("{} <code>biograd train</code>").format(tag("measured")),
        ]
    how = Markup("{} {}; <code>biograd benchmark --suite paper</code>").format(
        tag("measured"), ours.net
    )
    told = ours.told() + _gap(ours, evidence.best("BPTT", sgd=sgd))
    any_net = max(
        (a for a in evidence.accuracies() if a.method.startswith("BioGrad") and not sgd),
        key=lambda a: a.mean,
        default=ours,
    )
    if any_net.mean > ours.mean + 0.1:
        told += f"; with {any_net.net}: {any_net.told()}"
    return [name, paper, told, peers, how]


def _gap(ours: Accuracy, bptt: Accuracy | None) -> str:
    return "" if bptt is None else f"; {ours.mean - bptt.mean:+.2f} points to BPTT"


def _nmnist(evidence: Evidence) -> list[str | Markup]:
    paper = f"{PAPER_NMNIST.value} %"
    peers = "published: Lee 2016, 98.66 %; STBP (800 hidden), 98.78 %"
    for a in evidence.accuracies():
        if a.config.get("dataset") == "nmnist":
            return [
                "N-MNIST, event camera",
                paper,
                a.told(),
                peers,
                Markup("{} {}").format(tag("measured"), a.net),
            ]
    why = Markup(
        "N-MNIST is 1.2 GB on a site of its own; with your copy: <code>biograd train --preset"
        " events --dataset nmnist</code>"
    )
    simulated = simulated_accuracy(evidence)
    ours = (
        Markup("{} on the real one; {}").format(tag("missing"), simulated)
        if simulated
        else tag("missing")
    )
    return ["N-MNIST, event camera", paper, ours, peers, why]


def _on_chip(evidence: Evidence) -> list[str | Markup]:
    name, paper = "Trained on Loihi, one hidden layer of 100", f"{PAPER_LOIHI.value} %"
    peer = f"published: {BEST_ON_LOIHI.what}, {BEST_ON_LOIHI.value} %"
    found = evidence.chip_learning()
    if found is None:
        return [
            name,
            paper,
            tag("missing"),
            peer,
            _command("python -m benchmarks.measurements.chip_learning"),
        ]
    told, how = found
    text = Markup(
        "{} in integers by the emulator, which equals Lava's fixed-point simulation; {}. No silicon"
        " was at hand."
    )
    return [name, paper, told, peer, text.format(tag("measured"), how)]


def _energy_ratio(evidence: Evidence) -> list[str | Markup]:
    name, paper = (
        "Energy per training sample, Loihi against a GPU",
        f"{PAPER_ENERGY.value:.0f} times less",
    )
    peer = (
        "published: CLP-SNN on Loihi 2, 0.05 mJ against an edge GPU's 333 mJ (22 times by"
        " algorithm, 295 by hardware)"
    )
    modelled = small_net_joules(evidence)
    loihi = (
        f"Loihi: {engineering(modelled[0], 'J')} – {engineering(modelled[1], 'J')} (modelled;"
        f" {modelled[2]}). "
        if modelled
        else ""
    )
    gpu = evidence.device_energy("cuda", "training", "BioGrad")
    measured = [
        (r["batch"], joules_of(r, above_idle=False), joules_of(r, above_idle=True)) for r in gpu
    ]
    known = [(batch, total, above) for batch, total, above in measured if total]
    if not modelled or not known:
        lacks = (
            "There is no recorded GPU run."
            if not known
            else "No net of one hidden layer of 100 was learned on the chip's terms."
        )
        return [
            name,
            paper,
            Markup("{} {}{}").format(tag("missing"), loihi, lacks),
            peer,
            _command(GPU_COMMAND),
        ]
    first, best = known[0], min(known, key=lambda row: row[1] or 0)
    parts = [
        f"{total / modelled[1]:,.0f} – {total / modelled[0]:,.0f} times less than at batch {batch}"
        + (
            f" ({above / modelled[1]:,.0f} – {above / modelled[0]:,.0f} above idle)"
            if above
            else ""
        )
        for batch, total, above in ((first, best) if first != best else (first,))
        if total
    ]
    how = Markup("{} GPU by NVML; {} Loihi").format(tag("measured"), tag("modelled"))
    return [name, paper, loihi + "; ".join(parts), peer, how]


def _run_accuracy(evidence: Evidence) -> float | None:
    answers = evidence.results("answers")
    if answers and _on_mnist(answers):
        return 100 * float(answers["test_accuracy"])
    runs = [run for run in evidence.runs if _on_mnist(run)]
    return 100 * float(runs[-1]["test_accuracy"]) if runs else None


def _on_mnist(record: Mapping[str, Any]) -> bool:  # any: JSON
    """Whether a run or its answers are on MNIST; older records do not say, for there was nothing
    else in the report.
    """
    return record.get("dataset", "mnist") == "mnist"


def _speed(evidence: Evidence) -> dict[str, Any]:  # any: JSON
    found = evidence.named("speed")

    def rank(record: Any) -> tuple[int, bool, str]:  # any: a record
        return (
            record["results"].get("rounds", 0),
            record["results"].get("inputs") == "digits",
            str(record.get("when")),
        )

    return max(found, key=rank)["results"] if found else {}


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _command(command: str) -> Markup:
    return Markup("not measured yet: <code>{}</code>").format(command)


SECTIONS: list[SectionFunction] = [
    headline,
    accuracy,
    learning_curves,
    angles,
    ablations,
    learning_on_chip,
    energy,
    energy_model,
    frugal_training,
    fewer_joules,
    memory,
    speed,
    events,
    mistakes,
    inside,
    origin,
    sources,
]
