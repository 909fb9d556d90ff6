"""Error neurons: what the output layer is told it did wrong, step by step.

A positive error excites the apical dendrites that speak for a class which should have fired; a
negative one inhibits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor


class ErrorNeurons(ABC):
    """What training asks of error neurons. A new kind is a class with these members and a line in
    `ERRORS`.

    Example:
        >>> [kind.causal for kind in (SignedSpikes(), RunningRate(), FinalRate())]
        [True, True, False]
    """

    # whether the error of a step needs nothing from later steps, and so can be used online
    causal: bool

    @abstractmethod
    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        """The error of one step [B, C], or of all steps at once [T, B, C], in spikes per step.

        Args:
            s_out: output spikes of the step, 0 or 1.
            rate: output spikes per step, from the first step to this one; to the last one where the
                kind is not causal.
            target: wished spikes per step, 0..1 (one-hot for classes).
        """


class SignedSpikes(ErrorNeurons):
    """err[t] = target - s_out[t], in {-1, 0, 1}: a positive and a negative error neuron per class,
    which is what a chip can do.

    Source: the error neurons of Tang et al. 2021 (arXiv 2110.14092, abstract), reconstructed.

    Example:
        >>> target, s_out = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> SignedSpikes().error(s_out, rate=s_out, target=target).tolist()
        [[1.0, -1.0]]
    """

    causal = True

    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        return target - s_out


class RunningRate(ErrorNeurons):
    """err[t] = target - (1/t) sum of s_out up to t: graded errors, surer as the sample goes on.
    Ours.

    Example:
        >>> target, s_out, rate = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[0.75, 0.25]])
        >>> RunningRate().error(s_out, rate, target).tolist()
        [[0.25, -0.25]]
    """

    causal = True

    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        return target - rate


class FinalRate(RunningRate):
    """err = target - the whole sample's output rate, told at every step: needs the end of the
    sample, so never online. Ours.

    Example:
        >>> LocalLearner(net := Network((4, 3, 2)), RandomDFA(net), error=FinalRate(), order="online")
        Traceback (most recent call last):
        ValueError: FinalRate needs the end of the sample, so it cannot learn online: use order
        'layer'
    """

    causal = False


class ClassWeighted(ErrorNeurons):
    """Any error neurons, each sample's errors times the weight of its class: for classes that are
    rare, or dear. Ours.

    Weights of mean 1 over the samples (`balanced_weights`) keep the learning rate's meaning.

    Example:
        >>> error = ClassWeighted(SignedSpikes(), torch.tensor([1.0, 3.0]))
        >>> error.error(torch.zeros(2, 2), torch.zeros(2, 2), torch.eye(2)).tolist()    # of one sample of each class
        [[1.0, 0.0], [0.0, 3.0]]
    """

    def __init__(self, kind: ErrorNeurons, weights: Float[Tensor, " C"]) -> None:
        if (
            not bool(torch.isfinite(weights).all())
            or bool((weights < 0).any())
            or not bool((weights > 0).any())
        ):
            raise ValueError(
                f"class weights are {weights.tolist()}; need finite numbers of 0 or more, not all 0"
            )
        self.kind, self.weights, self.causal = kind, weights, kind.causal

    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        if len(self.weights) != target.shape[-1]:
            raise ValueError(
                f"there are {len(self.weights)} class weights for {target.shape[-1]} classes; need"
                " one each"
            )
        return self.kind.error(s_out, rate, target) * (target @ self.weights.to(target)).unsqueeze(
            -1
        )


def balanced_weights(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, " C"]:
    """A weight for each class, n / (classes its count): all classes count the same together, and
    the mean over samples is 1.

    A class without a sample gets 0. The same as scikit-learn's class_weight="balanced".

    Example:
        >>> balanced_weights(torch.tensor([0, 0, 0, 1]), 2).tolist()
        [0.6666666865348816, 2.0]
    """
    counts = torch.bincount(labels.cpu(), minlength=classes)
    if len(counts) > classes:
        raise ValueError(
            f"labels reach {len(counts) - 1}; {classes} classes have labels 0..{classes - 1}"
        )
    return torch.where(counts > 0, len(labels) / (classes * counts.clamp_min(1)), torch.zeros(()))


def errors_over_time(
    kind: ErrorNeurons, s_out: Float[Tensor, "T B C"], target: Float[Tensor, "B C"]
) -> Float[Tensor, "T B C"]:
    """The errors of a whole sample, [T, B, C], spikes per step."""
    if not kind.causal:
        return kind.error(s_out, s_out.mean(0).expand_as(s_out), target)
    steps = torch.arange(1, s_out.shape[0] + 1, dtype=s_out.dtype, device=s_out.device)
    return kind.error(s_out, s_out.cumsum(0) / steps[:, None, None], target)


ERRORS: dict[str, type[ErrorNeurons]] = {
    "signed": SignedSpikes,
    "running": RunningRate,
    "final": FinalRate,
}
