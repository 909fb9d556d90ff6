"""Several processes train one network: `torchrun --nproc-per-node N -m biograd train ...`, on one machine or on many.

Every worker draws the same batches from the same seed, works on its own part of each, and the local updates are added up; so the result
is that of one worker, up to the order of sums. Nothing else crosses between them but the first worker's sleep: it dreams alone, and the
others take its feedback weights, and its forward weights with them, so that machines that round differently do not drift apart.

A layer's update is ready as soon as its error is, with no backward pass to wait for: each travels while the next is being computed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor

from .feedback import Feedback
from .learner import LocalLearner, StepResult
from .network import Network
from .trains import Trains


@dataclass
class Workers:
    """The processes of a run, as one of them sees them."""

    rank: int = 0  # this one; 0 keeps the run folder and speaks
    count: int = 1
    wish: bool = False  # whether this one wishes to stop
    agreed: bool = False  # whether any of them did when the last batch was shown

    @property
    def first(self) -> bool:
        """Whether this one keeps the run folder and speaks."""
        return self.rank == 0

    def stops(self, wish: bool) -> bool:
        """Whether to stop now: all do so after the same batch, the one after that at which the first of them wished to."""
        self.wish = wish
        return wish if self.count == 1 else self.agreed

    def send(self, data: bytes) -> bytes:
        """What the first worker holds, in all of them."""
        if self.count == 1:
            return data
        size = torch.tensor([len(data)])
        dist.broadcast(size, 0)
        buffer = torch.frombuffer(bytearray(data), dtype=torch.uint8) if self.first and data else torch.zeros(int(size), dtype=torch.uint8)
        if len(buffer):
            dist.broadcast(buffer, 0)
        return buffer.numpy().tobytes()


@contextmanager
def joined(device: str) -> Iterator[Workers]:
    """The workers that torchrun started, or this process alone.

    Args:
        device: "cpu" (gloo) or "cuda" (nccl, one GPU a worker).
    Raises: ValueError where torchrun's variables do not fit each other, or the workers do not find together.
    """
    count = _variable("WORLD_SIZE", 1)
    if count == 1:
        yield Workers()
        return
    rank = _variable("RANK", -1)
    if not 0 <= rank < count:
        raise ValueError(f"WORLD_SIZE is {count} and RANK {os.environ.get('RANK')!r}: start workers by torchrun, which sets both")
    if device == "cuda":
        torch.cuda.set_device(_variable("LOCAL_RANK", 0))
    try:
        dist.init_process_group("nccl" if device == "cuda" else "gloo", rank=rank, world_size=count)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"worker {rank} of {count} found no others ({reason}): start them all by one torchrun") from error
    try:
        yield Workers(rank, count)
        dist.barrier()  # none leaves while another still listens to it
    finally:
        dist.destroy_process_group()


class SharedLearner:
    """A learner that works on its part of every batch, and adds up its updates with the other workers'.

    Args:
        own: the learner of this process.
        workers: all of them; at least 2.
        early: send each layer's update as soon as it is there, not when the last one is.
    """

    def __init__(self, own: LocalLearner, workers: Workers, *, early: bool = True) -> None:
        self.own, self.workers, self.early = own, workers, early
        own.on_update = self._travel if early else None
        self._travelling: list[tuple[Any, Tensor, list[Tensor]]] = []
        self._share = 0.0

    @property
    def net(self) -> Network:
        return self.own.net

    @property
    def feedback(self) -> Feedback:
        return self.own.feedback

    @property
    def threads(self) -> int:
        return self.own.threads

    @property
    def by_events(self) -> bool:
        return self.own.by_events

    def step(self, spikes: Float[Tensor, "T B M"] | Trains, labels: Int[Tensor, " B"]) -> StepResult:
        """As `LocalLearner.step`, for the whole batch: every worker is given all of it."""
        batch, rank, count = len(labels), self.workers.rank, self.workers.count
        if batch < count:
            raise ValueError(f"a batch of {batch} samples for {count} workers: need at least one each, so a larger batch or fewer workers")
        part = slice(batch * rank // count, batch * (rank + 1) // count)
        self._share = (part.stop - part.start) / batch
        mine = Trains(spikes.words[:, part].contiguous(), spikes.steps) if isinstance(spikes, Trains) else spikes[:, part].contiguous()
        result = self.own.step(mine, labels[part])
        for index in range(0 if self.early else len(self.net.layers)):
            self._travel(index)
        predicted = torch.zeros(batch, device=labels.device)
        predicted[part] = result.predicted.float()
        told = torch.cat(
            [predicted, result.error.view(1) * self._share, result.rates * self._share, predicted.new_tensor([self.workers.wish])]
        )
        dist.all_reduce(told)
        for work, flat, gradients in self._travelling:
            work.wait()
            for gradient, summed in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
                gradient.copy_(summed.view_as(gradient))
        self._travelling.clear()
        self.workers.agreed = bool(told[-1])
        return StepResult(told[:batch].long(), told[batch], told[batch + 1 : -1])

    def after_sleep(self, generator: torch.Generator) -> None:
        """Take the first worker's weights, and its place in the stream of random numbers."""
        state = generator.get_state().to(self.net.device)
        for tensor in (*self.feedback.state_dict().values(), *self.net.state_dict().values(), state):
            dist.broadcast(tensor, 0)
        generator.set_state(state.cpu())

    def _travel(self, index: int) -> None:
        """Send a layer's update on its way."""
        layer = self.net.layers[index]
        gradients = [parameter.grad for parameter in layer.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients]).mul_(self._share)
        self._travelling.append((dist.all_reduce(flat, async_op=True), flat, gradients))


def _variable(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"${name} is {text!r}; need a whole number, as torchrun sets it") from None
