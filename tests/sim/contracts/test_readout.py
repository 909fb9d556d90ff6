from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.readout import Classes, Readout

calls: list[str] = []  # methods of the parts below, in the order of their calls


@pytest.fixture(autouse=True)
def uncounted() -> None:
    calls.clear()


class Quietest(Readout):
    """The class whose neuron fires least."""

    def check(self, y: Tensor, outputs: int) -> None:
        calls.append("check")

    def wished(self, y: Tensor, outputs: int) -> Tensor:
        calls.append("wished")
        return 1 - torch.nn.functional.one_hot(y, outputs)

    def answers(self, counts: Tensor, steps: int) -> Tensor:
        calls.append("answers")
        return counts.argmin(1)

    def score(self, answers: Tensor, y: Tensor) -> Tensor:
        return (answers == y).sum()

    def figures(self, mean_score: float) -> dict[str, float]:
        return {"quiet": mean_score}

    def measured(self, answers: Tensor, y: Tensor) -> dict[str, float]:
        return self.figures((answers == y).double().mean().item())


def test_a_readout_gives_targets_answers_and_the_figures_of_the_records(
    by_object: Any, same: Any
) -> None:
    weights, record = by_object(readout=Quietest())
    assert {"train_quiet", "test_quiet"} <= record.keys() and "test_accuracy" not in record
    assert calls.count("wished") == 3 and calls.count("answers") == 3 + 1 and "check" in calls
    assert not same(weights, by_object(readout=Classes())[0])
