"""IDX: the file format of MNIST and similar sets. A header of sizes, then the bytes; often gzipped.

    byte 0-1  zero        byte 2  element type (8 = unsigned byte)       byte 3  number of axes
    then one big-endian 32-bit size per axis, then the elements, last axis fastest.

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
MAX_BYTES = 1 << 30  # bytes of a file once unpacked, unless the caller gives another limit
# A gzipped file may unpack to FREE_BYTES and MAX_GROWTH times its own size; MNIST's grow 5 times.
FREE_BYTES, MAX_GROWTH = 1 << 24, 32


def read_idx(path: str | Path, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read one file, gzipped or not: uint8, read-only, in the shape that its header gives.

    Raises: ValueError for a file that is no whole IDX file of bytes; OSError for one that cannot be
    read.
    """
    return parse_idx(read_bounded(path, max_bytes), str(path))


def read_bounded(path: str | Path, max_bytes: int) -> bytes:
    """Return a file's bytes, unpacked when gzipped; takes memory for `max_bytes` at most.

    Raises: ValueError when there is more than that, or when the gzip stream is broken.
    """
    with open(path, "rb") as file:
        return unpack_bounded(file, max_bytes, str(path))


def unpack_bounded(file: io.BufferedIOBase, max_bytes: int, name: str) -> bytes:
    """Return the rest of a seekable binary file as `read_bounded` does; `name` is for the error."""
    start = file.tell()
    gzipped = file.read(2) == b"\x1f\x8b"
    file.seek(start)
    packed = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    # A file that unpacks to far more than images do is a bomb; the caller's own bound may be larger
    # than memory.
    limit = min(max_bytes, FREE_BYTES + MAX_GROWTH * packed) if gzipped else max_bytes
    try:
        content = _read_up_to(gzip.GzipFile(fileobj=file) if gzipped else file, limit + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name} is not a whole gzip file ({error}): fetch it again") from error
    if len(content) > limit:
        raise ValueError(f"{name} holds more than {limit:,} bytes: not the file expected here")
    return content


def _read_up_to(file: io.BufferedIOBase, limit: int) -> bytes:
    """Return at most so many bytes; memory is taken as they come, not at once."""
    parts, left = [], limit
    while left > 0 and (part := file.read(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """Return the array in the bytes of an IDX file: uint8, a read-only view of them.

    Args: name: of the file, for the error.
    Raises: ValueError when there is no such header, or it promises another number of bytes.
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
    """Return the bytes of an IDX file for a uint8 array of one axis or more."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return (
        bytes((0, 0, UNSIGNED_BYTE, array.ndim))
        + sizes
        + np.ascontiguousarray(array, np.uint8).tobytes()
    )
