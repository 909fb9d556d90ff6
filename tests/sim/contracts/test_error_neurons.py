from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from torch import Tensor

from biograd.errors import ERRORS, ErrorNeurons

calls: list[str] = []  # methods of the parts below, in the order of their calls


@pytest.fixture(autouse=True)
def uncounted() -> None:
    calls.clear()


class Loud(ErrorNeurons):
    """Twice the signed error."""

    causal = True

    def error(self, s_out: Tensor, rate: Tensor, target: Tensor) -> Tensor:
        calls.append("error")
        return 2 * (target - s_out)


@pytest.mark.usefixtures("mnist")
def test_error_neurons_are_used_by_name_and_as_an_object(
    monkeypatch: pytest.MonkeyPatch, config: Any, by_name: Any, by_object: Any, same: Any
) -> None:
    monkeypatch.setitem(ERRORS, "loud", Loud)
    stock_error = by_name(config)[1]["mean_abs_error"]
    _, record = by_name(dataclasses.replace(config, error="loud"))
    assert calls.count("error") == 2 and record["mean_abs_error"] > 1.5 * stock_error
    calls.clear()
    weights, _ = by_object(error=Loud())
    assert calls.count("error") == 3 and not same(weights, by_object()[0])
