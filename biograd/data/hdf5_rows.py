"""Arrays of different lengths in an HDF5 file, read without trusting it.

HDF5's own code takes whatever memory a reference to such an array asks for, and loops for ever in a
heap whose objects are 0 bytes long. So h5py only finds the table; the references and the heap they
point to are read here, and held against the size of the file before memory is taken.

    reference   length, 4 bytes; address of a heap, 8 bytes; number of an object in it, 4 bytes
    heap        "GCOL"; version, 1 byte; 3 bytes unused; size, 8 bytes; then objects
    object      number, 2 bytes; count, 2 bytes; 4 bytes unused; size, 8 bytes; data, padded to 8

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
    """The rows of a table of one axis, as bytes: numbers or references."""

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
        limit = self.table.chunks[0] * self.width
        stored = self.table.id.get_chunk_info_by_coord((first,))
        if limit > MAX_CHUNK or stored.size > self.size:
            raise ValueError(
                f"{self.path}: {self.table.name} has parts of {limit:,} bytes; at most"
                f" {MAX_CHUNK:,} are read: write it again"
            )
        # For a claim without values HDF5 returns zeros, and h5py's direct read a MemoryError.
        if stored.byte_offset is None:
            raise ValueError(
                f"{self.path}: {self.table.name} has no values at row {first:,}: cut short, fetch"
                " it again"
            )
        skipped, part = self.table.id.read_direct_chunk((first,))
        for number, filter_id in reversed(list(enumerate(self.filters))):
            if skipped >> number & 1:
                continue
            part = self._undone(filter_id, part, limit)
        if len(part) != limit:
            raise ValueError(
                f"{self.path}: {self.table.name} unpacks to another size than it says: damaged,"
                " fetch it again"
            )
        return part

    def _undone(self, filter_id: int, part: bytes, limit: int) -> bytes:
        """Undo one filter; returns at most so many bytes."""
        if filter_id == _DEFLATE:
            return zlib.decompressobj().decompress(part, limit)
        return _unshuffled(part, self.width)


def array(rows: Rows, index: int, limit: int) -> np.ndarray:
    """Return the array that row `index` refers to, of at most so many numbers.

    Raises: ValueError where the row refers to no array, to a longer one, or to one that the file
    cannot hold.
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
    if length > limit:
        raise ValueError(
            f"{name} holds {length:,} events, more than {limit:,}: split it, or raise max_events"
        )
    size = length * np.dtype(kind).itemsize
    return np.frombuffer(_object(rows, heap, number, size, name) if length else b"", dtype=kind)


def numbers(rows: Rows, limit: int) -> np.ndarray:
    """Return all rows as numbers; ValueError where there are more than `limit`, or no numbers."""
    count, kind = math.prod(rows.table.shape), rows.table.dtype
    if count > limit or kind.kind not in "iuf":
        raise ValueError(
            f"{rows.path}: {rows.table.name} holds {count:,} values of {kind}; at most {limit:,}"
            " numbers are read"
        )
    content = b"".join(rows[index] for index in range(count))
    if len(content) != count * kind.itemsize:
        raise ValueError(f"{rows.path}: {rows.table.name} is cut short: fetch it again")
    return np.frombuffer(content, dtype=kind)


def _object(rows: Rows, heap: int, number: int, size: int, name: str) -> bytes:
    """Return the bytes of an object in a heap."""
    head = _read(rows.path, heap, _HEAD)
    end = int.from_bytes(head[8:], "little")
    if head[:4] != b"GCOL" or end > rows.size - heap:
        raise ValueError(f"{name} lies in a heap that is none: the file is damaged, fetch it again")
    at = _HEAD
    while at + _HEAD <= end:
        entry = _read(rows.path, heap + at, _HEAD)
        entry_number = int.from_bytes(entry[:2], "little")
        length = int.from_bytes(entry[8:], "little")
        if entry_number == number != 0 and size <= length <= end - at - _HEAD:
            return _read(rows.path, heap + at + _HEAD, size)
        # Number 0 is free space; its size includes the header.
        step = _HEAD + -(-length // 8) * 8 if entry_number else length
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
    """Undo HDF5's shuffle, which stores the first bytes of all rows, then the second ones, ..."""
    if width < 2 or len(part) % width:
        return part
    return np.frombuffer(part, np.uint8).reshape(width, -1).T.tobytes()
