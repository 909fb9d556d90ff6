"""The simulated camera: its equations by hand, equal bytes for equal seeds, its files, and its name
everywhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data import datasets
from biograd.data.datasets import ImageSet, load
from biograd.data.events.camera import CORNERS, SaccadeParams, camera, simulate
from biograd.data.events.nmnist import SENSOR, SIMULATED, nmnist
from biograd.data.events.recording import Events, checked
from biograd.data.events.sets import EventSet
from biograd.data.events.simulated import NAME, write_files
from biograd.data.events.statistics import PUBLISHED, Statistics, statistics

IMAGES = Path(__file__).parents[3] / "mnist_test_images.npz"


def digits(n: int) -> np.ndarray:
    with np.load(IMAGES, allow_pickle=False) as held:
        return held["train_x"][:n]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST is 30 digits of it."""

    def mnist(root: Path, split: str, progress: object) -> ImageSet:
        return ImageSet("mnist", split, torch.from_numpy(digits(30)), torch.arange(30) % 10, 10)

    monkeypatch.setitem(datasets.DATASETS, "mnist", mnist)


def by_hand(image: np.ndarray, watching: object) -> list[tuple[int, int, int, int]]:
    """The docstring's equations, pixel by pixel in plain Python, without background events."""
    p, found = watching.params, []
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
            seen = level[0]
            for k in range(1, len(level)):
                for threshold, sign in (
                    (watching.on[row, column], 1),
                    (watching.off[row, column], -1),
                ):
                    while sign * (level[k] - seen) >= threshold:
                        seen += sign * threshold
                        t = (k - 1 + (seen - level[k - 1]) / (level[k] - level[k - 1])) * p.sample
                        found.append((int(t), row, column, int(sign > 0)))
    return sorted(found)


def test_the_camera_sees_what_its_equations_say() -> None:
    watching = camera(SaccadeParams(noise=0, sample=20_000, mismatch=0.1, seed=3))
    image = digits(1)[0]
    x, y, p, t = simulate(image, 0, watching)
    found, expected = (
        list(zip(t.tolist(), y.tolist(), x.tolist(), p.tolist(), strict=True)),
        by_hand(image, watching),
    )
    # The order of sums differs in the last bits, so a few crossings may fall into the next
    # microsecond, or just not happen.
    near = {(row[0] + d, *row[1:]) for row in expected for d in (-1, 0, 1)}
    assert (
        abs(len(found) - len(expected)) <= 2
        and sum(row not in near for row in found) <= 2
        and len(found) > 500
    )


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
    one, same, other = (simulate(image, number, camera()) for number in (4, 4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True)) and len(
        other.t
    ) != len(one.t)
    seeded = simulate(image, 4, camera(SaccadeParams(seed=1)))
    assert len(seeded.t) != len(one.t)


def test_real_digits_give_events_like_those_of_an_event_camera() -> None:
    watching = camera()
    held = [simulate(image, number, watching) for number, image in enumerate(digits(30))]
    found = statistics(EventSet.of(held, np.arange(30) % 10, sensor=SENSOR, window=300_000))
    assert (
        2500 < found.events < 6500
        and 0.9 < found.on / found.off < 1.2
        and 290 < found.last_ms < 300
    )
    assert 15 < found.x < 18 and 15 < found.y < 18


def test_statistics_by_hand() -> None:
    one = Events(*np.array([[1, 2, 0, 0], [3, 2, 1, 500], [5, 2, 1, 2000]]).T)
    none = Events(*np.zeros((4, 0), dtype=np.int64))
    found = statistics(EventSet.of([one, none], [0, 1], sensor=SENSOR, window=10))
    assert found == pytest.approx(Statistics(2, 1.5, 1.5, 1.0, 0.5, 1.0, 3.0, 2.0))
    assert "not available" in PUBLISHED["on / off"]  # no number that nobody looked up


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sample": 0}, "sample is 0 us"),
        ({"reach": 11}, "reach is 11"),
        ({"threshold": 0.0}, "threshold 0.0"),
        ({"noise": -1}, "noise -1"),
    ],
)
def test_parameters_out_of_range_are_refused(changes: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SaccadeParams(**changes)


def test_a_threshold_that_drowns_in_events_is_refused() -> None:
    with pytest.raises(ValueError, match="raise it"):
        simulate(
            np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8),
            0,
            camera(SaccadeParams(threshold=0.011, mismatch=0)),
        )


def test_the_data_set_is_made_once_and_read_again(
    tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, int, int]] = []
    monkeypatch.setattr("biograd.data.events.simulated.CHUNK", 10)
    first = load(NAME, "test", root=tmp_path, progress=lambda *step: said.append(step))
    assert isinstance(first, EventSet) and (len(first), first.name, first.inputs, first.window) == (
        30,
        NAME,
        2312,
        300_000,
    )
    assert [what for what, _, _ in said] == ["simulating test.events"] * 3 and said[-1][1] == said[
        -1
    ][2]
    alone = simulate(digits(30)[7], 7, camera())
    assert all(np.array_equal(a, b) for a, b in zip(first.events(7), alone, strict=True))
    monkeypatch.setitem(datasets.DATASETS, "mnist", None)  # asked again, it would fail
    again = load(NAME, "test", root=tmp_path)
    assert torch.equal(first.spikes(torch.arange(30), 4), again.spikes(torch.arange(30), 4))
    assert sorted(path.name for path in (tmp_path / NAME).iterdir()) == [
        "test.events",
        "test.index.npz",
    ]


def test_damaged_files_say_how_to_get_whole_ones(tmp_path: Path, few: None) -> None:
    load(NAME, "test", root=tmp_path)
    events, index = tmp_path / NAME / "test.events", tmp_path / NAME / "test.index.npz"
    whole = events.read_bytes()
    events.write_bytes(whole[:-5])
    with pytest.raises(
        ValueError,
        match=(
            r"test\.events holds .* bytes where its index says .*: delete .* and it is made again"
        ),
    ):
        load(NAME, "test", root=tmp_path)
    events.write_bytes(whole)
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"test\.index\.npz is damaged .*: delete"):
        load(NAME, "test", root=tmp_path)


def test_written_as_files_it_reads_as_n_mnist_does_but_not_under_its_name(
    tmp_path: Path, few: None
) -> None:
    members = load(NAME, "test", root=tmp_path)
    assert write_files(members, tmp_path / "tree", lambda what, done, total: None) == 30
    assert "SIMULATED from MNIST" in (tmp_path / "tree" / SIMULATED).read_text()
    files = nmnist(tmp_path / "tree", "test")
    order = [int(path.stem) - 1 for path in files.recordings.paths]
    assert sorted(order) == list(range(30)) and files.y.tolist() == members.y[order].tolist()
    assert all(
        np.array_equal(a, b) for a, b in zip(files.events(5), members.events(order[5]), strict=True)
    )
    with pytest.raises(ValueError, match="is there already"):
        write_files(members, tmp_path / "tree", lambda what, done, total: None)
