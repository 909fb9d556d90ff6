from __future__ import annotations

import dataclasses
import inspect
import math

import pytest
import torch

from biograd import sleep
from biograd.feedback import SleepAligned, feedback_angle
from biograd.kernels import scans
from biograd.network import Network
from biograd.neurons import Neuron, SomaState, TwoCompartmentLIF
from biograd.sleep import (
    DreamState,
    SleepParams,
    coincidence,
    dream,
    first_night,
    homeostatic_step,
    sleep_phase,
    surprise_step,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("hidden", "limits"), [((40,), [25]), ((40, 40), [40, 25]), ((40, 40, 40), [60, 40, 25])]
)
def test_sleep_turns_feedback_towards_the_true_path_through_any_number_of_layers(
    hidden: tuple[int, ...], limits: list[float]
) -> None:
    net = Network((5, *hidden, 6), generator=seeded(0))
    feedback = SleepAligned(net, generator=seeded(1))
    before = [feedback_angle(net, feedback, index) for index in range(len(hidden))]
    first_night(net, feedback, SleepParams(first_night=40), generator=seeded(2))
    after = [feedback_angle(net, feedback, index) for index in range(len(hidden))]
    assert all(angle > 75 for angle in before)  # drawn at random: near 90 degrees
    assert all(angle < limit for angle, limit in zip(after, limits, strict=True)), after


def test_sleep_leaves_forward_weights_unchanged_to_the_bit() -> None:
    net = Network((5, 12, 11, 6), generator=seeded(0))
    before = [p.clone() for p in net.parameters()]
    feedback = SleepAligned(net, generator=seeded(1))
    start = [w.clone() for w in feedback.w_fb]
    first_night(net, feedback, SleepParams(first_night=3, steps=50), generator=seeded(2))
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(start, feedback.w_fb, strict=True))


def test_alignment_is_given_spikes_alone_and_runs_with_forward_weights_unreadable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p = SleepParams(first_night=4, steps=200)
    net, blind = (Network((5, 12, 11, 6), generator=seeded(0)) for _ in range(2))
    feedback, kept = (
        SleepAligned(net, generator=seeded(1)),
        SleepAligned(blind, generator=seeded(1)),
    )
    first_night(net, feedback, p, generator=seeded(2))
    # The twin's synapses still conduct, but whoever reads a forward weight reads nan.
    for layer in blind.layers:
        w, b = layer.w.clone(), layer.b.clone()
        monkeypatch.setattr(
            layer, "current", lambda s, w=w, b=b: torch.nn.functional.linear(s, w, b)
        )
        layer.w.fill_(math.nan)
        layer.b.fill_(math.nan)
    first_night(blind, kept, p, generator=seeded(2))
    assert all(torch.equal(a, b) for a, b in zip(feedback.w_fb, kept.w_fb, strict=True))
    assert list(inspect.signature(coincidence).parameters) == ["s", "s_out", "rate", "eta"]
    assert list(inspect.signature(SleepAligned.align).parameters) == [
        "self",
        "hidden",
        "coincidence",
        "decay",
    ]


def test_equal_seeds_dream_equal_nights() -> None:
    net = Network((5, 12, 11, 6), generator=seeded(0))
    seen = []
    for seed in (3, 3, 4):
        feedback = SleepAligned(net, generator=seeded(1))
        sleep_phase(net, feedback, SleepParams(steps=100), generator=seeded(seed))
        seen.append(feedback.w_fb[0].clone())
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


def test_four_steps_of_homeostasis_are_as_computed_by_hand() -> None:
    # alpha_u = 1/2, alpha_v = 3/4: rheobase 1/8. The mean is the plain mean at first (eta below
    # 1/t).
    neuron, zero = TwoCompartmentLIF(), torch.zeros(1, 1)
    state, seen = DreamState(SomaState(zero, zero, zero), zero), []
    for t, (current, noise) in enumerate([(4.0, 0.0), (8.0, 0.0), (0.0, 0.5), (0.0, 0.0)]):
        state = homeostatic_step(
            state, torch.tensor([[current]]), torch.tensor([[noise]]), t, neuron, eta=0.01
        )
        seen.append([x.item() for x in (state.mean, state.soma.u, state.soma.v, state.soma.s)])
    # u: 1/8; 1/16 + (8 - 6) + 1/8; u/2 + (0 - 4) + 1/8 + 1/2; u/2 + (0 - 3) + 1/8
    assert seen == [
        [4, 0.125, 0.125, 0],
        [6, 2.1875, 2.28125, 1],
        [4, -2.28125, -2.28125, 0],
        [3, -4.015625, -5.7265625, 0],
    ]


def test_a_neuron_at_its_mean_current_sits_just_below_firing() -> None:
    zero, current = torch.zeros(1, 1), torch.full((1, 1), 7.0)
    state = DreamState(SomaState(zero, zero, zero), zero)
    for t in range(200):
        state = homeostatic_step(state, current, zero, t, TwoCompartmentLIF(), eta=0.02)
        assert state.soma.s.item() == 0
    assert state.soma.v.item() == pytest.approx(1, abs=1e-5)
    nudged = homeostatic_step(state, current + 0.1, zero, 200, TwoCompartmentLIF(), eta=0.02)
    assert nudged.soma.s.item() == 1


def test_surprise_is_a_spike_less_its_running_mean() -> None:
    mean, seen = torch.zeros(1), []
    for t, s in enumerate([1.0, 0.0, 1.0]):
        mean, surprise = surprise_step(mean, torch.tensor([s]), t, eta=0.4)
        seen.append((mean.item(), surprise.item()))
    # 1/t while that is more than eta = 0.4: 1, 1/2, then 0.4
    assert seen == [(1, 0), (0.5, -0.5), (pytest.approx(0.7), pytest.approx(0.3))]


