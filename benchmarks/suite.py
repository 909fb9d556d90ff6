"""Run a suite of tasks into a file of records, go on where it stopped, and compare two such files.

A record is one line: what was measured (`name`, `config`, `seed`), what came out (`results`), and
where (`commit`, `machine`, `versions`, `when`). A task that is done stands in the file with `last`
true, and is not done again; half of one is.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, locked
from biograd.runs.experiment import default_threads

from .machine import provenance, same_machine
from .same_task import identity
from .tasks import SUITES, Bench, Task

Record = records.Record
Progress = Callable[[str, int, int], None]  # (what, done, in all)


def run(
    suite: str,
    *,
    out: Path | str,
    run_folder: Path | str | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """Work through a suite; each record is in the file before it is yielded. Tasks done there
    already are yielded from it.

    Args:
        suite: a key of `SUITES`.
        out: the file of records, made where there is none.
        run_folder: the trained run that quick, energy and full measure.
        threads: processor threads of the races; 0: as many as torch took.
        progress: told (task, number done, number in all).
    Raises: ValueError for an unknown suite, or one that needs a trained run and has none. A task
    that fails leaves a record with
        `error` instead of results, and the suite goes on.
    """
    if suite not in SUITES:
        raise ValueError(f"there is no suite {suite!r}; known: {', '.join(SUITES)}")
    tasks, out = SUITES[suite](), Path(out)
    folder = None if run_folder is None else RunFolder(run_folder)
    if any(task.measures_run for task in tasks):
        if folder is None:
            raise ValueError(
                f"suite {suite} measures a trained run: name its folder with --run, or train one"
                " with 'biograd train'"
            )
        folder.read_config()
    bench = Bench(run=folder, threads=threads or default_threads())
    with locked(out.parent, f".{out.name}.lock"):
        there = finished(out)
        for number, task in enumerate(tasks):
            if progress:
                progress(task.name, number, len(tasks))
            key = task_key(task, folder)
            if key in there:
                yield from there[key]
                continue
            if task.missing():
                continue
            yield from _do(task, key, suite, bench, out)
    if progress:
        progress("done", len(tasks), len(tasks))


def left_out(suite: str) -> dict[str, str]:
    """The tasks of a suite that this machine cannot do, and why: they leave no record."""
    return {task.name: reason for task in SUITES[suite]() if (reason := task.missing())}


def task_key(task: Task, folder: RunFolder | None) -> str:
    """What tells a task from others: name, configuration and seed, and, where it measures a run,
    the run's weights.
    """
    weights = (
        hashlib.sha256(folder.checkpoint.read_bytes()).hexdigest()
        if task.measures_run and folder
        else ""
    )
    return _key(task.name, task.config, task.seed, weights)


def _key(name: str, config: Record, seed: int | None, weights: str = "") -> str:
    return _digest([name, identity(config), seed, weights])


def summary(found: list[Record]) -> Record:
    """The figures by which a suite is judged, flat, of the newest records that have them; for
    `--json`.
    """
    flat: Record = {}
    for record in sorted(usable(found), key=lambda record: str(record.get("when"))):
        # one that lacks its figures is passed over
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            flat |= _figures(record["name"], record["results"])
    return flat


def _figures(name: str, results: Record) -> Record:
    """What one task's results add to the summary."""
    if name in ("speed", "inference speed"):
        # older records raced on random spikes
        suffix = "" if results.get("inputs") == "digits" else "_random"
        return {
            name + suffix: value for name, value in results.items() if name.startswith("ratio_")
        }
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


def usable(found: list[Record]) -> list[Record]:
    """The records of this format that hold results: what other versions or failures left is no
    figure.
    """
    return [
        record
        for record in found
        if record.get("kind") == "measurement"
        and record.get("format") == records.FORMAT
        and isinstance(record.get("results"), dict)
        and isinstance(record.get("name"), str)
    ]


def compare(before: list[Record], after: list[Record]) -> list[Record]:
    """Two runs of suites, figure by figure: every number of tasks that both have done.

    Returns: rows with `task`, `figure`, `before`, `after`, `ratio` (after / before; None by 0), and
    `same_machine`, without which
        seconds and joules mean nothing beside each other.
    """
    rows = []
    earlier = {_identity(record): record for record in usable(before)}
    for record in usable(after):
        other = earlier.get(_identity(record))
        if other is None:
            continue
        same = same_machine(other.get("machine") or {}, record.get("machine") or {})
        new = dict(_numbers(record["results"]))
        for figure, old in _numbers(other["results"]):
            if figure in new:
                ratio = new[figure] / old if old else None
                rows.append(
                    {
                        "task": record["name"],
                        "figure": figure,
                        "before": old,
                        "after": new[figure],
                        "ratio": ratio,
                        "same_machine": same,
                    }
                )
    return rows


def _do(task: Task, key: str, suite: str, bench: Bench, out: Path) -> Iterator[Record]:
    origin, start = provenance(), time.perf_counter()
    common: Record = {
        "format": records.FORMAT,
        "kind": "measurement",
        "suite": suite,
        "name": task.name,
        "config": task.config,
        "seed": task.seed,
        "key": key,
    }
    held: Record | None = None  # written when it is known whether another part follows
    part = 0
    try:
        for part, results in enumerate(task.work(bench)):
            if held is not None:
                yield _written(out, held)
            held = (
                common
                | origin
                | {
                    "part": part,
                    "last": False,
                    "wall_seconds": time.perf_counter() - start,
                    "results": results,
                }
            )
        if held is not None:
            yield _written(out, held | {"last": True})
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        if held is not None:
            yield _written(out, held)
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        yield _written(out, common | origin | {"part": part, "last": False, "error": reason})


def _written(out: Path, record: Record) -> Record:
    records.append(out, record)
    return record


def finished(out: Path) -> dict[str, list[Record]]:
    """The records of each finished task in the file, its parts in order, the newest where it was
    done twice.
    """
    parts: dict[str, list[Record]] = {}
    finished: dict[str, list[Record]] = {}
    for record in usable(records.read(out)) if out.exists() else []:
        # where there is one it tells the task, whichever version wrote the key
        config = record.get("config")
        key = (
            _key(record["name"], config, record.get("seed"))
            if config and isinstance(config, dict)
            else str(record.get("key"))
        )
        begun = [] if record.get("part") == 0 else parts.get(key, [])
        parts[key] = [*begun, record]
        if record.get("last"):
            finished[key] = parts[key]
    return finished


def _identity(record: Record) -> str:
    config = record.get("config")
    return _digest(
        [
            record["name"],
            identity(config) if isinstance(config, dict) else config,
            record.get("seed"),
            record.get("part"),
        ]
    )


def _digest(what: Any) -> str:  # any: JSON
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=list).encode()).hexdigest()[:16]


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:  # any: JSON
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, int | float):
        yield path, float(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, f"{path}.{name}" if path else str(name))
    # bounds; curves and matrices are not compared number by number
    elif isinstance(value, list) and len(value) <= 2:
        for index, inner in enumerate(value):
            yield from _numbers(inner, f"{path}[{index}]")
