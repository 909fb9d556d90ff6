// The drawings of the page: the raster of every layer, the error neurons, and both compartments of
// a neuron.
//
// Each function takes its data from `net` and `state` of page.js, and changes only the picture.
"use strict";

// ---- raster ----

const panels = []; // of the input and of each layer: { canvas, size, caption }

function makeRaster() {
  [net.layers[0].inputs, ...net.layers.map((layer) => layer.neurons)].forEach((size, index) => {
    const k = index - 1;
    const name = index ? nameOf(k) : "input";
    const hidden = k >= 0 && k < LAST;
    const canvas = make("canvas", { className: hidden ? "tap" : "" });
    canvas.setAttribute("aria-label", `Spikes of the ${name}`);
    const caption = make("span", { className: "soft" });
    const label = make("b", {}, name[0].toUpperCase() + name.slice(1));
    const title = make("p", {}, label, ` ${size.toLocaleString("en")}`, caption);
    at("raster").append(make("div", {}, title, canvas));
    if (hidden) {
      canvas.addEventListener("click", (event) => {
        const n = neuronAt(k, canvas, event.offsetX, event.offsetY, size);
        if (n !== null) toggleInspected(k, n);
      });
    }
    panels.push({ canvas, size, caption });
  });
}

function showRaster() {
  const { result } = state;
  const spikes = result && [result.spikes, ...result.layers.map((layer) => layer.s)];
  panels.forEach((panel, index) => drawPanel(panel, index - 1, spikes && spikes[index]));
}

// One panel; k: its layer, -1 for the input; s: its spikes, or null.
function drawPanel({ canvas, size, caption }, k, s) {
  const ratio = window.devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * ratio));
  const height = (canvas.height = Math.round(canvas.clientHeight * ratio));
  const pen = canvas.getContext("2d");
  const left = k === LAST ? 16 * ratio : 0;
  const step = (width - left) / T;
  const row = height / size;
  if (k === LAST && !FIRES) return drawVoltages(canvas, pen, caption);
  caption.textContent = s ? plural(sumOf(s), "spike") : "";
  const maps = mapsOf(k);
  if (maps) return drawMaps(pen, maps, s, k, width, height, ratio);
  pen.fillStyle = "#eef1f4";
  for (let t = 1; t < T; t++) pen.fillRect(left + t * step, 0, 1, height);
  if (k === LAST && size <= 20) drawClassNumbers(pen, size, row, ratio);
  // A dash covers most of a step and at least a pixel; where rows are thinner, dashes are
  // translucent.
  const thick = Math.max(ratio, row * 0.75);
  pen.globalAlpha = row < ratio ? 0.6 : 1;
  for (let i = 0; s && i < s.length; i++) {
    if (!s[i]) continue;
    const n = i % size;
    const t = Math.floor(i / size);
    pen.fillStyle = spikeColour(k, n);
    pen.fillRect(left + (t + 0.12) * step, (n + 0.5) * row - thick / 2, 0.76 * step, thick);
  }
  pen.globalAlpha = 1;
  for (const { n } of state.inspected.filter((neuron) => neuron.k === k)) {
    pen.strokeStyle = COLOURS.orange;
    pen.lineWidth = ratio;
    const high = Math.max(row, 5 * ratio);
    pen.strokeRect(ratio, (n + 0.5) * row - high / 2, width - 2 * ratio, high);
  }
}

function spikeColour(k, n) {
  if (k < 0) return COLOURS.ink;
  return k === LAST && n === state.result.answer ? COLOURS.orange : COLOURS.blue;
}

