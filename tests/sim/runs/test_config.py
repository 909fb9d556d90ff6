from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest

from biograd.neurons import NEURONS, NeuronParams, TwoCompartmentLIF, TwoCompartmentParams
from biograd.runs.config import RunConfig, layer_params
from biograd.traces import TraceParams

SMALL = RunConfig(hidden=(12,), epochs=1, batch=50, limit=100, threads=1)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch": 0},
        {"steps": -1},
        {"hidden": (0,)},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"momentum": 1.0, "optimizer": "sgd"},
        {"momentum": 0.9},
        {"seed": -1},
        {"error": "final", "order": "online"},
        {"dataset": "cifar"},
        {"optimizer": "lion"},
        {"device": "tpu"},
        {"patience": 2},
        {"class_weights": "rare"},
    ],
)
def test_values_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change)) if "error" not in change else "final"):
        dataclasses.replace(SMALL, **change)


class Leaky(TwoCompartmentLIF):
    """A neuron with one constant of its own."""

    @dataclass(frozen=True, kw_only=True)
    class Params(NeuronParams):
        leak: float = 0.5


def test_a_neuron_model_brings_its_own_constants(monkeypatch):
    monkeypatch.setitem(NEURONS, "leaky", Leaky)
    assert RunConfig(neuron_model="leaky").neuron == Leaky.Params()
    config = RunConfig(neuron_model="leaky", neuron=Leaky.Params(leak=0.25))
    assert dataclasses.replace(config, epochs=3).neuron == Leaky.Params(leak=0.25)
    back = dataclasses.replace(RunConfig(neuron_model="leaky"), neuron_model="two_compartment")
    assert back.neuron == TwoCompartmentParams()


def test_constants_that_were_set_for_another_model_are_refused(monkeypatch):
    monkeypatch.setitem(NEURONS, "leaky", Leaky)
    with pytest.raises(ValueError, match=r"^neuron is TwoComp[^\n]*'leaky'[^\n]*Leaky.Params"):
        RunConfig(neuron_model="leaky", neuron=TwoCompartmentParams(alpha_u=0.1))


def test_decays_of_each_layer_need_a_neuron_that_decays(monkeypatch):
    monkeypatch.setitem(NEURONS, "leaky", Leaky)
    with pytest.raises(ValueError, match=r"^alphas_v is [^\n]*'leaky' has no alpha_u and alpha_v"):
        RunConfig(neuron_model="leaky", hidden=(12,), alphas_v=(0.5, 0.5))


def test_traces_and_decays_of_each_layer_may_not_contradict_each_other():
    alphas = {"hidden": (12,), "alphas_u": (0.1, 0.2), "alphas_v": (0.3, 0.4)}
    with pytest.raises(ValueError, match=r"^trace is TraceParams\(.*alphas_u or alphas_v"):
        RunConfig(**alphas, trace=TraceParams(alpha_x=0.9))
    # what a run started from a file with decays of each layer holds
    config = RunConfig(**alphas, trace=TraceParams(alpha_x=0.1, alpha_z=0.3))
    assert [(p.alpha_u, p.alpha_v) for p in layer_params(config)] == [(0.1, 0.3), (0.2, 0.4)]
