"""Change the code a little, many times, and see whether a test fails: `python tools/mutate
biograd/traces.py --resume traces.jsonl`.

A mutant differs from the file in one place: an operator, a comparison, a number, a condition. It is
killed when a test fails or takes too long, and survives when all pass: then either a test is
missing, or the change means nothing. Error messages, docstrings and types are not changed. Without
--sample, all mutants are tried.

Works on a copy of a commit, so that the tree may be edited meanwhile. Each mutant is tested in a
fork of one process that has imported torch and numba already; the tests that killed most in their
time go first. With --resume every outcome is a JSON line in a file: the same command continues
there, and with --again it repeats the survivors with the tests of the newest commit. Linux.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mutants import mutants
from trials import Tests, logged_outcomes, outcome, processor_seconds

ROOT = Path(__file__).parents[2]
TESTS = {
    "biograd/neurons.py": [
        "tests/sim/test_neurons.py",
        "tests/sim/kernels/test_scans.py",
        "tests/sim/test_network.py",
    ],
    "biograd/traces.py": [
        "tests/sim/test_traces.py",
        "tests/sim/kernels/test_scans.py",
        "tests/sim/test_rules.py",
    ],
    "biograd/rules.py": ["tests/sim/test_rules.py"],
    "biograd/sleep.py": ["tests/sim/test_sleep.py", "tests/sim/kernels/test_scans.py"],
    "hardware/emulator.py": ["tests/hardware/test_emulator.py", "tests/hardware/test_manual.py"],
    "hardware/emulator_step.py": [
        "tests/hardware/test_emulator_step.py",
        "tests/hardware/test_emulator.py",
    ],
    "hardware/emulator_loop.py": [
        "tests/hardware/test_emulator.py",
        "tests/hardware/test_manual.py",
    ],
    "hardware/fixed_point.py": [
        "tests/hardware/test_fixed_point.py",
        "tests/hardware/border/test_round_trips.py",
    ],
    "hardware/weights.py": [
        "tests/hardware/test_weights.py",
        "tests/hardware/test_fixed_point.py",
        "tests/hardware/border/test_round_trips.py",
    ],
}
# Imported once, before the forks.
_HEAVY = (
    *("numpy", "numba", "torch", "snntorch", "nir", "safetensors", "h5py"),
    *("pytest", "hypothesis", "beartype", "jaxtyping"),
)
ENOUGH = 0.9  # of the mutants must be killed


def main() -> int:
    """Try mutants of the files named on the command line; exit code 1 where too few were killed."""
    parser = _parser()
    options = parser.parse_args()
    for name in options.files:
        if name not in TESTS:
            parser.error(f"no tests are named for {name}; known: {', '.join(TESTS)}")
    if options.again and not options.resume:
        parser.error("--again needs --resume: the file that says what survived")
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    for heavy in _HEAVY:
        with suppress(ImportError):
            importlib.import_module(heavy)
    killed = tried = 0
    with tempfile.TemporaryDirectory(prefix="biograd-mutate-") as folder:
        commit = _git("rev-parse", "--verify", options.commit + "^{commit}").decode().strip()
        archive = _git("archive", commit)
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        for name in options.files:
            file_killed, file_tried = FileTrials(Path(folder), name, commit, options).run()
            killed, tried = killed + file_killed, tried + file_tried
    return int(killed < ENOUGH * tried)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mutate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="*", default=list(TESTS), help=f"of {', '.join(TESTS)} (default: all)")
    add("--sample", type=int, help="try only so many of each file, drawn by the seed")
    add("--seed", type=int, default=0, help="(default: %(default)s)")
    add(
        "--deadline",
        type=float,
        default=20.0,
        help="processor seconds per mutant, or 5 times all tests (default: %(default)s)",
    )
    add(
        "--resume",
        type=Path,
        metavar="FILE.jsonl",
        help="write each outcome there; skip those it holds already",
    )
    add("--again", action="store_true", help="with --resume: repeat its survivors, nothing else")
    add("--commit", default="HEAD", help="whose code and tests are tried (default: %(default)s)")
    return parser


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


@dataclass
class FileTrials:
    """The trials of one file's mutants, in a copy of a commit."""

    folder: Path
    name: str
    commit: str
    options: argparse.Namespace

    def __post_init__(self) -> None:
        self.path = self.folder / self.name
        self.source = self.path.read_text(encoding="utf-8")
        self.state = hashlib.sha256(self.source.encode()).hexdigest()[:12]
        self.mutants = list(mutants(self.source))
        self.tests = Tests(TESTS[self.name])

    def run(self) -> tuple[int, int]:
        """Try what is left to try, and print the outcome of all; return (killed, tried)."""
        start = time.monotonic()
        outcomes = logged_outcomes(self.options.resume, self.name, self.state)
        chosen, waiting = self._chosen(outcomes)
        deadline = max(self.options.deadline, 5 * self._untouched_seconds() if waiting else 0)
        for index in waiting:
            outcomes[index] = self._try(index, deadline)
        self.path.write_text(self.source, encoding="utf-8")
        tried = [index for index in chosen if index in outcomes]
        survivors = [self.mutants[index] for index in tried if outcomes[index] == "survived"]
        killed = len(tried) - len(survivors)
        summary = {
            "file": self.name,
            "mutants": len(self.mutants),
            "tried": len(tried),
            "killed": killed,
            "seed": self.options.seed,
            "seconds": round(time.monotonic() - start, 1),
            "commit": self.commit[:12],
        }
        print(json.dumps(summary), flush=True)
        for line, what, _ in survivors:
            text = self.source.splitlines()[line - 1].strip()[:90]
            print(f"  {self.name}:{line}: {what}    {text}", flush=True)
        return killed, len(tried)

    def _chosen(self, outcomes: dict[int, str]) -> tuple[list[int], list[int]]:
        """Return the mutants to report, and those of them to try now, by index."""
        if self.options.again:
            chosen = sorted(outcomes)
            return chosen, [index for index in chosen if outcomes[index] == "survived"]
        count = len(self.mutants)
        rng, size = random.Random(self.options.seed), min(self.options.sample or count, count)
        chosen = sorted(rng.sample(range(count), size))
        return chosen, [index for index in chosen if index not in outcomes]

    def _untouched_seconds(self) -> float:
        """Return the processor time of the tests without a change; they must pass."""
        seconds = 0.0
        for _ in range(2):  # the first run compiles, the second is timed
            before = processor_seconds()
            result, test = outcome(self.folder, self.name, self.tests, 60 * self.options.deadline)
            if result != "survived":
                raise SystemExit(
                    f"the tests of {self.name} fail as it is ({test or result}): correct them first"
                )
            seconds = processor_seconds() - before
        return seconds

    def _try(self, index: int, deadline: float) -> str:
        """Try one mutant and log the outcome; return it."""
        line, what, text = self.mutants[index]
        self.path.write_text(text, encoding="utf-8")
        start = time.monotonic()
        result, test = outcome(self.folder, self.name, self.tests, deadline)
        if self.options.resume:
            entry = {
                "file": self.name,
                "source": self.state,
                "index": index,
                "line": line,
                "what": what,
                "outcome": result,
                "by": test,
                "seconds": round(time.monotonic() - start, 1),
                "commit": self.commit[:12],
            }
            with open(self.options.resume, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        return result


if __name__ == "__main__":
    sys.exit(main())
