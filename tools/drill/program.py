"""`biograd` on a few drawn digits, with a fault to come: what the drills start and kill.

$DRILL_DATA      file with the images, .npz; read anew by each process, so that it can vanish
$DRILL_KILL_AT   kill this process right before its n-th opening, renaming or removing of a file in the run folder
$DRILL_CLOCK     set: the wall clock jumps by up to a year at every look
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import sys
import time

import numpy as np
import torch

from benchmarks import tasks
from biograd.commands.cli import main
from biograd.commands.helpers import chip_learning, training_loop
from biograd.data import datasets


def digits(root, split, progress):
    """The drill's data set."""
    with np.load(os.environ["DRILL_DATA"], allow_pickle=False) as file:
        x, y = torch.from_numpy(file[f"{split}_x"]), torch.from_numpy(file[f"{split}_y"])
    return datasets.ImageSet("mnist", split, x, y, 10)


def suite() -> list[tasks.Task]:
    """Eight tasks of two parts, each a little work with a result that depends on its seed alone."""

    def work(seed: int):
        for part in range(2):
            state = hashlib.sha256(f"{seed} {part}".encode())
            ends = time.monotonic() + 0.1
            while time.monotonic() < ends:
                hashlib.sha256(b"x" * 100_000)
            yield {"test_accuracy": int.from_bytes(state.digest()[:4], "big") / 2**32, "part": part}

    return [
        tasks.Task(name="drill", config={"task": n}, seed=n, work=lambda bench, n=n: work(n))
        for n in range(8)
    ]


def die_at(number: int, folder: str) -> None:
    """Count this process's dealings with the run folder, and kill it at one of them."""
    seen = 0

    def hear(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event in ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir") and folder in str(
            arguments[0]
        ):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)


if __name__ == "__main__":
    datasets.DATASETS["mnist"] = digits
    tasks.SUITES["drill"] = suite
    # so that there are checkpoints within an epoch too
    training_loop.SAVE_EVERY = chip_learning.SAVE_EVERY = 0.3
    if sys.argv[1] == "--limited":
        del sys.argv[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
    if "DRILL_CLOCK" in os.environ:
        true_time = time.time
        time.time = lambda: true_time() + random.uniform(-3e7, 3e7)
    if "DRILL_KILL_AT" in os.environ:
        die_at(int(os.environ["DRILL_KILL_AT"]), os.environ["DRILL_FOLDER"])
    sys.exit(main(sys.argv[1:]))
