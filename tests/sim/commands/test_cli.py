"""The program as a whole: its help, its refusals in one line, and its JSON."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from biograd.commands import cli
from biograd.runs import records


@pytest.mark.slow
def test_train_evaluate_export_and_deploy_agree(trained, train_words, biograd, tmp_path):
    trained_record = biograd(*train_words, "--out", trained, "--resume", "--json").result
    accuracy = trained_record["test_accuracy"]
    assert trained_record["seed"] == 5 and trained_record["samples"] == 1400 and accuracy > 0.5
    angles = trained_record["feedback_angle_deg"]
    assert len(angles) == 1 and trained_record["samples_per_second"] > 0
    files = {path.name for path in trained.iterdir()}
    assert files >= {"config.toml", "records.jsonl", "checkpoint.safetensors"}

    assert biograd("evaluate", trained, "--json").result["test_accuracy"] == accuracy
    model = tmp_path / "model.nir"
    assert biograd("export", trained, "-o", model, "--json").result["test_accuracy"] == accuracy
    deployed = biograd("deploy", model, "--json").result
    assert deployed["samples"] == 300 and abs(deployed["test_accuracy"] - accuracy) < 0.05


def test_a_report_is_written_from_a_run(trained, biograd):
    outcome = biograd("report", trained, "--json")
    assert outcome.code == 0, outcome.err
    page = (trained / "report.html").read_text()
    assert outcome.result["report"] == str(trained / "report.html")
    assert page.startswith("<!") and "</html>" in page


def test_json_is_the_last_line_of_standard_output_and_all_of_it(trained, biograd):
    outcome = biograd("evaluate", trained, "--json")
    assert outcome.code == 0 and outcome.out.count("\n") == 1 and outcome.result["samples"] == 300
    assert "test accuracy" in outcome.err


def test_a_finished_run_is_not_trained_again_on_resume(trained, train_words, biograd):
    before = (trained / "records.jsonl").read_bytes()
    assert biograd(*train_words, "--out", trained, "--resume").code == 0
    assert (trained / "records.jsonl").read_bytes() == before


def test_resume_alone_takes_the_settings_of_the_run(trained, biograd):
    before = {path: path.read_bytes() for path in trained.iterdir() if path.is_file()}
    outcome = biograd("train", "--out", trained, "--resume", "--json")
    assert outcome.code == 0 and outcome.result["seed"] == 5, outcome.err
    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.parametrize(
    ("flags", "differs"),
    [
        (["--lr", "0.5"], "lr is 0.003 there and 0.5 here"),
        (["--epochs", "1"], "epochs is 2 there and 1 here"),
        (["--preset", "mnist"], "hidden is (32,) there and (256, 256) here"),
    ],
)
def test_a_resumed_run_with_other_settings_is_refused_by_what_differs(
    flags, differs, trained, biograd
):
    outcome = biograd("train", "--out", trained, "--resume", *flags)
    assert outcome.is_one_line and differs in outcome.err, outcome.err


def test_a_finished_run_goes_on_for_more_epochs(trained, biograd):
    words = ["train", "--out", trained, "--resume", "--epochs", "3", "--quiet", "--json"]
    assert biograd(*words).code == 0
    made = records.read(trained / "records.jsonl")
    assert [record["kind"] for record in made] == ["epoch", "epoch", "epoch", "run"]
    assert made[-1]["samples"] == made[2]["samples"] and made[1]["learning_rate"] < 1e-6
    assert made[-1]["test_accuracy"] > 0 and "epochs = 3" in (trained / "config.toml").read_text()
    assert biograd("train", "--out", trained, "--resume", "--json").result == made[-1]


def run_without_reader(words, *, of_errors):
    """Run the program in a process of its own; nobody reads its output or its errors any more."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = (subprocess.PIPE, writer) if of_errors else (writer, subprocess.PIPE)
    code = f"import sys; from biograd.commands.cli import main; sys.exit(main({words}))"
    command = [sys.executable, "-c", code]
    outcome = subprocess.run(command, stdout=streams[0], stderr=streams[1], text=True)
    os.close(writer)
    return outcome


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"], ["report"]])
def test_a_reader_that_goes_away_ends_the_program_quietly(words, tmp_path):
    out = ["--out", str(tmp_path / "page.html")] if words == ["report"] else []
    outcome = run_without_reader([*words, *out], of_errors=False)
    assert outcome.returncode == 141 and outcome.stderr == ""


def test_a_reader_of_errors_that_goes_away_does_so_too():
    outcome = run_without_reader(["train", "--hiden", "3"], of_errors=True)
    assert outcome.returncode == 141 and outcome.stdout == ""


