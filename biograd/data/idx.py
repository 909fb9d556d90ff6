"""IDX: the file format of MNIST and its kin. A header of sizes, then the bytes; often gzipped.

    byte 0-1  zero        byte 2  element type (8 = unsigned byte)       byte 3  number of axes
    then one big-endian 32-bit size an axis, then the elements, last axis fastest.

Source: the format's description at the end of LeCun, Cortes and Burges, "The MNIST database of
handwritten digits".
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 8  # the only element type these data sets use
MAX_BYTES = 1 << 30  # what a file may grow to when unpacked, unless the caller knows better; bytes
# and of a gzipped one: an allowance, and so many times its own size; MNIST's grow 5 times
FREE_BYTES, MAX_GROWTH = 1 << 24, 32


def read_idx(path: str | Path, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read one file, gzipped or not. Returns uint8, read-only, in the shape that its header tells.

    Raises: ValueError for what is no whole IDX file of bytes; OSError for what cannot be read.
    """
    return parse_idx(read_bounded(path, max_bytes), str(path))


def read_bounded(path: str | Path, max_bytes: int) -> bytes:
    """A file's bytes, unpacked when gzipped; never takes the memory of more than `max_bytes`.

    Raises: ValueError when there is more than that, or when the gzip stream is broken.
    """
    with open(path, "rb") as file:
        return unpack_bounded(file, max_bytes, str(path))


def unpack_bounded(file: io.BufferedIOBase, max_bytes: int, name: str) -> bytes:
    """The rest of a seekable binary file, as `read_bounded` gives it; `name` is for the error."""
    start = file.tell()
    gzipped = file.read(2) == b"\x1f\x8b"
    file.seek(start)
    packed = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    # What unpacks to far more than images ever do is a bomb; the caller's own bound may be larger
    # than memory.
    most = min(max_bytes, FREE_BYTES + MAX_GROWTH * packed) if gzipped else max_bytes
    try:
        content = _read_up_to(gzip.GzipFile(fileobj=file) if gzipped else file, most + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name} is not a whole gzip file ({error}): fetch it again") from error
    if len(content) > most:
        raise ValueError(f"{name} holds more than {most:,} bytes: not the file expected here")
    return content


def _read_up_to(file: io.BufferedIOBase, most: int) -> bytes:
    """At most so many bytes; memory is taken as they come, not at once."""
    parts, left = [], most
    while left > 0 and (part := file.read(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """The array in the bytes of an IDX file: uint8, a read-only view of them. `name` is for the
    error.

    Raises: ValueError when the header is none, or promises another number of bytes than there are.
    """
    axes = content[3] if len(content) >= 4 else 0
    header = 4 + 4 * axes
    if len(content) < header or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE or axes == 0:
        raise ValueError(
            f"{name} is not an IDX file of unsigned bytes (it starts"
            f" {content[:4].hex(' ') or 'empty'}): fetch it again"
        )
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, header, 4))
    if math.prod(shape) != len(content) - header:
        sizes = " x ".join(map(str, shape))
        raise ValueError(
            f"{name} promises {sizes} bytes and holds {len(content) - header:,}: truncated or"
            " forged, fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def format_idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file for a uint8 array of one axis or more."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return (
        bytes((0, 0, UNSIGNED_BYTE, array.ndim))
        + sizes
        + np.ascontiguousarray(array, np.uint8).tobytes()
    )
