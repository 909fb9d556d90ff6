from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.firing import fire_output
from biograd.kernels.packed_spikes import PackedSpikes
from biograd.network import Layer, Network, read_out


def test_a_layer_adds_its_bias_to_the_current_at_every_step() -> None:
    layer = Layer(2, 2)
    layer.w.copy_(torch.tensor([[0.5, 0.25], [1.0, -1.0]]))
    layer.b.copy_(torch.tensor([0.125, 2.0]))
    current = layer.current(torch.tensor([[[1.0, 1.0]], [[0.0, 0.0]]]))
    assert current.tolist() == [[[0.875, 2.0]], [[0.125, 2.0]]]


def test_weights_start_uniform_at_two_over_the_root_of_the_inputs_and_biases_at_zero() -> None:
    layer = Layer(400, 100, generator=torch.Generator().manual_seed(0))
    assert 0.0999 < layer.w.max() <= 0.1 and -0.1 <= layer.w.min() < -0.0999
    # 40,000 draws: 0.3 % standard error
    assert layer.w.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    assert not layer.b.any()


def test_equal_seeds_make_equal_networks_and_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, second, other = (
        Network((5, 4, 3), generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    assert not torch.equal(first.layers[0].w, other.layers[0].w)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_spike_crosses_all_layers_in_the_step_it_arrives_in() -> None:
    net = Network((1, 1, 1, 1))
    for layer in net.layers:
        layer.w.fill_(1.5)
    spikes = torch.zeros(3, 1, 1)
    spikes[1] = 1
    assert net(spikes).flatten().tolist()[:2] == [0, 1]


def test_rolling_equals_stepping_to_the_bit() -> None:
    net = Network((6, 8, 7, 3), generator=torch.Generator().manual_seed(0))
    for layer in net.layers:
        layer.w *= 3
    spikes = (torch.rand(9, 4, 6, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    rolled, states = net.roll(spikes), net.rest(4)
    for t in range(9):
        states = net.step(states, spikes[t])
        for state, activity in zip(states, rolled, strict=True):
            assert torch.equal(state.s, activity.s[t]) and torch.equal(
                net.neuron.slope(state), activity.psi[t].float()
            )
    assert rolled[-1].s.any()


def test_samples_that_rounding_may_decide_are_rolled_by_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Network((2, 3, 1))
    first, last = net.layers
    first.w.copy_(torch.tensor([[1 + 2.0**-23, 0.5], [0.0, 0.25], [0.25, 0.0]]))
    last.w.fill_(0.5)
    spikes = torch.zeros(64, 3, 2)  # sample 0: silent
    spikes[0, 1, 0] = 1  # drives neuron 0 to the last bit above the threshold
    spikes[0, 2, 1] = 1  # drives no neuron near it
    fired = fire_output(spikes, list(net.layers))
    assert fired is not None and fired[1].tolist() == [1]
    rolled, roll = [], Network.roll
    monkeypatch.setattr(
        Network,
        "roll",
        lambda net, s: rolled.append(s.shape[1]) or roll(net, s),  # type: ignore[func-returns-value]
    )
    assert torch.equal(net(spikes), roll(net, spikes)[-1].s) and rolled == [1]


def test_a_forward_pass_by_events_fires_the_spikes_of_products() -> None:
    net = Network((200, 60, 40, 5), generator=torch.Generator().manual_seed(0))
    spikes = (torch.rand(50, 400, 200, generator=torch.Generator().manual_seed(1)) < 0.2).float()
    s_out = net.roll(spikes)[-1].s
    fired = fire_output(spikes, list(net.layers))
    assert fired is not None and 0 < len(fired[1]) < 200 and s_out.any()
    assert torch.equal(net(spikes), s_out)
    assert torch.equal(net(0.5 * spikes), net.roll(0.5 * spikes)[-1].s)  # graded: products


def test_a_forward_pass_takes_spikes_that_carry_a_graph() -> None:
    net, spikes = Network((6, 5, 3)), torch.ones(70, 1, 6)
    asked = spikes.clone().requires_grad_()
    assert torch.equal(net(asked), net(spikes)) and not net(asked).requires_grad
    assert all(map(torch.equal, net.spike_counts(asked), net.spike_counts(spikes)))


def test_samples_of_a_batch_share_nothing() -> None:
    net = Network((6, 8, 3), generator=torch.Generator().manual_seed(0))
    spikes = (torch.rand(9, 4, 6, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    other = spikes.clone()
    other[:, 1:] = 1 - other[:, 1:]
    assert torch.equal(net(spikes)[:, 0], net(other)[:, 0])


@pytest.mark.parametrize("sizes", [(5,), (), (5, 0, 3), (5, -1)])
def test_sizes_that_make_no_network_are_refused_in_one_line(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^network sizes are [^\n]*$"):
        Network(sizes)


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=6))
def test_the_answer_is_the_lowest_class_among_those_that_fired_most(
    counts: list[list[int]],
) -> None:
    # as many spikes as the count says
    s_out = (torch.arange(3)[:, None, None] < torch.tensor(counts)).float()
    assert read_out(s_out).tolist() == [row.index(max(row)) for row in counts]


def test_a_silent_output_answers_class_zero() -> None:
    assert read_out(torch.zeros(5, 2, 10)).tolist() == [0, 0]


def test_a_network_that_rolls_by_matrices_does_not_fire_by_events() -> None:
    net = Network((6, 5, 3), recurrent=True)
    trains = PackedSpikes.pack(torch.ones(4, 2, 6))
    assert trains is not None
    with pytest.raises(ValueError, match=r"^this network does not fire by events: [^\n]*$"):
        net.fire(trains)


def test_synapses_of_another_network_are_refused() -> None:
    net, other = Network((6, 5, 3)), Network((6, 7, 3))
    trains = PackedSpikes.pack(torch.ones(4, 2, 6))
    assert trains is not None
    with pytest.raises(ValueError, match=r"^synapses are those of layers [^\n]* or None$"):
        net.fire(trains, other.synapses())


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int64, torch.double])
def test_a_layer_takes_spikes_of_any_real_type(kind: torch.dtype) -> None:
    layer, spikes = Layer(3, 2), torch.tensor([[[1.0, 0.0, 1.0]]])
    assert torch.equal(layer.current(spikes.to(kind)), layer.current(spikes))


def test_a_network_says_what_its_layers_are() -> None:
    net = Network((1, 8, 8), "4c3-avg2-7-6-5", recurrent=(False, False, True))
    text = repr(net)
    assert "(1, 8, 8), Conv2d(channels=4, kernel=3" in text
    assert "pools=[AvgPool2d(window=2, stride=None)]" in text and "recurrent=True" in text
    assert "TwoCompartmentLIF" in text and "0x" not in text
