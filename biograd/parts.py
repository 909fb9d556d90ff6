"""Split a batch over threads: each works on its own samples, which share nothing but the weights they read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from torch import Tensor

R = TypeVar("R")
SMALLEST = 8  # samples a thread, below which the hand-over costs more than it brings; ours, measured on 2 cores


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
    return list(_pool(threads).map(lambda chunk: work(*(part.contiguous() for part in chunk)), chunks))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="biograd-part")
