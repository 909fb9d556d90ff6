"""Files that pass between simulator and chip: models as .nir, spikes and results as .npz.

A .nir file is a NIR graph in HDF5. `model` defines the objects, `nir_graph` the graph and its
conventions. Every file carries a format number, is written whole or not at all (`atomic`), and is
read within stated sizes, without pickle (`archive`, `hdf5`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nir
import numpy as np

from .archive import MAX_BYTES, read_npz, write_npz
from .atomic import write_whole
from .checks import instance_of, path_of
from .hdf5 import open_hdf5
from .model import COUNTED, OVERFLOWS, Model, OperationCounts, RunResult, SpikeInput
from .nir_foreign import Foreign, from_foreign
from .nir_graph import FORMAT, FORMATS, graph_of, model_of_graph
from .nir_notes import RESET, notes_on
from .printable import one_line, quoted


def write_model(model: Model, path: Path | str) -> None:
    """Write `model` as a NIR file, whole or not at all."""
    path = path_of(path, "path")
    graph = graph_of(instance_of(model, Model, "model", "a Model"))
    write_whole(path, lambda part: nir.write(part, graph))


def read_model(path: Path | str, *, foreign: Foreign | None = None) -> Model:
    """Read a model file.

    Args:
        foreign: how to read a file that another tool wrote (`nir_foreign`); None: only files of
            `write_model` are read. Such a Model has `notes` on what its file leaves open.
    Raises: FileNotFoundError; ValueError where the file is damaged, too large, of another format
        number, or holds a graph that neither `nir_graph` nor `nir_foreign` reads.
    """
    path = path_of(path, "path")
    with open_hdf5(path) as file:
        entry = file.get("node/metadata/biograd/format")
        number = entry[()] if entry is not None and entry.shape == () else None
    if number is None and foreign is None:
        raise ValueError(
            f"{path}: a NIR or HDF5 file without BioGrad's metadata: export it with `biograd"
            " export`, or name its time steps (--steps) to read it as another tool's"
        )
    if number is not None and number not in FORMATS:
        stored = quoted(getattr(number, "tolist", lambda: number)())
        raise ValueError(
            f"{path}: format {stored}; this version reads formats 1 and 2: export it again, or"
            " update biograd"
        )
    if (
        number is not None
        and foreign is not None
        and (foreign.dt is not None or foreign.w_in is not None or foreign.reset is not None)
    ):
        raise ValueError(
            f"{path}: a file of BioGrad, which states its time step, w_in and reset: leave dt, w_in"
            " and reset out"
        )
    try:
        graph = nir.read(path, type_check=number == FORMAT)  # other tools leave shapes open
    # the library checks little: its nodes raise whatever their arithmetic happens to raise
    except Exception as err:
        raise ValueError(
            f"{path}: not a NIR graph of known nodes ({one_line(err)}): export it again"
        ) from None
    try:
        if number is not None or foreign is None:
            return model_of_graph(graph)
        model = from_foreign(graph, foreign)
        notes = [n for n in notes_on(graph) if n != RESET or foreign.reset is None]
        return dataclasses.replace(model, notes=tuple(notes))
    except (ValueError, TypeError, AttributeError) as err:
        raise ValueError(f"{path}: {one_line(err, 2000)}") from None


def write_spikes(spikes: SpikeInput, path: Path | str) -> None:
    """Write encoded samples as .npz, eight spikes per byte."""
    arrays: dict[str, Any] = {
        "format": np.int64(FORMAT),
        "shape": np.array(spikes.spikes.shape, dtype=np.int64),
        "spikes": np.packbits(spikes.spikes.reshape(-1)),
    }
    if spikes.labels is not None:
        arrays["labels"] = spikes.labels
    if spikes.lengths is not None:
        arrays["lengths"] = spikes.lengths
    write_npz(path, arrays)


def read_spikes(path: Path | str) -> SpikeInput:
    """Read encoded samples.

    The file is one of `write_spikes`, or any .npz with `spikes` [T, B, N] of 0 and 1 (and `labels`
    [B], and `lengths` [B], the steps of each sample).
    Raises: FileNotFoundError; ValueError naming the array that is missing or of the wrong shape.
    """
    arrays = read_npz(path)
    spikes = _field(path, arrays, "spikes")
    if "shape" in arrays:
        _check_format(path, arrays)
        stored = arrays["shape"]
        is_shape = stored.dtype.kind in "iu" and stored.ndim == 1
        shape = tuple(map(int, stored.tolist())) if is_shape else ()
        valid = (
            len(shape) == 3
            and min(shape) > 0
            and math.prod(shape) <= MAX_BYTES
            and spikes.dtype == np.uint8
        )
        if not valid or spikes.ndim != 1 or -(-math.prod(shape) // 8) != spikes.size:
            raise ValueError(
                f"{path}: {spikes.size:,} bytes of spikes do not make shape {shape}: write it again"
            )
        spikes = np.unpackbits(spikes, count=math.prod(shape)).reshape(shape)
    try:
        extras = {name: arrays.get(name) for name in ("labels", "lengths")}
        return SpikeInput(spikes=spikes, **extras)
    except ValueError as err:
        raise ValueError(f"{path}: {err}") from None


def write_result(result: RunResult, path: Path | str) -> None:
    """Write the result of a run as .npz; recordings as u1, u2, ..., v1, ..., s1, ..."""
    arrays: dict[str, Any] = {
        "format": np.int64(FORMAT),
        "counts": result.counts,
        "target": np.array(result.target),
        "seconds": np.float64(result.seconds),
        "samples": np.int64(result.operations.samples),
        "steps": np.int64(result.operations.steps),
    }
    arrays |= {name: getattr(result.operations, name) for name in COUNTED}
    arrays |= {
        name: np.int64(getattr(result, name))
        for name in OVERFLOWS
        if getattr(result, name) is not None
    }
    for name in ("u", "v", "s"):
        for number, array in enumerate(getattr(result, name) or (), start=1):
            arrays[f"{name}{number}"] = array
    write_npz(path, arrays)


def read_result(path: Path | str) -> RunResult:
    """Read the result of a run.

    Raises: FileNotFoundError; ValueError naming the array that is missing or wrong.
    """
    arrays = read_npz(path)
    _check_format(path, arrays)
    scalars = {
        name: _field(path, arrays, name) for name in ("seconds", "samples", "steps", "target")
    }
    if any(array.shape != () for array in scalars.values()):
        raise ValueError(
            f"{path}: seconds, samples, steps and target need one value each: write it again"
        )
    extras: dict[str, Any] = {name: _recordings(arrays, name) for name in ("u", "v", "s")}
    try:
        extras |= {name: int(arrays[name].item()) for name in OVERFLOWS if name in arrays}
        operations = OperationCounts(
            **{name: _field(path, arrays, name) for name in COUNTED},
            samples=int(scalars["samples"]),
            steps=int(scalars["steps"]),
        )
        return RunResult(
            counts=_field(path, arrays, "counts"),
            target=str(scalars["target"]),
            seconds=float(scalars["seconds"]),
            operations=operations,
            **extras,
        )
    except (ValueError, TypeError, OverflowError) as err:
        raise ValueError(f"{path}: {err}") from None


def _field(path: Path | str, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise ValueError(
            f"{path}: has no array {name!r}; it has"
            f" {', '.join(map(quoted, sorted(arrays)[:20])) or 'none'}"
        )
    return arrays[name]


def _check_format(path: Path | str, arrays: Mapping[str, np.ndarray]) -> None:
    number = _field(path, arrays, "format")
    if number.shape != () or number != FORMAT:
        stored = f"of shape {number.shape}" if number.shape else quoted(number.item())
        raise ValueError(
            f"{path}: format {stored}; this version reads format {FORMAT}: write it again, or"
            " update biograd"
        )


def _recordings(arrays: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, ...] | None:
    names = [f"{name}{number}" for number in range(1, len(arrays) + 1)]
    return tuple(arrays[name] for name in names if name in arrays) or None
