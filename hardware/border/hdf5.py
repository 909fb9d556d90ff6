"""HDF5 files, opened only after a walk that takes no data into memory has found them harmless."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import h5py

from .archive import MAX_BYTES, RefusedError, check_growth
from .printable import one_line, quoted

MAX_OBJECTS = 10_000  # groups and datasets in one file
MAX_DEPTH = 12  # of nested groups
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"

_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}
_DAMAGED = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, zlib.error)


def open_hdf5(path: Path | str) -> h5py.File:
    """Open an HDF5 file for reading, once it is known to be harmless.

    Harmless: at most MAX_OBJECTS groups and datasets, MAX_DEPTH levels, MAX_BYTES of values, no
    links out of the file, no values stored elsewhere, and only numbers and text.
    Raises: FileNotFoundError; ValueError naming what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.stat().st_size < 1024 and path.read_bytes().startswith(_LFS_POINTER):
        raise ValueError(
            f"{path}: a Git LFS pointer in place of the file: fetch it with `git lfs pull`"
        )
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as err:
        raise ValueError(
            f"{path}: not a readable HDF5 file ({one_line(err)}): export the model again"
        ) from None
    try:
        _walk(path, file, 0, _Totals())
    except BaseException as err:
        file.close()
        if isinstance(err, RefusedError):
            raise ValueError(str(err)) from None
        if isinstance(err, _DAMAGED):
            raise ValueError(
                f"{path}: damaged HDF5 file ({one_line(err)}): export the model again"
            ) from None
        raise
    return file


@dataclass
class _Totals:
    """Running sums of one walk."""

    objects: int = 0
    bytes: int = 0
    heaps: set[int] = field(default_factory=set)  # file offsets of the heaps checked so far


def _walk(path: Path, group: Any, depth: int, totals: _Totals) -> None:
    """Add up objects and bytes below `group`. Any, here and below: h5py is untyped."""
    if depth > MAX_DEPTH:
        raise RefusedError(f"{path}: groups nested deeper than {MAX_DEPTH}: export the model again")
    for name in group:
        totals.objects += 1
        if totals.objects > MAX_OBJECTS:
            raise RefusedError(f"{path}: more than {MAX_OBJECTS:,} objects: export the model again")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise RefusedError(
                f"{path}: {quoted(name)} is a link to elsewhere, which is never followed"
            )
        item = group[name]
        if isinstance(item, h5py.Group):
            _walk(path, item, depth + 1, totals)
        elif isinstance(item, h5py.Dataset):
            _check_dataset(path, name, item, totals)
        else:
            raise RefusedError(
                f"{path}: {quoted(name)} is neither group nor dataset: export the model again"
            )


def _check_dataset(path: Path, name: str, item: Any, totals: _Totals) -> None:
    if item.external or item.is_virtual:
        raise RefusedError(
            f"{path}: {quoted(name)} keeps its values in another file, which is never opened"
        )
    text = h5py.check_string_dtype(item.dtype)
    if text is None and item.dtype.kind not in "biuf":
        raise RefusedError(
            f"{path}: {quoted(name)} holds {item.dtype} values; only numbers and text are read"
        )
    totals.bytes += int(item.size or 0) * item.dtype.itemsize
    if totals.bytes > MAX_BYTES:
        raise RefusedError(
            f"{path}: {quoted(name)} brings the file to {totals.bytes:,} bytes; at most"
            f" {MAX_BYTES:,} are read"
        )
    check_growth(path, totals.bytes)
    _check_filters(path, name, item)
    if text is not None and text.length is None:
        _check_text(path, name, item, totals)


def _check_text(path: Path, name: str, item: Any, totals: _Totals) -> None:
    """Add up texts of variable length, one by one.

    HDF5 allocates whatever a reference claims, and many references may point to one long text.
    """
    count, place = item.size or 0, item.id.get_offset()
    if place is None or not 0 < count <= MAX_OBJECTS:
        raise RefusedError(
            f"{path}: {quoted(name)} holds {count} texts in an unusual layout: export the model"
            " again"
        )
    # bytes of a reference; it begins with the length of its text
    width = item.id.get_storage_size() // count
    if not 8 <= width <= 32:
        raise RefusedError(
            f"{path}: {quoted(name)} holds references of {width:,} bytes: export the model again"
        )
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(place)
        references = file.read(width * count)
        for at in range(0, width * count, width):
            length, heap = (
                int.from_bytes(references[first:last], "little")
                for first, last in ((at, at + 4), (at + 4, at + width - 4))
            )
            totals.bytes += length
            if length > size:
                raise RefusedError(
                    f"{path}: {quoted(name)} has a text of {length:,} letters, more than the file:"
                    " export the model again"
                )
            check_growth(path, totals.bytes)
            if length and heap not in totals.heaps:
                totals.heaps.add(heap)
                _check_heap(path, name, file, heap, size)


def _check_heap(path: Path, name: str, file: IO[bytes], place: int, file_size: int) -> None:
    """Walk the objects of one global heap as HDF5 will; an object of 0 bytes would loop for ever.

    Source: HDF5 File Format Specification 3.0, III.E: "GCOL", version, size; then objects of index,
    count, size, and data padded to multiples of eight bytes.
    """
    file.seek(min(place, file_size))
    head = file.read(16)
    size = int.from_bytes(head[8:], "little")
    if head[:4] != b"GCOL" or not 16 <= size <= file_size - place:
        raise RefusedError(
            f"{path}: {quoted(name)} has its texts in no valid heap: export the model again"
        )
    at = 16
    while at + 16 <= size:
        file.seek(place + at)
        entry = file.read(16)
        index, length = int.from_bytes(entry[:2], "little"), int.from_bytes(entry[8:], "little")
        # index 0 is the free space, whose size includes the header
        step = 16 + -(-length // 8) * 8 if index else length
        if not 16 <= step <= size - at:
            raise RefusedError(
                f"{path}: {quoted(name)} has its texts in a damaged heap: export the model again"
            )
        at += step


def _check_filters(path: Path, name: str, item: Any) -> None:
    """Refuse chunks that unpack to another size than stated: HDF5 inflates until memory ends."""
    properties = item.id.get_create_plist()
    filters = [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]
    if set(filters) - _FILTERS or len(set(filters)) != len(filters):
        raise RefusedError(
            f"{path}: {quoted(name)} is packed by the HDF5 filters {filters}; gzip and shuffle are"
            " read: export it again"
        )
    if h5py.h5z.FILTER_DEFLATE not in filters or item.chunks is None:
        return
    chunk = item.dtype.itemsize
    for extent in item.chunks:
        chunk *= extent
    check_growth(path, chunk)
    for index in range(item.id.get_num_chunks()):
        info = item.id.get_chunk_info(index)
        if info.size > path.stat().st_size:
            raise RefusedError(
                f"{path}: {quoted(name)} has a chunk of {info.size:,} bytes, more than the file:"
                " export the model again"
            )
        skipped, packed = item.id.read_direct_chunk(info.chunk_offset)
        unpacking = zlib.decompressobj()
        if not skipped and (
            len(unpacking.decompress(packed, chunk)) != chunk
            or unpacking.decompress(unpacking.unconsumed_tail, 1)
        ):
            raise RefusedError(
                f"{path}: {quoted(name)} unpacks to another size than it says: export the model"
                " again"
            )
