"""Commands of `biograd` on a few drawn digits in a temporary folder, for the drills to disturb."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
TRAIN = [
    *("train", "--hidden", "24", "--epochs", "4", "--batch", "10", "--threads", "1"),
    *("--quiet", "--resume", "--sleep.first-night", "3"),
]
LEARN = ["learn", "--hidden", "24", "--epochs", "3", "--resume"]
BENCHMARK = ["benchmark", "--suite", "drill"]
PATIENCE = 300.0  # seconds a whole command may take
SAID = 200  # letters of a command's error that a report keeps


class Drill:
    """A temporary folder with data, and commands run in it."""

    def __init__(
        self, folder: Path, seed: int, commands: str = "train,learn,benchmark,export"
    ) -> None:
        self.commands = commands.split(",")
        self.folder, self.rng, self.data = folder, random.Random(seed), folder / "digits.npz"
        rng = np.random.default_rng(0)
        y = {"train": np.arange(700) % 10, "test": np.arange(300) % 10}
        ideal = rng.random((10, 28, 28)) < 0.2
        x = {}
        for split, labels in y.items():
            noise = rng.random((len(labels), 28, 28)) < 0.1
            x[split] = (ideal[labels] ^ noise).astype(np.uint8) * 255
        np.savez(
            self.data, train_x=x["train"], test_x=x["test"], train_y=y["train"], test_y=y["test"]
        )

    def start(self, arguments: list[str], **variables: str) -> subprocess.Popen:
        """Start a command, with variables in its environment."""
        fixed = {"DRILL_DATA": str(self.data), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, str(HERE / "program.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | fixed | variables,
            cwd=self.folder,
        )

    def start_until_it_prints(self, arguments: list[str]) -> subprocess.Popen:
        """Start a command and wait for its first line: it has loaded everything by then."""
        process = self.start(arguments)
        need(bool(process.stdout and process.stdout.readline()), f"{arguments[0]} prints nothing")
        return process

    def run(self, arguments: list[str], **variables: str) -> tuple[int, str, str]:
        """Run a command to its end: exit code, output, errors."""
        process = self.start(arguments, **variables)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def whole(self, arguments: list[str], **variables: str) -> None:
        """Run a command that must succeed."""
        code, _, err = self.run(arguments, **variables)
        need(code == 0, f"{' '.join(arguments)} ended with {code}: {err}")

    def refused(self, arguments: list[str], *words: str) -> str:
        """Run a command that must be refused in one line with all `words`; return that line."""
        code, _, err = self.run(arguments)
        in_one_line = code == 2 and err.count("\n") == 1 and all(word in err for word in words)
        need(in_one_line, f"{' '.join(arguments)} ended with {code}: {err}")
        return err.strip()[-SAID:]

    def selected(self, *commands: list[str]) -> list[list[str]]:
        """Return those of the commands that --commands names."""
        return [arguments for arguments in commands if arguments[0] in self.commands]

    def out(self, arguments: list[str], name: str) -> list[str]:
        """Return the command with its results under another name."""
        file = {"export": "model.nir", "benchmark": "measured.jsonl"}.get(arguments[0], "")
        return [*arguments, "--out", str(self.folder / name / file)]


def need(holds: bool, what: str) -> None:
    """Fail the drill unless something holds."""
    if not holds:
        raise AssertionError(" ".join(what.split())[:600])
