"""Write files whole or not at all, and print safely what was read from them.

Both are shared with the chip side, whose modules of the same purpose need the standard library
alone; no other module of the simulator's core may import `hardware` (`tests/test_walls.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from hardware.border.atomic import write_whole
from hardware.border.printable import printable

from .checks import path_of

__all__ = ["atomic_write", "path_of", "printable"]


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


def is_path(name: object) -> bool:
    """Return whether a data set's name is a path: an .npz or .ts file, or text with a separator.

    Example:
        >>> is_path("my.npz"), is_path("./digits"), is_path("mnist")
        (True, True, False)
    """
    return isinstance(name, str) and (name.endswith((".npz", ".ts")) or "/" in name or "\\" in name)
