from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from biograd.neurons import NEURONS, NeuronParams, TwoCompartmentLIF, TwoCompartmentParams
from biograd.params.repetition import RepetitionParams
from biograd.runs.config import RunConfig
from biograd.runs.layer_constants import layer_params
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


def as_users_make_it(**change):
    """A configuration whose fields met the checks of BioGrad alone, not those of the tests."""
    config = dataclasses.replace(SMALL)
    for name, value in change.items():
        object.__setattr__(config, name, value)
    config.__post_init__()
    return config


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": 2.5}, "epochs is 2.5, a float; need a whole number"),
        ({"batch": None}, "batch is None; need a whole number"),
        ({"threads": float("inf")}, "threads is inf, a float; need a whole number"),
        ({"lr": "fast"}, "lr is 'fast', a str; need a real number"),
        ({"weight_decay": float("nan")}, "weight_decay is nan; need 0 or more"),
        ({"hidden": 30}, r"hidden is 30, an int; need whole numbers, e\.g\. \(256, 256\)"),
        ({"hidden": ("a",)}, "hidden is 'a', a str; need a whole number"),
        (
            {"alphas_u": (0.5, float("nan"))},
            r"alphas_u is \(0\.5, nan\); need a fraction of 0 or more",
        ),
        ({"recurrent": "no"}, "recurrent is 'no', a str; need True or False"),
        ({"sleep": {"every": 5}}, r"sleep is {'every': 5}, a dict; need SleepParams\(...\)"),
        ({"neuron": None}, r"neuron is None; need NeuronParams\(...\)"),
        ({"error": ["signed"]}, r"error is \['signed'\], a list; need one of signed, running"),
        ({"data_folder": 3}, "data_folder is 3, an int; need a path"),
        ({"class_weights": "1,nan"}, "class_weights is '1,nan'; known: equal, balanced, or num"),
        ({"class_weights": "0,0"}, "class_weights is '0,0'; known: equal"),
    ],
)
def test_values_of_another_kind_are_refused_by_name(change, says):
    with pytest.raises((TypeError, ValueError), match=f"^{says}"):
        as_users_make_it(**change)


def test_values_of_numpy_lists_and_paths_are_kept_as_plain_ones():
    config = as_users_make_it(hidden=[20, 30], epochs=np.int64(3), data_folder=Path("sets"))
    assert (config.hidden, config.epochs, config.data_folder) == ((20, 30), 3, "sets")
    assert type(config.epochs) is int


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net": "8c5-10", "hidden": (32,)}, "both name the layers"),
        ({"net": "8c5-10", "start_from": "a.nir"}, "both name the layers"),
        ({"output": "leaky"}, "set --output leaky --error softmax"),
        ({"error": "softmax"}, "set --output leaky --error softmax"),
        ({"net": "8c5-avg2-10", "alphas_v": (0.5, 0.5, 0.5)}, "for each of 2 layers"),
        (
            {"output": "leaky", "error": "softmax", "repetition": RepetitionParams(longest=4)},
            "which a leaky output does not have",
        ),
    ],
)
def test_layers_and_outputs_that_do_not_go_together_are_refused(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        RunConfig(**changes)
