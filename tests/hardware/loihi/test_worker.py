"""The worker reads each outcome of Lava's processes once, and reaps none of them."""

import multiprocessing
import os
import signal
import sys
import threading
from types import SimpleNamespace

import pytest

from hardware.loihi.worker import Outcome, _exit_status


def test_two_threads_that_poll_at_once_get_the_same_outcome():
    for number in range(300):
        receiver, sender = multiprocessing.Pipe()
        outcome, barrier, received = Outcome(receiver), threading.Barrier(2), []

        def poll(outcome=outcome, barrier=barrier, received=received):
            barrier.wait()
            while not outcome.poll():
                pass
            received.append(outcome.recv())

        threads = [threading.Thread(target=poll) for _ in range(2)]
        for thread in threads:
            thread.start()
        sender.send((ValueError(number), "traceback" * 100))
        for thread in threads:
            thread.join()
        assert [str(error) for error, _ in received] == [str(number)] * 2
        sender.close()
        outcome.close()


def test_a_closed_outcome_receives_no_more():
    receiver, sender = multiprocessing.Pipe()
    silent = Outcome(receiver)
    assert not silent.poll()
    sender.send(None)
    silent.close()
    assert not silent.poll()
    sender.close()


@pytest.mark.skipif(
    not hasattr(os, "waitid") or sys.platform != "linux",
    reason="this system cannot look at a child without reaping it",
)
@pytest.mark.parametrize("status", [3, -signal.SIGKILL])
def test_the_status_of_a_dead_process_is_read_without_reaping_it(status):
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
