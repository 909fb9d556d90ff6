"""Ctrl-C once: finish what is in hand and save. Twice: at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_request() -> Iterator[list[bool]]:
    """A list that is no longer empty once Ctrl-C was pressed, or SIGTERM came; the second time, it
    interrupts at once.
    """
    asked: list[bool] = []

    def ask(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
