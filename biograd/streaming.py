"""Answers while a signal is still coming in: state is carried from chunk to chunk.

    listener = Listener(net, train.standard, mel=MelParams())
    state = listener.start()
    answers, state = listener.hear(state, samples)    # any number of samples, e.g. of a microphone

Filter bank, coding, neurons and output sums each keep a state of fixed size, so memory does not
grow, and chunks of any length give equal answers, to the bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import instance_of, or_default, text_of, whole_number
from .data.sound.coding import CodingParams, CodingState, coding_start, coding_steps
from .data.sound.mel import BankState, FilterBank, MelParams
from .data.sound.series import SeriesSet, Standard
from .inputs import trusted
from .network import Network, most_spikes
from .neurons import HasSpikes
from .parts import check_network


class ListenerState(NamedTuple):
    """Everything a listener keeps; its size does not depend on what was heard."""

    bank: BankState | None  # of the filter bank; None where there is none
    coding: CodingState
    somata: list[HasSpikes]  # of every layer
    sums: Float[Tensor, "1 C"]  # of the output over all steps


class Listener:
    """A trained network that answers at every step of a signal.

    Args:
        net: the network.
        standard: of the training series (`SeriesSet.standard`).
        coding: of the training series.
        mel: filter bank, where chunks are sound; None: chunks are steps [T, channels].

    Example:
        >>> train = SeriesSet(
        ...     values=torch.randn(60, 2), lengths=torch.tensor([30, 30]), y=torch.tensor([0, 1]),
        ...     classes=2)
        >>> listener = Listener(Network((8, 16, 2)), train.standard)
        >>> answers, state = listener.hear(listener.start(), train[0][0][:20])
        >>> more, state = listener.hear(state, train[0][0][20:])
        >>> len(answers), len(more)
        (20, 10)
    """

    def __init__(
        self,
        net: Network,
        standard: Standard,
        *,
        coding: CodingParams | None = None,
        mel: MelParams | None = None,
    ) -> None:
        check_network(net)
        self.net = net
        self.standard = instance_of(standard, Standard, "standard", "that of the training series")
        self.coding = or_default(coding, CodingParams, "coding")
        self.bank = None if mel is None else FilterBank(mel)
        inputs = len(standard.mean) * self.coding.inputs_per_channel
        if inputs != net.sizes[0] or (mel is not None and mel.bands != len(standard.mean)):
            bands = "" if mel is None else f" and the filter bank {mel.bands} bands"
            raise ValueError(
                f"the training series have {len(standard.mean)} channels{bands}, coded as"
                f" {inputs:,} inputs, and the network has {net.sizes[0]:,}: pass what it was"
                " trained with"
            )

    @classmethod
    def for_series(cls, net: Network, series: SeriesSet) -> Listener:
        """Return a listener with the standard, coding and filter bank of a set."""
        instance_of(series, SeriesSet, "series", "a SeriesSet, e.g. the training set")
        assert series.standard is not None
        return cls(net, series.standard, coding=series.coding, mel=series.mel)

    def start(self) -> ListenerState:
        """Return the state before the first sample."""
        silence = np.zeros(len(self.standard.mean), np.float32)
        return ListenerState(
            None if self.bank is None else self.bank.start(),
            coding_start(silence, self.coding),
            self.net.rest(1),
            self.net.layers[-1].w.new_zeros(1, self.net.classes),
        )

    @torch.no_grad()
    def hear(
        self, state: ListenerState, chunk: np.ndarray | Tensor
    ) -> tuple[Int[Tensor, " T"], ListenerState]:
        """Return the answer after each new step, and the state after the chunk.

        Args:
            chunk: sound, samples [n] in -1..1; or steps of a sensor, [T, channels]. Any length; a
                sound shorter than a frame gives no step yet.
        Raises: ValueError for another number of channels, or values that are not finite.
        """
        instance_of(state, ListenerState, "state", "a state, from start() or hear()")
        x, bank = self._steps(state, np.asarray(chunk, np.float32))
        s, coding = coding_steps(state.coding, self.standard(x), self.coding)
        somata, sums, answers = state.somata, state.sums, []
        for spikes in torch.from_numpy(s).to(sums):
            with trusted():  # spikes of our own
                somata = self.net.step(somata, spikes.unsqueeze(0))
            sums = sums + somata[-1].s
            answers.append(most_spikes(sums))
        heard = torch.cat(answers) if answers else torch.zeros(0, dtype=torch.int64)
        return heard, ListenerState(bank, coding, somata, sums)

    def _steps(
        self, state: ListenerState, chunk: np.ndarray
    ) -> tuple[np.ndarray, BankState | None]:
        """Return the steps of a chunk, [T, channels]."""
        if self.bank is not None and state.bank is not None:
            return self.bank.frames(state.bank, chunk)
        channels = len(self.standard.mean)
        if chunk.ndim != 2 or chunk.shape[1] != channels or not np.isfinite(chunk).all():
            raise ValueError(
                f"the chunk is {text_of(chunk.shape)} of {chunk.dtype}; need finite steps [T,"
                f" {channels}]"
            )
        return chunk, None


class Anytime(NamedTuple):
    """Answers of a set of series while they are coming in.

    Example:
        >>> train = SeriesSet(
        ...     values=torch.randn(60, 2), lengths=torch.tensor([20, 40]), y=torch.tensor([0, 1]),
        ...     classes=2)
        >>> curve = anytime(Network((8, 16, 2)), train)
        >>> len(curve.accuracy), curve.latency.shape
        (40, torch.Size([2]))
    """

    accuracy: list[float]  # after each step, 0..1; series that have ended keep their last answer
    latency: Int[Tensor, " n"]  # steps until the answer is the last one, and stays it
    lengths: Int[Tensor, " n"]  # steps of each series


@torch.no_grad()
def anytime(net: Network, series: SeriesSet, *, batch: int = 100) -> Anytime:
    """Measure how early a network knows: accuracy after each step, and latency of its answers.

    Args:
        batch: series that pass through the network at once.

    Example:
        >>> lengths, y = torch.tensor([6, 4]), torch.tensor([0, 1])
        >>> values = torch.rand(10, 2)
        >>> series = SeriesSet(values=values, lengths=lengths, y=y, classes=2, split="test")
        >>> len(anytime(Network((series.inputs, 8, 2)), series).accuracy)    # one per step
        6
    """
    check_network(net)
    instance_of(series, SeriesSet, "series", "a SeriesSet")
    steps = int(series.lengths.max())
    right, latency = torch.zeros(steps, dtype=torch.int64), []
    for members in torch.arange(len(series)).split(whole_number(batch, "batch", 1)):
        padded = series.padded(members, steps)
        sums = net.roll(padded.s)[-1].s.cumsum(0)
        answers = most_spikes(sums.flatten(0, 1)).view(sums.shape[:2])
        last = answers[padded.lengths - 1, torch.arange(len(members))]
        answers = torch.where(padded.live(), answers, last)
        early = (answers == series.y[members]).sum(1)
        right[: len(early)] += early
        right[len(early) :] += early[-1]
        other = (answers != last).flip(0).int()  # the latest step with another answer
        found = other.argmax(0)
        until = torch.where(other.any(0), len(answers) - found, torch.zeros_like(found)) + 1
        latency.append(until)
    return Anytime((right / len(series)).tolist(), torch.cat(latency), series.lengths)
