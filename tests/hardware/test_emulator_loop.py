"""The compiled loop is cached where possible; `test_emulator` holds it equal to the reference."""

from __future__ import annotations

from hardware import emulator_loop


def test_the_loop_is_cached_or_compiled_again_where_no_cache_can_be_written(monkeypatch):
    requests = []

    def njit(**options):
        requests.append(options)
        if options.get("cache") and len(requests) > 1:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(emulator_loop.numba, "njit", njit)
    assert emulator_loop._compiled(len) is len and emulator_loop._compiled(len) is len
    # nogil: chunks run in parallel
    assert requests == [
        {"cache": True, "nogil": True},
        {"cache": True, "nogil": True},
        {"nogil": True},
    ]
