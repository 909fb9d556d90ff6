"""Spike trains in memory: shown as they are, indexed, or refused in one line."""

from __future__ import annotations

import inspect

import pytest
import torch

from biograd.data.augment import AugmentParams
from biograd.data.samples import spikes_of
from biograd.data.spike_sets import SpikeSet

ONES = torch.ones(2, 4, 3)


def test_a_users_spike_trains_are_shown_as_they_are() -> None:
    s = torch.rand(6, 5, 3, generator=torch.Generator().manual_seed(0)) < 0.4
    members = SpikeSet(s=s, y=torch.tensor([0, 1, 2, 0, 1, 2]), classes=3)
    assert torch.equal(
        spikes_of(members.subset([4, 2]), torch.tensor([1, 0]), 5),
        s[[2, 4]].transpose(0, 1).float(),
    )
    with pytest.raises(ValueError, match="has 5 steps per sample and 6 are asked for"):
        members.spikes(torch.tensor([0]), 6)
    with pytest.raises(ValueError, match="which no augmentation changes"):
        members.spikes(torch.tensor([0]), 5, augmentation=AugmentParams(shift=1))
    with pytest.raises(ValueError, match=r"need \[n, T, N\] of 0 and 1"):
        SpikeSet(s=torch.full((1, 2, 3), 2), y=torch.tensor([0]), classes=1)


def test_one_sample_is_its_spikes_and_label_and_the_set_can_be_gone_through() -> None:
    members = SpikeSet(s=ONES, y=torch.tensor([1, 0]), classes=2)
    spikes, label = members[1]
    assert torch.equal(spikes, ONES[1]) and label == 0
    assert [int(y) for _, y in members] == [1, 0]
    assert "2 spike trains of 4 steps and 3 inputs" in repr(members)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"s": ONES[:, :0]}, r"of shape \(2, 0, 3\); need 0 and 1, \[n, T, N\]"),
        ({"s": ONES[0]}, r"of shape \(4, 3\); need"),
        ({"s": ONES * 0.5}, r"need \[n, T, N\] of 0 and 1"),
        ({"y": torch.tensor([0])}, "2 spike trains and 1 labels"),
        ({"y": torch.tensor([0, 2])}, r"labels run from 0 to 2; need 0 \.\. 1"),
        ({"classes": 0}, "SpikeSet.classes is 0; need at least 1 class"),
        ({"name": "two\nlines"}, "name is 'two"),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        SpikeSet(**{"s": ONES, "y": torch.tensor([1, 0]), "classes": 2} | changes)
    assert "\n" not in str(refused.value)


def test_changes_of_another_kind_are_refused() -> None:
    members = SpikeSet(s=ONES, y=torch.tensor([1, 0]), classes=2)
    for wrong in ({}, AugmentParams, "shift"):
        with pytest.raises(TypeError, match=r"augmentation is .*; need AugmentParams, or None"):
            inspect.unwrap(SpikeSet.spikes)(members, [0], 4, augmentation=wrong)
