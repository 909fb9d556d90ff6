"""Augmentation: every image moves by its own draw, within limits, equally for equal generators."""

import math

import pytest
import torch

from biograd.data.augment import AugmentParams, augment, elastic_field, resampled, shifted
from biograd.data.image_sets import ImageSet
from biograd.data.samples import spikes_of


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def digits(n: int, dtype=torch.uint8) -> torch.Tensor:
    """Random squares that stay away from the edge."""
    x = torch.zeros(n, 28, 28)
    x[:, 8:20, 8:20] = torch.randint(1, 256, (n, 12, 12), generator=generator(9)).float()
    return x.to(dtype)


def test_a_shift_moves_every_image_exactly_and_fills_with_zeros():
    x = digits(3)
    moved = shifted(x, torch.tensor([[1, 0, -10], [-2, 0, 15]]))
    expected = torch.zeros_like(x)
    expected[0, 1:, :-2] = x[0, :-1, 2:]
    expected[1] = x[1]
    expected[2, :-10, 15:] = x[2, 10:, :-15]
    assert torch.equal(moved, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shifts_are_uniform_within_their_limit_along_both_axes(dtype):
    x = torch.zeros(4000, 28, 28, dtype=dtype)
    x[:, 14, 14] = 1
    moved = augment(x, AugmentParams(shift=2), generator=generator())
    counts = moved.float().sum(0)
    assert moved.dtype == dtype and counts.sum() == 4000
    # 160 are expected in each of the 25 places; 60 is five standard deviations.
    assert (counts[12:17, 12:17] - 160).abs().max() < 60


@pytest.mark.parametrize(
    "p",
    [
        {"shift": 3},
        {"flip": 0.5},
        {"rotate": 20.0, "scale": 0.1},
        {"elastic": 1.5},
        {"shift": 1, "rotate": 5.0, "elastic": 1.0},
    ],
)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_equal_generators_give_equal_images_and_others_do_not(p, dtype):
    x, p = digits(5, dtype), AugmentParams(**p)
    first = augment(x, p, generator=generator(1))
    assert first.shape == x.shape and first.dtype == dtype and not torch.equal(first, x)
    assert torch.equal(first, augment(x, p, generator=generator(1)))
    assert not torch.equal(first, augment(x, p, generator=generator(2)))
    assert torch.equal(x, digits(5, dtype))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    augment(
        digits(5), AugmentParams(shift=1, rotate=5, scale=0.1, elastic=1), generator=generator()
    )
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_flip_mirrors_whole_images_as_often_as_asked(dtype):
    x = digits(400, dtype)
    flipped = augment(x, AugmentParams(flip=0.25), generator=generator())
    mirrored = (flipped == x.flip(-1)).flatten(1).all(1)
    assert bool((mirrored ^ (flipped == x).flatten(1).all(1)).all())
    assert 60 < mirrored.sum() < 140  # 100 expected; 40 is more than four standard deviations
    assert torch.equal(augment(x, AugmentParams(flip=1.0), generator=generator()), x.flip(-1))


def test_a_flip_comes_before_the_other_changes():
    x = digits(50)
    both = augment(x, AugmentParams(flip=1.0, shift=2), generator=generator(3))
    draws = generator(3)
    torch.rand(50, generator=draws)
    assert torch.equal(both, augment(x.flip(-1), AugmentParams(shift=2), generator=draws))


def test_nothing_changes_when_all_limits_are_0():
    x = digits(2)
    assert augment(x, AugmentParams(), generator=generator()) is x


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_resampling_at_the_pixels_themselves_gives_the_images_back(dtype):
    x = torch.randint(0, 256, (2, 28, 20), generator=generator()).to(dtype)
    position = torch.stack(
        torch.meshgrid(torch.arange(28.0), torch.arange(20.0), indexing="ij"), dim=-1
    ).expand(2, 28, 20, 2)
    # Positions pass through grid_sample's -1 .. 1 in float32: a millionth of 255 grey values of
    # error.
    torch.testing.assert_close(
        resampled(x, position), x, atol=1e-3 if x.is_floating_point() else 0, rtol=0
    )


def test_resampling_between_pixels_is_bilinear_and_zero_outside():
    x = torch.tensor([[[0.0, 10.0], [20.0, 50.0]]])
    position = torch.tensor([[[[0.0, 0.25], [0.5, 0.5]], [[-0.5, 1.0], [1.0, 5.0]]]])
    torch.testing.assert_close(
        resampled(x, position), torch.tensor([[[2.5, 20.0], [5.0, 0.0]]]), atol=1e-4, rtol=0
    )


def moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of each image: centre [B, 2], angle of the long axis in degrees, and the length of it."""
    r, c = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    mass = x.sum((1, 2))
    centre = torch.stack([(x * axis).sum((1, 2)) / mass for axis in (r, c)], dim=1)
    dr, dc = r - centre[:, 0, None, None], c - centre[:, 1, None, None]
    rr, cc, rc = ((x * a * b).sum((1, 2)) / mass for a, b in ((dr, dr), (dc, dc), (dr, dc)))
    return centre, torch.rad2deg(0.5 * torch.atan2(2 * rc, cc - rr)), (cc + rr).sqrt()


def test_a_rotation_turns_about_the_centre_within_its_limit():
    bars = torch.zeros(500, 28, 28)
    bars[:, 13:15, 4:24] = 200
    centre, angle, _ = moments(augment(bars, AugmentParams(rotate=20), generator=generator()))
    assert (centre - 13.5).abs().max() < 0.02
    # bilinear pixels blur the angle by a few tenths of a degree
    assert 19 < angle.max() < 20.3 and -20.3 < angle.min() < -19
    assert abs(angle.std() - 20 / math.sqrt(3)) < 1.5  # a uniform draw


def test_scales_are_uniform_and_independent_along_each_axis():
    squares = torch.zeros(500, 28, 28)
    squares[:, 9:19, 9:19] = 200
    grown = augment(squares, AugmentParams(scale=0.2), generator=generator())
    # Bilinear resampling keeps the mean, so the sum of grey grows as the length along an axis does.
    height, width = grown[:, :, 14].sum(1) / 2000, grown[:, 14, :].sum(1) / 2000
    for size in (height, width):
        assert 0.78 < size.min() < 0.83 and 1.17 < size.max() < 1.22
    assert torch.corrcoef(torch.stack((height, width)))[0, 1].abs() < 0.15


def test_an_elastic_field_is_smooth_and_equally_strong_everywhere():
    field = elastic_field((3000, 28, 28), generator=generator())
    assert field.shape == (3000, 28, 28, 2)
    # 3,000 normal draws: the standard deviation of a standard deviation is 1.3 %; the largest of
    # 1,568 lies within five of them.
    assert (field.std(0) - 1).abs().max() < 0.065 and field.mean(0).abs().max() < 0.1
    near = (field[:, 14, 14] * field[:, 14, 15]).mean()
    far = (field[:, 14, 4] * field[:, 14, 24]).mean()
    assert near > 0.95 and abs(far) < 0.1
    assert (field[..., 0] * field[..., 1]).mean().abs() < 0.02


def test_an_elastic_displacement_is_as_large_as_asked():
    ramp = torch.arange(28.0).expand(400, 28, 28) * 8
    moved = augment(ramp, AugmentParams(elastic=1.5), generator=generator())
    assert abs(((moved - ramp)[:, 8:20, 8:20] / 8).std() - 1.5) < 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"shift": -1},
        {"shift": 15},
        {"rotate": 181.0},
        {"scale": -0.1},
        {"scale": 0.6},
        {"elastic": 11.0},
        {"elastic": math.nan},
        {"flip": 1.1},
    ],
)
def test_limits_outside_their_range_are_refused_by_name(wrong):
    (name, value), *_ = wrong.items()
    with pytest.raises(
        ValueError, match=rf"AugmentParams\.{name} is {value}; need 0 <= {name} <= "
    ):
        AugmentParams(**wrong)


@pytest.mark.parametrize("n", [0, 1])
def test_a_batch_may_hold_one_image_or_none(n):
    for p in (AugmentParams(shift=1), AugmentParams(rotate=5, elastic=1)):
        assert augment(digits(n), p, generator=generator()).shape == (n, 28, 28)


def test_images_without_rows_and_columns_are_refused():
    flat = torch.zeros(2, 784)
    assert augment(flat, AugmentParams(), generator=generator()) is flat
    with pytest.raises(ValueError, match=r"shape \(2, 784\), which cannot be shifted.*reshape"):
        augment(flat, AugmentParams(shift=1), generator=generator())


def test_changes_of_samples_need_a_generator():
    images = ImageSet("some", "train", digits(3).byte(), torch.arange(3), 3)
    with pytest.raises(ValueError, match=r"generator is None, and AugmentParams\(shift=1"):
        spikes_of(images, [0, 2], 4, augmentation=AugmentParams(shift=1))
    shown = spikes_of(images, [0, 2], 4, augmentation=AugmentParams(shift=1), generator=generator())
    assert shown.shape == (4, 2, 784)


def test_all_colours_of_an_image_change_alike() -> None:
    def seeded(seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    grey = torch.randint(0, 256, (6, 9, 9), dtype=torch.uint8, generator=seeded(0))
    colour = torch.stack([grey, 255 - grey, grey], 1)
    for p in (AugmentParams(shift=2), AugmentParams(flip=0.5), AugmentParams(rotate=20.0)):
        expected = augment(grey, p, generator=seeded(1))
        changed = augment(colour, p, generator=seeded(1))
        assert torch.equal(changed[:, 0], expected) and torch.equal(changed[:, 2], expected)
