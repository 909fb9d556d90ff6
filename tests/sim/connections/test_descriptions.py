from __future__ import annotations

import pytest

from biograd.connections import AvgPool2d, Conv2d, Dense, MaxPool2d, describe, parse
from biograd.network import Network


@pytest.mark.parametrize(
    ("description", "parts"),
    [
        ("10", [Dense(10)]),
        ("32c5s2-64c3-128-10", [Conv2d(32, 5, 2), Conv2d(64, 3), Dense(128), Dense(10)]),
        ("8c3s2p0d2g4-10", [Conv2d(8, 3, 2, 0, 2, 4), Dense(10)]),
        ("12c5p0+max2-avg3s1-10", [Conv2d(12, 5, padding=0, pool=MaxPool2d(2)), AvgPool2d(3, 1),
                                   Dense(10)]),
    ],
)  # fmt: skip
def test_words_are_parts_and_parts_are_words(description: str, parts: list) -> None:
    assert parse(description) == parts
    assert describe(parts) == description


def test_a_network_describes_itself_as_it_was_described() -> None:
    description = "4c5s2p0+max2-avg2-6c3-12-10"
    assert Network((1, 28, 28), description).description == description
    assert Network((784, 32, 10)).description == "32-10"


@pytest.mark.parametrize(
    "description",
    ["", "32c-10", "c5-10", "32c5x2-10", "32c5s2s3-10", "32c5--10", "0-10", "avg-10", "med2-10",
     "32+max2-10", "32c5+10-10", "avg2+max2-10", "10.5", "-10"],
)  # fmt: skip
def test_a_word_that_is_no_layer_is_named_with_the_known_ones(description: str) -> None:
    with pytest.raises(ValueError, match=r"is no layer; known: 128 \(dense\), 32c5s2p0"):
        parse(description)
