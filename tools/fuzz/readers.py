"""The readers under test, by name, each with a few small whole files to start from.

A new reader is a function that returns a `Reader`, and a line in `READERS` (and in
`__main__.NAMES`, which imports nothing heavy).
"""

from __future__ import annotations

from collections.abc import Callable

from chip_files import fixed, foreign, learning, model, netx, result, spikes
from data_files import event_archive, event_trains, events, idx, pickled
from reader import Reader
from run_files import checkpoint, config, measurements, record_lines

READERS: dict[str, Callable[[], Reader]] = {
    "model": model,
    "foreign": foreign,
    "spikes": spikes,
    "result": result,
    "fixed": fixed,
    "netx": netx,
    "learning": learning,
    "checkpoint": checkpoint,
    "config": config,
    "idx": idx,
    "pickle": pickled,
    "records": record_lines,
    "measurements": measurements,
    "events": events,
    "event-archive": event_archive,
    "event-trains": event_trains,
}
