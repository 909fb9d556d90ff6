from __future__ import annotations

import pytest
import torch

from biograd.feedback import SleepAligned, feedback_angle
from biograd.sleep import SleepParams
from biograd.training import nights
from biograd.training.trainer import TrainParams


def test_nights_come_every_so_many_batches_even_when_an_epoch_is_shorter(
    make_trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = []
    monkeypatch.setattr(
        nights, "sleep_phase", lambda *_, **__: phases.append((trainer.epoch, trainer.batch))
    )
    trainer = make_trainer(
        sleep=SleepParams(every=5, phases=2, first_night=1),
        params=TrainParams(epochs=2, batch=8, steps=2),
    )
    list(trainer.run())
    assert phases == [(0, 5), (0, 5), (1, 3), (1, 3)]  # after batches 5 and 10 of 14


def test_random_feedback_never_sleeps_and_stays(make_trainer, weights_of) -> None:
    trainer = make_trainer(feedback="dfa")
    before = [w.clone() for w in trainer.learner.feedback.parameters()]
    w = weights_of(trainer)[0]
    list(trainer.run())
    after = trainer.learner.feedback.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not torch.equal(w, weights_of(trainer)[0])


def test_the_first_night_aligns_feedback_before_the_first_batch(make_trainer) -> None:
    trainer = make_trainer(sleep=SleepParams(every=1000, first_night=40))
    feedback, net = trainer.learner.feedback, trainer.learner.net
    assert isinstance(feedback, SleepAligned)
    angles: list[float] = []
    list(trainer.run(on_batch=lambda _: angles.append(feedback_angle(net, feedback, 1)) or True))
    assert angles[0] < 35 and feedback.weights(1).pow(2).mean().item() == pytest.approx(1)


class Shared:
    """A learner of two processes, as one of them sees it."""

    threads = 1

    def __init__(self, learner, *, sleeps_here: bool) -> None:
        self.net, self.feedback, self.step = learner.net, learner.feedback, learner.step
        self.sleeps_here, self.nights = sleeps_here, 0

    def after_sleep(self, generator: torch.Generator) -> None:
        self.nights += 1


@pytest.mark.parametrize("sleeps_here", [True, False])
def test_one_of_several_processes_sleeps_and_all_meet_after_every_night(
    sleeps_here: bool, make_trainer
) -> None:
    trainer = make_trainer()
    trainer.learner = shared = Shared(trainer.learner, sleeps_here=sleeps_here)
    before = [w.clone() for w in shared.feedback.parameters()]
    list(trainer.run())
    assert shared.nights == 1 + 14 // 3
    after = shared.feedback.parameters()
    unchanged = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert unchanged == [not sleeps_here] * 2
