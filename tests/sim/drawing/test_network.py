"""network.js is the emulator to the last bit: spikes, operations, joules, and the encoders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data.samples import encode
from biograd.deployment import chip_spikes
from biograd.drawing import check, html
from biograd.encoders import ENCODERS
from biograd.errors import ERRORS, errors_over_time
from biograd.interop.nir import to_model
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentParams
from hardware import emulator, limits
from hardware.border.archive import read_npz
from hardware.border.files import read_spikes
from hardware.border.model import SpikeInput
from hardware.energy import PROFILES, estimate
from hardware.fixed_point import FixedPointLayer, FixedPointModel, quantise, read_fixed

GOLDEN = Path(__file__).parents[2] / "golden"
pytestmark = pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)


def test_the_javascript_gives_every_current_voltage_and_spike_that_lava_gave():
    given, expected = [], []
    for file in sorted(GOLDEN.glob("net*.npz")):
        fixed, spikes, arrays = read_fixed(file), read_spikes(file).spikes, read_npz(file)
        samples = [spikes[:, b].ravel().tolist() for b in range(spikes.shape[1])]
        given.append({"net": html.network(fixed), "spikes": samples})
        layers = range(1, len(fixed.layers) + 1)
        expected.append([[arrays[f"{name}{n}"] for n in layers] for name in "uvs"])
    assert len(given) >= 20
    body = """
      const arrays = (l) => [Array.from(l.u), Array.from(l.v), Array.from(l.s)];
      return given.map(({ net, spikes }) => {
        const decoded = BioGrad.decode(net);
        return spikes.map((s) => BioGrad.run(decoded, Uint8Array.from(s)).layers.map(arrays));
      });"""
    for (us, vs, ss), samples in zip(expected, check.node(body, given), strict=True):
        for b, layers in enumerate(samples):
            for k, (u, v, s) in enumerate(layers):
                fired = ss[k][:, b]
                assert np.array_equal(np.reshape(u, fired.shape), us[k][:, b])
                assert np.array_equal(np.reshape(s, fired.shape), fired)
                # Lava's v is after the reset.
                after_reset = np.reshape(v, fired.shape) * (1 - fired.astype(int))
                assert np.array_equal(after_reset, vs[k][:, b])


def test_currents_wrap_and_voltages_saturate_as_on_the_chip():
    strong = FixedPointLayer(
        w=[[254], [-256]], w_bias=np.zeros((2, 0), int), weight_exp=3, du=0, dv=0, vth=131_071
    )
    fixed = FixedPointModel(layers=(strong,), steps=90)
    body = """
      const layer = BioGrad.run(BioGrad.decode(given), new Uint8Array(90).fill(1)).layers[0];
      return [layer.wrapped, layer.saturated, Array.from(layer.u)];"""
    wrapped, saturated, u = check.node(body, html.network(fixed))
    emulated = emulator.run(fixed, SpikeInput(spikes=np.ones((90, 1, 1), int)), record=("u",))
    assert wrapped == emulated.wrapped_currents > 0 and saturated == emulated.saturated_voltages
    assert emulated.u is not None and np.array_equal(np.reshape(u, (90, 2)), emulated.u[0][:, 0])


@pytest.mark.parametrize("encoder", ["integrate_and_fire", "latency"])
def test_every_grey_value_becomes_the_simulators_spikes(encoder):
    greys = torch.arange(256, dtype=torch.uint8)[None]
    body = """
      const greys = Array.from({ length: 256 }, (_, i) => i);
      return given.map((net) => Array.from(BioGrad.encode(net, greys)));"""
    all_steps = (1, 7, 10, 16, 100)
    encoded = check.node(body, [{"encoder": encoder, "steps": steps} for steps in all_steps])
    for steps, spikes in zip(all_steps, encoded, strict=True):
        expected = encode(greys, ENCODERS[encoder], steps)[:, 0].numpy()
        assert np.array_equal(np.reshape(spikes, (steps, 256)), expected)


def test_random_spikes_come_at_the_rate_of_the_grey_value():
    body = "return Array.from(BioGrad.encode(given, [0, 51, 204, 255]));"
    spikes = check.node(body, {"encoder": "bernoulli", "steps": 4000})
    rates = np.reshape(spikes, (4000, 4)).mean(axis=0)
    assert rates == pytest.approx([0, 0.2, 0.8, 1], abs=0.03)  # four standard deviations


def without_bias(fixed: FixedPointModel) -> FixedPointModel:
    """A net without bias and with higher thresholds: steps without input leave neurons inactive."""
    layers = [
        FixedPointLayer(
            w=layer.w,
            w_bias=np.zeros((len(layer.w), 0), int),
            vth=4 * layer.vth,
            du=layer.du,
            dv=layer.dv,
        )
        for layer in fixed.layers
    ]
    return FixedPointModel(layers=tuple(layers), steps=fixed.steps)


@pytest.mark.parametrize("change", [lambda fixed: fixed, without_bias])
def test_operations_joules_and_seconds_are_those_of_the_energy_model(untrained, images, change):
    spikes, fixed = chip_spikes(untrained.model, images("test", 1)), change(untrained.fixed)
    body = """
      const net = BioGrad.decode(given.net);
      const { operations } = BioGrad.run(net, Uint8Array.from(given.spikes));
      return [operations, net.profiles.map((p) => BioGrad.estimate(net, operations, p))];"""
    net = html.network(fixed, model=untrained.model)
    given = {"net": net, "spikes": spikes.spikes[:, 0].ravel().tolist()}
    operations, estimates = check.node(body, given)
    counted = emulator.run(fixed, spikes).operations
    for name in ("synaptic_operations", "active_updates", "inactive_updates", "spikes", "messages"):
        assert operations[name] == getattr(counted, name).tolist(), name
    cores = [layer.cores for layer in limits.check(fixed).layers]
    for page, profile in zip(estimates, PROFILES.values(), strict=True):
        expected = estimate(counted, cores, profile)
        for name in ("static", "dynamic", "total", "seconds"):
            assert page[name] == pytest.approx(list(getattr(expected, name)), rel=1e-12), name
        assert page["cores"] == sum(cores)
        assert page["synapses"] == pytest.approx(list(expected.synaptic_operations))
        assert page["neurons"] == pytest.approx(list(expected.neuron_updates))
        assert page["traffic"] == pytest.approx(list(expected.communication))


@pytest.fixture(scope="module")
def maps(images) -> tuple[html.Model, FixedPointModel]:
    """A net of two convolutions, a pool and a readout, whose maps fire."""
    generator = torch.Generator().manual_seed(0)
    net = Network(
        (1, 28, 28),
        "4c5s3-sum2-6c3g2p1-10",
        output=LeakyReadout(TwoCompartmentParams(alpha_u=0.0)),
        generator=generator,
    )
    model = to_model(net, None, steps=6, encoder="integrate_and_fire", info={})
    return model, quantise(model, calibration=chip_spikes(model, images("train", 50)))


@pytest.mark.parametrize("biases", [True, False])
def test_maps_pools_and_readouts_are_the_emulators_to_the_last_bit(maps, images, biases):
    model, fixed = maps
    if not biases:
        layers = [dataclasses.replace(layer, w_bias=layer.w_bias[:, :0]) for layer in fixed.layers]
        fixed = FixedPointModel(layers=tuple(layers), steps=fixed.steps)
    spikes = chip_spikes(model, images("test", 1))
    body = """
      const net = BioGrad.decode(given.net);
      const { layers, counts, operations } = BioGrad.run(net, Uint8Array.from(given.spikes));
      const arrays = (l) => [Array.from(l.u), Array.from(l.s)];
      return [layers.map(arrays), Array.from(counts), operations];"""
    given = {
        "net": html.network(fixed, model=model, error="softmax"),
        "spikes": spikes.spikes[:, 0].ravel().tolist(),
    }
    layers, counts, operations = check.node(body, given)
    emulated = emulator.run(fixed, spikes, record="us")
    for (u, s), expected_u, expected_s in zip(layers, emulated.u, emulated.s, strict=True):
        assert np.array_equal(u, expected_u[:, 0].ravel())
        assert np.array_equal(s, expected_s[:, 0].ravel())
    assert emulated.s[1].any() and counts == emulated.counts[0].tolist()
    for name in ("synaptic_operations", "active_updates", "inactive_updates", "spikes", "messages"):
        assert operations[name] == getattr(emulated.operations, name).tolist(), name


@pytest.mark.parametrize("error", ["softmax", "final-softmax"])
def test_errors_of_a_readout_are_those_of_its_voltages(maps, images, error):
    model, fixed = maps
    spikes = chip_spikes(model, images("test", 1))
    body = """
      const net = BioGrad.decode(given.net);
      const result = BioGrad.run(net, Uint8Array.from(given.spikes));
      return Array.from(BioGrad.learningSignals(net, result, 3).err);"""
    given = {
        "net": html.network(fixed, model=model, error=error),
        "spikes": spikes.spikes[:, 0].ravel().tolist(),
    }
    page = check.node(body, given)
    voltages = emulator.run(fixed, spikes, record="v").v[-1] / (fixed.layers[-1].vth << 6)
    target = torch.eye(10)[[3]]
    err = errors_over_time(ERRORS[error](), torch.from_numpy(voltages).double(), target)
    assert np.allclose(np.reshape(page, (6, 10)), err[:, 0].numpy(), atol=1e-6)


def test_the_page_of_maps_opens_in_a_browser_and_answers_as_the_emulator(maps, images):
    if check.browser() is None:
        pytest.skip("no Chromium on this machine: the page is not opened")
    model, fixed = maps
    few = images("test", 4)
    net = html.network(fixed, model=model, error="softmax")
    page = html.render(net, few.x.numpy(), few.y.numpy())
    emulated = emulator.run(fixed, chip_spikes(model, few), record=("s",))
    compared = check.compare(check.in_browser(page, net, few.x.numpy()), emulated)
    assert (compared.answers_differ, compared.counts_differ, compared.spikes_differ) == (0, 0, 0)


def test_layers_that_the_page_does_not_run_are_refused(maps):
    _, fixed = maps
    layer = dataclasses.replace(fixed.layers[0], reset="subtract")
    other = FixedPointModel(layers=(layer, *fixed.layers[1:]), steps=6)
    with pytest.raises(ValueError, match="layer 1 is recurrent, has delays, biases or"):
        html.network(other)
