"""Both targets give the same counts; Lava, wherever it fails, ends in one line, in time, and leaves
nothing behind.
"""

from __future__ import annotations

import itertools
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

import numpy as np
import pytest

from hardware import lava_process, targets
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import FixedPointLayer, FixedPointModel, round_to_step
from hardware.lava_process import TargetError

SHARED_MEMORY = Path("/dev/shm")


def needs_lava(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that starts Lava, which takes a second or more."""
    return pytest.mark.slow(pytest.mark.usefixtures("lava")(test))


def random_model(*sizes: int, steps: int = 10) -> FixedPointModel:
    rng = np.random.default_rng(0)
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        w = round_to_step(rng.normal(0, 40, (n_out, n_in + 1)))
        layers.append(FixedPointLayer(w=w[:, :-1], w_bias=w[:, -1:], vth=300))
    return FixedPointModel(layers=tuple(layers), steps=steps)


def random_spikes(fixed: FixedPointModel, samples: int) -> SpikeInput:
    return SpikeInput(
        spikes=np.random.default_rng(1).random((fixed.steps, samples, fixed.sizes[0])) < 0.2
    )


@pytest.fixture
def groups(monkeypatch) -> list[int]:
    """Process groups of all guarded jobs; each must leave neither process nor shared memory when it
    ends.
    """
    seen: list[int] = []
    end_group = lava_process.end_group

    def recorded(process, segments):
        end_group(process, segments)
        seen.append(process.pid)
        assert lava_process.members(process.pid) == []
        assert process.poll() is not None
        assert leftovers(segments) == []

    monkeypatch.setattr(lava_process, "end_group", recorded)
    return seen


def leftovers(segments: str) -> list[str]:
    """Shared memory of one job."""
    return (
        [path.name for path in SHARED_MEMORY.glob(f"{segments}*")] if SHARED_MEMORY.is_dir() else []
    )


def sabotage(monkeypatch, code: str) -> None:
    """Have every Lava worker run `code` before its job."""
    last = "importlib.import_module(module).main(arguments)"
    assert last in lava_process._BOOTSTRAP
    monkeypatch.setattr(
        lava_process, "_BOOTSTRAP", lava_process._BOOTSTRAP.replace(last, code + "\n" + last)
    )


def test_a_model_is_quantised_on_the_way_and_the_emulator_runs_here():
    model = Model(layers=(LayerModel(w=np.eye(3), bias=np.zeros(3)),), steps=4)
    result = targets.run(model, SpikeInput(spikes=np.ones((4, 2, 3))), "emulator")
    assert result.target == "emulator" and result.counts.tolist() == [[3, 3, 3]] * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "loihi3"}, "target is 'loihi3'; known are emulator, lava"),
        ({"deadline": 0}, "deadline is 0; need seconds above 0"),
        ({"deadline": float("nan")}, "deadline is nan"),
        ({"workers": 0}, "workers is 0; need at least 1"),
        (
            {"spikes": SpikeInput(spikes=np.zeros((10, 1, 7)))},
            "the spikes have 7 inputs, the model takes 5",
        ),
        ({"record": ("w",)}, "cannot record w; known are u, v, s"),
    ],
)
def test_nonsense_is_refused_before_anything_runs(changes, message, monkeypatch):
    monkeypatch.setattr(targets, "run_guarded", lambda *_, **__: pytest.fail("Lava was started"))
    fixed = random_model(5, 3)
    arguments = {"spikes": random_spikes(fixed, 2), "target": "lava"} | changes
    with pytest.raises(ValueError, match=message):
        targets.run(fixed, arguments.pop("spikes"), arguments.pop("target"), **arguments)


@needs_lava
def test_lava_and_the_emulator_agree_through_files_and_processes(groups):
    fixed = random_model(784, 64, 10)
    spikes = random_spikes(fixed, 30)
    told: list[tuple[int, int]] = []
    ours = targets.run(fixed, spikes, "emulator", record="uvs")
    lavas = targets.run(
        fixed, spikes, "lava", record="uvs", workers=2, progress=lambda *done: told.append(done)
    )
    assert np.array_equal(ours.counts, lavas.counts) and ours.counts.any()
    for name in ("u", "v", "s"):
        for a, b in zip(getattr(ours, name), getattr(lavas, name), strict=True):
            assert np.array_equal(a, b)
    assert (lavas.target, lavas.samples, told[-1], len(groups)) == ("lava", 30, (30, 30), 2)
    assert lavas.operations.totals() == ours.operations.totals()


@needs_lava
def test_one_sample_of_one_step_runs(groups):
    fixed = random_model(3, 2, steps=1)
    spikes = random_spikes(fixed, 1)
    assert np.array_equal(
        targets.run(fixed, spikes, "lava", workers=4).counts,
        targets.run(fixed, spikes, "emulator").counts,
    )
    assert len(groups) == 1


@needs_lava
def test_foreign_packages_on_the_way_do_not_reach_lava(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    fixed = random_model(3, 2)
    assert targets.run(fixed, random_spikes(fixed, 2), "lava").samples == 2


@needs_lava
def test_the_package_runs_from_wherever_it_is_installed(tmp_path, monkeypatch):
    installed = tmp_path / "site-packages" / "hardware"
    shutil.copytree(lava_process._HERE, installed, ignore=shutil.ignore_patterns("__pycache__"))
    lava_process.lava_python()  # found beside the checkout
    monkeypatch.setattr(lava_process, "_HERE", installed)
    fixed = random_model(3, 2)
    assert targets.run(fixed, random_spikes(fixed, 2), "lava").samples == 2


@needs_lava
def test_a_long_temporary_path_is_not_given_to_lava(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    fixed = random_model(3, 2)
    assert targets.run(fixed, random_spikes(fixed, 2), "lava").samples == 2


@pytest.mark.parametrize(("samples", "deadline"), [(2, 0.2), (20_000, 3.0)])
@needs_lava
def test_the_deadline_is_kept_before_and_during_the_run(groups, samples, deadline):
    fixed = random_model(20, 10, 5)
    spikes = random_spikes(fixed, samples)
    targets.run(fixed, spikes, "emulator")  # compiles what a first run would count in
    begun = time.monotonic()
    with pytest.raises(
        TargetError,
        match=(
            f"Lava passed its deadline of {deadline:g} s and was ended: give it more with"
            " --deadline"
        ),
    ):
        targets.run(fixed, spikes, "lava", deadline=deadline, workers=1)
    assert time.monotonic() - begun < deadline + 2
    assert len(groups) == 1


@needs_lava
@pytest.mark.usefixtures("groups")
def test_a_worker_that_ignores_being_ended_is_killed(monkeypatch):
    sabotage(
        monkeypatch,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    )
    fixed = random_model(3, 2)
    begun = time.monotonic()
    with pytest.raises(TargetError, match="passed its deadline"):
        targets.run(fixed, random_spikes(fixed, 1), "lava", deadline=0.5)
    assert time.monotonic() - begun < 2.5


@pytest.mark.parametrize("workers", [1, 2])
@needs_lava
@pytest.mark.usefixtures("groups")
def test_an_error_inside_lava_is_passed_on_in_one_line(monkeypatch, workers):
    broken = (
        "def broken(self): raise ValueError('the model broke at step 3') if self.time_step == 3"
        " else RuntimeError('too early')"
    )
    sabotage(
        monkeypatch,
        f"import hardware.loihi.processes as p\n{broken}\np.PyHostModel.run_spk = lambda self:"
        " 1 / 0",
    )
    fixed = random_model(5, 4, 3)
    begun = time.monotonic()
    with pytest.raises(TargetError, match=r"^Lava failed: ZeroDivisionError: division by zero$"):
        targets.run(fixed, random_spikes(fixed, 4), "lava", deadline=60, workers=workers)
    assert time.monotonic() - begun < 30


@needs_lava
@pytest.mark.usefixtures("groups")
def test_an_error_while_lava_is_built_is_passed_on_in_one_line(monkeypatch):
    sabotage(
        monkeypatch,
        "import hardware.loihi.processes as p\ndef no(self, params): raise"
        " KeyError('exc')\np.PyHostModel.__init__ = no",
    )
    fixed = random_model(5, 4, 3)
    with pytest.raises(TargetError, match=r"^Lava failed: KeyError: 'exc'$"):
        targets.run(fixed, random_spikes(fixed, 4), "lava", deadline=60)


@needs_lava
@pytest.mark.usefixtures("groups")
def test_a_worker_that_cannot_start_says_why(monkeypatch):
    sabotage(monkeypatch, "raise ImportError('no such thing')")
    fixed = random_model(3, 2)
    with pytest.raises(
        TargetError, match=r"^Lava's first process ended with status 1: ImportError: no such thing$"
    ):
        targets.run(fixed, random_spikes(fixed, 1), "lava")


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs /proc to find the processes"
)
@pytest.mark.parametrize("victim", ["first", "other"])
@needs_lava
@pytest.mark.usefixtures("groups")
def test_a_killed_process_of_lavas_is_noticed_at_once(monkeypatch, victim):
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        lava_process.subprocess,
        "Popen",
        lambda *a, **k: started.append(popen(*a, **k)) or started[-1],
    )
    fixed = random_model(20, 10, 5)
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
        targets.run(
            fixed, random_spikes(fixed, 20_000), "lava", deadline=120, workers=1, progress=kill
        )
    assert time.monotonic() - killed[0] < 2


def _actor(pids: list[int], first: int) -> int:
    """A process of Lava's that its first process forked after the resource tracker and the manager
    of shared memory.
    """
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
def test_lava_does_not_outlive_the_program_that_asked_for_it():
    folder = Path(tempfile.mkdtemp(prefix="bg-", dir="/tmp"))  # a short path, so that it is used
    code = f"""
import sys, numpy as np; sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_targets as t; from hardware import targets
fixed = t.random_model(20, 10, 5)
targets.run(fixed, t.random_spikes(fixed, 20_000), "lava", workers=1, progress=lambda done, of: print(done, flush=True))
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
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, ppid, pgrp = entry.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(ppid) == parent and pgrp == entry.parent.name:
            found.append(int(entry.parent.name))
    return found


@needs_lava
@pytest.mark.parametrize("size", ["4k", "100k"])
def test_too_little_shared_memory_is_named_with_the_way_out(size):
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import os, test_targets as t
fixed = t.random_model(20, 10, 5)
try: t.targets.run(fixed, t.random_spikes(fixed, 2), "lava", deadline=60)
except t.TargetError as error: print(error, os.listdir("/dev/shm"))
"""
    mount = f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$0" -c "$1"'
    command = ["unshare", "--mount", "sh", "-c", mount, sys.executable, code]
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, to mount a small /dev/shm")
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip("may not mount a small /dev/shm")
    told = done.stdout.strip()
    assert (
        told.startswith("Lava failed: OSError")
        and "/dev/shm has 0." in told
        and "--shm-size" in told
    ), done
    assert told.endswith("[]"), "segments were left"


@needs_lava
def test_a_cancelled_job_ends_soon(tmp_path, monkeypatch):
    sabotage(monkeypatch, "import time; time.sleep(600)")
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    begun = time.monotonic()
    with pytest.raises(TargetError, match="another part of the run failed"):
        lava_process.run_guarded(
            "hardware.loihi.worker", [], deadline=60, folder=tmp_path, cancelled=cancelled
        )
    assert time.monotonic() - begun < 2.5


@pytest.fixture
def search_anew():
    lava_process.lava_python.cache_clear()
    yield
    lava_process.lava_python.cache_clear()


@pytest.mark.usefixtures("search_anew")
def test_without_lava_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("BIOGRAD_LAVA_PYTHON", raising=False)
    monkeypatch.setattr(lava_process, "_has_lava", lambda python: False)
    fixed = random_model(3, 2)
    with pytest.raises(
        TargetError,
        match=(
            r"^no Python 3\.10 with lava found .* or set \$BIOGRAD_LAVA_PYTHON; --target emulator"
            r" needs none$"
        ),
    ):
        targets.run(fixed, random_spikes(fixed, 1), "lava")


@pytest.mark.usefixtures("search_anew")
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


@pytest.mark.usefixtures("search_anew")
def test_places_are_searched_in_order(tmp_path, monkeypatch):
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
