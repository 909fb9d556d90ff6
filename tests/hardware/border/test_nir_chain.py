"""Any tool's chain of nodes becomes layers; every other graph is refused, with all its faults."""

from __future__ import annotations

import itertools

import nir
import numpy as np
import pytest

from hardware.border.nir_foreign import Foreign, from_foreign

RNG = np.random.default_rng(0)
W1, B1 = RNG.normal(0, 0.5, (12, 20)), RNG.normal(0.1, 0.1, 12)
W2 = RNG.normal(0.1, 0.5, (5, 12))
T20 = Foreign(steps=20)


def graph(*nodes, n_in=20, edges=None):
    """A chain of nodes, named by their place; not type checked, as many tools leave it."""
    names = ["input", *(f"n{i}" for i in range(len(nodes))), "output"]
    ends = (
        nir.Input(input_type={"input": np.array([n_in])}),
        nir.Output(output_type={"output": np.array([5])}),
    )
    chain = dict(zip(names, (ends[0], *nodes, ends[1]), strict=True))
    return nir.NIRGraph(
        chain, list(itertools.pairwise(names)) if edges is None else edges, type_check=False
    )


def lif(size, *, tau, r, threshold=1.0, leak=0.0, reset=0.0, shape=None):
    full = (size,) if shape is None else shape
    return nir.LIF(
        *(np.full(full, value) for value in (tau, r, leak, threshold)), v_reset=np.full(full, reset)
    )


def test_scalar_parameters_and_parameters_of_one_element_hold_for_the_whole_layer():
    wide = from_foreign(graph(nir.Affine(W1, B1), lif(12, tau=2e-3, r=20.0, threshold=0.5)), T20)
    for shape in ((), (1,), (1, 12)):
        other = from_foreign(
            graph(nir.Affine(W1, B1), lif(12, tau=2e-3, r=20.0, threshold=0.5, shape=shape)), T20
        )
        assert (
            np.array_equal(other.layers[0].w, wide.layers[0].w)
            and other.layers[0].alpha_v == wide.layers[0].alpha_v
        )


def test_scales_and_flatten_are_folded_into_the_weights():
    before, between, after = RNG.random(20) + 0.5, RNG.random(12) + 0.5, np.array([2.0])
    node = lif(12, tau=1e-3, r=10.0)
    nodes = graph(
        nir.Flatten(input_type={"input": np.array([4, 5])}, start_dim=0, end_dim=-1),
        nir.Scale(before),
        nir.Affine(W1, B1),
        nir.Scale(between),
        node,
        nir.Scale(after),
        nir.Linear(W2),
        lif(5, tau=1e-3, r=10.0),
    )
    first, second = from_foreign(nodes, T20).layers
    assert np.allclose(first.w, W1 * before * between[:, None], rtol=1e-6) and np.allclose(
        first.bias, B1 * between, rtol=1e-6
    )
    assert np.allclose(second.w, 2 * W2, rtol=1e-6) and not second.bias.any()


def test_all_unsupported_nodes_are_named_in_one_line_with_their_nearest_form():
    nodes = graph(
        nir.Threshold(np.ones(20)),
        nir.I(r=np.ones(20)),
        nir.Affine(W1, B1),
        nir.Linear(W2),
        lif(4, tau=1e-3, r=10.0),
    )
    with pytest.raises(ValueError) as refused:
        from_foreign(nodes, T20)
    line = str(refused.value)
    for part in (
        "node 'n0' is a Threshold, which is not read; nearest: LIF",
        "node 'n1' is a I, which is not read; nearest: LI, or IF",
        "node 'n3' (Linear) follows other weights",
        "node 'n4': tau has 4 values for 5 neurons",
    ):
        assert part in line
    assert "\n" not in line


NEURONS = {"tau": 1e-3, "r": 10.0}


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            graph(
                nir.Linear(W1),
                lif(12, **NEURONS),
                edges=[("input", "n0"), ("n0", "n1"), ("n1", "n0"), ("n1", "output")],
            ),
            "feedback",
        ),
        (
            graph(nir.Linear(W1), lif(12, **NEURONS), edges=[("input", "n0"), ("n1", "output")]),
            "2 beginnings",
        ),
        (
            graph(nir.Linear(W1), lif(12, **NEURONS), edges=[("input", "n0"), ("n0", "n9")]),
            "n9 names a node that does not exist",
        ),
        (graph(nir.Linear(W1)), "ends without spiking neurons"),
        (graph(lif(12, **NEURONS)), "no weights before it"),
        (graph(nir.Flatten(input_type={"input": np.array([4, 5])})), "holds no layer"),
        (
            graph(nir.Linear(W1), lif(12, **NEURONS), nir.Scale(np.ones(12))),
            "ends without spiking neurons",
        ),
        (
            graph(nir.Linear(W1), lif(12, tau=1e-3, r=10.0, threshold=0.0)),
            "v_threshold is 0; need it above",
        ),
        (graph(nir.Linear(W1), lif(12, tau=1e-3, r=10.0, leak=0.2)), "v_reset is 0 and v_leak 0.2"),
        (
            graph(nir.Linear(W1), lif(12, tau=-1e-3, r=10.0)),
            "tau_mem is -0.001 s; need time constants above 0",
        ),
        (graph(nir.Linear(W1), lif(12, tau=np.nan, r=10.0)), "not finite"),
        (
            graph(nir.Linear(W1), nir.Scale(np.ones(3)), lif(12, **NEURONS)),
            "3 values for 12 neurons",
        ),
        (
            graph(nir.Scale(np.ones(3)), nir.Linear(W1), lif(12, **NEURONS)),
            "3 values for 20 inputs",
        ),
        (graph(nir.Linear(np.ones((0, 20))), nir.LIF(*[np.ones(0)] * 4)), "none of them 0"),
        (graph(nir.Linear(np.ones((2, 3, 4))), lif(12, **NEURONS)), r"shape \(2, 3, 4\)"),
    ],
)
def test_a_graph_that_is_no_chain_of_layers_is_refused(nodes, message):
    with pytest.raises(ValueError, match=message):
        from_foreign(nodes, T20)
