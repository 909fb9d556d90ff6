"""Run a suite into a file of records, and resume it after an interruption.

A record is one line: the measurement (`name`, `config`, `seed`), its `results`, and its origin
(`commit`, `machine`, `versions`, `when`). The last record of a finished task has `last` set; a
finished task is not repeated, a half finished one is.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from biograd.checks import known_words
from biograd.runs import records
from biograd.runs.checkpoint import RunFolder, locked
from biograd.runs.experiment import default_threads
from biograd.runs.records import FORMAT, Record

from .machine import provenance
from .same_task import identity
from .suites import SUITES
from .summary import usable
from .task import Bench, Task

Progress = Callable[[str, int, int], None]  # (task, number done, number of all)


def run(
    suite: str,
    *,
    out: Path | str,
    run_folder: Path | str | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """Run a suite; each record is in the file before it is yielded.

    Records of tasks that are finished in the file are yielded from it. A task that fails leaves a
    record with `error` instead of results, and the suite goes on.

    Args:
        suite: a key of `SUITES`.
        out: the file of records; made if it does not exist.
        run_folder: the trained run that quick, energy and full measure.
        threads: processor threads of the races; 0: the default number of torch.
        progress: called before every task and at the end.
    Raises: ValueError for an unknown suite, one that needs a trained run and has none, and one that
    this machine can do nothing of.
    """
    if suite not in SUITES:
        raise ValueError(f"there is no suite {suite!r}; {known_words(suite, SUITES)}")
    tasks, out = SUITES[suite].tasks(), Path(out)
    _check_possible(suite, tasks)
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
        already = finished(out)
        for number, task in enumerate(tasks):
            if progress:
                progress(task.name, number, len(tasks))
            key = task_key(task, folder)
            if key in already:
                yield from already[key]
            elif not task.missing():
                yield from _perform(task, key, suite, bench, out)
    if progress:
        progress("done", len(tasks), len(tasks))


def _check_possible(suite: str, tasks: list[Task]) -> None:
    """Raise ValueError where every task of the suite is missing something."""
    reasons = [task.missing() for task in tasks]
    if not all(reasons):
        return
    instead = ""
    if suite == "gpu":
        instead = "; suite gpu-kernels checks the kernels without one, by Triton's interpreter"
    raise ValueError(f"this machine can do nothing of suite {suite}: {reasons[0]}{instead}")


def left_out(suite: str) -> dict[str, str]:
    """Return the tasks of a suite that this machine cannot do, with the reason."""
    return {task.name: reason for task in SUITES[suite].tasks() if (reason := task.missing())}


def task_key(task: Task, folder: RunFolder | None) -> str:
    """Return a key of name, configuration and seed, and of the weights of a run it measures."""
    weights = (
        hashlib.sha256(folder.checkpoint.read_bytes()).hexdigest()
        if task.measures_run and folder
        else ""
    )
    return _key(task.name, task.config, task.seed, weights)


def finished(out: Path) -> dict[str, list[Record]]:
    """Return the records of each finished task in a file by key, its parts in order.

    Of a task that was done twice, the newest.
    """
    parts: dict[str, list[Record]] = {}
    complete: dict[str, list[Record]] = {}
    for record in usable(records.read(out)) if out.exists() else []:
        # A configuration identifies the task, whichever version wrote the key.
        config = record.get("config")
        key = (
            _key(record["name"], config, record.get("seed"))
            if config and isinstance(config, dict)
            else str(record.get("key"))
        )
        earlier = [] if record.get("part") == 0 else parts.get(key, [])
        parts[key] = [*earlier, record]
        if record.get("last"):
            complete[key] = parts[key]
    return complete


def _key(name: str, config: Record, seed: int | None, weights: str = "") -> str:
    text = json.dumps([name, identity(config), seed, weights], sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _perform(task: Task, key: str, suite: str, bench: Bench, out: Path) -> Iterator[Record]:
    origin, start = provenance(), time.perf_counter()
    common: Record = {
        "format": FORMAT,
        "kind": "measurement",
        "suite": suite,
        "name": task.name,
        "config": task.config,
        "seed": task.seed,
        "key": key,
    }
    pending: Record | None = None  # written when it is known whether another part follows
    part = 0
    try:
        for part, results in enumerate(task.work(bench)):
            if pending is not None:
                yield _write(out, pending)
            pending = (
                common
                | origin
                | {
                    "part": part,
                    "last": False,
                    "wall_seconds": time.perf_counter() - start,
                    "results": results,
                }
            )
        if pending is not None:
            yield _write(out, pending | {"last": True})
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        if pending is not None:
            yield _write(out, pending)
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        yield _write(out, common | origin | {"part": part, "last": False, "error": reason})


def _write(out: Path, record: Record) -> Record:
    records.append(out, record)
    return record
