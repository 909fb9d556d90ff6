"""A learning step of maps by events or products equals the general path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from biograd.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from biograd.errors import RunningRate, SignedSpikes, SoftmaxError
from biograd.feedback import Feedback, LayeredRandom, RandomDFA
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.learning import by_steps, learner
from biograd.learning.learner import LocalLearner
from biograd.maps import costs
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from biograd.rules import Eligibility, Factorised, Rule
from biograd.traces import TraceParams

SHAPE = (2, 9, 11)
TAILS = TwoCompartmentParams(
    alpha_u=0.3, alpha_v=0.8, alpha_a=0.3, surrogate="tails", reset="subtract"
)


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spikes(steps: int, batch: int = 5, rate: float = 0.2) -> torch.Tensor:
    return torch.bernoulli(torch.full((steps, batch, *SHAPE), rate), generator=drawn(3))


def network(layers: str, params: TwoCompartmentParams | None = None, **other: object) -> Network:
    neuron = TwoCompartmentLIF(params)
    net = Network(SHAPE, layers, neuron=neuron, generator=drawn(0), **other)  # type: ignore[arg-type]
    for layer in net.layers:  # all layers fire
        layer.w.mul_(2)
        layer.b.uniform_(-0.1, 0.3, generator=drawn(1))
    return net


def learned(made: LocalLearner, s: torch.Tensor | PackedSpikes, *, by_maps: bool) -> list:
    """Return the counts, the rates and all updates of one step."""
    labels = torch.arange(5)
    with pytest.MonkeyPatch.context() as patch:
        if not by_maps:
            patch.setattr(LocalLearner, "_map_wirings", lambda self: None)
        result = made.step(s, labels)
    assert result.counts is not None
    updates = [p.grad for p in made.net.parameters()]
    return [result.counts, result.rates, result.error, *updates]


def assert_same(these: list, those: list, rtol: float = 2e-4) -> None:
    for one, other in zip(these, those, strict=True):
        assert other.abs().sum() > 0  # something was learned
        torch.testing.assert_close(one, other, rtol=rtol, atol=rtol * other.abs().max().item())


@pytest.fixture(params=["events", "products"])
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Let every convolution take events, or products."""
    with pytest.MonkeyPatch.context() as patch:
        cost = 1e30 if request.param == "events" else -1.0
        patch.setattr(costs, "by_products", lambda *sides: cost)
        yield request.param


@pytest.mark.parametrize(
    "layers",
    [
        "8c5s2-12c3s2-5",  # a stride, channels that do not fill a vector
        "20c3-6c3s3p0-5",
        "6c3d2-18c2p1-9-5",  # dilation, an even kernel, a dense layer behind maps
        "6c3-avg2-7c3-5",  # pixels beyond the last window
        "6c3-max2-7c3-max2-5",
        "sum2-6c3-sum2-9-5",
        "6c3+max2-max2-7c3+max2-5",  # pools of currents
        "6c3+avg2-7c3p0+sum2-9-5",
        "18c3+max3s2-7c3+avg2s1-5",  # windows that overlap
        "9-8-7-5",
    ],
)
@pytest.mark.parametrize(
    "rule", [Eligibility(TraceParams(alpha_x=0.4, alpha_z=0.7)), Factorised()], ids=repr
)
def test_a_step_equals_the_general_path(layers: str, rule: Rule, path: str) -> None:
    net = network(layers)
    made = LocalLearner(net, LayeredRandom(net, generator=drawn(2)), rule=rule)
    assert made.by_events
    assert_same(*(learned(made, spikes(7), by_maps=fast) for fast in (True, False)))


@pytest.mark.parametrize("lasting", [False, True])
def test_other_resets_slopes_and_outputs_equal_the_general_path(lasting: bool, path: str) -> None:
    steps = 40  # more than a word
    s = spikes(steps)
    if lasting:
        s = torch.rand(1, 5, *SHAPE, generator=drawn(4)).mul(2).sub(1).repeat(steps, 1, 1, 1, 1)
    for reset in ("subtract", "subtract_late", "none"):
        params = TwoCompartmentParams(**{**vars(TAILS), "reset": reset})
        for layers in ("6c3s2-9c3-5", "6c3+max2-9c3+avg2-5"):
            net = network(layers, params, output=LeakyReadout(TAILS))
            path_back = LayeredRandom(net, generator=drawn(2))
            made = LocalLearner(net, path_back, error=SoftmaxError())
            results = [learned(made, s, by_maps=fast) for fast in (True, False)]
            assert_same(*([part for n, part in enumerate(each) if n != 1] for each in results))
            torch.testing.assert_close(results[0][1], results[1][1])  # rates; of the output 0


