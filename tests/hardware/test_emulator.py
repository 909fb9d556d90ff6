"""The emulator's two paths agree with each other, with steps by hand, and with Lava's files."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware import emulator, limits
from hardware.border.files import read_spikes
from hardware.border.model import SpikeInput
from hardware.emulator_step import run_reference
from hardware.fixed_point import FixedPointLayer, FixedPointModel, read_fixed
from hardware.weights import round_to_step

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("net*.npz"))


def layer(w, w_bias=None, **changes) -> FixedPointLayer:
    w = np.array(w)
    return FixedPointLayer(
        w=w,
        w_bias=np.zeros((len(w), 0), int) if w_bias is None else np.array(w_bias),
        **({"vth": 10} | changes),
    )


def one_input(spikes: list[int]) -> SpikeInput:
    return SpikeInput(spikes=np.array(spikes).reshape(-1, 1, 1))


def run_both(fixed: FixedPointModel, spikes: SpikeInput):
    """Result of the fast path, once every number equals the reference's."""
    fast, reference = emulator.run(fixed, spikes, record="uvs"), run_reference(fixed, spikes)
    for name in ("u", "v", "s"):
        for number, (a, b) in enumerate(
            zip(getattr(fast, name), getattr(reference, name), strict=True), start=1
        ):
            assert np.array_equal(a, b), f"{name} of layer {number}"
    assert np.array_equal(fast.counts, reference.counts)
    for name in ("synaptic_operations", "active_updates", "inactive_updates", "spikes", "messages"):
        counts = (getattr(result.operations, name) for result in (fast, reference))
        assert np.array_equal(*counts), name
    return fast


def test_five_steps_by_hand():
    # One synapse of 4: each spike adds 4 << 6 = 256; u halves, v keeps 3/4, threshold 5 << 6 = 320,
    # strictly above.
    fixed = FixedPointModel(layers=(layer([[4]], vth=5, du=2047, dv=1024),), steps=5)
    result = run_both(fixed, one_input([1, 1, 0, 0, 1]))
    # u: 256, 128+256, 192, 96, 48+256;  v: 256, 192+384=576 > 320 fires, 192, 144+96=240,
    # 180+304=484 fires
    assert result.u[0].ravel().tolist() == [256, 384, 192, 96, 304]
    assert result.s[0].ravel().tolist() == [0, 1, 0, 0, 1]
    assert result.v[0].ravel().tolist() == [256, 0, 192, 240, 0]
    assert result.counts.tolist() == [[2]]


def test_wraps_and_saturations_are_counted():
    # 254 << (3 + 6) = 130,048 per spike and input, no decay: 65 steps exceed 2^23, and v
    # saturates before that.
    fixed = FixedPointModel(
        layers=(layer([[254], [-256]], weight_exp=3, du=0, dv=0, vth=131_071),), steps=90
    )
    result = run_both(fixed, one_input([1] * 90))
    assert result.wrapped_currents == 2 and result.saturated_voltages > 10
    calm = run_both(FixedPointModel(layers=(layer([[4]]),), steps=3), one_input([1, 1, 1]))
    assert (calm.wrapped_currents, calm.saturated_voltages) == (0, 0)


def test_the_last_current_that_does_not_wrap_is_two_to_the_23():
    # 8 inputs of 128 << 7 are 2^17, and aligned by 6 bits 2^23; no memory of the current. Below
    # zero the same size wraps.
    for sign, wraps, u in ((1, 0, 2**23), (-1, 1, 2**23)):
        fixed = FixedPointModel(
            layers=(layer([[sign * 128] * 8], weight_exp=7, du=4095, vth=131_071),), steps=1
        )
        result = run_both(fixed, SpikeInput(spikes=np.ones((1, 1, 8))))
        assert (result.wrapped_currents, result.saturated_voltages) == (wraps, 1)
        assert result.u[0].item() == u


@pytest.mark.parametrize("sign", [1, -1])
def test_a_voltage_of_two_to_the_23_is_one_too_many_on_either_side(sign):
    # 4 inputs of 128 << 7, aligned: a current of 2^22 per step, far from wrapping, and no leak.
    fixed = FixedPointModel(
        layers=(layer([[sign * 128] * 4], weight_exp=7, du=4095, dv=0, vth=131_071),), steps=2
    )
    spikes = SpikeInput(spikes=np.ones((2, 1, 4)))
    result = run_both(fixed, spikes)
    assert (result.wrapped_currents, result.saturated_voltages) == (0, 1)
    # The threshold is one unit of 2^6 below 2^23, so that above it the neuron fires and is reset.
    assert result.v[0].ravel().tolist() == [sign * 2**22, 0 if sign > 0 else 1 - 2**23]


