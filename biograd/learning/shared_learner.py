"""A learner of a part of every batch, whose updates are added up with the other workers'.

A layer's update is ready as soon as its error is, with no backward pass to wait for: the all-reduce
of a large one runs while the next layer's update is computed. Small ones, and the last one, which
has nothing to hide behind, are added up in one message with the statistics of the batch.
"""

from __future__ import annotations

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
from .workers import Workers, connected

# Numbers of an update that is sent on its own. A message of gloo costs 0.3 ms of processor time,
# whatever its size, and one of a million bytes twice as much (ours, on 2 cores).
SENT_ALONE = 1 << 16


class SharedLearner:
    """A learner of a part of every batch, whose updates are added up with the other workers'.

    Args:
        local: the learner of this process.
        workers: all processes; at least 2.
        overlap: start a large update's all-reduce as soon as it is written, not after the last
            layer's.
    """

    def __init__(self, local: LocalLearner, workers: Workers, *, overlap: bool = True) -> None:
        self.local, self.workers, self.overlap = local, workers, overlap
        self._buffers = [_Buffer(layer) for layer in local.net.layers]
        self._share = 0.0  # of the batch, that this worker learns from
        self._pending: list[dist.Work] = []
        self._waiting: list[Tensor] = []  # updates that are sent after the last layer's
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
        self._waiting.clear()  # of a step that was refused half-way
        part = part_of(batch, self.workers.rank, self.workers.count)
        self._share = (part.stop - part.start) / batch
        # with fewer samples than workers, one without a sample takes the first at weight 0
        samples = part if self._share else slice(0, 1)
        result = self.local.step(
            spikes[:, samples] if isinstance(spikes, Tensor) else spikes.of(samples),
            labels[samples],
        )
        message = self._message(result, batch, part)
        together = torch.cat([*self._waiting, message])
        with connected(self.workers, self._pending):
            dist.all_reduce(together)
            while self._pending:
                self._pending.pop(0).wait()
        *sums, message = together.split([*map(len, self._waiting), len(message)])
        for flat, total in zip(self._waiting, sums, strict=True):
            flat.copy_(total)
        self._waiting.clear()
        return self._result(message, result, batch)

    def update_buffers(self, index: int) -> Update:
        """Return the tensors that a layer's update is written into (see `learner.UpdateSink`)."""
        return self._buffers[index].update

    def on_update(self, index: int) -> None:
        """Start adding up a layer's update now that it is written, or let it wait for the last."""
        flat = self._buffers[index].flat.mul_(self._share)
        if not self.overlap or index == len(self._buffers) - 1 or len(flat) < SENT_ALONE:
            self._waiting.append(flat)
            return
        with connected(self.workers, self._pending):
            work = dist.all_reduce(flat, async_op=True)
        assert work is not None  # it is only for processes outside the group
        self._pending.append(work)

    @property
    def sleeps_here(self) -> bool:
        """True in the first worker, which sleeps for all (`learners.SleepsOnce`)."""
        return self.workers.first

    def after_sleep(self, generator: torch.Generator) -> None:
        """Take the first worker's weights, and its place in the stream of random numbers."""
        state = generator.get_state().to(self.net.device)
        weights = (*self.feedback.state_dict().values(), *self.net.state_dict().values())
        with connected(self.workers):
            for tensor in (*weights, state):
                dist.broadcast(tensor, 0)
        generator.set_state(state.cpu())

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
