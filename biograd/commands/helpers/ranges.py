"""Ranges of numbers from the command line."""

from __future__ import annotations


def expect_at_least(least: int, **values: int) -> None:
    """Raise ValueError for the first flag below `least`, by its name.

    Example:
        >>> expect_at_least(0, samples=-1)
        Traceback (most recent call last):
        ValueError: samples is -1; need 0 or more
    """
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} is {value}; need {least} or more")
