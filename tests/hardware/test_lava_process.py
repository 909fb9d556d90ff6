"""Lava, wherever it fails, ends in one line, in time, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware import lava_process, targets
from hardware.lava_process import CancelledError, TargetError


def needs_lava(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that starts Lava, which takes a second or more."""
    return pytest.mark.slow(pytest.mark.usefixtures("lava")(test))


@needs_lava
def test_foreign_packages_on_the_way_do_not_reach_lava(tmp_path, monkeypatch, random_net):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert targets.run(*random_net(3, 2), "lava").samples == 2


@needs_lava
def test_the_package_runs_from_wherever_it_is_installed(tmp_path, monkeypatch, random_net):
    installed = tmp_path / "site-packages" / "hardware"
    shutil.copytree(lava_process._HERE, installed, ignore=shutil.ignore_patterns("__pycache__"))
    lava_process.lava_python()  # found beside the checkout
    monkeypatch.setattr(lava_process, "_HERE", installed)
    assert targets.run(*random_net(3, 2), "lava").samples == 2


@needs_lava
def test_a_long_temporary_path_is_not_given_to_lava(tmp_path, monkeypatch, random_net):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert targets.run(*random_net(3, 2), "lava").samples == 2


@pytest.mark.parametrize(("samples", "deadline"), [(2, 0.2), (20_000, 3.0)])
@needs_lava
def test_the_deadline_is_kept_before_and_during_the_run(groups, random_net, samples, deadline):
    fixed, spikes = random_net(20, 10, 5, samples=samples)
    targets.run(fixed, spikes, "emulator")  # a first run would compile within the deadline
    start = time.monotonic()
    with pytest.raises(
        TargetError,
        match=(
            f"Lava passed its deadline of {deadline:g} s and was ended: give it more with"
            " --deadline"
        ),
    ):
        targets.run(fixed, spikes, "lava", deadline=deadline, workers=1)
    assert time.monotonic() - start < deadline + 2
    assert len(groups) == 1


@needs_lava
@pytest.mark.usefixtures("groups")
def test_a_worker_that_ignores_being_ended_is_killed(random_net, sabotage):
    sabotage(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    )
    start = time.monotonic()
    with pytest.raises(TargetError, match="passed its deadline"):
        targets.run(*random_net(3, 2, samples=1), "lava", deadline=0.5)
    assert time.monotonic() - start < 2.5


@needs_lava
@pytest.mark.usefixtures("groups")
def test_an_error_while_lava_is_built_is_passed_on_in_one_line(random_net, sabotage):
    sabotage(
        "import hardware.loihi.processes as p\ndef no(self, params): raise"
        " KeyError('exc')\np.PyHostModel.__init__ = no",
    )
    with pytest.raises(TargetError, match=r"^Lava failed: KeyError: 'exc'$"):
        targets.run(*random_net(5, 4, 3, samples=4), "lava", deadline=60)


@needs_lava
@pytest.mark.usefixtures("groups")
def test_a_worker_that_cannot_start_says_why(random_net, sabotage):
    sabotage("raise ImportError('no such thing')")
    with pytest.raises(
        TargetError, match=r"^Lava's first process ended with status 1: ImportError: no such thing$"
    ):
        targets.run(*random_net(3, 2, samples=1), "lava")


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs /proc to find the processes"
)
@pytest.mark.parametrize("victim", ["first", "other"])
@needs_lava
@pytest.mark.usefixtures("groups")
def test_a_killed_process_of_lavas_is_noticed_at_once(monkeypatch, random_net, victim):
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        lava_process.subprocess,
        "Popen",
        lambda *a, **k: started.append(popen(*a, **k)) or started[-1],
    )
    killed: list[float] = []

    def kill(done: int, _: int) -> None:
        if done > 10 and not killed:
            pids = sorted(lava_process.members(started[0].pid))
            os.kill(
                started[0].pid if victim == "first" else _actor(pids, started[0].pid),
                signal.SIGKILL,
            )
            killed.append(time.monotonic())

    reason = (
        "was killed by SIGKILL"
        if victim == "first"
        else "one of Lava's processes ended with status -9"
    )
    with pytest.raises(TargetError, match=reason):
        net = random_net(20, 10, 5, samples=20_000)
        targets.run(*net, "lava", deadline=120, workers=1, progress=kill)
    assert time.monotonic() - killed[0] < 2


