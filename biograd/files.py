"""Files: written whole or not at all, whatever happens in between; and what stands in those of
others, as it may be shown.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO


def atomic_write(path: str | Path, content: bytes | Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all: into a temporary file beside it, to the disk, then renamed
    over it.

    Missing folders are made. Writers at the same time do not mix; the last to finish stays.

    Args:
        content: the bytes, or a function that writes them into the open binary file (it may seek).
    Raises:
        OSError (the subclass that the system gave): no space, no permission, a file where a folder
        should be; in one line. The path is then as it was, and nothing is left beside it. What
        `content` raises passes through, with the same promise.
    """
    path = Path(path)
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _settle(path.parent)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        _remove(part)


def _settle(folder: Path) -> None:
    """Have the folder's new entry on the disk too: after a power failure the new file is there, not
    the old one.
    """
    # some file systems cannot; the file itself is whole either way
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(part: Path) -> None:
    # Nothing to remove after success, nor where even the folder cannot be entered: that error is
    # already on its way.
    with contextlib.suppress(OSError):
        part.unlink()


def _explained(error: OSError, path: Path) -> OSError:
    reason = error.strerror or str(error)
    return type(error)(
        f"cannot write {path}: {reason}; free space there, mend the folder's permissions, or name"
        " another folder"
    )


def shown(value: object, most: int = 200) -> str:
    """What stood in a file, or an error that quotes it, as a person may see it: printable letters,
    and at most so many.
    """
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value))
    return text if len(text) <= most else text[:most] + "..."