HELP = [[name, "--help"] for name in cli.COMMANDS if name not in cli._PACKAGES]


@pytest.mark.parametrize("words", [["--help"], *HELP])
def test_help_needs_neither_torch_nor_numpy(words):
    code = f"""import sys
from biograd.commands.cli import main
try:
    main({words})
except SystemExit:
    pass
print([name for name in ("torch", "numpy", "numba") if name in sys.modules])"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert outcome.stdout.splitlines()[-1] == "[]", outcome.stderr


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_with_defaults(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_a_command_of_a_package_that_is_not_installed_says_so(biograd, monkeypatch):
    monkeypatch.setitem(cli._PACKAGES, "report", "no_such_package")
    outcome = biograd("report")
    assert outcome.is_one_line and "'no_such_package', which is not installed" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dance"], "there is no command 'dance'"),
        (["trian"], "there is no command 'trian'; did you mean 'train'? known: train, evaluate"),
        (["train", "--preset", "mnits"], "there is no preset 'mnits'; did you mean 'mnist'?"),
        (["train", "--hiden", "3"], "Unrecognized options: --hiden, 3; did you mean --hidden?"),
        (["train", "--sleep.rat", "1"], "did you mean --sleep.rate?"),
        (["train", "--dataset", "fashon"], "dataset is 'fashon'; did you mean 'fashion'?"),
        (["train", "--feedback", "Sleep"], "did you mean 'sleep'? known: sleep, sleep-direct"),
        (["data", "nmnsit"], "there is no data set 'nmnsit'; did you mean 'nmnist'?"),
        (["deploy", "x.nir", "--target", "lave"], "did you mean 'lava'? known: emulator, lava"),
        (["benchmark", "--suite", "quik"], "there is no suite 'quik'; did you mean 'quick'?"),
        (["train", "--preset", "imagenet"], "there is no preset 'imagenet'; known: mnist"),
        (["train", "--epochs", "many"], "--epochs is 'many'; need a whole number (see biograd"),
        (["train", "--lr", "tiny"], "--lr is 'tiny'; need a number"),
        (["train", "--hidden", "30", "x"], "--hidden is ['30', 'x']; need values of its kind"),
        (["train", "--augment.shift", "99"], "biograd: --augment.shift is 99; need 0"),
        (["train", "--neuron.alpha-u=2"], "biograd: --neuron.alpha-u is 2.0; need 0 <="),
        (["train", "--input-share=2"], "--input-share is 2.0"),
        (["train", "--hidden", "0"], "hidden is (0,)"),
        (["train", "--sleep.rate", "2"], "sleep.rate is 2.0"),
        (["train", "--dataset", "svhn"], "dataset is 'svhn'; known: mnist, fashion"),
        (["train", "--optimizer", "lion"], "optimizer is 'lion'; known: adam, adamw, sgd"),
        (["train", "--dt", "1e-3"], "--dt is 0.001, and --from names no file"),
        (["train", "--w-in", "jump"], "--w-in is jump, and --from names no file"),
        (["train", "--find-lr", "--resume"], "--find-lr trains nothing"),
        (["learn", "--deadline", "-1"], "--deadline is -1.0; need seconds above 0"),
        (["learn", "--target", "lava", "--out", "x"], "keeps no run folder: leave --out"),
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
        (["learn", "--weight-bits", "7"], "--weight-bits is 7"),
        (["learn", "--hidden", "30", "0"], "--hidden is 0; need 1 or more"),
        (["learn", "--hidden", "5000", "--out", "nowhere/else"], "5000"),
        (["learn", "--model", "nowhere.nir"], "nowhere.nir"),
        (
            ["benchmark", "--suite", "slow"],
            "known: quick, paper, energy, speed, gpu, gpu-kernels, tasks, snntorch, depth, maps,"
            " studies, speech, full",
        ),
        (["benchmark", "--suite", "quick", "--run", "nowhere"], "nowhere holds no run"),
        (["benchmark", "--compare", "nowhere.jsonl"], "nowhere.jsonl is not a file"),
        (["report", "nowhere"], "nowhere is not a folder"),
        (["report", "--records", "nowhere.jsonl"], "nowhere.jsonl is not a file"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    arguments, message, mnist, tmp_path, monkeypatch, biograd
):
    monkeypatch.chdir(tmp_path)
    outcome = biograd(*arguments)
    assert outcome.is_one_line and message in outcome.err, outcome.err
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"] == []
