from __future__ import annotations

import pytest
import torch

import biograd as bg
from biograd.encoders import ENCODERS, bernoulli, direct, integrate_and_fire, latency
from hardware.border.model import SpikeInput

PIXELS = torch.arange(256).view(1, -1) / 255
SPIKING = [name for name in ENCODERS if name != "direct"]


@pytest.mark.parametrize("steps", [1, 10, 16, 255, 400])
def test_integrate_and_fire_equals_its_integer_formula_for_every_pixel_value(steps: int) -> None:
    pixel, t = torch.arange(256), torch.arange(steps + 1)[:, None]
    whole = (2 * pixel * t + 255) // 510  # floor(p t + 1/2) without rounding errors
    assert torch.equal(integrate_and_fire(PIXELS, steps)[:, 0], whole.diff(dim=0).float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])  # the compiled loop, and torch
def test_integrate_and_fire_spaces_its_spikes_evenly(dtype: torch.dtype) -> None:
    s = integrate_and_fire(torch.tensor([[0.0, 0.25, 0.5, 1.0]], dtype=dtype), 8)[:, 0]
    assert s[:, 0].tolist() == [0] * 8
    # starts half full: the first spike comes after two steps, not four
    assert s[:, 1].tolist() == [0, 1, 0, 0, 0, 1, 0, 0]
    assert s[:, 2].tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
    assert s[:, 3].tolist() == [1] * 8


def test_bernoulli_fires_at_the_pixels_rate() -> None:
    s = bernoulli(PIXELS, 4000, generator=torch.Generator().manual_seed(0))
    # 4.5 standard deviations of the widest binomial
    assert (s.mean(0) - PIXELS).abs().max() < 4.5 * (0.25 / 4000) ** 0.5
    assert not s[:, 0, 0].any() and s[:, 0, 255].all()
    assert abs((s[1:, 0, 128] * s[:-1, 0, 128]).mean() - 0.252) < 0.04  # steps are independent


def test_latency_fires_once_and_brighter_pixels_earlier() -> None:
    s = latency(torch.tensor([[0.0, 0.1, 0.5, 1.0]]), 11)[:, 0]
    assert s.sum(0).tolist() == [0, 1, 1, 1]
    assert s[:, 1:].argmax(0).tolist() == [9, 5, 0]


@pytest.mark.parametrize("name", SPIKING)
def test_every_encoder_gives_zeros_and_ones_drawn_from_its_generator_alone(name: str) -> None:
    x = torch.rand(3, 7, generator=torch.Generator().manual_seed(1))
    before = torch.random.get_rng_state()
    s = ENCODERS[name](x, 6, generator=torch.Generator().manual_seed(2))
    assert s.shape == (6, 3, 7) and s.dtype == x.dtype and set(s.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(s, ENCODERS[name](x, 6, generator=torch.Generator().manual_seed(2)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", SPIKING)
def test_every_encoder_keeps_black_silent_and_takes_a_single_step(name: str) -> None:
    assert not ENCODERS[name](torch.zeros(2, 3), 5, generator=torch.Generator()).any()
    assert ENCODERS[name](torch.ones(2, 3), 1, generator=torch.Generator()).all()


def test_bernoulli_draws_anew_from_another_seed() -> None:
    first, second = (
        bernoulli(PIXELS, 20, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)
    )
    assert not torch.equal(first, second)


def test_bernoulli_keeps_black_silent_at_the_lowest_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda size, **_: torch.zeros(size))
    assert (
        not bernoulli(torch.zeros(2, 3), 5).any() and bernoulli(torch.full((2, 3), 0.01), 5).all()
    )


def test_direct_shows_the_image_itself_at_every_step() -> None:
    s = direct(torch.tensor([[0.0, 0.25, 1.0]]), 3)
    assert s.shape == (3, 1, 3) and all(step.tolist() == [[-1.0, -0.5, 1.0]] for step in s)


def test_graded_inputs_are_learned_from_step_by_step_and_no_chip_takes_them() -> None:
    x = torch.rand(4, 6, generator=torch.Generator().manual_seed(3))
    net = bg.Network((6, 5, 2), generator=torch.Generator().manual_seed(4))
    spikes = direct(x, 5)
    states, counts = net.rest(4), torch.zeros(4, 2)
    for step in spikes:
        states = net.step(states, step)
        counts += states[-1].s
    assert torch.equal(net(spikes).sum(0), counts)
    with pytest.raises(ValueError, match="graded spikes cannot be deployed"):
        SpikeInput(spikes=spikes.numpy())
