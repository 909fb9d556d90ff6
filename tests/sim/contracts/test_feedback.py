from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.feedback import FEEDBACK, Feedback, RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.training.health import Guard, GuardLimits
from biograd.training.trainer import Trainer

calls: list[str] = []  # methods of the parts below, in the order of their calls


@pytest.fixture(autouse=True)
def uncounted() -> None:
    calls.clear()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Hebbian(Feedback):
    """Feedback that becomes the coincidences of each night."""

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.register_buffer("w", torch.zeros(net.hidden[0], net.classes))

    def weights(self, hidden: int) -> Tensor:
        return self.w

    def align(self, hidden: int, coincidence: Tensor, decay: float) -> None:
        calls.append("align")
        self.w = coincidence

    def set_gain(self, hidden: int) -> None:
        calls.append("set_gain")


class ByHand(Feedback):
    """Feedback without weights: every dendrite receives the error of class 0."""

    def __init__(self, net: Network, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.size = net.hidden[0]

    def project(self, err: Tensor, hidden: int) -> Tensor:
        calls.append("project")
        return err[..., :1].expand(*err.shape[:-1], self.size)


@pytest.mark.usefixtures("mnist")
def test_feedback_of_ones_own_learns_in_sleep_by_name_and_as_an_object(
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
    by_name: Any,
    by_object: Any,
    same: Any,
    nights: Any,
) -> None:
    monkeypatch.setitem(FEEDBACK, "hebbian", Hebbian)
    night = ["align"] * nights.first_night + ["set_gain"]
    weights, record = by_name(dataclasses.replace(config, feedback="hebbian"))
    assert calls == night + ["align"] * 2  # a night after each of two batches
    assert len(record["feedback_angle_deg"]) == 1 and not same(weights, by_name(config)[0])
    calls.clear()
    by_object(feedback=Hebbian)
    assert calls == night + ["align"] * 3


def test_the_guard_watches_feedback_of_ones_own_that_sleeps(nights: Any, images: Any) -> None:
    net = Network((30, 12, 3), generator=seeded(1))

    def faults(feedback: Feedback) -> list[str]:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        trainer = Trainer(LocalLearner(net, feedback), optimizer, images, sleep=nights)
        guard = Guard(trainer, GuardLimits(angle=1e-3))  # every angle is larger
        record = next(trainer.run())
        return [fault.kind for fault in guard.new(record)]

    assert "angle" in faults(Hebbian(net))
    assert "angle" not in faults(RandomDFA(net)) and "angle" not in faults(ByHand(net))


@pytest.mark.usefixtures("mnist")
def test_feedback_that_only_projects_trains_and_reports_no_angle(
    monkeypatch: pytest.MonkeyPatch, config: Any, by_name: Any, by_object: Any, same: Any
) -> None:
    monkeypatch.setitem(FEEDBACK, "by_hand", ByHand)
    weights, record = by_name(dataclasses.replace(config, feedback="by_hand"))
    assert calls.count("project") == 2 and record["feedback_angle_deg"] == []
    assert not same(weights, by_name(config)[0])
    calls.clear()
    by_object(feedback=ByHand, order="online")
    assert calls.count("project") == 3 * 10


def test_a_projection_that_is_overridden_is_never_replaced_by_the_weights(
    by_object: Any, same: Any
) -> None:
    class Louder(RandomDFA):
        def project(self, err: Tensor, hidden: int) -> Tensor:
            return 2 * super().project(err, hidden)

    assert not same(by_object(feedback=Louder)[0], by_object()[0])


def test_feedback_that_defines_nothing_is_refused_in_one_line() -> None:
    class Nothing(Feedback):
        pass

    net = Network((4, 3, 2))
    with pytest.raises(ValueError, match=r"^Nothing has neither weights\(hidden\) nor project"):
        LocalLearner(net, Nothing()).step(torch.ones(2, 1, 4), torch.tensor([0]))
    with pytest.raises(ValueError, match=r"^RandomDFA does not learn in sleep: define align"):
        RandomDFA(net).align(0, torch.zeros(3, 2), 0.1)
