"""Files from strangers: .npz and HDF5 read within stated sizes and without pickle, everything written whole or not at all.

A reader here believes nothing a file says about itself before it has compared it with a limit: shapes are read from
headers, multiplied out, held against MAX_BYTES, and only then is memory taken. Nothing is ever unpickled.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

MAX_BYTES = 2**31  # of one file once unpacked: 60,000 MNIST images of 20 steps are 0.94e9 spikes, one byte each
MAX_OBJECTS = 10_000  # groups and datasets in one HDF5 file
MAX_DEPTH = 12  # of nested HDF5 groups
MAX_FIELDS = 1_000  # arrays in one .npz

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_CUT_SHORT = (zipfile.BadZipFile, EOFError, OSError, ValueError, KeyError, NotImplementedError, RuntimeError)


def write_whole(path: Path | str, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a temporary file beside `path`, then put it in place in one step; on an error nothing is left.

    Raises: OSError where the folder is missing or not writable.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    try:
        fill(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def write_npz(path: Path | str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as a compressed .npz, whole or not at all; object arrays are refused."""

    def fill(part: Path) -> None:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as out:
                    np.lib.format.write_array(out, np.asanyarray(array), allow_pickle=False)

    write_whole(path, fill)


def read_npz(path: Path | str) -> dict[str, np.ndarray]:
    """Read every array of an .npz whose unpacked size stays below MAX_BYTES.

    Returns: name -> array of a boolean, integer, float or text dtype.
    Raises: FileNotFoundError; ValueError where the file is no .npz, is cut short, holds pickled objects, names one array
        twice, or says it is larger than MAX_BYTES.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename.removesuffix(".npy") for member in members]
            _check_members(path, members, names)
            arrays = {}
            for name, member in zip(names, members, strict=True):
                with archive.open(member) as stream:
                    arrays[name] = _read_array(path, name, member.file_size, stream)
            return arrays
    except _RefusedError as err:
        raise ValueError(str(err)) from None
    except _CUT_SHORT as err:
        raise ValueError(f"{path}: not a readable .npz file ({_one_line(err)}): write it again") from None


def open_hdf5(path: Path | str) -> h5py.File:
    """Open an HDF5 file for reading after a walk that took no data into memory found it harmless.

    Harmless: at most MAX_OBJECTS groups and datasets, MAX_DEPTH levels, MAX_BYTES of values, no links out of the file,
    no values stored elsewhere, and only numbers and text.
    Raises: FileNotFoundError; ValueError naming what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as err:
        raise ValueError(f"{path}: not a readable HDF5 file ({_one_line(err)}): export the model again") from None
    try:
        _walk(path, file, 0, {"objects": 0, "bytes": 0})
    except BaseException as err:
        file.close()
        if isinstance(err, _RefusedError):
            raise ValueError(str(err)) from None
        if isinstance(err, (OSError, RuntimeError, KeyError, TypeError, ValueError)):
            raise ValueError(f"{path}: damaged HDF5 file ({_one_line(err)}): export the model again") from None
        raise
    return file


class _RefusedError(Exception):
    """What is wrong with a file, in one line; turned into a ValueError at the border."""


def _check_members(path: Path, members: list[zipfile.ZipInfo], names: list[str]) -> None:
    if len(members) > MAX_FIELDS:
        raise _RefusedError(f"{path}: holds {len(members):,} arrays; at most {MAX_FIELDS:,} are read")
    if len(set(names)) != len(names):
        raise _RefusedError(f"{path}: holds two arrays of one name: write it again")
    total = sum(member.file_size for member in members)
    if total > MAX_BYTES:
        raise _RefusedError(f"{path}: unpacks to {total:,} bytes; at most {MAX_BYTES:,} are read: use fewer samples")


def _read_array(path: Path, name: str, size: int, stream: IO[bytes]) -> np.ndarray:
    """Read one .npy member; `size` is what the archive says it unpacks to, and is checked against the array's own header."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise _RefusedError(f"{path}: array {name!r} has .npy version {version}; 1.0 and 2.0 are read")
    shape, fortran, dtype = _HEADERS[version](stream)
    if dtype.hasobject or dtype.kind not in "biufU":
        raise _RefusedError(f"{path}: array {name!r} holds {dtype} values (pickled objects are never read): write numbers")
    if any(extent < 0 for extent in shape):
        raise _RefusedError(f"{path}: array {name!r} has shape {shape}: write it again")
    count = 1
    for extent in shape:
        count *= extent
    if count * dtype.itemsize > size:
        raise _RefusedError(f"{path}: array {name!r} of shape {shape} needs {count * dtype.itemsize:,} bytes, the file holds {size:,}")
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise _RefusedError(f"{path}: array {name!r} is cut short: write it again")
    array = np.frombuffer(bytearray(data), dtype=dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _walk(path: Path, group: Any, depth: int, seen: dict[str, int]) -> None:
    """Add up objects and bytes below `group`; `Any`: h5py is untyped."""
    if depth > MAX_DEPTH:
        raise _RefusedError(f"{path}: groups nested deeper than {MAX_DEPTH}: export the model again")
    for name in group:
        seen["objects"] += 1
        if seen["objects"] > MAX_OBJECTS:
            raise _RefusedError(f"{path}: more than {MAX_OBJECTS:,} objects: export the model again")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise _RefusedError(f"{path}: {name!r} is a link to elsewhere, which is never followed")
        item = group[name]
        if isinstance(item, h5py.Group):
            _walk(path, item, depth + 1, seen)
        elif isinstance(item, h5py.Dataset):
            _check_dataset(path, name, item, seen)
        else:
            raise _RefusedError(f"{path}: {name!r} is neither group nor dataset: export the model again")


def _check_dataset(path: Path, name: str, item: Any, seen: dict[str, int]) -> None:
    if item.external or item.is_virtual:
        raise _RefusedError(f"{path}: {name!r} keeps its values in another file, which is never opened")
    text = h5py.check_string_dtype(item.dtype) is not None
    if not text and item.dtype.kind not in "biuf":
        raise _RefusedError(f"{path}: {name!r} holds {item.dtype} values; only numbers and text are read")
    seen["bytes"] += int(item.size or 0) * item.dtype.itemsize
    if seen["bytes"] > MAX_BYTES:
        raise _RefusedError(f"{path}: {name!r} brings the file to {seen['bytes']:,} bytes; at most {MAX_BYTES:,} are read")


def _one_line(err: BaseException) -> str:
    return " ".join(str(err).split())[:160] or type(err).__name__
