"""Series of unequal length: padded without a trace, changed at random, refused in a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data.augment import AugmentParams
from biograd.data.datasets import load, validation_split
from biograd.data.sound.series import SeriesSet
from biograd.data.verified_files import DataError
from biograd.params.signal import CodingParams

LENGTHS = [5, 9, 3, 7]


def series(**changes: object) -> SeriesSet:
    x = torch.randn(sum(LENGTHS), 2, generator=torch.Generator().manual_seed(0))
    parts = {"values": x, "lengths": torch.tensor(LENGTHS), "y": torch.tensor([0, 1, 1, 0])}
    return SeriesSet(**(parts | {"classes": 2} | changes))


def test_a_series_has_the_same_spikes_in_any_batch() -> None:
    train = series()
    together = train.padded([0, 1, 2, 3], steps=9)
    assert together.s.shape == (9, 4, 8) and together.lengths.tolist() == LENGTHS
    for member, length in enumerate(LENGTHS):
        alone = train.padded([member], steps=9)
        assert torch.equal(alone.s[:, 0], together.s[:length, member])
        assert not together.s[length:, member].any()


def test_parts_keep_the_standard_of_the_whole_training_set() -> None:
    train = series()
    rest, chosen = validation_split(train, 1, seed=3)
    member = next(i for i in range(4) if torch.equal(train[i][0], chosen[0][0]))
    assert torch.equal(chosen.spikes([0], 9), train.spikes([member], 9))
    assert len(rest) == 3 and rest.standard is train.standard


def test_a_series_longer_than_the_steps_of_a_run_is_refused_not_cut() -> None:
    with pytest.raises(
        ValueError, match="series of 9 steps and steps is 8: set steps to at least 9"
    ):
        series().padded([0, 1], steps=8)


def test_random_changes_stretch_move_and_need_a_generator() -> None:
    train = series()
    stretched = AugmentParams(stretch=0.5, bands=1.0, noise=0.1, gain=0.1)
    draws = torch.Generator().manual_seed(0)
    lengths = [
        int(train.padded([1], 12, augmentation=stretched, generator=draws).lengths[0])
        for _ in range(20)
    ]
    assert min(lengths) < 9 < max(lengths) <= 12
    with pytest.raises(ValueError, match="draws at random"):
        train.padded([1], 12, augmentation=stretched)
    with pytest.raises(ValueError, match="shift is 1, which does not change series"):
        train.padded([1], 12, augmentation=AugmentParams(shift=1), generator=draws)


def test_values_not_finite_and_lengths_that_do_not_add_up_are_refused() -> None:
    x = torch.zeros(sum(LENGTHS), 2)
    x[6, 1] = torch.nan
    with pytest.raises(ValueError, match=r"1 of 4 series .* the first is number 1"):
        series(values=x)
    with pytest.raises(ValueError, match="lengths run from 5 and sum to 23"):
        series(lengths=torch.tensor([5, 9, 9]), y=torch.tensor([0, 1, 0]))


def test_the_coding_sets_the_number_of_inputs() -> None:
    inputs = [series().coded(CodingParams(delta=delta)).inputs for delta in (0, 3)]
    assert inputs == [4, 8]
    assert series().coded(CodingParams(coding="level_crossing")).inputs == 4


def saved(folder: Path, **changes: np.ndarray) -> str:
    x = np.random.default_rng(0).normal(size=(12, 3))
    parts = {"x_train": x, "lengths_train": np.array([4, 6, 2]), "y_train": np.array([0, 1, 0])}
    parts |= {"x_test": x[:5], "lengths_test": np.array([2, 3]), "y_test": np.array([1, 0])}
    np.savez(folder / "mine.npz", **(parts | changes))
    return str(folder / "mine.npz")


def test_an_npz_file_with_lengths_holds_series(tmp_path: Path) -> None:
    train, test = (load(saved(tmp_path), split) for split in ("train", "test"))
    assert isinstance(test, SeriesSet) and test.lengths.tolist() == [2, 3]
    assert test.classes == 2 and test.inputs == 12
    assert np.array_equal(test.standard.mean, train.standard.mean)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"lengths_train": np.array([4, 6])}, "steps of each of 3 series"),
        ({"lengths_train": np.array([4, 6, 3])}, "sums to 13"),
        ({"x_test": np.zeros((5, 2))}, "3 channels and x_test 2"),
        ({"y_train": np.array([0, 2, 0])}, "no sample of class 1"),
        ({"x_train": np.zeros((12, 3, 1))}, "series end to end need"),
    ],
)
def test_arrays_that_hold_no_series_are_refused_in_one_line(tmp_path, changes, why: str) -> None:
    with pytest.raises(DataError, match=why) as refusal:
        load(saved(tmp_path, **changes), "train")
    assert "mine.npz" in str(refusal.value)


def test_series_that_are_not_finite_are_skipped_where_the_user_says_so(tmp_path: Path) -> None:
    x = np.ones((12, 3))
    x[:10] = np.random.default_rng(0).normal(size=(10, 3))
    x[11, 0] = np.inf
    path = saved(tmp_path, x_train=x)
    with pytest.raises(DataError, match=r"1 of 3 series of x_train .* --skip-bad"):
        load(path, "train")
    with pytest.warns(UserWarning, match="the first is number 2; they are skipped"):
        train = load(path, "train", skip_bad=True)
    assert train.lengths.tolist() == [4, 6]
