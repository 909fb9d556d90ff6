"""Files from strangers: .npz and HDF5 read within stated sizes and without pickle, everything
written whole or not at all.

A reader here believes nothing a file says about itself before it has compared it with a limit:
shapes are read from headers, multiplied out, held against MAX_BYTES, and only then is memory taken.
Nothing is ever unpickled.
"""

from __future__ import annotations

import ast
import math
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

# of one file once unpacked: 60,000 MNIST images of 20 steps are 0.94e9 spikes, one byte each
MAX_BYTES = 2**31
MAX_OBJECTS = 10_000  # groups and datasets in one HDF5 file
MAX_DEPTH = 12  # of nested HDF5 groups
MAX_FIELDS = 1_000  # arrays in one .npz
MAX_DIRECTORY = 1 << 20  # bytes of the table of contents of an .npz
MAX_EMPTY = 1 << 16  # rows of an array without values
MAX_HEADER = 10_000  # bytes of the header of one array, as NumPy has it
# What a file may unpack to: an allowance, and so many times its own size. Our own .npz (level 1)
# reach 230 where all is 0; a bomb 1,030.
FREE_BYTES, MAX_GROWTH = 1 << 24, 256

_CUT_SHORT = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)
_DTYPE = re.compile(r"[<>|=]?([?]|b1|[iu][1248]|f[248]|U\d{1,9})")
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


