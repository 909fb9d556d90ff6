"""Arrays of .npz files, read within stated sizes and without pickle, written whole or not at all.

A reader takes nothing that a file says about itself on trust: it multiplies the shapes of the
headers out, compares them with MAX_BYTES, and only then takes memory. Nothing is ever unpickled.
"""

from __future__ import annotations

import ast
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from .atomic import write_whole
from .printable import one_line, quoted

# of one file once unpacked: 60,000 MNIST images of 20 steps are 0.94e9 spikes, one byte each
MAX_BYTES = 2**31
MAX_FIELDS = 1_000  # arrays in one .npz
MAX_DIRECTORY = 1 << 20  # bytes of the table of contents of an .npz
MAX_EMPTY = 1 << 16  # rows of an array without values
MAX_HEADER = 10_000  # bytes of the header of one array, as NumPy limits it
# Largest unpacked size: an allowance plus a multiple of the file's own size. Files of write_npz
# (level 1) reach 230 times where all is 0; a bomb reaches 1,030.
FREE_BYTES, MAX_GROWTH = 1 << 24, 256

_DAMAGED = (
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
        objects, names one array twice, unpacks to more than MAX_BYTES, or grows by more than
        MAX_GROWTH.
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
    except RefusedError as err:
        raise ValueError(str(err)) from None
    except _DAMAGED as err:
        raise ValueError(
            f"{path}: not a readable .npz file ({one_line(err)}): write it again"
        ) from None


class RefusedError(Exception):
    """A file's fault in one line; the public readers turn it into a ValueError."""


def _check_directory(path: Path) -> None:
    """Refuse a table of contents that would not fit in memory; zipfile would read all of it."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        # the end record, its comment, and the pointer to the large (zip64) form
        file.seek(max(0, size - 22 - 65_535 - 20))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise RefusedError(f"{path}: not a readable .npz file (no end record): write it again")
    (directory,) = struct.unpack_from("<L", tail, at + 12)
    if directory > MAX_DIRECTORY or tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise RefusedError(
            f"{path}: its table of contents is larger than {MAX_DIRECTORY:,} bytes: write fewer"
            " arrays"
        )


def _check_members(path: Path, members: list[zipfile.ZipInfo], names: list[str]) -> None:
    if len(members) > MAX_FIELDS:
        raise RefusedError(
            f"{path}: holds {len(members):,} arrays; at most {MAX_FIELDS:,} are read"
        )
    if len(set(names)) != len(names):
        raise RefusedError(f"{path}: holds two arrays of one name: write it again")
    # other methods may allocate gigabytes before the first byte comes out
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise RefusedError(
                f"{path}: is compressed by method {member.compress_type}; stored and deflated are"
                " read: write it again"
            )
    check_growth(path, sum(member.file_size for member in members))


def check_growth(path: Path, total: int) -> None:
    """Refuse a file that claims to unpack to `total` bytes, too many in all or for its size."""
    if total > MAX_BYTES:
        raise RefusedError(
            f"{path}: unpacks to {total:,} bytes; at most {MAX_BYTES:,} are read: use fewer samples"
        )
    size = path.stat().st_size
    if total > FREE_BYTES + MAX_GROWTH * size:
        raise RefusedError(
            f"{path}: {size:,} bytes that unpack to {total:,}, more than {MAX_GROWTH} times as"
            " many: forged, or write it again"
        )


def _read_array(path: Path, name: str, size: int, stream: IO[bytes]) -> np.ndarray:
    """Read one .npy member.

    Args:
        size: bytes it unpacks to, as the archive claims; compared with the array's own header.
    """
    shape, fortran, dtype = _read_header(path, name, stream)
    count = 1
    for extent in shape:
        count *= extent
    if count * dtype.itemsize > size:
        raise RefusedError(
            f"{path}: array {quoted(name)} of shape {shape} needs {count * dtype.itemsize:,} bytes,"
            f" the file holds {size:,}"
        )
    # such an array costs nothing until it is turned into a list of empty lists
    if not count and math.prod(extent for extent in shape if extent) > MAX_EMPTY:
        raise RefusedError(
            f"{path}: array {quoted(name)} of shape {shape} holds no values in more than"
            f" {MAX_EMPTY:,} rows: write it again"
        )
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise RefusedError(f"{path}: array {quoted(name)} is cut short: write it again")
    array = np.frombuffer(bytearray(data), dtype=dtype)
    if (
        dtype.kind == "U"
        and (array.view(np.dtype(np.uint32).newbyteorder(dtype.byteorder)) > 0x10FFFF).any()
    ):
        raise RefusedError(
            f"{path}: array {quoted(name)} holds text beyond Unicode: write it again"
        )
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _read_header(
    path: Path, name: str, stream: IO[bytes]
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, Fortran order and dtype of one .npy.

    NumPy's own reader also accepts forms that only hostile or very old files have.
    """
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY" or tuple(magic[6:]) not in ((1, 0), (2, 0)):
        raise RefusedError(
            f"{path}: array {quoted(name)} has .npy version {tuple(magic[6:])}; (1, 0) and (2, 0)"
            " are read"
        )
    (length,) = (
        struct.unpack("<H", stream.read(2))
        if magic[6] == 1
        else struct.unpack("<L", stream.read(4))
    )
    if length > MAX_HEADER:
        raise RefusedError(
            f"{path}: array {quoted(name)} has a header of {length:,} bytes; at most {MAX_HEADER:,}"
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
        raise RefusedError(
            f"{path}: not a readable .npz file (array {quoted(name)} has no header): write it again"
        )
    shape, kind = header["shape"], header["descr"]
    if not isinstance(kind, str) or not _DTYPE.fullmatch(kind):
        raise RefusedError(
            f"{path}: array {quoted(name)} holds {quoted(kind)} values (pickled objects are never"
            " read): write numbers"
        )
    if (
        not isinstance(shape, tuple)
        or len(shape) > 32
        or not all(type(extent) is int and 0 <= extent <= MAX_BYTES for extent in shape)
    ):
        raise RefusedError(
            f"{path}: array {quoted(name)} has shape {quoted(shape)}: write it again"
        )
    return shape, header["fortran_order"], np.dtype(kind)
