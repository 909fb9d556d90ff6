"""Models, spikes and results come back from their files as they were; files that lie are refused in
one line.

Holds `files.py` and what it stands on: `model.py`, `nir_graph.py`, `archive.py`.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import h5py
import nir
import numpy as np
import pytest

from hardware.border import archive, files
from hardware.border.model import LayerModel, Model, OperationCounts, RunResult, SpikeInput


def example(seed: int = 0, **changes) -> Model:
    rng = np.random.default_rng(seed)
    hidden = LayerModel(
        w=rng.normal(size=(6, 5)),
        bias=rng.normal(size=6),
        w_fb=rng.normal(size=(6, 3)),
        alpha_u=0.9,
        alpha_a=0.3,
    )
    output = LayerModel(w=rng.normal(size=(3, 6)), bias=np.zeros(3), alpha_v=0.123)
    return Model(
        layers=(hidden, output), steps=10, info={"seed": 3, "angles": [12.5, None]}, **changes
    )


def counted(layers: int = 3) -> OperationCounts:
    numbers = {name: np.arange(layers) + index for index, name in enumerate(files.COUNTED)}
    return OperationCounts(**numbers, samples=4, steps=40)


@pytest.mark.parametrize(
    "alpha",
    [
        0.0,
        1e-6,
        0.1,
        0.5,
        0.75,
        0.9,
        0.999,
        1 - 2**-12,
        float(np.nextafter(np.float32(1), np.float32(0))),
    ],
)
def test_a_model_comes_back_exactly_whatever_its_decays(tmp_path, alpha):
    model = example()
    model = replace(
        model,
        layers=tuple(
            replace(layer, alpha_u=alpha, alpha_v=alpha, alpha_a=alpha) for layer in model.layers
        ),
    )
    files.write_model(model, tmp_path / "model.nir")
    back = files.read_model(tmp_path / "model.nir")
    assert (back.steps, back.dt, back.encoder, back.info) == (
        model.steps,
        model.dt,
        model.encoder,
        model.info,
    )
    for layer, original in zip(back.layers, model.layers, strict=True):
        assert (layer.alpha_u, layer.alpha_v, layer.alpha_a) == (
            original.alpha_u,
            original.alpha_v,
            original.alpha_a,
        )
        assert np.array_equal(layer.w, original.w) and np.array_equal(layer.bias, original.bias)
        assert layer.w.dtype == np.float32
    assert np.array_equal(back.layers[0].w_fb, model.layers[0].w_fb) and back.layers[1].w_fb is None


def test_the_file_is_a_nir_graph_of_standard_nodes_in_snntorchs_convention(tmp_path):
    files.write_model(example(), tmp_path / "model.nir")
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w": np.full((6, 5), np.nan)}, "LayerModel.w holds 30 values that are not finite"),
        ({"w": np.zeros(5)}, "LayerModel.w is float64 of shape (5,)"),
        ({"w": np.zeros((0, 5))}, "LayerModel.w has shape (0, 5)"),
        ({"bias": np.zeros(4)}, "LayerModel.bias has shape (4,)"),
        ({"w_fb": np.zeros((4, 3))}, "LayerModel.w_fb has shape (4, 3)"),
        ({"w": np.array([["a"] * 5] * 6)}, "LayerModel.w is <U1"),
        ({"alpha_u": 1.0}, "LayerModel.alpha_u is 1.0"),
        ({"alpha_v": -0.1}, "LayerModel.alpha_v is -0.1"),
        ({"alpha_a": float("nan")}, "LayerModel.alpha_a is nan"),
    ],
)
def test_a_layer_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(").replace(")", r"\)")):
        replace(example().layers[0], **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ()}, "Model.layers is empty"),
        (
            {"layers": (example().layers[1], example().layers[1])},
            r"Model.layers\[1\] takes 6 inputs, layers\[0\] has 3 neurons",
        ),
        ({"layers": (example().layers[0],)}, r"Model.layers\[-1\].w_fb is set"),
        ({"steps": 0}, "Model.steps is 0"),
        ({"steps": 2.5}, "Model.steps is 2.5"),
        ({"dt": 0.0}, "Model.dt is 0.0"),
        ({"info": {"x": float("nan")}}, "Model.info holds what JSON cannot"),
        ({"info": {"x": np.zeros(2)}}, "Model.info holds what JSON cannot"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match="^" + message):
        replace(example(), **changes)


def rewritten(tmp_path, change) -> object:
    """The example's file after `change(file)` on its HDF5."""
    path = tmp_path / "model.nir"
    files.write_model(example(), path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def put(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def add_node(kind):
    def change(file):
        graph = files.to_nir(example())
        graph.nodes["extra"] = kind
        nir.write(file.filename, graph)

    return change


def edges(*pairs):
    return lambda file: put("node/edges", [[a.encode(), b.encode()] for a, b in pairs])(file)


CHAIN = (("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("node/metadata/biograd/format", 2), "format 2; this version reads format 1"),
        (put("node/metadata/biograd/format", "two"), "format b'two'; this version reads format 1"),
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
    ],
)
def test_a_damaged_or_foreign_model_file_is_refused_in_one_line(tmp_path, change, message):
    path = rewritten(tmp_path, change)
    with pytest.raises(ValueError, match=message) as caught:
        files.read_model(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (nir.Conv1d(4, np.zeros((1, 1, 3)), 1, 0, 1, 1, np.zeros(1)), "Conv1d"),
        (nir.LIF(tau=np.ones(3), r=np.ones(3), v_leak=np.zeros(3), v_threshold=np.ones(3)), "LIF"),
        (nir.Linear(np.zeros((3, 3))), "Linear"),
    ],
)
def test_unknown_nodes_are_named(node, name):
    graph = files.to_nir(example())
    graph.nodes["extra"] = node
    with pytest.raises(
        ValueError, match=f"node 'extra' is a {name}; read are Input, Affine, CubaLIF, Output"
    ):
        files.from_nir(graph)


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    path = tmp_path / "model.nir"
    files.write_model(example(), path)
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(
            ValueError, match=r"not a readable HDF5 file|damaged|not a NIR graph|without BioGrad"
        ):
            files.read_model(path)


def test_hdf5_that_claims_huge_arrays_takes_no_memory(tmp_path):
    path = rewritten(
        tmp_path,
        lambda file: file["node/nodes/fc1"].create_dataset(
            "bomb", shape=(2**40,), dtype="f8", chunks=(2**16,)
        ),
    )
    with pytest.raises(ValueError, match=r"'bomb' brings the file to 8,796,.* bytes; at most"):
        files.read_model(path)


@pytest.mark.parametrize("link", [h5py.ExternalLink("/etc/passwd", "/"), h5py.SoftLink("/node")])
def test_hdf5_links_are_not_followed(tmp_path, link):
    def change(file):
        file["node/away"] = link

    with pytest.raises(ValueError, match="'away' is a link to elsewhere"):
        files.read_model(rewritten(tmp_path, change))


def test_hdf5_values_in_another_file_and_of_odd_kinds_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(64))

    def external(file):
        file.create_dataset(
            "node/away", (8,), dtype="f8", external=[(str(tmp_path / "secret"), 0, 64)]
        )

    def opaque(file):
        file.create_dataset("node/odd", data=np.void(b"pickled?"))

    with pytest.raises(ValueError, match="'away' keeps its values in another file"):
        files.read_model(rewritten(tmp_path, external))
    with pytest.raises(ValueError, match=r"'odd' holds .* values; only numbers and text"):
        files.read_model(rewritten(tmp_path, opaque))