def test_coincidence_is_the_mean_product_of_both_surprises_in_the_same_step() -> None:
    s, s_out = (
        torch.tensor([[1.0], [0.0], [1.0]]),
        torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]),
    )
    c = coincidence(s, s_out, rate=0.2, eta=0.4)
    # (0.8 x 0 + -0.2 x -0.5 + 0.8 x 0.3) / 3
    assert c.tolist() == [[pytest.approx(0.34 / 3), 0]]


def test_the_dreaming_layer_fires_at_its_rate_and_the_input_layer_stays_out() -> None:
    net = Network((5, 50, 40, 6), generator=seeded(0))
    net.layers[0].w.fill_(math.nan)  # the eyes are closed
    s, s_out = dream(net, 0, SleepParams(steps=1000, rate=0.2), generator=seeded(1))
    assert s.shape == (1000, 50) and s_out.shape == (1000, 6)
    assert s.mean().item() == pytest.approx(0.2, abs=0.01)  # 50,000 draws: standard error 0.002
    assert 0.02 < s_out.mean() < 0.6


def test_sleep_refuses_neurons_without_a_rheobase() -> None:
    class Other(Neuron):
        rest = soma = slope = apical = lambda self, *_: torch.zeros(1)

    net = Network((5, 4, 3), neuron=Other())
    with pytest.raises(ValueError, match=r"^Other has no rheobase, which sleep needs: [^\n]*$"):
        dream(net, 0, SleepParams(), generator=seeded(0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("every", 0),
        ("steps", 0),
        ("phases", -1),
        ("first_night", -1),
        ("noise", -0.1),
        ("rate", 0.0),
        ("rate", 1.0),
        ("rate", math.nan),
        ("decay", 0.0),
        ("decay", 1.1),
        ("eta", 0.0),
        ("eta", math.nan),
    ],
)
def test_nights_out_of_range_are_refused_by_name_and_value(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^sleep\.{name} is {value}; need [^\n]*$"):
        SleepParams(**{name: value})


def test_noise_drives_hidden_layers_and_never_the_output() -> None:
    def dreamt(hidden: tuple[int, ...], noise: float) -> torch.Tensor:
        net = Network((5, *hidden, 4), generator=torch.Generator().manual_seed(0))
        params = SleepParams(noise=noise, steps=60)
        return sleep.dream(net, 0, params, generator=torch.Generator().manual_seed(1))[1]

    assert torch.equal(dreamt((30,), 0.0), dreamt((30,), 5.0))  # the output alone listens
    for noise in (0.1, 0.6, 5.0):
        # a hidden layer lies between
        assert not torch.equal(dreamt((30, 30), 0.0), dreamt((30, 30), noise))


@pytest.mark.parametrize("steps", [1, 40])
def test_the_compiled_night_is_the_stepped_one(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    current, noise = (
        torch.randn(steps, 6, generator=generator),
        0.3 * torch.randn(steps, 6, generator=generator),
    )
    neuron = TwoCompartmentLIF()
    compiled = sleep._dream_scan(current, noise, neuron, 0.05)
    surprise = sleep._surprise_scan(compiled, 0.05)
    monkeypatch.setattr(scans, "runs_on", lambda tensor: False)
    assert torch.allclose(sleep._dream_scan(current, noise, neuron, 0.05), compiled, atol=1e-6)
    assert torch.allclose(sleep._surprise_scan(compiled, 0.05), surprise, atol=1e-6)


def test_nights_in_single_precision_are_compiled_and_others_stepped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = []
    for name in ("dream", "surprise"):
        monkeypatch.setattr(
            scans,
            name,
            lambda first, *_, name=name: compiled.append((name, first.dtype)) or first,
        )
    for dtype in (torch.float32, torch.float64):
        current = torch.ones(3, 2, dtype=dtype)
        sleep._dream_scan(current, current, TwoCompartmentLIF(), 0.05)
        sleep._surprise_scan(current, 0.05)
    assert compiled == [("dream", torch.float32), ("surprise", torch.float32)]


def test_a_night_has_the_constants_it_was_tried_with() -> None:
    tried = {
        "every": 50,
        "phases": 4,
        "first_night": 100,
        "steps": 1000,
        "rate": 0.2,
        "noise": 0.6,
        "decay": 0.02,
        "eta": 0.02,
    }
    assert dataclasses.asdict(SleepParams()) == tried


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("every", 1),
        ("steps", 1),
        ("first_night", 1),
        ("phases", 0),
        ("noise", 0.0),
        ("decay", 1.0),
        ("eta", 1.0),
        ("rate", 0.999),
    ],
)
def test_a_night_may_be_as_short_and_as_still_as_it_gets(name: str, value: float) -> None:
    params = dataclasses.replace(SleepParams(first_night=2, steps=20), **{name: value})
    net = Network((5, 6, 6, 4), generator=seeded(0))
    feedback = SleepAligned(net, generator=seeded(1))
    first_night(net, feedback, params, generator=seeded(2))
    assert all(torch.isfinite(w).all() for w in feedback.w_fb)


def test_equal_seeds_give_equal_dreams_whatever_torchs_default_type_is():
    net = Network((4, 6, 5, 3), generator=seeded(0))
    before = dream(net, 0, SleepParams(steps=30), generator=seeded(1))
    torch.set_default_dtype(torch.float64)
    try:
        after = dream(net, 0, SleepParams(steps=30), generator=seeded(1))
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_network_in_double_precision_can_sleep():
    net = Network((4, 6, 3), generator=seeded(0)).double()
    feedback = SleepAligned(net, generator=seeded(1)).double()
    sleep_phase(net, feedback, SleepParams(steps=30), generator=seeded(2))
    assert feedback.weights(0).dtype == torch.float64
