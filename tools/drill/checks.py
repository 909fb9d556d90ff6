"""What must hold of a run folder whenever its process died, and when two runs are equal."""

from __future__ import annotations

from pathlib import Path

import tomllib
import torch
from safetensors.torch import load_file

from benchmarks import suite
from biograd.runs import records
from hardware.border.archive import read_npz
from hardware.border.files import read_model
from hardware.learning.state import read_state

# Of a record: how long it took and where. All else is a result.
PASSING = (
    "seconds",
    "night_seconds",
    "samples_per_second",
    "wall_seconds",
    "run",
    "when",
    "commit",
    "machine",
    "versions",
    "tag",
)


def inspect(folder: Path) -> None:
    """Every file of a run folder under its own name can be read."""
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


def compare(one: Path, other: Path) -> None:
    """Two run folders hold equal results, bit for bit; raises AssertionError naming what differs."""
    names = [
        sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        for folder in (one, other)
    ]
    if names[0] != names[1]:
        raise AssertionError(f"files differ: {names[0]} and {names[1]}")
    for name in names[0]:
        if not _equal(one / name, other / name):
            raise AssertionError(f"{name} differs between {one.name} and {other.name}")


def _equal(one: Path, other: Path) -> bool:
    if one.suffix == ".safetensors":
        a, b = load_file(one), load_file(other)
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    if one.suffix == ".npz":
        a, b = read_npz(one), read_npz(other)
        differ = {
            name
            for name in a.keys() | b.keys()
            if name not in a or name not in b or not (a[name] == b[name]).all()
        }
        return differ <= {"tally"}  # it holds seconds
    # half of a task may stand there twice; what counts are the finished ones
    if one.name == "measured.jsonl":
        there = [
            {key: [_result(part) for part in parts] for key, parts in suite.finished(file).items()}
            for file in (one, other)
        ]
        return bool(there[0]) and there[0] == there[1]
    if one.suffix == ".jsonl":
        return [_result(record) for record in records.read(one)] == [
            _result(record) for record in records.read(other)
        ]
    if one.suffix == ".nir":
        a, b = read_model(one), read_model(other)
        same = all(
            (p.w == q.w).all() and (p.bias == q.bias).all()
            for p, q in zip(a.layers, b.layers, strict=True)
        )
        return same and (a.info, a.steps) == (b.info, b.steps)
    return one.read_bytes() == other.read_bytes()


def _result(record: records.Record) -> records.Record:
    return {name: value for name, value in record.items() if name not in PASSING}
