"""A reader of files, as the fuzzer uses it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mutations

# For readers of zip archives.
ZIP = (mutations.inside_zip, mutations.inside_zip, mutations.blind)


@dataclass
class Reader:
    """One reader, the files it starts from, and the mutations that damage them (one listed twice is
    applied twice as often).
    """

    seeds: list[bytes]
    read: Callable[[Path], object]
    mutations: Sequence[Callable] = (mutations.blind,)
    words: Sequence[bytes] = ()  # with a meaning to this reader
    name: str = "input"  # of the file that is read
    beside: dict[str, bytes] = field(default_factory=dict)  # other files of its folder

    def put(self, folder: Path, content: bytes) -> Path:
        """Write an input; return the path for `read`."""
        for name, other in self.beside.items():
            (folder / name).write_bytes(other)
        path = folder / self.name
        path.write_bytes(content)
        return path


def written(write: Callable[[Path], object], name: str = "seed") -> bytes:
    """Return the bytes that `write` puts into a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()
