"""Samples that are answered surely: they need not be learned from, and may rest.

Spaced repetition: such a sample rests for some epochs, each time for longer; a missed one comes
back at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..errors import ClassWeighted, ErrorNeurons, RunningRate


@dataclass(frozen=True, kw_only=True)
class RepetitionParams:
    """How long samples rest that are answered surely. What is not shown costs nothing: no step, no
    spike, no update.

    Example:
        >>> RepetitionParams(longest=4).lead
        2
    """

    longest: int = 0  # epochs that a sample rests at most; 0: every sample is shown in every epoch
    # whether samples that are answered surely are learned from, where they are shown
    learn_sure: bool = True
    first: int = 1  # epochs that a sample rests whose very first answer is sure
    lead: int = 2  # spikes by which the right class must lead all others for an answer to be sure

    def __post_init__(self) -> None:
        if not 0 <= self.longest <= 1000:
            raise ValueError(
                f"repetition.longest is {self.longest}; need 0 (never rest) to 1000 epochs"
            )
        if not 1 <= self.first <= max(1, self.longest):
            raise ValueError(
                f"repetition.first is {self.first}; need 1 to the longest rest, {self.longest}"
                " epochs"
            )
        if self.lead < 1:
            raise ValueError(f"repetition.lead is {self.lead}; need at least 1 spike")


class UnsureOnly(ErrorNeurons):
    """Any error neurons, silent for samples that are answered surely: what is known is not changed,
    and costs no update. Ours.

    Whether an answer is sure is known at the sample's end, so this never learns online; on the
    chip, where a sample's learning epoch comes at its end, the host calls it off.

    Args:
        kind: the error neurons of all other samples; they must not need the rate so far
            (`RunningRate`).
        lead: as in `RepetitionParams`.

    Example:
        >>> s_out = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 0.0]]])    # class 0 fires at two of three steps
        >>> UnsureOnly(SignedSpikes(), lead=3).error(s_out, s_out, torch.tensor([[1.0, 0.0]])).sum().item()
        1.0
        >>> UnsureOnly(SignedSpikes(), lead=2).error(s_out, s_out, torch.tensor([[1.0, 0.0]])).sum().item()
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
    """Which samples are shown in which epoch.

        sure answer:   the sample rests for `pause` epochs, and pause <- min(2 pause, longest)
        any other:     it is shown in the next epoch, and pause <- 1

    At first, pause = `first`.

    Source: Leitner's boxes (spaced repetition) for samples; that networks forget few samples once
    learned: Toneva et al. 2019 (arXiv 1812.05159). The doubling is ours. The host needs three
    numbers per sample, and of the network nothing but its answer.

    Args:
        samples: how many there are.

    Example:
        >>> some = Repetition(3, RepetitionParams(longest=4))
        >>> some.note(0, torch.tensor([0, 1]), torch.tensor([3.0, -1.0]))    # 0 surely right, 1 wrong
        >>> [some.due(epoch).tolist() for epoch in (0, 1, 2)]    # an epoch stays what it was at its start
        [[0, 1, 2], [1, 2], [0, 1, 2]]
    """

    def __init__(self, samples: int, params: RepetitionParams) -> None:
        self.samples, self.params = samples, params
        # epoch in which each sample is shown next
        self.next = torch.zeros(samples, dtype=torch.int64)
        self.last = torch.full((samples,), -1)  # epoch in which it was shown last, -1: none
        # epochs that it rests after its next sure answer
        self.pause = torch.full((samples,), params.first)

    def due(self, epoch: int) -> Int[Tensor, " n"]:
        """The samples that an epoch shows, whether they have been shown in it already or not."""
        return torch.nonzero((self.next <= epoch) | (self.last == epoch))[:, 0]

    def note(self, epoch: int, members: Int[Tensor, " B"], lead: Float[Tensor, " B"]) -> None:
        """Take note of how samples were answered in an epoch, each shown once in it.

        Args:
            lead: spikes of the right class less those of the best other one.
        """
        sure: Bool[Tensor, " B"] = lead.cpu() >= self.params.lead
        pause = self.pause[members]
        self.last[members] = epoch
        self.next[members] = epoch + 1 + torch.where(sure, pause, 0)
        self.pause[members] = torch.where(sure, (2 * pause).clamp_max(self.params.longest), 1)

    def state_dict(self) -> dict[str, Tensor]:
        """What resuming needs."""
        return {"next": self.next, "last": self.last, "pause": self.pause}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up where a `state_dict` was made. Raises: ValueError for pauses outside 1 to the
        longest.
        """
        if not bool(((state["pause"] >= 1) & (state["pause"] <= self.params.longest)).all()):
            raise ValueError(
                f"repetition: pauses outside 1 to {self.params.longest} epochs: restore a copy, or"
                " train again"
            )
        self.next, self.last, self.pause = (
            state[name].clone() for name in ("next", "last", "pause")
        )


def lead_of(counts: Float[Tensor, "B C"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Output spikes of the right class less those of the best other one; negative where another one
    won.

    Example:
        >>> lead_of(torch.tensor([[3.0, 1.0, 0.0], [3.0, 1.0, 0.0]]), torch.tensor([0, 1])).tolist()
        [2.0, -2.0]
    """
    own = counts.gather(1, labels[:, None])
    others = counts.scatter(1, labels[:, None], -torch.inf)
    return own[:, 0] - others.amax(1)
