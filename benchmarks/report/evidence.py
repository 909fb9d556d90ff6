"""Records sorted for the report: by name, method, configuration and seed.

Records of unknown formats or kinds, and failed measurements, are set apart and counted.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from biograd.runs.records import FORMAT, Record

from ..same_task import identity


@dataclass(frozen=True)
class Accuracy:
    """Training runs of one method and configuration over their seeds; percent."""

    method: str
    config: Record  # of the last seed
    seeds: tuple[int, ...]
    percent: tuple[float, ...]  # of the last epoch, in the order of `seeds`
    results: tuple[Record, ...]

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

    @property
    def text(self) -> str:
        """Mean, spread and number of seeds, for tables."""
        if self.spread is None:
            return f"{self.mean:.2f} % (1 seed)"
        return f"{self.mean:.2f} ± {self.spread:.2f} % ({len(self.percent)} seeds)"


class Evidence:
    """The records that the report can show, sorted by kind and date.

    Args:
        records: of any origin and state.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.measurements: list[Record] = []  # with results, oldest first
        self.deployments: list[Record] = []  # of `biograd deploy`: flat records
        self.runs: list[Record] = []
        self.epochs: list[Record] = []
        self.left_out: list[tuple[str, str]] = []  # (record, reason)
        for record in records:
            self._sort_in(record)
        self.measurements.sort(key=lambda record: str(record.get("when")))

    def _sort_in(self, record: Any) -> None:  # any: a value from a file
        if not isinstance(record, dict):
            self.left_out.append(("a line", "is no record"))
        elif record.get("format", FORMAT) != FORMAT:
            name = f"{record.get('kind')} {record.get('name', '')}".strip()
            reason = f"format {record.get('format')}; this version reads {FORMAT}"
            self.left_out.append((name, reason))
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
            name = f"a record of kind {record.get('kind')!r}"
            self.left_out.append((name, "is of no known kind"))

    def named(self, name: str) -> list[Record]:
        """Return the measurements of this name, oldest first."""
        return [record for record in self.measurements if record.get("name") == name]

    def results(self, name: str) -> Record:
        """Return the results of the newest measurement of this name; {} if there is none."""
        records = self.named(name)
        return records[-1]["results"] if records else {}

    def accuracies(self) -> list[Accuracy]:
        """Group training runs by method and configuration, in the order of their first record.

        Each seed counts once, by its newest record.
        """
        groups: dict[str, dict[int, Record]] = {}
        for record in self.named("accuracy"):
            key = json.dumps(
                [record["results"].get("method"), _without_seed(record)],
                sort_keys=True,
                default=str,
            )
            if isinstance(record["results"].get("test_accuracy"), int | float):
                groups.setdefault(key, {})[int(record.get("seed") or 0)] = record
        return [_accuracy(json.loads(key)[0], seeds) for key, seeds in groups.items()]

    def best(self, *starts: str, sgd: bool = False) -> Accuracy | None:
        """Return the best accuracy among methods whose names start with one of these.

        Methods with more seeds (up to three) come before those with fewer.

        Args:
            sgd: trained by SGD, or by any other optimizer.
        """
        candidates = [
            a
            for a in self.accuracies()
            if a.method.startswith(starts) and (a.config.get("optimizer") == "sgd") == sgd
        ]
        return max(candidates, key=lambda a: (min(len(a.seeds), 3), a.mean), default=None)

    def device_energy(self, device: str, mode: str, method: str) -> list[Record]:
        """Return the newest results per batch size of measured joules and seconds."""
        by_batch: dict[int, Record] = {}
        for record in self.named("device energy"):
            r = record["results"]
            asked = (r.get("device"), r.get("mode"), r.get("method")) == (device, mode, method)
            if asked and isinstance(r.get("batch"), int):
                by_batch[r["batch"]] = r
        return [by_batch[batch] for batch in sorted(by_batch)]

    def grouped(self, name: str, *by: str) -> list[list[Record]]:
        """Group the measurements of a name by configuration, the newest record of each seed.

        Args:
            by: keys of the results that also separate groups.
        """
        groups: dict[str, dict[str, Record]] = {}
        for record in self.named(name):
            key = json.dumps(
                [_without_seed(record), [record["results"].get(result) for result in by]],
                sort_keys=True,
                default=str,
            )
            groups.setdefault(key, {})[str(record.get("seed"))] = record
        return [list(seeds.values()) for seeds in groups.values()]

    def chip_learning(self) -> tuple[str, str] | None:
        """Return the test accuracy learned in the chip's integers, in words, and its variant.

        Of the paper's net where it was measured; of those, the variant with most seeds.
        """
        groups = self.grouped("chip learning")
        if not groups:
            return None
        paper_net = [
            group
            for group in groups
            if list((group[0].get("config") or {}).get("sizes") or []) == [784, 100, 10]
        ]

        def rank(group: list[Record]) -> tuple[int, float]:
            return len(group), statistics.fmean(r["results"]["test_accuracy"] for r in group)

        best = max(paper_net or groups, key=rank)
        percent = [100 * record["results"]["test_accuracy"] for record in best]
        spread = f" ± {statistics.stdev(percent):.2f}" if len(percent) > 1 else ""
        seeds = f"{len(percent)} seed{'s' if len(percent) > 1 else ''}"
        text = f"{statistics.fmean(percent):.2f}{spread} % ({seeds})"
        return text, str(best[-1]["results"].get("method"))

    def machines(self) -> list[str]:
        """Return the machines of the measurements, each once."""
        return list(dict.fromkeys(machine_of(record) for record in self.measurements))


