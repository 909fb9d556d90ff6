"""Processors of this machine that this process may use."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """Return the number of processors that this process may run on, at least 1.

    That is its affinity mask where the system has one: `os.cpu_count` counts the whole machine,
    also in a container or a batch job that was assigned a few of its processors.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
