"""What goes wrong with numbers while a network learns: seen early, told once with the remedy,
counted.

    guard = Guard(trainer)
    for record in trainer.run(on_batch=guard):
        for fault in guard.new(record):
            print(fault)

Weights that are no numbers any more stop training by themselves (`trainer.check_finite`);
everything here is a warning. The limits are
ours: far outside what any recorded run did (rates of 0.1 to 0.5 spikes per step, weights 1 to 5
    times their first size, angles below 60
degrees after the first epoch with sleep), so that a fault means something.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from .trainer import Progress, Trainer


class Fault(NamedTuple):
    """One thing that is wrong; as text, a line for people.

    Example:
        >>> str(Fault("silent", "layer 2", "fires next to never", "raise the learning rate"))
        'layer 2 fires next to never: raise the learning rate'
    """

    kind: str  # key of the counts, e.g. "silent"
    where: str  # e.g. "layer 2"
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where} {self.what}: {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class GuardLimits:
    """From where on a number is a fault.

    Example:
        >>> GuardLimits(angle=60.0).every
        50
    """

    growth: float = 30.0  # root mean square of a layer's weights, in multiples of a fresh layer's
    silent: float = 0.001  # spikes per neuron and step below which a layer tells nothing
    busy: float = 0.95  # spikes per neuron and step above which it tells nothing either
    # largest apical voltage an error can bring about, thresholds: the range of a third factor on
    # the chip, 7 bit
    apical: float = 127.0
    # degrees between feedback and true path at the end of an epoch, where sleep aligns it; 90 is
    # chance
    angle: float = 75.0
    traces: float = 0.05  # fraction of the chip's third factors that reached their end
    every: int = 50  # batches between two looks

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"GuardLimits.{name} is {value}; need more than 0")


class FaultLog:
    """Remembers what was told, and counts how often a look found what."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._fresh: list[Fault] = []
        self._counts: Counter[str] = Counter()

    def note(self, faults: list[Fault]) -> None:
        """Take down what a look found."""
        for fault in faults:
            self._counts[fault.kind] += 1
            if (fault.kind, fault.where) not in self._told:
                self._told.add((fault.kind, fault.where))
                self._fresh.append(fault)

    def fresh(self) -> list[Fault]:
        """The faults found since the last call and never before."""
        found, self._fresh = self._fresh, []
        return found

    def counted(self) -> dict[str, int]:
        """How many looks found what since the last call, by kind."""
        counts = dict(self._counts)
        self._counts.clear()
        return counts


class Guard:
    """Watches a trainer. An object to pass as `on_batch`: it never stops a run, it only looks,
    every `limits.every` batches.

    Example:
        >>> images = ImageSet("random", "train", torch.rand(40, 784), torch.arange(40) % 10, 10)
        >>> net = Network((784, 32, 10))
        >>> trainer = Trainer(LocalLearner(net, RandomDFA(net)), torch.optim.Adam(net.parameters(), lr=1e9), images)
        >>> guard = Guard(trainer)
        >>> for record in trainer.run(on_batch=guard):
        ...     if faults := guard.new(record):
        ...         break
        >>> str(faults[0]).endswith("lower the learning rate (--lr), or add --weight-decay")
        True
    """

    def __init__(self, trainer: Trainer, limits: GuardLimits | None = None) -> None:
        self.trainer, self.limits = trainer, limits or GuardLimits()
        self.told = FaultLog()
        self._rates, self._seen = trainer.tally.rates.clone(), trainer.seen

    def __call__(self, progress: Progress) -> bool:
        """Look, now and then; returns False (do not stop)."""
        if progress.batch % self.limits.every == 0 or progress.batch == progress.batches:
            self.look()
        return False

    def look(self) -> list[Fault]:
        """What is wrong now; what was not told before is kept for `new`."""
        trainer, window = self.trainer, self.trainer.seen - self._seen
        if window <= 0:  # a new epoch has begun
            self._rates, window = trainer.tally.rates * 0, trainer.seen
        faults = weight_faults(trainer, self.limits)
        if window > 0:
            faults += rate_faults(
                ((trainer.tally.rates - self._rates) / window).tolist(), self.limits
            )
        self._rates, self._seen = trainer.tally.rates.clone(), trainer.seen
        self.told.note(faults)
        return faults

    def new(self, record: dict[str, Any] | None = None) -> list[Fault]:
        """The faults found since the last call and never told before.

        Args:
            record: of an epoch (any: JSON); it is looked at too, and gets `faults`, e.g. {"silent":
                3}: how many looks found what.
        """
        if record is not None:
            if self.trainer.learner.feedback.sleeps:
                self.told.note(angle_faults(record["feedback_angle_deg"], self.limits))
            record["faults"] = self.told.counted()
        return self.told.fresh()