def test_gradients_lie_in_memory_as_their_parameters_do(path: str) -> None:
    # a fused optimizer reads both in the order of the parameter
    net = network("6c3s2-sum2-9c3-5")
    made = LocalLearner(net, LayeredRandom(net, generator=drawn(2)))
    made.step(spikes(7), torch.arange(5))
    for parameter in net.parameters():
        assert parameter.grad is not None and parameter.grad.stride() == parameter.stride()


@pytest.mark.parametrize("rule", [Eligibility(), Factorised()], ids=repr)
def test_loops_within_layers_equal_the_general_path(rule: Rule) -> None:
    for layers, loops in (("18-9-5", (True, False)), ("6c3s2-18-9-5", (False, True, True))):
        for made in (RandomDFA, LayeredRandom):
            net = network(layers, recurrent=loops)
            learner_ = LocalLearner(net, made(net, generator=drawn(2)), rule=rule)
            assert learner_.by_events
            s = spikes(40)  # more than a word: a spike at its end is delayed into the next one
            assert_same(*(learned(learner_, s, by_maps=fast) for fast in (True, False)))
            fired = [activity.s.sum(0) for activity in net.roll(s)]
            for one, other in zip(net.spike_counts(s), fired, strict=True):
                assert torch.equal(one, other) and other.any()
    net = network("18-5", recurrent=True)
    lasting = torch.rand(1, 5, *SHAPE, generator=drawn(4)).repeat(6, 1, 1, 1, 1)
    made_ = LocalLearner(net, LayeredRandom(net, generator=drawn(2)), rule=rule)
    assert_same(*(learned(made_, lasting, by_maps=fast) for fast in (True, False)))


@pytest.mark.parametrize("layers", ["6c3s2-9c3-5", "6c3+max2-9c3-5"])
def test_direct_feedback_reaches_maps(layers: str) -> None:
    net = network(layers)
    made = LocalLearner(net, RandomDFA(net, generator=drawn(2)), error=RunningRate())
    assert_same(*(learned(made, spikes(7), by_maps=fast) for fast in (True, False)))


def test_a_hand_computed_step() -> None:
    # One pixel row of three, a kernel of two taps, T = 2; neuron without memory, weights 2 and 1:
    # the spike of pixel 1 at step 1 drives position 0 by its second tap, 1 by its first.
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.0))
    net = Network((1, 2, 3), [Conv2d(1, 2, padding=0), Dense(2)], neuron=neuron)
    net.layers[0].w.copy_(torch.tensor([[2.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2))
    net.layers[1].w.copy_(torch.tensor([[0.0, 0.0], [0.0, 3.0]]))
    feedback = LayeredRandom(net)
    feedback.w_fb[0].copy_(torch.tensor([[1.0, 4.0], [8.0, 16.0]]))
    made = LocalLearner(net, feedback, rule=Eligibility(TraceParams(alpha_x=0.0, alpha_z=0.0)))
    s = torch.zeros(2, 1, 1, 2, 3)
    s[0, 0, 0, 0, 1] = 1
    made.step(s, torch.tensor([0]))
    # v = (1, 2) at step 1: position 1 alone fires, and then output 1. err = (1, -1) at step 1,
    # (1, 0) at step 2. g = err w_fb = (1 - 8, 4 - 16) = (-7, -12), psi = (1, 0); at step 2 psi = 0,
    # since |0 - 1| is not below the window of 1. Update, over T: tap 1 of position 0: -7 / 2.
    first, second = (layer.w.grad for layer in net.layers)
    assert first is not None and second is not None
    assert (-first).tolist() == [[[[0.0, -3.5], [0.0, 0.0]]]]
    assert (-second).tolist() == [[0.0, 0.5], [0.0, -0.5]]
    assert net.layers[0].b.grad is not None and (-net.layers[0].b.grad).tolist() == [-3.5]


def test_packed_spikes_and_part_of_a_batch_teach_the_same_bits() -> None:
    net = network("6c3s2-9c3-5")
    made = LocalLearner(net, LayeredRandom(net, generator=drawn(2)))
    s = spikes(7)
    trains = PackedSpikes.pack(s.flatten(2))
    assert trains is not None
    wide = torch.cat([s, s], 1)[:, :5]
    results = [learned(made, each, by_maps=True) for each in (s, trains, wide)]
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], result, strict=True))


