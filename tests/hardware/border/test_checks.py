"""Arguments are checked once, where they enter: every message is one line that says what to do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from hardware.border.checks import (
    instance_of,
    real_fields,
    real_number,
    text_of,
    truth_value,
    whole_fields,
    whole_number,
    word_of,
)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_of_python_or_numpy_becomes_an_int(value):
    assert whole_number(value, "batch", least=1) == 3
    assert type(whole_number(value, "batch", least=1)) is int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3.0, "batch is 3.0, a float; need a whole number"),
        (True, "batch is True, a bool; need a whole number"),
        ("3", "batch is '3', a str; need a whole number"),
        (None, "batch is None; need a whole number"),
        ([3], "batch is [3], a list; need a whole number"),
        (3 + 0j, "batch is (3+0j), a complex; need a whole number"),
        (int, "batch is the class int; need a whole number"),
    ],
)
def test_what_is_no_whole_number_is_named_with_its_kind(value, message):
    with pytest.raises(TypeError) as refused:
        whole_number(value, "batch", least=1)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (0, {"least": 1}, "batch is 0; need at least 1"),
        (0, {"least": 1, "unit": "sample"}, "batch is 0; need at least 1 sample"),
        (3, {"least": 10, "unit": "image"}, "batch is 3; need at least 10 images"),
        (-1, {}, "batch is -1; need 0 or more"),
        (9, {"least": 1, "most": 8, "unit": "epoch"}, "batch is 9; need 1 to 8 epochs"),
        (10**99, {}, "batch is a whole number of over 60 digits; need 0 or more"),
    ],
)
def test_a_whole_number_beyond_its_limits_is_named_with_them(value, limits, message):
    with pytest.raises(ValueError) as refused:
        whole_number(value, "batch", **limits)
    assert str(refused.value) == message


@pytest.mark.parametrize("value", [0.5, np.float64(0.5), np.float32(0.5), Fraction(1, 2)])
def test_a_real_number_of_any_kind_becomes_a_float(value):
    assert real_number(value, "rate") == 0.5
    assert type(real_number(value, "rate")) is float


def test_an_int_stays_an_int_where_a_real_number_is_taken():
    assert type(real_number(1, "rate")) is int


@pytest.mark.parametrize(
    ("value", "limits", "need"),
    [
        (math.nan, {}, "a finite number"),
        (math.inf, {"above": 0}, "0 < rate"),
        (-math.inf, {"most": 1}, "rate <= 1"),
        (10**400, {"least": 0}, "0 <= rate"),
        (1.0, {"least": 0, "below": 1}, "0 <= rate < 1"),
        (0.0, {"above": 0, "most": 1}, "0 < rate <= 1"),
    ],
)
def test_a_real_number_beyond_its_limits_or_not_finite_is_refused(value, limits, need):
    with pytest.raises(ValueError, match=rf"^sleep\.rate is [^\n]*; need {need}$"):
        real_number(value, "sleep.rate", **limits)


@pytest.mark.parametrize("value", ["0.5", None, [0.5], 0.5j, True, np.array([0.5, 0.5])])
def test_what_is_no_real_number_is_refused_in_one_line(value):
    with pytest.raises(TypeError, match=r"^rate is [^\n]*; need a real number$"):
        real_number(value, "rate")


def test_fields_of_a_dataclass_are_checked_and_kept_as_plain_numbers():
    @dataclass(frozen=True, kw_only=True)
    class Params:
        steps: int = 10
        rate: float = 0.5

        def __post_init__(self) -> None:
            whole_fields(self, "steps", table="sleep", least=1)
            real_fields(self, "rate", table="sleep", above=0, below=1, why="spikes per step")

    params = Params(steps=np.int64(20), rate=np.float32(0.25))
    assert (type(params.steps), type(params.rate)) == (int, float)
    with pytest.raises(ValueError, match=r"^sleep\.steps is 0; need at least 1$"):
        Params(steps=0)
    with pytest.raises(ValueError, match=r"^sleep\.rate is 1; need 0 < rate < 1 \(spikes per"):
        Params(rate=1)


def test_truth_values_are_those_of_python_and_numpy_alone():
    assert truth_value(np.bool_(True), "recurrent") is True
    assert truth_value(False, "recurrent") is False
    for value in (1, "yes", None):
        with pytest.raises(TypeError, match=r"^recurrent is [^\n]*; need True or False$"):
            truth_value(value, "recurrent")


def test_an_object_of_another_kind_is_named_with_what_is_needed():
    assert instance_of(3, int, "size", "a size") == 3
    with pytest.raises(TypeError, match=r"^size is 'a', a str; need a size, e\.g\. 3$"):
        instance_of("a", int, "size", "a size, e.g. 3")


def test_a_word_is_one_of_its_table():
    assert word_of("layer", ["layer", "online"], "order") == "layer"
    with pytest.raises(ValueError, match=r"^order is 'fast'; known: layer, online$"):
        word_of("fast", ["layer", "online"], "order")
    with pytest.raises(TypeError, match=r"^order is \['layer'\], a list; need one of layer, on"):
        word_of(["layer"], ["layer", "online"], "order")


def test_the_text_of_any_object_is_one_short_printable_line():
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    assert text_of(Silent()) == "<Silent>"
    assert text_of("a\nb\x1b") == r"'a\nb\x1b'"
    assert len(text_of("x" * 1000)) == 60 and text_of("x" * 1000).endswith("...")
    assert text_of(np.zeros((40, 40))).isprintable()
