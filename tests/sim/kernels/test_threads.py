"""A batch is shared out whole; results keep their order, and errors wait for all threads."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.kernels.threads import SMALLEST, free_threads, in_parts, share_out, side_by_side


@given(st.integers(1, 1000), st.integers(1, 64))
def test_parts_cover_a_batch_without_gap_and_none_is_too_small(samples: int, threads: int) -> None:
    parts = share_out(samples, threads)
    assert parts[0][0] == 0 and parts[-1][1] == samples and len(parts) <= threads
    assert all(before[1] == after[0] for before, after in itertools.pairwise(parts))
    sizes = [last - first for first, last in parts]
    assert max(sizes) - min(sizes) <= 1 and (len(parts) == 1 or min(sizes) >= SMALLEST)


def test_every_part_has_a_thread_of_its_own_and_results_keep_their_order() -> None:
    barrier = threading.Barrier(3, timeout=5)

    def work(part: int) -> tuple[int, int]:
        barrier.wait()
        return part, threading.get_ident()

    results = side_by_side(work, 3)
    assert [part for part, _ in results] == [0, 1, 2]
    assert len({thread for _, thread in results}) == 3
    assert results[0][1] == threading.get_ident()


@pytest.mark.parametrize("wrong", [0, 1])
def test_an_error_of_any_part_is_raised_when_all_have_ended(wrong: int) -> None:
    ended: list[int] = []

    def work(part: int) -> None:
        if part == wrong:
            raise ValueError(f"part {part}")
        time.sleep(0.01)
        ended.append(part)

    with pytest.raises(ValueError, match=f"part {wrong}"):
        side_by_side(work, 3)
    assert sorted(ended) == [part for part in range(3) if part != wrong]


def test_a_part_of_a_batch_splits_no_further(monkeypatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    assert free_threads() == 5
    assert in_parts(lambda x: free_threads(), 2, (torch.zeros(32), 0)) == [1, 1]
