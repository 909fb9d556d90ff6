// What the page draws: images, the raster of every layer, the error neurons, and both compartments of a neuron.
//
// Each function takes what it shows from `net` and `state` of draw_page.js, and changes nothing but the picture.
"use strict";

// ---- small makers ----------------------------------------------------------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) name in element ? (element[name] = value) : element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function shape(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

function engineering(value, unit) {
  if (!value) return `0 ${unit}`;
  const prefixes = ["", "m", "µ", "n", "p"];
  let power = 0;
  while (power < prefixes.length - 1 && value < 0.9995) [value, power] = [value * 1000, power + 1];
  return `${Number(value.toPrecision(3))} ${prefixes[power]}${unit}`;
}

const range = ([low, high], unit) => (low === high ? engineering(low, unit) : `${engineering(low, unit)} – ${engineering(high, unit)}`);
const nameOf = (k) => (k === LAST ? "output" : `hidden ${k + 1}`);
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const sumOf = (numbers) => numbers.reduce((a, b) => a + b, 0);

// Greys, black ink on white, or signed values in blue (more) and orange (less).
function paint(canvas, values, colour) {
  canvas.width = canvas.height = SIDE;
  const picture = new ImageData(SIDE, SIDE);
  values.forEach((value, i) => picture.data.set([...colour(value), 255], 4 * i));
  canvas.getContext("2d").putImageData(picture, 0, 0);
}
const inked = (grey) => [255 - grey, 255 - grey, 255 - grey];
function signed(values) {
  const top = Math.max(1e-12, ...values.map(Math.abs));
  return (value) => {
    const [r, g, b] = value > 0 ? [0, 114, 178] : [213, 94, 0], part = Math.abs(value) / top;
    return [r, g, b].map((channel) => 255 + (channel - 255) * part);
  };
}

// ---- raster ----------------------------------------------------------------------------------------------------------------------------

const panels = []; // of the input and of each layer: { canvas, size, told }

function makeRaster() {
  [net.layers[0].inputs, ...net.layers.map((layer) => layer.neurons)].forEach((size, index) => {
    const k = index - 1, hidden = k >= 0 && k < LAST;
    const canvas = make("canvas", { className: hidden ? "tap" : "" });
    const told = make("span", { className: "soft" }), name = index ? nameOf(k) : "input";
    canvas.setAttribute("aria-label", `Spikes of the ${name}`);
    const title = make("p", {}, make("b", {}, index ? name[0].toUpperCase() + name.slice(1) : "Input"), ` ${size.toLocaleString("en")}`, told);
    at("raster").append(make("div", {}, title, canvas));
    if (hidden) canvas.addEventListener("click", (event) => choose(k, Math.floor((event.offsetY / canvas.clientHeight) * size)));
    panels.push({ canvas, size, told });
  });
}

function showRaster() {
  const { done } = state;
  const trains = done ? [done.spikes, ...done.layers.map((layer) => layer.s)] : panels.map(() => null);
  panels.forEach(({ canvas, size, told }, index) => {
    const s = trains[index], ratio = window.devicePixelRatio || 1, k = index - 1;
    const width = (canvas.width = Math.round(canvas.clientWidth * ratio)), height = (canvas.height = Math.round(canvas.clientHeight * ratio));
    const pen = canvas.getContext("2d"), output = k === LAST, left = output ? 16 * ratio : 0, step = (width - left) / T, row = height / size;
    told.textContent = s ? `${plural(sumOf(s), "spike")}` : "";
    pen.fillStyle = "#eef1f4";
    for (let t = 1; t < T; t++) pen.fillRect(left + t * step, 0, 1, height);
    if (output && size <= 20) drawClasses(pen, size, row, ratio);
    // A dash as wide as most of a step, no thinner than a pixel; where rows are thinner, dashes shine through each other.
    const thick = Math.max(ratio, row * 0.75);
    pen.globalAlpha = row < ratio ? 0.6 : 1;
    for (let i = 0; s && i < s.length; i++) {
      if (!s[i]) continue;
      const n = i % size, t = Math.floor(i / size);
      pen.fillStyle = index === 0 ? COLOURS.ink : output && n === done.answer ? COLOURS.orange : COLOURS.blue;
      pen.fillRect(left + (t + 0.12) * step, (n + 0.5) * row - thick / 2, 0.76 * step, thick);
    }
    pen.globalAlpha = 1;
    for (const neuron of state.chosen.filter((choice) => choice.k === k)) {
      pen.strokeStyle = COLOURS.orange;
      pen.lineWidth = ratio;
      const high = Math.max(row, 5 * ratio);
      pen.strokeRect(ratio, (neuron.n + 0.5) * row - high / 2, width - 2 * ratio, high);
    }
  });
}

