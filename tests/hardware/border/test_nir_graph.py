"""A model is a NIR graph of standard nodes; any other graph is refused in one line."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from hardware.border import files
from hardware.border.nir_graph import graph_of, model_of_graph


def test_the_file_is_a_nir_graph_of_standard_nodes_in_snntorchs_convention(tmp_path, model):
    files.write_model(model, tmp_path / "model.nir")
    graph = nir.read(tmp_path / "model.nir")
    assert [type(node).__name__ for node in graph.nodes.values()] == [
        "Affine",
        "Affine",
        "Input",
        "CubaLIF",
        "CubaLIF",
        "Output",
    ]
    assert graph.edges == [
        ("input", "fc1"),
        ("fc1", "lif1"),
        ("lif1", "fc2"),
        ("fc2", "lif2"),
        ("lif2", "output"),
    ]
    lif = graph.nodes["lif1"]
    assert lif.tau_syn.shape == (6,) and lif.tau_syn.dtype == np.float64
    assert (
        np.allclose(1 - 1e-4 / lif.tau_syn, 0.9)
        and np.allclose(lif.w_in * 1e-4 / lif.tau_syn, 1)
        and np.allclose(lif.r, lif.tau_mem / 1e-4)
    )
    apical = graph.metadata["biograd"]["apical"]
    assert isinstance(nir.dict2NIRNode(apical["fb1"]), nir.Linear) and isinstance(
        nir.dict2NIRNode(apical["li1"]), nir.LI
    )


def put(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def edges(*pairs):
    return lambda file: put("node/edges", [[a.encode(), b.encode()] for a, b in pairs])(file)


CHAIN = (("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("node/metadata/biograd/format", 3), "format 3; this version reads formats 1 and 2"),
        (
            put("node/metadata/biograd/format", "two"),
            "format b'two'; this version reads",
        ),
        (lambda file: file["node"].pop("metadata"), "without BioGrad's metadata"),
        (put("node/metadata/biograd/steps", -3), "metadata 'steps' is -3"),
        (put("node/metadata/biograd/dt", np.nan), "metadata 'dt' is nan"),
        (put("node/metadata/biograd/info", "{"), "metadata 'info' is not JSON"),
        (put("node/metadata/biograd/info", "[1]"), "'info' a list"),
        (lambda file: file["node/metadata/biograd/apical"].pop("li1"), "has no node 'li1'"),
        (
            put("node/nodes/fc1/weight", np.full((6, 5), np.inf)),
            "LayerModel.w holds 30 values that are not finite",
        ),
        (put("node/nodes/fc1/weight", np.zeros((6, 4))), "type mismatch"),
        (put("node/nodes/lif1/v_threshold", np.full(6, -1.0)), "node 'lif1': v_threshold is not"),
        (put("node/nodes/lif1/v_reset", np.full(6, 0.5)), "node 'lif1': v_reset is not"),
        (put("node/nodes/lif1/r", np.ones(6)), "node 'lif1': r is not"),
        (put("node/nodes/lif1/w_in", np.ones(6)), "node 'lif1': w_in is not"),
        (put("node/nodes/lif1/tau_syn", np.full(6, 1e-5)), "node 'lif1'"),
        (put("node/nodes/lif1/type", "LIF"), "not a NIR graph"),
        (put("node/nodes/lif1/type", "Conv9d"), "not a NIR graph"),
        (lambda file: file["node/nodes"].pop("fc2"), "not a NIR graph"),
        (lambda file: file["node"].pop("edges"), "not a NIR graph"),
        (edges(*CHAIN, ("lif1", "fc1")), "not a NIR graph|no plain chain"),
        (edges(*CHAIN[:2], ("lif1", "lif1"), *CHAIN[2:]), "no plain chain .*lif1 -> lif1"),
        (edges(*CHAIN[:-1]), "need input, fc1, lif1, ..., output"),
        (edges(*CHAIN, ("input", "fc1")), "not a NIR graph"),
        (put("node/nodes/fc1/weight", "text"), "not a NIR graph"),
        (put("node/metadata/biograd/window", np.ones(3)), "metadata 'window' is float64 of shape"),
        (put("node/metadata/biograd/window", "wide"), "metadata 'window' is <U4 of shape"),
        (put("node/metadata/biograd/window", np.zeros(2)), "LayerModel.window is 0.0"),
    ],
)
def test_a_damaged_or_foreign_model_file_is_refused_in_one_line(rewritten, change, message):
    path = rewritten(change)
    with pytest.raises(ValueError, match=message) as caught:
        files.read_model(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_each_layers_surrogate_window_survives(rewritten):
    path = rewritten(lambda file: None)
    assert [layer.window for layer in files.read_model(path).layers] == [0.25, 1.0]


def test_a_file_of_an_older_version_has_no_windows_and_means_the_default(rewritten):
    path = rewritten(lambda file: file["node/metadata/biograd"].pop("window"))
    assert [layer.window for layer in files.read_model(path).layers] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (nir.Conv1d(4, np.zeros((1, 1, 3)), 1, 0, 1, 1, np.zeros(1)), "Conv1d"),
        (nir.LIF(tau=np.ones(3), r=np.ones(3), v_leak=np.zeros(3), v_threshold=np.ones(3)), "LIF"),
        (nir.Linear(np.zeros((3, 3))), "Linear"),
    ],
)
def test_unknown_nodes_are_named(model, node, name):
    graph = graph_of(model)
    graph.nodes["extra"] = node
    with pytest.raises(
        ValueError, match=f"node 'extra' is a {name}; read are Input, Affine, CubaLIF, Output"
    ):
        model_of_graph(graph)
