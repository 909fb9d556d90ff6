"""Training loop: days of batches and local updates, and nights of sleep."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .. import inputs
from ..checks import or_default, truth_value, whole_number
from ..data.augment import AugmentParams
from ..data.loaders import Loader, batches_of, drawn
from ..data.samples import Samples, loaded_spikes, spikes_or_packed
from ..encoders import Encoder, integrate_and_fire
from ..kernels.packed_spikes import PackedSpikes
from ..padding import PaddedSpikes
from ..readout import Classes, Readout
from ..sleep import SleepParams
from ..tensors import seeded
from . import arguments, nights
from .epoch_record import epoch_record, named
from .epoch_sums import EpochSums
from .evaluation import Evaluation, evaluate
from .finite import check_finite
from .learners import Learner
from .order import epoch_order
from .params import TrainParams
from .progress import Progress
from .repetition import repetition_of
from .state import restore, state_of

# Epoch e of a run with seed s is drawn from seed 1,000,003 s + e, so that runs with different seeds
# never share the order of an epoch (below a million epochs). Any number so large would do; ours.
EPOCH_SEEDS = 1_000_003


class Trainer:
    """Train a network through its learner.

    A run that is stopped anywhere and continued from its `state_dict` ends with the same bits as an
    unbroken one.

    Args:
        learner: network, error neurons, feedback and rule.
        optimizer: any torch optimizer over the network's parameters.
        train_set: images, or recordings that are spikes already, with labels; or a loader of
            (x, y), e.g. a DataLoader (see `data.loaders`): x are images, uint8 or float 0..1,
            [B, ...], or, where `encoder` is None, spikes [T, B, inputs]. Labels are classes, or the
            targets of the learner's readout (e.g. `Values`).
        params: epochs, batch, steps.
        test_set: images and labels, or a loader of them, measured after each epoch, or None.
        scheduler: any torch scheduler, stepped after every batch, or None.
        encoder: images to spikes; None: a loader's x are spikes already.
        augmentation: random transforms of the training images.
        sleep: the nights; they happen where the feedback learns from them.
        unconnected: inputs without synapses, bool [inputs]: their weights are 0 and stay so; None:
            all have synapses.
        seed: of all random numbers drawn while training (order, transforms, noise, dreams).

    Example:
        >>> images = ImageSet("random", "train", torch.rand(40, 784), torch.arange(40) % 10, 10)
        >>> net = Network((784, 32, 10))
        >>> optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        >>> learner, params = LocalLearner(net, RandomDFA(net)), TrainParams(epochs=2, batch=20)
        >>> trainer = Trainer(learner, optimizer, images, params=params)
        >>> [record["epoch"] for record in trainer.run()]
        [1, 2]
    """

    def __init__(
        self,
        learner: Learner,
        optimizer: torch.optim.Optimizer,
        train_set: Samples | Loader,
        *,
        params: TrainParams | None = None,
        test_set: Samples | Loader | None = None,
        scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
        encoder: Encoder | None = integrate_and_fire,
        augmentation: AugmentParams | None = None,
        sleep: SleepParams | None = None,
        unconnected: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        arguments.check_learner(learner)
        arguments.check_steppers(learner.net, optimizer, scheduler)
        arguments.check_encoder(encoder)
        arguments.check_unconnected(unconnected, learner.net.sizes[0])
        self.learner, self.optimizer, self.scheduler = learner, optimizer, scheduler
        self.train_set, self.test_set = train_set, test_set
        self.readout: Readout = getattr(learner, "readout", None) or Classes()
        self.params = or_default(params, TrainParams, "params")
        self.sleep = or_default(sleep, SleepParams, "sleep")
        self.augmentation = or_default(augmentation, AugmentParams, "augmentation")
        most = (1 << 63) // EPOCH_SEEDS - EPOCH_SEEDS  # so that each epoch's seed fits 64 bits
        self.encoder, self.seed = encoder, whole_number(seed, "seed", -most, most)
        self.generator = seeded(self.seed)
        self.epoch = self.batch = 0  # of the next batch
        self.sums = EpochSums(len(learner.net.layers))  # of the running epoch
        arguments.check_samples(learner.net, train_set, self.readout, "train_set")
        if test_set is not None:
            arguments.check_samples(learner.net, test_set, self.readout, "test_set")
        self.repetition = repetition_of(self.params.repetition, train_set, self.readout)
        self._members = torch.arange(0)  # samples of the batch presented last
        w = learner.net.layers[0].w
        self._connected = None if unconnected is None else (~unconnected).to(w)

    def __repr__(self) -> str:
        done = ", finished" if self.epoch >= self.params.epochs else ""
        position = f"{self.epoch} of {self.params.epochs} epochs and {self.batch} batches{done}"
        return f"Trainer({self.learner!r}, {type(self.optimizer).__name__}, {position})"

    @property
    def batches_per_epoch(self) -> int:
        """Batches of the running epoch; 0 for a loader of unknown length."""
        if self.repetition is not None:
            return -(-len(self.repetition.due(self.epoch)) // self.params.batch)
        return self._batches_without_rest

    @property
    def _batches_without_rest(self) -> int:
        """Batches of an epoch that presents every sample."""
        if isinstance(self.train_set, Samples):
            return -(-len(self.train_set.y) // self.params.batch)
        return batches_of(self.train_set)

    def run(
        self, *, on_batch: Callable[[Progress], bool | None] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Continue training, and yield a record per epoch (any: JSON).

        Args:
            on_batch: called after every batch; returning True stops the run there. After the last
                batch of an epoch, the epoch's record still comes.
        """
        arguments.check_listener(on_batch)
        if self.epoch == self.batch == 0:
            self._disconnect()
            self.night(first=True)
        while self.epoch < self.params.epochs:
            stop: bool | None = False
            batches, start = self.batches(), time.perf_counter()
            for spikes, labels in batches:
                self.day(spikes, labels)
                self.sums.seconds += time.perf_counter() - start
                if nights.is_due(self.epoch * self._batches_without_rest + self.batch, self.sleep):
                    self.night()
                stop = on_batch and on_batch(self._progress())
                if stop and self.batch != self.batches_per_epoch:
                    return
                start = time.perf_counter()
            yield self._finish_epoch()
            if stop:
                return

    def batches(self) -> Iterator[tuple[Tensor | PackedSpikes | PaddedSpikes, Tensor]]:
        """Yield spikes and labels of the running epoch's batches, from the next batch on."""
        seed = self.seed * EPOCH_SEEDS + self.epoch
        if isinstance(self.train_set, Samples):
            return self._batches_of_samples(self.train_set, seed)
        return self._batches_of_loader(self.train_set, seed)

    def _batches_of_samples(
        self, samples: Samples, seed: int
    ) -> Iterator[tuple[Tensor | PackedSpikes | PaddedSpikes, Tensor]]:
        due = None if self.repetition is None else self.repetition.due(self.epoch)
        order = epoch_order(samples, seed, self.params.batch, due)
        self.sums.samples = min(self.batch * self.params.batch, len(order))
        # up to the end: where all samples rest, `split` alone gives one empty batch
        for members in order.split(self.params.batch)[self.batch : self.batches_per_epoch]:
            self._members = members
            spikes = spikes_or_packed(
                samples,
                members,
                self.params.steps,
                encoder=self.encoder,
                augmentation=self.augmentation,
                generator=self.generator,
                packed=getattr(self.learner, "by_events", False),
            )
            yield spikes, samples.y[members]

    def _batches_of_loader(self, loader: Loader, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        number, learned, self.sums.samples = -1, self.batch, 0
        for number, (x, labels) in enumerate(drawn(loader, seed)):
            if number < learned:
                self.sums.samples += len(labels)
                continue
            spikes = loaded_spikes(
                self.learner.net,
                x,
                labels,
                self.params.steps,
                encoder=self.encoder,
                readout=self.readout,
                generator=self.generator,
            )
            yield spikes, labels
        if number < 0:
            raise ValueError("the loader gives no batches: need at least one")

    def day(self, spikes: Tensor | PackedSpikes | PaddedSpikes, labels: Tensor) -> None:
        """Learn from one batch of `batches`."""
        inputs.check_labels(labels)
        if not isinstance(spikes, PackedSpikes | PaddedSpikes):
            inputs.check_kind(spikes, "spikes")
        device = self.learner.net.device
        labels = labels.to(device)
        spikes = spikes if isinstance(spikes, PackedSpikes) else spikes.to(device)
        result = self.learner.step(spikes, labels)  # type: ignore[arg-type]  # packed spikes go to learners that are `by_events` alone
        self.optimizer.step()
        self._disconnect()
        if self.scheduler is not None:
            self.scheduler.step()
        if self.repetition is not None:
            self.repetition.note_answers(self.epoch, self._members, result.counts, labels)
        score = self.readout.score(result.predicted, labels)
        self.sums.add(score, result.error, result.rates, len(labels))
        self.batch += 1

    def night(self, *, first: bool = False) -> None:
        """Sleep, where the feedback learns from it; `first`: the night before training."""
        truth_value(first, "first")
        self._wait_for_device()
        start = time.perf_counter()
        nights.night(self.learner, self.sleep, first=first, generator=self.generator)
        check_finite(self.learner.net, f"epoch {self.epoch + 1}, batch {self.batch}")
        self.sums.night_seconds += time.perf_counter() - start

    def _disconnect(self) -> None:
        if self._connected is not None:
            self.learner.net.layers[0].w.mul_(self._connected)

    def _wait_for_device(self) -> None:
        """Wait for the work of the day, which counts as the day's time."""
        start = time.perf_counter()
        self.sums.read()
        self.sums.seconds += time.perf_counter() - start

    def _progress(self) -> Progress:
        sums = self.sums
        return Progress(
            self.epoch,
            self.batch,
            self.batches_per_epoch,
            sums.samples / max(sums.seconds + sums.night_seconds, 1e-9),
            self.readout.figures(sums.mean_score()),
        )

    def _finish_epoch(self) -> dict[str, Any]:
        self._wait_for_device()
        check_finite(self.learner.net, f"the end of epoch {self.epoch + 1}")
        if self.scheduler is not None and self.repetition is not None:
            # the rate falls by epochs, however many samples they present
            for _ in range(self._batches_without_rest - self.batch):
                self.scheduler.step()
        record = epoch_record(
            self.learner,
            self.sums,
            self.readout,
            epoch=self.epoch + 1,
            steps=getattr(self.train_set, "mean_steps", self.params.steps),
            learning_rate=self.optimizer.param_groups[0]["lr"],
            repetition=self.repetition,
        )
        if self.test_set is not None:
            record |= named("test", self.evaluate(threads=1).figures)
        self.epoch, self.batch = self.epoch + 1, 0
        self.sums.clear()
        return record

    def evaluate(self, *, threads: int | None = None) -> Evaluation:
        """Measure the network in its present state on the test set.

        Args:
            threads: parts that a batch is split into; the learner's unless given.
        """
        if self.test_set is None:
            raise ValueError("the trainer has no test_set: give it one, or call evaluate(net, ...)")
        return evaluate(
            self.learner.net,
            self.test_set,
            encoder=self.encoder,
            readout=self.readout,
            steps=self.params.steps,
            threads=self.learner.threads if threads is None else threads,
            seed=self.seed,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state of a run: tensors, numbers, and dictionaries of these."""
        return state_of(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`; ValueError, and nothing changes, where sizes differ."""
        restore(self, state)