def test_two_threads_learn_the_same_up_to_the_order_of_sums() -> None:
    net = network("6c3s2-9c3-5")
    feedback = LayeredRandom(net, generator=drawn(2))
    s, labels = spikes(7, batch=20), torch.arange(20) % 5
    updates = []
    for threads in (1, 2, 2):
        LocalLearner(net, feedback, threads=threads).step(s, labels)
        updates.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for one, two, again in zip(*updates, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)
        assert torch.equal(two, again)


def test_a_batch_without_errors_changes_nothing() -> None:
    class Content(SignedSpikes):
        def error(self, s_out, rate, target):
            return torch.zeros_like(s_out)

    net = network("6c3s2-9c3-5")
    LocalLearner(net, LayeredRandom(net), error=Content()).step(spikes(7), torch.arange(5))
    assert all(p.grad is not None and not p.grad.any() for p in net.parameters())


def test_what_a_user_overrides_and_other_inputs_take_the_general_path(monkeypatch) -> None:
    class Doubled(LayeredRandom):
        def weights(self, hidden):
            return 2 * super().weights(hidden)

    class DerivedRule(Eligibility):
        def finish(self, state, steps):
            return super().finish(state, 2 * steps)

    class DerivedDirect(RandomDFA):
        def project(self, err, hidden):
            return 2 * super().project(err, hidden)

    class DerivedNeuron(TwoCompartmentLIF):
        def slope(self, state):
            return torch.ones_like(state.v)

    class DerivedPool(MaxPool2d):
        def pool(self, x):
            return super().pool(2 * x)

    class DerivedConv(Conv2d):
        def current(self, s, w, b, shape, dtype=None):
            return 2 * super().current(s, w, b, shape, dtype)

    net = network("6c3s2-9c3-5")
    feedback = LayeredRandom(net)
    assert LocalLearner(net, Doubled(net)).by_events  # its weights are asked for
    for made in (
        LocalLearner(net, feedback, rule=DerivedRule()),
        LocalLearner(net, DerivedDirect(net)),
        LocalLearner(net, feedback, order="online"),
    ):
        assert not made.by_events
    for layers in (
        Network(SHAPE, [DerivedConv(6, 3), 5]),
        Network(SHAPE, "6c3-5", neuron=DerivedNeuron()),
        Network(SHAPE, [Conv2d(6, 3, pool=DerivedPool(2)), 5]),
        Network(SHAPE, [Conv2d(6, 3, groups=2), 5]),
        Network(SHAPE, [Conv2d(6, 3), AvgPool2d(3, 2), 5]),
        Network(SHAPE, "6c3-5").double(),
    ):
        assert layers.wirings() is None
    general: list[Feedback] = []
    stepped = by_steps.layer_at_once
    monkeypatch.setitem(
        learner._ORDERS,
        "layer",
        lambda made, *s: general.append(made.feedback) or stepped(made, *s),
    )
    made = LocalLearner(net, feedback)
    made.step(spikes(7), torch.arange(5))
    assert not general
    made.step(torch.rand(7, 5, *SHAPE), torch.arange(5))  # analogue, and another at every step
    assert general == [feedback]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_not_finite_are_refused_in_one_line(value: float) -> None:
    net = network("6c3-5")
    made = LocalLearner(net, LayeredRandom(net))
    for s in (torch.full((3, 5, *SHAPE), value), spikes(3).index_fill(0, torch.tensor(1), value)):
        with pytest.raises(ValueError, match=r"^spikes holds [0-9,]+ values that are not finite"):
            made.step(s, torch.arange(5))
        with pytest.raises(ValueError, match=r"^spikes holds [0-9,]+ values that are not finite"):
            net.spike_counts(s)
