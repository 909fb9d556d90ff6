// The page around the network: what was drawn or picked, the answer, the joules, and which neurons are looked into. draw_core.js computes,
// draw_pictures.js draws.
"use strict";

const net = BioGrad.decode(JSON.parse(document.getElementById("network").textContent));
const T = net.steps, LAST = net.layers.length - 1, SIDE = BioGrad.SIDE;
const COLOURS = { ink: "#222222", blue: "#0072B2", orange: "#D55E00", pale: "#B8B8B8", line: "#e2e6ea" };
const MAX_NEURONS = 3; // looked into at a time
const at = (id) => document.getElementById(id);

// Everything shown follows from these. `right` is the class the person says it was; `chosen` the neurons looked into.
const state = { strokes: [], picked: null, pixels: null, right: null, chosen: [], own: false, done: null, milliseconds: 0 };

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
  const gallery = at("gallery"), button = gallery.children[index]; // on a phone the gallery scrolls: show what is picked
  if (gallery.scrollWidth > gallery.clientWidth) gallery.scrollLeft = button.offsetLeft - gallery.offsetLeft - gallery.clientWidth / 3;
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
  at("counts").style.setProperty("--name", `${Math.max(1.2, ...net.names.map((name) => 0.62 * name.length))}em`);
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
