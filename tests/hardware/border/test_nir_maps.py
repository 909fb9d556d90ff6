"""Convolutions, pools, loops, delays and readouts in NIR graphs, there and back; their traps."""

from __future__ import annotations

import dataclasses
import itertools

import nir
import numpy as np
import pytest

from hardware.border.files import read_model, write_model
from hardware.border.layers import LayerModel, expect_plain
from hardware.border.model import Model
from hardware.border.nir_foreign import Foreign, from_foreign
from hardware.border.shapes import Convolution, Pool
from hardware.convolution.currents import currents

RNG = np.random.default_rng(0)
FOREIGN = Foreign(steps=5)
AVERAGE = Pool(kind="average", size=2, stride=2)
SUM = Pool(kind="sum", size=2, stride=2)


def model() -> Model:
    """A kernel, a kernel behind a pool, a recurrent layer behind another, and a readout."""
    first = Convolution(in_shape=(2, 17, 8), channels=4, kernel=3, stride=(2, 1), padding=(1, 0))
    second = Convolution(
        in_shape=first.out_shape, channels=6, kernel=2, groups=2, dilation=2, pools=(AVERAGE,)
    )
    third = Convolution(in_shape=second.out_shape, channels=5, kernel=1)
    return Model(
        layers=(
            LayerModel(
                w=RNG.normal(size=first.weight_shape),
                bias=RNG.normal(size=4),
                conv=first,
                alpha_u=0.0,
                alpha_v=1.0,
            ),
            LayerModel(
                w=RNG.normal(size=second.weight_shape),
                bias=RNG.normal(size=6),
                conv=second,
                reset="subtract_late",
                delay=RNG.integers(0, 4, second.inputs),
            ),
            LayerModel(w=RNG.normal(size=third.weight_shape), bias=RNG.normal(size=5), conv=third),
            LayerModel(
                w=RNG.normal(size=(3, third.outputs)),
                bias=RNG.normal(size=3),
                w_rec=RNG.normal(size=(3, 3)),
                alpha_u=0.25,
                window=0.5,
                surrogate="tails",
                reset="subtract",
            ),
            LayerModel(
                w=RNG.normal(size=(2, 3)), bias=RNG.normal(size=2), fires=False, alpha_u=0.0
            ),
        ),
        steps=7,
        dt=1e-3,
        info={"seed": 3},
    )


def held_equal(a: LayerModel, b: LayerModel) -> None:
    for field in dataclasses.fields(LayerModel):
        first, second = getattr(a, field.name), getattr(b, field.name)
        same = (
            np.array_equal(first, second)
            if isinstance(first, np.ndarray) and isinstance(second, np.ndarray)
            else first == second
        )
        assert same, field.name


def test_every_part_comes_back_exactly(tmp_path):
    written = model()
    write_model(written, tmp_path / "model.nir")
    back = read_model(tmp_path / "model.nir")
    assert (back.steps, back.dt, back.encoder, back.info) == (7, 1e-3, written.encoder, {"seed": 3})
    for a, b in zip(written.layers, back.layers, strict=True):
        held_equal(a, b)


def chain(*nodes: object, shape=(2, 6, 6)) -> nir.NIRGraph:
    names = ["input", *(f"n{i}" for i in range(len(nodes))), "output"]
    ends = (
        nir.Input(input_type={"input": np.array(shape)}),
        nir.Output(output_type={"output": np.array([1])}),
    )
    parts = dict(zip(names, (ends[0], *nodes, ends[1]), strict=True))
    return nir.NIRGraph(parts, list(itertools.pairwise(names)), type_check=False)


def conv(w: np.ndarray, **changes: object) -> nir.Conv2d:
    numbers = {
        "input_shape": None,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": np.zeros(len(w)),
    }
    return nir.Conv2d(weight=w, **(numbers | changes))


def fire(*shape: int) -> nir.IF:
    return nir.IF(r=np.ones(shape), v_threshold=np.ones(shape), v_reset=np.zeros(shape))


W = RNG.normal(size=(3, 2, 3, 3))


def test_neurons_without_leak_imply_their_time_step_and_keep_their_weights():
    read = from_foreign(chain(conv(W), fire(3, 4, 4)), FOREIGN)
    layer = read.layers[0]
    assert (read.dt, layer.alpha_u, layer.alpha_v) == (1.0, 0.0, 1.0)
    assert np.allclose(layer.w, W) and layer.conv == Convolution(
        in_shape=(2, 6, 6), channels=3, kernel=3
    )


