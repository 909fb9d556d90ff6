"""Commands take a run folder, and files in it, alike."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def exported(trained, biograd):
    """A run folder with a NIR file."""
    assert biograd("export", trained, "--json").code == 0
    return trained


@pytest.mark.slow
@pytest.mark.parametrize("file", ["", "checkpoint.safetensors", "model.nir", "config.toml"])
def test_a_run_is_evaluated_and_exported_by_its_folder_or_any_file_in_it(
    file, exported, biograd, tmp_path
):
    by_folder = biograd("evaluate", exported, "--json").result["test_accuracy"]
    assert biograd("evaluate", exported / file, "--json").result["test_accuracy"] == by_folder
    out = tmp_path / "again.nir"
    assert biograd("export", exported / file, "-o", out, "--json").result["model"] == str(out)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["", "checkpoint.safetensors", "model.nir"])
def test_a_network_is_deployed_from_a_folder_a_checkpoint_or_a_nir_file(file, exported, biograd):
    words = ["--samples", "100", "--json"]
    of_file = biograd("deploy", exported / "model.nir", *words).result
    result = biograd("deploy", exported / file, *words).result
    for name in ("test_accuracy", "float_test_accuracy", "operations_per_sample", "seed"):
        assert result[name] == of_file[name], name
    assert result["model"] == (exported / file).name


def test_a_report_takes_a_run_folder_a_file_in_it_or_a_file_of_records(trained, biograd, tmp_path):
    words = ["--no-shipped", "--json"]
    by_folder = biograd("report", trained, *words).result
    assert biograd("report", trained / "checkpoint.safetensors", *words).result == by_folder
    out = ["-o", tmp_path / "page.html"]
    of_records = biograd("report", trained / "records.jsonl", *out, *words).result
    assert of_records["records"] == by_folder["records"] and of_records["files"] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["evaluate", "lost/checkpoint.safetensors"], "checkpoint.safetensors is in no run folder"),
        (["export", "lost/model.nir"], "lost/model.nir is in no run folder (there is no lost/con"),
        (["deploy", "lost/checkpoint.safetensors"], "lost/checkpoint.safetensors is in no run fol"),
        (["draw", "lost/checkpoint.safetensors"], "lost/checkpoint.safetensors is in no run fold"),
        (["deploy", "empty"], "empty holds no model.nir: write it with 'biograd export empty'"),
        (["learn", "--model", "empty", "--out", "new"], "empty holds no model.nir"),
        (["train", "--from", "empty"], "empty holds no model.nir"),
        (["report", "lost/model.nir"], "lost/model.nir is in no run folder"),
        (["report", "lost/none.jsonl"], "lost/none.jsonl is not a file"),
        (["deploy", "run", "--steps", "8"], "run is of BioGrad, which says itself how samples"),
        (["deploy", "run", "--encoder", "latency"], "leave --encoder out"),
    ],
)
def test_a_path_that_names_no_run_is_refused_by_its_own_name(
    words, says, trained, biograd, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "lost").mkdir()
    for file in ("checkpoint.safetensors", "model.nir"):
        shutil.copy(trained / "checkpoint.safetensors", tmp_path / "lost" / file)
    outcome = biograd(*words)
    assert outcome.is_one_line and says in outcome.err, outcome.err
