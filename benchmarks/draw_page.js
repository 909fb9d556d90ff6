// The page around the network: pen and gallery in; answer, joules, raster, compartments and lesson out. Computing is draw_core.js's.
"use strict";

const net = BioGrad.decode(JSON.parse(document.getElementById("network").textContent));
const T = net.steps, LAST = net.layers.length - 1, SIDE = BioGrad.SIDE;
const COLOURS = { ink: "#222222", blue: "#0072B2", orange: "#D55E00", pale: "#B8B8B8", line: "#e2e6ea" };
const MAX_NEURONS = 3; // looked into at a time
const at = (id) => document.getElementById(id);

// Everything shown follows from these. `right` is the class the person says it was; `chosen` the neurons looked into.
const state = { strokes: [], picked: null, pixels: null, right: null, chosen: [], own: false, done: null, milliseconds: 0 };

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

// ---- one answer ------------------------------------------------------------------------------------------------------------------------

function answer() {
  const begun = performance.now();
  state.pixels = state.picked === null ? BioGrad.rasterise(state.strokes) : net.gallery.images[state.picked];
  state.done = state.pixels && BioGrad.run(net, BioGrad.encode(net, state.pixels));
  showAnswer();
  state.milliseconds = performance.now() - begun;
  showDetails();
}

function showAnswer() {
  const { done, pixels } = state;
  paint(at("seen"), pixels || new Uint8Array(SIDE * SIDE), inked);
  at("answer").textContent = done ? net.names[done.answer] : "–";
  at("answer").classList.toggle("word", net.names.some((name) => name.length > 2));
  const top = done ? Math.max(...done.counts) : 0;
  net.names.forEach((_, c) => {
    const row = at("counts").children[c], n = done ? done.counts[c] : 0;
    row.className = [done && c === done.answer ? "first" : "", c === state.right ? "right" : ""].join(" ").trim();
    row.querySelector("i").style.width = `${(100 * n) / T}%`;
    row.lastChild.textContent = done ? n : "";
  });
  if (!done) at("verdict").textContent = "Draw a digit, or pick one below the pad.";
  else if (!top) at("verdict").textContent = "No output neuron fired. Ties go to the first class.";
  else {
    const ties = net.names.filter((_, c) => done.counts[c] === top);
    const lead = ties.length > 1 ? `${ties.join(" and ")} tie at ${plural(top, "spike")}; the first of them counts.` : `${plural(top, "spike")} in ${T} steps.`;
    const judged = state.right === null ? "" : state.right === done.answer ? " Right." : ` You say it was ${net.names[state.right]}.`;
    at("verdict").textContent = lead + judged;
  }
}

function showDetails() {
  if (!state.own && state.done) state.chosen = liveliest();
  showCost();
  showRaster();
  showLesson();
}

// ---- joules ----------------------------------------------------------------------------------------------------------------------------

const PARTS = [
  ["synapses", "synaptic operations"],
  ["neurons", "neuron updates"],
  ["traffic", "spikes and messages"],
  ["static", "static power meanwhile"],
  ["total", "together"],
];

function showCost() {
  const { done } = state;
  if (!done) {
    at("joules").textContent = "–";
    at("cost").textContent = "";
    at("parts").replaceChildren();
    return;
  }
  const found = net.profiles.map((profile) => BioGrad.estimate(net, done.operations, profile));
  at("joules").textContent = range(found[0].total, "J");
  const operations = sumOf(done.operations.synaptic_operations), spikes = sumOf(done.operations.spikes);
  at("cost").textContent =
    `for this answer on Loihi 1: ${plural(operations, "synaptic operation")}, ${plural(spikes, "spike")}, ${plural(found[0].cores, "core")}, ` +
    `${range(found[0].seconds, "s")}. Computed here in ${state.milliseconds.toFixed(1)} ms.`;
  const head = make("tr", {}, make("th"), ...net.profiles.map((profile) => make("th", { className: "number" }, profile.name)));
  const rows = PARTS.map(([key, name]) =>
    make("tr", {}, make("td", {}, name), ...found.map((e) => make("td", { className: "number" }, range(e[key], "J")))),
  );
  const sources = net.profiles.map((profile) => `${profile.name}: ${profile.source}.`).join(" ");
  const note = `Modelled from operation counts and published constants, never measured; a range where a source or the placement on cores leaves one. ${sources}`;
  at("parts").replaceChildren(
    make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))),
    make("p", { className: "soft" }, note),
  );
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

// Of each of the first hidden layers, the neuron that fired and would be taught the most; before a lesson, that fired the most.
function liveliest() {
  const { done, right } = state, taught = right === null ? null : BioGrad.teach(net, done, right);
  return net.layers.slice(0, Math.min(LAST, 2)).map((layer, k) => {
    const lively = new Float64Array(layer.neurons);
    done.layers[k].s.forEach((s, i) => (lively[i % layer.neurons] += s));
    if (taught) lively.forEach((spikes, n) => (lively[n] = spikes ? 1e-3 * spikes : 0));
    if (taught) taught.layers[k].g.forEach((g, i) => (lively[i % layer.neurons] *= 1 + Math.abs(g)));
    return { k, n: lively.indexOf(Math.max(...lively)) };
  });
}