@pytest.mark.parametrize("padding", ["same", (1, 1), 1, np.array([1, 1])])
def test_padding_may_be_text_a_number_or_a_pair(padding):
    layer = from_foreign(chain(conv(W, padding=padding), fire(3, 6, 6)), FOREIGN).layers[0]
    assert layer.conv.padding == (1, 1) and layer.conv.out_shape == (3, 6, 6)
    valid = from_foreign(chain(conv(W, padding="valid"), fire(3, 4, 4)), FOREIGN).layers[0]
    assert valid.conv.padding == (0, 0)


@pytest.mark.parametrize("start", [0, 1])
def test_flatten_means_one_row_of_all_maps_with_or_without_a_batch_axis(start):
    flatten = nir.Flatten(input_type={"input": np.array([3, 2, 2])}, start_dim=start, end_dim=-1)
    w = RNG.normal(size=(4, 12))
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    nodes = chain(conv(W), fire(3, 4, 4), pool, flatten, nir.Linear(w), fire(4))
    layer = from_foreign(nodes, FOREIGN).layers[1]
    assert layer.conv.is_dense and layer.conv.pools == (SUM,) and layer.inputs == 48
    assert np.allclose(layer.w.reshape(4, 12), w)


def test_average_and_sum_pools_are_told_apart():
    sizes = (np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    spikes = np.ones((1, 72))
    results = [
        currents(layer.w, layer.conv, spikes)
        for node in (nir.SumPool2d(*sizes), nir.AvgPool2d(*sizes))
        for layer in from_foreign(chain(node, conv(W), fire(3, 1, 1)), FOREIGN).layers
    ]
    assert np.allclose(results[0], 4 * results[1], rtol=1e-5)


@pytest.mark.parametrize("kind", [nir.SumPool2d, nir.AvgPool2d])
def test_a_pool_of_currents_becomes_wider_kernels(kind):
    pool = kind(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    bias = RNG.normal(size=3)
    layer = from_foreign(chain(conv(W, bias=bias), pool, fire(3, 2, 2)), FOREIGN).layers[0]
    plain = Convolution(in_shape=(2, 6, 6), channels=3, kernel=3)
    spikes = (RNG.random((4, 72)) < 0.5).astype(float)
    maps = (currents(W, plain, spikes) + np.repeat(bias, 16)).reshape(4, 3, 2, 2, 2, 2)
    pooled = maps.sum(axis=(3, 5)) / (1 if kind is nir.SumPool2d else 4)
    read = currents(layer.w, layer.conv, spikes) + np.repeat(layer.bias, 4)
    assert np.allclose(read, pooled.reshape(4, 12), atol=1e-5)


def test_one_dimensional_kernels_are_maps_of_one_row():
    w = RNG.normal(size=(3, 2, 4))
    node = nir.Conv1d(
        input_shape=10, weight=w, stride=2, padding=1, dilation=1, groups=1, bias=np.zeros(3)
    )
    layer = from_foreign(chain(node, fire(3, 5), shape=(2, 10)), FOREIGN).layers[0]
    assert layer.conv.in_shape == (2, 1, 10) and layer.conv.out_shape == (3, 1, 5)
    assert np.allclose(layer.w[:, :, 0], w)


def loop(bias: bool) -> nir.NIRGraph:
    weights = (np.ones((3, 3)), np.array([0.5, 0.0, -0.5]))
    nodes = {
        "input": nir.Input(input_type={"input": np.array([2])}),
        "fc": nir.Affine(np.ones((3, 2)), np.array([1.0, 2.0, 3.0])),
        "rec": nir.Affine(*weights) if bias else nir.Linear(weights[0]),
        "lif": fire(3),
        "output": nir.Output(output_type={"output": np.array([3])}),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_a_loop_is_a_layers_own_and_its_bias_joins_the_layers():
    plain, biased = (from_foreign(loop(bias), FOREIGN).layers[0] for bias in (False, True))
    assert np.array_equal(plain.w_rec, np.ones((3, 3))) and plain.bias.tolist() == [1, 2, 3]
    assert biased.bias.tolist() == [1.5, 2.0, 2.5]


def test_a_subgraph_is_read_in_its_place():
    inner = loop(bias=True)
    nodes = {
        "input": nir.Input(input_type={"input": np.array([2])}),
        "cell": inner,
        "output": nir.Output(output_type={"output": np.array([3])}),
    }
    outer = nir.NIRGraph(nodes, [("input", "cell"), ("cell", "output")], type_check=False)
    first, second = (from_foreign(graph, FOREIGN).layers[0] for graph in (outer, inner))
    assert np.array_equal(first.w_rec, second.w_rec) and np.array_equal(first.bias, second.bias)


def test_a_delay_is_whole_steps():
    delay = nir.Delay(np.full(72, 2.0))
    layer = from_foreign(chain(delay, conv(W), fire(3, 4, 4)), FOREIGN).layers[0]
    assert layer.delay.tolist() == [2] * 72
    with pytest.raises(ValueError, match=r"the Delay before node 'n2' is 0\.5 s; need"):
        from_foreign(chain(nir.Delay(np.array([0.5])), conv(W), fire(3, 4, 4)), FOREIGN)
    with pytest.raises(ValueError, match="delay holds 63 steps; the chip has 0 to 62"):
        from_foreign(chain(nir.Delay(np.array([63.0])), conv(W), fire(3, 4, 4)), FOREIGN)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((conv(W, input_shape=(5, 5)), fire(3, 3, 3)), r"takes 2 channels of 5 x 5, and the maps"),
        ((conv(RNG.normal(size=(3, 1, 3, 3))), fire(3, 4, 4)), "takes 1 channels, and the maps"),
        ((conv(RNG.normal(size=(3, 2, 9, 9))), fire(3, 1, 1)), r"a kernel of \(9, 9\)"),
        ((conv(W, padding="same", stride=2), fire(3, 3, 3)), "its padding is 'same' for a kernel"),
        (
            (nir.SumPool2d(np.array([9, 9]), np.array([9, 9]), np.array([0, 0])),),
            r"node 'n0': a pool of \(9, 9\) does not fit the map 6 x 6",
        ),
        ((conv(W), fire(3, 4, 5)), "node 'n1': r has 60 values for 48 neurons"),
        ((nir.Linear(np.ones((3, 9))), fire(3)), "takes 9 inputs, and the maps before it are"),
        (
            (
                conv(W),
                nir.LI(*[np.ones((3, 4, 4))] * 3),
                conv(np.ones((1, 3, 2, 2))),
                fire(1, 3, 3),
            ),
            "node 'n1' does not fire, and layers follow",
        ),
        (
            (
                conv(W),
                nir.IF(
                    r=np.arange(1.0, 49.0).reshape(3, 4, 4),
                    v_threshold=np.ones((3, 4, 4)),
                    v_reset=np.zeros((3, 4, 4)),
                ),
            ),
            "differ between neurons of a map that share their weights",
        ),
    ],
)
def test_graphs_that_do_not_fit_are_refused_in_one_line(nodes, message):
    with pytest.raises(ValueError, match=message) as refused:
        from_foreign(chain(*nodes), Foreign(steps=5, dt=1.0))
    assert "\n" not in str(refused.value)


def test_a_pool_of_maps_whose_shape_nobody_states_is_refused():
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    with pytest.raises(ValueError, match="the shape of the maps before this pool is not known"):
        from_foreign(chain(pool, nir.Linear(np.ones((2, 4))), fire(2), shape=(16,)), FOREIGN)


def test_neurons_that_nir_has_no_node_for_are_refused(tmp_path):
    layer = LayerModel(w=np.ones((1, 1)), bias=np.zeros(1), alpha_u=0.5, alpha_v=1.0)
    with pytest.raises(ValueError, match=r"layer 1 has alpha_v = 1 and alpha_u = 0\.5: NIR's one"):
        write_model(Model(layers=(layer,), steps=2), tmp_path / "model.nir")
    assert not list(tmp_path.iterdir())


def test_what_takes_plain_layers_alone_names_the_part_that_is_not():
    layers = model().layers
    plain = LayerModel(w=np.ones((2, 3)), bias=np.zeros(2))
    expect_plain((plain,), "the page")
    for layer, part in (
        (layers[0], "is convolutional, or pools"),
        (layers[3], "is recurrent"),
        (layers[4], "is a readout that does not fire"),
        (dataclasses.replace(plain, reset="subtract"), "resets by 'subtract'"),
        (dataclasses.replace(plain, delay=np.array([0, 1, 0])), "has delays"),
    ):
        with pytest.raises(ValueError, match=f"layer 2 {part}: the page takes dense layers alone"):
            expect_plain((plain, layer), "the page")
