"""Compile loops once per machine, or once per process where no folder can be written.

`biograd.kernels.compiled` does the same for the simulator, which this side never imports.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:  # any: numba is untyped
    """Compile a loop at its first use, without Python's lock, and keep the machine code on disk.

    A package that is installed read-only, for a user without a home, has no place to keep it: the
    loop is then compiled in each process, and the first such loop warns.
    """
    try:
        loop: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError as error:
        if "no locator" not in str(error):
            raise
        _warn_of_no_cache("neither the package's folder nor the home can be written")
        return numba.njit(nogil=True)(function)
    loop._cache.save_overload = partial(_save_if_possible, loop._cache.save_overload)
    return loop


def _save_if_possible(save: Callable[..., None], *overload: object) -> None:
    """Keep compiled code; on a full disk or beyond a quota, go on without."""
    try:
        save(*overload)
    except OSError as error:
        _warn_of_no_cache(error.strerror or str(error))


@cache
def _warn_of_no_cache(reason: str) -> None:
    warnings.warn(
        f"compiled code cannot be kept ({reason}): every start compiles again, for up to a minute;"
        " set NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=3,
    )
