"""Write files whole or not at all, and print safely what was read from them.

Both are shared with the chip side, whose modules of the same purpose need the standard library
alone; no other module of the simulator's core may import `hardware` (`tests/test_walls.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from hardware.border.atomic import write_whole
from hardware.border.printable import printable

from .checks import text_of

__all__ = ["atomic_write", "path_of", "printable"]
_LONGEST = 255  # bytes of a name in a folder, on every common file system


def path_of(path: object, name: str) -> Path:
    """Return a path, given as one or as text; no file is looked at.

    Raises: TypeError for anything else; ValueError for a path that no file system takes.
    """
    if not isinstance(path, str | os.PathLike) or isinstance(fspath := os.fspath(path), bytes):
        raise TypeError(f"{name} is {text_of(path)}; need a path, as a str or a pathlib.Path")
    longest = max((len(os.fsencode(part)) for part in Path(fspath).parts), default=0)
    if not fspath or "\0" in fspath or longest > _LONGEST:
        raise ValueError(
            f"{name} is {text_of(fspath)}; need a path without zero bytes, of names of 1 to"
            f" {_LONGEST} bytes"
        )
    return Path(fspath)


def atomic_write(path: str | Path, content: bytes | Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all (`write_whole`); missing folders are made.

    Args:
        content: the bytes, or a function that writes them to the open binary file (it may seek).
    Raises:
        OSError (the subclass that the system raised), in one line: no space, no permission, a file
        where a folder should be. Other errors of `content` pass through. The path is then as it
        was, and nothing is left beside it.
    """

    def fill(part: Path) -> None:
        part.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)

    write_whole(path, fill)
