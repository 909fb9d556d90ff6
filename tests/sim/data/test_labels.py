"""Labels of sets: classes in every form, values, and one line for what is neither."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from biograd.data.labels import check_names, checked_labels


@pytest.mark.parametrize(
    "labels",
    [
        [2, 0],
        np.array([2, 0], dtype=">u2"),
        torch.tensor([2, 0], dtype=torch.uint8),
        torch.tensor([[0, 0, 1], [1, 0, 0]]),
    ],
)
def test_every_form_of_classes_is_the_same_whole_numbers(labels: object) -> None:
    y = checked_labels(labels, 2, 3, "image")
    assert (y.tolist(), y.dtype) == ([2, 0], torch.int64)


def test_truth_values_name_two_classes_and_real_values_stay_what_they_are() -> None:
    assert checked_labels(torch.tensor([True, False]), 2, 2, "image").tolist() == [1, 0]
    y = torch.tensor([[0.25], [-1e9]], dtype=torch.float64, requires_grad=True)
    values = checked_labels(y, 2, 3, "image")
    assert values.tolist() == [[0.25], [-1e9]] and not values.requires_grad


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 3]), r"run from 0 to 3; need 0 \.\. 2: count them from 0, or raise clas"),
        (torch.tensor([-1, 0]), r"run from -1 to 0; need 0 \.\. 2"),
        (torch.tensor([0]), "there are 2 images and 1 labels: need one label per image"),
        (torch.tensor([0.0, 1.0]), "labels are float32 of shape .2,.; need one whole number per"),
        (torch.tensor([True, False]), "labels are bool of shape"),
        (torch.tensor([[1, 1, 0], [1, 0, 0]]), "labels are int64 of shape .2, 3."),
        (torch.tensor([[math.nan], [0.0]]), "labels are values .* not finite"),
        (torch.zeros(2, 0), "none per sample"),
        (["one", "two"], "labels are <U3 of shape"),
        (np.array([1 << 63, 0], dtype=np.uint64), "labels are uint64 of shape"),
        ([[0], [0, 1]], "labels are object of shape"),
        (None, "labels are object of shape"),
    ],
)
def test_labels_that_are_none_are_refused_in_one_line(labels: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        checked_labels(labels, 2, 3, "image")
    assert "\n" not in str(refused.value)


def test_names_fit_into_a_line_of_a_message() -> None:
    check_names(name="mine", split="")
    with pytest.raises(TypeError, match="split is None; need a short name, as a str"):
        check_names(name="mine", split=None)
    for name in ("two\nlines", "a" * 101):
        with pytest.raises(ValueError, match="need at most 100 printable letters"):
            check_names(name=name)
