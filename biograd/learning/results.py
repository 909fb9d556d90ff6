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
