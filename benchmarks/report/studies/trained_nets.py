"""Trained networks under faults, learning on around damage, and their energy split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biograd.pictures.studies import faults as pictures_of
from biograd.runs.records import Record

from ..evidence import Evidence
from ..literature import CORTEX_COMMUNICATION
from ..page import Section
from .seeds import STUDIES_COMMAND, newest_seeds, spread

NETS = {
    ("dense", "local"): "dense, local rule",
    ("dense", "bptt"): "dense, BPTT",
    ("conv", "local"): "conv, local rule",
    ("conv", "bptt"): "conv, BPTT",
}
KINDS = {
    "dead": "dead hidden neurons",
    "stuck": "hidden neurons stuck on",
    "lost": "lost spikes",
    "synapses": "failed synapses",
    "noise": "voltage noise (thresholds)",
    "weight_bits": "flipped weight bits",
}


def broken_nets(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show accuracy against fault rates, and what learning on regains."""
    section = Section("faults", "Trained networks under faults")
    nets = _nets(evidence)
    if not nets:
        return section.missing("No network under faults is recorded.", STUDIES_COMMAND)
    section.text(
        "Networks trained on a part of MNIST, then broken: the same faults for the same seed, in"
        " every network. Output neurons are spared, their synapses are not. Dense: 784-256-10,"
        " 10,000 digits, 3 epochs; conv: 16c5s2-32c5s2-10, 5,000 digits, 3 epochs. Learning rates"
        " of both rules, and BPTT's surrogate, were chosen on training images set apart."
    )
    curves = {
        title: {name: _means(seeds, kind) for name, seeds in nets.items()}
        for kind, title in KINDS.items()
    }
    section.figures(
        (
            pictures_of.accuracies(curves),
            "Test accuracy against the rate of each fault, means over seeds.",
        )
    )
    rows = []
    for kind, title in KINDS.items():
        middle = len(next(iter(nets.values()))[0]["results"]["faults"][kind]) // 2
        rate = next(iter(nets.values()))[0]["results"]["faults"][kind][middle][0]
        cells = [
            spread([100 * r["results"]["faults"][kind][middle][1] for r in seeds])
            for seeds in nets.values()
        ]
        rows.append([f"{title}: {rate:g}", *cells])
    intact = [spread([100 * r["results"]["accuracy"] for r in s]) for s in nets.values()]
    section.table(
        ["test accuracy, %", *(f"{name} ({len(seeds)})" for name, seeds in nets.items())],
        [["no faults", *intact], *rows],
        numbers=range(1, 1 + len(nets)),
        caption="Measured. In brackets: seeds; mean and standard deviation over them.",
    )
    healed = [r["results"]["healed"] for s in nets.values() for r in s if "healed" in r["results"]]
    if healed:
        before, after, intact_before, intact_after = (
            spread([100 * h[name] for h in healed])
            for name in ("damaged_before", "damaged_after", "intact_before", "intact_after")
        )
        section.note(
            f"Learning on heals: with {100 * healed[0]['dead']:g} % of hidden neurons dead, the"
            f" dense network of the local rule has {before} % right; after {healed[0]['epochs']}"
            f" more epochs {after} %. The intact one goes from {intact_before} to {intact_after} %."
        )
    return section


def energy_split(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show communication against computation of each network, and the best inputs per spike."""
    section = Section("energy-split", "Communication against computation")
    nets = _nets(evidence)
    if not nets:
        return section.missing("No energy split is recorded.", STUDIES_COMMAND)
    rows = []
    for name, seeds in nets.items():
        for profile in ("davies2018", "sanafe2025"):
            splits = [r["results"]["split"][profile] for r in seeds]
            inputs = [r["results"]["split"]["inputs_per_spike"] for r in seeds]
            rows.append(
                [
                    name,
                    profile,
                    spread([s["ratio"] for s in splits]),
                    spread(inputs),
                    spread([s["fixed_j"] / s["synapse_j"] for s in splits]),
                    spread([s["best_inputs"] for s in splits]),
                    spread([1e9 * s["j_per_bit"] for s in splits]),
                    spread([1e9 * s["best_j_per_bit"] for s in splits]),
                ]
            )
    section.table(
        [
            "network",
            "constants",
            "communication / computation",
            "inputs per spike",
            "price of a spike",
            "best",
            "nJ per bit",
            "at the best",
        ],
        rows,
        numbers=range(2, 8),
        caption="Modelled, inference on Loihi 1, from counted operations. Inputs: synaptic"
        " operations per spike of a neuron; price of a spike: what is paid once per spike, in"
        " synaptic operations; best: the inputs at which a bit costs least, if a neuron"
        " tells of n inputs 1/2 log2(1 + n) bits (our form).",
    )
    section.note(
        f"The human cortex is said to spend {CORTEX_COMMUNICATION.value:.0f} : 1 on communication,"
        " with 2,000 to 2,500 synapses per spike (Levy and Calvert 2021). The less a spike costs"
        " beside a synapse, the fewer inputs per spike are best."
    )
    return section


def _nets(evidence: Evidence) -> dict[str, list[Record]]:
    records = evidence.named("trained nets")
    nets = {
        name: newest_seeds(
            [r for r in records if (r["results"]["net"], r["results"]["rule"]) == net],
            "trained nets",
        )
        for net, name in NETS.items()
    }
    return {name: seeds for name, seeds in nets.items() if seeds}


def _means(seeds: list[Record], kind: str) -> list[tuple[float, float]]:
    points = np.array([record["results"]["faults"][kind] for record in seeds]).mean(axis=0)
    intact = float(np.mean([record["results"]["accuracy"] for record in seeds]))
    return [(0.0, intact), *((float(rate), float(accuracy)) for rate, accuracy in points)]
