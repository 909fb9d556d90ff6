"""Arrays of different lengths in an HDF5 file, read without trusting it.

HDF5's own code takes whatever memory a reference to such an array asks for, and goes round for ever
in a heap whose objects are 0 bytes long. So h5py only finds the table here; the references and the
heap they point to are read by these lines, and held against the size of the file before anything is
taken.

    reference   length, 4 bytes; address of a heap, 8 bytes; number of an object in it, 4 bytes
    heap        "GCOL", version, 3 bytes, size, 8 bytes; then objects: number, 2 bytes; count, 2; 4 bytes; size, 8; data in eights

Source: HDF5 File Format Specification 3.0, III.E and IV.A.2.c (The HDF Group).
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

MAX_CHUNK = 1 << 26  # bytes of one part of a table once unpacked
_DEFLATE, _SHUFFLE = 1, 2  # numbers of HDF5's filters
_REFERENCE, _HEAD = 16, 16  # bytes


class Rows:
    """The rows of a table of one axis, as bytes; numbers or references."""

    def __init__(self, path: Path, table: Any) -> None:  # any: h5py's Dataset
        self.path, self.table, self.size = path, table, path.stat().st_size
        self.width = _REFERENCE if table.dtype.hasobject else table.dtype.itemsize
        self._first, self._part = -1, b""
        if table.ndim != 1 or table.external or table.is_virtual:
            raise ValueError(f"{path}: {table.name} is no plain list: need the layout of SHD")
        properties = table.id.get_create_plist()
        self.filters = [
            properties.get_filter(index)[0] for index in range(properties.get_nfilters())
        ]
        if set(self.filters) - {_DEFLATE, _SHUFFLE} or len(set(self.filters)) != len(self.filters):
            raise ValueError(
                f"{path}: {table.name} is packed by HDF5's filters {self.filters}; gzip and shuffle"
                " are read: write it again"
            )

    def __getitem__(self, index: int) -> bytes:
        if self.table.chunks is None:
            place = self.table.id.get_offset()
            return _read(
                self.path,
                (place if place is not None else self.size) + index * self.width,
                self.width,
            )
        first = index // self.table.chunks[0] * self.table.chunks[0]
        if first != self._first:
            self._first, self._part = first, self._chunk(first)
        return self._part[(index - first) * self.width :][: self.width]

    def _chunk(self, first: int) -> bytes:
        most = self.table.chunks[0] * self.width
        stored = self.table.id.get_chunk_info_by_coord((first,))
        if most > MAX_CHUNK or stored.size > self.size:
            raise ValueError(
                f"{self.path}: {self.table.name} has parts of {most:,} bytes; at most {MAX_CHUNK:,}"
                " are read: write it again"
            )
        # HDF5 answers a claim without values with zeros, and h5py's direct read with a MemoryError
        if stored.byte_offset is None:
            raise ValueError(
                f"{self.path}: {self.table.name} has no values at row {first:,}: cut short, fetch"
                " it again"
            )
        skipped, part = self.table.id.read_direct_chunk((first,))
        for number, which in reversed(list(enumerate(self.filters))):
            if not skipped >> number & 1:
                part = (
                    zlib.decompressobj().decompress(part, most)
                    if which == _DEFLATE
                    else _unshuffled(part, self.width)
                )
        if len(part) != most:
            raise ValueError(
                f"{self.path}: {self.table.name} unpacks to another size than it says: damaged,"
                " fetch it again"
            )
        return part


def array(rows: Rows, index: int, most: int) -> np.ndarray:
    """The array that row `index` refers to, of at most so many numbers.

    Raises: ValueError where the row refers to none, to a longer one, or to one that the file cannot
    hold.
    """
    import h5py

    name = f"recording {index} of {rows.path}"
    kind = h5py.check_vlen_dtype(rows.table.dtype)
    if kind is None or np.dtype(kind).kind not in "iuf":
        raise ValueError(
            f"{rows.path}: {rows.table.name} holds {rows.table.dtype}, no arrays of numbers: need"
            " the layout of SHD"
        )
    reference = rows[index]
    length, heap, number = (
        int.from_bytes(reference[a:b], "little") for a, b in ((0, 4), (4, 12), (12, 16))
    )
    if length > most:
        raise ValueError(
            f"{name} holds {length:,} events, more than {most:,}: split it, or raise max_events"
        )
    size = length * np.dtype(kind).itemsize
    return np.frombuffer(_object(rows, heap, number, size, name) if length else b"", dtype=kind)


def numbers(rows: Rows, most: int) -> np.ndarray:
    """All rows as numbers, at most so many; ValueError where there are more, or they are no
    numbers.
    """
    count, kind = math.prod(rows.table.shape), rows.table.dtype
    if count > most or kind.kind not in "iuf":
        raise ValueError(
            f"{rows.path}: {rows.table.name} holds {count:,} values of {kind}; at most {most:,}"
            " numbers are read"
        )
    content = b"".join(rows[index] for index in range(count))
    if len(content) != count * kind.itemsize:
        raise ValueError(f"{rows.path}: {rows.table.name} is cut short: fetch it again")
    return np.frombuffer(content, dtype=kind)


def _object(rows: Rows, heap: int, number: int, size: int, name: str) -> bytes:
    head = _read(rows.path, heap, _HEAD)
    end = int.from_bytes(head[8:], "little")
    if head[:4] != b"GCOL" or end > rows.size - heap:
        raise ValueError(f"{name} lies in a heap that is none: the file is damaged, fetch it again")
    at = _HEAD
    while at + _HEAD <= end:
        entry = _read(rows.path, heap + at, _HEAD)
        found, length = int.from_bytes(entry[:2], "little"), int.from_bytes(entry[8:], "little")
        if found == number and found and size <= length <= end - at - _HEAD:
            return _read(rows.path, heap + at + _HEAD, size)
        # number 0: free space, its size with the header
        step = _HEAD + -(-length // 8) * 8 if found else length
        if step < _HEAD:
            break
        at += step
    raise ValueError(f"{name} is not where the file says: damaged, fetch it again")


def _read(path: Path, place: int, size: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(min(place, 1 << 62))
        content = file.read(size)
    if len(content) != size:
        raise ValueError(f"{path} refers to bytes beyond its end: truncated, fetch it again")
    return content


def _unshuffled(part: bytes, width: int) -> bytes:
    """Bytes in the order of their rows again: all first bytes stood first, then all second ones."""
    if width < 2 or len(part) % width:
        return part
    return np.frombuffer(part, np.uint8).reshape(width, -1).T.tobytes()
