"""What a whole training run would cost on Loihi: the presentations of every epoch, emulated in the
chip's integers. Modelled.

At the start and at the end of every epoch some of the samples that it shows, changed at random as
training changes them, are run through the network of that moment in integers, and what learning
from them adds is counted. An epoch's joules are the mean of its two ends times its presentations.
The run's joules are shared among all samples of all epochs, those that rested included: joules per
training sample.
Not counted: the nights (about 2 % of the standard net's operations), and the host that keeps the
list of who rests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from biograd.data.samples import Samples, spikes_of
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
from .loihi_costs import CALIBRATION, connected, price_training, training_operations
from .trials import Trial, train

PORTION = 400  # presentations emulated at each end of an epoch
SPREAD = 8  # times as many cores, in the figure for a net that is spread over the chip


# (packed or spread, profile): what a presentation costs; any: JSON
Page = dict[tuple[str, str], dict[str, Any]]


# any: JSON
def followed(
    trial: Trial, *, on_batch: Callable[[Progress], bool | None] | None = None
) -> dict[str, Any]:
    """Run a trial to its end: its results, the cost of its network (`loihi`) and of the whole run
    (`whole_run`).
    """
    ledgers: list[Ledger] = []

    def page(trainer: Trainer) -> None:
        if not ledgers:
            ledgers.append(Ledger(trainer, trial.config))
        ledgers[0].page()

    results, trainer = train(trial, on_batch=on_batch, on_epoch=page)
    deployed = loihi_costs.deploy(trainer, trial.config, *load_sets(trial.config))
    return results | {"loihi": loihi_costs.costs(deployed), "whole_run": ledgers[0].record()}


class Ledger:
    """Follows a training run: call `page` before its first epoch and after each.

    Args:
        trainer: of images, not yet started.
        config: the run's configuration.
    """

    def __init__(self, trainer: Trainer, config: RunConfig) -> None:
        assert isinstance(trainer.train_set, Samples)
        self.trainer, self.config, self.samples = trainer, config, trainer.train_set
        self.generator = torch.Generator().manual_seed(config.seed)
        self.calibration = self._spikes(torch.arange(min(CALIBRATION, len(self.samples.y))))
        self.shown: list[int] = []  # presentations of each epoch
        self.costs: list[list[Page]] = []  # of each epoch, at its start and its end
        self.learned_from: list[float] = []
        self.agreed: list[float] = []

    def page(self) -> None:
        """Write down what the epoch that has ended cost at its end, and what the coming one does at
        its start.
        """
        epoch, last = self.trainer.epoch, self.trainer.params.epochs
        if epoch > 0:
            self._note(epoch - 1)
        if epoch < last:
            self.costs.append([])
            self.shown.append(len(self._members(epoch)))
            self._note(epoch)

    def record(self) -> dict[str, Any]:
        """The run's presentations and joules, for JSON."""
        n, epochs = len(self.samples.y), len(self.shown)
        weights = [shown / n / epochs for shown in self.shown]
        return {
            "how": "modelled",
            "epochs": epochs,
            "samples": n,
            "shown": self.shown,
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
        pages = [[end[placed, profile] for end in page] for page in self.costs]
        names = [name for name, value in pages[0][0].items() if isinstance(value, list)]
        summed = {
            name: [
                sum(
                    w * float(np.mean([end[name][bound] for end in page]))
                    for w, page in zip(weights, pages, strict=True)
                )
                for bound in (0, 1)
            ]
            for name in names
        }
        return {"how": "modelled", "cores": pages[-1][-1]["cores"], **summed}

    def _members(self, epoch: int) -> torch.Tensor:
        repetition = self.trainer.repetition
        return torch.arange(len(self.samples.y)) if repetition is None else repetition.due(epoch)

    def _note(self, epoch: int) -> None:
        members = self._members(epoch)
        some = members[torch.randperm(len(members), generator=self.generator)[:PORTION]]
        if not len(some):
            some = torch.arange(1)  # weighs nothing: all samples rest in this epoch
        given, net = self._spikes(some), self.trainer.learner.net
        model = to_model(
            net,
            self.trainer.learner.feedback,
            steps=self.config.steps,
            encoder=self.config.encoder,
            info={},
        )
        model, shown, calibration = connected(model, given, self.calibration)
        fixed = quantise(model, calibration=calibration)
        places = limits.place(fixed, "learning")
        result = emulator.run(fixed, shown, record=("s",))
        sure = None if self.config.repetition.learn_sure else self.config.repetition.lead
        fewest, most, updated = training_operations(
            fixed, shown, result, [layer.cores for layer in places], sure
        )
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
            self.agreed.append(self._agreement(given, result.counts))

    def _agreement(self, given: SpikeInput, counts: np.ndarray) -> float:
        """Share of answers that are sure in integers where they are in the simulator, and not where
        they are not.
        """
        labels, needed = torch.from_numpy(given.labels), self.config.repetition.lead
        here = self.trainer.learner.net.spike_counts(torch.from_numpy(given.spikes).float())[-1]
        sure = [lead_of(c, labels) >= needed for c in (here, torch.from_numpy(counts).float())]
        return float((sure[0] == sure[1]).float().mean())

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
    """Each layer on `SPREAD` times as many cores, as far as it has neurons."""
    return tuple(
        dataclasses.replace(layer, cores=min(SPREAD * layer.cores, layer.neurons))
        for layer in places
    )


def _sent_further(operations: OperationCounts) -> OperationCounts:
    """Every spike goes to so many more cores."""
    return dataclasses.replace(operations, messages=SPREAD * operations.messages)
