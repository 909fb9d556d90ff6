"""One network trained by several processes, on one machine or on many.

    torchrun --nproc-per-node N -m biograd train ...

Every worker draws the same batches from the same seed, works on its own part of each batch, and
`torch.distributed` adds up the local updates (gloo on CPUs, nccl on GPUs). The result is that of
one worker, up to the order of sums. Only the first worker sleeps; the others then take its feedback
weights, and its forward weights with them, so that machines that round differently do not drift
apart.

A layer's update is ready as soon as its error is, with no backward pass to wait for: its all-reduce
runs while the next layer's update is computed.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor

from ..feedback import Feedback
from ..kernels.packed_spikes import PackedSpikes
from ..network import Layer, Network
from ..padding import PaddedSpikes
from ..readout import Readout
from ..rules import Update
from .learner import LocalLearner, StepResult


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
        with _connected(self):
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
        with _connected(workers):
            dist.barrier()  # no worker leaves while another one still waits for its message
    finally:
        dist.destroy_process_group()
        # A worker was seen to abort at its exit, in C++ and after all work was done. The cause is
        # not known; freed here, the group does not depend on the order of the interpreter's exit.
        gc.collect()


class SharedLearner:
    """A learner of a part of every batch, whose updates are added up with the other workers'.

    Args:
        local: the learner of this process.
        workers: all processes; at least 2.
        overlap: start each layer's all-reduce as soon as its update is written, not after the last
            layer's.
    """

    def __init__(self, local: LocalLearner, workers: Workers, *, overlap: bool = True) -> None:
        self.local, self.workers, self.overlap = local, workers, overlap
        self._buffers = [_Buffer(layer) for layer in local.net.layers]
        self._share = 0.0  # of the batch, that this worker learns from
        self._pending: list[dist.Work] = []
        local.update_sink = self

    @property
    def net(self) -> Network:
        return self.local.net

    @property
    def feedback(self) -> Feedback:
        return self.local.feedback

    @property
    def readout(self) -> Readout:
        return self.local.readout

    @property
    def threads(self) -> int:
        return self.local.threads

    @property
    def by_events(self) -> bool:
        return self.local.by_events

    def step(
        self,
        spikes: Float[Tensor, "T B M"] | PackedSpikes | PaddedSpikes,
        labels: Shaped[Tensor, "B ..."],
    ) -> StepResult:
        """Learn a batch as `LocalLearner.step` does; every worker is given the whole batch."""
        batch = len(labels)
        part = part_of(batch, self.workers.rank, self.workers.count)
        self._share = (part.stop - part.start) / batch
        # with fewer samples than workers, one without a sample takes the first at weight 0
        samples = part if self._share else slice(0, 1)
        result = self.local.step(
            spikes[:, samples] if isinstance(spikes, Tensor) else spikes.of(samples),
            labels[samples],
        )
        message = self._message(result, batch, part)
        with _connected(self.workers):
            if not self.overlap:
                for index in range(len(self._buffers)):
                    self._start_sum(index)
            dist.all_reduce(message)
            for work in self._pending:
                work.wait()
        self._pending.clear()
        return self._result(message, result, batch)

    def update_buffers(self, index: int) -> Update:
        """Return the tensors that a layer's update is written into (see `learner.UpdateSink`)."""
        return self._buffers[index].update

    def on_update(self, index: int) -> None:
        """Start adding up a layer's update as soon as it is written."""
        if self.overlap:
            with _connected(self.workers):
                self._start_sum(index)

    @property
    def sleeps_here(self) -> bool:
        """True in the first worker, which sleeps for all (`learners.SleepsOnce`)."""
        return self.workers.first

    def after_sleep(self, generator: torch.Generator) -> None:
        """Take the first worker's weights, and its place in the stream of random numbers."""
        state = generator.get_state().to(self.net.device)
        weights = (*self.feedback.state_dict().values(), *self.net.state_dict().values())
        with _connected(self.workers):
            for tensor in (*weights, state):
                dist.broadcast(tensor, 0)
        generator.set_state(state.cpu())

    def _start_sum(self, index: int) -> None:
        flat = self._buffers[index].flat.mul_(self._share)
        work = dist.all_reduce(flat, async_op=True)
        assert work is not None  # it is only for processes outside the group
        self._pending.append(work)

    def _message(self, result: StepResult, batch: int, part: slice) -> Tensor:
        """Return answers, output spikes, error, rates and the wish to stop as one vector.

        Other workers' samples are zeros, so that the sum over workers is that of the batch.
        """
        per_sample = []
        for values in (result.predicted, result.counts):
            if values is not None:
                padded = torch.zeros(batch, *values.shape[1:], device=result.rates.device)
                padded[part] = values[: part.stop - part.start].float()
                per_sample.append(padded.flatten())
        return torch.cat(
            [
                *per_sample,
                result.error.view(1) * self._share,
                result.rates * self._share,
                per_sample[0].new_tensor([self.workers.wants_to_stop]),
            ]
        )

    def _result(self, message: Tensor, result: StepResult, batch: int) -> StepResult:
        """Read the sum of all workers' messages (see `_message`)."""
        self.workers.any_wants_to_stop = bool(message[-1])
        answer = result.predicted.shape[1:]
        counts_size = 0 if result.counts is None else batch * self.net.classes
        predicted, counts, error, rates = message[:-1].split(
            [batch * answer.numel(), counts_size, 1, len(self.net.layers)]
        )
        return StepResult(
            predicted.view(batch, *answer).to(result.predicted.dtype),
            error[0],
            rates,
            None if result.counts is None else counts.view(batch, -1),
        )


class _Buffer:
    """A layer's update in one piece of memory, for one all-reduce, with views per weight tensor."""

    def __init__(self, layer: Layer) -> None:
        parameters = list(layer.parameters())
        sizes = [parameter.numel() for parameter in parameters]
        self.flat = parameters[0].new_zeros(sum(sizes))
        self.update = Update(
            *(
                piece.view(parameter.shape)
                for piece, parameter in zip(self.flat.split(sizes), parameters, strict=True)
            )
        )


def part_of(batch: int, rank: int, count: int) -> slice:
    """Return the samples of a batch that worker `rank` of `count` learns from."""
    return slice(batch * rank // count, batch * (rank + 1) // count)


@contextmanager
def _connected(workers: Workers) -> Iterator[None]:
    """Turn the failure of a collective operation into one line that says what to do."""
    try:
        yield
    except RuntimeError as error:
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
