from __future__ import annotations

import pytest

from biograd.commands.helpers.ranges import expect_at_least


def test_the_first_number_below_the_limit_is_named():
    expect_at_least(0, samples=0, steps=3)
    with pytest.raises(ValueError, match="steps is -1; need 0 or more"):
        expect_at_least(0, samples=5, steps=-1)
    with pytest.raises(ValueError, match="epochs is 0; need 1 or more"):
        expect_at_least(1, epochs=0)
