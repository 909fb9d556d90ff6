"""Analyse the population codes of a trained run, and its communication against computation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hardware.border.printable import one_line
from hardware.energy import PROFILES

from ...data.samples import spikes_of
from ...deployment import energy_split
from ...runs.experiment import Experiment
from ...studies.energy_split import CORTEX_RATIO
from ...studies.population_codes import class_pairs, redundancy
from ..console import Console
from ..helpers.named import run_folder
from ..helpers.ranges import expect_at_least
from ..helpers.trained import model_of, trained

if TYPE_CHECKING:
    from ..analyze import Args

PORTION = 500  # samples at a time
PRICED = 500  # test samples at most that are run on the emulator for the energy split


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Count spikes, and analyse each hidden layer."""
    expect_at_least(0, samples=args.samples, seed=args.seed)
    expect_at_least(2, neurons=args.neurons)
    torch.set_num_threads(1)
    experiment = trained(run_folder(args.run), console, skip_bad=args.skip_bad)
    labels = experiment.test_set.y.numpy()
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise ValueError("this run learned values, not classes: population codes compare classes")
    if args.samples:
        labels = labels[: args.samples]
    counts = _counts(experiment, len(labels))
    layers = [
        _layer(number, layer_counts, labels, args)
        for number, layer_counts in enumerate(counts[:-1], start=1)
    ]
    _show(layers, len(labels), console)
    split = _split(experiment, min(len(labels), PRICED), console)
    return {"samples": len(labels), "seed": args.seed, "layers": layers, "energy_split": split}


def _split(
    experiment: Experiment, samples: int, console: Console
) -> dict[str, Any] | None:  # any: JSON
    """Print communication against computation; None for a network that the chip cannot run."""
    try:
        split = energy_split(
            model_of(experiment),
            experiment.train_set,
            experiment.test_set.subset(slice(0, samples)),
        )
    except ValueError as refusal:
        console.say(f"no energy split: {one_line(refusal)}")
        return None
    console.table(
        f"one sample on Loihi 1, modelled, mean of {samples} test samples; the human cortex spends"
        f" {CORTEX_RATIO:g} : 1 on communication (Levy and Calvert 2021)",
        ["constants", "communication", "computation", "ratio", "inputs per spike", "cheapest bit"],
        [
            [
                name,
                f"{1e6 * split[name]['communication_j']:.3g} uJ",
                f"{1e6 * split[name]['computation_j']:.3g} uJ",
                f"{split[name]['ratio']:.3g} : 1",
                f"{split['inputs_per_spike']:.0f}",
                f"{split[name]['best_inputs']:.0f} inputs per spike",
            ]
            for name in PROFILES
        ],
    )
    return split | {"samples": samples, "cortex_ratio": CORTEX_RATIO}


@torch.no_grad()
def _counts(experiment: Experiment, samples: int) -> list[np.ndarray]:
    """Return the spike counts of every layer, [samples, neurons]."""
    generator = torch.Generator().manual_seed(experiment.config.seed)
    parts = []
    for members in torch.arange(samples).split(PORTION):
        spikes = spikes_of(
            experiment.test_set,
            members,
            experiment.config.steps,
            encoder=experiment.trainer.encoder,
            generator=generator,
        )
        parts.append(
            [c.numpy() for c in experiment.net.spike_counts(spikes.to(experiment.net.device))]
        )
    return [np.concatenate(layer) for layer in zip(*parts, strict=True)]


def _layer(
    number: int, counts: np.ndarray, labels: np.ndarray, args: Args
) -> dict[str, Any]:  # any: JSON
    active = np.flatnonzero(counts.var(axis=0) > 0)
    if not active.size:
        raise ValueError(
            f"hidden layer {number} sends no spikes, or the same ones for every sample: there is"
            " nothing to analyse; train it first"
        )
    rng = np.random.default_rng(args.seed)
    chosen = counts[:, rng.permutation(active)[: args.neurons]]
    pairs = class_pairs(chosen, labels)
    codes = list(pairs.values())
    reader = redundancy(chosen, labels, rng=rng)
    return {
        "layer": number,
        "neurons": counts.shape[1],
        "active": len(active),
        "analysed": chosen.shape[1],
        "d2": float(np.mean([code.d2 for code in codes])),
        "d2_shuffled": float(np.mean([code.d2_shuffled for code in codes])),
        "ratio": float(np.median([code.ratio for code in codes])),
        "angle_deg": float(np.mean([code.angle for code in codes])),
        "correlation": float(np.mean([code.correlation for code in codes])),
        "pairs": {f"{one}-{other}": code.d2 for (one, other), code in pairs.items()},
        "reader": [{"neurons": kept, "accuracy": accuracy} for kept, accuracy in reader],
    }


def _show(layers: list[dict[str, Any]], samples: int, console: Console) -> None:  # any: JSON
    rows = [
        [
            f"hidden {layer['layer']}",
            f"{layer['active']} of {layer['neurons']}",
            str(layer["analysed"]),
            f"{layer['d2']:.3g}",
            f"{layer['d2_shuffled']:.3g}",
            f"{layer['ratio']:.2f}",
            f"{layer['angle_deg']:.0f}",
            f"{layer['correlation']:.3f}",
        ]
        for layer in layers
    ]
    console.table(
        f"population codes on {samples:,} test samples, means over pairs of classes",
        [
            "layer",
            "active",
            "analysed",
            "d'2",
            "without correlations",
            "ratio",
            "angle (deg)",
            "correlation",
        ],
        rows,
    )
    for layer in layers:
        read = ", ".join(f"{r['neurons']}: {100 * r['accuracy']:.1f} %" for r in layer["reader"])
        console.say(f"hidden {layer['layer']}, linear reader of so many neurons: {read}")
