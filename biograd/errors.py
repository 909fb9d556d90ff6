"""Error neurons: the error of the output layer, step by step.

A positive error marks an output neuron that should have fired more, a negative one a neuron that
should have fired less; feedback weights carry both to the apical dendrites.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import inputs
from .checks import instance_of, whole_number
from .padding import step_weights
from .tensors import check_shapes
from .texts import described


class ErrorNeurons(ABC):
    """A kind of error neurons. Extend it to add one: `causal` and `error`.

    A line in `ERRORS` makes the kind known to configurations by name, which build it as `Kind()`.

    Example:
        >>> [kind.causal for kind in (SignedSpikes(), RunningRate(), FinalRate())]
        [True, True, False]
    """

    causal: bool  # the error of a step needs no later step, so the online order can use it

    def __repr__(self) -> str:
        return described(self)

    @abstractmethod
    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        """Return the error of one step, [B, C], or of all steps, [T, B, C], spikes per step.

        Args:
            s_out: output spikes of the step, 0 or 1.
            rate: output spikes per step, from the first step to this one; to the last one where the
                kind is not causal.
            target: target spikes per step, 0..1 (one-hot for classes).
        """


class SignedSpikes(ErrorNeurons):
    """err[t] = target - s_out[t], in {-1, 0, 1}.

    A positive and a negative error neuron per class, as a chip can have them.
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
        check_shapes(("s_out", s_out, "? B C"), ("target", target, "B C"))
        return target - s_out


class RunningRate(ErrorNeurons):
    """err[t] = target - (1/t) sum of s_out up to t: graded, and surer towards the end. Ours.

    Example:
        >>> target, s_out = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> RunningRate().error(s_out, torch.tensor([[0.75, 0.25]]), target).tolist()
        [[0.25, -0.25]]
    """

    causal = True

    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        check_shapes(("rate", rate, "? B C"), ("target", target, "B C"))
        return target - rate


class FinalRate(ErrorNeurons):
    """err = target - the whole sample's output rate, the same at every step. Ours.

    It needs the end of the sample, so it never learns online.

    Example:
        >>> net = Network((4, 3, 2))
        >>> LocalLearner(net, RandomDFA(net), error=FinalRate(), order="online")
        Traceback (most recent call last):
        ValueError: FinalRate needs the end of the sample, so it cannot learn online: use order
        'layer'
    """

    causal = False

    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        check_shapes(("rate", rate, "? B C"), ("target", target, "B C"))
        return target - rate


class SoftmaxError(ErrorNeurons):
    """err[t] = target - softmax(mean of the output up to t), for a graded output.

    The gradient of the cross-entropy by the mean voltage of a leaky readout. A spiking output,
    whose rates lie in 0..1, learns little from it (70 % of MNIST in our trials).
    Source: the softmax error of e-prop, Bellec et al. 2020 (Nature Communications 11:3625), which
    takes the voltage of the step; the running mean is ours.

    Example:
        >>> zero, target = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
        >>> SoftmaxError().error(zero, rate=zero, target=target).tolist()
        [[0.5, -0.5]]
    """

    causal = True

    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        check_shapes(("rate", rate, "? B C"), ("target", target, "B C"))
        return target - rate.softmax(-1)


class FinalSoftmax(SoftmaxError):
    """err = target - softmax(mean of the output over the whole sample), the same at every step.

    The cross-entropy's gradient itself, where `SoftmaxError` judges the first steps before the
    output had time to answer, and pushes answers that end right. Ours.
    It needs the end of the sample, so it never learns online.

    Example:
        >>> output, target = torch.tensor([[[0.0, 0.0]], [[2.0, 0.0]]]), torch.tensor([[1.0, 0.0]])
        >>> kinds = FinalSoftmax(), SoftmaxError()
        >>> errors = [errors_over_time(kind, output, target)[:, 0, 0] for kind in kinds]
        >>> [[round(x, 2) for x in err.tolist()] for err in errors]
        [[0.27, 0.27], [0.5, 0.27]]
    """

    causal = False


class ClassWeighted(ErrorNeurons):
    """Any error neurons, each sample's errors times the weight of its class. Ours.

    For classes that are rare, or whose errors cost more. Weights of mean 1 over the samples
    (`balanced_weights`) keep the learning rate's meaning.

    Example:
        >>> error, zero = ClassWeighted(SignedSpikes(), torch.tensor([1.0, 3.0])), torch.zeros(2, 2)
        >>> error.error(zero, zero, target=torch.eye(2)).tolist()    # one sample of each class
        [[1.0, 0.0], [0.0, 3.0]]
    """

    def __init__(self, kind: ErrorNeurons, weights: Float[Tensor, " C"]) -> None:
        instance_of(kind, ErrorNeurons, "kind", "error neurons, e.g. SignedSpikes()")
        check_shapes(("weights", weights, "C"))
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
        check_shapes(("target", target, "B C"))
        if len(self.weights) != target.shape[-1]:
            raise ValueError(
                f"there are {len(self.weights)} class weights for {target.shape[-1]} classes; need"
                " one each"
            )
        weight = (target @ self.weights.to(target)).unsqueeze(-1)
        return self.kind.error(s_out, rate, target) * weight


def balanced_weights(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, " C"]:
    """Return a weight for each class, n / (classes * samples of the class).

    All classes then count the same together, and the mean over samples is 1. A class without a
    sample gets 0. The same as scikit-learn's class_weight="balanced".

    Example:
        >>> balanced_weights(torch.tensor([0, 0, 0, 1]), 2).tolist()
        [0.6666666865348816, 2.0]
    """
    inputs.check_kind(labels, "labels")
    whole_number(classes, "classes", 1, 1 << 24)
    if (
        labels.is_floating_point()
        or labels.dtype == torch.bool
        or labels.dim() != 1
        or not len(labels)
    ):
        raise ValueError(
            f"labels are {labels.dtype} of shape {tuple(labels.shape)}; need integers [n], at least"
            " one"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels reach {low if low < 0 else high}; {classes} classes have labels"
            f" 0..{classes - 1}"
        )
    counts = torch.bincount(labels.cpu(), minlength=classes)
    return torch.where(counts > 0, len(labels) / (classes * counts.clamp_min(1)), torch.zeros(()))


def errors_over_time(
    kind: ErrorNeurons,
    s_out: Float[Tensor, "T B C"],
    target: Float[Tensor, "B C"],
    lengths: Int[Tensor, " B"] | None = None,
) -> Float[Tensor, "T B C"]:
    """Return the errors of a whole sample, [T, B, C], spikes per step.

    Args:
        lengths: steps of each sample, where the spikes after them are 0, padding. Errors are then
            multiplied by T / length, and 0 in the padding: means over T steps become means over
            each sample's own.
    """
    if lengths is not None:
        weights = step_weights(lengths, len(s_out), s_out)
        if not kind.causal:
            rate = s_out.sum(0) / lengths.to(s_out)[:, None]
            return kind.error(s_out, rate.expand_as(s_out), target) * weights
        return errors_over_time(kind, s_out, target) * weights
    if not kind.causal:
        return kind.error(s_out, s_out.mean(0).expand_as(s_out), target)
    steps = torch.arange(1, s_out.shape[0] + 1, dtype=s_out.dtype, device=s_out.device)
    return kind.error(s_out, s_out.cumsum(0) / steps[:, None, None], target)


ERRORS: dict[str, type[ErrorNeurons]] = {
    "signed": SignedSpikes,
    "running": RunningRate,
    "final": FinalRate,
    "softmax": SoftmaxError,
    "final-softmax": FinalSoftmax,
}
