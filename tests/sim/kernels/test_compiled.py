"""Loops are kept on disk where a folder can be written, and compiled anew where none can."""

from __future__ import annotations

import errno
import os
import types
import warnings
from pathlib import Path

import pytest

from biograd.kernels import compiled


def double(x):
    return 2 * x


def no_cache(message: str):
    """Return the numba of a machine on which machine code cannot be kept."""
    real = compiled.numba.njit

    def njit(**options):
        if options.pop("cache", False):
            raise RuntimeError(message)
        return real(**options)

    return types.SimpleNamespace(njit=njit)


def test_a_loop_without_a_place_for_its_code_runs_and_the_first_one_warns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = "cannot cache function 'double': no locator available for file 'x.py'"
    monkeypatch.setattr(compiled, "numba", no_cache(message))
    compiled._warn_of_no_cache.cache_clear()
    with pytest.warns(RuntimeWarning, match="set NUMBA_CACHE_DIR to a folder") as caught:
        loops = compiled.compiled(double), compiled.compiled(double)
    assert [loop(4) for loop in loops] == [8, 8] and len(caught) == 1


def test_other_errors_of_the_compiler_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "numba", no_cache("out of registers"))
    with pytest.raises(RuntimeError, match="out of registers"):
        compiled.compiled(double)


def test_a_full_disk_costs_the_cache_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = compiled.compiled(double)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def no_space(*overload):
        raise full

    monkeypatch.setattr(loop._cache, "_save_overload", no_space)
    monkeypatch.setattr(loop._cache, "load_overload", lambda *overload: None)
    compiled._warn_of_no_cache.cache_clear()
    with pytest.warns(RuntimeWarning, match="cannot be kept .No space left on device.: every"):
        assert loop(4) == 8


def test_machine_code_is_kept_and_runs_without_pythons_lock() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop = compiled.compiled(double)
    assert loop.targetoptions["nogil"] and loop.stats.cache_path


def test_every_loop_of_the_repository_is_compiled_by_one_function_per_side() -> None:
    root = Path(__file__).parents[3]
    packages = ("biograd", "hardware", "benchmarks")
    files = {file.relative_to(root): file for p in packages for file in (root / p).rglob("*.py")}
    caching = {str(name) for name, file in files.items() if "cache=True" in file.read_text("utf-8")}
    assert caching == {"biograd/kernels/compiled.py", "hardware/compiled.py"}
