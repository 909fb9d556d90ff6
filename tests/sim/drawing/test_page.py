"""The drawing page: its JavaScript is the emulator to the last bit, its lessons are the
simulator's, and it needs no network.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data.datasets import ImageSet
from biograd.data.samples import encode
from biograd.deployment import chip_spikes
from biograd.drawing import check, html
from biograd.encoders import ENCODERS
from biograd.errors import ERRORS, errors_over_time
from biograd.feedback import RandomDFA
from biograd.interop.nir import to_model
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, apical_scan, surrogate_slope
from biograd.rules import Eligibility
from biograd.traces import TraceParams
from biograd.training.trainer import Trainer, TrainParams
from hardware import emulator, limits
from hardware.border.archive import read_npz
from hardware.border.files import read_spikes
from hardware.border.model import LayerModel, Model, SpikeInput
from hardware.energy import PROFILES, estimate
from hardware.fixed_point import FixedPointLayer, FixedPointModel, quantise, read_fixed

TESTS = Path(__file__).parents[2]
needs_node = pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)
needs_browser = pytest.mark.skipif(
    check.browser() is None,
    reason="no Chromium on this machine: the page is not opened in a browser",
)


def images(split: str, count: int | None = None) -> ImageSet:
    with np.load(TESTS / "mnist_test_images.npz", allow_pickle=False) as file:
        x, y = (
            torch.from_numpy(file[f"{split}_x"]),
            torch.from_numpy(file[f"{split}_y"].astype(np.int64)),
        )
    return ImageSet("mnist", split, x[:count], y[:count], 10)


@functools.cache
def small() -> tuple[Model, FixedPointModel]:
    """An untrained net of two hidden layers, in which a few neurons of each layer fire."""
    generator = np.random.default_rng(3)
    sizes = (784, 60, 40, 10)
    layers = [
        LayerModel(
            w=generator.normal(0.0, 1.5 / math.sqrt(n_in), (out, n_in)),
            bias=generator.normal(0.0, 0.1, out),
            alpha_a=0.5,
            w_fb=generator.normal(size=(out, 10)) if out > 10 else None,
        )
        for n_in, out in itertools.pairwise(sizes)
    ]
    model = Model(layers=tuple(layers), steps=10)
    return model, quantise(model, calibration=chip_spikes(model, images("train", 100)))


@functools.cache
def taught() -> tuple[Model, FixedPointModel]:
    """A net that has seen the 700 training images a few times."""
    net = Network((784, 60, 40, 10), generator=torch.Generator().manual_seed(0))
    learner = LocalLearner(net, RandomDFA(net, generator=torch.Generator().manual_seed(1)))
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    for _ in Trainer(
        learner, optimizer, images("train"), params=TrainParams(epochs=6, batch=20, steps=10)
    ).run():
        pass
    model = to_model(net, learner.feedback, steps=10, encoder="integrate_and_fire", info={})
    return model, quantise(model, calibration=chip_spikes(model, images("train", 100)))


def page_of(net: dict, shown: ImageSet, **changes) -> str:
    return html.render(net, shown.x.numpy(), shown.y.numpy(), **changes)


def loop(cx: float, cy: float, rx: float, ry: float, a: float, b: float) -> list[list[float]]:
    """An arc of an ellipse from angle a to b, degrees, y downwards."""
    turns = np.radians(np.linspace(a, b, 25))
    return [
        [float(x), float(y)]
        for x, y in zip(cx + rx * np.cos(turns), cy + ry * np.sin(turns), strict=True)
    ]


DRAWN = [
    [loop(0.5, 0.5, 0.28, 0.4, -90, 270)],
    [[[0.5, 0.1], [0.5, 0.9]]],
    [[*loop(0.5, 0.3, 0.25, 0.2, 180, 380), [0.25, 0.9], [0.78, 0.88]]],
    [loop(0.45, 0.3, 0.25, 0.2, -160, 80) + loop(0.45, 0.7, 0.28, 0.2, -80, 150)],
    [[[0.3, 0.1], [0.25, 0.5], [0.75, 0.5]], [[0.7, 0.1], [0.65, 0.9]]],
    [[[0.75, 0.1], [0.35, 0.1], [0.3, 0.45], *loop(0.45, 0.65, 0.28, 0.22, -100, 140)]],
    [[[0.6, 0.1], [0.35, 0.45], *loop(0.5, 0.7, 0.2, 0.2, 180, -180)]],
    [[[0.25, 0.12], [0.75, 0.12], [0.45, 0.9]]],
    [loop(0.5, 0.3, 0.18, 0.18, 90, 450) + loop(0.5, 0.7, 0.22, 0.2, -90, 270)],
    [[*loop(0.5, 0.3, 0.2, 0.2, 0, 360), [0.66, 0.9]]],
]


@needs_node
def test_the_javascript_gives_every_current_voltage_and_spike_that_lava_gave():
    given, kept = [], []
    for file in sorted((TESTS / "golden").glob("net*.npz")):
        fixed, spikes, arrays = read_fixed(file), read_spikes(file).spikes, read_npz(file)
        given.append(
            {
                "net": html.network(fixed),
                "spikes": [spikes[:, b].ravel().tolist() for b in range(spikes.shape[1])],
            }
        )
        kept.append(
            [[arrays[f"{name}{n}"] for n in range(1, len(fixed.layers) + 1)] for name in "uvs"]
        )
    assert len(given) >= 20
    body = """return given.map(({ net, spikes }) => { const decoded = BioGrad.decode(net); return spikes.map((s) =>
      BioGrad.run(decoded, Uint8Array.from(s)).layers.map((l) => [Array.from(l.u), Array.from(l.v), Array.from(l.s)])); });"""
    for (us, vs, ss), samples in zip(kept, check.node(body, given), strict=True):
        for b, layers in enumerate(samples):
            for k, (u, v, s) in enumerate(layers):
                fired = ss[k][:, b]
                assert np.array_equal(np.reshape(u, fired.shape), us[k][:, b])
                assert np.array_equal(np.reshape(s, fired.shape), fired)
                # Lava's v is after the reset
                assert np.array_equal(
                    np.reshape(v, fired.shape) * (1 - fired.astype(int)), vs[k][:, b]
                )


@needs_node
def test_currents_wrap_and_voltages_saturate_as_on_the_chip():
    strong = FixedPointLayer(
        w=[[254], [-256]], w_bias=np.zeros((2, 0), int), weight_exp=3, du=0, dv=0, vth=131_071
    )
    fixed = FixedPointModel(layers=(strong,), steps=90)
    body = """const layer = BioGrad.run(BioGrad.decode(given), new Uint8Array(90).fill(1)).layers[0];
      return [layer.wrapped, layer.saturated, Array.from(layer.u)];"""
    wrapped, saturated, u = check.node(body, html.network(fixed))
    emulated = emulator.run(fixed, SpikeInput(spikes=np.ones((90, 1, 1), int)), record=("u",))
    assert (wrapped, saturated) == (
        emulated.wrapped_currents,
        emulated.saturated_voltages,
    ) and wrapped > 0
    assert emulated.u is not None and np.array_equal(np.reshape(u, (90, 2)), emulated.u[0][:, 0])


@needs_node
def test_test_images_get_the_emulators_spikes_counts_and_answers():
    model, fixed = small()
    shown = images("test")
    emulated = emulator.run(fixed, chip_spikes(model, shown), record=("s",))
    found = check.compare(
        check.in_node(html.network(fixed, model=model), shown.x.numpy()), emulated
    )
    assert (found.samples, found.answers_differ, found.counts_differ, found.spikes_differ) == (
        300,
        0,
        0,
        0,
    )
    assert found.milliseconds[0] < 50
    # a net worth comparing
    assert len(set(emulated.predictions)) > 1 and all(
        0.02 < s.mean() < 0.9 for s in emulated.s or ()
    )


@needs_node
def test_a_difference_would_be_seen():
    model, fixed = small()
    shown = images("test", 20)
    net = html.network(fixed, model=model)
    net["layers"][1]["vth"] += 40
    found = check.compare(
        check.in_node(net, shown.x.numpy()),
        emulator.run(fixed, chip_spikes(model, shown), record=("s",)),
    )
    assert found.spikes_differ > 0 and found.counts_differ > 0


@needs_node
@pytest.mark.parametrize("encoder", ["integrate_and_fire", "latency"])
def test_every_grey_value_becomes_the_simulators_spikes(encoder):
    greys = torch.arange(256, dtype=torch.uint8)[None]
    for steps in (1, 7, 10, 16, 100):
        net = {"encoder": encoder, "steps": steps}
        found = check.node(
            "return Array.from(BioGrad.encode(given, Array.from({ length: 256 }, (_, i) => i)));",
            net,
        )
        assert np.array_equal(
            np.reshape(found, (steps, 256)), encode(greys, ENCODERS[encoder], steps)[:, 0].numpy()
        )


@needs_node
def test_random_spikes_come_at_the_rate_of_the_grey_value():
    body = "return Array.from(BioGrad.encode(given, [0, 51, 204, 255]));"
    found = np.reshape(check.node(body, {"encoder": "bernoulli", "steps": 4000}), (4000, 4)).mean(
        axis=0
    )
    # four standard deviations of 4,000 draws
    assert found == pytest.approx([0, 0.2, 0.8, 1], abs=0.03)


@needs_node
def test_operations_joules_and_seconds_are_those_of_the_energy_model():
    model, fixed = small()
    spikes = chip_spikes(model, images("test", 1))
    body = """const net = BioGrad.decode(given.net), done = BioGrad.run(net, Uint8Array.from(given.spikes));
      return [done.operations, net.profiles.map((p) => BioGrad.estimate(net, done.operations, p))];"""
    for weights in (fixed, without_bias(fixed)):
        counted = emulator.run(weights, spikes).operations
        operations, modelled = check.node(
            body,
            {
                "net": html.network(weights, model=model),
                "spikes": spikes.spikes[:, 0].ravel().tolist(),
            },
        )
        for name in (
            "synaptic_operations",
            "active_updates",
            "inactive_updates",
            "spikes",
            "messages",
        ):
            assert operations[name] == getattr(counted, name).tolist(), name
        cores = [layer.cores for layer in limits.check(weights).layers]
        for found, profile in zip(modelled, PROFILES.values(), strict=True):
            wanted = estimate(counted, cores, profile)
            for name, interval in [
                ("static", wanted.static),
                ("dynamic", wanted.dynamic),
                ("total", wanted.total),
                ("seconds", wanted.seconds),
            ]:
                assert found[name] == pytest.approx(list(interval), rel=1e-12), name
            assert found["synapses"] == pytest.approx(list(wanted.synaptic_operations)) and found[
                "cores"
            ] == sum(cores)
            assert found["neurons"] == pytest.approx(list(wanted.neuron_updates))
            assert found["traffic"] == pytest.approx(list(wanted.communication))


def without_bias(fixed: FixedPointModel) -> FixedPointModel:
    """Then steps without input leave neurons inactive."""
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


@needs_node
@pytest.mark.parametrize("error", ["signed", "running", "final"])
def test_error_apical_voltage_and_lesson_follow_the_simulators_equations(error):
    model, fixed = small()
    params = TwoCompartmentParams(alpha_a=0.5, window=0.8)
    # of each layer
    traces = [TraceParams(alpha_x=0.1 * k, alpha_z=0.9 - 0.1 * k) for k in range(len(model.layers))]
    shown = chip_spikes(model, images("test", 1))
    label = 3
    body = """const net = BioGrad.decode(given.net), done = BioGrad.run(net, Uint8Array.from(given.spikes));
      const taught = BioGrad.learningSignals(net, done, given.label);
      return { err: Array.from(taught.err), layers: net.layers.map((layer, k) => ({
        v: Array.from(done.layers[k].v),
        v_apical: Array.from(taught.layers[k].v_apical),
        dw: Array.from({ length: layer.neurons }, (_, n) => Array.from(BioGrad.weightUpdate(net, done, taught, k, n))) })) };"""
    net = html.network(
        fixed,
        model=model,
        error=error,
        window=params.window,
        traces=[dataclasses.asdict(trace) for trace in traces],
    )
    found = check.node(
        body, {"net": net, "spikes": shown.spikes[:, 0].ravel().tolist(), "label": label}
    )
    trains = [shown.spikes, *emulator.run(fixed, shown, record=("s",)).s]
    s_out, target = torch.from_numpy(trains[-1]).float(), torch.eye(10)[[label]]
    err = errors_over_time(ERRORS[error](), s_out, target)
    # single against double precision, as below
    assert np.allclose(np.reshape(found["err"], (10, 10)), err[:, 0].numpy(), atol=1e-6)
    for k, layer in enumerate(model.layers):
        g = err
        if layer.w_fb is not None:
            v_apical = apical_scan(
                TwoCompartmentLIF(params),
                torch.nn.functional.linear(err, torch.from_numpy(layer.w_fb)),
            )
            assert np.allclose(
                found["layers"][k]["v_apical"], v_apical.flatten().numpy(), atol=1e-4
            )
            v = torch.tensor(found["layers"][k]["v"]).reshape(v_apical.shape).double() / (
                fixed.layers[k].vth << 6
            )
            g = v_apical * surrogate_slope(v, params).float()
        dw = Eligibility(traces[k]).over_time(g, torch.from_numpy(trains[k]).float()).dw
        assert dw.abs().max() > 0
        assert np.allclose(found["layers"][k]["dw"], dw.numpy(), atol=1e-4)


@pytest.mark.slow
@needs_node
def test_drawn_digits_are_read():
    model, fixed = taught()
    body = """const net = BioGrad.decode(given.net);
      return given.drawn.map((strokes) => BioGrad.run(net, BioGrad.encode(net, BioGrad.rasterise(strokes))).answer);"""
    answers = check.node(body, {"net": html.network(fixed, model=model), "drawn": DRAWN})
    # trained on 700 images; the preset's net reads all ten
    assert sum(answer == digit for digit, answer in enumerate(answers)) >= 7


@needs_node
def test_a_drawing_is_scaled_and_centred_as_mnist_is():
    body = (
        "return given.map((strokes) => { const greys = BioGrad.rasterise(strokes); return greys &&"
        " Array.from(greys); });"
    )
    moved = [[[[5 * x + 30, 5 * y - 7] for x, y in stroke] for stroke in digit] for digit in DRAWN]
    found = check.node(body, [*DRAWN, *moved, [[[0.4, 0.4]]], []])
    assert found[-1] is None and max(found[-2]) > 200  # nothing, and a dot
    y, x = np.mgrid[:28, :28] + 0.5
    for digit in range(10):
        greys = np.reshape(found[digit], (28, 28)).astype(float)
        mass = greys.sum()
        # ink is laid twice, not until it settles
        assert math.hypot((greys * x).sum() / mass - 14, (greys * y).sum() / mass - 14) < 0.3
        rows, columns = (
            np.flatnonzero(greys.max(axis=1) > 127),
            np.flatnonzero(greys.max(axis=0) > 127),
        )
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        assert np.abs(greys - np.reshape(found[10 + digit], (28, 28))).max() <= 1, (
            "size and place of a drawing must not matter"
        )


def test_the_page_needs_no_network_and_no_other_file():
    model, fixed = small()
    page = page_of(html.network(fixed, model=model), images("test", 5), facts=("a < b",))
    assert "default-src 'none'" in page and '<meta name="viewport"' in page and "a &lt; b" in page
    code = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert not re.search(
        r"\bsrc=|\bhref=|@import|url\(|\bfetch\(|XMLHttpRequest|\bimport\b|https?://(?!www\.w3\.org/2000/svg)",
        code,
    )


def test_names_cannot_break_out_of_the_page():
    model, fixed = small()
    page = page_of(
        html.network(fixed, model=model),
        images("test", 2),
        title="<b>",
        classes=["</script><script>alert(1)//"] * 10,
    )
    assert page.count("</script>") == 4 and "<title>&lt;b&gt;</title>" in page


def test_what_the_page_cannot_show_is_refused_in_one_line():
    model, fixed = small()
    odd = Model(layers=model.layers, steps=10, encoder="bursts")
    with pytest.raises(ValueError, match="encoder is 'bursts'; the page knows integrate_and_fire"):
        html.network(fixed, model=odd)
    with pytest.raises(ValueError, match="error is 'mine'"):
        html.network(fixed, model=model, error="mine")
    narrow = FixedPointModel(
        layers=(
            FixedPointLayer(w=np.ones((10, 50), int) * 2, w_bias=np.zeros((10, 0), int), vth=50),
        ),
        steps=4,
    )
    with pytest.raises(ValueError, match="takes 50 inputs"):
        page_of(html.network(narrow), images("test", 2))


def test_without_node_or_with_a_broken_script_the_check_says_so(monkeypatch):
    if check.has_node():
        with pytest.raises(ValueError, match="node failed"):
            check.node("throw new Error('x');", {})
    monkeypatch.setattr(check.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="no 'node'"):
        check.node("return 1;", {})
    with pytest.raises(ValueError, match="no Chromium"):
        check.open_page("<body></body>", "return 1;")


@pytest.mark.slow
@needs_browser
def test_a_browser_gives_the_emulators_spikes_and_answers_within_50_ms():
    model, fixed = taught()
    shown, net = images("test"), html.network(fixed, model=model)
    answers = check.in_browser(page_of(net, images("test", 12)), net, shown.x.numpy())
    emulated = emulator.run(fixed, chip_spikes(model, shown), record=("s",))
    found = check.compare(answers, emulated)
    assert (found.samples, found.answers_differ, found.counts_differ, found.spikes_differ) == (
        300,
        0,
        0,
        0,
    )
    assert found.milliseconds[0] < 50
    assert emulated.accuracy(shown.y.numpy()) > 0.75


@pytest.mark.slow
@needs_browser
def test_a_person_draws_asks_and_looks_inside():
    model, fixed = taught()
    told = check.open_page(
        page_of(html.network(fixed, model=model), images("test", 12)),
        f"const drawn = {DRAWN[0]};" + PERSON,
    )
    assert told["opened"] == ["pressed", "answered", "taught"]
    assert told["cleared"] == ["–", "Draw a digit, or pick one below the pad.", 0]
    assert told["answer"] == told["computed"] == "0" and told["milliseconds"] < 50
    assert re.fullmatch(r"[\d.]+ [nµm]?J – [\d.]+ [nµm]?J", told["joules"])
    # nothing reaches the apical dendrites before the lesson
    assert told["before"]["flat"] and told["before"]["cards"] == 2
    assert not told["after"]["flat"] and "too few of 4" in told["after"]["text"]
    assert "hidden 2, neuron 20" in told["inside"] and told["neurons"] == 3
    assert "hidden 2, neuron 20" not in told["closed"]


PERSON = """
  const pressed = (id) => document.querySelector(`#${id} [aria-pressed=true]`), text = (id) => document.getElementById(id).textContent;
  const flat = () => !Array.from(document.querySelectorAll(".neuron polyline")).some((line) => line.getAttribute("stroke") === "#D55E00");
  const told = { opened: [pressed("gallery") && "pressed", text("answer") !== "–" && "answered", pressed("labels") && "taught"] };
  document.getElementById("clear").click();
  told.cleared = [text("answer"), text("verdict"), document.querySelectorAll(".neuron").length];
  const pad = document.getElementById("pad"), box = pad.getBoundingClientRect();
  const move = (type, [x, y]) => pad.dispatchEvent(new PointerEvent(type,
    { clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerId: 1, bubbles: true, cancelable: true }));
  for (const stroke of drawn) {
    move("pointerdown", stroke[0]);
    for (const point of stroke) move("pointermove", point);
    move("pointerup", stroke[stroke.length - 1]);
  }
  answer();
  told.milliseconds = state.milliseconds;
  told.answer = text("answer");
  told.computed = String(BioGrad.run(net, BioGrad.encode(net, BioGrad.rasterise(drawn))).answer);
  told.joules = text("joules");
  told.before = { flat: flat(), cards: document.querySelectorAll(".neuron").length };
  document.querySelector("#labels button[value='4']").click();
  told.after = { flat: flat(), text: text("neurons") };
  const raster = document.querySelectorAll("#raster canvas.tap")[1], place = raster.getBoundingClientRect();
  const there = { clientX: place.left + 9, clientY: place.top + 1 + (place.height * 20.5) / 40, bubbles: true };
  raster.dispatchEvent(new MouseEvent("click", there));
  told.inside = text("neurons");
  told.neurons = document.querySelectorAll(".neuron header button").length;
  document.querySelector(".neuron header button[aria-label='close hidden 2, neuron 20']").click();
  told.closed = text("neurons");
  return told;
"""


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_stays_within_its_width(width):
    model, fixed = taught()
    page = base64.b64encode(
        page_of(html.network(fixed, model=model), images("test", 12)).encode()
    ).decode()
    # A headless window is never narrower than 500 pixels: the page is put into a frame of a phone's
    # width.
    body = f"""const original = new TextDecoder().decode(Uint8Array.from(atob("{page}"), (c) => c.charCodeAt(0)));
      const frame = document.createElement("iframe"); frame.style.cssText = "width:{width}px;height:800px;border:0";
      document.body.append(frame); frame.contentDocument.write(original); frame.contentDocument.close();
      const root = frame.contentDocument.documentElement;
      return [root.scrollWidth, frame.contentWindow.innerWidth, root.querySelectorAll(".neuron").length];"""
    scroll, inner, cards = check.open_page("<!doctype html><body></body>", body)
    assert inner == width and scroll <= width and cards == 3
