"""The program `biograd` as a function, and a run trained once per session."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from biograd.commands.cli import main
from biograd.data import datasets

TRAIN = [
    *("train", "--hidden", "32", "--epochs", "2", "--batch", "10", "--lr", "3e-3", "--quiet"),
    *("--threads", "1", "--seed", "5", "--sleep.first-night", "10", "--sleep.steps", "200"),
]


class Outcome(NamedTuple):
    """The exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def result(self):
        """The JSON object on standard output."""
        return json.loads(self.out)

    @property
    def is_one_line(self):
        """True for a proper refusal: code 2, one line on standard error, no output."""
        return self.code == 2 and self.err.count("\n") == 1 and self.out == ""


@pytest.fixture
def biograd(capsys):
    """Run the program `biograd` with some words."""

    def run(*words):
        code = main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def trained_once(few_mnist, tmp_path_factory):
    """A run folder, trained once per session by TRAIN; change only copies of it."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATASETS, "mnist", few_mnist)
        assert main([*TRAIN, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def trained(trained_once, mnist, tmp_path):
    """A run folder of this test's own, trained by TRAIN."""
    return Path(shutil.copytree(trained_once, tmp_path / "run"))


@pytest.fixture
def train_words():
    """The words of TRAIN, to resume the run in `trained`."""
    return TRAIN
