from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from biograd.data.augment import AugmentParams
from biograd.data.samples import check_fits, encode
from biograd.encoders import bernoulli
from biograd.feedback import FEEDBACK, RandomDFA, SleepAligned, feedback_angle
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.training.evaluation import evaluate
from biograd.training.trainer import Trainer, TrainParams, check_finite

NIGHTS = SleepParams(every=3, phases=1, first_night=3, steps=60)
CLOCK = {"seconds", "night_seconds", "samples_per_second"}


class Images(NamedTuple):
    x: Tensor
    y: Tensor


def digits(part: str) -> Images:
    with np.load(Path(__file__).parents[2] / "mnist_test_images.npz") as held:
        return Images(
            torch.from_numpy(held[f"{part}_x"]), torch.from_numpy(held[f"{part}_y"]).long()
        )


def patterns(n: int = 50) -> Images:
    """Six by six pixels, three classes, each with a bright row of its own."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 3
    x = torch.randint(0, 90, (n, 6, 6), generator=generator, dtype=torch.uint8)
    x[torch.arange(n), 2 * y] += 120
    return Images(x, y)


def a_trainer(
    train_set: Images | None = None,
    *,
    feedback: str = "sleep",
    optimizer: Callable[..., Any] = torch.optim.Adam,
    **options: Any,
) -> Trainer:
    train_set = train_set or patterns()
    generator = torch.Generator().manual_seed(0)
    net = Network((train_set.x[0].numel(), 12, 9, int(train_set.y.max()) + 1), generator=generator)
    learner = LocalLearner(net, FEEDBACK[feedback](net, generator=generator))
    options = {
        "params": TrainParams(epochs=2, batch=8, steps=5),
        "sleep": NIGHTS,
        "augmentation": AugmentParams(shift=1),
    } | options
    made = optimizer(net.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(made, 14)
    return Trainer(
        learner,
        made,
        train_set,
        scheduler=schedule,
        encoder=bernoulli,
        test_set=train_set,
        seed=7,
        **options,
    )


def bits(trainer: Trainer) -> list[Tensor]:
    return [
        x.clone()
        for x in (
            *trainer.learner.net.state_dict().values(),
            *trainer.learner.feedback.state_dict().values(),
        )
    ]


def timeless(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in record.items() if name not in CLOCK} for record in records
    ]


def test_equal_seeds_train_to_equal_bits_and_records() -> None:
    first, second = a_trainer(), a_trainer()
    assert timeless(list(first.run())) == timeless(list(second.run()))
    assert all(torch.equal(a, b) for a, b in zip(bits(first), bits(second), strict=True))
    other = a_trainer()
    other.generator.manual_seed(8)
    list(other.run())
    assert not torch.equal(bits(first)[0], bits(other)[0])


@pytest.mark.parametrize(
    "optimizer",
    [torch.optim.Adam, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)],
    ids=["adam", "momentum"],
)
# 7 batches per epoch; 7 is its end, 3 a night
@pytest.mark.parametrize("stop_after", [1, 3, 4, 7, 10, 13])
def test_a_stopped_run_goes_on_to_the_bits_of_an_unbroken_one(
    stop_after: int, optimizer: Callable[..., Any]
) -> None:
    unbroken = a_trainer(optimizer=optimizer)
    expected = timeless(list(unbroken.run()))

    shown = []
    broken = a_trainer(optimizer=optimizer)
    records = list(broken.run(on_batch=lambda at: shown.append(at) or len(shown) == stop_after))
    assert len(shown) == stop_after
    state = copy.deepcopy(broken.state_dict())
    for _ in range(2):  # the same state serves twice
        resumed = a_trainer(optimizer=optimizer)
        resumed.load_state_dict(copy.deepcopy(state))
        assert timeless(records + list(resumed.run())) == expected
        assert all(torch.equal(a, b) for a, b in zip(bits(unbroken), bits(resumed), strict=True))


def test_a_state_does_not_change_while_training_goes_on() -> None:
    trainer = a_trainer()
    list(trainer.run(on_batch=lambda at: at.batch == 2))
    state = trainer.state_dict()
    rates, position = state["rates"].clone(), dict(state["position"])
    list(trainer.run(on_batch=lambda at: at.batch == 5))
    assert torch.equal(state["rates"], rates) and state["position"] == position


def test_every_sample_is_shown_once_an_epoch_in_a_new_order_and_the_last_batch_is_smaller() -> None:
    x = torch.arange(50, dtype=torch.uint8).view(50, 1, 1)
    trainer = a_trainer(
        Images(x, torch.arange(50) % 3), feedback="dfa", augmentation=AugmentParams()
    )
    seen: list[list[int]] = []

    def watch(p: Tensor, steps: int, *, generator: torch.Generator) -> Tensor:
        seen.append((p * 255).round().flatten().int().tolist())
        return bernoulli(p, steps, generator=generator)

    trainer.encoder, trainer.test_set = watch, None
    list(trainer.run())
    assert [len(batch) for batch in seen] == [8, 8, 8, 8, 8, 8, 2] * 2
    first, second = (
        [pixel for batch in epoch for pixel in batch] for epoch in (seen[:7], seen[7:])
    )
    assert sorted(first) == sorted(second) == list(range(50)) and first != second


def test_records_tell_means_over_the_samples() -> None:
    trainer = a_trainer(
        optimizer=lambda p, lr: torch.optim.SGD(p, 0.0),
        feedback="dfa",
        augmentation=AugmentParams(),
    )
    trainer.encoder = lambda p, steps, generator: (p > 0.3).float().expand(steps, *p.shape)
    record, second = trainer.run()
    spikes = encode(trainer.train_set.x, trainer.encoder, 5)
    activity = trainer.learner.net.roll(spikes)
    target = torch.nn.functional.one_hot(trainer.train_set.y, 3)
    measured = evaluate(
        trainer.learner.net, trainer.train_set, encoder=trainer.encoder, steps=5, batch=16
    )
    assert record["mean_abs_error"] == pytest.approx((target - activity[-1].s).abs().mean().item())
    assert record["spikes_per_neuron"] == pytest.approx(
        [done.s.sum(0).mean().item() for done in activity]
    )
    assert measured.rates == pytest.approx([done.s.mean().item() for done in activity])
    assert (
        record["train_accuracy"]
        == pytest.approx(measured.test_accuracy)
        == pytest.approx(record["test_accuracy"])
    )
    assert (
        measured.predicted == trainer.train_set.y
    ).double().mean().item() == measured.test_accuracy
    for name in ("mean_abs_error", "spikes_per_neuron", "train_accuracy"):
        # nothing was learnt, and nothing is carried into the next epoch
        assert second[name] == pytest.approx(record[name])
    assert (
        record["epoch"] == 1 and record["samples"] == 50 and len(record["feedback_angle_deg"]) == 2
    )


def test_nights_come_every_so_many_batches_even_when_an_epoch_is_shorter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nights = []
    monkeypatch.setattr(
        "biograd.training.trainer.sleep_phase",
        lambda *_, **__: nights.append((trainer.epoch, trainer.batch)),
    )
    trainer = a_trainer(
        sleep=SleepParams(every=5, phases=2, first_night=1),
        params=TrainParams(epochs=2, batch=8, steps=2),
    )
    list(trainer.run())
    assert nights == [(0, 5), (0, 5), (1, 3), (1, 3)]  # after batches 5 and 10 of 14


def test_random_and_symmetric_feedback_never_sleep_and_random_feedback_stays() -> None:
    trainer = a_trainer(feedback="dfa")
    before = [w.clone() for w in trainer.learner.feedback.parameters()]
    weights = bits(trainer)[0]
    list(trainer.run())
    assert all(
        torch.equal(a, b)
        for a, b in zip(before, trainer.learner.feedback.parameters(), strict=True)
    )
    assert not torch.equal(weights, bits(trainer)[0])


def learnt(
    optimizer: Callable[..., Any],
    *,
    feedback: str = "sleep",
    train_set: Images | None = None,
    epochs: int = 4,
) -> Trainer:
    train_set = train_set or digits("train")
    generator = torch.Generator().manual_seed(0)
    net = Network((784, 64, 10), generator=generator)
    made = optimizer(net.parameters())
    params = TrainParams(epochs=epochs, batch=20)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(made, epochs * -(-len(train_set.y) // 20))
    sleep = SleepParams(first_night=40, steps=300, every=20, phases=2)
    learner = LocalLearner(net, FEEDBACK[feedback](net, generator=generator))
    trainer = Trainer(learner, made, train_set, params=params, scheduler=schedule, sleep=sleep)
    trainer.last = list(trainer.run())[-1]  # type: ignore[attr-defined]
    return trainer


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda p: torch.optim.Adam(p, lr=4e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=4e-3, weight_decay=0.01),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.002, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_real_digits_are_learnt_with_any_optimizer_and_a_schedule(name: str) -> None:
    trainer = learnt(OPTIMIZERS[name])
    assert trainer.last["learning_rate"] == pytest.approx(0, abs=1e-9)
    assert trainer.last["feedback_angle_deg"][0] < 45
    # 300 unseen digits; chance is 0.1
    assert evaluate(trainer.learner.net, digits("test")).test_accuracy > 0.7


def test_random_labels_stay_at_chance() -> None:
    images = digits("train")
    random = torch.randint(10, (700,), generator=torch.Generator().manual_seed(5))
    trainer = learnt(OPTIMIZERS["adam"], train_set=Images(images.x, random), epochs=1)
    three_sigma = 3 * (0.09 / 700) ** 0.5
    # answered before each label was learnt
    assert abs(trainer.last["train_accuracy"] - 0.1) < three_sigma
    unseen = digits("test")
    others = torch.randint(10, (300,), generator=torch.Generator().manual_seed(6))
    assert (
        abs(evaluate(trainer.learner.net, Images(unseen.x, others)).test_accuracy - 0.1)
        < 3 * (0.09 / 300) ** 0.5
    )


def test_weights_that_are_no_numbers_any_more_are_noticed() -> None:
    trainer = a_trainer(optimizer=lambda p, lr: torch.optim.SGD(p, lr=math.inf))
    with pytest.raises(
        ValueError,
        match=r"^layer 1 has weights that are not finite at epoch 1, batch 3: [^\n]*lr[^\n]*$",
    ):
        list(trainer.run())
    net = Network((4, 3, 2))
    check_finite(net, "now")
    net.layers[1].b[0] = math.inf
    with pytest.raises(ValueError, match=r"^layer 2 [^\n]* at now: [^\n]*$"):
        check_finite(net, "now")


@pytest.mark.parametrize(
    ("x", "y", "says"),
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
    x: Tensor, y: list[int], says: str
) -> None:
    net = Network((4, 3, 2))
    good, bad = Images(torch.zeros(3, 4), torch.tensor([0, 1, 1])), Images(x, torch.tensor(y))
    check_fits(net, good)
    learner, optimizer = LocalLearner(net, RandomDFA(net)), torch.optim.Adam(net.parameters())
    for train_set, test_set in ((bad, good), (good, bad)):
        with pytest.raises(ValueError, match=says) as caught:
            Trainer(learner, optimizer, train_set, test_set=test_set)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["epochs", "batch", "steps"])
def test_portions_out_of_range_are_refused_by_name_and_value(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^train\.{name} is 0; need at least 1$"):
        TrainParams(**{name: 0})


def test_pixels_become_the_same_rates_whether_bytes_or_floats_of_any_width() -> None:
    x = torch.tensor([[[0, 51], [204, 255]]], dtype=torch.uint8)
    expected = encode(x, lambda p, steps, generator: p.expand(steps, *p.shape), 1)
    assert expected.flatten().tolist() == pytest.approx([0, 0.2, 0.8, 1])
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(
            encode(x.to(dtype) / 255, lambda p, steps, generator: p.expand(steps, *p.shape), 1),
            expected,
        )


def test_measuring_gives_equal_answers_in_any_portions_and_on_any_threads() -> None:
    images = digits("test")
    net = Network((784, 20, 10), generator=torch.Generator().manual_seed(0))
    answers = [
        evaluate(net, images, batch=batch, threads=threads).predicted
        for batch, threads in ((300, 1), (7, 1), (100, 2))
    ]
    assert answers[0].unique().numel() > 2
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


def test_progress_counts_batches_and_the_accuracy_so_far() -> None:
    seen = []
    records = islice(a_trainer().run(on_batch=lambda at: seen.append(at)), 1)
    record = next(records)
    assert (
        [at.batch for at in seen] == [1, 2, 3, 4, 5, 6, 7]
        and {at.batches for at in seen} == {7}
        and {at.epoch for at in seen} == {0}
    )
    assert seen[-1].train_accuracy == record["train_accuracy"]


def test_the_first_night_aligns_feedback_before_the_first_batch() -> None:
    trainer = a_trainer(sleep=SleepParams(every=1000, first_night=40))
    feedback, net = trainer.learner.feedback, trainer.learner.net
    assert isinstance(feedback, SleepAligned)
    angles: list[float] = []
    list(trainer.run(on_batch=lambda at: angles.append(feedback_angle(net, feedback, 1)) or True))
    assert angles[0] < 35 and feedback.weights(1).pow(2).mean().item() == pytest.approx(1)
