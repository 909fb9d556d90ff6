from __future__ import annotations

import pytest

from biograd.training.params import TrainParams


@pytest.mark.parametrize("name", ["epochs", "batch", "steps"])
def test_sizes_out_of_range_are_refused_by_name_and_value(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^train\.{name} is 0; need at least 1$"):
        TrainParams(**{name: 0})
