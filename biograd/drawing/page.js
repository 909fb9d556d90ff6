// The page around the network: its state, the answer, its energy, the gallery, and the inspected
// neurons. network.js and learning.js compute, pad.js takes drawings, pictures.js draws results.
"use strict";

const net = BioGrad.decode(JSON.parse(document.getElementById("network").textContent));
const T = net.steps;
const LAST = net.layers.length - 1;
const FIRES = net.layers[LAST].fires !== false; // false: a readout, which answers by its voltages
const SIDE = BioGrad.SIDE;
const COLOURS = {
  ink: "#222222",
  blue: "#0072B2",
  orange: "#D55E00",
  pale: "#B8B8B8",
  line: "#e2e6ea",
};
const MAX_INSPECTED = 3; // neurons shown at a time
const NO_ERROR = 1e-9; // below it an error is 0, spikes per step
const at = (id) => document.getElementById(id);

// Everything on the page follows from these.
const state = {
  strokes: [], // drawn with the pen
  picked: null, // index of an image of the gallery
  pixels: null, // what the network sees
  label: null, // the right class, as the person says
  result: null, // of BioGrad.run
  inspected: [], // neurons { k, n }
  chosenByHand: false, // whether a person chose them
  milliseconds: 0, // of the last answer
};

// ---- one answer ----

function answer() {
  const start = performance.now();
  const { strokes, picked } = state;
  state.pixels = picked === null ? BioGrad.rasterise(strokes) : net.gallery.images[picked];
  state.result = state.pixels && BioGrad.run(net, BioGrad.encode(net, state.pixels));
  showAnswer();
  state.milliseconds = performance.now() - start;
  showDetails();
}

function showAnswer() {
  const { result, pixels, label } = state;
  paint(at("seen"), pixels || new Uint8Array(SIDE * SIDE), greyColour);
  at("answer").textContent = result ? net.names[result.answer] : "–";
  const isWord = net.names.some((name) => name.length > 2);
  at("answer").classList.toggle("word", isWord);
  const answers = result ? net.names.map((_, c) => answerOf(c)) : [];
  const [low, high] = FIRES ? [0, T] : [Math.min(...answers), Math.max(...answers)];
  net.names.forEach((_, c) => {
    const row = at("counts").children[c];
    const count = result ? answerOf(c) : 0;
    row.classList.toggle("first", Boolean(result) && c === result.answer);
    row.classList.toggle("right", c === label);
    const share = result ? (count - low) / (high - low || 1) : 0;
    row.querySelector("i").style.width = `${100 * share}%`;
    row.lastChild.textContent = result ? (FIRES ? count : count.toFixed(1)) : "";
  });
  at("verdict").textContent = verdict();
}

// What a class gets: spikes, or, of a readout, its mean voltage in thresholds.
function answerOf(c) {
  const count = state.result.counts[c];
  return FIRES ? count : count / T / (net.layers[LAST].vth << BioGrad.ALIGN);
}

function verdict() {
  const { result, label } = state;
  if (!result) return "Draw a digit, or pick one below the pad.";
  const top = Math.max(...result.counts);
  if (FIRES && !top) return "No output neuron fired. Ties go to the first class.";
  const ties = net.names.filter((_, c) => result.counts[c] === top);
  const voltage = `The highest mean voltage: ${answerOf(result.answer).toFixed(1)} thresholds.`;
  const lead = !FIRES
    ? voltage
    : ties.length > 1
      ? `${ties.join(" and ")} tie at ${plural(top, "spike")}; the first of them counts.`
      : `${plural(top, "spike")} in ${T} steps.`;
  if (label === null) return lead;
  return `${lead} ${label === result.answer ? "Right." : `You say it was ${net.names[label]}.`}`;
}

function showDetails() {
  if (!state.chosenByHand && state.result) state.inspected = mostActive();
  showCost();
  showRaster();
  showLearning();
}

// ---- inspected neurons ----

// In each of the first two hidden layers, the neuron that fired and would learn the most; without a
// right class, the one that fired the most.
function mostActive() {
  const { result, label } = state;
  const signals = label === null ? null : BioGrad.learningSignals(net, result, label);
  return net.layers.slice(0, Math.min(LAST, 2)).map((layer, k) => {
    const activity = new Float64Array(layer.neurons);
    result.layers[k].s.forEach((s, i) => (activity[i % layer.neurons] += s));
    if (signals) {
      activity.forEach((spikes, n) => (activity[n] = spikes ? 1e-3 * spikes : 0));
      signals.layers[k].g.forEach((g, i) => (activity[i % layer.neurons] *= 1 + Math.abs(g)));
    }
    return { k, n: activity.indexOf(Math.max(...activity)) };
  });
}

// Show a neuron, or hide it again.
function toggleInspected(k, n) {
  const others = state.inspected.filter((neuron) => neuron.k !== k || neuron.n !== n);
  const wasShown = others.length < state.inspected.length;
  state.inspected = wasShown ? others : [{ k, n }, ...others].slice(0, MAX_INSPECTED);
  state.chosenByHand = true;
  showRaster();
  showLearning();
}

