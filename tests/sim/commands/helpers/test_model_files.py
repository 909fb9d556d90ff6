"""Model files from the command line: BioGrad's own, and those of other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from biograd.commands.helpers.model_files import data_root, read_model_file
from biograd.commands.helpers.model_flags import ModelFlags
from biograd.interop.nir import to_nir
from biograd.network import Network
from biograd.runs.checkpoint import RunFolder
from biograd.runs.config import RunConfig


def test_a_file_of_biograd_needs_no_flags_and_refuses_steps(tmp_path):
    to_nir(Network((6, 4, 2)), tmp_path / "net.nir")
    assert read_model_file(tmp_path / "net.nir", ModelFlags()).sizes == (6, 4, 2)
    with pytest.raises(ValueError, match=r"\(T = 10\): leave --steps out"):
        read_model_file(tmp_path / "net.nir", ModelFlags(steps=8))


def test_the_data_folder_is_the_one_named_else_the_runs_else_the_usual_one(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert data_root(folder, ModelFlags()) is None
    folder.start(RunConfig(data_folder="/of/the/run"), resume=False)
    assert data_root(folder, ModelFlags()) == "/of/the/run"
    assert data_root(folder, ModelFlags(data_folder=Path("/named"))) == Path("/named")
