"""Flags that are needed before the command line is parsed, because they set others' defaults."""

from __future__ import annotations


def value_of(arguments: list[str], flag: str) -> str:
    """Return a flag's value before the command line is parsed; "" where it is not given."""
    for index, word in enumerate(arguments):
        if word == flag and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith(flag + "="):
            return word[len(flag) + 1 :]
    return ""
