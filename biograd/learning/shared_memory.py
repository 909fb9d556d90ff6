"""Workers on one machine add up their numbers in memory they share: each writes its own, says so,
and takes the sum when all have.

    a flag a worker      how many pieces it has written since the start; stored after the piece, read before it (release, acquire)
    slots [2, workers]   what it has written; every other round in the other half, for somebody may still be reading the last

The sum is taken in the order of ranks, by every worker for itself, so that all hold the same bits.
The memory is a file that no longer
has a name: nothing is left of it when its workers are gone, however they went. Each holds a lock on
    its own byte of it, which the system
takes away from the dead.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from jaxtyping import Float
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor

LINE = 8  # int64 of a cache line: flags of two workers never share one
SPINS = 4000  # looks at the flags in one go, some tens of microseconds
# seconds of waiting after which the processor is offered to others, and after which this worker
# dozes
EAGER, AWAKE = 3e-4, 0.05
DOZE, LOOK = 5e-4, 0.2  # seconds: of a doze; between two looks whether the others are alive
DEADLINE = 1800.0  # seconds that a worker may let the others wait; as gloo has it


class Exchange:
    """What one worker sees of the memory shared by all of a machine.

    Args:
        file: as `made` or `found`; the exchange owns it from now on.
        rank: this worker among those of its machine, 0 .. count - 1.
        count: how many they are.
        floats: numbers a slot.

    Example:
        >>> exchange = Exchange(made(count=1, floats=3), rank=0, count=1, floats=3)
        >>> exchange.slot(0).copy_(torch.tensor([1.0, 2.0, 3.0]))
        tensor([1., 2., 3.])
        >>> exchange.post(1)
        >>> exchange.wait(1)
        >>> exchange.total(0, slice(0, 2), torch.tensor([0.5]))
        tensor([0.5000, 1.0000])
    """

    def __init__(self, file: int, *, rank: int, count: int, floats: int) -> None:
        self.rank, self.count, self.floats, self._file = rank, count, floats, file
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)
        memory = np.frombuffer(mmap.mmap(file, _bytes(count, floats)), np.uint8)
        flags = 8 * LINE * (count + 1)
        self._flags = memory[:flags].view(np.int64)
        self._slots = memory[flags:].view(np.float32).reshape(2, count + 1, _padded(floats))

    def slot(self, turn: int) -> Float[Tensor, " floats"]:
        """What this worker writes into, in an even or an odd round."""
        return torch.from_numpy(self._slots[turn % 2, self.rank, : self.floats])

    def result(self, turn: int) -> Float[Tensor, " floats"]:
        """What the first worker writes for all the others."""
        return torch.from_numpy(self._slots[turn % 2, self.count, : self.floats])

    def post(self, number: int, *, result: bool = False) -> None:
        """Tell the others that piece `number` is written; numbers only grow."""
        _store(self._flags, LINE * (self.count if result else self.rank), number)

    def wait(self, number: int, *, result: bool = False) -> None:
        """Wait until all workers, or the first one with its result, have posted piece `number`.

        Raises: ConnectionError where one of them has ended, or lets the others wait for longer than
        `DEADLINE`.
        """
        first, last = (self.count, self.count + 1) if result else (0, self.count)
        if _reached(self._flags, first, last, number, SPINS):
            return
        start = looked = time.monotonic()
        while not _reached(self._flags, first, last, number, SPINS):
            waited = (now := time.monotonic()) - start
            if waited > AWAKE:
                time.sleep(DOZE)
            elif waited > EAGER or self.count > (os.cpu_count() or 1):
                os.sched_yield() if hasattr(os, "sched_yield") else time.sleep(0)
            if now - looked > LOOK:
                looked = now
                self._look(waited)

    def total(
        self, turn: int, piece: slice, shares: Float[Tensor, " workers"]
    ) -> Float[Tensor, " n"]:
        """The sum over workers of share times slot, in a piece of the slots."""
        into = torch.empty(piece.stop - piece.start)
        _total(self._slots[turn % 2], piece.start, shares.numpy(), into.numpy())
        return into

    def _look(self, waited: float) -> None:
        for rank in range(self.count):
            if rank == self.rank:
                continue
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)
            except OSError:
                continue  # it is held: its worker lives
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, rank)
            raise ConnectionError(
                f"worker {rank} of {self.count} on this machine has ended: start all of them again,"
                " with --resume"
            )
        if waited > DEADLINE:
            raise ConnectionError(
                f"a worker on this machine has not answered for {waited:,.0f} s: stop all of them,"
                " and --resume"
            )


def meet(
    rank: int,
    count: int,
    floats: int,
    send: Callable[[bytes], bytes],
    agree: Callable[[bool], bool],
) -> Exchange | None:
    """The memory that the workers of a machine share from now on, with slots of `floats` numbers;
    all of them call this at once.

    Args:
        send: what the first worker holds, in all of them.
        agree: whether all of them say yes.
    Returns: None, in all of them, where one cannot have it: there is no room for it, or they do not
    see each other's files.
    """
    path, exchange = Path(), None
    try:
        if rank == 0:
            path, file = _made(count, floats)
            send(str(path).encode())
        else:
            path = Path(send(b"").decode())
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        exchange = Exchange(file, rank=rank, count=count, floats=floats)
    except OSError:
        if rank == 0 and not path.name:
            send(b"?")  # a name that nobody finds
    all_there = agree(exchange is not None)
    if rank == 0 and path.name:
        path.unlink(missing_ok=True)
    return exchange if all_there else None


def made(count: int, floats: int) -> int:
    """A file of the right size, without a name, opened."""
    path, file = _made(count, floats)
    path.unlink()
    return file


def _made(count: int, floats: int) -> tuple[Path, int]:
    memory = Path("/dev/shm")
    file, name = tempfile.mkstemp(
        prefix="biograd-", dir=memory if os.access(memory, os.W_OK) else None
    )
    try:
        # room is taken now: a write to memory that is not there would kill the process
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file, 0, _bytes(count, floats))
        else:
            os.truncate(file, _bytes(count, floats))
    except OSError:
        os.close(file)
        Path(name).unlink()
        raise
    return Path(name), file


def _bytes(count: int, floats: int) -> int:
    return 8 * LINE * (count + 1) + 4 * 2 * (count + 1) * _padded(floats)


def _padded(floats: int) -> int:
    return -(-floats // 16) * 16


# any: numba's types, which it does not annotate
def _atomic_load(typingctx: Any, array: Any, index: Any) -> Any:
    """array[index], and whatever its writer wrote before it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(data, [args[1]]), "acquire", 8)

    return types.int64(array, types.intp), generate


def _atomic_store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index] = value, after whatever was written before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        builder.store_atomic(args[2], builder.gep(data, [args[1]]), "release", 8)
        return ir.Constant(ir.IntType(64), 0)

    return types.int64(array, types.intp, types.int64), generate


_load_acquire: Any = intrinsic(_atomic_load)
_store_release: Any = intrinsic(_atomic_store)


@numba.njit(cache=True, nogil=True)
def _store(flags, index, value):
    _store_release(flags, index, value)


@numba.njit(cache=True, nogil=True)
def _reached(flags, first, last, value, spins):
    rank = first
    for _ in range(spins):
        while rank < last and _load_acquire(flags, LINE * rank) >= value:
            rank += 1
        if rank == last:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _total(slots, start, shares, into):
    block = 4096  # floats that stay in the processor's own memory while they are added to
    for first in range(0, len(into), block):
        sums = into[first : first + block]
        for rank in range(len(shares)):
            share, terms = shares[rank], slots[rank, start + first : start + first + len(sums)]
            if rank == 0:
                for n in range(len(sums)):
                    sums[n] = share * terms[n]
            else:
                for n in range(len(sums)):
                    sums[n] += share * terms[n]