def _actor(pids: list[int], first: int) -> int:
    """A process that Lava's first one forked after the resource tracker and the memory manager."""
    children = [
        pid
        for pid in pids
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(first)
    ]
    return children[-2]


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs /proc to find the processes"
)
@needs_lava
def test_lava_does_not_outlive_the_program_that_started_it(leftovers):
    folder = Path(tempfile.mkdtemp(prefix="bg-", dir="/tmp"))  # a short path, so that it is used
    code = f"""
import sys, numpy as np; sys.path.insert(0, {str(Path(__file__).parent)!r})
import conftest; from hardware import targets
net = conftest.make_net(20, 10, 5, samples=20_000)
targets.run(*net, "lava", workers=1, progress=lambda done, total: print(done, flush=True))
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    try:
        assert parent.stdout is not None
        while int(parent.stdout.readline()) < 10:
            pass
        workers = [pid for pid in _sessions(parent.pid) if lava_process.members(pid)]
        assert len(workers) == 1
        variables = Path(f"/proc/{workers[0]}/environ").read_bytes().decode().split("\0")
        segments = dict(variable.split("=", 1) for variable in variables if "=" in variable)[
            "BIOGRAD_SEGMENTS"
        ]
        assert leftovers(segments)
        parent.kill()
        parent.wait()
        ends = time.monotonic() + 5
        while time.monotonic() < ends and (
            lava_process.members(workers[0]) or list(folder.iterdir())
        ):
            time.sleep(0.05)
        assert (
            lava_process.members(workers[0]) == []
            and list(folder.iterdir()) == []
            and leftovers(segments) == []
        )
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        shutil.rmtree(folder)


def _sessions(parent: int) -> list[int]:
    """Children of a process that lead a session of their own."""
    leaders = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, ppid, pgrp = entry.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(ppid) == parent and pgrp == entry.parent.name:
            leaders.append(int(entry.parent.name))
    return leaders


@needs_lava
@pytest.mark.parametrize("size", ["4k", "100k"])
def test_too_little_shared_memory_is_named_with_the_way_out(size):
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import os, conftest; from hardware import lava_process, targets
try: targets.run(*conftest.make_net(20, 10, 5), "lava", deadline=60)
except lava_process.TargetError as error: print(error, os.listdir("/dev/shm"))
"""
    mount = f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$0" -c "$1"'
    command = ["unshare", "--mount", "sh", "-c", mount, sys.executable, code]
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, to mount a small /dev/shm")
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if "unshare:" in run.stderr or "mount:" in run.stderr:
        pytest.skip("may not mount a small /dev/shm")
    printed = run.stdout.strip()
    assert printed.startswith("Lava failed: OSError"), run
    assert "/dev/shm has 0." in printed and "--shm-size" in printed
    assert printed.endswith("[]"), "segments were left"


@needs_lava
def test_a_cancelled_job_ends_soon(tmp_path, sabotage):
    sabotage("import time; time.sleep(600)")
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    start = time.monotonic()
    with pytest.raises(CancelledError, match="another part of the run failed"):
        lava_process.run_guarded(
            "hardware.loihi.worker", [], deadline=60, folder=tmp_path, cancelled=cancelled
        )
    assert time.monotonic() - start < 2.5


@pytest.fixture
def no_cached_search():
    lava_process.lava_python.cache_clear()
    yield
    lava_process.lava_python.cache_clear()


@pytest.mark.usefixtures("no_cached_search")
def test_without_lava_one_line_says_how_to_get_it(random_net, monkeypatch):
    monkeypatch.delenv("BIOGRAD_LAVA_PYTHON", raising=False)
    monkeypatch.setattr(lava_process, "_has_lava", lambda python: False)
    with pytest.raises(
        TargetError,
        match=(
            r"^no Python 3\.10 with lava found .* or set \$BIOGRAD_LAVA_PYTHON; --target emulator"
            r" needs none$"
        ),
    ):
        targets.run(*random_net(3, 2, samples=1), "lava")


@pytest.mark.usefixtures("no_cached_search")
def test_a_named_python_without_lava_is_named(tmp_path, monkeypatch):
    for named in (str(tmp_path / "absent"), "/bin/false"):
        monkeypatch.setenv("BIOGRAD_LAVA_PYTHON", named)
        with pytest.raises(
            TargetError,
            match=(
                rf"^\$BIOGRAD_LAVA_PYTHON is {named}: not a Python 3\.10 with lava: install it"
                r" there"
            ),
        ):
            lava_process.lava_python()


@pytest.mark.usefixtures("no_cached_search")
def test_folders_are_searched_in_order(tmp_path, monkeypatch):
    tried: list[str] = []
    monkeypatch.setattr(
        lava_process,
        "_has_lava",
        lambda python: tried.append(python) or python.startswith(str(tmp_path / "here")),
    )
    monkeypatch.setattr(lava_process, "_HERE", tmp_path / "here" / "hardware")
    monkeypatch.delenv("BIOGRAD_LAVA_PYTHON", raising=False)
    monkeypatch.chdir(tmp_path)
    assert lava_process.lava_python() == str(tmp_path / "here" / ".venv-lava" / "bin" / "python")
    assert tried[-2:] == [
        str(tmp_path / ".venv-lava" / "bin" / "python"),
        str(tmp_path / "here" / ".venv-lava" / "bin" / "python"),
    ]