def test_the_smallest_voltage_below_zero_stays_where_nothing_leaks():
    # -2 << 6, then 2 << 6 on half of it; the remaining currents add up to one less than the first
    # input.
    fixed = FixedPointModel(layers=(layer([[-2, 2]], dv=0),), steps=10)
    spikes = np.zeros((10, 1, 2))
    spikes[0, 0, 0] = spikes[1, 0, 1] = 1
    result = run_both(fixed, SpikeInput(spikes=spikes))
    assert result.u[0].ravel().tolist() == [-128, 64, 32, 16, 8, 4, 2, 1, 0, 0]
    assert result.v[0].ravel().tolist() == [-128, -64, -32, -16, -8, -4, -2, -1, -1, -1]


def test_bias_axons_feed_the_current_at_every_step():
    fixed = FixedPointModel(layers=(layer([[0]], [[4, 2]], du=4095, dv=0, vth=100),), steps=3)
    assert run_both(fixed, one_input([0, 0, 0])).v[0].ravel().tolist() == [384, 768, 1152]


def test_every_sample_starts_from_rest():
    fixed = FixedPointModel(layers=(layer([[20, -6]], dv=0, du=0),), steps=4)
    spikes = np.random.default_rng(0).random((4, 7, 2)) < 0.5
    together = run_both(fixed, SpikeInput(spikes=spikes))
    for b in range(7):
        alone = emulator.run(fixed, SpikeInput(spikes=spikes[:, b : b + 1]), record="v")
        assert np.array_equal(alone.v[0][:, 0], together.v[0][:, b])


def test_operations_are_counted_by_hand():
    # 2 inputs -> 3 neurons that all fire at any input -> 1 neuron with a bias axon; 2 samples of 2
    # steps.
    first = layer(np.full((3, 2), 100), vth=1, du=4095)
    second = layer(np.full((1, 3), 2), [[2]], vth=1000)
    spikes = np.array([[[1, 1], [0, 0]], [[0, 1], [0, 0]]])
    operations = run_both(
        FixedPointModel(layers=(first, second), steps=2), SpikeInput(spikes=spikes)
    ).operations
    assert operations.spikes.tolist() == [3, 6, 0]
    # the bias axon spikes at each of 4 steps
    assert operations.synaptic_operations.tolist() == [0, 3 * 3, 6 * 1 + 4 * 1]
    # without a bias axon, only steps with a spike are active
    assert operations.active_updates.tolist() == [0, 2 * 3, 4 * 1]
    assert operations.inactive_updates.tolist() == [0, 2 * 3, 0]
    assert operations.messages.tolist() == [3, 6 + 4, 0]
    assert (operations.samples, operations.steps) == (2, 4)


def test_each_spike_of_the_output_is_one_message():
    fixed = FixedPointModel(layers=(layer([[100]] * 3, vth=1, du=4095),), steps=2)
    operations = run_both(fixed, one_input([1, 0])).operations
    # to the one x86 core that counts them
    assert operations.spikes.tolist() == [1, 3] and operations.messages.tolist() == [1, 3]


def test_messages_go_to_each_core_of_the_next_layer():
    fixed = FixedPointModel(layers=(layer(np.zeros((1500, 1), int)),), steps=1)
    assert limits.check(fixed).cores == 2
    assert emulator.run(fixed, one_input([1])).operations.messages.tolist() == [2, 0]


@st.composite
def nets(draw) -> tuple[FixedPointModel, SpikeInput]:
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=5))
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        bits = draw(st.sampled_from([1, 2, 4, 6, 8]))
        mode = draw(st.sampled_from(["mixed", "excitatory", "inhibitory"]))
        axons = draw(st.integers(0, 2))
        w = round_to_step(rng.normal(0, 150, (n_out, n_in + axons)), bits, mode)
        numbers = {
            name: draw(st.sampled_from([0, 1, 7, 2047, 4094, 4095])) for name in ("du", "dv")
        }
        vth, weight_exp = draw(st.sampled_from([1, 50, 700, 8000])), draw(st.integers(-7, 7))
        layers.append(
            FixedPointLayer(
                w=w[:, :n_in],
                w_bias=w[:, n_in:],
                vth=vth,
                weight_exp=weight_exp,
                weight_bits=bits,
                sign_mode=mode,
                **numbers,
            )
        )
    steps, samples = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    spikes = rng.random((steps, samples, sizes[0])) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    return FixedPointModel(layers=tuple(layers), steps=steps), SpikeInput(spikes=spikes)