def _accuracy(method: object, by_seed: dict[int, Record]) -> Accuracy:
    ordered = [by_seed[seed] for seed in sorted(by_seed)]
    return Accuracy(
        method=str(method),
        config=ordered[-1].get("config") or {},
        seeds=tuple(sorted(by_seed)),
        percent=tuple(100 * record["results"]["test_accuracy"] for record in ordered),
        results=tuple(record["results"] for record in ordered),
    )


def _without_seed(record: Record) -> Record:
    """Return the part of the configuration that all seeds of a measurement share."""
    config = record.get("config")
    settings = identity(config if isinstance(config, dict) else {})
    return {name: value for name, value in settings.items() if name != "seed"}


def joules_of(result: Record, *, above_idle: bool) -> float | None:
    """Return the mean measured joules per sample; None if no window's counter moved."""
    key = "j_per_sample_above_idle" if above_idle else "j_per_sample"
    values = [window.get(key) for window in result.get("windows") or []]
    joules = [value for value in values if isinstance(value, int | float) and value > 0]
    return statistics.fmean(joules) if joules else None


def machine_of(record: Record) -> str:
    """Return a record's machine in a few words."""
    m = record.get("machine")
    if not isinstance(m, dict):
        return str(m or "machine not recorded")
    gpu = f", {m['gpu']}" if m.get("gpu") else ""
    return f"{m.get('cpu', '?')}, {m.get('threads', '?')} of {m.get('cores', '?')} threads{gpu}"


def newest(records: list[Record]) -> list[Record]:
    """Return the newest record of each configuration and number of threads."""
    by_setting = {
        f"{record.get('config')} {record['results'].get('threads')}": record for record in records
    }
    return list(by_setting.values())


def busy(record: Record) -> bool:
    """Return whether other programs loaded the machine, which makes times less reliable."""
    m = record.get("machine")
    load = m.get("load") if isinstance(m, dict) else None
    return isinstance(load, int | float) and load > 1.5 * (m or {}).get("cores", 1)


def mean_curve(curves: Iterable[list[float]]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation over seeds, for each epoch that all seeds reached."""
    columns: Iterator[tuple[float, ...]] = zip(*curves, strict=False)
    pairs = [
        (statistics.fmean(column), statistics.stdev(column) if len(column) > 1 else 0.0)
        for column in columns
    ]
    return [mean for mean, _ in pairs], [spread for _, spread in pairs]


def over_seeds(records: list[Record], name: Callable[[Record], str]) -> list[list[str]]:
    """Return rows [name, mean, standard deviation, seeds] of test accuracies, percent.

    The newest record of each seed counts; one seed has no deviation.
    """
    groups: dict[str, dict[int, float]] = defaultdict(dict)
    for record in records:
        percent = 100 * float(record["results"]["test_accuracy"])
        groups[name(record)][int(record.get("seed") or 0)] = percent
    rows = []
    for group, by_seed in groups.items():
        values = np.array(list(by_seed.values()))
        spread = f"{values.std(ddof=1):.2f}" if len(values) > 1 else ""
        rows.append([group, f"{values.mean():.2f}", spread, str(len(values))])
    return rows
