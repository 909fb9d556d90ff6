"""Flags and their defaults, which a preset, a file or a run folder on the command line may set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any


def value_of(arguments: list[str], flag: str) -> str:
    """Return a flag's value before the command line is parsed; "" where it is not given."""
    for index, word in enumerate(arguments):
        if word == flag and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith(flag + "="):
            return word[len(flag) + 1 :]
    return ""


def without_flags_of_defaults(arguments: list[str], default: Any) -> list[str]:  # any: some Args
    """Return the arguments without switches that say what is the default already.

    Of --recurrent and --no-recurrent tyro knows only the one that changes the default.

    Args:
        default: the command's `Args`, whose groups of flags have no name of their own.
    """
    said = set(_default_switches(default))
    for group in vars(default).values():
        if dataclasses.is_dataclass(group):
            said |= set(_default_switches(group))
            for name, part in vars(group).items():
                if dataclasses.is_dataclass(part):
                    said |= set(_default_switches(part, f"{name}."))
    return [word for word in arguments if word.replace("_", "-") not in said]


def _default_switches(flags: Any, prefix: str = "") -> Iterator[str]:  # any: some parameters
    for name, value in vars(flags).items():
        if isinstance(value, bool):
            yield f"--{prefix}{'' if value else 'no-'}{name}".replace("_", "-")
