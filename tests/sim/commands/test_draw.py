"""`biograd draw`: from a run or a model file to a page, checked if asked; one-line refusals."""

from __future__ import annotations

import itertools

import nir
import numpy as np
import pytest
import torch

from biograd.commands.work import draw
from biograd.data.datasets import ImageSet
from biograd.drawing import check
from hardware import emulator
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.fixed_point import quantise

needs_node = pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)


@pytest.mark.slow
def test_a_run_and_its_exported_model_give_the_same_page(trained, biograd, tmp_path):
    outcome = biograd("draw", trained, "--json")
    assert outcome.code == 0, outcome.err
    result = outcome.result
    page = (trained / "draw.html").read_text(encoding="utf-8")
    assert result["page"] == str(trained / "draw.html")
    assert result["samples"] == 300 and result["accuracy"] > 0.5
    correct = round(300 * result["accuracy"])
    assert f"It reads {correct} of the first 300 test images right." in page
    assert biograd("export", trained).code == 0
    assert biograd("draw", trained / "model.nir", "-o", tmp_path / "again.html").code == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page
    assert "trained without backpropagation" in page


def another_tools_file(path):
    """A chain of Affine and CubaLIF, with random weights."""
    generator = np.random.default_rng(0)
    nodes, edges, before = {"input": nir.Input({"input": np.array([784])})}, [], "input"
    constants = {"tau_syn": 2e-4, "tau_mem": 4e-4, "r": 4.0, "w_in": 2.0}
    constants |= {"v_leak": 0.0, "v_threshold": 1.0}
    for number, (fan_in, n) in enumerate(itertools.pairwise((784, 20, 10))):
        w = generator.normal(0, 1.5 / np.sqrt(fan_in), (n, fan_in)).astype(np.float32)
        nodes[f"w{number}"] = nir.Affine(weight=w, bias=np.zeros(n, np.float32))
        nodes[f"lif{number}"] = nir.CubaLIF(
            **{name: np.full(n, value, np.float32) for name, value in constants.items()}
        )
        edges += [(before, f"w{number}"), (f"w{number}", f"lif{number}")]
        before = f"lif{number}"
    nodes["output"] = nir.Output({"output": np.array([10])})
    nir.write(path, nir.NIRGraph(nodes, [*edges, (before, "output")]))
    return path


@pytest.mark.slow
@needs_node
def test_a_network_of_another_tool_is_drawn_without_feedback_and_without_claims(
    mnist, biograd, tmp_path
):
    file = another_tools_file(tmp_path / "theirs.nir")
    flags = ["--steps", "12", "--dt", "1e-4", "--w-in", "euler", "--check", "100", "--json"]
    outcome = biograd("draw", file, *flags)
    assert outcome.code == 0, outcome.err
    assert outcome.result["checked"]["spikes_differ"] == 0
    page = (tmp_path / "draw.html").read_text(encoding="utf-8")
    assert '"w_fb":null' in page and '"steps":12' in page
    assert "trained without backpropagation" not in page


@pytest.mark.parametrize(
    ("info", "claimed"),
    [
        ({}, False),
        ({"learning": {}, "feedback": "sleep"}, True),
        ({"learning": {}, "feedback": "symmetric"}, False),
    ],
)
def test_the_page_claims_of_a_networks_learning_only_what_its_file_says(info, claimed):
    layers = (LayerModel(w=np.zeros((10, 4)), bias=np.zeros(10)),)
    blank = torch.zeros(2, 2, 2, dtype=torch.uint8)
    images = ImageSet("mnist", "test", blank, torch.tensor([0, 3]), 10)
    result = emulator.run(
        quantise(Model(layers=layers, steps=3)), SpikeInput(spikes=np.zeros((3, 2, 4), int))
    )
    text = " ".join(draw._facts(Model(layers=layers, steps=3, info=info), images, result))
    assert ("without backpropagation" in text) == claimed
    assert "reads 1 of the first 2 test images" in text


@pytest.mark.slow
@needs_node
def test_the_check_compares_the_page_with_the_emulator_and_refuses_a_page_that_differs(
    trained, biograd, monkeypatch
):
    outcome = biograd("draw", trained, "--check", "200", "--json")
    assert outcome.code == 0, outcome.err
    checked = outcome.result["checked"]
    assert checked["samples"] == 200
    assert all(checked[f"{name}_differ"] == 0 for name in ("spikes", "counts", "answers"))
    (trained / "draw.html").unlink()
    right = check.in_node

    def wrong(net, images):
        net["layers"][0]["vth"] *= 2
        return right(net, images)

    monkeypatch.setattr(check, "browser", lambda: None)
    monkeypatch.setattr(check, "in_node", wrong)
    refused = biograd("draw", trained, "--check", "200")
    assert refused.code == 2 and "differ" in refused.err and refused.err.count("\n") == 1
    assert not (trained / "draw.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere"),
        (["nowhere", "--check", "-1"], "check is -1"),
        (["nowhere", "--weight-bits", "x"], "weight-bits"),
    ],
)
def test_bad_requests_are_refused_in_one_line(arguments, message, biograd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = biograd("draw", *arguments)
    assert outcome.is_one_line and message in outcome.err


def test_a_folder_without_a_run_is_refused_in_one_line(biograd, tmp_path):
    outcome = biograd("draw", tmp_path)
    assert outcome.is_one_line and "model.nir" in outcome.err
