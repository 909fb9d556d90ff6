"""Delays: a spike arrives later, its synapse learns when it does, and chip and files hold it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from biograd.connections.delays import arrived, delayed, drawn_delays, line_step
from biograd.errors import SoftmaxError
from biograd.feedback import LayeredSleep, RandomDFA, Symmetric, true_path
from biograd.interop.nir import from_nir, to_model, to_network, to_nir
from biograd.interop.snntorch import to_snntorch
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from biograd.padding import PaddedSpikes
from biograd.params.neuron import MAX_DELAY
from biograd.rules import RULES
from hardware import chip, emulator
from hardware.border.model import SpikeInput
from hardware.fixed_point import quantise

SIZES, T, BATCH = (9, 15, 11, 4), 14, 6
MAPS = (1, 6, 6), "3c3-avg2-4c3+max2-4"


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_net(
    delays: Any = (5, 0, 3), sizes: Any = SIZES, words: Any = None, **options: Any
) -> Network:
    """A network whose every layer fires."""
    net = Network(sizes, words, delays=delays, generator=seeded(0), **options)
    for layer in net.layers:
        layer.w *= 1.5
        layer.b.uniform_(-0.1, 0.3, generator=seeded(1))
    return net


def a_batch(net: Network, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    drawn = torch.rand(T, BATCH, net.sizes[0], generator=seeded(2))
    return (drawn < 0.4).to(dtype), torch.randint(4, (BATCH,), generator=seeded(3))


def grads(net: Network) -> list[Tensor]:
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


def test_a_spike_arrives_as_many_steps_later_as_its_neuron_says() -> None:
    # Two inputs fire at step 0, with delays of 0 and 2; neuron n hears input n alone.
    fast = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.0))
    net = Network((2, 2), neuron=fast, delays=2)
    layer = net.layers[0]
    assert layer.delay is not None
    layer.w.copy_(torch.eye(2) * 1.5)
    layer.delay.copy_(torch.tensor([0, 2]))
    s = net.roll(torch.tensor([[1.0, 1.0], [0, 0], [0, 0], [0, 0]])[:, None])[0].s[:, 0]
    assert s.tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]


def test_whole_trains_arrive_as_a_line_of_spikes_does() -> None:
    s, delay = a_batch(a_net())[0], drawn_delays(7, 9, generator=seeded(0))
    assert delay.min() == 0 and delay.max() == 7
    line = torch.zeros(8, BATCH, 9)
    for t, of_step in enumerate(delayed(s, delay)):
        line = line_step(line, s[t])
        assert torch.equal(arrived(line, delay), of_step)
    later = torch.full((9,), 3)
    assert torch.equal(delayed(s, later), delayed(s, 3)) and not delayed(s, 3)[:3].any()
    for beyond in (T, T + 6, 62):
        assert not delayed(s, beyond).any() and delayed(s, beyond).shape == s.shape


@pytest.mark.parametrize("options", [{}, {"recurrent": True}, {"sizes": MAPS[0], "words": MAPS[1]}])
def test_steps_and_whole_trains_are_the_same(options: Any) -> None:
    net = a_net(delays=(5, 2, 3), **options)
    spikes, states = a_batch(net)[0], net.rest(BATCH)
    rolled = net.roll(spikes)
    for t in range(T):
        states = net.step(states, spikes[t])
        assert all(torch.equal(a.s, b.s[t]) for a, b in zip(states, rolled, strict=True))
    assert all(0.02 < activity.s.mean() < 0.9 for activity in rolled)
    assert not net.by_events and net.wirings() is None
    counts = [activity.s.sum(0) for activity in rolled]
    assert all(torch.equal(*pair) for pair in zip(net.spike_counts(spikes), counts, strict=True))


@pytest.mark.parametrize("order", ["layer", "online"])
def test_the_update_is_the_gradient_through_the_delayed_spikes(order: Any) -> None:
    # of each layer by itself, taught in the step of the error, as autograd has it
    net = a_net().double()
    spikes, labels = a_batch(net, torch.float64)
    LocalLearner(net, Symmetric(net), order=order).step(spikes, labels)
    rolled, s_pre = net.roll(spikes), spikes
    err = torch.nn.functional.one_hot(labels, 4).double() - rolled[-1].s
    for index, (layer, activity) in enumerate(zip(net.layers, rolled, strict=True)):
        w, b = (p.detach().clone().requires_grad_() for p in (layer.w, layer.b))
        delay = torch.zeros(w.shape[1], dtype=int) if layer.delay is None else layer.delay
        u = v = was = torch.zeros_like(activity.s[0])
        voltages = []
        for t in range(T):
            arriving = torch.zeros_like(s_pre[0])
            for m in range(w.shape[1]):
                if t >= delay[m]:
                    arriving[:, m] = s_pre[t - int(delay[m]), :, m]
            u = 0.5 * u + arriving @ w.T + b
            v = 0.75 * (v - v.detach() * was) + u
            voltages.append(v)
            was = (v.detach() > 1).double()
            assert torch.equal(was, activity.s[t])
        teach, psi = err, torch.ones_like(activity.psi)
        if index < 2:
            path = true_path(net, index)
            teach = err @ (path / path.pow(2).mean().sqrt()).T
            psi = activity.psi.double()
        (-(teach * psi * torch.stack(voltages)).sum() / (T * BATCH)).backward()
        assert layer.w.grad is not None and w.grad is not None and w.grad.abs().max() > 1e-3
        torch.testing.assert_close([layer.w.grad, layer.b.grad], [w.grad, b.grad])
        s_pre = activity.s


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("options", [{}, {"sizes": MAPS[0], "words": MAPS[1]}])
def test_both_orders_and_any_number_of_threads_agree(rule: str, options: Any) -> None:
    net = a_net(delays=(5, 2, 3), **options)
    spikes, labels = a_batch(net)
    kind = LayeredSleep if options else RandomDFA
    feedback, seen = kind(net, generator=seeded(4)), []
    for order, threads in (("layer", 1), ("layer", 2), ("online", 1)):
        how: Any = {"order": order, "threads": threads}
        LocalLearner(net, feedback, rule=RULES[rule](), **how).step(spikes, labels)
        seen.append(grads(net))
    assert all(g.any() for g in seen[0])
    for other in seen[1:]:  # float32 sums in another order
        torch.testing.assert_close(other, seen[0], rtol=1e-4, atol=1e-6)


def test_of_samples_of_unequal_length_only_their_own_steps_teach() -> None:
    net = a_net(output=LeakyReadout(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.9)))
    feedback, (spikes, labels) = RandomDFA(net, generator=seeded(4)), a_batch(net)
    lengths = torch.tensor([14, 9, 5, 14, 7, 3])
    padded, seen = PaddedSpikes(spikes, lengths), []
    for order in ("layer", "online"):
        how: Any = {"order": order, "error": SoftmaxError()}
        LocalLearner(net, feedback, **how).step(padded, labels)
        seen.append(grads(net))
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-4, atol=1e-6)
    alone = []
    for b, length in enumerate(lengths.tolist()):
        LocalLearner(net, feedback, error=SoftmaxError()).step(
            spikes[:length, b : b + 1], labels[b : b + 1]
        )
        alone.append(grads(net))
    means = [torch.stack(parts).mean(0) for parts in zip(*alone, strict=True)]
    torch.testing.assert_close(seen[0], means, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("words", [None, "3c3-avg2-4c3-4"])
def test_files_bring_delays_back(words: Any, tmp_path: Any) -> None:
    net = a_net(sizes=MAPS[0] if words else SIZES, words=words)
    to_nir(net, tmp_path / "net.nir", steps=T)
    again = from_nir(tmp_path / "net.nir")
    for name, value in net.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    spikes = a_batch(net)[0]
    assert torch.equal(again(spikes), net(spikes))


def test_the_chip_fires_the_same_spikes() -> None:
    # Without memory, and with voltages that are odd multiples of 1/32: rounded weights and decays
    # move none of them over the threshold.
    still = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.0))
    net = a_net(neuron=still)
    for layer in net.layers:
        layer.w.copy_((layer.w * 16).round() / 16)
        layer.b.copy_((layer.b * 16).round() / 16 + 1 / 32)
    spikes = a_batch(net)[0]
    model = to_model(net, None, steps=T, encoder="bernoulli", info={})
    trains = SpikeInput(spikes=spikes.numpy().astype(np.uint8))
    fired = emulator.run(quantise(model), trains, record="s").s
    at_once = to_network(model)
    for layer in at_once.layers:
        if layer.delay is not None:
            layer.delay.zero_()
    pairs = zip(fired, net.roll(spikes), at_once.roll(spikes), strict=True)
    for s, activity, other in pairs:
        assert np.array_equal(s, activity.s.numpy())
        assert not torch.equal(activity.s, other.s)


def test_delays_that_no_chip_has_are_refused_in_one_line() -> None:
    assert MAX_DELAY == chip.MAX_DELAY
    assert Network((9, 4)).layers[0].delay is None
    for wrong in (63, -1):
        with pytest.raises(ValueError, match=rf"^delays is {wrong}; need [^\n]*62[^\n]*$"):
            Network((9, 4), delays=wrong)
    with pytest.raises(ValueError, match=r"^there are 2 values of delays for 3 layers"):
        a_net(delays=(1, 2))
    net = a_net()
    assert net.layers[0].delay is not None
    net.load_state_dict(net.state_dict() | {"layers.0.delay": torch.full((9,), 10**12)})
    with pytest.raises(ValueError, match=r"^the delays of a layer hold 1000000000000 steps; need"):
        net(a_batch(net)[0])
    with pytest.raises(ValueError, match=r"^the delays of a layer hold 1000000000000 steps; need"):
        net.rest(1)
    spikes = torch.zeros(BATCH, SIZES[0])
    for one, other in ((a_net(), a_net(delays=0)), (a_net(delays=0), a_net())):
        with pytest.raises(ValueError, match=r"^states of layers with delays hold[^\n]*rest\(\)$"):
            one.step(other.rest(BATCH), spikes)
    with pytest.raises(ValueError, match=r"state.line"):
        a_net().step(a_net().rest(BATCH + 1), spikes)
    with pytest.raises(ValueError, match=r"^a network with delays is not written as a snnTorch"):
        to_snntorch(a_net())
