"""Numbers with SI prefixes."""

from __future__ import annotations

import pytest

from biograd.pictures.units import engineering, engineering_range


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.5e-6, "2.5 µJ"),
        (0, "0 J"),
        (999.6e-6, "1 mJ"),
        (1.78e-4, "178 µJ"),
        (1.234, "1.23 J"),
        (5e-13, "0.5 pJ"),
    ],
)
def test_values_are_written_with_their_prefix(value, text):
    assert engineering(value, "J") == text


def test_bounds_that_look_the_same_are_written_once():
    assert engineering_range([1e-6, 4e-6], "J") == "1 µJ – 4 µJ"
    assert engineering_range([1.0001, 1.0002], "s") == "1 s"
