"""Neurons that differ within a layer, and thresholds that adapt: by hand, and against the LIF."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from biograd.connections import Conv2d, Dense
from biograd.feedback import feedback_angles, sleep_aligned
from biograd.network import Network
from biograd.neurons import (
    AdaptiveLIF,
    AdaptiveParams,
    MixedLIF,
    TwoCompartmentLIF,
    TwoCompartmentParams,
    lif_params,
    mixed_decays,
    soma_scan,
)
from biograd.params.neuron import RESETS, SURROGATES
from biograd.sleep import SleepParams, first_night
from hardware import chip

ALPHAS_U, ALPHAS_V = (0.0, 0.3, 0.5), (0.9, 0.75, 1.0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_current(neurons: int = 3) -> Tensor:
    return 0.4 + torch.randn(9, 4, neurons, generator=seeded(0))


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_each_neuron_of_a_mixed_layer_is_a_lif_of_its_own_decays(
    reset: str, surrogate: str
) -> None:
    shared: Any = {"reset": reset, "surrogate": surrogate, "window": 0.7}
    mixed = MixedLIF(TwoCompartmentParams(**shared), alphas_u=ALPHAS_U, alphas_v=ALPHAS_V)
    current = a_current()
    s, psi = soma_scan(mixed, current)
    for n, (alpha_u, alpha_v) in enumerate(zip(ALPHAS_U, ALPHAS_V, strict=True)):
        p = TwoCompartmentParams(alpha_u=alpha_u, alpha_v=alpha_v, **shared)
        alone, slopes = soma_scan(TwoCompartmentLIF(p), current[..., n : n + 1])
        assert torch.equal(s[..., n : n + 1], alone)
        assert torch.equal(psi[..., n : n + 1].float(), slopes.float())
    assert s.any()


def test_the_decays_of_maps_hold_at_all_their_positions() -> None:
    by_map = MixedLIF(alphas_v=(0.5, 0.9))
    parts, neurons = [Conv2d(2, 3), Dense(3)], (by_map, TwoCompartmentLIF())
    net = Network((1, 6, 6), parts, neuron=neurons, generator=seeded(0))
    states = net.step(net.rest(1), torch.ones(1, 1, 6, 6))
    after = net.step(states, torch.zeros(1, 1, 6, 6))
    silent = states[0].s == 0
    ratio = ((after[0].v - after[0].u) / states[0].v)[0].view(2, 36)
    for kept, alpha, mask in zip(ratio, (0.5, 0.9), silent[0].view(2, 36), strict=True):
        torch.testing.assert_close(kept[mask], torch.full_like(kept[mask], alpha))
        assert mask.any()


def test_time_constants_are_spread_evenly_on_a_logarithmic_scale() -> None:
    alphas = torch.tensor(mixed_decays(5, 0.5, 0.95), dtype=torch.float64)
    taus = -1 / alphas.log()
    ratios = taus[1:] / taus[:-1]
    torch.testing.assert_close(ratios, ratios[:1].expand(4))
    assert alphas[0] == 0.5 and alphas[-1] == 0.95
    assert mixed_decays(1, 0.9, 0.9) == (0.9,)
    many = mixed_decays(100, 0.5, 0.95)
    assert list(many) == sorted(many) and (many[0], many[-1]) == (0.5, 0.95)
    assert len(set(many)) == chip.MAX_DECAY_PAIRS  # as a core of the chip holds them


def test_an_adaptive_threshold_rises_and_falls_as_computed_by_hand() -> None:
    # alpha_u = 0, alpha_v = 1/2, a current of 1.5 at every step, rise 1/2, half of it kept:
    # v 1.5 spikes; v 1.5 = 1 + h does not; v 0.75 + 1.5 > 1.25 does; v 1.5 <= 1 + 0.125 + 0.5; ...
    p = AdaptiveParams(alpha_u=0.0, alpha_v=0.5, rise=0.5, alpha_h=0.5)
    neuron, state, seen = AdaptiveLIF(p), AdaptiveLIF(p).rest(torch.zeros(1, 1)), []
    for _ in range(5):
        state = neuron.soma(state, torch.full((1, 1), 1.5))
        seen.append([x.item() for x in (state.v, state.h, state.s, neuron.slope(state))])
    assert seen == [
        [1.5, 0.0, 1, 1],
        [1.5, 0.5, 0, 1],  # |1.5 - 0.5 - 1| < 1
        [2.25, 0.25, 1, 0],  # 2.25 - 1.25 is the window
        [1.5, 0.625, 0, 1],
        [2.25, 0.3125, 1, 1],
    ]


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_without_a_rise_it_is_the_lif(reset: str, surrogate: str) -> None:
    shared: Any = {"reset": reset, "surrogate": surrogate}
    s, psi = soma_scan(AdaptiveLIF(AdaptiveParams(rise=0.0, **shared)), a_current())
    lif, slopes = soma_scan(TwoCompartmentLIF(TwoCompartmentParams(**shared)), a_current())
    assert torch.equal(s, lif) and torch.equal(psi.float(), slopes.float())


def test_rising_thresholds_fire_less_and_mixed_decays_apply_to_them_too() -> None:
    current = a_current()
    counts = [soma_scan(AdaptiveLIF(AdaptiveParams(rise=r)), current)[0].sum() for r in (0.0, 0.5)]
    assert 0 < counts[1] < counts[0]
    p = AdaptiveParams(rise=0.2)
    s, _ = soma_scan(AdaptiveLIF(p, alphas_u=ALPHAS_U, alphas_v=ALPHAS_V), current)
    for n, (alpha_u, alpha_v) in enumerate(zip(ALPHAS_U, ALPHAS_V, strict=True)):
        alone = AdaptiveLIF(AdaptiveParams(rise=0.2, alpha_u=alpha_u, alpha_v=alpha_v))
        assert torch.equal(s[..., n : n + 1], soma_scan(alone, current[..., n : n + 1])[0])


@pytest.mark.parametrize("kind", ["mixed", "adaptive"])
def test_no_faster_form_that_does_not_know_them_runs_instead(kind: str) -> None:
    neuron = MixedLIF(alphas_v=mixed_decays(12, 0.5, 0.95)) if kind == "mixed" else AdaptiveLIF()
    net = Network((9, 12, 4), neuron=(neuron, TwoCompartmentLIF()), generator=seeded(0))
    assert not net.by_events and net.wirings() is None
    spikes = (torch.rand(20, 3, 9, generator=seeded(1)) < 0.4).float()
    counts, rolled, states = net.spike_counts(spikes), net.roll(spikes), net.rest(3)
    for t in range(20):
        states = net.step(states, spikes[t])
        for state, activity in zip(states, rolled, strict=True):
            assert torch.equal(state.s, activity.s[t])
    for count, activity in zip(counts, rolled, strict=True):
        assert activity.s.any() and torch.equal(count, activity.s.sum(0))
    with pytest.raises(ValueError, match="is no two-compartment LIF"):
        lif_params(neuron)


@pytest.mark.parametrize("kind", ["mixed", "adaptive"])
def test_their_layers_dream_and_align_the_feedback_below(kind: str) -> None:
    def neuron(size: int) -> Any:
        alphas = mixed_decays(size, 0.5, 0.95)
        return MixedLIF(alphas_v=alphas) if kind == "mixed" else AdaptiveLIF(alphas_v=alphas)

    sizes = (12, 20, 16, 14, 6)
    neurons = [neuron(size) for size in sizes[1:]]
    net = Network(sizes, neuron=neurons, generator=seeded(0))
    feedback = sleep_aligned(net, generator=seeded(1))
    first_night(
        net, feedback, SleepParams(first_night=10, steps=200, decay=0.2), generator=seeded(2)
    )
    assert max(feedback_angles(net, feedback)) < 60


BAD: list[tuple[Any, str]] = [
    (
        lambda: Network((9, 12, 4), neuron=MixedLIF(alphas_v=(0.5, 0.9, 0.75))),
        r"^there are 3 decays for 12 neurons: give one for all, or one for each of the neurons",
    ),
    (
        lambda: Network((1, 6, 6), "4c3-2", neuron=AdaptiveLIF(alphas_u=(0.5,) * 144)),
        r"^there are 144 decays for 4 maps: give one for all",
    ),
    (
        lambda: MixedLIF(alphas_u=(0.5, 1.0)),
        r"^alphas_u holds 1.0; need fractions kept per step, at least 0 and below 1$",
    ),
    (lambda: MixedLIF(alphas_v=(0.5, float("nan"))), r"^alphas_v holds nan; need fractions"),
    (
        lambda: MixedLIF(alphas_u=(0.5, 0.6), alphas_v=(0.5,) * 3),
        r"^alphas_u has 2 values and alphas_v 3: give both for the same neurons$",
    ),
    (lambda: mixed_decays(4, 0.9, 0.5), r"^high is 0.5; need 0.9 <= high < 1$"),
    (lambda: mixed_decays(0, 0.5, 0.9), r"^count is 0; need "),
    (lambda: AdaptiveParams(rise=-0.1), r"^neuron.rise is -0.1; need "),
    (lambda: AdaptiveParams(alpha_h=1.0), r"^neuron.alpha_h is 1.0; need "),
]


@pytest.mark.parametrize(("make", "says"), BAD)
def test_what_does_not_fit_is_refused_in_one_line(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        make()
    assert "\n" not in str(refused.value)
