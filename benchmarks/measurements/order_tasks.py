"""Classes that differ only in timing: every input fires equally often in every sample.

    order        two groups of inputs fire once each, one some steps before the other: which first?
    order-xor    the same twice with a pause between: was the order the same? (a delayed XOR)

A synapse must still know, when the error arrives, that its input fired some steps ago. The rows are
the same network under rules that differ in that alone; with loops; with delays. Tasks: ours; a
delayed XOR is an old idea.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from biograd.data.spike_sets import SpikeSet
from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.rules import Eligibility, Factorised, Rule
from biograd.sleep import SleepParams
from biograd.traces import TraceParams
from biograd.training.trainer import Trainer, TrainParams

RULES: dict[str, Rule] = {
    "eligibility traces": Eligibility(),
    "traces cut off (alpha_x = alpha_z = 0)": Eligibility(TraceParams(alpha_x=0, alpha_z=0)),
    "factorised (rates only)": Factorised(),
}


@dataclass(frozen=True, kw_only=True)
class TimingParams:
    """One task and the network that learns it.

    The learning rate was tuned for no rule; delay and epochs are such that traces learn the task.
    """

    task: str = "order"  # order or order-xor
    delay: int = 8  # steps between the groups (order), or between the starts of pairs (order-xor)
    gap: int = 3  # steps from one group to the other within a pair (order-xor)
    group: int = 10  # input neurons of each of the two groups
    jitter: int = 1  # each input fires up to this many steps early or late
    train: int = 2000  # samples
    test: int = 1000
    hidden: tuple[int, ...] = (100,)
    recurrent: bool = False  # hidden layers with synapses from their own spikes of the step before
    longest_delay: int = 0  # of the input spikes, steps; each input draws its own
    epochs: int = 10
    batch: int = 50
    lr: float = 2e-3

    def __post_init__(self) -> None:
        if self.task not in ("order", "order-xor"):
            raise ValueError(f"task is {self.task!r}; known: order, order-xor")
        if self.task == "order-xor" and self.delay <= self.gap + 2 * self.jitter:
            raise ValueError(
                f"delay is {self.delay} and gap {self.gap}; need delay > gap + 2 jitter, or an"
                " input fires twice at once"
            )
        if min(self.delay, self.gap, self.group, self.train, self.test) < 1 or self.jitter < 0:
            raise ValueError("delay, gap, group, train and test need at least 1, jitter at least 0")


TASKS = (TimingParams(), TimingParams(task="order-xor", delay=6, hidden=(100, 100), epochs=20))


# The same network with recurrent layers: does recurrence help, with traces and without them?
RECURRENT = tuple((replace(p, recurrent=True), rule) for p in TASKS for rule in list(RULES)[:2])
# Or delays, which bring spikes of different steps together: 20 steps span every sample.
DELAYED = tuple((replace(p, longest_delay=20), rule) for p in TASKS for rule in list(RULES)[:2])


def samples(p: TimingParams, n: int, *, generator: torch.Generator) -> SpikeSet:
    """Draw spikes [n, T, 2 group] and their classes, 0 or 1.

    Every input fires once (order) or twice (order-xor).
    """
    pairs, step = (1, p.delay) if p.task == "order" else (2, p.gap)
    first = torch.randint(0, 2, (pairs, n), generator=generator)  # the group that leads each pair
    # random, so that no single step reveals the class
    start = p.jitter + torch.randint(0, 3, (n,), generator=generator)
    steps = 2 * p.jitter + 2 + (pairs - 1) * p.delay + step + 4
    s = torch.zeros(n, steps, 2 * p.group, dtype=torch.bool)
    for pair in range(pairs):
        for group in range(2):
            step_of_group = start + pair * p.delay + torch.where(first[pair] == group, 0, step)
            shift = torch.randint(-p.jitter, p.jitter + 1, (n, p.group), generator=generator)
            fires = (step_of_group[:, None] + shift)[:, None]
            s[:, :, group * p.group : (group + 1) * p.group].scatter_(1, fires, True)
    return SpikeSet(s=s, y=first.sum(0) % 2, classes=2, name=p.task)


def learn(p: TimingParams, rule: Rule, seed: int) -> list[float]:
    """Train a network; return test accuracy after each epoch, 0..1."""
    generator = torch.Generator().manual_seed(1000 + seed)
    train, test = samples(p, p.train, generator=generator), samples(p, p.test, generator=generator)
    weights = torch.Generator().manual_seed(seed)
    net = Network(
        (train.inputs, *p.hidden, train.classes),
        recurrent=p.recurrent,
        delays=(p.longest_delay, *[0] * len(p.hidden)),
        generator=weights,
    )
    learner = LocalLearner(net, SleepAligned(net, generator=weights), rule=rule)
    optimizer = torch.optim.Adam(net.parameters(), lr=p.lr)
    batches = -(-len(train) // p.batch)
    trainer = Trainer(
        learner,
        optimizer,
        train,
        test_set=test,
        params=TrainParams(epochs=p.epochs, batch=p.batch, steps=train.s.shape[1]),
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches * p.epochs),
        sleep=SleepParams(first_night=20),
        seed=seed,
    )
    return [record["test_accuracy"] for record in trainer.run()]


def measure(p: TimingParams, rule: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row as a record's results."""
    curve = learn(p, RULES[rule], seed)
    method = f"{rule}, recurrent" if p.recurrent else rule
    method += f", delays of 0 to {p.longest_delay} steps" if p.longest_delay else ""
    yield {
        "method": method,
        "task": p.task,
        "test_accuracy": curve[-1],
        "test_accuracy_curve": curve,
        "samples": p.train * p.epochs,
    }


def described(p: TimingParams, rule: str) -> dict[str, Any]:
    """Return the configuration that identifies a row."""
    config = asdict(p) | {"hidden": list(p.hidden), "rule": rule}
    if not p.longest_delay:  # records of before there were delays still belong to their tasks
        config.pop("longest_delay")
    return config
