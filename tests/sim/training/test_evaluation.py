from __future__ import annotations

import math

import pytest
import torch

from biograd.data.samples import Batch
from biograd.network import Network
from biograd.readout import Values
from biograd.training.evaluation import Evaluation, evaluate


def test_answers_are_equal_in_batches_of_any_size_and_on_any_threads(digits) -> None:
    net = Network((784, 20, 10), generator=torch.Generator().manual_seed(0))
    answers = [
        evaluate(net, digits("test"), batch=batch, threads=threads).predicted
        for batch, threads in ((300, 1), (7, 1), (100, 2))
    ]
    assert answers[0].unique().numel() > 2
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


def test_the_confusion_matrix_counts_classes_in_rows_and_answers_in_columns() -> None:
    labels, answers = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 0, 0])
    evaluation = Evaluation(answers, labels, [0.1], 1.0, {"accuracy": 0.4})
    assert evaluation.confusion(4).tolist() == [
        [1, 1, 0, 0],
        [0, 1, 0, 0],
        [2, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_the_diagonal_of_the_confusion_matrix_holds_the_accuracy(digits) -> None:
    net = Network((784, 20, 10), generator=torch.Generator().manual_seed(0))
    evaluation = evaluate(net, digits("test"))
    matrix = evaluation.confusion(10)
    assert matrix.sum(1).tolist() == digits("test").y.bincount(minlength=10).tolist()
    assert matrix.trace().item() / 300 == pytest.approx(evaluation.test_accuracy)


def test_values_have_no_accuracy_and_no_confusion_matrix() -> None:
    net = Network((4, 3, 2), generator=torch.Generator().manual_seed(0))
    images = Batch(torch.rand(6, 4), torch.rand(6, 2))
    evaluation = evaluate(net, images, readout=Values(0.0, 1.0))
    assert math.isnan(evaluation.test_accuracy) and "rmse" in evaluation.figures
    with pytest.raises(
        ValueError, match=r"values of shape \(6, 2\): only classes have a confusion"
    ):
        evaluation.confusion(2)


def test_a_loader_without_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="gives no batches: need at least one"):
        evaluate(Network((4, 3, 2)), [])
