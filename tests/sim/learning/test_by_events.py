"""A learning step by events equals the general path, whatever the batch and its parts."""

from __future__ import annotations

import pytest
import torch

from biograd.errors import ERRORS, SignedSpikes, errors_over_time
from biograd.feedback import RandomDFA, Symmetric
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning import by_events, one_sample
from biograd.learning.by_steps import layer_at_once
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, soma_scan
from biograd.rules import Eligibility, Factorised, Rule, update_over_time


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spikes(seed: int, *shape: int, rate: float = 0.3) -> torch.Tensor:
    return torch.bernoulli(torch.full(shape, rate), generator=drawn(seed))


def packed(s: torch.Tensor) -> PackedSpikes:
    trains = PackedSpikes.pack(s)
    assert trains is not None
    return trains


def grads(net: Network) -> list[torch.Tensor]:
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


def equal(these: list[torch.Tensor], those: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(these, those, strict=True))


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("rule", [Eligibility(), Factorised()])
def test_a_learning_step_equals_the_general_path(error: str, rule: Rule) -> None:
    net = Network((30, 70, 20, 5), generator=drawn(0))
    s, labels = spikes(1, 12, 9, 30), torch.arange(9) % 5
    learner = LocalLearner(
        net, RandomDFA(net, generator=drawn(2)), error=ERRORS[error](), rule=rule
    )
    assert learner.by_events
    fast, updates = learner.step(s, labels), grads(net)
    general = layer_at_once(learner.teaching, s, torch.nn.functional.one_hot(labels, 5).float())
    assert torch.equal(fast.counts, general.counts)
    torch.testing.assert_close(fast.rates, general.rates)
    torch.testing.assert_close(fast.error, general.error)
    for index, update in enumerate(general.updates):
        torch.testing.assert_close(updates[2 * index], -update.dw, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(updates[2 * index + 1], -update.db, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_of_a_wide_layer_give_the_bits_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    net = Network((40, 150, 70, 4), generator=drawn(0))
    learner = LocalLearner(
        net,
        RandomDFA(net, generator=drawn(1)),
        rule=[Eligibility(), Factorised(), Eligibility()],
        threads=threads,
    )
    s, labels = spikes(2, 12, 20, 40), torch.arange(20) % 4
    learner.step(s, labels)
    whole = grads(net)
    monkeypatch.setattr(by_events, "BLOCK", 64)
    learner.step(s, labels)
    assert len(whole) == len(list(net.parameters())) and equal(grads(net), whole)


def test_part_of_a_batch_is_learned_without_a_copy() -> None:
    net = Network((30, 20, 5), generator=drawn(0))
    s, labels = spikes(1, 40, 25, 30), torch.arange(25) % 5
    learner = LocalLearner(net, Symmetric(net))
    learner.step(s[:, 3:14].contiguous(), labels[3:14])
    copied = grads(net)
    learner.step(s[:, 3:14], labels[3:14])
    assert len(copied) == len(list(net.parameters())) and equal(grads(net), copied)


def test_packed_spikes_and_tensors_teach_the_same_bits() -> None:
    net = Network((30, 20, 5), generator=drawn(0))
    s, labels = spikes(1, 12, 9, 30), torch.arange(9) % 5
    learner = LocalLearner(net, Symmetric(net))
    learner.step(s, labels)
    dense = grads(net)
    learner.step(packed(s), labels)
    assert len(dense) == len(list(net.parameters())) and equal(grads(net), dense)


def test_anything_but_the_standard_parts_takes_the_general_path() -> None:
    class DoubledDFA(RandomDFA):
        def project(self, err, hidden):
            return 2 * super().project(err, hidden)

    class DerivedRule(Eligibility):
        def finish(self, state, steps):
            return super().finish(state, 2 * steps)

    net = Network((6, 5, 3))
    assert LocalLearner(net, RandomDFA(net)).by_events
    assert not LocalLearner(net, DoubledDFA(net)).by_events
    assert not LocalLearner(net, RandomDFA(net), rule=DerivedRule()).by_events
    assert not LocalLearner(net, RandomDFA(net), order="online").by_events
    assert not LocalLearner(net.double(), RandomDFA(net)).by_events


def test_analogue_input_drives_the_general_path() -> None:
    net = Network((6, 5, 3), generator=drawn(0))
    x = torch.rand(4, 2, 6, generator=drawn(1))
    s, _ = soma_scan(net.neuron, net.layers[0].current(x))
    assert torch.equal(net.roll(x)[0].s, s)
    learner = LocalLearner(net, RandomDFA(net), error=SignedSpikes())
    assert learner.step(x, torch.tensor([0, 1])).predicted.shape == (2,)


def test_errors_of_the_output_layer_last_one_step() -> None:
    net = Network(
        (6, 5, 3), neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.8)), generator=drawn(0)
    )
    learner = LocalLearner(net, RandomDFA(net, generator=drawn(1)))
    s, labels = spikes(2, 9, 4, 6), torch.arange(4) % 3
    learner.step(s, labels)
    activity, target = net.roll(s), torch.nn.functional.one_hot(labels, 3).float()
    err = errors_over_time(learner.error, activity[-1].s, target)
    torch.testing.assert_close(
        net.layers[1].w.grad,
        -update_over_time(Eligibility(), err, activity[0].s).dw,
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("sizes", [(30, 300, 20, 7), (784, 100, 10), (20, 5)])
@pytest.mark.parametrize("steps", [16, 40])
def test_one_sample_teaches_the_bits_of_a_batch_of_one(sizes, steps: int, monkeypatch) -> None:
    net = Network(sizes, generator=drawn(0))
    for layer in net.layers:
        layer.b.uniform_(-0.1, 0.3, generator=drawn(1))
    learner = LocalLearner(net, RandomDFA(net, generator=drawn(2)))
    called, calls = one_sample.learn_one_sample, []

    def watched(*sides):
        calls.append(1)
        return called(*sides)

    for number in range(3):
        s, label = spikes(number, steps, 1, sizes[0]), torch.tensor([number])
        calls.clear()
        monkeypatch.setattr(one_sample, "learn_one_sample", watched)
        quick, by_quick = learner.step(s, label), grads(net)
        assert calls == [1]
        monkeypatch.setattr(LocalLearner, "_step_on_one", lambda *sides: None)
        usual, by_batch = learner.step(s, label), grads(net)
        assert equal(by_quick, by_batch) and any(update.any() for update in by_batch)
        for one, other in zip(quick, usual, strict=True):
            assert torch.equal(one, other) and one.dtype == other.dtype
        monkeypatch.undo()
        torch.optim.SGD(net.parameters(), lr=0.1).step()  # in place: the next step sees it


def test_one_sample_of_anything_else_takes_the_usual_way(monkeypatch) -> None:
    net = Network((20, 9, 5), generator=drawn(0))
    feedback = RandomDFA(net, generator=drawn(2))
    s, label = spikes(0, 6, 1, 20), torch.tensor([3])

    def never(*sides: object) -> int:
        raise AssertionError("the compiled call ran")

    monkeypatch.setattr(one_sample, "learn_one_sample", never)

    class DerivedRule(Eligibility):
        def finish(self, state, steps):
            return super().finish(state, 2 * steps)

    for parts in (
        {"rule": Factorised()},
        {"rule": DerivedRule()},
        {"error": ERRORS["running"]()},
        {"order": "online"},
    ):
        LocalLearner(net, feedback, **parts).step(s, label)
    learner = LocalLearner(net, feedback)
    learner.step(spikes(0, 6, 2, 20), torch.tensor([3, 1]))
    learner.step(packed(s), label)
    with pytest.raises(ValueError, match="need labels"):
        learner.step(s, torch.tensor([5]))
    with pytest.raises(AssertionError):
        learner.step(s, label)
    monkeypatch.undo()
    half = LocalLearner(net, feedback).step(s * 0.5, label)  # analogue: by the general path
    assert half.counts is not None


def test_one_sample_of_a_wrong_shape_is_refused_as_a_batch_is() -> None:
    flat, maps = Network((8, 5, 3)), Network((2, 2, 2), "5-3")
    label = torch.tensor([1])
    LocalLearner(maps, RandomDFA(maps)).step(torch.zeros(2, 1, 2, 2, 2), label)
    for net in (flat, maps):
        learner = LocalLearner(net, RandomDFA(net))
        learner.step(torch.zeros(2, 1, 8), label)
        for shape in ((2, 1, 2, 4), (2, 1, 8, 1), (2, 1, 1, 8), (2, 1, 4)):
            with pytest.raises(ValueError, match="spikes has the shape"):
                learner.step(torch.zeros(shape), label)
