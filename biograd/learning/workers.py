"""Several processes train one network: `torchrun --nproc-per-node N -m biograd train ...`, on one
machine or on many.

Every worker draws the same batches from the same seed, works on its own part of each, and the local
updates are added up; so the result is that of one worker, up to the order of sums. Nothing else
crosses between them but the first worker's sleep: it dreams alone, and the others take its feedback
weights, and its forward weights with them, so that machines that round differently do not drift
apart.

A layer's update is ready as soon as its error is, with no backward pass to wait for: each travels
while the next is being computed. Workers of one machine add theirs up in memory that they share
(`exchange`), and the first of each machine does so with those of the others by gloo; workers with a
GPU each, all by nccl.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor

from ..feedback import Feedback
from ..kernels.packed_spikes import PackedSpikes
from ..network import Network
from ..readout import Readout
from ..rules import Update
from .learner import LocalLearner, StepResult
from .shared_memory import Exchange, meet


@dataclass
class Workers:
    """The processes of a run, as one of them sees them."""

    rank: int = 0  # this one; 0 keeps the run folder and speaks
    count: int = 1
    place: int = 0  # among those of its machine; the first of them speaks with other machines
    beside: int = 1  # workers of this machine
    # group of the first workers of all machines (any: torch's); None where there is one machine, or
    # one worker each
    machines: Any = None
    machine: Any = None  # group of this machine's workers; None where no machine has several
    wish: bool = False  # whether this one wishes to stop
    agreed: bool = False  # whether any of them did when the last batch was shown

    @property
    def first(self) -> bool:
        """Whether this one keeps the run folder and speaks."""
        return self.rank == 0

    def stops(self, wish: bool) -> bool:
        """Whether to stop now: all do so after the same batch, the one after that at which the
        first of them wished to.
        """
        self.wish = wish
        return wish if self.count == 1 else self.agreed

    def send(self, data: bytes) -> bytes:
        """What the first worker holds, in all of them."""
        if self.count == 1:
            return data
        return _send(data, 0, None, mine=self.first)


@contextmanager
def joined(device: str) -> Iterator[Workers]:
    """The workers that torchrun started, or this process alone.

    Args:
        device: "cpu" (gloo) or "cuda" (nccl, one GPU a worker).
    Raises: ValueError where torchrun's variables do not fit each other, or the workers do not find
    together.
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
    if device == "cuda":
        torch.cuda.set_device(_variable("LOCAL_RANK", 0))
    try:
        dist.init_process_group("nccl" if device == "cuda" else "gloo", rank=rank, world_size=count)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"worker {rank} of {count} found no others ({reason}): start them all by one torchrun"
        ) from error
    try:
        yield _placed(rank, count) if device == "cpu" else Workers(rank, count)
        dist.barrier()  # none leaves while another still listens to it
    finally:
        dist.destroy_process_group()


def _placed(rank: int, count: int) -> Workers:
    """This worker among those of its machine, as all of them tell it."""
    place, beside = _variable("LOCAL_RANK", 0), _variable("LOCAL_WORLD_SIZE", 1)
    told = [torch.zeros(2, dtype=torch.int64) for _ in range(count)]
    dist.all_gather(told, torch.tensor([place, beside]))
    firsts = [
        other for other, (its_place, _) in enumerate(map(Tensor.tolist, told)) if its_place == 0
    ]
    groups = {first: range(first, min(first + int(told[first][1]), count)) for first in firsts}
    if sorted(other for group in groups.values() for other in group) != list(
        range(count)
    ) or rank not in groups.get(rank - place, ()):
        return Workers(rank, count)  # not as torchrun numbers them: each speaks for itself
    if len(groups) == count:
        return Workers(rank, count)
    mine = {first: dist.new_group(list(group)) for first, group in groups.items()}[rank - place]
    machines = dist.new_group(firsts) if len(firsts) > 1 else None
    return Workers(rank, count, place, beside, machines, mine)


