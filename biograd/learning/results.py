"""Results of a learning step, and where its updates may go."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from ..rules import Update


class StepResult(NamedTuple):
    """Statistics of one learning step."""

    predicted: Tensor  # answers of the readout: classes, int64 [B], or values [B, values]
    error: Tensor  # mean |err| of the output, spikes per step, scalar
    rates: Tensor  # spikes per neuron and step of every layer, [layers]
    counts: Tensor | None = None  # output spikes of each sample, [B, C]; None: not reported


@runtime_checkable
class UpdateSink(Protocol):
    """Takes each layer's update as soon as it is computed, e.g. to send it to other processes."""

    def update_buffers(self, index: int) -> Update:
        """Return the tensors that a layer's update is written into; they become its `.grad`."""
        ...

    def on_update(self, index: int) -> None:
        """Go on with a layer's update, now that it is written; called for each layer in turn."""
        ...


def minus_mean(updates: list[Tensor], share: list[float]) -> Tensor:
    """Return minus the weighted mean of the parts' updates: optimizers descend.

    In the usual order of memory: torch's fused optimizers read a gradient as if it had its
    parameter's strides.
    """
    if len(updates) == 1:
        return updates[0].contiguous().neg_()
    total = updates[0].mul_(-share[0])
    for update, weight in zip(updates[1:], share[1:], strict=True):
        total.add_(update, alpha=-weight)
    return total
