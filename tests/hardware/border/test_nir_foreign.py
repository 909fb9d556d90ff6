"""NIR graphs of other tools: each tool's own step, written by hand, fires the Model's spikes."""

from __future__ import annotations

import itertools

import h5py
import nir
import numpy as np
import pytest

from hardware.border.files import read_model, write_model
from hardware.border.model import SpikeInput
from hardware.border.nir_foreign import Foreign, from_foreign
from hardware.fixed_point import quantise
from hardware.limits import check
from hardware.targets import run

RNG = np.random.default_rng(0)
W1, B1 = RNG.normal(0, 0.5, (12, 20)), RNG.normal(0.1, 0.1, 12)
W2 = RNG.normal(0.1, 0.5, (5, 12))
SPIKES = (RNG.random((15, 30, 20)) < 0.3).astype(float)
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


def cuba(size, *, tau_syn, tau_mem, r, w_in, threshold=1.0, leak=0.0, shape=None):
    full = (size,) if shape is None else shape
    syn, mem, r, leak, threshold, w_in = (
        np.full(full, value) for value in (tau_syn, tau_mem, r, leak, threshold, w_in)
    )
    return nir.CubaLIF(
        tau_syn=syn, tau_mem=mem, r=r, v_leak=leak, v_threshold=threshold, w_in=w_in, v_reset=leak
    )


def model_spikes(model, spikes=SPIKES):
    """Spikes of the step that a Model means."""
    s_pre = spikes
    for layer in model.layers:
        u = v = s = np.zeros((spikes.shape[1], len(layer.w)))
        out = []
        for now in s_pre:
            u = layer.alpha_u * u + now @ layer.w.T.astype(float) + layer.bias
            v = layer.alpha_v * v * (1 - s) + u
            s = (v > 1).astype(float)
            out.append(s)
        s_pre = np.array(out)
    return s_pre


def own_spikes(step, *layers, spikes=SPIKES):
    """Spikes of a tool's own step, `step(state, current) -> state, s`, through layers (w, b)."""
    s_pre = spikes
    for w, b in layers:
        state, out = None, []
        for now in s_pre:
            state, s = step(np.zeros((len(now), len(w))) if state is None else state, now @ w.T + b)
            out.append(s)
        s_pre = np.array(out)
    assert 0.02 < s_pre.mean() < 0.98
    return s_pre


def test_spikingjelly_lif_with_decaying_input():
    tau, threshold = 2.0, 0.4

    # neuronal_charge, fire, hard reset of LIFNode(tau, decay_input=True, v_reset=0)
    def step(v, x):
        v = v + (x - v) / tau
        s = (v >= threshold).astype(float)
        return v * (1 - s), s

    node = {"tau": tau * 1e-4, "r": 1.0, "threshold": threshold}
    read = from_foreign(
        graph(nir.Affine(W1, B1), lif(12, **node), nir.Linear(W2), lif(5, **node)),
        Foreign(steps=20, dt=1e-4),
    )
    assert np.array_equal(model_spikes(read), own_spikes(step, (W1, B1), (W2, 0)))


def test_spikingjelly_lif_without_decaying_input_implies_its_time_step():
    tau = 4.0

    def step(v, x):
        v = v * (1 - 1 / tau) + x
        s = (v >= 1).astype(float)
        return v * (1 - s), s

    read = from_foreign(
        graph(
            nir.Affine(W1, B1),
            lif(12, tau=tau * 3e-3, r=tau),
            nir.Linear(W2),
            lif(5, tau=tau * 3e-3, r=tau),
        ),
        T20,
    )
    assert (
        read.dt == pytest.approx(3e-3)
        and read.layers[0].alpha_v == 0.75
        and read.layers[0].alpha_u == 0
    )
    assert np.array_equal(model_spikes(read), own_spikes(step, (W1, B1), (W2, 0)))


