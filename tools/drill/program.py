"""`biograd` on a few drawn digits, with a prepared fault: the process that the drills start.

$DRILL_DATA      file with the images, .npz; read anew by each process, so that it can vanish
$DRILL_KILL_AT   kill this process right before it opens, renames or removes a file in the run
                 folder $DRILL_FOLDER for the n-th time
$DRILL_CLOCK     set: the wall clock jumps by up to a year each time it is read
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

from benchmarks.suites import SUITES, Suite
from benchmarks.task import Task
from biograd.commands.cli import main
from biograd.commands.helpers import chip_learning, training_loop
from biograd.data import datasets


def digits(root, split, progress):
    """Load the drill's data set."""
    with np.load(os.environ["DRILL_DATA"], allow_pickle=False) as file:
        x, y = torch.from_numpy(file[f"{split}_x"]), torch.from_numpy(file[f"{split}_y"])
    return datasets.ImageSet("mnist", split, x, y, 10)


def tasks() -> list[Task]:
    """Return eight tasks of two parts, each a little work whose result depends only on its seed."""

    def work(seed: int):
        for part in range(2):
            state = hashlib.sha256(f"{seed} {part}".encode())
            end = time.monotonic() + 0.1
            while time.monotonic() < end:
                hashlib.sha256(b"x" * 100_000)
            yield {"test_accuracy": int.from_bytes(state.digest()[:4], "big") / 2**32, "part": part}

    return [
        Task(name="drill", config={"task": n}, seed=n, work=lambda bench, n=n: work(n))
        for n in range(8)
    ]


def die_at(number: int, folder: str) -> None:
    """Count this process's file operations in the run folder, and kill it at one of them."""
    operations, count = ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir"), 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count
        if event in operations and folder in str(arguments[0]):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    datasets.DATASETS["mnist"] = digits
    SUITES["drill"] = Suite(what="a drill", parts=[tasks])
    # Also save within an epoch.
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
