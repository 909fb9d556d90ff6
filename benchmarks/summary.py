"""The figures of records: those by which a suite is judged, and two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from biograd.runs.records import FORMAT, Record

from .machine import same_machine
from .same_task import identity


def usable(records: list[Record]) -> list[Record]:
    """Return the measurements of this format that hold results, without failed ones."""
    return [
        record
        for record in records
        if record.get("kind") == "measurement"
        and record.get("format") == FORMAT
        and isinstance(record.get("results"), dict)
        and isinstance(record.get("name"), str)
    ]


def summary(records: list[Record]) -> Record:
    """Return the figures by which a suite is judged, flat, for `--json`.

    From the newest records that have them.
    """
    flat: Record = {}
    for record in sorted(usable(records), key=lambda record: str(record.get("when"))):
        # a record without its figures is skipped
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            flat |= _figures(record["name"], record["results"])
    return flat


def compare(before: list[Record], after: list[Record]) -> list[Record]:
    """Compare two runs of suites: every number of tasks that both have done.

    Returns: rows with `task`, `figure`, `before`, `after`, `ratio` (after / before; None by 0), and
        `same_machine`: on different machines, seconds and joules cannot be compared.
    """
    rows = []
    earlier = {_part_of_task(record): record for record in usable(before)}
    for record in usable(after):
        other = earlier.get(_part_of_task(record))
        if other is None:
            continue
        same = same_machine(other.get("machine") or {}, record.get("machine") or {})
        new = dict(_numbers(record["results"]))
        for figure, old in _numbers(other["results"]):
            if figure in new:
                rows.append(
                    {
                        "task": record["name"],
                        "figure": figure,
                        "before": old,
                        "after": new[figure],
                        "ratio": new[figure] / old if old else None,
                        "same_machine": same,
                    }
                )
    return rows


def _figures(name: str, results: Record) -> Record:
    """Return one task's figures for the summary."""
    if name in ("speed", "inference speed"):
        # older records raced on random spikes
        suffix = "" if results.get("inputs") == "digits" else "_random"
        return {
            name + suffix: value for name, value in results.items() if name.startswith("ratio_")
        }
    if name == "one-thread race":
        return {key: value for key, value in results.items() if key.startswith("ratio_")}
    if name == "emulator speed":
        return {"ratio_emulator_vs_lava": results["ratio_emulator_vs_lava"]}
    if name == "workers":
        return {
            "ratio_workers": max(batch["ratio_workers"] for batch in results["batches"].values())
        }
    if name == "memory":
        return {"memory_growth_online": results["online_growth"]}
    if name == "answers":
        return {"test_accuracy": results["test_accuracy"]}
    if name == "loihi":
        low, high = map(float, results["training"]["davies2018"]["total_j"])
        inference_low, inference_high = map(float, results["inference"]["davies2018"]["total_j"])
        return {
            "energy_j_per_sample": abs(low * high) ** 0.5,
            "energy_j_per_sample_low": low,
            "energy_j_per_sample_high": high,
            "inference_j_per_sample_low": inference_low,
            "inference_j_per_sample_high": inference_high,
            "energy_how": (
                "modelled for Loihi 1, profile davies2018: dynamic + static of the cores used to"
                " the whole chip"
            ),
        }
    return {}


def _part_of_task(record: Record) -> str:
    config = record.get("config")
    return json.dumps(
        [
            record["name"],
            identity(config) if isinstance(config, dict) else config,
            record.get("seed"),
            record.get("part"),
        ],
        sort_keys=True,
        default=list,
    )


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:  # any: JSON
    """Yield the numbers of results with their paths.

    Lists of up to two are bounds; longer ones, curves and matrices, are not compared.
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, int | float):
        yield path, float(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and len(value) <= 2:
        for index, inner in enumerate(value):
            yield from _numbers(inner, f"{path}[{index}]")
