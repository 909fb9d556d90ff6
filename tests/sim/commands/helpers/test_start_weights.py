"""`biograd train` with the network of a NIR file, and in search of a learning rate."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys

import nir
import numpy as np
import pytest
import torch

from biograd.commands.cli import main
from biograd.commands.helpers import training_loop
from biograd.interop.nir import from_nir, to_nir
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.runs import records
from biograd.runs.checkpoint import RunFolder

TRAIN = [
    "train",
    "--batch",
    "50",
    "--threads",
    "1",
    "--sleep.first-night",
    "3",
    "--sleep.steps",
    "50",
    "--quiet",
    "--json",
]


def run(arguments, capsys):
    code = main([str(word) for word in arguments])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


@pytest.fixture
def ours(tmp_path):
    """A file of ours with another neuron than the presets'."""
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.9))
    to_nir(
        Network((784, 25, 10), neuron=neuron, generator=torch.Generator().manual_seed(4)),
        tmp_path / "ours.nir",
    )
    return tmp_path / "ours.nir"


def theirs(path, *, tau, dt_told, sizes=(784, 25, 10)):
    """A file as SpikingJelly or Norse writes them."""
    rng, nodes = np.random.default_rng(0), []
    for fan_in, size in itertools.pairwise(sizes):
        ones = np.ones(size)
        nodes += [nir.Affine(rng.normal(0, 2 / fan_in**0.5, (size, fan_in)), 0 * ones)]
        nodes += [nir.LIF(tau * ones, (10.0 if dt_told else 1.0) * ones, 0 * ones, ones)]
    nir.write(path, nir.NIRGraph.from_list(*nodes))
    return path


@pytest.mark.slow
def test_a_run_from_a_file_has_its_sizes_constants_and_weights_and_learns_from_there(
    ours, mnist, tmp_path, capsys
):
    code, result, err = run(
        [*TRAIN, "--from", ours, "--epochs", "2", "--lr", "3e-3", "--out", tmp_path / "run"], capsys
    )
    assert code == 0, err
    config = RunFolder(tmp_path / "run").read_config()
    given = from_nir(ours)
    assert config.hidden == (25,) and config.start_from == str(ours)
    assert (config.neuron.alpha_u, config.neuron.alpha_v) == (
        given.neuron.params.alpha_u,
        given.neuron.params.alpha_v,
    )
    assert (config.trace.alpha_x, config.trace.alpha_z) == (
        config.neuron.alpha_u,
        config.neuron.alpha_v,
    )
    assert result["test_accuracy"] > 0.35 and "weights from" in err
    ours.unlink()  # the run folder stands on its own
    code, again, err = run(["evaluate", tmp_path / "run", "--json"], capsys)
    assert code == 0 and again["test_accuracy"] == result["test_accuracy"], err


def test_a_run_that_learns_next_to_nothing_still_has_the_files_weights(
    ours, mnist, tmp_path, capsys
):
    code, _, err = run(
        [*TRAIN, "--from", ours, "--epochs", "1", "--lr", "1e-12", "--out", tmp_path / "run"],
        capsys,
    )
    assert code == 0, err
    assert code == run(["export", tmp_path / "run", "--json"], capsys)[0]
    for a, b in zip(
        from_nir(tmp_path / "run" / "model.nir").layers, from_nir(ours).layers, strict=True
    ):
        assert torch.allclose(a.w, b.w, atol=1e-9)


def test_another_tools_file_trains_and_says_what_it_leaves_open(mnist, tmp_path, capsys):
    told, silent = (
        theirs(tmp_path / "told.nir", tau=1e-3, dt_told=True),
        theirs(tmp_path / "silent.nir", tau=1e-2, dt_told=False),
    )
    code, _, err = run([*TRAIN, "--from", told, "--epochs", "1", "--out", tmp_path / "a"], capsys)
    assert code == 0 and RunFolder(tmp_path / "a").read_config().neuron.alpha_v == np.float32(
        0.9
    ), err
    code, _, err = run([*TRAIN, "--from", silent, "--epochs", "1", "--out", tmp_path / "b"], capsys)
    assert code == 2 and "name dt in seconds (--dt;" in err and err.count("\n") == 1
    code, _, err = run(
        [*TRAIN, "--from", silent, "--dt", "1e-3", "--epochs", "1", "--out", tmp_path / "b"], capsys
    )
    assert code == 0 and RunFolder(tmp_path / "b").read_config().neuron.alpha_v == np.float32(
        0.9
    ), err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--from", "gone.nir"], "gone.nir"),
        (["--from", "OURS", "--hidden", "30"], "holds 784-25-10, and the run needs 784-30-10"),
        (["--from", "OURS", "--dt", "soon"], "--dt is 'soon'; need a number"),
        (["--from", "OURS", "--neuron.alpha-v", "0.5"], "and the run 0, 0.5"),
        (["--from", "SMALL"], "holds 20-10, and the run needs 784-10"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    flags, message, ours, mnist, tmp_path, capsys
):
    to_nir(Network((20, 10)), tmp_path / "small.nir")
    names = {"OURS": ours, "SMALL": tmp_path / "small.nir"}
    code, _, err = run(
        [
            *TRAIN,
            *(names.get(flag, flag) for flag in flags),
            "--epochs",
            "1",
            "--out",
            tmp_path / "run",
        ],
        capsys,
    )
    assert code == 2 and message in err and err.count("\n") == 1, err


