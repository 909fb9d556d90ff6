"""Order of an epoch: every sample once, by seed alone, and batches of nearly equal length."""

from __future__ import annotations

import pytest
import torch

from biograd.data.sound.series import SeriesSet
from biograd.data.spike_sets import SpikeSet
from biograd.training.order import epoch_order


def series(n: int) -> SeriesSet:
    lengths = torch.randint(5, 60, (n,), generator=torch.Generator().manual_seed(0))
    values = torch.randn(int(lengths.sum()), 1)
    return SeriesSet(values=values, lengths=lengths, y=torch.zeros(n, dtype=torch.int64), classes=1)


@pytest.mark.parametrize("n", [9, 100, 437])
def test_every_series_comes_once_in_an_order_that_the_seed_fixes(n: int) -> None:
    order = epoch_order(series(n), 7, batch=10)
    assert sorted(order.tolist()) == list(range(n))
    assert torch.equal(order, epoch_order(series(n), 7, batch=10))
    assert not torch.equal(order, epoch_order(series(n), 8, batch=10))


def test_padding_shrinks_and_batches_stay_mixed() -> None:
    train = series(400)

    def padding(order: torch.Tensor) -> float:
        lengths = train.lengths[order].view(-1, 10)
        return float((lengths.amax(1, keepdim=True) - lengths).float().mean())

    order = epoch_order(train, 0, batch=10)
    assert padding(order) < 0.2 * padding(torch.arange(400))
    firsts = train.lengths[order].view(-1, 10)[:, 0].float()
    trend = torch.corrcoef(torch.stack([firsts, torch.arange(40.0)]))[0, 1]
    assert abs(trend) < 0.4  # not from short to long


def test_samples_of_one_length_keep_the_plain_random_order() -> None:
    s = torch.zeros(50, 4, 2, dtype=torch.bool)
    trains = SpikeSet(s=s, y=torch.zeros(50, dtype=torch.int64), classes=1)
    plain = torch.randperm(50, generator=torch.Generator().manual_seed(3))
    assert torch.equal(epoch_order(trains, 3, batch=10), plain)
    due = torch.arange(20)
    assert torch.equal(epoch_order(trains, 3, batch=10, due=due), plain[plain < 20])
