"""Trials of mutants: a file's tests run in a fork of one process, the likeliest killers first."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

# Compiled loops that are tried as plain Python: compiling takes longer than all tests.
_INTERPRETED = ("hardware/emulator_loop.py",)
_MEMORY = 8 << 30  # bytes that a mutant's tests may take


@dataclass
class Tests:
    """A file's tests: how long each takes, and how many mutants it was the first to kill."""

    files: list[str]
    seconds: dict[str, float] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def turn(self, test: str) -> float:
        """Return the place in the queue: minus kills per second.

        Kills of other cases of a parametrised test count less.
        """
        name = test.partition("[")[0]
        related = sum(
            kills for other, kills in self.kills.items() if other.partition("[")[0] == name
        )
        seconds = self.seconds.get(test, 1.0) + 0.02
        return -(self.kills[test] + 0.1 * related + 0.01) / seconds


class Watcher:
    """A plugin of pytest in the fork: orders the tests, records the first failure and the times."""

    def __init__(self, tests: Tests) -> None:
        self.tests, self.seconds, self.failed = tests, Counter[str](), ""

    def pytest_configure(self) -> None:
        """Let hypothesis not shrink failing examples: that can take longer than all tests."""
        import hypothesis

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutate", parent=hypothesis.settings(), phases=phases, report_multiple_bugs=False
        )
        hypothesis.settings.load_profile("mutate")

    def pytest_collection_modifyitems(self, items: list) -> None:
        items.sort(key=lambda item: self.tests.turn(item.nodeid))

    def pytest_runtest_logreport(self, report) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid


def outcome(folder: Path, name: str, tests: Tests, deadline: float) -> tuple[str, str]:
    """Run the file's tests in a fork.

    Args: deadline: processor seconds that they may take.
    Returns: "killed", "survived" or "timed out", and the test that failed first.
    """
    _remove_stale_bytecode(folder / name)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(read_end)
            resource.setrlimit(resource.RLIMIT_CPU, (int(deadline) + 1, int(deadline) + 2))
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            code = _in_fork(folder, name, tests, write_end)
        finally:
            os._exit(code)
    os.close(write_end)
    code = _exit_code(child, 10 * deadline)  # a mutant that waits takes no processor time
    with open(read_end, encoding="utf-8") as answer:
        text = answer.read() if code != -signal.SIGKILL else ""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "timed out", ""
    report = json.loads(text) if text else {"failed": "", "seconds": {}}
    if code == 0:
        tests.seconds.update(report["seconds"])
        return "survived", ""
    tests.kills[report["failed"]] += 1
    return "killed", report["failed"]


def logged_outcomes(log: Path | None, name: str, state: str) -> dict[int, str]:
    """Return the last outcome of each mutant in a log, for this very text of a file."""
    if log is None or not log.exists():
        return {}
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {
        line["index"]: line["outcome"]
        for line in lines
        if (line["file"], line["source"]) == (name, state)
    }


def processor_seconds() -> float:
    """Return the processor time of all forks that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _remove_stale_bytecode(file: Path) -> None:
    # Its time stamp counts in seconds, and a mutant may take less.
    for stale in file.parent.glob(f"__pycache__/{file.stem}.*"):
        stale.unlink()


def _exit_code(child: int, patience: float) -> int:
    """Wait for a fork, or kill its process group after `patience` seconds; return its exit code."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


def _in_fork(folder: Path, name: str, tests: Tests, write_end: int) -> int:
    """Run the tests of one mutant: return pytest's exit code, and write the watcher's report."""
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ |= {"NUMBA_CACHE_DIR": str(folder / "numba")}
    import numba
    import pytest

    numba.config.DISABLE_JIT = name in _INTERPRETED
    watcher = Watcher(tests)
    # hypothesis is imported before pytest could rewrite it
    early = "-Wignore::pytest.PytestAssertRewriteWarning"
    flags = ["-x", "-q", "-p", "no:cacheprovider", "--timeout=0", early]
    code = int(pytest.main([*flags, *tests.files], plugins=[watcher]))
    with open(write_end, "w", encoding="utf-8") as answer:
        json.dump({"failed": watcher.failed, "seconds": watcher.seconds}, answer)
    return code
