from __future__ import annotations

import json

import pytest

from biograd.commands.cli import COMMANDS, main

TRAIN = [
    "train",
    "--hidden",
    "32",
    "--epochs",
    "2",
    "--batch",
    "10",
    "--lr",
    "3e-3",
    "--threads",
    "1",
]
TRAIN += ["--sleep.first-night", "10", "--sleep.steps", "200"]


def run(arguments, capsys):
    code = main([str(word) for word in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def trained(mnist, tmp_path, capsys):
    code, _, err = run([*TRAIN, "--out", tmp_path / "run", "--quiet"], capsys)
    assert code == 0, err
    return tmp_path / "run"


@pytest.mark.slow
def test_train_evaluate_export_and_deploy_tell_one_story(mnist, tmp_path, capsys):
    folder = tmp_path / "run"
    code, out, _ = run([*TRAIN, "--out", folder, "--seed", "5", "--json"], capsys)
    result = json.loads(out)
    assert (
        code == 0
        and result["seed"] == 5
        and result["samples"] == 1400
        and result["test_accuracy"] > 0.5
    )
    assert len(result["feedback_angle_deg"]) == 1 and result["samples_per_second"] > 0
    assert {path.name for path in folder.iterdir()} >= {
        "config.toml",
        "records.jsonl",
        "checkpoint.safetensors",
        "pictures",
    }
    assert (
        len(list((folder / "pictures").glob("*.svg")))
        == len(list((folder / "pictures").glob("*.png")))
        == 6
    )

    code, out, _ = run(["evaluate", folder, "--json"], capsys)
    assert code == 0 and json.loads(out)["test_accuracy"] == result["test_accuracy"]
    code, out, _ = run(["export", folder, "-o", folder / "model.nir", "--json"], capsys)
    assert code == 0 and json.loads(out)["test_accuracy"] == result["test_accuracy"]
    code, out, _ = run(["deploy", folder / "model.nir", "--json"], capsys)
    deployed = json.loads(out)
    assert (
        code == 0
        and deployed["samples"] == 300
        and abs(deployed["test_accuracy"] - result["test_accuracy"]) < 0.05
    )


@pytest.mark.slow
def test_learning_on_the_chip_goes_on_from_its_file_and_leaves_a_model(mnist, tmp_path, capsys):
    flags = ["learn", "--hidden", "20", "--epochs", "2", "--samples", "600", "--json"]
    code, out, err = run([*flags, "--out", tmp_path / "l"], capsys)
    assert code == 0, err
    result = json.loads(out)
    assert (
        result["samples"] == 1200
        and result["test_accuracy"] > 0.5
        and len(result["feedback_angle_deg"]) == 1
    )
    assert run([*flags, "--out", tmp_path / "l"], capsys)[0] == 2, (
        "a second run must not overwrite the first"
    )
    code, out, _ = run([*flags, "--out", tmp_path / "l", "--resume"], capsys)
    assert code == 0 and json.loads(out)["test_accuracy"] == result["test_accuracy"]
    code, out, _ = run(["deploy", tmp_path / "l" / "model.nir", "--json"], capsys)
    assert code == 0 and json.loads(out)["test_accuracy"] == result["test_accuracy"], (
        "the integers must come back from the file"
    )
    code, out, err = run(
        [
            "learn",
            "--model",
            tmp_path / "l" / "model.nir",
            "--epochs",
            "1",
            "--out",
            tmp_path / "more",
            "--json",
        ],
        capsys,
    )
    assert code == 0 and json.loads(out)["samples"] == 700, err


def test_a_report_is_written_from_a_run(trained, capsys):
    code, out, err = run(["report", trained, "--json"], capsys)
    assert code == 0, err
    page = (trained / "report.html").read_text()
    assert (
        json.loads(out)["report"] == str(trained / "report.html")
        and page.startswith("<!doctype html>".upper()[:2])
        and "</html>" in page
    )


def test_json_is_the_last_line_of_standard_output_and_all_of_it(trained, capsys):
    code, out, err = run(["evaluate", trained, "--json"], capsys)
    assert code == 0 and out.count("\n") == 1 and json.loads(out)["samples"] == 300
    assert "test accuracy" in err


def test_a_finished_run_is_not_trained_again_on_resume(trained, capsys):
    before = (trained / "records.jsonl").read_bytes()
    code, _, _ = run([*TRAIN, "--out", trained, "--resume", "--quiet"], capsys)
    assert code == 0 and (trained / "records.jsonl").read_bytes() == before


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_defaults(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dance"], "there is no command 'dance'"),
        (["train", "--preset", "imagenet"], "there is no preset 'imagenet'; known: mnist"),
        (["train", "--sleep.rat", "1"], "sleep.rat"),
        (["train", "--epochs", "many"], "--epochs"),
        (["train", "--hidden", "0"], "hidden is (0,)"),
        (["train", "--sleep.rate", "2"], "sleep.rate is 2.0"),
        (["train", "--dataset", "cifar"], "dataset is 'cifar'; known: mnist, fashion"),
        (["train", "--optimizer", "lion"], "optimizer is 'lion'; known: adam, adamw, sgd"),
        (["train", "--config", "nowhere.toml"], "nowhere.toml is not a file"),
        (["train", "--preset", "mnist", "--config", "x.toml"], "name one"),
        (["evaluate", "nowhere"], "nowhere holds no run"),
        (["export", "nowhere"], "nowhere holds no run"),
        (["deploy", "nowhere.nir"], "nowhere.nir"),
        (["deploy", "nowhere.nir", "--target", "moon"], "known: emulator, lava"),
        (["deploy", "nowhere.nir", "--samples", "-1"], "samples is -1"),
        (["data", "cifar"], "known: mnist, fashion"),
        (["learn", "--target", "moon"], "known: emulator, lava"),
        (["learn", "--epochs", "0"], "epochs is 0"),
        (["learn", "--weight-bits", "7"], "weight_bits is 7"),
        (["learn", "--hidden", "5000", "--out", "nowhere/else"], "5000"),
        (["learn", "--model", "nowhere.nir"], "nowhere.nir"),
        (
            ["benchmark", "--suite", "slow"],
            "known: quick, paper, energy, speed, tasks, snntorch, full",
        ),
        (["benchmark", "--suite", "quick", "--run", "nowhere"], "nowhere holds no run"),
        (["benchmark", "--compare", "nowhere.jsonl"], "nowhere.jsonl is not a file"),
        (["report", "nowhere"], "nowhere is not a folder"),
        (["report", "--records", "nowhere.jsonl"], "nowhere.jsonl is not a file"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments, says, mnist, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(arguments, capsys)
    assert code == 2 and out == "" and err.count("\n") == 1 and says in err, err
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"] == []
