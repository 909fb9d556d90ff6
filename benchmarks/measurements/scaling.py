"""Several workers on one machine: does a second process on a second core train faster than one on
one?

    python -m torch.distributed.run --standalone --nproc-per-node 2 -m
    benchmarks.measurements.scaling BATCH ROUNDS SECONDS

is what `workers_scaling` starts. Each worker has one thread, and the batch is shared among them.
The ways of training take turns within the
same processes, each for a fraction of a second, for a shared machine changes its pace by a fifth
    from one second to the next: the first
worker alone while the others sleep (one); all of them on their parts, telling each other nothing,
which is the most that the machine gives (apart); their updates added up in shared memory, as
`biograd train` does it on one machine (memory); or by gloo, as between machines, each sent as soon
as it is there (early), or by gloo when the last one is (late).
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
from biograd.learning.workers import SharedLearner, Workers, joined, part_of
from biograd.network import Network

from .speed import SIZES, STEPS, at_random

BATCHES = (100, 400)
WAYS = ("one", "apart", "memory", "early", "late")


def workers_scaling(*, workers: int = 2, rounds: int = 15, seconds: float = 0.4) -> dict[str, Any]:
    """Samples a second of one worker, and of several in each of the `WAYS`: medians over
    interleaved rounds, and quartiles of the ratio.

    Args:
        rounds: turns of each way.
        seconds: of a turn, about.
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
        found = _race(workers, batch, rounds, seconds)
        ratios = [several / one for several, one in zip(found["memory"], found["one"], strict=True)]
        results["batches"][str(batch)] = {
            "samples_per_second": {way: statistics.median(speeds) for way, speeds in found.items()},
            "ratio_workers": statistics.median(ratios),
            "ratio_workers_quartiles": statistics.quantiles(ratios)[::2],
            "ratio_workers_apart": _ratio(found["apart"], found["one"]),
            "ratio_workers_gloo": _ratio(found["early"], found["one"]),
            "ratio_early_vs_late": _ratio(found["early"], found["late"]),
        }
    return results


def _ratio(these: list[float], those: list[float]) -> float:
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def _race(workers: int, batch: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Samples a second of each way, a number a round."""
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(workers),
    ]
    program = ["-m", "benchmarks.measurements.scaling", str(batch), str(rounds), str(seconds)]
    done = subprocess.run(
        [*start, *program],
        capture_output=True,
        text=True,
        timeout=120 + 10 * rounds * len(WAYS) * seconds,
    )
    told = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not told:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip(" =*-")]
        # torchrun frames the reason in many others
        said = [line for line in lines if "Error: " in line] or lines
        raise RuntimeError(
            f"{workers} workers ended with status {done.returncode}:"
            f" {said[-1] if said else 'they said nothing'}"
        )
    return json.loads(told[-1])


def _learner(net: Network, way: str, workers: Workers) -> LocalLearner | SharedLearner:
    own = LocalLearner(
        net, RandomDFA(net, generator=torch.Generator().manual_seed(1)), error=SignedSpikes()
    )
    return (
        own
        if way in ("one", "apart")
        else SharedLearner(own, workers, early=way != "late", in_memory=way == "memory")
    )


def main(batch: int, rounds: int, seconds: float) -> None:
    """One worker's part of a race."""
    torch.set_num_threads(1)
    with joined("cpu") as workers:
        net = Network(SIZES, generator=torch.Generator().manual_seed(0))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.0, fused=True)
        spikes, labels = at_random(batch)
        part = part_of(batch, workers.rank, workers.count)

        def turn(way: str, updates: int) -> float:
            shown, told = (spikes[:, part], labels[part]) if way == "apart" else (spikes, labels)
            dist.barrier()
            start = time.perf_counter()
            if workers.first or way != "one":
                for _ in range(updates):
                    learners[way].step(shown, told)
                    optimizer.step()
            dist.barrier()
            return time.perf_counter() - start

        learners = {way: _learner(net, way, workers) for way in WAYS}
        for way in WAYS:
            turn(way, 3)  # compiled, and at speed
        updates = int(workers.send(str(max(1, round(3 * seconds / turn("one", 3)))).encode()))
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                found[way].append(updates * batch / turn(way, updates))
        if workers.first:
            sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
