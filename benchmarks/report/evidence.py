"""What the report knows: views of a heap of records, whatever its state. Foreign, broken and failed
records are set apart and counted.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from biograd.runs import records

from ..same_task import identity

Record = records.Record


@dataclass(frozen=True)
class Accuracy:
    """One kind of training run over its seeds; percent."""

    method: str
    config: Record  # of the last seed
    seeds: tuple[int, ...]
    percent: tuple[float, ...]  # of the last epoch, in the order of `seeds`
    results: tuple[Record, ...]
    origins: tuple[Record, ...]  # the records themselves

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.fmean(self.percent)

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one seed."""
        return statistics.stdev(self.percent) if len(self.percent) > 1 else None

    @property
    def net(self) -> str:
        """Hidden sizes, steps and epochs, e.g. "256-256, T = 10, 10 epochs"."""
        c = self.config
        hidden = "-".join(str(n) for n in c.get("hidden") or ())
        return f"{hidden or '?'}, T = {c.get('steps', '?')}, {c.get('epochs', '?')} epochs"

    def told(self) -> str:
        """For tables: mean, spread and number of seeds."""
        if self.spread is None:
            return f"{self.mean:.2f} % (1 seed)"
        return f"{self.mean:.2f} ± {self.spread:.2f} % ({len(self.percent)} seeds)"


class Evidence:
    """Records, sorted into what can be told."""

    def __init__(self, found: Iterable[Record]) -> None:
        self.measurements: list[Record] = []  # with results, oldest first
        self.deployments: list[Record] = []  # of `biograd deploy`: flat records
        self.runs: list[Record] = []
        self.epochs: list[Record] = []
        self.left_out: list[tuple[str, str]] = []  # (what, why)
        for record in found:
            self._sort_in(record)
        self.measurements.sort(key=lambda record: str(record.get("when")))

    def _sort_in(self, record: Any) -> None:  # any: what stood in a file
        if not isinstance(record, dict):
            self.left_out.append(("a line", "is no record"))
        elif record.get("format", records.FORMAT) != records.FORMAT:
            name = f"{record.get('kind')} {record.get('name', '')}".strip()
            self.left_out.append(
                (name, f"format {record.get('format')}; this version reads {records.FORMAT}")
            )
        elif record.get("error"):
            self.left_out.append((f"{record.get('name')}", f"failed: {record['error']}"))
        elif record.get("kind") == "epoch":
            self.epochs.append(record)
        elif record.get("kind") == "run":
            self.runs.append(record)
        elif record.get("kind") == "measurement" and isinstance(record.get("results"), dict):
            self.measurements.append(record)
        elif record.get("kind") == "measurement":
            self.deployments.append(record)
        else:
            self.left_out.append(
                (f"a record of kind {record.get('kind')!r}", "is of no known kind")
            )

    def named(self, name: str) -> list[Record]:
        """Measurements of this name, oldest first."""
        return [record for record in self.measurements if record.get("name") == name]

    def latest(self, name: str) -> Record | None:
        """The newest measurement of this name."""
        found = self.named(name)
        return found[-1] if found else None

    def results(self, name: str) -> Record:
        """The newest measurement's results; empty where there is none."""
        record = self.latest(name)
        return record["results"] if record else {}

    def accuracies(self) -> list[Accuracy]:
        """Training runs by method and configuration, each seed once (the newest), in the order they
        first appear.
        """
        groups: dict[str, dict[int, Record]] = {}
        for record in self.named("accuracy"):
            key = json.dumps(
                [record["results"].get("method"), _kind(record)], sort_keys=True, default=str
            )
            if isinstance(record["results"].get("test_accuracy"), int | float):
                groups.setdefault(key, {})[int(record.get("seed") or 0)] = record
        found = []
        for key, seeds in groups.items():
            ordered = [seeds[seed] for seed in sorted(seeds)]
            found.append(
                Accuracy(
                    method=str(json.loads(key)[0]),
                    config=ordered[-1].get("config") or {},
                    seeds=tuple(sorted(seeds)),
                    percent=tuple(100 * record["results"]["test_accuracy"] for record in ordered),
                    results=tuple(record["results"] for record in ordered),
                    origins=tuple(ordered),
                )
            )
        return found

    def best(self, *starts: str, sgd: bool = False) -> Accuracy | None:
        """The best kind of run whose method starts with one of these, under SGD or not; kinds with
        more seeds first.
        """
        kinds = [
            a
            for a in self.accuracies()
            if a.method.startswith(starts) and (a.config.get("optimizer") == "sgd") == sgd
        ]
        return max(kinds, key=lambda a: (min(len(a.seeds), 3), a.mean), default=None)

    def device_energy(self, device: str, mode: str, method: str) -> list[Record]:
        """Results of this machine's joules and seconds, by batch size, of the newest suite that has
        them.
        """
        by_batch: dict[int, Record] = {}
        for record in self.named("device energy"):
            r = record["results"]
            if (r.get("device"), r.get("mode"), r.get("method")) == (
                device,
                mode,
                method,
            ) and isinstance(r.get("batch"), int):
                by_batch[r["batch"]] = r | {"_record": record}
        return [by_batch[batch] for batch in sorted(by_batch)]

    def grouped(self, name: str, *by: str) -> list[list[Record]]:
        """Measurements of a name, a list for each configuration (and each value of the results
        `by`): one record per seed, the newest.
        """
        groups: dict[str, dict[str, Record]] = {}
        for record in self.named(name):
            key = json.dumps(
                [_kind(record), [record["results"].get(result) for result in by]],
                sort_keys=True,
                default=str,
            )
            groups.setdefault(key, {})[str(record.get("seed"))] = record
        return [list(seeds.values()) for seeds in groups.values()]

    def chip_learning(self) -> tuple[str, str] | None:
        """Test accuracy learned in the chip's integers, and by which variant; the net of the paper,
        then the one with most seeds.
        """
        groups = self.grouped("chip learning")
        if not groups:
            return None
        paper_net = [
            found
            for found in groups
            if list((found[0].get("config") or {}).get("sizes") or []) == [784, 100, 10]
        ]
        found = max(
            paper_net or groups,
            key=lambda g: (
                len(g),
                statistics.fmean(record["results"]["test_accuracy"] for record in g),
            ),
        )
        percent = [100 * record["results"]["test_accuracy"] for record in found]
        spread = f" ± {statistics.stdev(percent):.2f}" if len(percent) > 1 else ""
        told = (
            f"{statistics.fmean(percent):.2f}{spread} % ({len(percent)}"
            f" seed{'s' if len(percent) > 1 else ''})"
        )
        return told, str(found[-1]["results"].get("method"))

    def machines(self) -> list[str]:
        """The machines of the measurements, each once."""
        return list(dict.fromkeys(machine_of(record) for record in self.measurements))


