"""Several workers on one machine: does a second process on a second core train faster than one on one?

    python -m torch.distributed.run --standalone --nproc-per-node 2 -m benchmarks.scaling SECONDS BATCH early

is what `workers_scaling` starts, in turns with one worker; each has one thread, and the batch is shared among them.
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


def workers_scaling(*, workers: int = 2, rounds: int = 3, seconds: float = 2.0) -> dict[str, Any]:
    """Samples a second of one worker, of several, and of several whose updates wait for the last layer's; medians over interleaved rounds.

    Raises: RuntimeError where the workers do not run.
    """
    results: dict[str, Any] = {"workers": workers, "steps": STEPS, "sizes": list(SIZES), "rounds": rounds, "batches": {}}
    for batch in BATCHES:
        found: dict[str, list[float]] = {"one": [], "several": [], "several, late": []}
        for _ in range(rounds):
            for name, speeds in found.items():
                speeds.append(_race(1 if name == "one" else workers, seconds, batch, early=not name.endswith("late")))
        ratio = [many / one for many, one in zip(found["several"], found["one"], strict=True)]
        late = [early / other for early, other in zip(found["several"], found["several, late"], strict=True)]
        results["batches"][str(batch)] = {
            "samples_per_second": {name: statistics.median(speeds) for name, speeds in found.items()},
            "ratio_workers": statistics.median(ratio),
            "ratio_early_vs_late": statistics.median(late),
        }
    return results


def _race(workers: int, seconds: float, batch: int, *, early: bool) -> float:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
    program = ["-m", "benchmarks.scaling", str(seconds), str(batch), "early" if early else "late"]
    done = subprocess.run([*start, *program], capture_output=True, text=True, timeout=60 + 10 * seconds)
    told = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not told:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip(" =*-")]
        said = [line for line in lines if "Error" in line] or lines  # torchrun frames the reason in many others
        raise RuntimeError(f"{workers} workers ended with status {done.returncode}: {said[-1] if said else 'they said nothing'}")
    return float(json.loads(told[-1])["samples_per_second"])


def main(seconds: float, batch: int, early: bool) -> None:
    """One worker's part of a race."""
    torch.set_num_threads(1)
    with joined("cpu") as workers:
        net = Network(SIZES, generator=torch.Generator().manual_seed(0))
        own = LocalLearner(net, RandomDFA(net, generator=torch.Generator().manual_seed(1)), error=SignedSpikes())
        learner = own if workers.count == 1 else SharedLearner(own, workers, early=early)
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
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "early")
