"""Checks of a run folder: every file is whole, and two runs are equal."""

from __future__ import annotations

from pathlib import Path

import tomllib
import torch
from safetensors.torch import load_file

from benchmarks import runner
from biograd.runs import records
from hardware.border.archive import read_npz
from hardware.border.files import read_model
from hardware.learning.state import read_state

# Fields of a record that say how long it took and where. All others are results.
CIRCUMSTANCES = (
    *("seconds", "night_seconds", "samples_per_second", "wall_seconds"),
    *("run", "when", "commit", "machine", "versions", "tag"),
)


def inspect(folder: Path) -> None:
    """Read every file of a run folder; raise where one is damaged or does not belong there."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.suffix == ".toml":
            tomllib.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".jsonl":
            records.read(path)
        elif path.suffix == ".safetensors":
            load_file(path)
        elif path.suffix == ".npz":
            read_state(path)
        elif path.suffix == ".nir":
            read_model(path)
        elif path.name != ".lock" and not path.name.endswith((".lock", ".part")):
            raise AssertionError(f"{path.name} has no place in a run folder")


def compare(first: Path, second: Path) -> None:
    """Raise AssertionError, naming what differs, unless two run folders hold equal results."""
    names = [
        sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        for folder in (first, second)
    ]
    if names[0] != names[1]:
        raise AssertionError(f"files differ: {names[0]} and {names[1]}")
    for name in names[0]:
        if not _equal(first / name, second / name):
            raise AssertionError(f"{name} differs between {first.name} and {second.name}")


def _equal(first: Path, second: Path) -> bool:
    """True for files with equal results, bit for bit."""
    if first.suffix == ".safetensors":
        a, b = load_file(first), load_file(second)
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    if first.suffix == ".npz":
        a, b = read_npz(first), read_npz(second)
        differ = {
            name
            for name in a.keys() | b.keys()
            if name not in a or name not in b or not (a[name] == b[name]).all()
        }
        return differ <= {"tally"}  # it holds seconds
    if first.name == "measured.jsonl":
        a, b = _finished(first), _finished(second)
        return bool(a) and a == b
    if first.suffix == ".jsonl":
        a, b = ([_result(r) for r in records.read(file)] for file in (first, second))
        return a == b
    if first.suffix == ".nir":
        a, b = read_model(first), read_model(second)
        same = all(
            (p.w == q.w).all() and (p.bias == q.bias).all()
            for p, q in zip(a.layers, b.layers, strict=True)
        )
        return same and (a.info, a.steps) == (b.info, b.steps)
    return first.read_bytes() == second.read_bytes()


def _finished(file: Path) -> dict:
    """Return the results of finished tasks; a task that was interrupted may be there twice."""
    tasks = runner.finished(file)
    return {key: [_result(part) for part in parts] for key, parts in tasks.items()}


def _result(record: records.Record) -> records.Record:
    return {name: value for name, value in record.items() if name not in CIRCUMSTANCES}
