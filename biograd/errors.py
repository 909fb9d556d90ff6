"""Error neurons: what the output layer is told it did wrong, step by step.

A positive error excites the apical dendrites that speak for a class which should have fired; a negative one inhibits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor


class ErrorNeurons(ABC):
    """What training asks of error neurons. A new kind is a class with these members and a line in `ERRORS`."""

    causal: bool  # whether the error of a step needs nothing from later steps, and so can be used online

    @abstractmethod
    def error(self, s_out: Float[Tensor, "*T B C"], rate: Float[Tensor, "*T B C"], target: Float[Tensor, "B C"]) -> Float[Tensor, "*T B C"]:
        """The error of one step [B, C], or of all steps at once [T, B, C], in spikes a step.

        Args:
            s_out: output spikes of the step, 0 or 1.
            rate: output spikes a step, from the first step to this one; to the last one where the kind is not causal.
            target: wished spikes a step, 0..1 (one-hot for classes).
        """


class SignedSpikes(ErrorNeurons):
    """err[t] = target - s_out[t], in {-1, 0, 1}: a positive and a negative error neuron a class, which is what a chip can do.

    Source: the error neurons of Tang et al. 2021 (arXiv 2110.14092, abstract), reconstructed.
    """

    causal = True

    def error(self, s_out: Float[Tensor, "*T B C"], rate: Float[Tensor, "*T B C"], target: Float[Tensor, "B C"]) -> Float[Tensor, "*T B C"]:
        return target - s_out


class RunningRate(ErrorNeurons):
    """err[t] = target - (1/t) sum of s_out up to t: graded errors, surer as the sample goes on. Ours."""

    causal = True

    def error(self, s_out: Float[Tensor, "*T B C"], rate: Float[Tensor, "*T B C"], target: Float[Tensor, "B C"]) -> Float[Tensor, "*T B C"]:
        return target - rate


class FinalRate(RunningRate):
    """err = target - the whole sample's output rate, told at every step: needs the end of the sample, so never online. Ours."""

    causal = False


def errors_over_time(kind: ErrorNeurons, s_out: Float[Tensor, "T B C"], target: Float[Tensor, "B C"]) -> Float[Tensor, "T B C"]:
    """The errors of a whole sample, [T, B, C], spikes a step."""
    if not kind.causal:
        return kind.error(s_out, s_out.mean(0).expand_as(s_out), target)
    steps = torch.arange(1, s_out.shape[0] + 1, dtype=s_out.dtype, device=s_out.device)
    return kind.error(s_out, s_out.cumsum(0) / steps[:, None, None], target)


ERRORS: dict[str, type[ErrorNeurons]] = {"signed": SignedSpikes, "running": RunningRate, "final": FinalRate}