def test_norse_current_based_lif_fires_the_same_one_step_later_per_layer():
    dt, tau_mem, tau_syn = 1e-3, 1e-2, 5e-3

    def step(state, x):  # lif_feed_forward_step: the voltage hears the current of the step before
        v, i = (state, state) if not isinstance(state, tuple) else state
        v = v + dt / tau_mem * (-v + i)
        s = (v > 0.3).astype(float)
        return (v * (1 - s), i - dt / tau_syn * i + x), s

    node = {
        "tau_syn": tau_syn,
        "tau_mem": tau_mem,
        "r": 1.0,
        "w_in": 1.0,
        "threshold": 0.3,
        "shape": (1,),
    }
    nodes = graph(nir.Affine(W1, B1), cuba(12, **node), nir.Linear(W2), cuba(5, **node))
    read = from_foreign(nodes, Foreign(steps=20, dt=dt, w_in="jump"))
    assert (read.layers[0].alpha_u, read.layers[0].alpha_v) == (np.float32(0.8), np.float32(0.9))
    spikes_of_norse = own_spikes(
        step, (W1, B1), (W2, 0), spikes=np.concatenate([SPIKES, np.zeros((2, 30, 20))])
    )
    assert np.array_equal(model_spikes(read), spikes_of_norse[2:])


def test_the_two_readings_of_w_in_differ_by_tau_syn_over_dt():
    node = cuba(12, tau_syn=4e-4, tau_mem=1e-3, r=10.0, w_in=1.0)
    euler = from_foreign(
        graph(nir.Affine(W1, B1), node), Foreign(steps=20, dt=1e-4, w_in="euler")
    ).layers[0]
    jump = from_foreign(
        graph(nir.Affine(W1, B1), node), Foreign(steps=20, dt=1e-4, w_in="jump")
    ).layers[0]
    assert (
        np.allclose(jump.w, W1, rtol=1e-6)
        and np.allclose(euler.w, W1 / 4, rtol=1e-6)
        and np.allclose(euler.bias, B1 / 4, rtol=1e-6)
    )
    with pytest.raises(
        ValueError,
        match=r"node 'n1': w_in is 1, and tau_syn / dt 4: .*--w-in euler.* 0\.25 .*--w-in jump",
    ):
        from_foreign(graph(nir.Affine(W1, B1), node), T20)


def test_a_w_in_of_one_meaning_in_both_readings_changes_no_weight():
    f = np.float32  # as snnTorch writes it, r = 19.999994 and all
    tau_syn, tau_mem = f(1e-4) / (f(1) - f(0.5)), f(1e-4) / (f(1) - f(0.95))
    node = cuba(12, tau_syn=tau_syn, tau_mem=tau_mem, r=tau_mem / f(1e-4), w_in=tau_syn / f(1e-4))
    layer = from_foreign(graph(nir.Affine(W1.astype(f), B1.astype(f)), node), T20).layers[0]
    assert np.array_equal(layer.w, W1.astype(f)) and np.array_equal(layer.bias, B1.astype(f))
    assert (layer.alpha_u, layer.alpha_v) == (f(0.5), f(0.95))


def test_each_neuron_may_have_its_own_threshold_and_resistance():
    thresholds = np.linspace(0.5, 2, 12)
    node = nir.LIF(
        np.full(12, 2e-3), np.linspace(10, 30, 12), np.zeros(12), thresholds, v_reset=np.zeros(12)
    )
    layer = from_foreign(graph(nir.Affine(W1, B1), node), Foreign(steps=20, dt=1e-4)).layers[0]
    factor = np.linspace(10, 30, 12) / 20 / thresholds
    assert np.allclose(layer.w, W1 * factor[:, None], rtol=1e-6) and np.allclose(
        layer.bias, B1 * factor, rtol=1e-6
    )


def test_a_voltage_that_leaks_and_resets_to_another_value_is_shifted():
    def step(v, x):
        # at rest it stands where it leaks
        v = 0.9 * (v - 0.3) + 0.3 + x if np.any(v) else np.full_like(v, 0.3) + x
        s = (v > 0.8).astype(float)
        return np.where(s > 0, 0.3, v), s

    node = lif(12, tau=1e-3, r=10.0, threshold=0.8, leak=0.3, reset=0.3)
    read = from_foreign(graph(nir.Linear(W1), node), T20)
    assert np.array_equal(model_spikes(read), own_spikes(step, (W1, 0)))


def test_a_time_step_that_the_file_does_not_imply_must_be_named():
    nodes = graph(nir.Affine(W1, B1), lif(12, tau=2e-2, r=1.0))
    with pytest.raises(
        ValueError, match=r"no time step, .*--dt; 1e-4 for SpikingJelly.* 1e-3 for Norse"
    ):
        from_foreign(nodes, T20)
    assert from_foreign(nodes, Foreign(steps=20, dt=1e-3)).layers[0].alpha_v == np.float32(0.95)