class SharedLearner:
    """A learner that works on its part of every batch, and adds up its updates with the other
    workers'.

    Args:
        own: the learner of this process.
        workers: all of them; at least 2.
        early: send each layer's update as soon as it is there, not when the last one is.
        in_memory: add up in shared memory what workers of one machine have; else, and where it
            cannot be had, by gloo.
    """

    def __init__(
        self, own: LocalLearner, workers: Workers, *, early: bool = True, in_memory: bool = True
    ) -> None:
        self.own, self.workers, self.early = own, workers, early
        weights = list(own.net.parameters())
        can = workers.machine is not None and all(
            tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in weights
        )
        self._pieces = _Pieces.of(own.net) if in_memory and can else None
        self._exchange: Exchange | None = None
        self._round = 0
        own.on_update = self._written
        own.update_buffers = self._room if self._pieces else None
        self._travelling: list[tuple[Any, Tensor, list[Tensor]]] = []
        self._share = 0.0

    @property
    def net(self) -> Network:
        return self.own.net

    @property
    def feedback(self) -> Feedback:
        return self.own.feedback

    @property
    def readout(self) -> Readout:
        return self.own.readout

    @property
    def threads(self) -> int:
        return self.own.threads

    @property
    def by_events(self) -> bool:
        return self.own.by_events

    def step(
        self, spikes: Float[Tensor, "T B M"] | PackedSpikes, labels: Shaped[Tensor, "B ..."]
    ) -> StepResult:
        """As `LocalLearner.step`, for the whole batch: every worker is given all of it."""
        batch = len(labels)
        part = part_of(batch, self.workers.rank, self.workers.count)
        self._share = (part.stop - part.start) / batch
        # fewer samples than workers: nothing of this one counts, but it takes part
        shown = part if self._share else slice(0, 1)
        if self._pieces:
            self._share_memory(batch)
        result = self.own.step(
            spikes.of(shown) if isinstance(spikes, PackedSpikes) else spikes[:, shown],
            labels[shown],
        )
        message = self._message(result, batch, part)
        if self._exchange is not None:
            message = self._add_up(self._exchange, message, batch)
        else:
            for index in range(0 if self.early else len(self.net.layers)):
                self._travel(index)
            dist.all_reduce(message)
            self._arrive()
        self.workers.agreed = bool(message[-1])
        answers = result.predicted.shape[1:]
        sizes = [
            batch * answers.numel(),
            batch * self.net.classes if result.counts is not None else 0,
            1,
            len(self.net.layers),
        ]
        predicted, counts, error, rates = message[:-1].split(sizes)
        whole = predicted.view(batch, *answers).to(result.predicted.dtype)
        return StepResult(
            whole, error[0], rates, None if result.counts is None else counts.view(batch, -1)
        )

    def after_sleep(self, generator: torch.Generator) -> None:
        """Take the first worker's weights, and its place in the stream of random numbers."""
        state = generator.get_state().to(self.net.device)
        for tensor in (
            *self.feedback.state_dict().values(),
            *self.net.state_dict().values(),
            state,
        ):
            dist.broadcast(tensor, 0)
        generator.set_state(state.cpu())

    def _message(self, result: StepResult, batch: int, part: slice) -> Tensor:
        """What a worker saw, with zeros where others did: answers, output spikes, error, rates, and
        its wish to stop.
        """
        told = []
        for seen in (result.predicted, result.counts):
            if seen is not None:
                of_all = torch.zeros(batch, *seen.shape[1:], device=result.rates.device)
                of_all[part] = seen[: part.stop - part.start].float()
                told.append(of_all.flatten())
        return torch.cat(
            [
                *told,
                result.error.view(1) * self._share,
                result.rates * self._share,
                told[0].new_tensor([self.workers.wish]),
            ]
        )

    def _share_memory(self, batch: int) -> None:
        """Have the memory ready, with room for what is told of a batch of this size; by gloo from
        now on where there is none.
        """
        assert self._pieces is not None
        floats = self._pieces.end + 2 * batch * max(1, self.net.classes) + len(self.net.layers) + 2
        if self._exchange is not None and self._exchange.floats >= floats:
            return
        workers = self.workers
        first = workers.rank - workers.place
        self._exchange = meet(
            workers.place,
            workers.beside,
            floats,
            lambda data: _send(data, first, workers.machine, mine=workers.place == 0),
            _all_agree,
        )
        self._round = 0
        if self._exchange is None:
            self._pieces = self.own.update_buffers = None

    def _room(self, index: int) -> Update:
        """Where this worker's update of a layer is written: straight into its slot."""
        assert self._exchange is not None and self._pieces is not None
        return self._pieces.update(index, self._exchange.slot(self._round))

    def _written(self, index: int) -> None:
        if self._exchange is not None:
            self._exchange.post(self._number(index))
        elif self.early:
            self._travel(index)

    def _number(self, index: int) -> int:
        return self._round * (len(self.net.layers) + 1) + index + 1

    def _add_up(self, exchange: Exchange, message: Tensor, batch: int) -> Tensor:
        """Write the sums of all workers' updates into `.grad`, and return that of the messages."""
        assert self._pieces is not None
        workers, layers, begin = self.workers, len(self.net.layers), self._pieces.end
        exchange.slot(self._round)[begin : begin + len(message)] = message
        exchange.post(self._number(layers))
        first = workers.rank - workers.place
        parts = (
            part_of(batch, rank, workers.count) for rank in range(first, first + workers.beside)
        )
        shares, ones = (
            torch.tensor([(part.stop - part.start) / batch for part in parts]),
            torch.ones(workers.beside),
        )
        pieces = [(piece, shares) for piece in self._pieces.slices] + [
            (slice(begin, begin + len(message)), ones)
        ]
        sums = []
        for index, (piece, share) in enumerate(pieces):
            if workers.machines is None or workers.place == 0:
                exchange.wait(self._number(index))
                sums.append(exchange.total(self._round, piece, share))
                if workers.machines is not None:
                    self._travelling.append(
                        (
                            dist.all_reduce(sums[-1], group=workers.machines, async_op=True),
                            sums[-1],
                            [],
                        )
                    )
        if workers.machines is not None:
            result = exchange.result(self._round)
            for index, (piece, _) in enumerate(pieces):
                if workers.place == 0:
                    self._travelling[index][0].wait()
                    result[piece] = sums[index]
                    exchange.post(self._number(index), result=True)
                else:
                    exchange.wait(self._number(index), result=True)
                    sums.append(result[piece].clone())
            self._travelling.clear()
        for index, layer in enumerate(self.net.layers):
            for parameter, gradient in zip(
                layer.parameters(),
                self._pieces.update(index, sums[index], alone=True),
                strict=False,
            ):
                parameter.grad = gradient
        self._round += 1
        return sums[-1]

    def _travel(self, index: int) -> None:
        """Send a layer's update on its way."""
        layer = self.net.layers[index]
        gradients = [
            parameter.grad for parameter in layer.parameters() if parameter.grad is not None
        ]
        flat = torch.cat([gradient.flatten() for gradient in gradients]).mul_(self._share)
        self._travelling.append((dist.all_reduce(flat, async_op=True), flat, gradients))

    def _arrive(self) -> None:
        """Take the sums of what was sent."""
        for work, flat, gradients in self._travelling:
            work.wait()
            for gradient, summed in zip(
                gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
            ):
                gradient.copy_(summed.view_as(gradient))
        self._travelling.clear()


