"""The identity of a measurement: its configuration without fields at their defaults."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

from biograd.runs.config import RunConfig

from .peers.baselines import BaselineParams


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without fields at their defaults; a training run's without threads.

    So a record still belongs to its task when a later version adds a field whose default changes
    nothing. Threads change the last bits of sums, not the training; races, which differ in their
    threads, keep them.
    """
    config = json.loads(json.dumps(config, default=list))
    if "hidden" in config:
        config.pop("threads", None)
    return _without(config, _defaults())


@functools.cache
def _defaults() -> dict[str, Any]:
    peer = {
        field.name: field.default
        for field in dataclasses.fields(BaselineParams)
        if field.default is not dataclasses.MISSING
    }
    return json.loads(
        json.dumps(dataclasses.asdict(RunConfig()) | {"baseline": peer}, default=list)
    )


def _without(config: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in config.items():
        if isinstance(value, dict) and isinstance(defaults.get(name), dict):
            if inner := _without(value, defaults[name]):
                kept[name] = inner
        elif name not in defaults or value != defaults[name]:
            kept[name] = value
    return kept
