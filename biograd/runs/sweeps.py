"""Search for hyperparameters with Optuna, on validation samples; a study in a file can be resumed.

study = sweep(
    preset("mnist"),
    {"lr": (3e-4, 3e-3, "log"), "hidden": [(128,), (256, 256)], "sleep.every": (20, 100)},
    trials=30,
    storage="sqlite:///sweep.db",
)
best = changed(preset("mnist"), study.best_params)
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..checks import instance_of, known_words, whole_number
from ..kernels.threads import one_torch_thread
from .config import RunConfig
from .experiment import Experiment

if TYPE_CHECKING:
    import optuna

Space = Mapping[str, Sequence[Any]]  # any: numbers and words of the configuration's fields


def sweep(
    base: RunConfig,
    space: Space,
    *,
    trials: int,
    storage: str | None = None,
    name: str = "biograd",
    seed: int = 0,
    jobs: int = 1,
) -> optuna.Study:
    """Try configurations until the study has `trials` finished ones.

    Each is measured on validation samples after every epoch; a trial below the median of the others
    is stopped early.

    Args:
        base: configuration that all trials share. Its `validation` samples choose (5,000 unless it
            sets them), never test samples.
        space: values to try, by field, with dots inside nested params: a tuple (low, high) or (low,
            high, "log") of numbers, whole ones where both are whole; or a list of choices.
        storage: of the study, e.g. "sqlite:///sweep.db"; None: in memory. A study of the same
            `name` is resumed.
        seed: of the search; a resumed study draws other trials than an unbroken one.
        jobs: trials that run at the same time on the same cores: leave 1 where cores are few.
    Returns: Optuna's study; `changed(base, study.best_params)` is the best configuration.
    Raises: ImportError where Optuna is not installed; ValueError for unknown fields or impossible
    ranges.
    """
    instance_of(base, RunConfig, "base", "a RunConfig")
    instance_of(space, Mapping, "space", "a dictionary of fields and their values")
    whole_number(trials, "trials", least=1)
    if not base.validation:
        base = dataclasses.replace(base, validation=5000)
    for field, values in space.items():
        changed(base, {field: _first(field, values)})
    try:
        import optuna  # an extra that only sweeps need
    except ImportError as error:
        raise ImportError("Optuna is not installed: pip install 'biograd[sweep]'") from error
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=1),
    )
    finished = [trial for trial in study.trials if trial.state.is_finished()]

    def objective(trial: optuna.Trial) -> float:
        config = changed(
            base, {field: _suggested(trial, field, values) for field, values in space.items()}
        )
        accuracy = 0.0
        for record in Experiment.from_config(config).trainer.run():
            accuracy = record["test_accuracy"]
            trial.report(accuracy, record["epoch"])
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    if len(finished) < trials:
        with one_torch_thread():
            study.optimize(objective, n_trials=trials - len(finished), n_jobs=jobs)
    return study


def changed(base: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with some fields changed, nested ones by dots.

    Example:
        >>> changed(RunConfig(), {"lr": 2e-3, "sleep.every": 20, "hidden": "(64, 64)"}).sleep.every
        20
    """
    config: Any = instance_of(base, RunConfig, "base", "a RunConfig")
    for field, value in changes.items():
        name, _, inner = field.partition(".")
        part = getattr(config, name, None)
        names = [f.name for f in dataclasses.fields(config)]
        if name not in names or bool(inner) != dataclasses.is_dataclass(part):
            raise ValueError(
                f"{field!r} is no field of a run's configuration; {known_words(field, names)}"
            )
        inner_names = [f.name for f in dataclasses.fields(part)] if inner else []  # type: ignore[arg-type]
        if inner and inner not in inner_names:
            raise ValueError(f"{field!r} is no field; known in {name}: {', '.join(inner_names)}")
        # Studies keep choices that are no plain numbers as text.
        if isinstance(part, tuple) and isinstance(value, str):
            value = ast.literal_eval(value)
        if inner:
            value = dataclasses.replace(part, **{inner: value})  # type: ignore[type-var]
        config = dataclasses.replace(config, **{name: value})
    return config


def _first(field: str, values: Sequence[Any]) -> Any:  # any: as `Space`
    """Return the first value of a field's space; ValueError where it is no range or list."""
    good = isinstance(values, list) and bool(values)
    if (
        isinstance(values, tuple)
        and len(values) in (2, 3)
        and all(type(end) in (int, float) for end in values[:2])
    ):
        good = bool(
            values[0] < values[1] and (len(values) == 2 or (values[2] == "log" and values[0] > 0))
        )
    if not good:
        raise ValueError(
            f"the space of {field!r} is {values!r}; need (low, high), (low, high, 'log') with 0 <"
            " low, or a list of choices"
        )
    return values[0]


def _suggested(trial: optuna.Trial, field: str, values: Sequence[Any]) -> Any:  # any: as `Space`
    """Return the trial's value of a field."""
    if isinstance(values, list):
        plain = [value if isinstance(value, int | float | str) else repr(value) for value in values]
        return trial.suggest_categorical(field, plain)
    low, high, log = values[0], values[1], len(values) == 3
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(field, low, high, log=log)
    return trial.suggest_float(field, low, high, log=log)
