"""Write a file whole or not at all. Needs the standard library alone; the simulator uses it too."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path | str, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a temporary file beside `path`, then rename it to `path` in one step.

    At every moment `path` is the old file or the whole new one, also after a power failure. Writers
    at the same time do not mix; the last to finish wins.

    Args:
        fill: creates and writes the file at the path it is called with.
    Raises:
        OSError (the subclass that the system raised), in one line: no such folder, no permission,
        no space. Other errors of `fill` pass through. `path` is then as it was, and nothing is
        left beside it.
    """
    path = Path(path)
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
    try:
        fill(part)
        with open(part, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as err:
        raise _explained(err, path) from err
    finally:
        # Nothing to remove after success, nor where the folder itself cannot be entered: that error
        # is already being raised.
        with suppress(OSError):
            part.unlink()


def _sync_folder(folder: Path) -> None:
    """Write the folder's new entry to the disk, so that the new file survives a power failure."""
    # some file systems cannot; the file itself is whole either way
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _explained(err: OSError, path: Path) -> OSError:
    """Return an error of the same class in one line; HDF5 embeds the system's message in its."""
    embedded = re.search(r"error message = '([^']+)'", str(err))
    reason = embedded[1] if embedded else err.strerror or " ".join(str(err).split())
    return type(err)(
        f"cannot write {path}: {reason}; free space there, fix the folder's permissions, or name"
        " another folder"
    )
