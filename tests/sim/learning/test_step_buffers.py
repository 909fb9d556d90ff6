"""Memory kept between batches changes no result, and a copied learner shares none of it."""

from __future__ import annotations

import copy

import pytest
import torch

from biograd.feedback import RandomDFA
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning.learner import LocalLearner
from biograd.learning.step_buffers import KEPT, BufferCache, StepBuffers, StepKey
from biograd.network import Network
from biograd.neurons import TwoCompartmentParams
from biograd.rules import Eligibility, Factorised, Rule
from biograd.traces import TraceParams


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spikes(seed: int, *shape: int, rate: float = 0.3) -> torch.Tensor:
    return torch.bernoulli(torch.full(shape, rate), generator=drawn(seed))


def packed(s: torch.Tensor) -> PackedSpikes:
    trains = PackedSpikes.pack(s)
    assert trains is not None
    return trains


def a_key(batch: int, *, threads: int = 1) -> StepKey:
    return StepKey(
        sizes=(30, 70, 5),
        params=(TwoCompartmentParams(alpha_a=0.5),) * 2,
        traces=(TraceParams(), None),
        steps=40,
        batch=batch,
        threads=threads,
        block=64,
    )


def test_buffers_of_the_last_shapes_are_kept() -> None:
    cache = BufferCache()
    kept = [cache.fit(a_key(batch)) for batch in range(1, KEPT + 1)]
    assert all(cache.fit(a_key(batch + 1)) is buffers for batch, buffers in enumerate(kept))
    cache.fit(a_key(KEPT + 1))
    assert cache.fit(a_key(KEPT)) is kept[-1] and cache.fit(a_key(1)) is not kept[0]


def test_one_thread_writes_layer_by_layer_and_several_write_all_at_once() -> None:
    alone, together = StepBuffers(a_key(20)), StepBuffers(a_key(20, threads=2))
    assert (alone.parts, alone.layer_groups) == ([(0, 20)], [[0], [1]])
    assert (together.parts, together.layer_groups) == ([(0, 10), (10, 20)], [[0, 1]])


def test_weights_are_followed_by_zeros_that_fill_a_row() -> None:
    layer = StepBuffers(a_key(20)).layers[0]
    assert layer.w_t.shape == (30, 128) and not layer.w_t[:, 70:].any() and not layer.b.any()
    assert layer.s.shape == layer.psi.shape == (2, 20, 70)


@pytest.mark.parametrize("rule", [Eligibility(), Factorised()])
def test_memory_kept_between_batches_changes_nothing(rule: Rule) -> None:
    def fresh() -> LocalLearner:
        net = Network((30, 20, 5), generator=drawn(0))
        return LocalLearner(net, RandomDFA(net, generator=drawn(1)), rule=rule)

    learner, labels = fresh(), torch.arange(25) % 5
    for step, size in enumerate((25, 9, 25, 4, 9)):  # more shapes than are kept
        s = spikes(step, 12, size, 30)
        if step == 2:
            learner.net.layers[0].w.mul_(1.5)
            learner.feedback.weights(0).mul_(-2)
        if step == 3:
            learner = copy.deepcopy(learner)
        result, other = learner.step(s, labels[:size]), fresh()
        other.net.load_state_dict(learner.net.state_dict())
        other.feedback.load_state_dict(learner.feedback.state_dict())
        expected = other.step(packed(s), labels[:size])
        assert all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))
        assert all(
            torch.equal(p.grad, q.grad)
            for p, q in zip(learner.net.parameters(), other.net.parameters(), strict=True)
        )


def test_a_copied_learner_works_in_memory_of_its_own() -> None:
    net = Network((30, 20, 5), generator=drawn(0))
    learner = LocalLearner(net, RandomDFA(net, generator=drawn(1)))
    s, labels = spikes(1, 12, 9, 30), torch.arange(9) % 5
    learner.step(s, labels)
    copied = copy.deepcopy(learner)
    copied.net.layers[0].w.neg_()
    copied.step(s, labels)
    before = [p.grad.clone() for p in learner.net.parameters()]
    learner.step(s, labels)
    assert all(
        torch.equal(p.grad, old) for p, old in zip(learner.net.parameters(), before, strict=True)
    )