def _kind(record: Record) -> Record:
    """What the seeds of one measurement have in common."""
    config = record.get("config")
    return {
        name: value
        for name, value in identity(config if isinstance(config, dict) else {}).items()
        if name != "seed"
    }


def joules_of(result: Record, *, above_idle: bool) -> float | None:
    """Mean measured joules per sample over the windows whose counter moved; None where none did."""
    key = "j_per_sample_above_idle" if above_idle else "j_per_sample"
    values = [window.get(key) for window in result.get("windows") or []]
    known = [value for value in values if isinstance(value, int | float) and value > 0]
    return statistics.fmean(known) if known else None


def machine_of(record: Record) -> str:
    """A record's machine in a few words."""
    m = record.get("machine")
    if not isinstance(m, dict):
        return str(m or "machine not recorded")
    gpu = f", {m['gpu']}" if m.get("gpu") else ""
    return f"{m.get('cpu', '?')}, {m.get('threads', '?')} of {m.get('cores', '?')} threads{gpu}"


def newest(found: list[Record]) -> list[Record]:
    """The newest record of each configuration and number of threads."""
    return list(
        {
            f"{record.get('config')} {record['results'].get('threads')}": record for record in found
        }.values()
    )


def busy(record: Record) -> bool:
    """Whether others were at work on the machine: its times are then worth less."""
    m = record.get("machine")
    load = m.get("load") if isinstance(m, dict) else None
    return isinstance(load, int | float) and load > 1.5 * (m or {}).get("cores", 1)


def mean_curve(curves: Iterable[list[float]]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation over seeds at every epoch that all have reached."""
    columns: Iterator[tuple[float, ...]] = zip(*curves, strict=False)
    pairs = [
        (statistics.fmean(column), statistics.stdev(column) if len(column) > 1 else 0.0)
        for column in columns
    ]
    return [mean for mean, _ in pairs], [spread for _, spread in pairs]


def over_seeds(records: list[Record], name: Callable[[Record], str]) -> list[list[str]]:
    """[name, mean, standard deviation, seeds] in percent, of the newest record of each seed; one
    seed has no deviation.
    """
    groups: dict[str, dict[int, float]] = defaultdict(dict)
    for record in records:
        groups[name(record)][int(record.get("seed") or 0)] = 100 * float(
            record["results"]["test_accuracy"]
        )
    rows = []
    for kind, found in groups.items():
        percent = np.array(list(found.values()))
        spread = f"{percent.std(ddof=1):.2f}" if len(percent) > 1 else ""
        rows.append([kind, f"{percent.mean():.2f}", spread, str(len(percent))])
    return rows
