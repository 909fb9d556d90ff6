from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from biograd.data.augment import AugmentParams
from biograd.data.samples import Batch, check_fits, encode
from biograd.encoders import bernoulli
from biograd.feedback import FEEDBACK, RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer, TrainParams


class Images(NamedTuple):
    x: Tensor
    y: Tensor


def equal(these: list[Tensor], those: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(these, those, strict=True))


def test_equal_seeds_train_to_equal_bits_and_records(
    make_trainer, weights_of, without_times
) -> None:
    first, second, other = make_trainer(), make_trainer(), make_trainer()
    assert without_times(list(first.run())) == without_times(list(second.run()))
    assert equal(weights_of(first), weights_of(second))
    other.generator.manual_seed(8)
    list(other.run())
    assert not torch.equal(weights_of(first)[0], weights_of(other)[0])


@pytest.mark.parametrize(
    "optimizer",
    [torch.optim.Adam, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)],
    ids=["adam", "momentum"],
)
# 7 batches per epoch; 7 is its end, 3 a night
@pytest.mark.parametrize("stop_after", [1, 3, 4, 7, 10, 13])
def test_a_stopped_run_goes_on_to_the_bits_of_an_unbroken_one(
    stop_after: int, optimizer: Callable[..., Any], make_trainer, weights_of, without_times
) -> None:
    unbroken = make_trainer(optimizer=optimizer)
    expected = without_times(list(unbroken.run()))

    progress = []
    broken = make_trainer(optimizer=optimizer)
    records = list(broken.run(on_batch=lambda p: progress.append(p) or len(progress) == stop_after))
    assert len(progress) == stop_after
    state = copy.deepcopy(broken.state_dict())
    for _ in range(2):  # the same state serves twice
        resumed = make_trainer(optimizer=optimizer)
        resumed.load_state_dict(copy.deepcopy(state))
        assert without_times(records + list(resumed.run())) == expected
        assert equal(weights_of(unbroken), weights_of(resumed))


def test_a_state_does_not_change_while_training_goes_on(make_trainer) -> None:
    trainer = make_trainer()
    list(trainer.run(on_batch=lambda p: p.batch == 2))
    state = trainer.state_dict()
    rates, position = state["rates"].clone(), dict(state["position"])
    list(trainer.run(on_batch=lambda p: p.batch == 5))
    assert torch.equal(state["rates"], rates) and state["position"] == position


def test_a_state_has_the_keys_that_checkpoints_are_made_of(make_trainer) -> None:
    state = make_trainer().state_dict()
    parts = {"net", "feedback", "optimizer", "scheduler", "generator", "rates", "position"}
    assert set(state) == parts
    numbers = ["epoch", "batch", "seconds", "night_seconds", "correct", "error"]
    assert list(state["position"]) == numbers


def test_every_sample_is_shown_once_per_epoch_in_a_new_order_and_the_last_batch_is_smaller(
    make_trainer,
) -> None:
    x = torch.arange(50, dtype=torch.uint8).view(50, 1, 1)
    trainer = make_trainer(
        Batch(x, torch.arange(50) % 3), feedback="dfa", augmentation=AugmentParams()
    )
    batches: list[list[int]] = []

    def watch(p: Tensor, steps: int, *, generator: torch.Generator) -> Tensor:
        batches.append((p * 255).round().flatten().int().tolist())
        return bernoulli(p, steps, generator=generator)

    trainer.encoder, trainer.test_set = watch, None
    list(trainer.run())
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 8, 8, 2] * 2
    first, second = (
        [pixel for batch in epoch for pixel in batch] for epoch in (batches[:7], batches[7:])
    )
    assert sorted(first) == sorted(second) == list(range(50)) and first != second


def test_a_loop_of_your_own_over_batches_days_and_nights_trains_to_the_same_bits(
    make_trainer, weights_of
) -> None:
    by_run, by_hand = make_trainer(), make_trainer()
    next(by_run.run())
    by_hand.night(first=True)
    for spikes, labels in by_hand.batches():
        by_hand.day(spikes, labels)
        if by_hand.batch % 3 == 0:
            by_hand.night()
    assert equal(weights_of(by_run), weights_of(by_hand))


def test_runs_with_neighbouring_seeds_share_the_order_of_no_epoch(make_trainer) -> None:
    def orders(seed: int) -> list[list[int]]:
        trainer = make_trainer(
            feedback="dfa", seed=seed, params=TrainParams(epochs=3, batch=50, steps=1)
        )
        members = []
        list(trainer.run(on_batch=lambda p: members.append(trainer._members.tolist())))
        return members

    ordered = [tuple(order) for seed in range(3) for order in orders(seed)]
    assert len(set(ordered)) == len(ordered) == 9