function drawClasses(pen, size, row, ratio) {
  pen.fillStyle = "#5c6670";
  pen.font = `${11 * ratio}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  for (let c = 0; c < size; c++) pen.fillText(String(c), 3 * ratio, (c + 0.5) * row);
}

// ---- the neurons looked into -----------------------------------------------------------------------------------------------------------

function showLesson() {
  const { done, right } = state, taught = done && right !== null ? BioGrad.teach(net, done, right) : null;
  for (const button of at("labels").children) button.setAttribute("aria-pressed", String(Number(button.value) === right));
  const cards = done ? state.chosen.map((choice) => neuronCard(choice, taught)) : [];
  at("neurons").replaceChildren(...(taught ? [errorCard(taught.err)] : []), ...cards);
}

// Step by step and class by class: blue excites the apical dendrites, orange inhibits them.
function errorCard(err) {
  const C = net.classes, W = 340, H = 190, left = 34, right = 68, top = 6, wide = (W - left - right) / T, high = (168 - top) / C;
  const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Error spikes of each class over time" });
  for (let c = 0; c < C; c++) {
    if (C <= 20) svg.append(shape("text", { x: left - 6, y: top + (c + 0.5) * high + 3.5, "text-anchor": "end" }, c));
    svg.append(shape("line", { x1: left, x2: W - right, y1: top + (c + 0.5) * high, y2: top + (c + 0.5) * high, stroke: COLOURS.line }));
    for (let t = 0; t < T; t++) {
      const e = err[t * C + c], look = { fill: e > 0 ? COLOURS.blue : COLOURS.orange, opacity: Math.min(1, Math.abs(e)), rx: 2 };
      if (Math.abs(e) < 1e-9) continue;
      svg.append(shape("rect", { x: left + (t + 0.12) * wide, y: top + (c + 0.14) * high, width: 0.76 * wide, height: 0.72 * high, ...look }));
    }
  }
  svg.append(timeAxis(left, W - right));
  svg.append(shape("text", { x: W - right + 5, y: top + 14, class: "blue" }, "too few"), shape("text", { x: W - right + 5, y: top + 28, class: "orange" }, "too many"));
  const title = make("span", {}, make("b", {}, "error neurons"), ` of the ${C} classes`);
  return make("article", { className: "neuron" }, make("header", {}, title), svg, make("p", { className: "soft" }, errorsTold(err)));
}

function timeAxis(left, right) {
  const axis = shape("g", {}), wide = (right - left) / T;
  const tick = (x, text) => axis.append(shape("text", { x, y: 184, "text-anchor": "middle" }, text));
  tick(left + wide / 2, "1");
  tick(right - wide / 2, T);
  tick((left + right) / 2, "time step");
  return axis;
}

function errorsTold(err) {
  let more = 0, less = 0;
  const silent = err.every((e) => Math.abs(e) < 1e-9);
  err.forEach((e) => (e > 0 ? (more += e) : (less -= e)));
  const number = (n) => (net.error === "signed" ? plural(n, "spike") : `${n.toFixed(1)} spikes`);
  if (silent) return "The error neurons are silent: nothing to teach.";
  return `The error neurons say: ${number(more)} too few of ${net.names[state.right]}, ${number(less)} too many of other classes.`;
}

function neuronCard({ k, n }, taught) {
  const { done } = state, layer = net.layers[k], N = layer.neurons, unit = layer.vth * (1 << BioGrad.ALIGN);
  const pick = (values, scale = 1) => Array.from({ length: T }, (_, t) => values[t * N + n] / scale);
  const v = pick(done.layers[k].v, unit), s = pick(done.layers[k].s), v_apical = taught && layer.w_fb ? pick(taught.layers[k].v_apical) : null;
  const close = make("button", { type: "button", title: "look away" }, "×");
  close.setAttribute("aria-label", `close ${nameOf(k)}, neuron ${n}`);
  close.addEventListener("click", () => choose(k, n));
  const title = make("span", {}, make("b", {}, `${nameOf(k)}, neuron ${n}`), ` · ${plural(sumOf(s), "spike")}`);
  const card = make("article", { className: "neuron" }, make("header", {}, title, close), plot(v, s, v_apical));
  if (!layer.w_fb) card.append(make("p", { className: "soft" }, "This network came without feedback weights: its apical dendrites hear nothing."));
  if (k === 0) card.append(fields(n, taught && layer.w_fb ? BioGrad.lesson(net, done, taught, k, n) : null));
  else if (v_apical) card.append(make("p", { className: "soft" }, weightsTold(BioGrad.lesson(net, done, taught, k, n))));
  return card;
}

function weightsTold(dw) {
  const up = dw.filter((w) => w > 1e-12).length, down = dw.filter((w) => w < -1e-12).length;
  return up || down ? `The lesson would raise ${up} of its weights and lower ${down}.` : "The lesson would leave its weights as they are.";
}

// Soma above, apical dendrite below, one time axis.
function plot(v, s, v_apical) {
  const W = 340, H = 190, left = 34, right = 68, x = (t) => left + ((t + 0.5) * (W - left - right)) / T;
  const svg = shape("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Voltages of the two compartments over time" });
  const band = (top, bottom, low, high) => (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
  const line = (values, y, colour) => {
    svg.append(shape("polyline", { points: values.map((value, t) => `${x(t)},${y(value)}`).join(" "), fill: "none", stroke: colour, "stroke-width": 1.8 }));
    values.forEach((value, t) => svg.append(shape("circle", { cx: x(t), cy: y(value), r: 2.4, fill: colour })));
  };
  const rule = (y, label, dashed) => {
    svg.append(shape("line", { x1: left, x2: W - right, y1: y, y2: y, stroke: COLOURS.pale, "stroke-dasharray": dashed ? "4 3" : "none" }));
    svg.append(shape("text", { x: W - right + 5, y: y + 3.5 }, label));
  };
  s.forEach((fired, t) => {
    if (!fired) return;
    svg.append(shape("line", { x1: x(t), x2: x(t), y1: 14, y2: 168, stroke: COLOURS.pale, opacity: 0.5 }));
    svg.append(shape("line", { x1: x(t), x2: x(t), y1: 2, y2: 12, stroke: COLOURS.ink, "stroke-width": 2 }));
  });
  const soma = band(18, 96, Math.min(-0.2, ...v), Math.max(1.4, ...v));
  svg.append(shape("text", { x: W - right + 5, y: 11 }, "spikes"));
  rule(soma(1), "threshold", true);
  line(v, soma, COLOURS.blue);
  const reach = Math.max(0.5, ...(v_apical || []).map(Math.abs)), apical = band(112, 168, -reach, reach);
  rule(apical(0), v_apical ? "0" : "no error yet", false);
  if (v_apical) line(v_apical, apical, COLOURS.orange);
  for (const [name, y] of [["soma", 62], ["apical", 144]]) svg.append(shape("text", { x: 10, y, transform: `rotate(-90 10 ${y})`, "text-anchor": "middle" }, name));
  for (const [value, y] of [[Math.max(1.4, ...v), 24], [v_apical ? reach : NaN, 116]])
    if (value === value) svg.append(shape("text", { x: left - 4, y, "text-anchor": "end" }, value.toPrecision(2)));
  svg.append(timeAxis(left, W - right), shape("text", { x: W - right + 5, y: 184 }, "(thresholds)"));
  return svg;
}

// What a neuron of the first layer looks for, and what the lesson would change in it.
function fields(n, dw) {
  const { inputs, neurons, w } = net.layers[0], weights = Array.from({ length: inputs }, (_, i) => w[i * neurons + n]);
  const pair = make("div", { className: "fields" });
  for (const [values, caption] of [[weights, "its weights"], [dw && Array.from(dw), dw ? "what the lesson would add (blue) and take away (orange)" : "what a lesson would add: say which it was"]]) {
    const canvas = make("canvas");
    canvas.setAttribute("aria-label", caption);
    paint(canvas, values || new Float64Array(SIDE * SIDE), signed(values || [0]));
    pair.append(make("figure", {}, canvas, make("figcaption", {}, caption)));
  }
  return pair;
}
