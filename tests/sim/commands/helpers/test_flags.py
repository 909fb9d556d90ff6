"""Flags whose defaults a run folder sets."""

from __future__ import annotations

from biograd.commands.helpers.flags import value_of, without_flags_of_defaults
from biograd.commands.train import Args
from biograd.params.repetition import RepetitionParams
from biograd.runs.config import RunConfig


def test_the_value_of_a_flag_is_found_in_both_spellings() -> None:
    assert value_of(["--out", "a", "--config=b.toml"], "--config") == "b.toml"
    assert value_of(["--out", "a"], "--out") == "a" and value_of(["--out"], "--out") == ""


def test_switches_that_repeat_the_default_are_left_out_and_others_kept() -> None:
    default = Args(run=RunConfig(recurrent=True, repetition=RepetitionParams(learn_sure=False)))
    words = ["--recurrent", "--repetition.no-learn-sure", "--no-quiet", "--lr", "1"]
    assert without_flags_of_defaults(words, default) == ["--lr", "1"]
    words = ["--no-recurrent", "--repetition.learn-sure", "--quiet"]
    assert without_flags_of_defaults(words, default) == words