// ---- energy ----

const PARTS = [
  ["synapses", "synaptic operations"],
  ["neurons", "neuron updates"],
  ["traffic", "spikes and messages"],
  ["static", "static power during the answer"],
  ["total", "total"],
];
const MODELLED =
  "Modelled from operation counts and published constants, never measured; a range where a " +
  "source or the placement on cores leaves one.";

function showCost() {
  const { result } = state;
  if (!result) {
    at("joules").textContent = "–";
    at("cost").textContent = "";
    at("parts").replaceChildren();
    return;
  }
  const estimates = net.profiles.map((p) => BioGrad.estimate(net, result.operations, p));
  const [first] = estimates;
  at("joules").textContent = range(first.total, "J");
  const counts = [
    plural(sumOf(result.operations.synaptic_operations), "synaptic operation"),
    plural(sumOf(result.operations.spikes), "spike"),
    plural(first.cores, "core"),
    range(first.seconds, "s"),
  ];
  at("cost").textContent =
    `for this answer on Loihi 1: ${counts.join(", ")}. ` +
    `Computed here in ${state.milliseconds.toFixed(1)} ms.`;
  const sources = net.profiles.map((p) => `${p.name}: ${p.source}.`);
  at("parts").replaceChildren(
    make("div", { className: "scroll" }, costTable(estimates)),
    make("p", { className: "soft" }, [MODELLED, ...sources].join(" ")),
  );
}

function costTable(estimates) {
  const number = (tag, text) => make(tag, { className: "number" }, text);
  const head = net.profiles.map((profile) => number("th", profile.name));
  const rows = PARTS.map(([key, name]) => {
    const cells = estimates.map((estimate) => number("td", range(estimate[key], "J")));
    return make("tr", {}, make("td", {}, name), ...cells);
  });
  const thead = make("thead", {}, make("tr", {}, make("th"), ...head));
  return make("table", {}, thead, make("tbody", {}, ...rows));
}

// ---- gallery and classes ----

function pick(index) {
  Object.assign(state, { picked: index, strokes: [], label: net.gallery.labels[index] });
  showPad();
  answer();
  // On a phone the gallery scrolls: show the picked image.
  const gallery = at("gallery");
  if (gallery.scrollWidth > gallery.clientWidth) {
    const left = gallery.children[index].offsetLeft - gallery.offsetLeft;
    gallery.scrollLeft = left - gallery.clientWidth / 3;
  }
}

function makeGallery() {
  net.gallery.images.forEach((pixels, i) => {
    const canvas = make("canvas");
    const button = make("button", { type: "button" }, canvas);
    paint(canvas, pixels, greyColour);
    const name = net.names[net.gallery.labels[i]];
    button.setAttribute("aria-label", `test image ${i + 1}, ${name}`);
    button.addEventListener("click", () => pick(i));
    at("gallery").append(button);
  });
}

function makeClasses() {
  const width = Math.max(1.2, ...net.names.map((name) => 0.62 * name.length));
  at("counts").style.setProperty("--name", `${width}em`);
  net.names.forEach((name, c) => {
    const bar = make("div", { className: "bar" }, make("i"));
    at("counts").append(make("div", {}, make("span", {}, name), bar, make("span")));
    const button = make("button", { type: "button", value: c }, name);
    button.addEventListener("click", () => {
      state.label = state.label === c ? null : c;
      if (state.result) showAnswer();
      showDetails();
    });
    at("labels").append(button);
  });
}

// The first image with something to learn, so that the page opens with a weight update; -1 where
// there are no images.
function firstWithErrors() {
  const index = net.gallery.images.findIndex((pixels, i) => {
    const result = BioGrad.run(net, BioGrad.encode(net, pixels));
    const { err } = BioGrad.learningSignals(net, result, net.gallery.labels[i]);
    return err.filter((e) => Math.abs(e) > NO_ERROR).length > 2;
  });
  return Math.max(index, Math.min(0, net.gallery.images.length - 1));
}

function markMisread() {
  let misread = 0;
  net.gallery.images.forEach((pixels, i) => {
    const result = BioGrad.run(net, BioGrad.encode(net, pixels));
    if (result.answer === net.gallery.labels[i]) return;
    misread++;
    at("gallery").children[i].classList.add("misread");
  });
  at("misread").textContent = misread ? "(dashed: misread)" : "";
}

makePad();
makeGallery();
makeClasses();
makeRaster();
at("steps").textContent = T;
at("footer").textContent =
  "This page sends nothing and loads nothing. The forward pass is Loihi's integer arithmetic, " +
  "equal to BioGrad's emulator and Lava's fixed-point simulation step by step; apical voltages " +
  "and weight updates follow the simulator's equations. No chip was used.";
addEventListener("resize", showRaster);
const first = firstWithErrors();
if (first >= 0) {
  pick(first);
} else {
  showPad();
  answer();
}
setTimeout(markMisread);
