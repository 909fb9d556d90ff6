"""Scaling over processes: samples per second of several workers on one machine against one.

    python -m torch.distributed.run --standalone --nproc-per-node 2 -m
    benchmarks.measurements.scaling BATCH ROUNDS SECONDS

is the command that `workers_scaling` starts. Each worker has one thread, and they share the batch.
A shared machine changes its pace by a fifth from one second to the next, so the ways of training
take turns within the same processes, each for a fraction of a second:

    one      the first worker alone, while the others wait
    apart    all workers on their parts, without communication: the most that the machine gives
    early    each layer's update is added up while the next one is computed, as `biograd train` does
    late     all updates are added up after the last one
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

import torch
import torch.distributed as dist

from biograd.errors import SignedSpikes
from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.learning.shared_learner import SharedLearner, part_of
from biograd.learning.workers import Workers, joined
from biograd.network import Network

from .speed import SIZES, STEPS, at_random

BATCHES = (100, 400)
WAYS = ("one", "apart", "early", "late")

Speeds = dict[str, list[float]]  # samples per second of each way, one number per round


def workers_scaling(*, workers: int = 2, rounds: int = 15, seconds: float = 0.4) -> dict[str, Any]:
    """Return samples per second in each of the `WAYS`, and their ratios (any: JSON).

    Speeds are medians over interleaved rounds; the ratio of several workers has its quartiles.

    Args:
        rounds: turns of each way.
        seconds: of one turn, about.
    Raises: RuntimeError where the workers do not run.
    """
    results: dict[str, Any] = {
        "workers": workers,
        "steps": STEPS,
        "sizes": list(SIZES),
        "rounds": rounds,
        "batches": {},
    }
    for batch in BATCHES:
        speeds = _race(workers, batch, rounds, seconds)
        ratios = _ratios(speeds, "early", "one")
        results["batches"][str(batch)] = {
            "samples_per_second": {way: statistics.median(speeds[way]) for way in WAYS},
            "ratio_workers": statistics.median(ratios),
            "ratio_workers_quartiles": statistics.quantiles(ratios)[::2],
            "ratio_workers_apart": statistics.median(_ratios(speeds, "apart", "one")),
            "ratio_early_vs_late": statistics.median(_ratios(speeds, "early", "late")),
        }
    return results


def _ratios(speeds: Speeds, way: str, other: str) -> list[float]:
    """Return the speed of one way over that of another, round by round."""
    return [a / b for a, b in zip(speeds[way], speeds[other], strict=True)]


def _race(workers: int, batch: int, rounds: int, seconds: float) -> Speeds:
    """Start the workers, and return the speeds that the first of them prints."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    program = ["-m", "benchmarks.measurements.scaling", str(batch), str(rounds), str(seconds)]
    process = subprocess.run(
        [*launcher, "--nproc-per-node", str(workers), *program],
        capture_output=True,
        text=True,
        timeout=120 + 10 * rounds * len(WAYS) * seconds,
    )
    lines = [line for line in process.stdout.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        raise RuntimeError(
            f"{workers} workers ended with status {process.returncode}: {_reason(process.stderr)}"
        )
    speeds: Speeds = json.loads(lines[-1])
    return speeds


def _reason(stderr: str) -> str:
    """Return the line that names the error; torchrun frames it in many others."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip(" =*-")]
    errors = [line for line in lines if "Error: " in line] or lines
    return errors[-1] if errors else "they printed nothing"


class _Race:
    """One worker's part of a race."""

    def __init__(self, workers: Workers, batch: int) -> None:
        self.workers, self.batch = workers, batch
        self.spikes, self.labels = at_random(batch)
        self.part = part_of(batch, workers.rank, workers.count)
        self.net = Network(SIZES, generator=torch.Generator().manual_seed(0))
        # lr 0: the weights, and so the spikes, stay those of the start
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.0, fused=True)
        self.learners = {way: self._learner(way) for way in WAYS}

    def _learner(self, way: str) -> LocalLearner | SharedLearner:
        generator = torch.Generator().manual_seed(1)
        feedback = RandomDFA(self.net, generator=generator)
        learner = LocalLearner(self.net, feedback, error=SignedSpikes())
        if way in ("one", "apart"):
            return learner
        return SharedLearner(learner, self.workers, overlap=way == "early")

    def turn(self, way: str, updates: int) -> float:
        """Train in one way; returns its seconds, until the last worker is ready."""
        spikes, labels = self.spikes, self.labels
        if way == "apart":
            spikes, labels = spikes[:, self.part], labels[self.part]
        dist.barrier()
        start = time.perf_counter()
        if self.workers.first or way != "one":
            for _ in range(updates):
                self.learners[way].step(spikes, labels)
                self.optimizer.step()
        dist.barrier()
        return time.perf_counter() - start

    def run(self, rounds: int, seconds: float) -> Speeds:
        """Let the ways take turns."""
        for way in WAYS:
            self.turn(way, 3)  # compiled, and at full speed
        updates = max(1, round(3 * seconds / self.turn("one", 3)))
        updates = int(self.workers.broadcast(str(updates).encode()))
        speeds: Speeds = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                speeds[way].append(updates * self.batch / self.turn(way, updates))
        return speeds


def main(batch: int, rounds: int, seconds: float) -> None:
    """Race as one of the workers; the first prints the speeds as JSON."""
    torch.set_num_threads(1)
    with joined("cpu") as workers:
        speeds = _Race(workers, batch).run(rounds, seconds)
        if workers.first:
            sys.stdout.write(json.dumps(speeds) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
