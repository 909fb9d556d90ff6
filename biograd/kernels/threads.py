"""Split a batch over threads: each works on its own samples, and all read the same weights."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

R = TypeVar("R")
_NAME = "biograd-part"
SMALLEST = 8  # samples per thread; fewer cost more to hand over than they save; ours, on 2 cores


def in_parts(work: Callable[..., R], threads: int, *tensors: tuple[Tensor, int]) -> list[R]:
    """Apply `work` to each part of the tensors, one thread per part; return the results in order.

    Args:
        tensors: pairs of a tensor and its batch axis, all of the same batch size.
    """
    tensor, axis = tensors[0]
    parts = min(threads, max(1, tensor.shape[axis] // SMALLEST))
    if parts == 1 or tensor.device.type != "cpu":
        return [work(*(tensor for tensor, _ in tensors))]
    chunks = zip(*(tensor.chunk(parts, axis) for tensor, axis in tensors), strict=True)
    return list(
        _pool(threads).map(lambda chunk: work(*(part.contiguous() for part in chunk)), chunks)
    )


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Set torch's own threads to 1 for a while: a learner splits batches over its own instead."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def share_out(samples: int, threads: int) -> list[tuple[int, int]]:
    """Return the first sample of each part of a batch and the one after its last.

    Parts are as near to equal as possible, and fewer than `threads` where the batch is small.

    Example:
        >>> share_out(50, 3), share_out(9, 3)
        ([(0, 16), (16, 33), (33, 50)], [(0, 9)])
    """
    parts = min(threads, max(1, samples // SMALLEST))
    return [(samples * part // parts, samples * (part + 1) // parts) for part in range(parts)]


def free_threads() -> int:
    """Return torch's number of threads; 1 within a part of a batch, whose threads are all taken."""
    return 1 if threading.current_thread().name.startswith(_NAME) else torch.get_num_threads()


def side_by_side(work: Callable[[int], R], parts: int) -> list[R]:
    """Return work(0) .. work(parts - 1), each run by one thread; the calling thread runs the first.

    An error of any of them is raised here, when all have ended.

    Example:
        >>> side_by_side(lambda part: 10 * part, 3)
        [0, 10, 20]
    """
    if parts == 1:
        return [work(0)]
    others = [_pool(parts - 1).submit(work, part) for part in range(1, parts)]
    try:
        first = work(0)
    finally:
        wait(others)  # even after an error, no thread is left working on this batch
    return [first, *(other.result() for other in others)]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix=_NAME)
