"""Spaced repetition: samples with sure answers need not be learned from, and may rest.

Such a sample rests for some epochs, each time for longer; a missed one comes back at once.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..data.loaders import Loader
from ..data.samples import Samples
from ..errors import ClassWeighted, ErrorNeurons, RunningRate
from ..params.repetition import RepetitionParams as RepetitionParams
from ..readout import Classes, Readout


class UnsureOnly(ErrorNeurons):
    """Any error neurons, silent for samples with sure answers, which cost no update. Ours.

    Whether an answer is sure is known at the sample's end, so this never learns online; on the
    chip, where a sample's learning epoch comes at its end, the host cancels that epoch.

    Args:
        kind: the error neurons of all other samples; not `RunningRate`, which judges before the
            sample ends.
        lead: as in `RepetitionParams`.

    Example:
        >>> s_out = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 0.0]]])
        >>> target = torch.tensor([[1.0, 0.0]])    # class 0 fired at two of three steps
        >>> UnsureOnly(SignedSpikes(), lead=3).error(s_out, s_out, target).sum().item()
        1.0
        >>> UnsureOnly(SignedSpikes(), lead=2).error(s_out, s_out, target).sum().item()
        0.0
    """

    causal = False

    def __init__(self, kind: ErrorNeurons, lead: int) -> None:
        if type(kind.kind if isinstance(kind, ClassWeighted) else kind) is RunningRate:
            raise ValueError(
                "repetition.learn_sure is off, which needs the sample's end; error 'running' knows"
                " only its start: take 'final'"
            )
        self.kind, self.lead = kind, lead

    def error(
        self,
        s_out: Float[Tensor, "*T B C"],
        rate: Float[Tensor, "*T B C"],
        target: Float[Tensor, "B C"],
    ) -> Float[Tensor, "*T B C"]:
        counts = s_out.sum(0) if s_out.ndim == 3 else s_out
        unsure = lead_of(counts, target.argmax(1)) < self.lead
        return self.kind.error(s_out, rate, target) * unsure.to(s_out).unsqueeze(-1)


class Repetition:
    """Schedule of the samples: the epochs that present each of them.

        sure answer:   the sample rests for `pause` epochs, and pause <- min(2 pause, longest)
        any other:     the next epoch presents it, and pause <- 1

    At first, pause = `first`.

    Source: Leitner's boxes (spaced repetition) for samples; that networks forget few samples once
    learned: Toneva et al. 2019 (arXiv 1812.05159). The doubling is ours. The host needs three
    numbers per sample, and of the network nothing but its answer.

    Args:
        samples: in the training set.

    Example:
        >>> repetition = Repetition(3, RepetitionParams(longest=4))
        >>> repetition.note(0, torch.tensor([0, 1]), lead=torch.tensor([3.0, -1.0]))
        >>> [repetition.due(epoch).tolist() for epoch in (0, 1, 2)]    # sample 0 rests in epoch 1
        [[0, 1, 2], [1, 2], [0, 1, 2]]
    """

    def __init__(self, samples: int, params: RepetitionParams) -> None:
        self.samples, self.params = samples, params
        # of each sample: the next epoch that presents it, the last one that did (-1: none), and the
        # epochs that it rests after its next sure answer
        self.next = torch.zeros(samples, dtype=torch.int64)
        self.last = torch.full((samples,), -1)
        self.pause = torch.full((samples,), params.first)

    def due(self, epoch: int) -> Int[Tensor, " n"]:
        """Return the samples of an epoch, those it has already presented included."""
        return torch.nonzero((self.next <= epoch) | (self.last == epoch))[:, 0]

    def note(self, epoch: int, members: Int[Tensor, " B"], lead: Float[Tensor, " B"]) -> None:
        """Schedule samples by their answers in an epoch that has presented each of them once.

        Args:
            lead: spikes of the right class minus those of the best other one.
        """
        sure: Bool[Tensor, " B"] = lead.cpu() >= self.params.lead
        pause = self.pause[members]
        self.last[members] = epoch
        self.next[members] = epoch + 1 + torch.where(sure, pause, 0)
        self.pause[members] = torch.where(sure, (2 * pause).clamp_max(self.params.longest), 1)

    def note_answers(
        self,
        epoch: int,
        members: Int[Tensor, " B"],
        counts: Float[Tensor, "B C"] | None,
        labels: Int[Tensor, " B"],
    ) -> None:
        """Schedule samples by the output's spikes (see `note`).

        Raises: ValueError where the learner returns no spikes.
        """
        if counts is None:
            raise ValueError(
                "repetition needs the output's spikes, which this learner does not return: set"
                " repetition.longest to 0"
            )
        self.note(epoch, members, lead_of(counts, labels))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the schedule, for a run to resume."""
        return {"next": self.next, "last": self.last, "pause": self.pause}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a `state_dict`.

        Raises: ValueError for pauses outside 1 to the longest.
        """
        if not bool(((state["pause"] >= 1) & (state["pause"] <= self.params.longest)).all()):
            raise ValueError(
                f"repetition: pauses outside 1 to {self.params.longest} epochs: restore a copy, or"
                " train again"
            )
        self.next, self.last, self.pause = (
            state[name].clone() for name in ("next", "last", "pause")
        )


def repetition_of(
    params: RepetitionParams, train_set: Samples | Loader, readout: Readout
) -> Repetition | None:
    """Return the schedule of a training set; None where every epoch presents every sample.

    Raises: ValueError where samples cannot be told apart, or answers are no classes.
    """
    if not params.longest:
        return None
    if not isinstance(train_set, Samples):
        raise ValueError(
            "repetition needs samples that can be told apart, and a loader makes its own batches:"
            " set repetition.longest to 0"
        )
    if not isinstance(readout, Classes):
        raise ValueError(
            "repetition knows a sure answer by its class, and this network learns real numbers: set"
            " repetition.longest to 0"
        )
    return Repetition(len(train_set.y), params)


def lead_of(counts: Float[Tensor, "B C"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Return the output spikes of the right class minus those of the best other class.

    Example:
        >>> lead_of(torch.tensor([[3.0, 1.0, 0.0], [3.0, 1.0, 0.0]]), torch.tensor([0, 1])).tolist()
        [2.0, -2.0]
    """
    right = counts.gather(1, labels[:, None])
    others = counts.scatter(1, labels[:, None], -torch.inf)
    return right[:, 0] - others.amax(1)
