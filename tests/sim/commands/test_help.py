"""The help names every preset, suite, data set and word that exists, and no other."""

from __future__ import annotations

import re

import pytest

from benchmarks.suites import SUITES
from biograd.commands import cli
from biograd.data.datasets import DATASETS
from biograd.runs.presets import PRESETS
from biograd.runs.words import STOCK


@pytest.fixture
def help_of(capsys, monkeypatch):
    """The help of a command as one line of words, without frames."""
    monkeypatch.setenv("COLUMNS", "100")

    def read(command):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        return " ".join(re.sub("[^ -~]", " ", capsys.readouterr().out).replace("|", " ").split())

    return read


def help_of_flag(text, flag):
    """The help of one flag, up to the next."""
    return re.search(rf"--{flag} \S+(.*?) \(default:", text)[1]


def named(words, text):
    return [word for word in words if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)]


@pytest.mark.parametrize("field", STOCK)
def test_the_help_of_train_names_every_word_of_a_field(field, help_of):
    text = help_of_flag(help_of("train"), field.replace("_", "-"))
    assert set(named(STOCK[field], text)) == set(STOCK[field])
    compound = set(re.findall(r"(?<![\w/-])[a-z]+(?:[-_][a-z0-9]+)+", text))
    assert compound <= set(STOCK[field]), "words that do not exist"


def test_the_help_of_train_names_every_preset_and_no_other(help_of):
    text = help_of_flag(help_of("train"), "preset")
    assert text.split(":")[1].split(";")[0].strip() == ", ".join(PRESETS)


def test_the_help_of_benchmark_names_every_suite_and_no_other(help_of):
    text = help_of_flag(help_of("benchmark"), "suite")
    assert text.strip() == " ".join(f"{name}: {suite.what}" for name, suite in SUITES.items())


@pytest.mark.parametrize("command", ["data", "deploy"])
def test_the_help_of_commands_for_every_data_set_names_all(command, help_of):
    assert named(DATASETS, help_of(command)) == list(DATASETS)


def test_the_overview_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"^  (\w+) +\w", out, re.MULTILINE) == list(cli.COMMANDS)
