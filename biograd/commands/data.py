"""Fetch data sets and hold every file against its checksum; look at recordings of event cameras,
real or simulated.

Without names, what a network gives is fetched: mnist and fashion. events-mnist-simulated is made
from MNIST when it is named (1.4 GB, some minutes, once). nmnist and shd are copies of your own: put
them into the data folder, or name theirs with --data-folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from ..data.datasets import DATASETS, FETCHED, DataError, DataSet, data_folder, load
from ..data.events.sets import EventSet
from ..data.events.simulated import NAME as SIMULATED_EVENTS
from ..data.events.simulated import write_files
from ..data.events.statistics import PUBLISHED, Statistics, statistics
from .console import Console


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()  # data sets; mnist and fashion unless named
    data_folder: Path | None = None  # folder of the data sets; the usual one unless named
    statistics: bool = False  # count the events of every recording, and check it
    # also write the simulated recordings there, a file each, in N-MNIST's folders
    as_files: Path | None = None
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Fetch or make what is missing, and verify."""
    if args.as_files and args.names != (SIMULATED_EVENTS,):
        raise ValueError(
            "as_files writes simulated recordings, and the names are"
            f" {', '.join(args.names) or 'none'}: name {SIMULATED_EVENTS}"
        )
    found, counted = {}, {}
    folder = args.data_folder or data_folder()
    for name in args.names or FETCHED:
        if name not in DATASETS:
            raise DataError(f"there is no data set {name!r}; known: {', '.join(DATASETS)}")
        with console.downloads() as progress:
            train, test = (
                load(name, split, root=folder, progress=progress) for split in ("train", "test")
            )
        found[name] = {"train": len(train), "test": len(test)}
        console.say(
            f"{name}: {len(train):,} training and {len(test):,} test {_what(train)}, in {folder}"
        )
        if args.statistics and isinstance(train, EventSet) and isinstance(test, EventSet):
            counted[name] = {
                members.split: statistics(members)._asdict() for members in (train, test)
            }
            _tell(
                name,
                {split: Statistics(**values) for split, values in counted[name].items()},
                train,
                console,
            )
        if args.as_files and isinstance(train, EventSet) and isinstance(test, EventSet):
            with console.downloads() as progress:
                files = sum(
                    write_files(members, args.as_files, progress) for members in (train, test)
                )
            console.say(f"wrote {files:,} files of simulated recordings into {args.as_files}")
    return {"datasets": found, "folder": str(folder), "statistics": counted}


def _what(samples: DataSet) -> str:
    if not isinstance(samples, EventSet):
        return f"{samples.kind}, checksums right"
    return (
        "simulated recordings" if samples.name == SIMULATED_EVENTS else "recordings, your own copy"
    )


def _tell(name: str, counted: dict[str, Statistics], members: EventSet, console: Console) -> None:
    beside = PUBLISHED if name in (SIMULATED_EVENTS, "nmnist") else {}
    sensor = (
        f"{members.sensor.width} x {members.sensor.height}, polarities: {members.sensor.polarities}"
    )
    both = list(counted.values())
    rows = [
        ["recordings", *(f"{s.recordings:,}" for s in both), beside.get("recordings", "")],
        [
            "events per recording, mean +- sd",
            *(f"{s.events:,.0f} +- {s.events_sd:,.0f}" for s in both),
            beside.get("events", ""),
        ],
        [
            "ON / OFF events per recording",
            *(f"{s.on:,.0f} / {s.off:,.0f}" for s in both),
            beside.get("on / off", ""),
        ],
        ["last event, ms", *(f"{s.last_ms:,.1f}" for s in both), beside.get("movement", "")],
        ["mean column / row", *(f"{s.x:.2f} / {s.y:.2f}" for s in both), ""],
        ["sensor", *(sensor for _ in both), beside.get("sensor", "")],
    ]
    console.table(
        name,
        ["", *counted, *(["N-MNIST as published"] if beside else [])],
        [row if beside else row[:-1] for row in rows],
    )