def test_norse_time_constants_of_a_thousandth_are_explained():
    nodes = graph(nir.Affine(W1, B1), cuba(12, tau_syn=5e-6, tau_mem=1e-5, r=1.0, w_in=1.0))
    with pytest.raises(
        ValueError,
        match=r"tau_mem is 1e-05 s, less than dt = 0.001 s: .*Norse .* those dt is 1e-06",
    ):
        from_foreign(nodes, Foreign(steps=20, dt=1e-3, w_in="jump"))
    layer = from_foreign(nodes, Foreign(steps=20, dt=1e-6, w_in="jump")).layers[0]
    assert (layer.alpha_u, layer.alpha_v) == (np.float32(0.8), np.float32(0.9))


def test_time_constants_that_differ_within_a_layer_are_those_of_its_neurons():
    tau = np.linspace(1e-3, 3e-3, 12)
    node = nir.LIF(tau, tau * 1e4, np.zeros(12), np.ones(12), v_reset=np.zeros(12))
    layer = from_foreign(graph(nir.Linear(W1), node), T20).layers[0]
    assert layer.alphas_u is None and layer.alpha_u == 0
    np.testing.assert_array_equal(layer.alphas_v, (1 - 1e-4 / tau).astype(np.float32))


def test_time_constants_that_differ_within_a_map_are_refused_with_their_mean():
    tau = np.linspace(1e-3, 3e-3, 4 * 9).reshape(4, 3, 3)
    ones = np.ones_like(tau)
    node = nir.LIF(tau, tau * 1e4, 0 * ones, ones, v_reset=0 * ones)
    kernels = nir.Conv2d((5, 5), np.ones((4, 1, 3, 3)), 1, 0, 1, 1, np.zeros(4))
    with pytest.raises(
        ValueError,
        match=r"tau_mem runs from 0.001 to 0.003 s within a map; need one per layer or map, e.g.",
    ):
        from_foreign(graph(kernels, node), T20)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"dt": 0.0}, "dt is 0.0"), ({"w_in": "norse"}, "known: euler .*, jump")],
)
def test_invalid_facts_about_a_file_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Foreign(steps=20, **change)


def test_a_file_of_another_tool_is_read_once_its_steps_are_named(tmp_path):
    path = tmp_path / "theirs.nir"
    nodes = graph(
        nir.Affine(W1, B1),
        lif(12, tau=2e-3, r=20.0),
        nir.Linear(W2),
        cuba(5, tau_syn=2e-4, tau_mem=1e-3, r=10, w_in=2),
    )
    nir.write(path, nodes)
    # older tools wrote scalars, which nir 1.0.8 reads and cannot write
    with h5py.File(path, "r+") as file:
        node = file["node/nodes/n1"]
        for name in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            value = node[name][0]
            del node[name]
            node[name] = value
    with pytest.raises(
        ValueError,
        match=r"theirs.nir: .*without BioGrad's metadata: .* name its time steps \(--steps\)",
    ):
        read_model(path)
    read, direct = read_model(path, foreign=T20), from_foreign(nodes, T20)
    assert read.sizes == (20, 12, 5) and read.steps == 20
    assert np.array_equal(model_spikes(read), model_spikes(direct))


def test_a_file_of_biograd_states_its_time_step_itself(tmp_path):
    model = from_foreign(graph(nir.Affine(W1, B1), lif(12, tau=2e-3, r=20.0)), T20)
    write_model(model, tmp_path / "ours.nir")
    read = read_model(tmp_path / "ours.nir", foreign=Foreign(steps=3))
    assert read.steps == 20 and np.array_equal(read.layers[0].w, model.layers[0].w)
    for fact in ({"dt": 1e-3}, {"w_in": "jump"}):
        with pytest.raises(ValueError, match=r"a file of BioGrad, .*: leave dt, w_in and"):
            read_model(tmp_path / "ours.nir", foreign=Foreign(steps=3, **fact))


def test_a_model_of_another_tool_runs_in_the_chips_integers():
    model = from_foreign(
        graph(
            nir.Affine(W1, B1), lif(12, tau=1e-3, r=10.0), nir.Linear(W2), lif(5, tau=1e-3, r=10.0)
        ),
        Foreign(steps=15),
    )
    fixed = quantise(model)
    check(fixed)
    result = run(fixed, SpikeInput(spikes=SPIKES.astype(np.uint8)), "emulator")
    counts = model_spikes(model).sum(0)
    # spikes per sample; 8 bits round some of them away
    assert counts.std() > 1 and np.abs(result.counts - counts).mean() < 0.5
