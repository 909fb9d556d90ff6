from __future__ import annotations

import math

from biograd.training.progress import Progress


def test_accuracy_is_one_of_the_figures_and_nan_where_values_are_learned() -> None:
    assert Progress(0, 1, 7, 100.0, {"accuracy": 0.75}).train_accuracy == 0.75
    assert math.isnan(Progress(0, 1, 7, 100.0, {"rmse": 0.1}).train_accuracy)