def test_hdf5_that_contains_itself_is_refused(tmp_path):
    def change(file):
        file["node/again"] = file["node"]

    with pytest.raises(ValueError, match=r"nested deeper than|more than .* objects"):
        files.read_model(rewritten(tmp_path, change))


def test_missing_files_are_named(tmp_path):
    for read in (files.read_model, files.read_spikes, files.read_result):
        with pytest.raises(FileNotFoundError, match="absent: no such file"):
            read(tmp_path / "absent")


def test_writing_leaves_nothing_behind_when_it_fails(tmp_path):
    (tmp_path / "kept").write_text("old")

    def fill(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        archive.write_whole(tmp_path / "kept", fill)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"] and (
        tmp_path / "kept"
    ).read_text() == "old"


def test_spikes_come_back_as_they_were(tmp_path):
    spikes = SpikeInput(
        spikes=np.random.default_rng(0).random((7, 3, 11)) < 0.3, labels=np.array([2, 0, 1])
    )
    files.write_spikes(spikes, tmp_path / "spikes.npz")
    back = files.read_spikes(tmp_path / "spikes.npz")
    assert np.array_equal(back.spikes, spikes.spikes) and back.spikes.dtype == np.uint8
    assert np.array_equal(back.labels, [2, 0, 1]) and back.labels.dtype == np.int64
    np.savez(tmp_path / "plain.npz", spikes=spikes.spikes.astype(bool))
    assert np.array_equal(files.read_spikes(tmp_path / "plain.npz").spikes, spikes.spikes)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"spikes": np.zeros((3, 4))}, r"shape \(3, 4\)"),
        ({"spikes": np.zeros((3, 0, 4))}, "none of them 0"),
        ({"spikes": np.full((3, 4, 5), 2)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), 0.5)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), np.nan)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), -1)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), 256)}, "other values than 0 and 1"),
        ({"spikes": np.full((3, 4, 5), "1")}, "holds <U1 values"),
        (
            {"spikes": np.zeros((3, 4, 5)), "labels": np.zeros(3, int)},
            "one whole number per sample",
        ),
        ({"spikes": np.zeros((3, 4, 5)), "labels": np.zeros(4)}, "one whole number per sample"),
        ({"x": np.zeros(3)}, "has no array 'spikes'; found 'x'"),
        (
            {"spikes": np.zeros(3, np.uint8), "shape": np.array([2, 2]), "format": 1},
            r"do not make shape \(2, 2\)",
        ),
        (
            {
                "spikes": np.zeros(3, np.uint8),
                "shape": np.array([10**6, 10**6, 10**6]),
                "format": 1,
            },
            "do not make shape",
        ),
        (
            {"spikes": np.zeros(3, np.uint8), "shape": np.array([1, 1, 24]), "format": 9},
            "format 9; this version reads format 1",
        ),
    ],
)
def test_spikes_that_make_no_sense_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "spikes.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        files.read_spikes(tmp_path / "spikes.npz")


