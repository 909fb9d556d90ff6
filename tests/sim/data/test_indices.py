"""Indices of samples: the same samples from every form, and one line for what is no index."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from biograd.data.indices import sample_index, sample_indices, selection

MASK = [True, False, True, False, False]


@pytest.mark.parametrize(
    "indices",
    [
        [0, 2],
        (0, 2),
        range(0, 4, 2),
        slice(0, 3, 2),
        MASK,
        torch.tensor(MASK),
        np.array(MASK),
        torch.tensor([0, 2]),
        torch.tensor([0, 2], dtype=torch.uint8),
        np.array([0, 2], dtype=">i4"),
        [np.int64(0), torch.tensor(2)],
    ],
)
def test_every_form_of_indices_chooses_the_same_samples(indices: object) -> None:
    chosen = sample_indices(indices, 5)
    assert (chosen.tolist(), chosen.dtype) == ([0, 2], torch.int64)


def test_order_and_repetitions_are_kept_and_no_index_is_no_sample() -> None:
    assert sample_indices([3, 1, 3], 5).tolist() == [3, 1, 3]
    assert sample_indices(slice(None, None, -2), 5).tolist() == [4, 2, 0]
    assert sample_indices([], 5).tolist() == sample_indices(slice(9, None), 5).tolist() == []


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 5], r"indices runs from 0 to 5; need 0 \.\. 4, for there are 5 samples"),
        ([-1], r"runs from -1 to -1; need 0 \.\. 4"),
        ([[0, 1]], r"has the shape \(1, 2\); need one axis, \[B\]: flatten it"),
        (torch.tensor(3), r"has the shape \(\); need one axis, \[B\]: pass a list of one index"),
        (MASK[:4], "is a mask of 4 truth values, and there are 5 samples"),
        (np.array([1 << 63], dtype=np.uint64), "holds 9,223,372,036,854,775,808"),
    ],
)
def test_indices_of_no_sample_are_refused(indices: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        sample_indices(indices, 5)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (3, "indices is 3, of type int; need a list.* or a mask: pass a list of one index"),
        (None, "indices is None, of type NoneType; need a list"),
        ("0", "indices is '0', of type str"),
        ({0: 1}, "of type dict"),
        ([0.0, 1.0], r"indices holds \[0.0, 1.0\], no whole numbers"),
        ([[0], [1, 2]], "no whole numbers"),
        (torch.tensor([0.0]), r"a tensor of torch.float32; need .*: \.long\(\) makes whole"),
        (torch.tensor([1]).to_sparse(), "a tensor without dense values"),
        (slice(0.5, 2), r"indices is slice\(0.5, 2, None\); need a slice of whole numbers"),
    ],
)
def test_what_is_no_index_is_named_with_the_way_out(indices: object, message: str) -> None:
    with pytest.raises(TypeError, match=message) as refused:
        sample_indices(indices, 5)
    assert "\n" not in str(refused.value)


def test_one_sample_is_a_whole_number_of_any_library() -> None:
    assert [sample_index(i, 5) for i in (2, np.int8(2), torch.tensor(2), np.array(2))] == [2] * 4
    with pytest.raises(ValueError, match=r"member is 5; need 0 \.\. 4, for there are 5 samples"):
        sample_index(5, 5)
    for wrong in (True, 1.0, [1], slice(1), None):
        with pytest.raises(TypeError, match=r"need a whole number, 0 \.\. 4 \(subset takes sev"):
            sample_index(wrong, 5)


def test_a_slice_stays_a_view_where_torch_can_take_one() -> None:
    x = torch.arange(5)
    assert x[selection(slice(1, -1), 5)].tolist() == [1, 2, 3]
    assert x[selection(slice(1, 3), 5)].untyped_storage().data_ptr() == x.data_ptr()
    assert x[selection(slice(None, None, -1), 5)].tolist() == [4, 3, 2, 1, 0]
