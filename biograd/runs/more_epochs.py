"""A run that goes on for more epochs than it was started with.

Its learning rate from there on is that of a run which was started with so many epochs: cosine and
linear schedules, which had come near 0, rise once and fall again; a constant one stays.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import tomllib
import torch

from .config import RunConfig
from .experiment import Experiment
from .optimizers import OPTIMIZERS, SCHEDULES


def is_longer(wanted: RunConfig, stored: RunConfig) -> bool:
    """True where a configuration has more epochs than the stored one and is otherwise equal.

    Example:
        >>> is_longer(RunConfig(epochs=20), RunConfig(epochs=10))
        True
        >>> is_longer(RunConfig(epochs=20, lr=1e-2), RunConfig(epochs=10))
        False
    """
    same = dataclasses.replace(stored, epochs=wanted.epochs) == wanted
    return same and wanted.epochs > stored.epochs


def fit_schedule(experiment: Experiment, header: dict[str, Any]) -> None:  # any: JSON
    """Set the learning rate of a loaded checkpoint to that of the run's own number of epochs.

    Nothing changes where the checkpoint, by the configuration in its header, has that number.
    """
    config, trainer = experiment.config, experiment.trainer
    scheduler = trainer.scheduler
    if scheduler is None or _epochs(header) in (None, config.epochs):
        return
    optimizer = OPTIMIZERS[config.optimizer]([torch.zeros(1, requires_grad=True)], config)
    batches = -(-len(experiment.train_set) // config.batch)
    longer = SCHEDULES[config.schedule](optimizer, batches * config.epochs)
    with warnings.catch_warnings():
        # torch expects a step of the optimizer before each step of its schedule
        warnings.simplefilter("ignore", UserWarning)
        for _ in range(scheduler.last_epoch):
            longer.step()
    for group, fitted in zip(trainer.optimizer.param_groups, optimizer.param_groups, strict=True):
        group["lr"] = fitted["lr"]
    scheduler.load_state_dict(longer.state_dict())


def _epochs(header: dict[str, Any]) -> int | None:  # any: JSON
    """Return the epochs of the configuration in a checkpoint's header; None where it has none."""
    text = header.get("config")
    try:
        epochs = tomllib.loads(text).get("epochs") if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return epochs if isinstance(epochs, int) else None