@pytest.mark.slow
def test_a_learning_rate_is_suggested_and_nothing_is_written(mnist, tmp_path, capsys):
    code, result, err = run(
        [*TRAIN, "--hidden", "30", "--find-lr", "--out", tmp_path / "run"], capsys
    )
    assert code == 0 and 1e-4 < result["suggested_lr"] < 1e-1 and not (tmp_path / "run").exists(), (
        err
    )
    assert (
        len(result["rates"]) == len(result["errors"])
        and f"--lr {result['suggested_lr']:.2g}" in err
    )


@pytest.mark.slow
def test_another_tools_file_is_deployed_with_its_energy_modelled(mnist, tmp_path, capsys):
    told, silent = (
        theirs(tmp_path / "told.nir", tau=1e-3, dt_told=True),
        theirs(tmp_path / "silent.nir", tau=1e-2, dt_told=False),
    )
    code, result, err = run(["deploy", told, "--steps", "8", "--samples", "50", "--json"], capsys)
    assert (
        code == 0
        and result["samples"] == 50
        and 0 < result["energy"]["total_j"][0] < result["energy"]["total_j"][1]
    ), err
    assert "modelled on Loihi 1" in err and result["energy"]["how"] == "modelled"
    for flags, message in (
        ([told], "name its time steps (--steps)"),
        ([silent, "--steps", "8"], "name dt in seconds"),
        ([told, "--steps", "-1"], "steps is -1"),
        ([told, "--steps", "8", "--encoder", "morse"], "encoder 'morse'"),
    ):
        code, _, err = run(["deploy", *flags, "--json"], capsys)
        assert code == 2 and message in err and err.count("\n") == 1, err
    to_nir(Network((784, 10)), tmp_path / "ours.nir")
    code, _, err = run(["deploy", tmp_path / "ours.nir", "--steps", "8", "--json"], capsys)
    assert code == 2 and "(T = 10): leave --steps out" in err
    code, again, err = run(
        ["deploy", silent, "--steps", "8", "--dt", "1e-3", "--samples", "50", "--json"], capsys
    )
    assert code == 0 and again["cores"] == result["cores"], err


@pytest.mark.slow
def test_a_run_stops_early_keeps_its_best_epoch_and_remembers_it_when_resumed(
    mnist, tmp_path, capsys
):
    flags = [
        *TRAIN,
        "--hidden",
        "20",
        "--validation",
        "200",
        "--patience",
        "2",
        "--epochs",
        "40",
        "--lr",
        "0.05",
        "--schedule",
        "constant",
    ]
    code, whole, err = run([*flags, "--out", tmp_path / "whole"], capsys)
    epochs = [r for r in records.read(tmp_path / "whole" / "records.jsonl") if r["kind"] == "epoch"]
    accuracies = [r["test_accuracy"] for r in epochs]
    best = accuracies.index(max(accuracies)) + 1
    assert code == 0 and len(epochs) == best + 2 < 40, err
    assert (
        whole["test_accuracy"] == max(accuracies)
        and f"kept epoch {best}" in err
        and whole["measured_on"] == "validation"
    )

    class Stop:
        """Ctrl-C in the third epoch of ten batches."""

        asked = 0

        def __bool__(self):
            self.asked += 1
            return self.asked > 25

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training_loop, "stop_request", lambda: contextlib.nullcontext(Stop()))
        assert run([*flags, "--out", tmp_path / "broken"], capsys)[0] == 130
    code, broken, err = run([*flags, "--out", tmp_path / "broken", "--resume"], capsys)
    assert code == 0 and broken["test_accuracy"] == whole["test_accuracy"], err


def test_tensorboard_that_is_not_installed_is_said_before_anything_is_trained(
    mnist, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    code, _, err = run(
        [*TRAIN, "--hidden", "20", "--epochs", "1", "--tensorboard", "--out", tmp_path / "run"],
        capsys,
    )
    assert code == 2 and "pip install 'biograd[tensorboard]'" in err and err.count("\n") == 2, err