def test_a_result_comes_back_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    layers = tuple(rng.integers(-9, 9, (10, 4, n), dtype=np.int32) for n in (6, 3))
    counts = rng.integers(0, 10, (4, 3))
    result = RunResult(
        counts=counts,
        target="emulator",
        seconds=0.25,
        operations=counted(),
        u=layers,
        v=layers,
        wrapped_currents=2,
    )
    files.write_result(result, tmp_path / "result.npz")
    back = files.read_result(tmp_path / "result.npz")
    assert np.array_equal(back.counts, counts) and back.counts.dtype == np.int32
    assert (
        back.target,
        back.seconds,
        back.samples,
        back.wrapped_currents,
        back.saturated_voltages,
    ) == ("emulator", 0.25, 4, 2, None)
    assert all(np.array_equal(a, b) for a, b in zip(back.u, layers, strict=True)) and back.s is None
    for name in files.COUNTED:
        assert np.array_equal(getattr(back.operations, name), getattr(result.operations, name))
    assert back.operations.totals() == result.operations.totals()


def test_the_class_with_most_spikes_wins_and_the_lowest_of_equals():
    counts = np.array([[0, 3, 3], [5, 5, 5], [0, 0, 1]])
    result = RunResult(counts=counts, target="emulator", seconds=0.0, operations=counted())
    assert result.predictions.tolist() == [1, 0, 2]
    assert result.accuracy(np.array([1, 0, 0])) == pytest.approx(2 / 3)


def test_counts_are_summed_and_shared_out():
    operations = counted()
    assert operations.totals()["spikes"] == sum(np.arange(3) + files.COUNTED.index("spikes"))
    assert operations.per_sample()["spikes"] == operations.totals()["spikes"] / 4
    with pytest.raises(ValueError, match=r"OperationCounts.messages is int64 of shape \(2,\)"):
        replace(operations, messages=np.zeros(2, int))
    with pytest.raises(ValueError, match=r"OperationCounts\.spikes"):
        replace(operations, spikes=-np.ones(3, int))


def forged(tmp_path, name: str, header: bytes | None = None, body: bytes = b"") -> object:
    """An .npz whose array `name` has the given .npy header, in Python's own notation."""
    path = tmp_path / "forged.npz"
    with zipfile.ZipFile(path, "w") as file:
        text = (header or b"") + b" " * (118 - len(header or b"") - 1) + b"\n"
        file.writestr(
            f"{name}.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body
        )
    return path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000, 1000), }",
            "the file holds",
        ),
        (
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 2, 2), }",
            r"has shape \(-1, 2, 2\)",
        ),
        (
            b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 1), }",
            "pickled objects are never read",
        ),
        (
            b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1, 1, 1), }",
            "pickled objects are never read",
        ),
        (b"{'descr': '|u1', __import__('os').abort()}", "not a readable .npz"),
        (b"no header at all", "not a readable .npz"),
    ],
)
def test_an_npz_with_a_forged_header_is_refused_before_memory_is_taken(tmp_path, header, message):
    with pytest.raises(ValueError, match=message):
        files.read_spikes(forged(tmp_path, "spikes", header))


def test_an_npz_with_pickled_objects_is_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (json.loads, ("[broken",))

    np.savez(tmp_path / "bomb.npz", spikes=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="pickled objects are never read"):
        files.read_spikes(tmp_path / "bomb.npz")


def test_an_npz_cut_short_or_no_npz_at_all_is_refused(tmp_path):
    path = tmp_path / "spikes.npz"
    files.write_spikes(SpikeInput(spikes=np.ones((10, 20, 30))), path)
    whole = path.read_bytes()
    for content in (b"", b"PK", whole[: len(whole) // 2], whole[:-5], b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"not a readable \.npz file"):
            files.read_spikes(path)


def test_a_zip_bomb_is_refused_by_its_announced_size(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    files.write_spikes(SpikeInput(spikes=np.ones((10, 20, 30))), path)
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"unpacks to 1,\d+ bytes; at most 1,000 are read"):
        files.read_spikes(path)