@given(nets())
def test_the_fast_path_is_the_reference_step_on_any_net(net):
    run_both(*net)


def test_there_are_golden_nets():
    assert len(GOLDEN) >= 20


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_current_voltage_and_spike_is_lavas(path):
    result = run_both(read_fixed(path), read_spikes(path))
    with np.load(path) as lava:
        assert np.array_equal(result.counts, lava["counts"])
        for name in ("u", "v", "s"):
            for number, array in enumerate(getattr(result, name), start=1):
                assert np.array_equal(array, lava[f"{name}{number}"]), f"{name} of layer {number}"


def test_more_samples_than_a_chunk_are_all_run_and_reported():
    fixed = FixedPointModel(layers=(layer([[20]], vth=1, du=4095),), steps=2)
    samples = 2 * emulator.CHUNK_SAMPLES + 1
    spikes = np.zeros((2, samples, 1))
    spikes[0, ::3] = 1
    reports = []
    result = emulator.run(
        fixed, SpikeInput(spikes=spikes), progress=lambda *report: reports.append(report)
    )
    assert np.array_equal(result.counts[:, 0] > 0, spikes[0, :, 0] > 0)
    alone = emulator.run(fixed, SpikeInput(spikes=spikes), record="v", threads=1)
    assert np.array_equal(alone.counts, result.counts) and alone.v[0].shape == (2, samples, 1)
    assert alone.operations.totals() == result.operations.totals()
    assert reports == [(256, samples), (512, samples), (samples, samples)]


@pytest.mark.parametrize(
    ("spikes", "record", "message"),
    [
        (
            np.zeros((5, 1, 2)),
            "",
            "the spikes have 2 inputs, the model takes 1: encode with the model's own data set",
        ),
        (
            np.zeros((4, 1, 1)),
            "",
            "the spikes have 4 steps, the model was made for 5: encode with steps=5",
        ),
        (np.zeros((5, 1, 1)), "ux", "cannot record x; known are u, v, s"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(spikes, record, message):
    fixed = FixedPointModel(layers=(layer([[4]]),), steps=5)
    with pytest.raises(ValueError, match=message):
        emulator.run(fixed, SpikeInput(spikes=spikes), record=record)


def test_recordings_beyond_memory_are_refused(monkeypatch):
    # 5 steps x 2 samples x (3 + 1) neurons: 40 numbers, of 4, 4 and 1 bytes; the 6 inputs are not
    # recorded.
    fixed = FixedPointModel(layers=(layer([[4] * 6] * 3), layer([[4] * 3])), steps=5)
    silence = SpikeInput(spikes=np.zeros((5, 2, 6)))
    monkeypatch.setattr(emulator, "MAX_BYTES", 360)
    result = emulator.run(fixed, silence, record="uvs")
    assert sum(array.nbytes for name in "uvs" for array in getattr(result, name)) == 360
    monkeypatch.setattr(emulator, "MAX_BYTES", 359)
    emulator.run(fixed, silence, record="uv")
    with pytest.raises(
        ValueError,
        match="recording u, v, s would take 360 bytes; at most 359 are kept: run fewer samples",
    ):
        emulator.run(fixed, silence, record="uvs")


@pytest.mark.parametrize("name", ["u", "v", "s"])
def test_a_recording_does_not_depend_on_what_else_is_recorded(name):
    fixed = FixedPointModel(layers=(layer([[20, -6]]), layer([[8]])), steps=4)
    spikes = SpikeInput(spikes=np.random.default_rng(0).random((4, 3, 2)) < 0.5)
    alone = getattr(emulator.run(fixed, spikes, record=[name]), name)
    reference = getattr(run_reference(fixed, spikes), name)
    assert all(np.array_equal(a, b) for a, b in zip(alone, reference, strict=True))


def test_a_run_takes_the_seconds_it_says():
    fixed = FixedPointModel(layers=(layer([[4]]),), steps=5)
    for run in (emulator.run, run_reference):
        start = time.perf_counter()
        seconds = run(fixed, one_input([1] * 5)).seconds
        assert 0 < seconds <= time.perf_counter() - start


def test_what_the_chip_cannot_hold_is_not_emulated():
    fixed = FixedPointModel(layers=(layer([[3]]),), steps=1)
    with pytest.raises(limits.LimitError, match="layer 1: weight 3 is no multiple of 2"):
        emulator.run(fixed, one_input([1]))
    with pytest.raises(limits.LimitError, match="layer 1: vth is 0"):
        emulator.run(replace(fixed, layers=(layer([[2]], vth=0),)), one_input([1]))
