"""Fetch data sets and hold every file against its checksum; count and write camera recordings.

Without names, the small sets are fetched: mnist and fashion. cifar10 is fetched when it is named.
events-mnist-simulated is made from MNIST when it is named (1.4 GB, some minutes, once). nmnist and
shd are read from your own copies: put them into the data folder, or name their folder with
--data-folder. fsdd (spoken digits; fsdd-george, fsdd-jackson, fsdd-lucas, fsdd-nicolas, fsdd-theo
and fsdd-yweweler set one person apart) and japanese-vowels are fetched when they are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from .console import Console


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()  # data sets; by default mnist and fashion
    data_folder: Path | None = None  # folder of the data sets; by default the usual one
    statistics: bool = False  # count the events of every recording, and check it
    skip_bad: bool = False  # leave out recordings that cannot be read, and count them
    # also write the simulated recordings there, one file each, in N-MNIST's folders
    as_files: Path | None = None
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Fetch or make what is missing, and verify."""
    from .work import data  # loads torch, which --help does not need

    return data.run(args, console)
