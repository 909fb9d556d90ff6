from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.feedback import FEEDBACK
from biograd.network import Network
from biograd.neurons import NEURONS, Neuron, TwoCompartmentLIF, TwoCompartmentParams
from biograd.sleep import first_night

calls: list[str] = []  # methods of the parts below, in the order of their calls


@pytest.fixture(autouse=True)
def uncounted() -> None:
    calls.clear()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Scaled(TwoCompartmentLIF):
    """A soma that takes a part of its current; the constant is its own."""

    @dataclass(frozen=True, kw_only=True)
    class Params(TwoCompartmentParams):
        gain: float = 1.0  # fraction of the current that reaches the soma, 1

    def soma(self, state: Any, current: Tensor) -> Any:
        calls.append("soma")
        return super().soma(state, self.params.gain * current)


class Broad(TwoCompartmentLIF):
    """A slope without a window."""

    def slope(self, state: Any) -> Tensor:
        calls.append("slope")
        return torch.ones_like(state.v)


class Coarse(TwoCompartmentLIF):
    """A dendrite that passes on the sign of the error alone."""

    def apical(self, v_apical: Tensor, teach: Tensor) -> Tensor:
        calls.append("apical")
        return teach.sign()


@pytest.mark.usefixtures("mnist")
def test_a_neuron_with_constants_of_its_own_is_configured_by_name(
    monkeypatch: pytest.MonkeyPatch, config: Any, by_name: Any, same: Any
) -> None:
    monkeypatch.setitem(NEURONS, "scaled", Scaled)
    whole = dataclasses.replace(config, neuron_model="scaled")
    weights, _ = by_name(whole)
    assert calls.count("soma") >= 2 * 2 * config.steps  # two batches, two layers
    stock, _ = by_name(config)
    torch.testing.assert_close(weights, stock, rtol=1e-3, atol=1e-4)  # sums in another order
    half = dataclasses.replace(whole, neuron=Scaled.Params(gain=0.5))
    assert not same(by_name(half)[0], weights)


@pytest.mark.parametrize(
    ("neuron", "method"),
    [(Scaled(Scaled.Params(gain=0.5)), "soma"), (Broad(), "slope"), (Coarse(), "apical")],
)
@pytest.mark.parametrize("order", ["layer", "online"])
def test_a_method_of_a_neuron_that_is_overridden_is_never_replaced(
    neuron: Neuron, method: str, order: Any, by_object: Any, same: Any
) -> None:
    weights, _ = by_object(neuron=neuron, order=order)
    assert method in calls
    assert not same(weights, by_object(order=order)[0])


def test_a_neuron_with_a_rheobase_sleeps_by_its_own_steps(nights: Any) -> None:
    def dreamt(neuron: Neuron) -> Tensor:
        net = Network((30, 12, 3), neuron=neuron, generator=seeded(1))
        feedback = FEEDBACK["sleep"](net, generator=seeded(2))
        first_night(net, feedback, nights, generator=seeded(3))
        weights = feedback.weights(0)
        assert weights is not None
        return weights

    slept = dreamt(Scaled(Scaled.Params(gain=0.5)))
    assert calls.count("soma") == nights.first_night * nights.steps
    assert not torch.equal(slept, dreamt(TwoCompartmentLIF()))
