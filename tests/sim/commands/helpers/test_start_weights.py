"""`biograd train` and `deploy` with the network of a NIR file, BioGrad's own or another tool's."""

from __future__ import annotations

import itertools

import nir
import numpy as np
import pytest
import torch

from biograd.interop.nir import from_nir, to_nir
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams
from biograd.runs.checkpoint import RunFolder

TRAIN = [
    *("train", "--batch", "50", "--threads", "1", "--quiet", "--json"),
    *("--sleep.first-night", "3", "--sleep.steps", "50"),
]


@pytest.fixture
def own_file(tmp_path):
    """A file of BioGrad with another neuron than the presets'."""
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_u=0.0, alpha_v=0.9))
    generator = torch.Generator().manual_seed(4)
    to_nir(Network((784, 25, 10), neuron=neuron, generator=generator), tmp_path / "own.nir")
    return tmp_path / "own.nir"


def other_file(path, *, tau, implies_dt, sizes=(784, 25, 10)):
    """A file as SpikingJelly or Norse writes it; r = 10 implies the seconds per step, 1 not."""
    rng, nodes = np.random.default_rng(0), []
    for fan_in, size in itertools.pairwise(sizes):
        ones = np.ones(size)
        nodes += [nir.Affine(rng.normal(0, 2 / fan_in**0.5, (size, fan_in)), 0 * ones)]
        nodes += [nir.LIF(tau * ones, (10.0 if implies_dt else 1.0) * ones, 0 * ones, ones)]
    nir.write(path, nir.NIRGraph.from_list(*nodes))
    return path


@pytest.fixture
def complete(tmp_path):
    """Another tool's file that implies its seconds per step."""
    return other_file(tmp_path / "complete.nir", tau=1e-3, implies_dt=True)


@pytest.fixture
def without_dt(tmp_path):
    """Another tool's file that does not imply its seconds per step."""
    return other_file(tmp_path / "without_dt.nir", tau=1e-2, implies_dt=False)


@pytest.mark.slow
def test_a_run_from_a_file_has_its_sizes_constants_and_weights_and_learns_from_there(
    own_file, mnist, biograd, tmp_path
):
    flags = ["--from", own_file, "--epochs", "2", "--lr", "3e-3", "--out", tmp_path / "run"]
    trained = biograd(*TRAIN, *flags)
    assert trained.code == 0, trained.err
    config, source = RunFolder(tmp_path / "run").read_config(), from_nir(own_file)
    assert config.hidden == (25,) and config.start_from == str(own_file)
    p = source.neuron.params
    assert (config.neuron.alpha_u, config.neuron.alpha_v) == (p.alpha_u, p.alpha_v)
    assert (config.trace.alpha_x, config.trace.alpha_z) == (p.alpha_u, p.alpha_v)
    accuracy = trained.result["test_accuracy"]
    assert accuracy > 0.35 and "weights from" in trained.err
    own_file.unlink()  # the run folder does not need it any more
    again = biograd("evaluate", tmp_path / "run", "--json")
    assert again.code == 0 and again.result["test_accuracy"] == accuracy, again.err


def test_a_run_that_learns_almost_nothing_still_has_the_files_weights(
    own_file, mnist, biograd, tmp_path
):
    flags = ["--from", own_file, "--epochs", "1", "--lr", "1e-12", "--out", tmp_path / "run"]
    assert biograd(*TRAIN, *flags).code == 0
    assert biograd("export", tmp_path / "run", "--json").code == 0
    exported = from_nir(tmp_path / "run" / "model.nir")
    for a, b in zip(exported.layers, from_nir(own_file).layers, strict=True):
        assert torch.allclose(a.w, b.w, atol=1e-9)


def test_another_tools_file_trains_and_reports_what_it_does_not_say(
    complete, without_dt, mnist, biograd, tmp_path
):
    def alpha_v(folder):
        return RunFolder(folder).read_config().neuron.alpha_v

    flags, expected = ["--epochs", "1"], np.float32(0.9)
    trained = biograd(*TRAIN, "--from", complete, *flags, "--out", tmp_path / "a")
    assert f"note: {complete}: the reset is read as reset to zero" in trained.err
    assert trained.code == 0 and alpha_v(tmp_path / "a") == expected, trained.err
    refused = biograd(*TRAIN, "--from", without_dt, *flags, "--out", tmp_path / "b")
    assert refused.is_one_line and "name dt in seconds (--dt;" in refused.err
    flags += ["--dt", "1e-3"]
    trained = biograd(*TRAIN, "--from", without_dt, *flags, "--out", tmp_path / "b")
    assert trained.code == 0 and alpha_v(tmp_path / "b") == expected, trained.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--from", "gone.nir"], "gone.nir"),
        (["--from", "OWN", "--hidden", "30"], "holds 784-25-10, and the run needs 784-30-10"),
        (["--from", "OWN", "--dt", "soon"], "--dt is 'soon'; need a number"),
        (["--from", "OWN", "--neuron.alpha-v", "0.5"], "and the run 0, 0.5"),
        (["--from", "SMALL"], "holds 20-10, and the run needs 784-10"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    flags, message, own_file, mnist, biograd, tmp_path
):
    to_nir(Network((20, 10)), tmp_path / "small.nir")
    files = {"OWN": own_file, "SMALL": tmp_path / "small.nir"}
    words = [files.get(word, word) for word in flags]
    refused = biograd(*TRAIN, *words, "--epochs", "1", "--out", tmp_path / "run")
    assert refused.code == 2 and message in refused.err, refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.slow
def test_another_tools_file_is_deployed_with_its_energy_modelled(
    complete, without_dt, mnist, biograd, tmp_path
):
    flags = ["--steps", "8", "--samples", "50", "--json"]
    deployed = biograd("deploy", complete, *flags)
    assert deployed.code == 0, deployed.err
    assert f"note: {complete}: the reset is read as reset to zero" in deployed.err
    energy = deployed.result["energy"]
    assert deployed.result["samples"] == 50 and 0 < energy["total_j"][0] < energy["total_j"][1]
    assert "modelled on Loihi 1" in deployed.err and energy["how"] == "modelled"
    for words, message in (
        ([complete], "name its time steps (--steps)"),
        ([without_dt, "--steps", "8"], "name dt in seconds"),
        ([complete, "--steps", "-1"], "steps is -1"),
        ([complete, "--steps", "8", "--encoder", "morse"], "encoder 'morse'"),
    ):
        refused = biograd("deploy", *words, "--json")
        assert refused.is_one_line and message in refused.err, refused.err
    again = biograd("deploy", without_dt, *flags, "--dt", "1e-3")
    assert again.code == 0 and again.result["cores"] == deployed.result["cores"], again.err
