"""Which measurements are of the same thing: a configuration without what it leaves at its default."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

from biograd.runs.config import RunConfig

from .peers.baselines import BaselineParams


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """A task's configuration, or that of its record, without fields at their defaults, and of a
    training run without its threads.

    So a record stays the same task's when a later version knows one more field, whose default does
    what was done before. Threads settle the last bits of sums, not what was trained; where they are
    all that a race differs in, they stay.
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
