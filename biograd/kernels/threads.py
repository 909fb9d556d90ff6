"""Split a batch over threads: each works on its own samples, which share nothing but the weights
they read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

R = TypeVar("R")
# samples per thread, below which the hand-over costs more than it brings; ours, measured on 2 cores
SMALLEST = 8


def in_parts(work: Callable[..., R], threads: int, *tensors: tuple[Tensor, int]) -> list[R]:
    """What `work` returns for each part of the tensors, in order.

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
    """First sample of each part of a batch and the one after its last, as near to equal as can be;
    fewer parts where it is small.

    Example:
        >>> share_out(50, 3), share_out(9, 3)
        ([(0, 16), (16, 33), (33, 50)], [(0, 9)])
    """
    parts = min(threads, max(1, samples // SMALLEST))
    return [(samples * part // parts, samples * (part + 1) // parts) for part in range(parts)]


def side_by_side(work: Callable[[int], R], parts: int) -> list[R]:
    """What work(0) .. work(parts - 1) return, each in a thread; this one takes the first, and an
    error of any is raised here.

    Example:
        >>> side_by_side(lambda part: 10 * part, 3)
        [0, 10, 20]
    """
    if parts == 1:
        return [work(0)]
    others = [_pool(parts - 1).submit(work, part) for part in range(1, parts)]
    try:
        mine = work(0)
    finally:
        wait(others)  # whatever happens here, nobody is left working on this batch
    return [mine, *(other.result() for other in others)]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="biograd-part")