// Look into a neuron, or away from it.
function choose(k, n) {
  const others = state.chosen.filter((choice) => choice.k !== k || choice.n !== n);
  state.chosen = others.length < state.chosen.length ? others : [{ k, n }, ...others].slice(0, MAX_NEURONS);
  state.own = true;
  showRaster();
  showLesson();
}

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

// ---- pen, gallery, labels --------------------------------------------------------------------------------------------------------------

let waiting = false;
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    answer();
  });
}

function pick(index) {
  Object.assign(state, { picked: index, strokes: [], right: net.gallery.labels[index] });
  showPad();
  answer();
}

function showPad() {
  const canvas = at("pad"), pen = canvas.getContext("2d"), size = canvas.width;
  pen.clearRect(0, 0, size, size);
  Array.from(at("gallery").children).forEach((button, i) => button.setAttribute("aria-pressed", String(i === state.picked)));
  if (state.picked !== null) {
    pen.imageSmoothingEnabled = false;
    pen.drawImage(at("gallery").children[state.picked].firstChild, 0, 0, size, size);
    return;
  }
  if (!state.strokes.length) {
    pen.fillStyle = COLOURS.pale;
    pen.font = `${size / 18}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.fillText("draw here", size / 2, size / 2);
  }
  Object.assign(pen, { lineWidth: size / 16, lineCap: "round", lineJoin: "round", strokeStyle: COLOURS.ink });
  for (const stroke of state.strokes) {
    pen.beginPath();
    for (const [x, y] of [stroke[0], ...stroke]) pen.lineTo(x * size, y * size);
    pen.stroke();
  }
}

function makePad() {
  const canvas = at("pad");
  let drawing = false;
  const point = (event) => [event.offsetX / canvas.clientWidth, event.offsetY / canvas.clientHeight];
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    if (event.isTrusted) canvas.setPointerCapture(event.pointerId); // a stroke may leave the pad and come back
    drawing = true;
    if (state.picked !== null || !state.strokes.length) Object.assign(state, { picked: null, strokes: [], right: null });
    state.strokes.push([point(event)]);
    showPad();
    later();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    state.strokes[state.strokes.length - 1].push(point(event));
    showPad();
    later();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (drawing = false));
  at("clear").addEventListener("click", () => {
    Object.assign(state, { picked: null, strokes: [], right: null });
    showPad();
    answer();
  });
}

function makeChoices() {
  net.gallery.images.forEach((pixels, i) => {
    const canvas = make("canvas"), button = make("button", { type: "button" }, canvas);
    paint(canvas, pixels, inked);
    button.setAttribute("aria-label", `test image ${i + 1}, ${net.names[net.gallery.labels[i]]}`);
    button.addEventListener("click", () => pick(i));
    at("gallery").append(button);
  });
  net.names.forEach((name, c) => {
    at("counts").append(make("div", {}, make("span", {}, name), make("div", { className: "bar" }, make("i")), make("span")));
    const button = make("button", { type: "button", value: c }, name);
    button.addEventListener("click", () => {
      state.right = state.right === c ? null : c;
      if (state.done) showAnswer();
      showDetails();
    });
    at("labels").append(button);
  });
}

makePad();
makeChoices();
makeRaster();
at("steps").textContent = T;
at("footer").textContent =
  "Nothing leaves this page, and it loads nothing. The forward pass is Loihi's integer arithmetic, the same as BioGrad's emulator and Lava's " +
  "fixed-point simulation, step by step; apical voltages and lessons follow the simulator's equations. No chip was involved.";
addEventListener("resize", showRaster);
const first = firstLesson();
if (first >= 0) pick(first);
else {
  showPad();
  answer();
}
setTimeout(markMisread);

// The first image that has something to teach, so that the page opens with a lesson; -1 where there are no images.
function firstLesson() {
  const teaches = net.gallery.images.findIndex((pixels, i) => {
    const done = BioGrad.run(net, BioGrad.encode(net, pixels));
    return BioGrad.teach(net, done, net.gallery.labels[i]).err.filter((e) => Math.abs(e) > 1e-9).length > 2;
  });
  return Math.max(teaches, Math.min(0, net.gallery.images.length - 1));
}

function markMisread() {
  let misread = 0;
  net.gallery.images.forEach((pixels, i) => {
    if (BioGrad.run(net, BioGrad.encode(net, pixels)).answer === net.gallery.labels[i]) return;
    misread++;
    at("gallery").children[i].classList.add("misread");
  });
  at("misread").textContent = misread ? "(dashed: misread)" : "";
}
