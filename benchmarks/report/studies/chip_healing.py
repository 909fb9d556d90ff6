"""Learning on the chip after damage: accuracy against the samples learned since."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biograd.pictures.studies import faults as pictures_of

from ..evidence import Evidence
from ..page import Section
from .seeds import STUDIES_COMMAND, newest_seeds, spread

_WORDS = {
    "dead": "{:g} % of the hidden neurons dead",
    "stuck": "{:g} % of the hidden neurons stuck on",
    "synapses": "{:g} % of all synapses failed",
}


def healed_chips(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show what each damage costs a chip that has learned, and what learning on regains."""
    section = Section("chip-healing", "A damaged chip learns on")
    seeds = newest_seeds(evidence.named("chip healing"), "healing")
    if not seeds:
        return section.missing("No damaged chip is recorded.", STUDIES_COMMAND)
    config, results = seeds[-1]["config"], [record["results"] for record in seeds]
    section.text(
        f"A net of 784-{config['hidden']}-10 learns {config['samples']:,} digits"
        f" {config['epochs']} times in the integers of the learning engine. Then neurons or"
        " synapses break, forward and feedback ones alike, and it learns on: feedback weights are"
        " learned anew in the nights, output neurons are spared. The intact net does the same."
    )
    curves = {
        name: np.mean([r["curves"][name] for r in results], axis=0) for name in results[0]["curves"]
    }
    titles = {name: _title(name, results[0]["damages"][name]) for name in curves}
    section.figures(
        (
            pictures_of.healing(
                {titles[name]: list(map(tuple, curve)) for name, curve in curves.items()},
                float(np.mean([r["test_accuracy"] for r in results])),
            ),
            "Test accuracy against the samples learned after the damage, means over seeds.",
        )
    )
    samples = [int(count) for count, _ in results[0]["curves"]["intact"]]
    section.table(
        ["test accuracy, %", *(f"after {count:,}" if count else "at once" for count in samples)],
        [
            [
                titles[name],
                *(
                    spread([100 * r["curves"][name][at][1] for r in results])
                    for at in range(len(samples))
                ),
            ]
            for name in curves
        ],
        numbers=range(1, 1 + len(samples)),
        caption=f"Measured in the learning emulator, {len(seeds)} seeds: mean and standard"
        f" deviation; {config['tested']:,} test images. Before the damage:"
        f" {spread([100 * r['test_accuracy'] for r in results])} %.",
    )
    return section


def _title(name: str, rates: Mapping[str, float]) -> str:
    return _WORDS[name].format(100 * rates[name]) if name in rates else name
