"""The command `biograd draw`: from a run or a model file to a page, checked where asked, refused in
one line where it cannot be.
"""

from __future__ import annotations

import json

import nir
import numpy as np
import pytest
import torch

from biograd.commands import draw
from biograd.commands.cli import main
from biograd.data.datasets import ImageSet
from biograd.drawing import check
from hardware import emulator
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import quantise

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
    "--quiet",
]


def run(arguments, capsys):
    code = main([str(word) for word in arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def folder(mnist, tmp_path, capsys):
    assert (
        run(
            [*TRAIN, "--sleep.first-night", "2", "--sleep.steps", "50", "--out", tmp_path / "run"],
            capsys,
        )[0]
        == 0
    )
    return tmp_path / "run"


@pytest.mark.slow
def test_a_run_and_its_exported_model_give_the_same_page(folder, tmp_path, capsys):
    code, out, err = run(["draw", folder, "--json"], capsys)
    assert code == 0, err
    told = json.loads(out)
    page = (folder / "draw.html").read_text(encoding="utf-8")
    assert (
        told["page"] == str(folder / "draw.html")
        and told["samples"] == 300
        and told["accuracy"] > 0.5
    )
    assert f"It reads {round(300 * told['accuracy'])} of the first 300 test images right." in page
    assert run(["export", folder], capsys)[0] == 0
    assert run(["draw", folder / "model.nir", "-o", tmp_path / "again.html"], capsys)[0] == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page
    assert "trained without backpropagation" in page


@pytest.mark.slow
@pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)
def test_a_network_of_another_tool_is_drawn_without_feedback_and_without_claims(
    mnist, tmp_path, capsys
):
    generator = np.random.default_rng(0)
    weights = [
        generator.normal(0, 1.5 / np.sqrt(n_in), (out, n_in)).astype(np.float32)
        for n_in, out in ((784, 20), (20, 10))
    ]
    nodes, edges, before = {"input": nir.Input({"input": np.array([784])})}, [], "input"
    for number, w in enumerate(weights):
        n = len(w)
        constants = {
            "tau_syn": 2e-4,
            "tau_mem": 4e-4,
            "r": 4.0,
            "v_leak": 0.0,
            "v_threshold": 1.0,
            "w_in": 2.0,
        }
        nodes[f"w{number}"] = nir.Affine(weight=w, bias=np.zeros(n, np.float32))
        nodes[f"lif{number}"] = nir.CubaLIF(
            **{name: np.full(n, value, np.float32) for name, value in constants.items()}
        )
        edges += [(before, f"w{number}"), (f"w{number}", f"lif{number}")]
        before = f"lif{number}"
    nodes["output"] = nir.Output({"output": np.array([10])})
    nir.write(tmp_path / "theirs.nir", nir.NIRGraph(nodes, [*edges, (before, "output")]))
    flags = ["--steps", "12", "--dt", "1e-4", "--w-in", "euler", "--check", "100", "--json"]
    code, out, err = run(["draw", tmp_path / "theirs.nir", *flags], capsys)
    assert code == 0, err
    assert json.loads(out)["checked"]["spikes_differ"] == 0
    page = (tmp_path / "draw.html").read_text(encoding="utf-8")
    assert (
        '"w_fb":null' in page
        and '"steps":12' in page
        and "trained without backpropagation" not in page
    )


def test_the_page_claims_of_a_networks_learning_only_what_its_file_says():
    layers = (LayerModel(w=np.zeros((10, 4)), bias=np.zeros(10)),)
    images = ImageSet(
        "mnist", "test", torch.zeros(2, 2, 2, dtype=torch.uint8), torch.tensor([0, 3]), 10
    )
    result = emulator.run(
        quantise(Model(layers=layers, steps=3)), SpikeInput(spikes=np.zeros((3, 2, 4), int))
    )
    for info, claimed in (
        ({}, False),
        ({"learning": {}, "feedback": "sleep"}, True),
        ({"learning": {}, "feedback": "symmetric"}, False),
    ):
        told = " ".join(draw._facts(Model(layers=layers, steps=3, info=info), images, result))
        assert (
            "without backpropagation" in told
        ) == claimed and "reads 1 of the first 2 test images" in told


@pytest.mark.slow
@pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)
def test_the_check_compares_the_page_with_the_emulator_and_refuses_a_page_that_differs(
    folder, capsys, monkeypatch
):
    code, out, err = run(["draw", folder, "--check", "200", "--json"], capsys)
    assert code == 0, err
    checked = json.loads(out)["checked"]
    assert (
        checked["samples"],
        checked["spikes_differ"],
        checked["counts_differ"],
        checked["answers_differ"],
    ) == (200, 0, 0, 0)
    (folder / "draw.html").unlink()
    right = check.in_node

    def wrong(net, images):
        net["layers"][0]["vth"] *= 2
        return right(net, images)

    monkeypatch.setattr(check, "browser", lambda: None)
    monkeypatch.setattr(check, "in_node", wrong)
    code, _, err = run(["draw", folder, "--check", "200"], capsys)
    assert (
        code == 2
        and "differ" in err
        and err.count("\n") == 1
        and not (folder / "draw.html").exists()
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere"),
        (["nowhere", "--check", "-1"], "check is -1"),
        (["nowhere", "--weight-bits", "x"], "weight-bits"),
    ],
)
def test_bad_requests_are_refused_in_one_line(arguments, told, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(["draw", *arguments], capsys)
    assert code == 2 and told in err and err.count("\n") == 1


def test_a_folder_without_a_run_is_refused_in_one_line(tmp_path, capsys):
    code, _, err = run(["draw", tmp_path], capsys)
    assert code == 2 and err.count("\n") == 1 and "model.nir" in err
