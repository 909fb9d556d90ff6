"""One network trained by several processes, on one machine or on many.

    torchrun --nproc-per-node N -m biograd train ...

Every worker draws the same batches from the same seed, works on its own part of each batch, and
`torch.distributed` adds up the local updates (gloo on CPUs, nccl on GPUs). The result is that of
one worker, up to the order of sums. Only the first worker sleeps; the others then take its feedback
weights, and its forward weights with them, so that machines that round differently do not drift
apart.
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist


@dataclass
class Workers:
    """The processes of a run, from the view of one of them."""

    rank: int = 0  # of this process; the first one, 0, keeps the run folder and prints
    count: int = 1
    wants_to_stop: bool = False  # this process does
    any_wants_to_stop: bool = False  # some process did when the last batch was learned

    @property
    def first(self) -> bool:
        """True in the process that keeps the run folder and prints."""
        return self.rank == 0

    def stop_together(self, wants_to_stop: bool) -> bool:
        """Return whether to stop now; call it after every batch.

        All workers stop after the same batch: the one after the first request.
        """
        self.wants_to_stop = wants_to_stop
        return wants_to_stop if self.count == 1 else self.any_wants_to_stop

    def broadcast(self, data: bytes) -> bytes:
        """Return the first worker's `data` in every worker."""
        if self.count == 1:
            return data
        size = torch.tensor([len(data)])
        with connected(self):
            dist.broadcast(size, 0)
            message = torch.zeros(int(size), dtype=torch.uint8)
            if self.first and data:
                message = torch.frombuffer(bytearray(data), dtype=torch.uint8)
            if len(message):
                dist.broadcast(message, 0)
        return message.numpy().tobytes()


@contextmanager
def joined(device: str) -> Iterator[Workers]:
    """Join the workers that torchrun started; without torchrun, this process works alone.

    Args:
        device: "cpu" (gloo) or "cuda" (nccl, one GPU per worker).
    Raises: ValueError where torchrun's variables contradict each other, or the workers cannot reach
    each other.
    """
    count = _variable("WORLD_SIZE", 1)
    if count == 1:
        yield Workers()
        return
    rank = _variable("RANK", -1)
    if not 0 <= rank < count:
        raise ValueError(
            f"WORLD_SIZE is {count} and RANK {os.environ.get('RANK')!r}: start workers by torchrun,"
            " which sets both"
        )
    # Its functions take the present group as the default of an argument. An optimizer imports it at
    # its first step; were there a group by then, it would never be freed (see below).
    importlib.import_module("torch.distributed.nn.functional")
    if device == "cuda":
        _take_gpu(rank, _variable("LOCAL_RANK", 0))
    workers = Workers(rank, count)
    # nccl knows no tensors on the CPU, where the first worker's bytes lie
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, rank=rank, world_size=count)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"worker {rank} of {count} cannot reach the others ({_one_line(error)}): start them all"
            " by one torchrun"
        ) from error
    try:
        yield workers
        with connected(workers):
            dist.barrier()  # no worker leaves while another one still waits for its message
    finally:
        # Nothing may hold the group or one of its works beyond this line (see `connected`): their
        # threads would then live until the interpreter ends, and one of them that drops a tensor
        # of Python's meanwhile aborts the process.
        dist.destroy_process_group()
        gc.collect()


@contextmanager
def connected(workers: Workers, pending: list[dist.Work] | None = None) -> Iterator[None]:
    """Turn the failure of a collective operation into one line that says what to do.

    The failed operation is freed: torch's frames would hold it for as long as the error is known.
    So are pending ones, for which nobody waits any more.
    """
    try:
        yield
    except RuntimeError as error:
        if pending is not None:
            pending.clear()
        traceback.clear_frames(error.__traceback__)
        raise ConnectionError(
            f"worker {workers.rank} of {workers.count} has lost the others ({_one_line(error)}): a"
            " worker has ended; start all of them again, with --resume"
        ) from error


def _one_line(error: Exception) -> str:
    """Return the first sentence of an error, without the place in gloo's source before it."""
    text = re.sub(r"^\[[^\]]*\] ", "", " ".join(str(error).split()))
    return text.split(". ")[0][:200]


def _take_gpu(rank: int, local_rank: int) -> None:
    gpus = torch.cuda.device_count()
    if not 0 <= local_rank < gpus:
        raise ValueError(
            f"worker {rank} has no GPU: it is worker {local_rank} of its machine, which has {gpus}:"
            " start one worker per GPU (--nproc-per-node), or use --device cpu"
        )
    torch.cuda.set_device(local_rank)


def _variable(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"${name} is {text!r}; need a whole number, as torchrun sets it") from None
