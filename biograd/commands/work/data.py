"""Fetch, make and verify data sets; count and write recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...checks import known_words
from ...data.datasets import DATASETS, FETCHED, DataError, DataSet, data_folder, load
from ...data.events.sets import EventSet
from ...data.events.simulated import NAME as SIMULATED_EVENTS
from ...data.events.simulated import write_files
from ...data.events.statistics import PUBLISHED, Statistics, statistics
from ...data.sound.series import SeriesSet
from ..console import Console

if TYPE_CHECKING:
    from ..data import Args


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Fetch or make what is missing, and verify."""
    if args.as_files and args.names != (SIMULATED_EVENTS,):
        raise ValueError(
            "as_files writes simulated recordings, and the names are"
            f" {', '.join(args.names) or 'none'}: name {SIMULATED_EVENTS}"
        )
    sizes, counted = {}, {}
    folder = args.data_folder or data_folder()
    for name in args.names or FETCHED:
        train, test = _load(name, folder, args.skip_bad, console)
        sizes[name] = {"train": len(train), "test": len(test)}
        console.say(
            f"{name}: {len(train):,} training and {len(test):,} test {_kind(train)}, in {folder}"
        )
        if args.statistics and not isinstance(train, EventSet):
            console.say(
                f"note: {name} holds {train.kind}: --statistics counts events of recordings"
            )
        if isinstance(train, EventSet) and isinstance(test, EventSet):
            if args.statistics:
                counts = {part.split: statistics(part) for part in (train, test)}
                counted[name] = {split: count._asdict() for split, count in counts.items()}
                _print_statistics(name, counts, train, console)
            if args.as_files:
                _write_files((train, test), args.as_files, console)
    return {"datasets": sizes, "folder": str(folder), "statistics": counted}


def _load(name: str, folder: Path, skip_bad: bool, console: Console) -> tuple[DataSet, DataSet]:
    if name not in DATASETS:
        raise DataError(f"there is no data set {name!r}; {known_words(name, DATASETS)}")
    with console.downloads() as progress:
        train = load(name, "train", root=folder, progress=progress, skip_bad=skip_bad)
        test = load(name, "test", root=folder, progress=progress, skip_bad=skip_bad)
    return train, test


def _write_files(parts: tuple[EventSet, EventSet], folder: Path, console: Console) -> None:
    with console.downloads() as progress:
        files = sum(write_files(part, folder, progress) for part in parts)
    console.say(f"wrote {files:,} files of simulated recordings into {folder}")


def _kind(samples: DataSet) -> str:
    if isinstance(samples, SeriesSet):
        return "series of sound" if samples.mel else "series, checksums right"
    if not isinstance(samples, EventSet):
        return f"{samples.kind}, checksums right"
    if samples.name == SIMULATED_EVENTS:
        return "simulated recordings"
    return "recordings, your own copy"


def _print_statistics(
    name: str, counts: dict[str, Statistics], members: EventSet, console: Console
) -> None:
    """Print a table of both halves, beside published figures for N-MNIST and its simulation."""
    published = PUBLISHED if name in (SIMULATED_EVENTS, "nmnist") else {}
    halves = list(counts.values())
    sensor = members.sensor
    size = f"{sensor.width} x {sensor.height}, polarities: {sensor.polarities}"
    table = {
        "recordings": ([f"{s.recordings:,}" for s in halves], "recordings"),
        "events per recording, mean +- sd": (
            [f"{s.events:,.0f} +- {s.events_sd:,.0f}" for s in halves],
            "events",
        ),
        "ON / OFF events per recording": (
            [f"{s.on:,.0f} / {s.off:,.0f}" for s in halves],
            "on / off",
        ),
        "last event, ms": ([f"{s.last_ms:,.1f}" for s in halves], "movement"),
        "mean column / row": ([f"{s.x:.2f} / {s.y:.2f}" for s in halves], ""),
        "sensor": ([size] * len(halves), "sensor"),
    }
    columns, rows = ["", *counts], [[label, *cells] for label, (cells, _) in table.items()]
    if published:
        columns.append("N-MNIST as published")
        for row, (_, key) in zip(rows, table.values(), strict=True):
            row.append(published.get(key, ""))
    console.table(name, columns, rows)
