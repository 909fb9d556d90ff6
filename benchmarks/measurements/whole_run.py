"""The cost of a whole training run on Loihi, emulated in the chip's integers. Modelled.

At the start and at the end of every epoch, some of the samples that it shows, augmented as in
training, are run through the network of that moment in integers, and the operations of learning
from them are counted. An epoch's joules are the mean of its two ends times its presentations. The
run's joules are shared among all samples of all epochs, including those that rested: joules per
training sample.

Not counted: the nights (about 2 % of the standard net's operations), and the host that keeps the
list of resting samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from biograd.data.samples import Samples, spikes_of
from biograd.deployment import CALIBRATION, connected
from biograd.encoders import ENCODERS
from biograd.interop.nir import to_model
from biograd.runs.config import RunConfig
from biograd.runs.experiment import load_sets
from biograd.training.repetition import lead_of
from biograd.training.trainer import Progress, Trainer
from hardware import emulator, limits
from hardware.border.model import OperationCounts, SpikeInput
from hardware.energy import PROFILES
from hardware.fixed_point import quantise

from . import loihi_costs
from .loihi_costs import price_training, training_operations
from .trials import Trial, train

PORTION = 400  # presentations emulated at each end of an epoch
SPREAD = 8  # times as many cores, in the figure for a net that is spread over the chip


# the cost of a presentation by (packed or spread, profile); any: JSON
Costs = dict[tuple[str, str], dict[str, Any]]


# any: JSON
def followed(
    trial: Trial, *, on_batch: Callable[[Progress], bool | None] | None = None
) -> dict[str, Any]:
    """Run a trial to its end.

    Returns: its results, with the cost of its network (`loihi`) and of the run (`whole_run`).
    """
    ledgers: list[Ledger] = []

    def on_epoch(trainer: Trainer) -> None:
        if not ledgers:
            ledgers.append(Ledger(trainer, trial.config))
        ledgers[0].note()

    results, trainer = train(trial, on_batch=on_batch, on_epoch=on_epoch)
    deployed = loihi_costs.deploy(trainer, trial.config, *load_sets(trial.config))
    return results | {"loihi": loihi_costs.costs(deployed), "whole_run": ledgers[0].record()}


class Ledger:
    """The costs of a training run: call `note` before its first epoch and after each.

    Args:
        trainer: of images, not yet started.
        config: the run's configuration.
    """

    def __init__(self, trainer: Trainer, config: RunConfig) -> None:
        assert isinstance(trainer.train_set, Samples)
        self.trainer, self.config, self.samples = trainer, config, trainer.train_set
        self.generator = torch.Generator().manual_seed(config.seed)
        self.calibration = self._spikes(torch.arange(min(CALIBRATION, len(self.samples.y))))
        self.presentations: list[int] = []  # presentations of each epoch
        self.costs: list[list[Costs]] = []  # of each epoch, at its start and its end
        self.learned_from: list[float] = []
        self.agreed: list[float] = []

    def note(self) -> None:
        """Note the end of the epoch that has passed, and the start of the coming one."""
        epoch, last = self.trainer.epoch, self.trainer.params.epochs
        if epoch > 0:
            self._note_costs(epoch - 1)
        if epoch < last:
            self.costs.append([])
            self.presentations.append(len(self._members(epoch)))
            self._note_costs(epoch)

    def record(self) -> dict[str, Any]:  # any: JSON
        """Return the run's presentations and joules."""
        n, epochs = len(self.samples.y), len(self.presentations)
        weights = [count / n / epochs for count in self.presentations]
        return {
            "how": "modelled",
            "epochs": epochs,
            "samples": n,
            "shown": self.presentations,
            "shown_share": sum(weights),
            "emulated": PORTION * 2 * epochs,
            "learned_from": float(np.mean(self.learned_from)),
            "decisions_equal": float(np.mean(self.agreed)) if self.agreed else None,
            "training": {profile: self._total(weights, profile, "packed") for profile in PROFILES},
            "training_spread": {
                profile: self._total(weights, profile, "spread") for profile in PROFILES
            },
            "spread": SPREAD,
        }

    def _total(self, weights: Sequence[float], profile: str, placed: str) -> dict[str, Any]:
        epochs = [[end[placed, profile] for end in ends] for ends in self.costs]
        names = [name for name, value in epochs[0][0].items() if isinstance(value, list)]
        summed = {
            name: [
                sum(
                    w * float(np.mean([end[name][bound] for end in ends]))
                    for w, ends in zip(weights, epochs, strict=True)
                )
                for bound in (0, 1)
            ]
            for name in names
        }
        return {"how": "modelled", "cores": epochs[-1][-1]["cores"], **summed}

    def _members(self, epoch: int) -> torch.Tensor:
        repetition = self.trainer.repetition
        return torch.arange(len(self.samples.y)) if repetition is None else repetition.due(epoch)

    def _note_costs(self, epoch: int) -> None:
        members = self._members(epoch)
        some = members[torch.randperm(len(members), generator=self.generator)[:PORTION]]
        if not len(some):
            some = torch.arange(1)  # has no weight: all samples rest in this epoch
        encoded, learner = self._spikes(some), self.trainer.learner
        model = to_model(
            learner.net,
            learner.feedback,
            steps=self.config.steps,
            encoder=self.config.encoder,
            info={},
        )
        model, spikes, calibration = connected(model, encoded, self.calibration)
        fixed = quantise(model, calibration=calibration)
        places = limits.place(fixed, "learning")
        result = emulator.run(fixed, spikes, record=("s",))
        sure = None if self.config.repetition.learn_sure else self.config.repetition.lead
        cores = [layer.cores for layer in places]
        fewest, most, updated = training_operations(fixed, spikes, result, cores, sure)
        wide, low, high = _spread(places), _sent_further(fewest), _sent_further(most)
        self.costs[epoch].append(
            {
                ("packed", name): price_training(fewest, most, places, profile)
                for name, profile in PROFILES.items()
            }
            | {
                ("spread", name): price_training(low, high, wide, profile)
                for name, profile in PROFILES.items()
            }
        )
        self.learned_from.append(updated)
        if self.trainer.repetition is not None:
            self.agreed.append(self._agreement(encoded, result.counts))

    def _agreement(self, encoded: SpikeInput, counts: np.ndarray) -> float:
        """Return the share of answers that are sure in integers exactly if in the simulator.

        Args:
            counts: output spikes in integers, [B, C].
        """
        labels, needed = torch.from_numpy(encoded.labels), self.config.repetition.lead
        simulated = self.trainer.learner.net.spike_counts(torch.from_numpy(encoded.spikes).float())[
            -1
        ]
        sure, sure_in_integers = (
            lead_of(c, labels) >= needed for c in (simulated, torch.from_numpy(counts).float())
        )
        return float((sure == sure_in_integers).float().mean())

    def _spikes(self, members: torch.Tensor) -> SpikeInput:
        encoder = ENCODERS[self.config.encoder]
        spikes = spikes_of(
            self.samples,
            members,
            self.config.steps,
            encoder=encoder,
            augmentation=self.config.augment,
            generator=self.generator,
        )
        return SpikeInput(
            spikes=spikes.numpy().astype(np.uint8), labels=self.samples.y[members].numpy()
        )


def _spread(places: tuple[limits.LayerFit, ...]) -> tuple[limits.LayerFit, ...]:
    """Place each layer on `SPREAD` times as many cores, at most one per neuron."""
    return tuple(
        dataclasses.replace(layer, cores=min(SPREAD * layer.cores, layer.neurons))
        for layer in places
    )


def _sent_further(operations: OperationCounts) -> OperationCounts:
    """Send every spike to `SPREAD` times as many cores."""
    return dataclasses.replace(operations, messages=SPREAD * operations.messages)
