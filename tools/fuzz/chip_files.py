"""Readers of the chip side: models, spikes, results, and the state of on-chip learning."""

from __future__ import annotations

import dataclasses
import io
import itertools

import mutations
import numpy as np
from reader import ZIP, Reader, written


def _models():
    from hardware.border.model import LayerModel, Model
    from hardware.border.shapes import Convolution

    rng = np.random.default_rng(0)
    hidden = LayerModel(
        w=rng.normal(size=(4, 3)),
        bias=rng.normal(size=4),
        w_fb=rng.normal(size=(4, 2)),
        alpha_a=0.3,
    )
    output = LayerModel(w=rng.normal(size=(2, 4)), bias=np.zeros(2))
    conv = Convolution(in_shape=(1, 1, 3), channels=2, kernel=(1, 2), stride=1)
    behind = Convolution(in_shape=conv.out_shape, channels=2, kernel=(1, 2))
    maps = (
        LayerModel(w=rng.normal(size=conv.weight_shape), bias=np.zeros(2), conv=conv),
        LayerModel(
            w=rng.normal(size=behind.weight_shape),
            bias=np.ones(2),
            conv=behind,
            reset="subtract",
            delay=np.array([0, 1, 2, 0]),
        ),
        LayerModel(
            w=rng.normal(size=(2, 2)), bias=np.ones(2), w_rec=np.eye(2), alpha_u=0.0, alpha_v=1.0
        ),
        LayerModel(w=np.eye(2), bias=np.zeros(2), fires=False),
    )
    return (
        Model(layers=(hidden, output), steps=5, info={"seed": 1}),
        Model(layers=(LayerModel(w=np.eye(2), bias=np.zeros(2)),), steps=3),
        Model(layers=maps, steps=5),
    )


def model() -> Reader:
    """Return the reader of NIR files."""
    from hardware.border.files import read_model, write_model

    words = (
        *(b"Affine", b"CubaLIF", b"Linear", b"Conv2d", b"LI", b"NIRGraph", b"biograd"),
        *(b"HDF\r\n\x1a\n", b"TREE", b"SNOD", b"HEAP", b"GCOL"),
    )
    return Reader(
        [written(lambda path, m=m: write_model(m, path)) for m in _models()],
        read_model,
        words=words,
        name="model.nir",
    )


def foreign() -> Reader:
    """Return the reader of NIR files as other tools write them."""
    import nir

    from hardware.border.files import read_model
    from hardware.border.nir_foreign import Foreign

    ones = np.ones(3, dtype=np.float32)
    lif = nir.LIF(tau=ones * 2e-3, r=ones * 20, v_leak=0 * ones, v_threshold=ones)
    cuba = nir.CubaLIF(
        tau_syn=ones * 2e-3,
        tau_mem=ones * 4e-3,
        r=ones * 40,
        v_leak=0 * ones,
        v_threshold=ones,
        w_in=ones * 20,
    )
    linear, affine = nir.Linear(weight=np.eye(3, 4)), nir.Affine(weight=np.eye(3, 4), bias=ones)
    conv = nir.Conv2d((2, 2), np.ones((3, 1, 2, 2)), 1, 0, 1, 1, np.zeros(3))
    pool = nir.SumPool2d(np.array([1, 1]), np.array([1, 1]), np.array([0, 0]))
    integrate = nir.IF(np.ones((3, 1, 1)), np.ones((3, 1, 1)), np.zeros((3, 1, 1)))
    nodes = {
        "input": nir.Input(np.array([1, 2, 2])),
        "pool": pool,
        "conv": conv,
        "if": integrate,
        "flatten": nir.Flatten({"input": np.array([3, 1, 1])}, 0, -1),
        "fc": nir.Linear(weight=np.eye(3)),
        "lif": lif,
        "rec": nir.Affine(weight=np.eye(3), bias=ones),
        "output": nir.Output(np.array([3])),
    }
    chain = ("input", "pool", "conv", "if", "flatten", "fc", "lif", "output")
    edges = [*itertools.pairwise(chain), ("lif", "rec"), ("rec", "lif")]
    maps = nir.NIRGraph(nodes, edges, type_check=False)
    seeds = [written(lambda path: nir.write(path, maps), "maps.nir")]
    for first, second in ((linear, lif), (affine, cuba)):
        nodes = {
            "input": nir.Input(np.array([4])),
            "0": first,
            "1": second,
            "output": nir.Output(np.array([3])),
        }
        graph = nir.NIRGraph(nodes=nodes, edges=[("input", "0"), ("0", "1"), ("1", "output")])
        seeds.append(written(lambda path, graph=graph: nir.write(path, graph), "g.nir"))
    words = (
        *(b"Affine", b"CubaLIF", b"Linear", b"Conv2d", b"Flatten", b"Scale", b"Delay"),
        *(b"TREE", b"SNOD", b"HEAP", b"GCOL"),
    )
    return Reader(
        seeds,
        lambda path: read_model(path, foreign=Foreign(steps=5, dt=1e-4)),
        words=words,
        name="foreign.nir",
    )


