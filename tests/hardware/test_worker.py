"""What the worker in Lava's Python does about Lava's processes: one reading of each outcome, and no
reaping.
"""

import multiprocessing
import os
import signal
import sys
import threading
from types import SimpleNamespace

import pytest

from hardware.loihi.worker import Outcome, _exit_status


def test_two_threads_that_ask_at_once_hear_the_same_outcome():
    for number in range(300):
        here, there = multiprocessing.Pipe()
        outcome, barrier, heard = Outcome(here), threading.Barrier(2), []

        def ask(outcome=outcome, barrier=barrier, heard=heard):
            barrier.wait()
            while not outcome.poll():
                pass
            heard.append(outcome.recv())

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        there.send((ValueError(number), "traceback" * 100))
        for thread in threads:
            thread.join()
        assert [str(error) for error, _ in heard] == [str(number)] * 2
        there.close()
        outcome.close()


def test_an_outcome_that_is_closed_says_no_more_than_it_has_said():
    here, there = multiprocessing.Pipe()
    silent = Outcome(here)
    assert not silent.poll()
    there.send(None)
    silent.close()
    assert not silent.poll()
    there.close()


@pytest.mark.skipif(
    not hasattr(os, "waitid") or sys.platform != "linux",
    reason="this system cannot look at a child without reaping it",
)
@pytest.mark.parametrize("status", [3, -signal.SIGKILL])
def test_a_dead_process_is_seen_and_left_to_be_reaped(status):
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", _program(status)], os.environ)
    actor = SimpleNamespace(_is_done=False, pid=pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert _exit_status(actor) == status
    assert _exit_status(actor) == status, "looking took the status away"
    os.waitpid(pid, 0)
    assert _exit_status(actor) is None
    assert _exit_status(SimpleNamespace(_is_done=True, pid=pid)) is None


def _program(status: int) -> str:
    return (
        f"import os; os._exit({status})"
        if status >= 0
        else f"import os; os.kill(os.getpid(), {-status})"
    )
