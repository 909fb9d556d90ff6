"""The day and the night: shows samples, lets the optimizer apply the local updates, and puts the
network to sleep now and then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..data.augment import AugmentParams
from ..data.loaders import Loader, batches_of, drawn
from ..data.samples import Samples, check_fits, loaded_spikes, spikes_or_packed
from ..encoders import Encoder, integrate_and_fire
from ..feedback import Feedback, feedback_angles
from ..kernels.packed_spikes import PackedSpikes
from ..learning.learner import StepResult
from ..learning.workers import SharedLearner
from ..network import Network
from ..readout import Classes, Readout
from ..sleep import SleepParams, first_night, sleep_phase
from .epoch_sums import EpochSums
from .evaluation import Evaluation, evaluate
from .repetition import Repetition, RepetitionParams, lead_of


@runtime_checkable
class Learner(Protocol):
    """What training needs of a learner: `LocalLearner`, or a peer that learns the same network in
    another way.

    A `readout` beside these is asked for figures; a learner without one learns classes.
    """

    @property
    def net(self) -> Network: ...
    @property
    def feedback(self) -> Feedback: ...
    @property
    def threads(self) -> int: ...
    def step(self, spikes: Tensor, labels: Tensor) -> StepResult: ...


@dataclass(frozen=True, kw_only=True)
class TrainParams:
    """How long, and in what portions.

    Example:
        >>> TrainParams(epochs=2, batch=32).steps
        10
    """

    epochs: int = 20  # times through the training images
    batch: int = 100  # samples per update
    steps: int = 10  # time steps a sample is shown, T
    # samples that are answered surely rest
    repetition: RepetitionParams = field(default_factory=RepetitionParams)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"train.{name} is {getattr(self, name)}; need at least 1")


class Progress(NamedTuple):
    """Where a training run stands, for bars."""

    epoch: int  # running epoch, 0-based
    batch: int  # batches done in it
    batches: int  # batches per epoch; 0: a loader that cannot tell
    # 0..1, of this epoch so far; on a GPU it may lag by a tenth of a second; nan where no classes
    # are learned
    train_accuracy: float
    samples_per_second: float
    # what the readout tells of this epoch so far: accuracy, or rmse
    figures: Mapping[str, float] = MappingProxyType({})


class Trainer:
    """Train a network through its learner; stopped anywhere, it goes on to the same bits from its
    `state_dict`.

    Args:
        learner: network, error neurons, feedback and rule.
        optimizer: any torch optimizer over the network's parameters.
        train_set: images, or recordings that are spikes already, and labels to learn; or a loader
            of (x, y), e.g. a DataLoader (`loaders`),
            which makes its own batches, order and transforms: x are images, uint8 or float 0..1,
                [B, ...], or, where `encoder` is None,
            spikes [T, B, inputs]. Stopped and resumed within an epoch, the loader draws the batches
            before that place again. Labels are classes, or whatever the learner's readout takes
            (`Values`).
        params: epochs, batch, steps.
        test_set: images and labels, or a loader of them, measured after each epoch, or None.
        scheduler: any torch scheduler, stepped after every batch, or None.
        encoder: images to spikes; None: a loader's x are spikes already.
        augmentation: random transforms of the training images.
        sleep: the nights; they happen where the feedback learns from them.
        unconnected: inputs without synapses, bool [inputs]: their weights are 0 and stay so; None:
            all have synapses.
        seed: of everything drawn while training (order, transforms, noise, dreams).

    Example:
        >>> images = ImageSet("random", "train", torch.rand(40, 784), torch.arange(40) % 10, 10)
        >>> net = Network((784, 32, 10))
        >>> optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        >>> trainer = Trainer(LocalLearner(net, RandomDFA(net)), optimizer, images, params=TrainParams(epochs=2, batch=20))
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
        self.learner, self.optimizer, self.scheduler = learner, optimizer, scheduler
        self.train_set, self.test_set = train_set, test_set
        self.readout: Readout = getattr(learner, "readout", None) or Classes()
        self.params, self.sleep = params or TrainParams(), sleep or SleepParams()
        self.augmentation, self.encoder, self.seed = augmentation or AugmentParams(), encoder, seed
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch = self.batch = 0  # the next batch to show
        self.seconds = self.night_seconds = 0.0  # of the running epoch
        self.seen, self.tally = 0, EpochSums(len(learner.net.layers))
        self.repetition = self._start_repetition()
        self._members = torch.arange(0)  # of the batch shown last
        self._connected = (
            None if unconnected is None else (~unconnected).to(learner.net.layers[0].w)
        )
        for samples in (train_set, test_set):
            if isinstance(samples, Samples):
                check_fits(learner.net, samples, self.readout)

    @property
    def batches(self) -> int:
        """Batches of the running epoch; the last one may be smaller. 0: a loader that cannot tell."""
        if self.repetition is not None:
            return -(-len(self.repetition.due(self.epoch)) // self.params.batch)
        return self._most_batches

    @property
    def _most_batches(self) -> int:
        """Batches of an epoch that shows every sample."""
        if isinstance(self.train_set, Samples):
            return -(-len(self.train_set.y) // self.params.batch)
        return batches_of(self.train_set)

    def run(
        self, *, on_batch: Callable[[Progress], bool | None] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Train on, and yield a record per epoch (any: numbers, strings and lists for JSON).

        Args:
            on_batch: told after every batch; returning True stops the run there, before the next
                batch. After the last batch of an epoch its record still comes.
        """
        if self.epoch == self.batch == 0:
            self._disconnect()
            self._sleep(first=True)
        while self.epoch < self.params.epochs:
            stop: bool | None = False
            batches, start = self._shown(), time.perf_counter()
            for spikes, labels in batches:
                self._day(spikes, labels)
                self.seconds += time.perf_counter() - start
                if (self.epoch * self._most_batches + self.batch) % self.sleep.every == 0:
                    self._sleep()
                stop = on_batch and on_batch(self._progress())
                if stop and self.batch != self.batches:
                    return
                start = time.perf_counter()
            yield self._finish_epoch()
            if stop:
                return

    def _shown(self) -> Iterator[tuple[Tensor | PackedSpikes, Tensor]]:
        """Spikes and labels of the running epoch's batches, from the next one on."""
        seed, params = self.seed * 1_000_003 + self.epoch, self.params
        if not isinstance(self.train_set, Samples):
            yield from self._loaded(self.train_set, seed)
            return
        # A generator of its own for the order: a run resumed within an epoch draws the same one
        # again.
        order = torch.randperm(len(self.train_set.y), generator=torch.Generator().manual_seed(seed))
        if self.repetition is not None:
            order = order[torch.isin(order, self.repetition.due(self.epoch))]
        self.seen = min(self.batch * params.batch, len(order))
        # none where all rest; split alone gives an empty one
        for members in order.split(params.batch)[self.batch : self.batches]:
            spikes = spikes_or_packed(
                self.train_set,
                members,
                params.steps,
                encoder=self.encoder,
                augmentation=self.augmentation,
                generator=self.generator,
                packed=getattr(self.learner, "by_events", False),
            )
            self._members = members
            yield spikes, self.train_set.y[members]

    def _loaded(self, loader: Loader, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        skip, self.seen = self.batch, 0
        for number, (x, labels) in enumerate(drawn(loader, seed)):
            if number < skip:
                self.seen += len(labels)
                continue
            net, steps, generator = self.learner.net, self.params.steps, self.generator
            yield (
                loaded_spikes(
                    net,
                    x,
                    labels,
                    steps,
                    encoder=self.encoder,
                    readout=self.readout,
                    generator=generator,
                ),
                labels,
            )
        if not self.seen:
            raise ValueError("the loader gives no batches: need at least one")

    def _day(self, spikes: Tensor | PackedSpikes, labels: Tensor) -> None:
        device = self.learner.net.device
        labels = labels.to(device)
        spikes = spikes if isinstance(spikes, PackedSpikes) else spikes.to(device)
        result = self.learner.step(spikes, labels)  # type: ignore[arg-type]  # trains go to learners that are `by_events` alone
        self.optimizer.step()
        self._disconnect()
        if self.scheduler is not None:
            self.scheduler.step()
        if self.repetition is not None:
            if result.counts is None:
                raise ValueError(
                    "repetition needs the output's spikes, which this learner does not tell: set"
                    " repetition.longest to 0"
                )
            self.repetition.note(self.epoch, self._members, lead_of(result.counts, labels))
        self.tally.add(
            self.readout.score(result.predicted, labels), result.error, result.rates, len(labels)
        )
        self.batch += 1
        self.seen += len(labels)

    def _disconnect(self) -> None:
        if self._connected is not None:
            self.learner.net.layers[0].w.mul_(self._connected)

    def _catch_up(self) -> None:
        """Wait for the device, which may be behind: what the day asked of it is the day's time."""
        start = time.perf_counter()
        self.tally.read()
        self.seconds += time.perf_counter() - start

    def _sleep(self, *, first: bool = False) -> None:
        self._catch_up()
        feedback = self.learner.feedback
        start = time.perf_counter()
        shared = self.learner if isinstance(self.learner, SharedLearner) else None
        if feedback.sleeps and (shared is None or shared.workers.first):
            if first:
                first_night(self.learner.net, feedback, self.sleep, generator=self.generator)
            for _ in range(0 if first else self.sleep.phases):
                sleep_phase(self.learner.net, feedback, self.sleep, generator=self.generator)
        if shared is not None:
            shared.after_sleep(self.generator)
        check_finite(self.learner.net, f"epoch {self.epoch + 1}, batch {self.batch}")
        self.night_seconds += time.perf_counter() - start

    def _progress(self) -> Progress:
        speed = self.seen / max(self.seconds + self.night_seconds, 1e-9)
        figures = self.readout.figures(self.tally.mean(self.seen))
        return Progress(
            self.epoch, self.batch, self.batches, figures.get("accuracy", math.nan), speed, figures
        )

    def _finish_epoch(self) -> dict[str, Any]:
        self._catch_up()
        net, feedback = self.learner.net, self.learner.feedback
        check_finite(net, f"the end of epoch {self.epoch + 1}")
        if self.scheduler is not None and self.repetition is not None:
            # the rate falls by epochs, however many samples they show
            for _ in range(self._most_batches - self.batch):
                self.scheduler.step()
        # where repetition lets all rest, all are answered right
        n, all_rest = max(self.seen, 1), not self.seen
        record: dict[str, Any] = {
            "kind": "epoch",
            "epoch": self.epoch + 1,
            "samples": (
                (n if self.repetition is None else self.repetition.samples) * (self.epoch + 1)
            ),
            **_named("train", self.readout.figures(1.0 if all_rest else self.tally.correct / n)),
            "mean_abs_error": self.tally.error / n,
            "spikes_per_neuron": [
                rate * self.params.steps for rate in (self.tally.rates / n).tolist()
            ],
            "feedback_angle_deg": feedback_angles(net, feedback),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "seconds": self.seconds + self.night_seconds,
            "night_seconds": self.night_seconds,
            "samples_per_second": n / (self.seconds + self.night_seconds),
        }
        if self.repetition is not None:
            record["shown"] = self.seen
        if self.test_set is not None:
            record |= _named("test", self._measured(threads=1).figures)
        self.epoch, self.batch = self.epoch + 1, 0
        self.seconds = self.night_seconds = 0.0
        self.tally.clear(len(net.layers))
        return record

    def _start_repetition(self) -> Repetition | None:
        if not self.params.repetition.longest:
            return None
        if not isinstance(self.train_set, Samples):
            raise ValueError(
                "repetition needs samples that are told apart, and a loader makes its own batches:"
                " set repetition.longest to 0"
            )
        if not isinstance(self.readout, Classes):
            raise ValueError(
                "repetition knows a sure answer by its class, and this network tells real numbers:"
                " set repetition.longest to 0"
            )
        return Repetition(len(self.train_set.y), self.params.repetition)

    def evaluate(self) -> Evaluation:
        """The network as it stands, measured on the test set."""
        return self._measured(self.learner.threads)

    def _measured(self, threads: int) -> Evaluation:
        assert self.test_set is not None
        return evaluate(
            self.learner.net,
            self.test_set,
            encoder=self.encoder,
            readout=self.readout,
            steps=self.params.steps,
            threads=threads,
            seed=self.seed,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that training on needs: tensors, numbers, and the state dictionaries of
        optimizer and scheduler.
        """
        return {
            "net": self.learner.net.state_dict(),
            "feedback": self.learner.feedback.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else {},
            "generator": self.generator.get_state(),
            "rates": self.tally.rates.clone(),
            **({"repetition": self.repetition.state_dict()} if self.repetition is not None else {}),
            "position": (
                {name: getattr(self, name) for name in _POSITION}
                | {"correct": self.tally.correct, "error": self.tally.error}
            ),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where a `state_dict` was made."""
        self.learner.net.load_state_dict(state["net"])
        self.learner.feedback.load_state_dict(state["feedback"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler:
            self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"])
        if self.repetition is not None:
            self.repetition.load_state_dict(state["repetition"])
        for name in _POSITION:
            setattr(self, name, state["position"][name])
        self.tally.restore(state["position"]["correct"], state["position"]["error"], state["rates"])


def _named(part: str, figures: Mapping[str, float]) -> dict[str, float]:
    return {f"{part}_{name}": value for name, value in figures.items()}


_POSITION = ("epoch", "batch", "seconds", "night_seconds")


def check_finite(net: Network, when: str) -> None:
    """Raise ValueError where a weight is not a finite number any more."""
    for index, layer in enumerate(net.layers):
        if not all(torch.isfinite(parameter).all() for parameter in layer.parameters()):
            raise ValueError(
                f"layer {index + 1} has weights that are not finite at {when}: lower the learning"
                " rate (optimizer.lr)"
            )
