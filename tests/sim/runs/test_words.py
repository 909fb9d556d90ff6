"""Words of a configuration: those listed without torch are the keys of the tables."""

from __future__ import annotations

import importlib

import pytest

from biograd import connections, encoders
from biograd.neurons import NEURONS, TwoCompartmentLIF
from biograd.runs import words
from biograd.runs.config import RunConfig


@pytest.mark.parametrize("field", words.TABLES)
def test_the_words_listed_without_torch_are_those_of_the_table(field: str) -> None:
    module, name = words.TABLES[field]
    table = getattr(importlib.import_module(f"biograd.{module}"), name)
    assert tuple(table) == words.STOCK[field]


def test_the_word_for_recordings_is_the_same_everywhere() -> None:
    assert words.EVENTS == encoders.EVENTS and words.words("encoder")[-1] == words.EVENTS


def test_every_field_of_words_is_a_field_of_the_configuration() -> None:
    assert all(getattr(RunConfig(), field) in words.words(field) for field in words.FIELDS)


@pytest.mark.parametrize("field", words.TABLES)
def test_a_line_of_ones_own_in_a_table_is_a_new_word(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = words.TABLES[field]
    table = getattr(importlib.import_module(f"biograd.{module}"), name)
    monkeypatch.setitem(table, "own", next(iter(table.values())))
    assert "own" in words.words(field)


def test_constants_of_the_stock_neuron_are_those_of_its_class() -> None:
    stock = next(iter(words.STOCK["neuron_model"]))
    assert NEURONS[stock] is TwoCompartmentLIF
    assert words.neuron_params(stock) is TwoCompartmentLIF.Params is words.TwoCompartmentParams


def test_the_pools_of_a_description_are_those_that_it_knows() -> None:
    assert tuple(connections.POOLS) == words.POOLS
