"""The whole page in a headless Chromium: its answers, a person's visit, and its width."""

from __future__ import annotations

import base64
import re

import pytest

from biograd.deployment import chip_spikes
from biograd.drawing import check, html
from hardware import emulator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        check.browser() is None,
        reason="no Chromium on this machine: the page is not opened in a browser",
    ),
]


def test_a_browser_gives_the_emulators_spikes_and_answers_within_50_ms(trained, images):
    model, fixed = trained
    samples, net = images("test"), html.network(fixed, model=model)
    answers = check.in_browser(trained.page(images("test", 12)), net, samples.x.numpy())
    emulated = emulator.run(fixed, chip_spikes(model, samples), record=("s",))
    c = check.compare(answers, emulated)
    assert (c.samples, c.answers_differ, c.counts_differ, c.spikes_differ) == (300, 0, 0, 0)
    assert c.milliseconds[0] < 50
    assert emulated.accuracy(samples.y.numpy()) > 0.75


def test_a_person_draws_says_what_it_was_and_looks_inside(trained, images, drawn):
    visit = check.open_page(trained.page(images("test", 12)), f"const drawn = {drawn[0]};" + VISIT)
    assert visit["opened"] == ["pressed", "answered", "labelled"]
    assert visit["cleared"] == ["–", "Draw a digit, or pick one below the pad.", 0]
    assert visit["answer"] == visit["computed"] == "0" and visit["milliseconds"] < 50
    assert re.fullmatch(r"[\d.]+ [nµm]?J – [\d.]+ [nµm]?J", visit["joules"])
    # Nothing reaches the apical dendrites before the right class is known.
    assert visit["before"]["flat"] and visit["before"]["cards"] == 2
    assert not visit["after"]["flat"] and "too few of 4" in visit["after"]["text"]
    assert "hidden 2, neuron 20" in visit["inside"] and visit["neurons"] == 3
    assert "hidden 2, neuron 20" not in visit["closed"]


VISIT = """
  const pressed = (id) => document.querySelector(`#${id} [aria-pressed=true]`);
  const text = (id) => document.getElementById(id).textContent;
  const cards = () => document.querySelectorAll(".neuron").length;
  const orange = (line) => line.getAttribute("stroke") === "#D55E00";
  const flat = () => !Array.from(document.querySelectorAll(".neuron polyline")).some(orange);
  const visit = {};
  visit.opened = [
    pressed("gallery") && "pressed", text("answer") !== "–" && "answered",
    pressed("labels") && "labelled"];

  document.getElementById("clear").click();
  visit.cleared = [text("answer"), text("verdict"), cards()];

  const pad = document.getElementById("pad"), box = pad.getBoundingClientRect();
  const move = (type, [x, y]) => pad.dispatchEvent(new PointerEvent(type, {
    clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerId: 1,
    bubbles: true, cancelable: true }));
  for (const stroke of drawn) {
    move("pointerdown", stroke[0]);
    for (const point of stroke) move("pointermove", point);
    move("pointerup", stroke[stroke.length - 1]);
  }
  answer();
  visit.milliseconds = state.milliseconds;
  visit.answer = text("answer");
  const image = BioGrad.rasterise(drawn);
  visit.computed = String(BioGrad.run(net, BioGrad.encode(net, image)).answer);
  visit.joules = text("joules");
  visit.before = { flat: flat(), cards: cards() };

  document.querySelector("#labels button[value='4']").click();
  visit.after = { flat: flat(), text: text("neurons") };

  const raster = document.querySelectorAll("#raster canvas.tap")[1];
  const place = raster.getBoundingClientRect();
  raster.dispatchEvent(new MouseEvent("click", {
    clientX: place.left + 9, clientY: place.top + 1 + (place.height * 20.5) / 40, bubbles: true }));
  visit.inside = text("neurons");
  visit.neurons = document.querySelectorAll(".neuron header button").length;

  document.querySelector(".neuron header button[aria-label='close hidden 2, neuron 20']").click();
  visit.closed = text("neurons");
  return visit;
"""


@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_stays_within_its_width(trained, images, width):
    page = base64.b64encode(trained.page(images("test", 12)).encode()).decode()
    # A headless window is never narrower than 500 pixels: a frame has a phone's width.
    body = f"""
      const bytes = Uint8Array.from(atob("{page}"), (c) => c.charCodeAt(0));
      const frame = document.createElement("iframe");
      frame.style.cssText = "width:{width}px;height:800px;border:0";
      document.body.append(frame);
      frame.contentDocument.write(new TextDecoder().decode(bytes));
      frame.contentDocument.close();
      const root = frame.contentDocument.documentElement;
      const cards = root.querySelectorAll(".neuron").length;
      return [root.scrollWidth, frame.contentWindow.innerWidth, cards];"""
    scroll, inner, cards = check.open_page("<!doctype html><body></body>", body)
    assert inner == width and scroll <= width and cards == 3
