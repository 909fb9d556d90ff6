"""Streaming: chunks of any length give equal answers, with a memory that does not grow."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import torch

from biograd.data.sound.mel import FilterBank, MelParams
from biograd.data.sound.series import SeriesSet, Standard
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from biograd.params.signal import CodingParams
from biograd.streaming import Listener, anytime
from biograd.training.evaluation import evaluate


def network(inputs: int, **options: object) -> Network:
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_v=0.9))
    draws = torch.Generator().manual_seed(0)
    net = Network((inputs, 24, 3), neuron=neuron, generator=draws, **options)
    for layer in net.layers:
        layer.w.mul_(2)  # so that the output fires
    return net


def series(n: int = 12) -> SeriesSet:
    draws = torch.Generator().manual_seed(1)
    lengths = torch.randint(4, 40, (n,), generator=draws)
    values = torch.randn(int(lengths.sum()), 5, generator=draws)
    return SeriesSet(values=values, lengths=lengths, y=torch.arange(n) % 3, classes=3)


@pytest.mark.parametrize(
    "options", [{}, {"recurrent": True}, {"output": LeakyReadout()}, {"delays": (20, 7)}]
)
def test_chunks_of_any_length_give_the_answers_of_the_whole_signal(options: dict) -> None:
    train = series()
    listener = Listener(network(train.inputs, **options), train.standard)
    x = torch.cat([of_one for of_one, _ in train])[:100]
    whole, end = listener.hear(listener.start(), x)
    state, parts = listener.start(), []
    for start, stop in ((0, 1), (1, 1), (1, 7), (7, 60), (60, 100)):
        answers, state = listener.hear(state, x[start:stop])
        parts.append(answers)
    assert torch.equal(torch.cat(parts), whole) and len(whole) == 100
    assert torch.equal(state.sums, end.sums)
    assert end.sums.unique().numel() > 1  # there is something to keep


def test_sound_in_chunks_gives_the_answers_of_the_whole_sound() -> None:
    mel = MelParams(bands=6)
    sound = np.random.default_rng(0).normal(size=6000) * np.linspace(0, 1, 6000)
    standard = Standard.of(torch.from_numpy(FilterBank(mel).of_sound(sound)))
    listener = Listener(network(24), standard, mel=mel)
    whole, _ = listener.hear(listener.start(), sound)
    state, parts = listener.start(), []
    for start in range(0, 6000, 37):
        answers, state = listener.hear(state, sound[start : start + 37])
        parts.append(answers)
    assert torch.equal(torch.cat(parts), whole) and len(whole) == 72


def test_the_last_answers_of_a_stream_are_those_of_an_evaluation() -> None:
    train = series()
    net = network(train.inputs, output=LeakyReadout())
    listener = Listener(net, train.standard)
    heard = [int(listener.hear(listener.start(), x)[0][-1]) for x, _ in train]
    assert heard == evaluate(net, train, steps=40).predicted.tolist()


def test_what_a_listener_keeps_does_not_grow() -> None:
    mel = MelParams(bands=6)
    noise = np.random.default_rng(0).normal(size=80_000)
    standard = Standard.of(torch.from_numpy(FilterBank(mel).of_sound(noise[:8000])))
    listener = Listener(network(24), standard, mel=mel)
    sizes, state = [], listener.start()
    for start in range(0, 80_000, 8000):
        _, state = listener.hear(state, noise[start : start + 8000])
        sizes.append(len(pickle.dumps(state)))
    assert max(sizes) <= sizes[0] * 1.05


def test_a_listener_for_a_set_of_sounds_takes_its_filter_bank() -> None:
    train = dataclasses.replace(series(), mel=MelParams(bands=5))
    listener = Listener.for_series(network(train.inputs), train)
    assert len(listener.hear(listener.start(), np.ones(400))[0]) == 2
    assert Listener.for_series(network(train.inputs), series()).bank is None


def test_latency_is_the_step_from_which_the_answer_stays() -> None:
    train = series()
    net = network(train.inputs, output=LeakyReadout())
    curve, listener = anytime(net, train, batch=5), Listener(net, train.standard)
    right = torch.zeros(len(curve.accuracy))
    for member, (x, y) in enumerate(train):
        answers = listener.hear(listener.start(), x)[0]
        changes = (answers != answers[-1]).nonzero()
        assert curve.latency[member] == (int(changes.max()) + 2 if len(changes) else 1)
        held = torch.cat([answers, answers[-1:].expand(len(right) - len(answers))])
        right += held == y
    assert curve.accuracy == pytest.approx((right / len(train)).tolist())
    assert curve.accuracy[-1] == pytest.approx(evaluate(net, train, steps=40).test_accuracy)


def test_chunks_and_networks_that_do_not_fit_are_refused() -> None:
    train = series()
    listener = Listener(network(train.inputs), train.standard)
    with pytest.raises(ValueError, match=r"need finite steps \[T, 5\]"):
        listener.hear(listener.start(), torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"need finite steps \[T, 5\]"):
        listener.hear(listener.start(), torch.full((3, 5), torch.nan))
    with pytest.raises(ValueError, match="coded as 10 inputs, and the network has 20"):
        Listener(network(train.inputs), train.standard, coding=CodingParams(delta=0))
    with pytest.raises(ValueError, match="the filter bank 40 bands"):
        Listener(network(train.inputs), train.standard, mel=MelParams())
