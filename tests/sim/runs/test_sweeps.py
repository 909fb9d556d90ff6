from __future__ import annotations

import sys

import pytest

from biograd.runs.config import RunConfig
from biograd.runs.sweeps import changed, sweep

SMALL = RunConfig(hidden=(12,), epochs=2, batch=50, limit=200, validation=100, threads=1)


def test_fields_are_changed_by_name_and_nested_ones_by_dots():
    config = changed(
        SMALL, {"lr": 2e-3, "sleep.every": 20, "neuron.window": 0.5, "hidden": "(8, 8)"}
    )
    assert (config.lr, config.sleep.every, config.neuron.window, config.hidden) == (
        2e-3,
        20,
        0.5,
        (8, 8),
    )
    assert changed(SMALL, {}) == SMALL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 1.0}, "'learning_rate' is no field .* lr"),
        ({"sleep.nights": 1}, "'sleep.nights' is no field; known in sleep: every"),
        ({"sleep": 1}, "'sleep' is no field"),
        ({"lr.x": 1}, "'lr.x' is no field"),
        ({"lr": -1.0}, "lr is -1.0"),
    ],
)
def test_an_unknown_field_is_named_with_the_known_ones(changes, message):
    with pytest.raises(ValueError, match=message):
        changed(SMALL, changes)


def test_without_optuna_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install 'biograd\[sweep\]'"):
        sweep(SMALL, {"lr": (1e-4, 1e-2, "log")}, trials=1)


@pytest.mark.parametrize(
    "values", [(), [], (1e-2, 1e-4), (0.0, 1.0, "log"), (1e-4, 1e-2, "linear"), ("a", "b")]
)
def test_an_impossible_space_is_refused_before_anything_is_trained(values):
    with pytest.raises(ValueError, match="the space of 'lr' is"):
        sweep(SMALL, {"lr": values}, trials=1)


@pytest.mark.slow
def test_a_study_finds_the_better_choice_and_goes_on_from_its_file(mnist, tmp_path):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage, space = (
        f"sqlite:///{tmp_path / 'sweep.db'}",
        {
            "lr": [1e-9, 5e-3],
            "hidden": [(8,), (16,)],
            "batch": (20, 40),
        },
    )
    study = sweep(SMALL, space, trials=4, storage=storage)
    first = [trial.params for trial in study.trials]
    assert len(first) == 4
    again = sweep(SMALL, space, trials=6, storage=storage)
    assert len(again.trials) == 6 and [trial.params for trial in again.trials[:4]] == first
    best = changed(SMALL, again.best_params)
    assert best.lr == 5e-3 and best.hidden in ((8,), (16,)) and 20 <= best.batch <= 40
    # nothing left to do
    assert sweep(SMALL, space, trials=6, storage=storage).best_value == again.best_value
