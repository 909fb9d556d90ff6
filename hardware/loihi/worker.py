"""Program that `hardware.lava_process` starts in Lava's Python: run one job, report, then end.

It reports on standard output, one JSON object per line after "@": {"event": "progress", "done":
40}, {"event": "error", "message": ...}. Standard input is an empty pipe; when it closes, the parent
has ended, and this process group ends too.
"""

import ctypes
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import shared_memory
from typing import Any

import numpy as np

from hardware.border.archive import write_npz
from hardware.border.files import read_spikes
from hardware.fixed_point import read_fixed

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_WATCH_SECONDS = 0.1


def main(arguments: list[str]) -> None:
    """Run inference.

    Args:
        arguments: the files of chip integers, spikes and result; then "record", or nothing.
    """
    fixed_path, spikes_path, result_path, *flags = arguments

    def job() -> None:
        # imported under guard: importing lava takes a second
        from hardware.loihi import channels, runner

        channels.install()
        result = runner.run(
            read_fixed(fixed_path),
            read_spikes(spikes_path).spikes,
            record="record" in flags,
            watch=watch,
        )
        # any: arrays and numpy scalars
        arrays: dict[str, Any] = {"counts": result.counts, "seconds": np.float64(result.seconds)}
        for name in ("u", "v", "s"):
            arrays |= {
                f"{name}{number}": array
                for number, array in enumerate(getattr(result, name) or (), start=1)
            }
        write_npz(result_path, arrays)

    run_job(job)


def run_job(job: Callable[[], None]) -> None:
    """Run `job` under guard, then end this process: status 0, or 1 after an error event."""
    _name_segments(os.environ["BIOGRAD_SEGMENTS"])
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=_die_with_parent)
    threading.Thread(target=_die_when_orphaned, daemon=True).start()
    try:
        job()
    except BaseException as err:  # of any kind: the parent must be told
        # where a Process raised, `watch` reports its error; Lava's own is "1 Exception(s) occurred"
        time.sleep(3 * _WATCH_SECONDS)
        fail(err)
    sys.stdout.flush()


def watch(runtime, count_done: Callable[[], int]) -> None:
    """Report the progress of a compiled Lava network; end the program if a process of it fails.

    Lava itself waits for ever when a Process raises, and does not notice one that was killed.
    """
    actors = runtime._messaging_infrastructure.actors
    for actor in actors:
        actor._pconn = Outcome(actor._pconn)
    threading.Thread(target=_watch, args=(list(actors), count_done), daemon=True).start()


class Outcome:
    """Outcome of one of Lava's processes, read from its pipe once and kept for several threads.

    Lava's main thread reads it on joining the process, and `watch` polls it all the time: two
    readers of one pipe get half a message each. This object replaces the process's
    `multiprocessing.connection.Connection`.
    """

    def __init__(self, connection: Any):
        self._connection = connection
        self._lock = threading.Lock()
        self._message: list[Any] = []  # any: the pickled outcome; empty until it has arrived

    def poll(self) -> bool:
        """Return true once the outcome has arrived."""
        with self._lock:
            if not self._message and not self._connection.closed and self._connection.poll():
                self._message.append(self._connection.recv())
            return bool(self._message)

    def recv(self) -> Any:
        """Return None for success, else the exception and its traceback; only after `poll`."""
        return self._message[0]

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def report(event: str, **details: object) -> None:
    """Send one event to the parent."""
    sys.stdout.write("@" + json.dumps({"event": event, **details}) + "\n")
    sys.stdout.flush()


def fail(err: BaseException) -> None:
    """Report `err` to the parent in one line, and end at once: Lava's own exit may hang."""
    report("error", message=" ".join(f"{type(err).__name__}: {err}".split())[:500])
    os._exit(1)


def _watch(actors: list, count_done: Callable[[], int]) -> None:
    reported = -1
    while True:
        for actor in actors:
            if actor._pconn.poll():
                if (outcome := actor._pconn.recv()) is not None:
                    fail(outcome[0])
                actors = [a for a in actors if a is not actor]
            elif status := _exit_status(actor):
                fail(RuntimeError(f"one of Lava's processes ended with status {status}"))
        if count_done() > reported:
            reported = count_done()
            report("progress", done=reported)
        time.sleep(_WATCH_SECONDS)


def _exit_status(actor: Any) -> int | None:
    """Return the exit status of one of Lava's processes, negative for a signal.

    None while it runs, or where the system cannot show it. The process is left for Lava's main
    thread to reap: two threads that wait for one child take its status from each other.
    """
    if actor._is_done or not hasattr(os, "waitid"):
        return None
    with suppress(ChildProcessError, ValueError):  # reaped or closed by Lava in the meantime
        ended = os.waitid(os.P_PID, actor.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    return None


def _name_segments(prefix: str) -> None:
    """Give shared-memory segments a prefix by which the parent can find leftovers."""
    shared_memory._SHM_NAME_PREFIX = f"/{prefix}"  # type: ignore[attr-defined]


def _die_with_parent() -> None:
    """On Linux, let the kernel end this forked process when the one that forked it is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _die_when_orphaned() -> None:
    while os.read(0, 1):
        pass
    # made by the parent for this job alone
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    os.killpg(0, signal.SIGTERM)