def weight_faults(trainer: Trainer, limits: GuardLimits) -> list[Fault]:
    """Forward weights that are no numbers or explode, and feedback weights that would saturate the
    apical compartment.
    """
    faults = []
    for number, layer in enumerate(trainer.learner.net.layers, start=1):
        size = layer.w.detach().square().mean().sqrt().item()
        # a fresh layer is uniform in +-1/sqrt(fan-in)
        growth = size * math.sqrt(3 * layer.w.shape[1])
        if not math.isfinite(size):
            faults.append(
                Fault(
                    "not finite",
                    f"layer {number}",
                    "has weights that are not finite",
                    "lower the learning rate (--lr)",
                )
            )
        elif growth > limits.growth:
            what = f"has weights {growth:,.0f} times as large as a fresh layer's"
            faults.append(
                Fault(
                    "exploding",
                    f"layer {number}",
                    what,
                    "lower the learning rate (--lr), or add --weight-decay",
                )
            )
    for number in range(1, len(trainer.learner.net.hidden) + 1):
        alpha_a = getattr(
            getattr(trainer.learner.net.layers[number - 1].neuron, "params", None), "alpha_a", 0.0
        )
        w_fb = trainer.learner.feedback.weights(number - 1)
        most = 0.0 if w_fb is None else w_fb.abs().sum(dim=1).max().item() / (1 - alpha_a)
        if not most <= limits.apical:
            what = (
                f"can be driven to an apical voltage of {most:,.0f} thresholds, beyond"
                f" {limits.apical:g}"
            )
            faults.append(
                Fault("apical", f"layer {number}", what, "lower --sleep.decay or --neuron.alpha-a")
            )
    return faults


def rate_faults(rates: list[float], limits: GuardLimits) -> list[Fault]:
    """Layers that spike never or always. `rates`: spikes per neuron and step of every layer."""
    faults = []
    for number, rate in enumerate(rates, start=1):
        if rate < limits.silent:
            what = f"is silent ({rate:.2g} spikes per neuron and step)"
            faults.append(
                Fault(
                    "silent",
                    f"layer {number}",
                    what,
                    "lower the learning rate (--lr), or show more steps (--steps)",
                )
            )
        elif rate > limits.busy:
            what = f"spikes at nearly every step ({rate:.2f} a neuron and step)"
            faults.append(
                Fault("saturated", f"layer {number}", what, "lower the learning rate (--lr)")
            )
    return faults


def angle_faults(angles: list[float], limits: GuardLimits) -> list[Fault]:
    """Feedback that sleep does not align. `angles`: degrees, first hidden layer first, at the end
    of an epoch.
    """
    return [
        Fault(
            "angle",
            f"layer {number}",
            f"has its feedback {angle:.0f} degrees off",
            "sleep more: --sleep.phases, --sleep.steps",
        )
        for number, angle in enumerate(angles, start=1)
        if not angle <= limits.angle
    ]


def chip_faults(rates: list[float], saturated: float, limits: GuardLimits) -> list[Fault]:
    """What went wrong with a chip that learns.

    Args:
        rates: spikes per neuron and step of every layer.
        saturated: third factors clipped to 7 bit, as a fraction of all.
    """
    faults = rate_faults(rates, limits)
    if saturated > limits.traces:
        what = f"reach their end in {100 * saturated:.0f} % of the neurons taught"
        faults.append(
            Fault(
                "apical",
                "third factors (7 bit)",
                what,
                "lower gain_hidden and gain_output, or raise the shifts",
            )
        )
    return faults