@dataclass(frozen=True)
class _Pieces:
    """Where each layer's update lies in a slot: weights, then biases, then whatever else the layer
    learns.
    """

    slices: list[slice]
    shapes: list[list[torch.Size]]

    @classmethod
    def of(cls, net: Network) -> _Pieces:
        shapes = [[parameter.shape for parameter in layer.parameters()] for layer in net.layers]
        ends = list(itertools.accumulate(sum(shape.numel() for shape in layer) for layer in shapes))
        return cls(
            [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)], shapes
        )

    @property
    def end(self) -> int:
        return self.slices[-1].stop

    def update(self, index: int, slot: Tensor, *, alone: bool = False) -> Update:
        """A layer's update as a view of a slot, or of the layer's piece of it alone."""
        shapes = self.shapes[index]
        flat = (slot if alone else slot[self.slices[index]]).split(
            [shape.numel() for shape in shapes]
        )
        return Update(*(part.view(shape) for part, shape in zip(flat, shapes, strict=True)))


def part_of(batch: int, rank: int, count: int) -> slice:
    """The samples of a batch that worker `rank` of `count` is shown."""
    return slice(batch * rank // count, batch * (rank + 1) // count)


def _send(data: bytes, first: int, group: Any, *, mine: bool) -> bytes:  # any: torch's group
    """What one worker holds, in all of its group (all workers where None)."""
    size = torch.tensor([len(data)])
    dist.broadcast(size, first, group)
    buffer = (
        torch.frombuffer(bytearray(data), dtype=torch.uint8)
        if mine and data
        else torch.zeros(int(size), dtype=torch.uint8)
    )
    if len(buffer):
        dist.broadcast(buffer, first, group)
    return buffer.numpy().tobytes()


def _all_agree(yes: bool) -> bool:
    """Whether all workers of all machines say yes."""
    told = torch.tensor([int(yes)])
    dist.all_reduce(told, dist.ReduceOp.MIN)
    return bool(told)


def _variable(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"${name} is {text!r}; need a whole number, as torchrun sets it") from None
