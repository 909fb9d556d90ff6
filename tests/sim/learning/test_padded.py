"""Learning from samples of unequal length: padding reaches no update, count, rate or error."""

from __future__ import annotations

import pytest
import torch

from biograd.errors import FinalRate, RunningRate, SoftmaxError
from biograd.feedback import LayeredRandom, RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from biograd.padding import PaddedSpikes
from biograd.rules import Eligibility, Factorised

LENGTHS = torch.tensor([12, 5, 12, 9, 1])
LABELS = torch.tensor([0, 1, 2, 1, 0])
LINGERING = TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.5))


def padded(noise: bool) -> PaddedSpikes:
    """Return five samples; with noise where silence should be, which must change nothing."""
    draws = torch.Generator().manual_seed(0)
    s = (torch.rand(12, 5, 6, generator=draws) < 0.4).float()
    live = torch.arange(12)[:, None] < LENGTHS
    return PaddedSpikes(s if noise else s * live.unsqueeze(-1), LENGTHS)


def learner(kind: str, order: str = "layer", threads: int = 1) -> LocalLearner:
    draws = torch.Generator().manual_seed(1)
    net = Network(
        (6, 8, 7, 3),
        neuron=LINGERING,
        output=LeakyReadout() if kind == "softmax" else None,
        recurrent=kind == "recurrent",
        generator=draws,
    )
    error = {"softmax": SoftmaxError(), "final": FinalRate()}.get(kind, RunningRate())
    rule = Factorised() if kind == "factorised" else None
    feedback = (LayeredRandom if kind == "softmax" else RandomDFA)(net, generator=draws)
    return LocalLearner(net, feedback, error=error, rule=rule, order=order, threads=threads)


def updates(taught: LocalLearner) -> list[torch.Tensor]:
    return [parameter.grad.clone() for parameter in taught.net.parameters()]


KINDS = ("running", "recurrent", "softmax", "final", "factorised")


@pytest.mark.parametrize("kind", KINDS)
def test_the_update_is_the_mean_of_each_sample_alone_without_padding(kind: str) -> None:
    taught, batch = learner(kind), padded(noise=True)
    result = taught.step(batch, LABELS)
    together = updates(taught)
    alone = [torch.zeros_like(update) for update in together]
    counts, rates, errors = [], 0, 0
    for member, length in enumerate(LENGTHS.tolist()):
        of_one = taught.step(batch.s[:length, member : member + 1], LABELS[member : member + 1])
        alone = [a + u / 5 for a, u in zip(alone, updates(taught), strict=True)]
        counts.append(of_one.counts)
        rates, errors = rates + of_one.rates / 5, errors + of_one.error / 5
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)  # sums in another order
    torch.testing.assert_close(result.counts, torch.cat(counts))
    torch.testing.assert_close(result.rates, rates)
    torch.testing.assert_close(result.error, errors)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_the_padding_changes_nothing(kind: str) -> None:
    silent, noisy = learner(kind), learner(kind)
    results = [silent.step(padded(noise=False), LABELS), noisy.step(padded(noise=True), LABELS)]
    for a, b in zip(updates(silent), updates(noisy), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)
    assert torch.equal(results[0].counts, results[1].counts)
    assert torch.equal(results[0].predicted, results[1].predicted)


@pytest.mark.parametrize("kind", ("running", "recurrent", "softmax"))
def test_both_orders_mean_the_same(kind: str) -> None:
    layer, online = learner(kind), learner(kind, "online")
    results = [taught.step(padded(noise=True), LABELS) for taught in (layer, online)]
    for a, b in zip(updates(layer), updates(online), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    for a, b in zip(results[0][:4], results[1][:4], strict=True):
        torch.testing.assert_close(a, b)


def test_samples_of_full_length_learn_as_without_lengths() -> None:
    plain, full = learner("running"), learner("running")
    s = padded(noise=True).s
    plain.step(s, LABELS)
    full.step(PaddedSpikes(s, torch.full((5,), 12)), LABELS)
    for a, b in zip(updates(plain), updates(full), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_threads_share_padded_samples() -> None:
    alone, shared = learner("running"), learner("running", threads=2)
    for taught in (alone, shared):
        taught.step(
            PaddedSpikes(padded(True).s.repeat(1, 8, 1), LENGTHS.repeat(8)), LABELS.repeat(8)
        )
    for a, b in zip(updates(alone), updates(shared), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_rules_without_traces_need_the_layer_order() -> None:
    taught = learner("running", "online")
    taught.rules = [Factorised()] * 3
    with pytest.raises(
        ValueError, match="Factorised learns samples of unequal length in the order"
    ):
        taught.step(padded(noise=False), LABELS)
    assert isinstance(learner("running").rules[0], Eligibility)


@pytest.mark.parametrize("lengths", ([12, 5, 0, 9, 1], [13, 5, 1, 9, 1], [12, 5]))
def test_lengths_that_do_not_fit_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="lengths"):
        PaddedSpikes(torch.zeros(12, 5, 6), torch.tensor(lengths))
