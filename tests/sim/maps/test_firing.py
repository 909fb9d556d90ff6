"""Maps fire as the general path does, whichever way each convolution takes."""

from __future__ import annotations

import warnings

import pytest
import torch

from biograd.connections import Conv2d, MaxPool2d
from biograd.connections.taps import wiring
from biograd.maps import costs
from biograd.maps.output import fire_maps_output
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams

SHAPE = (2, 9, 11)
TAILS = TwoCompartmentParams(alpha_u=0.3, alpha_v=0.8, surrogate="tails", reset="subtract")


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(layers: str, params: TwoCompartmentParams | None) -> Network:
    net = Network(SHAPE, layers, neuron=TwoCompartmentLIF(params), generator=drawn(0))
    for layer in net.layers:  # all layers fire
        layer.w.mul_(2)
        layer.b.uniform_(-0.1, 0.3, generator=drawn(1))
    return net


@pytest.mark.parametrize("cost", [1e30, -1.0], ids=["events", "products"])
def test_counts_of_spikes_equal_those_of_the_general_path(cost: float, monkeypatch) -> None:
    monkeypatch.setattr(costs, "by_products", lambda *sides: cost)
    s_in = torch.bernoulli(torch.full((40, 5, *SHAPE), 0.2), generator=drawn(3))
    pooled = "6c3-avg2-7c3-5", "6c3-max2-7c3-9-5", "6c3+max2-max2-7c3+avg2-9-5"
    for layers in ("8c5s2-12c3s2-5", *pooled):
        for params in (None, TAILS):
            net = network(layers, params)
            for s in (s_in, torch.rand(1, 5, *SHAPE).expand(6, -1, -1, -1, -1)):
                fired = [activity.s.sum(0) for activity in net.roll(s)]
                for one, other in zip(net.spike_counts(s), fired, strict=True):
                    assert torch.equal(one, other) and other.any()


@pytest.mark.parametrize("cost", [1e30, -1.0], ids=["events", "products"])
def test_a_forward_pass_fires_the_spikes_of_products(cost: float, monkeypatch) -> None:
    monkeypatch.setattr(costs, "by_products", lambda *sides: cost)
    again: list[int] = []
    roll = Network.roll
    monkeypatch.setattr(Network, "roll", lambda net, s: again.append(s.shape[1]) or roll(net, s))
    s_in = torch.bernoulli(torch.full((40, 300, *SHAPE), 0.2), generator=drawn(3))
    lasting = torch.rand(1, 300, *SHAPE, generator=drawn(4)).expand(40, -1, -1, -1, -1)
    for layers in ("8c5s2-sum2-9-5", "6c3+max2-7c3-5"):
        for params in (None, TAILS):
            net = network(layers, params)
            for s in (s_in, lasting):
                expected = roll(net, s)[-1].s
                assert torch.equal(net(s), expected) and expected.any()
    assert again and max(again) < 200  # samples that rounding could decide, and these alone


def test_a_voltage_at_the_threshold_is_rolled_by_products() -> None:
    net = Network((1, 1, 2), [Conv2d(1, 1), 1], recurrent=False)
    first, last = net.layers
    first.w.fill_(1 + 2.0**-23)  # one spike reaches the threshold, to the last bit
    last.w.fill_(0.25)
    s = torch.zeros(40, 3, 1, 1, 2)  # sample 0 is silent
    s[0, 1, 0, 0, 0] = 1
    s[:, 2] = 1  # never near the threshold: 2 at the first step, then reset
    wires = net.wirings()
    assert wires is not None
    fired = fire_maps_output(s.flatten(2), list(net.layers), wires)
    assert fired is not None and 1 in fired[1].tolist() and 0 not in fired[1].tolist()


def test_a_readout_keeps_its_voltages_within_rounding() -> None:
    net = Network(SHAPE, "8c5s2-5", output=LeakyReadout(TAILS), generator=drawn(0))
    s = torch.bernoulli(torch.full((40, 50, *SHAPE), 0.2), generator=drawn(3))
    torch.testing.assert_close(net(s), net.roll(s)[-1].s, rtol=1e-5, atol=1e-5)


def test_rates_decide_between_events_and_products() -> None:
    conv = Conv2d(64, 5, stride=2)
    made = wiring(conv, (), (32, 14, 14))
    assert made is not None
    neurons = 32 * 14 * 14
    for kind in costs.RATES[None]:
        price = costs.by_products(made, 32, 10, kind, None)
        assert costs.spikes_by_events(made, neurons // 200) < price  # 0.05 % over 10 steps
        assert costs.spikes_by_events(made, 5 * neurons) > price  # half of all
        assert costs.by_products(made, 32, 10, kind, torch.bfloat16) < price


def test_every_synapse_stands_in_the_tables_once() -> None:
    for conv, shape in (
        (Conv2d(3, 5, stride=2), (2, 9, 11)),
        (Conv2d(3, 3, padding=0, dilation=2), (2, 9, 11)),
        (Conv2d(3, 2, stride=3, padding=1), (1, 5, 7)),
    ):
        made = wiring(conv, (), shape)
        assert made is not None
        pixels = torch.eye(shape[1] * shape[2]).view(-1, 1, *shape[1:])
        one = torch.ones(1, 1, conv.kernel, conv.kernel)
        reached = torch.conv2d(pixels, one, None, *conv._geometry()[:3]).flatten(1)
        held = torch.zeros_like(reached)
        taps = made.taps
        for pixel in range(len(pixels)):
            for line in range(taps.start[pixel], taps.start[pixel + 1]):
                for n in range(taps.length[line]):
                    held[pixel, taps.to[line] + n] += made.order[taps.tap[line] + n] >= 0
        assert torch.equal(held, reached)
        assert made.back.length.sum() == reached.sum()


@pytest.mark.parametrize("cost", [1e30, -1.0], ids=["events", "products"])
def test_torchs_threads_share_a_batch_to_the_same_bits(cost: float, monkeypatch) -> None:
    monkeypatch.setattr(costs, "by_products", lambda *sides: cost)
    s = torch.bernoulli(torch.full((40, 50, *SHAPE), 0.2), generator=drawn(3))
    for net in (network("6c3+max2-max2-9-5", None), Network((198, 30, 5), generator=drawn(0))):
        spikes = s if len(net.shapes[0]) == 3 else s.flatten(2)
        fired = []
        for threads in (1, 3):
            monkeypatch.setattr(torch, "get_num_threads", lambda n=threads: n)
            fired.append([*net.spike_counts(spikes), net(spikes)])
        assert all(one.any() and torch.equal(one, two) for one, two in zip(*fired, strict=True))


def test_a_pool_of_currents_too_wide_for_its_routes_takes_the_general_path() -> None:
    for window, known in ((16, True), (17, False)):
        net = Network((1, 20, 20), [Conv2d(2, 3, pool=MaxPool2d(window)), 5])
        assert (net.wirings() is not None) == known


@pytest.mark.parametrize("lasting", [False, True])
def test_weights_that_ask_for_gradients_fire_the_same(lasting: bool) -> None:
    s = torch.bernoulli(torch.full((40, 4, *SHAPE), 0.2), generator=drawn(3))
    s = s[:1].expand_as(s) if lasting else s
    for layers in ("6c3+max2-9-5", "9-5"):
        net = network(layers, None)
        expected = [net(s), *net.spike_counts(s)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.requires_grad_(True)
            fired = [net(s), *net.spike_counts(s)]
        assert all(map(torch.equal, fired, expected)) and not fired[0].requires_grad
