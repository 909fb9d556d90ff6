"""Start a program in Lava's Python, and make sure that it ends: deadline, process group, leftovers.

Lava hangs in several ways: a Process that raises leaves `stop()` waiting, a float threshold leaves
the interpreter waiting at exit, SIGKILL leaves workers and shared memory behind. So each job is a
session of its own and ends as one: SIGTERM (which lets Python's resource tracker remove the shared
memory), then SIGKILL, then a sweep of the shared-memory segments that bear its name.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

PYTHON_VARIABLE = "BIOGRAD_LAVA_PYTHON"
_HERE = Path(__file__).resolve().parent
_GRACE_SECONDS = 1.0  # between SIGTERM and SIGKILL
_MAX_TEMPORARY_PATH = 50  # letters; biograd-xxxxxxxx/pymp-xxxxxxxx/listener-xxxxxxxx follow
_SHARED_MEMORY = Path("/dev/shm")
_PROBE = (
    "import importlib.util as u, sys; sys.exit(not (sys.version_info[:2] == (3, 10) and"
    " u.find_spec('lava.magma')))"
)
# Loads the package `hardware` from its folder and nothing else: with that folder's parent on the
# path, another environment's numpy or torch could be imported.
_BOOTSTRAP = """
import importlib, importlib.util, sys
if sys.path and sys.path[0] == "": del sys.path[0]
folder, module, *arguments = sys.argv[1:]
spec = importlib.util.spec_from_file_location(
    "hardware", folder + "/__init__.py", submodule_search_locations=[folder]
)
sys.modules["hardware"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["hardware"])
importlib.import_module(module).main(arguments)
"""


class TargetError(RuntimeError):
    """The Lava target failed; the message gives the reason in one line."""


class CancelledError(TargetError):
    """The job was ended early because its caller set `cancelled`."""


def run_guarded(
    module: str,
    arguments: Sequence[str],
    *,
    deadline: float,
    folder: Path,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    cancelled: threading.Event | None = None,
) -> None:
    """Run `module.main(arguments)` in Lava's Python.

    Returns when the program, its children and its shared memory are gone.

    Args:
        module: below `hardware.loihi`, e.g. "hardware.loihi.worker"; it calls `worker.run_job`.
        deadline: seconds it may take.
        folder: temporary folder made for this job alone; the program's temporary files go there.
        on_event: called with each event it sends except errors, e.g. {"event": "progress", "done":
            40}; any: JSON.
        cancelled: ends the job early when set.
    Raises: TargetError when there is no such Python, the program fails, is killed, or passes its
        deadline; CancelledError.
    """
    segments = f"bg{secrets.token_hex(2)}_"
    ends = time.monotonic() + deadline
    environment = _clean_environment() | {
        "BIOGRAD_SEGMENTS": segments,
        "TMPDIR": str(folder),
        "PYTHONWARNINGS": "ignore",
    }
    environment |= dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    command = [lava_python(), "-c", _BOOTSTRAP, str(_HERE), module, *arguments]
    with open(folder / "stderr", "w+b") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,
        )
        try:
            finished = _listen(process, ends, on_event, cancelled)
        finally:
            end_group(process, segments)
        if not finished:
            raise TargetError(
                f"Lava passed its deadline of {deadline:g} s and was ended: give it more with"
                " --deadline, or run fewer samples"
            )
        if process.returncode:
            raise TargetError(_exit_reason(process.returncode, stderr))


@functools.lru_cache(maxsize=1)
def lava_python() -> str:
    """Return the path of a Python 3.10 that has lava.

    The first that has it of: $BIOGRAD_LAVA_PYTHON, this interpreter, .venv-lava in the working
    directory or beside the package, python3.10 on the PATH.
    Raises: TargetError saying how to install one.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        if not _has_lava(named):
            raise TargetError(
                f"${PYTHON_VARIABLE} is {named}: not a Python 3.10 with lava: install it there with"
                " `pip install lava-nc==0.10.0`"
            )
        return named
    candidates = [sys.executable] if sys.version_info[:2] == (3, 10) else []
    candidates += [
        str(folder / ".venv-lava" / "bin" / "python") for folder in (Path.cwd(), _HERE.parent)
    ]
    on_path = shutil.which("python3.10")
    candidates += [on_path] if on_path else []
    for python in candidates:
        if _has_lava(python):
            return python
    raise TargetError(
        "no Python 3.10 with lava found (Lava exists for 3.10 alone): make one with `make setup`,"
        " or `python3.10 -m venv .venv-lava && .venv-lava/bin/pip install biograd`, or set"
        f" ${PYTHON_VARIABLE}; --target emulator needs none"
    )


