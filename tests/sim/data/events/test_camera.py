"""The simulated camera: its equations by hand, path and noise, and equal events for equal seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biograd.data.events.camera import CORNERS, SaccadeParams, camera, simulate
from biograd.data.events.nmnist import SENSOR
from biograd.data.events.recording import checked
from biograd.data.events.sets import EventSet
from biograd.data.events.statistics import statistics

IMAGES = Path(__file__).parents[3] / "mnist_test_images.npz"


def digits(n: int) -> np.ndarray:
    with np.load(IMAGES, allow_pickle=False) as file:
        return file["train_x"][:n]


def by_hand(image: np.ndarray, watching: object) -> list[tuple[int, int, int, int]]:
    """The docstring's equations, pixel by pixel in plain Python, without background events."""
    p, events = watching.params, []
    padded = np.zeros((28 + 60, 28 + 60))
    padded[30:58, 30:58] = image
    for row in range(34):
        for column in range(34):
            lights = []
            for left, top in watching.path:
                r, c = row - top + 30, column - left + 30
                i, j = int(np.floor(r)), int(np.floor(c))
                fr, fc = r - i, c - j
                near = padded[i : i + 2, j : j + 2]
                lights.append(
                    (1 - fr) * ((1 - fc) * near[0, 0] + fc * near[0, 1])
                    + fr * ((1 - fc) * near[1, 0] + fc * near[1, 1])
                )
            level = np.log(p.dark + p.bright * np.array(lights) / 255)
            reference = level[0]
            for k in range(1, len(level)):
                for threshold, sign in (
                    (watching.on[row, column], 1),
                    (watching.off[row, column], -1),
                ):
                    while sign * (level[k] - reference) >= threshold:
                        reference += sign * threshold
                        part = (reference - level[k - 1]) / (level[k] - level[k - 1])
                        t = (k - 1 + part) * p.sample
                        events.append((int(t), row, column, int(sign > 0)))
    return sorted(events)


def test_the_camera_sees_what_its_equations_say() -> None:
    watching = camera(SaccadeParams(noise=0, sample=20_000, mismatch=0.1, seed=3))
    image = digits(1)[0]
    x, y, p, t = simulate(image, 0, watching)
    simulated = list(zip(t.tolist(), y.tolist(), x.tolist(), p.tolist(), strict=True))
    expected = by_hand(image, watching)
    # The order of sums differs in the last bits, so a few crossings may fall into the next
    # microsecond, or just not happen.
    near = {(row[0] + d, *row[1:]) for row in expected for d in (-1, 0, 1)}
    assert abs(len(simulated) - len(expected)) <= 2 and len(simulated) > 500
    assert sum(row not in near for row in simulated) <= 2


def test_the_path_is_a_triangle_that_keeps_the_digit_on_the_sensor() -> None:
    watching = camera()
    p = watching.params
    assert len(watching.path) == 3 * (p.saccade // p.sample) + 1
    # 28 pixels and a reach of 3 to both sides fill the 34
    assert watching.path.min() == 0 and watching.path.max() == 6
    third = p.saccade // p.sample
    assert (
        np.allclose(watching.path[[0, third, 2 * third, -1]], CORNERS * p.reach + 3)
        and (CORNERS[0] == CORNERS[-1]).all()
    )
    speed = np.linalg.norm(np.diff(watching.path, axis=0), axis=1)
    # pixels per sample, as the parameters say; at rest in the corners
    assert speed.max() < 0.34 + 1e-9 and speed[0] < 0.01


def test_a_bright_edge_gives_on_in_front_and_off_behind() -> None:
    image = np.zeros((28, 28), dtype=np.uint8)
    image[:, 10:18] = 255
    still = SaccadeParams(noise=0, mismatch=0)
    x, y, p, t = simulate(image, 0, camera(still))
    # the second saccade carries the picture to the right and up
    falling = (t > 100_000) & (t < 200_000)
    middle = falling & (y > 10) & (y < 24)
    assert (
        x[middle & (p == 1)].min() > x[middle & (p == 0)].min()
        and x[middle & (p == 1)].max() > x[middle & (p == 0)].max()
    )
    black = simulate(np.zeros((28, 28), dtype=np.uint8), 0, camera(still))
    assert len(black.t) == 0
    gone = int(np.log(10) / still.threshold)  # a contrast of ten, in whole thresholds
    assert np.bincount(p[middle & (y == 17)], minlength=2).max() % gone == 0


def test_background_events_come_at_their_rate_and_everywhere() -> None:
    blank = np.zeros((28, 28), dtype=np.uint8)
    watching = camera(SaccadeParams(noise=10))
    every = [simulate(blank, number, watching) for number in range(20)]
    counts = np.array([len(events.t) for events in every])
    mean = 10 * 34 * 34 * 0.3
    # Poisson
    assert (
        abs(counts.mean() - mean) < 4 * np.sqrt(mean / 20) and 0.5 * mean < counts.var() < 2 * mean
    )
    x, p = (
        np.concatenate([events.x for events in every]),
        np.concatenate([events.p for events in every]),
    )
    assert set(x.tolist()) == set(range(34)) and abs(p.mean() - 0.5) < 0.02
    for events in every:
        checked(events, SENSOR, "background")


def test_equal_seeds_give_equal_events_and_other_numbers_other_noise() -> None:
    image = digits(1)[0]
    first, same, other = (simulate(image, number, camera()) for number in (4, 4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert len(other.t) != len(first.t)
    seeded = simulate(image, 4, camera(SaccadeParams(seed=1)))
    assert len(seeded.t) != len(first.t)


def test_real_digits_give_events_like_those_of_an_event_camera() -> None:
    watching = camera()
    recordings = [simulate(image, number, watching) for number, image in enumerate(digits(30))]
    members = EventSet.of(recordings, np.arange(30) % 10, sensor=SENSOR, window=300_000)
    counts = statistics(members)
    assert 2500 < counts.events < 6500 and 0.9 < counts.on / counts.off < 1.2
    assert 290 < counts.last_ms < 300 and 15 < counts.x < 18 and 15 < counts.y < 18


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample": 0}, "sample is 0 us"),
        ({"reach": 11}, "reach is 11"),
        ({"threshold": 0.0}, "threshold 0.0"),
        ({"noise": -1}, "noise -1"),
    ],
)
def test_parameters_out_of_range_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SaccadeParams(**changes)


def test_a_threshold_that_drowns_in_events_is_refused() -> None:
    with pytest.raises(ValueError, match="raise it"):
        simulate(
            np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8),
            0,
            camera(SaccadeParams(threshold=0.011, mismatch=0)),
        )
