"""Fetch data sets and hold every file against its checksum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tyro

from ..console import Console
from ..datasets import DATASETS, data_folder, load


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()  # data sets; all known ones unless named
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Fetch what is missing, and verify."""
    found = {}
    for name in args.names or tuple(DATASETS):
        with console.downloads() as progress:
            sets = [load(name, split, progress=progress) for split in ("train", "test")]
        found[name] = {images.split: len(images) for images in sets}
        console.say(f"{name}: {len(sets[0]):,} training and {len(sets[1]):,} test images, checksums right, in {data_folder()}")
    return {"datasets": found, "folder": str(data_folder())}
