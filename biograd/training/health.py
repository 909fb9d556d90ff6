"""Health checks of a training run: faults in its numbers, each reported once with a remedy.

    guard = Guard(trainer)
    for record in trainer.run(on_batch=guard):
        for fault in guard.new(record):
            print(fault)

Everything here is a warning; weights that are not finite stop training without a guard (see
`finite.check_finite`). The limits are ours, and far outside what any recorded run did (rates of 0.1
to 0.5 spikes per neuron and step, weights 1 to 5 times those of a fresh layer, angles below 60
degrees after the first epoch with sleep), so that a fault means something.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..checks import instance_of, or_default, real_fields, whole_fields
from ..feedback import Feedback
from ..network import Layer, Network
from .progress import Progress
from .trainer import Trainer


class Fault(NamedTuple):
    """A numeric fault; as text, a line for people.

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
    """Limits beyond which a number is a fault.

    Example:
        >>> GuardLimits(angle=60.0).every
        50
    """

    growth: float = 30.0  # root mean square of a layer's weights, in multiples of a fresh layer's
    silent: float = 0.001  # spikes per neuron and step; a layer below carries no signal
    busy: float = 0.95  # spikes per neuron and step; a layer above carries no signal either
    # largest apical voltage that errors can cause, thresholds: the range of a third factor on the
    # chip, 7 bit
    apical: float = 127.0
    # degrees between feedback and true path at the end of an epoch, where sleep aligns it; 90 is
    # chance
    angle: float = 75.0
    traces: float = 0.05  # fraction of the chip's third factors that were clipped
    every: int = 50  # batches between two checks

    def __post_init__(self) -> None:
        limits = [name for name in vars(self) if name != "every"]
        real_fields(self, *limits, table="GuardLimits", above=0, finite=False)
        whole_fields(self, "every", table="GuardLimits", least=1, unit="batch")


class FaultLog:
    """Faults found by repeated checks: new ones are reported once, all are counted."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str]] = set()
        self._fresh: list[Fault] = []
        self._counts: Counter[str] = Counter()

    def note(self, faults: list[Fault]) -> None:
        """Add the faults of one check."""
        for fault in faults:
            self._counts[fault.kind] += 1
            if (fault.kind, fault.where) not in self._reported:
                self._reported.add((fault.kind, fault.where))
                self._fresh.append(fault)

    def fresh(self) -> list[Fault]:
        """Return the faults that were found for the first time since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def counted(self) -> dict[str, int]:
        """Return the number of faults since the last call, by kind."""
        counts = dict(self._counts)
        self._counts.clear()
        return counts


class Guard:
    """Checks a trainer every `limits.every` batches. Pass it as `on_batch`; it never stops a run.

    Example:
        >>> images = ImageSet("random", "train", torch.rand(40, 784), torch.arange(40) % 10, 10)
        >>> net = Network((784, 32, 10))
        >>> optimizer = torch.optim.Adam(net.parameters(), lr=1e9)
        >>> trainer = Trainer(LocalLearner(net, RandomDFA(net)), optimizer, images)
        >>> guard = Guard(trainer)
        >>> for record in trainer.run(on_batch=guard):
        ...     if faults := guard.new(record):
        ...         break
        >>> str(faults[0]).endswith("lower the learning rate (--lr), or add --weight-decay")
        True
    """

    def __init__(self, trainer: Trainer, limits: GuardLimits | None = None) -> None:
        instance_of(trainer, Trainer, "trainer", "a Trainer")
        self.trainer, self.limits = trainer, or_default(limits, GuardLimits, "limits")
        self.log = FaultLog()
        self._remember()

    def __repr__(self) -> str:
        return f"Guard({self.trainer!r}, {self.limits!r})"

    def __call__(self, progress: Progress) -> bool:
        """Check, every so many batches; returns False (do not stop)."""
        if progress.batch % self.limits.every == 0 or progress.batch == progress.batches:
            self.look()
        return False

    def look(self) -> list[Fault]:
        """Return the faults of this moment; those found for the first time are kept for `new`."""
        sums, learner = self.trainer.sums, self.trainer.learner
        rates, samples = sums.rates - self._rates, sums.samples - self._samples
        if samples <= 0:  # a new epoch has begun
            rates, samples = sums.rates, sums.samples
        faults = weight_faults(learner.net, self.limits)
        faults += feedback_faults(learner.net, learner.feedback, self.limits)
        if samples > 0:
            fires = [layer.neuron.fires for layer in learner.net.layers]
            firing = [rate for rate, fire in zip(rates / samples, fires, strict=True) if fire]
            faults += rate_faults([rate.item() for rate in firing], self.limits)
        self._remember()
        self.log.note(faults)
        return faults

    def new(self, record: dict[str, Any] | None = None) -> list[Fault]:
        """Return the faults that were found for the first time since the last call.

        Args:
            record: of an epoch (any: JSON); it is checked too, and gets `faults`, the number of
                faults by kind, e.g. {"silent": 3}.
        """
        if record is not None:
            instance_of(record, dict, "record", "the record of an epoch, a dictionary")
            if self.trainer.learner.feedback.sleeps:
                if "feedback_angle_deg" not in record:
                    raise ValueError("the record has no 'feedback_angle_deg': pass one of an epoch")
                self.log.note(angle_faults(record["feedback_angle_deg"], self.limits))
            record["faults"] = self.log.counted()
        return self.log.fresh()

    def _remember(self) -> None:
        """Keep the sums as they are: rates are those since the last check."""
        self._rates, self._samples = self.trainer.sums.rates.clone(), self.trainer.sums.samples