def write_whole(path: Path | str, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a temporary file beside `path`, then put it in place in one step; on an
    error nothing is left.

    Raises: OSError where the folder is missing or not writable.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as err:
        raise _explained(err, path) from err
    os.close(handle)
    try:
        fill(Path(name))
        os.chmod(name, 0o644)
        handle = os.open(name, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(name, path)
    except BaseException as err:
        with suppress(FileNotFoundError):
            os.unlink(name)
        if isinstance(err, OSError):
            raise _explained(err, path) from err
        raise


def _explained(err: OSError, path: Path) -> OSError:
    """The same kind of error in one line; HDF5 tells the system's reason in the middle of its own."""
    told = re.search(r"error message = '([^']+)'", str(err))
    reason = told[1] if told else err.strerror or one_line(err)
    return type(err)(
        f"cannot write {path}: {reason}; free space there, mend the folder's permissions, or name"
        " another file"
    )


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
    Raises: FileNotFoundError; ValueError where the file is no .npz, is cut short, holds pickled
    objects, names one array
        twice, says it is larger than MAX_BYTES, or grows by more than MAX_GROWTH.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        _check_directory(path)
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
        raise ValueError(
            f"{path}: not a readable .npz file ({one_line(err)}): write it again"
        ) from None


def open_hdf5(path: Path | str) -> h5py.File:
    """Open an HDF5 file for reading after a walk that took no data into memory found it harmless.

    Harmless: at most MAX_OBJECTS groups and datasets, MAX_DEPTH levels, MAX_BYTES of values, no
    links out of the file, no values stored elsewhere, and only numbers and text.
    Raises: FileNotFoundError; ValueError naming what is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as err:
        raise ValueError(
            f"{path}: not a readable HDF5 file ({one_line(err)}): export the model again"
        ) from None
    try:
        _walk(path, file, 0, {"objects": 0, "bytes": 0, "heaps": set()})
    except BaseException as err:
        file.close()
        if isinstance(err, _RefusedError):
            raise ValueError(str(err)) from None
        if isinstance(
            err,
            (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, zlib.error),
        ):
            raise ValueError(
                f"{path}: damaged HDF5 file ({one_line(err)}): export the model again"
            ) from None
        raise
    return file


class _RefusedError(Exception):
    """What is wrong with a file, in one line; turned into a ValueError at the border."""


def _check_directory(path: Path) -> None:
    """Refuse a table of contents that would not fit in memory; zipfile itself reads all of it."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        # the end record, its comment, and what points to the large form
        file.seek(max(0, size - 22 - 65_535 - 20))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise _RefusedError(f"{path}: not a readable .npz file (no end record): write it again")
    (directory,) = struct.unpack_from("<L", tail, at + 12)
    if directory > MAX_DIRECTORY or tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise _RefusedError(
            f"{path}: its table of contents is larger than {MAX_DIRECTORY:,} bytes: write fewer"
            " arrays"
        )


def _check_members(path: Path, members: list[zipfile.ZipInfo], names: list[str]) -> None:
    if len(members) > MAX_FIELDS:
        raise _RefusedError(
            f"{path}: holds {len(members):,} arrays; at most {MAX_FIELDS:,} are read"
        )
    if len(set(names)) != len(names):
        raise _RefusedError(f"{path}: holds two arrays of one name: write it again")
    # the other methods may ask for gigabytes before the first byte comes out
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _RefusedError(
                f"{path}: is compressed by method {member.compress_type}; stored and deflated are"
                " read: write it again"
            )
    _check_growth(path, sum(member.file_size for member in members))


def _check_growth(path: Path, total: int) -> None:
    """Refuse a file that says it unpacks to more than is read, or to more than its size explains."""
    if total > MAX_BYTES:
        raise _RefusedError(
            f"{path}: unpacks to {total:,} bytes; at most {MAX_BYTES:,} are read: use fewer samples"
        )
    size = path.stat().st_size
    if total > FREE_BYTES + MAX_GROWTH * size:
        raise _RefusedError(
            f"{path}: {size:,} bytes that unpack to {total:,}, more than {MAX_GROWTH} times as"
            " many: forged, or write it again"
        )


def _read_array(path: Path, name: str, size: int, stream: IO[bytes]) -> np.ndarray:
    """Read one .npy member; `size` is what the archive says it unpacks to, and is checked against
    the array's own header.
    """
    shape, fortran, dtype = _read_header(path, name, stream)
    count = 1
    for extent in shape:
        count *= extent
    if count * dtype.itemsize > size:
        raise _RefusedError(
            f"{path}: array {shown(name)} of shape {shape} needs {count * dtype.itemsize:,} bytes,"
            f" the file holds {size:,}"
        )
    # costs nothing, until it is made a list of empty lists
    if not count and math.prod(extent for extent in shape if extent) > MAX_EMPTY:
        raise _RefusedError(
            f"{path}: array {shown(name)} of shape {shape} holds no values in more than"
            f" {MAX_EMPTY:,} rows: write it again"
        )
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise _RefusedError(f"{path}: array {shown(name)} is cut short: write it again")
    array = np.frombuffer(bytearray(data), dtype=dtype)
    if (
        dtype.kind == "U"
        and (array.view(np.dtype(np.uint32).newbyteorder(dtype.byteorder)) > 0x10FFFF).any()
    ):
        raise _RefusedError(f"{path}: array {shown(name)} holds text that is none: write it again")
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _read_header(
    path: Path, name: str, stream: IO[bytes]
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of one .npy. NumPy's own reader also takes forms that only hostile or
    very old files have.
    """
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY" or tuple(magic[6:]) not in ((1, 0), (2, 0)):
        raise _RefusedError(
            f"{path}: array {shown(name)} has .npy version {tuple(magic[6:])}; (1, 0) and (2, 0)"
            " are read"
        )
    (length,) = (
        struct.unpack("<H", stream.read(2))
        if magic[6] == 1
        else struct.unpack("<L", stream.read(4))
    )
    if length > MAX_HEADER:
        raise _RefusedError(
            f"{path}: array {shown(name)} has a header of {length:,} bytes; at most {MAX_HEADER:,}"
            " are read"
        )
    try:
        header = ast.literal_eval(stream.read(length).decode("latin-1").strip())
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        header = None
    if (
        not isinstance(header, dict)
        or set(header) != {"descr", "fortran_order", "shape"}
        or type(header["fortran_order"]) is not bool
    ):
        raise _RefusedError(
            f"{path}: not a readable .npz file (array {shown(name)} has no header): write it again"
        )
    shape, kind = header["shape"], header["descr"]
    if not isinstance(kind, str) or not _DTYPE.fullmatch(kind):
        raise _RefusedError(
            f"{path}: array {shown(name)} holds {shown(kind)} values (pickled objects are never"
            " read): write numbers"
        )
    if (
        not isinstance(shape, tuple)
        or len(shape) > 32
        or not all(type(extent) is int and 0 <= extent <= MAX_BYTES for extent in shape)
    ):
        raise _RefusedError(f"{path}: array {shown(name)} has shape {shown(shape)}: write it again")
    return shape, header["fortran_order"], np.dtype(kind)


def _walk(path: Path, group: Any, depth: int, seen: dict[str, Any]) -> None:
    """Add up objects and bytes below `group`; `Any`: h5py is untyped."""
    if depth > MAX_DEPTH:
        raise _RefusedError(
            f"{path}: groups nested deeper than {MAX_DEPTH}: export the model again"
        )
    for name in group:
        seen["objects"] += 1
        if seen["objects"] > MAX_OBJECTS:
            raise _RefusedError(
                f"{path}: more than {MAX_OBJECTS:,} objects: export the model again"
            )
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise _RefusedError(
                f"{path}: {shown(name)} is a link to elsewhere, which is never followed"
            )
        item = group[name]
        if isinstance(item, h5py.Group):
            _walk(path, item, depth + 1, seen)
        elif isinstance(item, h5py.Dataset):
            _check_dataset(path, name, item, seen)
        else:
            raise _RefusedError(
                f"{path}: {shown(name)} is neither group nor dataset: export the model again"
            )


def _check_dataset(path: Path, name: str, item: Any, seen: dict[str, Any]) -> None:
    if item.external or item.is_virtual:
        raise _RefusedError(
            f"{path}: {shown(name)} keeps its values in another file, which is never opened"
        )
    text = h5py.check_string_dtype(item.dtype)
    if text is None and item.dtype.kind not in "biuf":
        raise _RefusedError(
            f"{path}: {shown(name)} holds {item.dtype} values; only numbers and text are read"
        )
    seen["bytes"] += int(item.size or 0) * item.dtype.itemsize
    if seen["bytes"] > MAX_BYTES:
        raise _RefusedError(
            f"{path}: {shown(name)} brings the file to {seen['bytes']:,} bytes; at most"
            f" {MAX_BYTES:,} are read"
        )
    _check_growth(path, seen["bytes"])
    _check_filters(path, name, item)
    if text is not None and text.length is None:
        _check_text(path, name, item, seen)


def _check_text(path: Path, name: str, item: Any, seen: dict[str, Any]) -> None:
    """Add up texts of free length, one by one: HDF5 takes whatever memory a reference asks for, and
    many may point to one long text.
    """
    count, place = item.size or 0, item.id.get_offset()
    if place is None or not 0 < count <= MAX_OBJECTS:
        raise _RefusedError(
            f"{path}: {shown(name)} holds {count} texts in an odd way: export the model again"
        )
    # of a reference; it begins with the length of its text
    width = item.id.get_storage_size() // count
    if not 8 <= width <= 32:
        raise _RefusedError(
            f"{path}: {shown(name)} holds references of {width:,} bytes: export the model again"
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
            seen["bytes"] += length
            if length > size:
                raise _RefusedError(
                    f"{path}: {shown(name)} has a text of {length:,} letters, more than the file:"
                    " export the model again"
                )
            _check_growth(path, seen["bytes"])
            if length and heap not in seen["heaps"]:
                seen["heaps"].add(heap)
                _check_heap(path, name, file, heap, size)


def _check_heap(path: Path, name: str, file: IO[bytes], place: int, most: int) -> None:
    """Walk the objects of one global heap as HDF5 will: it goes round for ever where one is 0 bytes
    long.

    Source: HDF5 File Format Specification 3.0, III.E: "GCOL", version, size; then objects of index,
    count, size, and data in eights.
    """
    file.seek(min(place, most))
    head = file.read(16)
    size = int.from_bytes(head[8:], "little")
    if head[:4] != b"GCOL" or not 16 <= size <= most - place:
        raise _RefusedError(
            f"{path}: {shown(name)} has its texts in a heap that is none: export the model again"
        )
    at = 16
    while at + 16 <= size:
        file.seek(place + at)
        entry = file.read(16)
        index, length = int.from_bytes(entry[:2], "little"), int.from_bytes(entry[8:], "little")
        # index 0: the free space, its size with the header
        step = 16 + -(-length // 8) * 8 if index else length
        if not 16 <= step <= size - at:
            raise _RefusedError(
                f"{path}: {shown(name)} has its texts in a damaged heap: export the model again"
            )
        at += step


def _check_filters(path: Path, name: str, item: Any) -> None:
    """Refuse what HDF5 would unpack without an end: its own inflating stops at nothing but the
    machine's memory.
    """
    properties = item.id.get_create_plist()
    filters = [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]
    if set(filters) - _FILTERS or len(set(filters)) != len(filters):
        raise _RefusedError(
            f"{path}: {shown(name)} is packed by HDF5's filters {filters}; gzip and shuffle are"
            " read: export it again"
        )
    if h5py.h5z.FILTER_DEFLATE not in filters or item.chunks is None:
        return
    chunk = item.dtype.itemsize
    for extent in item.chunks:
        chunk *= extent
    _check_growth(path, chunk)
    for index in range(item.id.get_num_chunks()):
        place = item.id.get_chunk_info(index)
        if place.size > path.stat().st_size:
            raise _RefusedError(
                f"{path}: {shown(name)} has a part of {place.size:,} bytes, more than the file:"
                " export the model again"
            )
        skipped, packed = item.id.read_direct_chunk(place.chunk_offset)
        unpacking = zlib.decompressobj()
        if not skipped and (
            len(unpacking.decompress(packed, chunk)) != chunk
            or unpacking.decompress(unpacking.unconsumed_tail, 1)
        ):
            raise _RefusedError(
                f"{path}: {shown(name)} unpacks to another size than it says: export the model"
                " again"
            )


def shown(name: object) -> str:
    """A name out of a file as a person may see it: quoted, in printable letters, and short."""
    text = ascii(name)
    return text if len(text) <= 60 else f"{text[:50]}...{text[-1]}"


def one_line(err: BaseException, most: int = 160) -> str:
    """What an error says, in one printable line of at most so many letters; its text may quote a
    file.
    """
    text = " ".join(str(err).split())[:most] or type(err).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in text)
