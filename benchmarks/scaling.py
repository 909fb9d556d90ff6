"""Several workers on one machine: does a second process on a second core train faster than one on one?

    python -m torch.distributed.run --standalone --nproc-per-node 2 -m benchmarks.scaling SECONDS BATCH memory

is what `workers_scaling` starts, in turns with one worker; each has one thread, and the batch is shared among them. Their updates are
added up in shared memory, as `biograd train` does it on one machine; by gloo, as between machines, each sent as soon as it is there
(early); or by gloo when the last one is (late).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

import torch

from biograd.errors import SignedSpikes
from biograd.feedback import RandomDFA
from biograd.learner import LocalLearner
from biograd.network import Network
from biograd.workers import SharedLearner, joined

from .speed import SIZES, STEPS, at_random

BATCHES = (100, 400)
WAYS = ("memory", "early", "late")


def workers_scaling(*, workers: int = 2, rounds: int = 3, seconds: float = 2.0) -> dict[str, Any]:
    """Samples a second of one worker, and of several in each of the `WAYS`; medians over interleaved rounds.

    Raises: RuntimeError where the workers do not run.
    """
    results: dict[str, Any] = {"workers": workers, "steps": STEPS, "sizes": list(SIZES), "rounds": rounds, "batches": {}}
    for batch in BATCHES:
        found: dict[str, list[float]] = {name: [] for name in ("one", *(f"several, {way}" for way in WAYS))}
        for _ in range(rounds):
            for name, speeds in found.items():
                speeds.append(_race(1 if name == "one" else workers, seconds, batch, way=name.removeprefix("several, ")))
        results["batches"][str(batch)] = {
            "samples_per_second": {name: statistics.median(speeds) for name, speeds in found.items()},
            "ratio_workers": _ratio(found["several, memory"], found["one"]),
            "ratio_workers_gloo": _ratio(found["several, early"], found["one"]),
            "ratio_early_vs_late": _ratio(found["several, early"], found["several, late"]),
        }
    return results


def _ratio(these: list[float], those: list[float]) -> float:
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def _race(workers: int, seconds: float, batch: int, *, way: str) -> float:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
    program = ["-m", "benchmarks.scaling", str(seconds), str(batch), way]
    done = subprocess.run([*start, *program], capture_output=True, text=True, timeout=60 + 10 * seconds)
    told = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not told:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip(" =*-")]
        said = [line for line in lines if "Error" in line] or lines  # torchrun frames the reason in many others
        raise RuntimeError(f"{workers} workers ended with status {done.returncode}: {said[-1] if said else 'they said nothing'}")
    return float(json.loads(told[-1])["samples_per_second"])


def main(seconds: float, batch: int, way: str) -> None:
    """One worker's part of a race."""
    torch.set_num_threads(1)
    with joined("cpu") as workers:
        net = Network(SIZES, generator=torch.Generator().manual_seed(0))
        own = LocalLearner(net, RandomDFA(net, generator=torch.Generator().manual_seed(1)), error=SignedSpikes())
        learner = own if workers.count == 1 else SharedLearner(own, workers, early=way != "late", in_memory=way == "memory")
        optimizer = torch.optim.Adam(net.parameters(), lr=0.0, fused=True)
        spikes, labels = at_random(batch)
        done, start = 0, 0.0
        while not workers.stops(start > 0 and time.perf_counter() - start > seconds):
            learner.step(spikes, labels)
            optimizer.step()
            done += 1
            if done == 5:  # compiled, and at speed
                start = time.perf_counter()
        if workers.first:
            sys.stdout.write(json.dumps({"samples_per_second": (done - 5) * batch / (time.perf_counter() - start)}) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
