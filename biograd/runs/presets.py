"""Configurations of a run that have a name, e.g. `biograd train --preset mnist-best`."""

from __future__ import annotations

from ..checks import instance_of, known_words
from ..params.augment import AugmentParams
from ..params.sleep import SleepParams
from .config import RunConfig
from .words import EVENTS

PRESETS: dict[str, RunConfig] = {
    "mnist": RunConfig(epochs=10, augment=AugmentParams(shift=1)),
    "mnist-best": RunConfig(
        hidden=(500, 500), epochs=15, augment=AugmentParams(shift=1, rotate=8.0, scale=0.08)
    ),
    "mnist-online": RunConfig(
        hidden=(100,),
        epochs=3,
        batch=1,
        steps=16,
        error="final",
        optimizer="sgd",
        lr=1e-3,
        sleep=SleepParams(every=500, steps=200, phases=1),
    ),
    # Chosen on 5,000 recordings set apart, 4 epochs of 20,000: T = 20, 30 (95.0, 96.1 %), 500-500
    # (+0.8), Adam at 1e-3, 2e-3 (equal); with all recordings T = 10, 20 (96.5, 97.4 %), and error
    # running (95.6 at T = 10).
    "events": RunConfig(
        dataset="events-mnist-simulated",
        encoder=EVENTS,
        hidden=(256, 256),
        epochs=10,
        steps=30,
        augment=AugmentParams(shift=1),
    ),
    "fashion": RunConfig(dataset="fashion", hidden=(500, 500)),
}


def preset(name: str) -> RunConfig:
    """Return the configuration of a preset; ValueError lists the known ones.

    Example:
        >>> preset("mnist").hidden
        (256, 256)
    """
    if instance_of(name, str, "name", f"one of {', '.join(PRESETS)}") not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; {known_words(name, PRESETS)}")
    return PRESETS[name]
