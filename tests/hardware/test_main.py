"""`python -m hardware`: files in, files out, one line and exit code 2 for any error."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from hardware.__main__ import main
from hardware.border.files import read_result, write_model, write_spikes
from hardware.border.model import LayerModel, Model, SpikeInput


@pytest.fixture
def files(tmp_path) -> list[str]:
    """Paths of a model of 5-4-3, of six labelled samples, and of the result."""
    rng = np.random.default_rng(0)
    layers = (
        LayerModel(w=rng.normal(0, 0.5, (4, 5)), bias=rng.normal(0, 0.1, 4)),
        LayerModel(w=rng.normal(0, 1, (3, 4)), bias=np.zeros(3)),
    )
    write_model(Model(layers=layers, steps=8), tmp_path / "model.nir")
    write_spikes(
        SpikeInput(spikes=rng.random((8, 6, 5)) < 0.5, labels=np.arange(6) % 3),
        tmp_path / "spikes.npz",
    )
    return [str(tmp_path / name) for name in ("model.nir", "spikes.npz", "result.npz")]


def test_run_writes_a_result_and_says_how_good_it_is(files, capsys):
    assert main(["run", *files, "--record", "v,s"]) == 0
    result = read_result(files[2])
    assert (
        result.counts.shape == (6, 3)
        and [v.shape for v in result.v] == [(8, 6, 4), (8, 6, 3)]
        and result.u is None
    )
    accuracy = 100 * result.accuracy(np.arange(6) % 3)
    printed = capsys.readouterr()
    assert (
        printed.out.startswith("6 samples on emulator in ")
        and f"accuracy {accuracy:.2f} %" in printed.out
    )
    assert printed.err == "6/6 samples\n"


def test_wraps_and_saturations_are_reported(files, tmp_path, capsys):
    # Weights of 1 on 5 inputs, hardly any decay: the current grows until it leaves 24 bits.
    layer = LayerModel(w=np.full((1, 5), 1.0), bias=np.zeros(1), alpha_u=0.9999, alpha_v=0.9999)
    write_model(Model(layers=(layer,), steps=2000), tmp_path / "loud.nir")
    write_spikes(SpikeInput(spikes=np.ones((2000, 1, 5))), tmp_path / "loud.npz")
    assert main(["run", str(tmp_path / "loud.nir"), str(tmp_path / "loud.npz"), files[2]]) == 0
    assert "warning: currents wrapped" in capsys.readouterr().err
    assert read_result(files[2]).wrapped_currents > 0


def test_check_prints_cores_and_loads(files, capsys):
    assert main(["check", files[0], "--mode", "learning"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "layer",
        "neurons",
        "cores",
        "compartments",
        "axons",
        "in",
        "axons",
        "out",
        "synapse",
        "words",
    ]
    assert lines[1].split()[:5] == ["layer", "1", "4", "1", "8/1024"]
    assert lines[3] == "learning: 2 of 128 cores"
    assert lines[4].startswith("warning: learning: Loihi 1 has no port for a third factor")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (0, "absent: no such file"),
        (1, "absent: no such file"),
        (2, "No such file or directory"),
    ],
)
def test_a_missing_file_is_one_line_and_exit_code_2(files, capsys, wrong, message):
    files[wrong] = "/nowhere/absent"
    assert main(["run", *files]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert printed[-1].startswith("error: ") and message in printed[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--deadline", "0", "--target", "lava"], "error: deadline is 0.0; need seconds above 0"),
        (["--workers", "0"], "error: workers is 0; need at least 1"),
        (["--record", "w"], "error: cannot record w; known are u, v, s"),
    ],
)
def test_an_invalid_option_is_one_line_and_exit_code_2(files, capsys, options, message):
    assert main(["run", *files, *options]) == 2
    assert capsys.readouterr().err == message + "\n"


def test_a_model_too_large_for_the_chip_is_one_line(files, tmp_path, capsys):
    write_model(
        Model(layers=(LayerModel(w=np.ones((3, 5000)), bias=np.zeros(3)),), steps=8),
        tmp_path / "wide.nir",
    )
    assert main(["check", str(tmp_path / "wide.nir")]) == 2
    assert capsys.readouterr().err.startswith(
        "error: layer 1: takes 5,000 input axons for inference; a core has 4,096"
    )


def test_other_steps_than_the_models_are_refused(files, tmp_path, capsys):
    write_spikes(SpikeInput(spikes=np.zeros((9, 2, 5))), tmp_path / "longer.npz")
    assert main(["run", files[0], str(tmp_path / "longer.npz"), files[2]]) == 2
    assert (
        capsys.readouterr().err
        == "error: the spikes have 9 steps, the model was made for 8: encode with steps=8\n"
    )


def test_another_tools_file_is_run_and_checked(files, tmp_path, capsys):
    neurons = nir.LIF(
        tau=np.full(3, 1e-2), r=np.ones(3), v_leak=np.zeros(3), v_threshold=np.ones(3)
    )
    nir.write(tmp_path / "theirs.nir", nir.NIRGraph.from_list(nir.Linear(np.ones((3, 5))), neurons))
    foreign = [str(tmp_path / "theirs.nir"), *files[1:]]
    assert main(["run", *foreign]) == 2 and "name dt in seconds" in capsys.readouterr().err
    assert main(["run", *foreign, "--dt", "1e-3"]) == 0 and read_result(foreign[2]).samples == 6
    assert main(["check", foreign[0], "--dt", "1e-3"]) == 0 and "cores" in capsys.readouterr().out


def test_help_says_what_each_command_and_option_is_for(capsys):
    for arguments in (["--help"], ["run", "--help"], ["check", "--help"]):
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        assert exited.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Run or check exported models in Loihi's integers" in text
    assert "copies of the net that Lava runs in parallel" in text
