"""Ctrl-C: pressed once, the current batch is finished and saved; pressed twice, stop at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_request() -> Iterator[list[bool]]:
    """Yield a list, empty until Ctrl-C or SIGTERM comes; the second one interrupts at once."""
    requests: list[bool] = []

    def handle(number: int, frame: object) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(True)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