def growth(layer: Layer) -> float:
    """Return the root mean square of a layer's weights, in multiples of a fresh layer's.

    A fresh layer is uniform in +-b with b = 2 / sqrt(inputs) (see `network.Layer`): its root mean
    square is b / sqrt(3).
    """
    fresh = 2 / math.sqrt(3 * layer.w[0].numel())
    return layer.w.detach().square().mean().sqrt().item() / fresh


def weight_faults(net: Network, limits: GuardLimits) -> list[Fault]:
    """Return the layers whose forward weights are not finite or explode."""
    faults = []
    for number, layer in enumerate(net.layers, start=1):
        where, times = f"layer {number}", growth(layer)
        if not math.isfinite(times):
            what, remedy = "has weights that are not finite", "lower the learning rate (--lr)"
            faults.append(Fault("not finite", where, what, remedy))
        elif times > limits.growth:
            what = f"has weights {times:,.0f} times as large as a fresh layer's"
            remedy = "lower the learning rate (--lr), or add --weight-decay"
            faults.append(Fault("exploding", where, what, remedy))
    return faults


def feedback_faults(net: Network, feedback: Feedback, limits: GuardLimits) -> list[Fault]:
    """Return the hidden layers whose feedback weights could saturate the apical compartment.

    Error neurons that all fire at every step drive its voltage to sum |w_fb| / (1 - alpha_a).
    """
    faults = []
    for hidden in range(len(net.hidden)):
        w_fb = feedback.weights(hidden)
        if w_fb is None or feedback.layered:  # the errors of a layer above have no such bound
            continue
        alpha_a = getattr(getattr(net.layers[hidden].neuron, "params", None), "alpha_a", 0.0)
        v_apical = w_fb.abs().sum(dim=1).max().item() / (1 - alpha_a)
        if not v_apical <= limits.apical:
            what = (
                f"can be driven to an apical voltage of {v_apical:,.0f} thresholds, beyond"
                f" {limits.apical:g}"
            )
            remedy = "lower --sleep.decay or --neuron.alpha-a"
            faults.append(Fault("apical", f"layer {hidden + 1}", what, remedy))
    return faults


def rate_faults(rates: list[float], limits: GuardLimits) -> list[Fault]:
    """Return the layers that fire never or always.

    Args:
        rates: spikes per neuron and step of every layer.
    """
    faults = []
    for number, rate in enumerate(rates, start=1):
        where = f"layer {number}"
        if rate < limits.silent:
            what = f"is silent ({rate:.2g} spikes per neuron and step)"
            remedy = "lower the learning rate (--lr), or show more steps (--steps)"
            faults.append(Fault("silent", where, what, remedy))
        elif rate > limits.busy:
            what = f"spikes at nearly every step ({rate:.2f} per neuron and step)"
            faults.append(Fault("saturated", where, what, "lower the learning rate (--lr)"))
    return faults


def angle_faults(angles: list[float], limits: GuardLimits) -> list[Fault]:
    """Return the hidden layers whose feedback sleep does not align.

    Args:
        angles: degrees, first hidden layer first, at the end of an epoch.
    """
    what = "has feedback {:.0f} degrees off the forward path"
    remedy = "sleep more: --sleep.phases, --sleep.steps"
    return [
        Fault("angle", f"layer {number}", what.format(angle), remedy)
        for number, angle in enumerate(angles, start=1)
        if not angle <= limits.angle
    ]


def chip_faults(rates: list[float], saturated: float, limits: GuardLimits) -> list[Fault]:
    """Return the faults of a chip that learns.

    Args:
        rates: spikes per neuron and step of every layer.
        saturated: third factors clipped to 7 bit, as a fraction of all.
    """
    faults = rate_faults(rates, limits)
    if saturated > limits.traces:
        what = f"are clipped in {100 * saturated:.0f} % of the neurons that learn"
        remedy = "lower gain_hidden and gain_output, or raise the shifts"
        faults.append(Fault("apical", "third factors (7 bit)", what, remedy))
    return faults