def end_group(process: subprocess.Popen, segments: str) -> None:
    """End a job's whole session and remove what it left in shared memory."""
    if members(process.pid):
        _signal(process.pid, signal.SIGTERM)
        if not _gone(process, _GRACE_SECONDS):
            _signal(process.pid, signal.SIGKILL)
            _gone(process, _GRACE_SECONDS)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    if _SHARED_MEMORY.is_dir():
        for segment in _SHARED_MEMORY.glob(f"{segments}*"):
            with suppress(OSError):
                segment.unlink()


def members(group: int) -> list[int]:
    """Return the ids of a group's live processes; without /proc, [group] if it has any."""
    if not Path("/proc/self/stat").exists():
        try:
            os.killpg(group, 0)
        except OSError:
            return []
        return [group]
    alive = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            state, _, pgrp = entry.read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state not in "ZX":  # zombies and dead
                alive.append(int(entry.parent.name))
    return alive


def _listen(
    process: subprocess.Popen,
    ends: float,
    on_event: Callable[[dict[str, Any]], None] | None,
    cancelled: threading.Event | None,
) -> bool:
    """Read events until the program's first process ends; return false at the deadline.

    Raises: TargetError for an error that the program reported; CancelledError.
    """
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    rest, error = b"", None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None
            if selector.select(timeout=0 if ended else min(0.1, max(0.0, ends - time.monotonic()))):
                rest += os.read(process.stdout.fileno(), 65536)
                *lines, rest = rest.split(b"\n")
                for event in filter(None, map(_event, lines)):
                    if event["event"] == "error":
                        error = str(event.get("message"))
                    elif on_event is not None:
                        on_event(event)
            if error is not None:
                raise TargetError(f"Lava failed: {error}{_shared_memory_hint(error)}")
            if ended or time.monotonic() >= ends:
                return ended
            if cancelled is not None and cancelled.is_set():
                raise CancelledError("Lava was ended because another part of the run failed")


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the event in a line, or None for a line that Lava itself printed; any: JSON."""
    if not line.startswith(b"@"):
        return None
    try:
        event = json.loads(line[1:])
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _exit_reason(status: int, stderr: IO[bytes]) -> str:
    """Return one line about a program that ended without reporting an error."""
    if status == -signal.SIGBUS:
        hint = _shared_memory_hint("No space left")
        return f"Lava's first process was killed by SIGBUS{hint}"
    if status < 0:
        return (
            f"Lava's first process was killed by {signal.Signals(-status).name}: run fewer samples"
            " if memory ran out"
        )
    stderr.seek(0)
    last = stderr.read()[-20_000:].decode(errors="replace")
    lines = [line for line in last.splitlines() if line.strip()]
    return (
        f"Lava's first process ended with status {status}:"
        f" {lines[-1].strip() if lines else 'it printed no reason'}"
    )


def _shared_memory_hint(error: str) -> str:
    """Return the remedy where shared memory ran out, else nothing."""
    if "No space left" not in error or not _SHARED_MEMORY.is_dir():
        return ""
    free = shutil.disk_usage(_SHARED_MEMORY).free
    return (
        f": {_SHARED_MEMORY} has {free / 1e6:,.1f} MB free, and Lava's processes exchange data"
        f" there: make it larger (mount -o remount,size=1g {_SHARED_MEMORY}; in a container,"
        " --shm-size 1g)"
    )


def _has_lava(python: str) -> bool:
    command = [python, "-c", _PROBE]
    try:
        probe = subprocess.run(command, capture_output=True, timeout=30, env=_clean_environment())
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _clean_environment() -> dict[str, str]:
    """Return this environment without variables that point another Python to our packages."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")
    }


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _gone(process: subprocess.Popen, seconds: float) -> bool:
    """Wait up to `seconds`; return true once no process of the group is left."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        process.poll()
        if not members(process.pid):
            return True
        time.sleep(0.01)
    return False


def temporary_folder() -> tempfile.TemporaryDirectory:
    """Make a folder for one guarded job, with a short path.

    Lava's manager puts a socket there, whose path may have at most 104 letters.
    """
    usual = tempfile.gettempdir()
    parent = "/tmp" if len(usual) > _MAX_TEMPORARY_PATH and os.access("/tmp", os.W_OK) else usual
    return tempfile.TemporaryDirectory(prefix="biograd-", dir=parent, ignore_cleanup_errors=True)