function drawClassNumbers(pen, size, row, ratio) {
  pen.fillStyle = "#5c6670";
  pen.font = `${11 * ratio}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  for (let c = 0; c < size; c++) pen.fillText(String(c), 3 * ratio, (c + 0.5) * row);
}

// ---- error neurons and inspected neurons ----

const CHART = { W: 340, H: 190, left: 34, right: 68 };

function chart(label) {
  const { W, H } = CHART;
  return shape("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label });
}

function showLearning() {
  const { result, label } = state;
  const signals = result && label !== null ? BioGrad.learningSignals(net, result, label) : null;
  for (const button of at("labels").children) {
    button.setAttribute("aria-pressed", String(Number(button.value) === label));
  }
  const cards = result ? state.inspected.map((neuron) => neuronCard(neuron, signals)) : [];
  at("neurons").replaceChildren(...(signals ? [errorCard(signals.err)] : []), ...cards);
}

// Errors per step and class: blue ones excite the apical dendrites, orange ones inhibit them.
function errorCard(err) {
  const { W, left, right } = CHART;
  const C = net.classes;
  const top = 6;
  const wide = (W - left - right) / T;
  const high = (168 - top) / C;
  const svg = chart("Error spikes of each class over time");
  for (let c = 0; c < C; c++) {
    const y = top + (c + 0.5) * high;
    if (C <= 20) svg.append(shape("text", { x: left - 6, y: y + 3.5, "text-anchor": "end" }, c));
    svg.append(shape("line", { x1: left, x2: W - right, y1: y, y2: y, stroke: COLOURS.line }));
    for (let t = 0; t < T; t++) {
      const e = err[t * C + c];
      if (Math.abs(e) < NO_ERROR) continue;
      const place = { x: left + (t + 0.12) * wide, y: top + (c + 0.14) * high };
      const size = { width: 0.76 * wide, height: 0.72 * high, rx: 2 };
      const fill = e > 0 ? COLOURS.blue : COLOURS.orange;
      svg.append(shape("rect", { ...place, ...size, fill, opacity: Math.min(1, Math.abs(e)) }));
    }
  }
  const x = W - right + 5;
  svg.append(timeAxis());
  svg.append(shape("text", { x, y: top + 14, class: "blue" }, "too few"));
  svg.append(shape("text", { x, y: top + 28, class: "orange" }, "too many"));
  const title = make("span", {}, make("b", {}, "error neurons"), ` of the ${C} classes`);
  const text = make("p", { className: "soft" }, errorText(err));
  return make("article", { className: "neuron" }, make("header", {}, title), svg, text);
}

function timeAxis() {
  const left = CHART.left;
  const right = CHART.W - CHART.right;
  const half = (right - left) / T / 2;
  const axis = shape("g", {});
  for (const [x, text] of [
    [left + half, "1"],
    [right - half, T],
    [(left + right) / 2, "time step"],
  ]) {
    axis.append(shape("text", { x, y: 184, "text-anchor": "middle" }, text));
  }
  return axis;
}

function errorText(err) {
  if (err.every((e) => Math.abs(e) < NO_ERROR)) {
    return "The error neurons are silent: there is nothing to learn.";
  }
  let few = 0;
  let many = 0;
  err.forEach((e) => (e > 0 ? (few += e) : (many -= e)));
  const count = (n) => (net.error === "signed" ? plural(n, "spike") : `${n.toFixed(1)} spikes`);
  const name = net.names[state.label];
  const [missing, excess] = [count(few), count(many)];
  return `The error neurons report ${missing} too few of ${name}, ${excess} too many of others.`;
}

function neuronCard({ k, n }, signals) {
  const { result } = state;
  const layer = net.layers[k];
  const ofNeuron = (values, scale = 1) =>
    Array.from({ length: T }, (_, t) => values[t * layer.neurons + n] / scale);
  const v = ofNeuron(result.layers[k].v, layer.vth * (1 << BioGrad.ALIGN));
  const s = ofNeuron(result.layers[k].s);
  const learns = signals && layer.w_fb;
  const v_apical = learns ? ofNeuron(signals.layers[k].v_apical) : null;
  const dw = learns ? BioGrad.weightUpdate(net, result, signals, k, n) : null;
  const close = make("button", { type: "button", title: "hide this neuron" }, "×");
  close.setAttribute("aria-label", `close ${nameOf(k)}, neuron ${n}`);
  close.addEventListener("click", () => toggleInspected(k, n));
  const name = make("b", {}, `${nameOf(k)}, neuron ${n}`);
  const title = make("span", {}, name, ` · ${plural(sumOf(s), "spike")}`);
  const soft = (text) => make("p", { className: "soft" }, text);
  const card = make("article", { className: "neuron" }, make("header", {}, title, close));
  card.append(voltagePlot(v, s, v_apical));
  if (!layer.w_fb) {
    card.append(soft("This network has no feedback weights: its apical dendrites get no input."));
  }
  if (k === 0 && layer.conv) card.append(kernelImages(layer, n));
  else if (k === 0) card.append(weightImages(n, dw));
  else if (dw) card.append(soft(updateText(dw)));
  return card;
}

function updateText(dw) {
  const up = dw.filter((w) => w > 1e-12).length;
  const down = dw.filter((w) => w < -1e-12).length;
  if (!up && !down) return "A learning step would leave its weights unchanged.";
  return `A learning step would raise ${up} of its weights and lower ${down}.`;
}

// Soma above, apical dendrite below, on one time axis.
function voltagePlot(v, s, v_apical) {
  const { W, left, right } = CHART;
  const edge = W - right;
  const x = (t) => left + ((t + 0.5) * (edge - left)) / T;
  const svg = chart("Voltages of the two compartments over time");
  const band = (top, bottom, low, high) => (value) =>
    bottom - ((value - low) / (high - low || 1)) * (bottom - top);
  const text = (content, attributes) => svg.append(shape("text", attributes, content));
  const vertical = (t, y1, y2, look) =>
    svg.append(shape("line", { x1: x(t), x2: x(t), y1, y2, ...look }));
  const rule = (y, label, dash) => {
    const look = { stroke: COLOURS.pale, "stroke-dasharray": dash };
    svg.append(shape("line", { x1: left, x2: edge, y1: y, y2: y, ...look }));
    text(label, { x: edge + 5, y: y + 3.5 });
  };
  const curve = (values, y, stroke) => {
    const points = values.map((value, t) => `${x(t)},${y(value)}`).join(" ");
    svg.append(shape("polyline", { points, fill: "none", stroke, "stroke-width": 1.8 }));
    values.forEach((value, t) =>
      svg.append(shape("circle", { cx: x(t), cy: y(value), r: 2.4, fill: stroke })),
    );
  };
  s.forEach((fired, t) => {
    if (!fired) return;
    vertical(t, 14, 168, { stroke: COLOURS.pale, opacity: 0.5 });
    vertical(t, 2, 12, { stroke: COLOURS.ink, "stroke-width": 2 });
  });
  text("spikes", { x: edge + 5, y: 11 });
  const somaTop = Math.max(1.4, ...v);
  const soma = band(18, 96, Math.min(-0.2, ...v), somaTop);
  rule(soma(1), "threshold", "4 3");
  curve(v, soma, COLOURS.blue);
  text(somaTop.toPrecision(2), { x: left - 4, y: 24, "text-anchor": "end" });
  const reach = Math.max(0.5, ...(v_apical || []).map(Math.abs));
  const apical = band(112, 168, -reach, reach);
  rule(apical(0), v_apical ? "0" : "no error yet", "none");
  if (v_apical) {
    curve(v_apical, apical, COLOURS.orange);
    text(reach.toPrecision(2), { x: left - 4, y: 116, "text-anchor": "end" });
  }
  for (const [name, y] of [
    ["soma", 62],
    ["apical", 144],
  ]) {
    text(name, { x: 10, y, transform: `rotate(-90 10 ${y})`, "text-anchor": "middle" });
  }
  svg.append(timeAxis());
  text("(thresholds)", { x: edge + 5, y: 184 });
  return svg;
}

// The weights of a neuron of the first layer, and their update in a learning step.
function weightImages(n, dw) {
  const { inputs, neurons, w } = net.layers[0];
  const weights = Array.from({ length: inputs }, (_, i) => w[i * neurons + n]);
  const caption = dw
    ? "their update in a learning step: up (blue), down (orange)"
    : "their update: choose the right class first";
  const images = [
    [weights, "its weights"],
    [dw && Array.from(dw), caption],
  ].map(([values, text]) => {
    const canvas = make("canvas");
    canvas.setAttribute("aria-label", text);
    paint(canvas, values || new Float64Array(SIDE * SIDE), signedColour(values || [0]));
    return make("figure", {}, canvas, make("figcaption", {}, text));
  });
  return make("div", { className: "fields" }, ...images);
}