def spikes() -> Reader:
    """Return the reader of encoded samples, .npz."""
    from hardware.border.files import read_spikes, write_spikes
    from hardware.border.model import SpikeInput

    samples = SpikeInput(
        spikes=np.random.default_rng(0).random((4, 3, 5)) < 0.4, labels=np.array([0, 2, 1])
    )
    plain = io.BytesIO()
    np.savez(plain, spikes=samples.spikes.astype(np.uint8))
    seeds = [written(lambda path: write_spikes(samples, path), "s.npz"), plain.getvalue()]
    return Reader(seeds, read_spikes, ZIP, name="spikes.npz")


def result() -> Reader:
    """Return the reader of the result of a run on a target, .npz."""
    from hardware.border.files import read_result, write_result
    from hardware.border.model import SpikeInput
    from hardware.fixed_point import quantise
    from hardware.targets import run

    net = quantise(_models()[0])
    samples = SpikeInput(spikes=np.ones((5, 2, 3)))
    seeds = [
        written(lambda path, r=r: write_result(run(net, samples, "emulator", record=r), path))
        for r in ("", "uvs")
    ]
    return Reader(seeds, read_result, ZIP, name="result.npz")


def fixed() -> Reader:
    """Return the reader of a model in the chip's integers, .npz."""
    from hardware.fixed_point import quantise, read_fixed, write_fixed

    return Reader(
        [written(lambda path, m=m: write_fixed(quantise(m), path)) for m in _models()],
        read_fixed,
        ZIP,
        name="fixed.npz",
    )


def netx() -> Reader:
    """Return the reader of lava-dl's files, HDF5."""
    from hardware.fixed_layers import FixedPointLayer, FixedPointModel
    from hardware.netx.reading import read_netx
    from hardware.netx.writing import write_netx

    rng, conv = np.random.default_rng(0), _models()[2].layers[0].conv
    numbers = {"vth": 20, "du": 4095}
    layers = (
        FixedPointLayer(
            w=rng.integers(-9, 9, conv.weight_shape) * 2,
            w_bias=np.full((2, 1), 4),
            conv=conv,
            **numbers,
        ),
        FixedPointLayer(
            w=rng.integers(-9, 9, (2, 4)) * 2,
            w_bias=np.zeros((2, 0), int),
            w_rec=np.eye(2, dtype=int) * 4,
            delay=np.array([0, 1, 2, 3]),
            **numbers,
        ),
    )
    model = FixedPointModel(layers=layers, steps=5)
    words = (
        *(b"conv", b"dense", b"dense_rec", b"pool", b"flatten", b"input", b"LOIHI", b"CUBA"),
        *(b"TREE", b"SNOD", b"HEAP", b"GCOL"),
    )
    return Reader(
        [written(lambda path: write_netx(model, path), "n.net")],
        read_netx,
        words=words,
        name="n.net",
    )


def learning() -> Reader:
    """Return the reader of the state of a learning chip, .npz."""
    from hardware.learning.params import ChipLearningParams
    from hardware.learning.state import read_state, start, write_state

    params = ChipLearningParams(sizes=(5, 4, 3), samples=10)
    seeds = [
        written(lambda path: write_state(start(params), path)),
        written(lambda path: write_state(start(_unsigned(params)), path)),
    ]
    return Reader(seeds, read_state, (*ZIP, _inside_params), name="learning.npz")


def _unsigned(params):
    return dataclasses.replace(params, traces="unsigned", feedback="random")


def _inside_params(rng, content, others, words):
    """Change a number or word in the parameters of a learning chip."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)
    name = rng.choice(("params", "params", "info"))
    arrays[name] = np.array(
        mutations.in_text(rng, str(arrays[name]).encode(), [], words).decode("utf-8", "replace")
    )
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()