def learned(
    optimizer: Callable[..., Any], train_set: Batch, *, epochs: int = 4
) -> tuple[Network, dict[str, Any]]:
    """The network and the last record of a run on real digits."""
    generator = torch.Generator().manual_seed(0)
    net = Network((784, 64, 10), generator=generator)
    steps = optimizer(net.parameters())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        steps, epochs * -(-len(train_set.y) // 20)
    )
    trainer = Trainer(
        LocalLearner(net, FEEDBACK["sleep"](net, generator=generator)),
        steps,
        train_set,
        params=TrainParams(epochs=epochs, batch=20),
        scheduler=schedule,
        sleep=SleepParams(first_night=40, steps=300, every=20, phases=2),
    )
    return net, list(trainer.run())[-1]


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda p: torch.optim.Adam(p, lr=4e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=4e-3, weight_decay=0.01),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.002, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_real_digits_are_learned_with_any_optimizer_and_a_schedule(name: str, digits) -> None:
    net, record = learned(OPTIMIZERS[name], digits("train"))
    assert record["learning_rate"] == pytest.approx(0, abs=1e-9)
    assert record["feedback_angle_deg"][0] < 45
    assert evaluate(net, digits("test")).test_accuracy > 0.7  # 300 unseen digits; chance is 0.1


def test_random_labels_stay_at_chance(digits) -> None:
    random = torch.randint(10, (700,), generator=torch.Generator().manual_seed(5))
    net, record = learned(OPTIMIZERS["adam"], Batch(digits("train").x, random), epochs=1)
    # each answer came before its label was learned
    assert abs(record["train_accuracy"] - 0.1) < 3 * (0.09 / 700) ** 0.5  # three sigma
    others = torch.randint(10, (300,), generator=torch.Generator().manual_seed(6))
    accuracy = evaluate(net, Batch(digits("test").x, others)).test_accuracy
    assert abs(accuracy - 0.1) < 3 * (0.09 / 300) ** 0.5


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.zeros(3, 5, dtype=torch.uint8), [0, 1, 1], "5 pixels and the network 4 inputs"),
        (
            torch.zeros(3, 4, dtype=torch.uint8),
            [0, 1, 2],
            "labels run from 0 to 2 and the network has 2 outputs",
        ),
        (torch.zeros(3, 4, dtype=torch.uint8), [0, -1, 1], "labels run from -1 to 1"),
        (torch.full((3, 4), 1.5), [0, 1, 1], "outside 0..1"),
        (torch.full((3, 4), -0.1), [0, 1, 1], "outside 0..1"),
        (torch.full((3, 4), math.nan), [0, 1, 1], "not finite"),
        (torch.zeros(3, 4, dtype=torch.int64), [0, 1, 1], "images are torch.int64"),
        (torch.zeros(3, 4), [0.0, 1.0, 1.0], "labels are torch.float32"),
        (torch.zeros(3, 4), [0, 1], "3 images and 2 labels"),
        (torch.zeros(0, 4), [], "0 images and 0 labels"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused_in_one_line(
    x: Tensor, y: list[int], message: str
) -> None:
    net = Network((4, 3, 2))
    good, bad = Images(torch.zeros(3, 4), torch.tensor([0, 1, 1])), Images(x, torch.tensor(y))
    check_fits(net, good)
    learner, optimizer = LocalLearner(net, RandomDFA(net)), torch.optim.Adam(net.parameters())
    for train_set, test_set in ((bad, good), (good, bad)):
        with pytest.raises(ValueError, match=message) as caught:
            Trainer(learner, optimizer, train_set, test_set=test_set)
        assert "\n" not in str(caught.value)


def test_pixels_become_the_same_rates_whether_bytes_or_floats_of_any_width() -> None:
    def as_they_are(p: Tensor, steps: int, *, generator: torch.Generator) -> Tensor:
        return p.expand(steps, *p.shape)

    x = torch.tensor([[[0, 51], [204, 255]]], dtype=torch.uint8)
    expected = encode(x, as_they_are, 1)
    assert expected.flatten().tolist() == pytest.approx([0, 0.2, 0.8, 1])
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(encode(x.to(dtype) / 255, as_they_are, 1), expected)


def test_progress_counts_batches_and_the_accuracy_so_far(make_trainer) -> None:
    progress = []
    record = next(islice(make_trainer().run(on_batch=lambda p: progress.append(p)), 1))
    assert [p.batch for p in progress] == [1, 2, 3, 4, 5, 6, 7]
    assert {p.batches for p in progress} == {7} and {p.epoch for p in progress} == {0}
    assert progress[-1].train_accuracy == record["train_accuracy"]
    assert progress[-1].figures == {"accuracy": record["train_accuracy"]}
