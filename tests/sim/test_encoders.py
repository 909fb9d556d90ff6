from __future__ import annotations

import pytest
import torch

from biograd.encoders import ENCODERS, bernoulli, integrate_and_fire, latency

PIXELS = torch.arange(256).view(1, -1) / 255


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


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_gives_zeros_and_ones_drawn_from_its_generator_alone(name: str) -> None:
    x = torch.rand(3, 7, generator=torch.Generator().manual_seed(1))
    before = torch.random.get_rng_state()
    s = ENCODERS[name](x, 6, generator=torch.Generator().manual_seed(2))
    assert s.shape == (6, 3, 7) and s.dtype == x.dtype and set(s.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(s, ENCODERS[name](x, 6, generator=torch.Generator().manual_seed(2)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ENCODERS)
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
