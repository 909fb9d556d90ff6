// A trained network in Loihi's integers, in plain JavaScript: bit for bit what `hardware/emulator_loop.py` computes, which is what Lava computes.
//
// Pure functions; the page (draw_page.js) and the tests share them. Time comes first: s[t * neurons + n]. Voltages of the chip are
// integers, those of the apical compartment are in thresholds. Each function names the Python function it copies; tests hold them equal.
"use strict";

const BioGrad = (() => {
  const TOP = 1 << 23; // chip.MAX_STATE: u wraps beyond it, v saturates one below it
  const ALIGN = 6; // chip.INPUT_SHIFT
  const SIDE = 28; // pixels of an image's edge

  // ---- what the page carries: numbers as base64, little-endian -----------------------------------------------------------------------

  function bytesOf(base64) {
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  function decode(page) {
    const layers = page.layers.map((layer) => {
      const raw = bytesOf(layer.w).buffer;
      const packed = layer.unit === 2 ? new Int8Array(raw) : new Int16Array(raw);
      const w = Int16Array.from(packed, (weight) => weight * layer.unit); // [in, out], a row an axon
      const w_fb = layer.w_fb && new Float32Array(bytesOf(layer.w_fb).buffer); // [out, classes]
      return { ...layer, w, w_fb, bias: Int32Array.from(layer.bias) };
    });
    const pixels = bytesOf(page.gallery.pixels), size = layers[0].inputs;
    const images = page.gallery.labels.map((label, i) => pixels.subarray(i * size, (i + 1) * size));
    return { ...page, layers, classes: layers[layers.length - 1].neurons, gallery: { labels: page.gallery.labels, images } };
  }

  // ---- image to spikes: biograd/encoders.py, in 32-bit floats ------------------------------------------------------------------------

  const f = Math.fround;
  const ENCODERS = {
    // s[t] = floor(x (t+1) + 1/2) - floor(x t + 1/2)
    integrate_and_fire(x, steps, s) {
      for (let t = 0; t < steps; t++) {
        for (let i = 0; i < x.length; i++) s[t * x.length + i] = Math.floor(f(f(x[i] * (t + 1)) + 0.5)) - Math.floor(f(f(x[i] * t) + 0.5));
      }
    },
    // One spike per pixel, the brighter the sooner: at step round((1 - x)(T - 1)), ties to even.
    latency(x, steps, s) {
      for (let i = 0; i < x.length; i++) {
        const at = f(f(1 - x[i]) * (steps - 1)), low = Math.floor(at);
        const first = at - low === 0.5 ? low + (low & 1) : Math.round(at);
        if (x[i] > 0) s[first * x.length + i] = 1;
      }
    },
    // Fires at random: the same law as the simulator's, drawn by another generator, the same draws for the same image.
    bernoulli(x, steps, s) {
      let state = 1;
      for (let k = 0; k < s.length; k++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        s[k] = (state >>> 0) / 4294967296 < x[k % x.length] ? 1 : 0;
      }
    },
  };

  function encode(net, pixels) {
    const x = Float32Array.from(pixels, (grey) => f(grey / 255));
    const s = new Uint8Array(net.steps * x.length);
    ENCODERS[net.encoder](x, net.steps, s);
    return s;
  }

  // ---- the chip: hardware/emulator_loop.py, 32-bit integers throughout ------------------------------------------------------------------------

  // (|x| keep) >> 12 with the sign of x, in two halves so that 32 bits suffice.
  function decay(x, keep) {
    const size = x < 0 ? -x | 0 : x;
    const kept = (Math.imul(size >> 12, keep) + (Math.imul(size & 4095, keep) >> 12)) | 0;
    return x < 0 ? -kept | 0 : kept;
  }

  // One layer over all steps, from rest. s_pre: [T, inputs]. Returns u, v (before its reset) int32 and s uint8, each [T, neurons].
  function runLayer(layer, s_pre, steps) {
    const { inputs, neurons, w, bias } = layer, N = neurons;
    const up = Math.max(layer.weight_exp, 0), down = Math.max(-layer.weight_exp, 0), threshold = layer.vth << ALIGN;
    const u = new Int32Array(steps * N), v = new Int32Array(steps * N), s = new Uint8Array(steps * N);
    const total = new Int32Array(N);
    let wrapped = 0, saturated = 0;
    for (let t = 0; t < steps; t++) {
      total.set(bias);
      for (let i = 0; i < inputs; i++) {
        if (!s_pre[t * inputs + i]) continue;
        for (let n = 0, row = i * N; n < N; n++) total[n] += w[row + n];
      }
      for (let n = 0; n < N; n++) {
        const now = t * N + n, before = now - N;
        let current = ((total[n] << up) >> down) << ALIGN;
        if (t > 0) current = (current + decay(u[before], layer.keep_u)) | 0;
        if (current > TOP || current <= -TOP) wrapped++;
        if (current > TOP) current = (current - 2 * TOP) | 0;
        if (current <= -TOP) current = (current + 2 * TOP) | 0;
        let voltage = t > 0 && !s[before] ? (decay(v[before], layer.keep_v) + current) | 0 : current;
        if (voltage >= TOP || voltage <= -TOP) saturated++;
        voltage = Math.max(1 - TOP, Math.min(TOP - 1, voltage));
        u[now] = current;
        v[now] = voltage;
        s[now] = voltage > threshold ? 1 : 0;
      }
    }
    return { u, v, s, wrapped, saturated };
  }

  function countsOf(s, steps) {
    const classes = s.length / steps, counts = new Int32Array(classes);
    for (let k = 0; k < s.length; k++) counts[k % classes] += s[k];
    return counts;
  }

  // All layers; the answer is the class with the most spikes, the lowest of equals.
  function run(net, spikes) {
    const layers = [];
    let s = spikes;
    for (const layer of net.layers) {
      layers.push(runLayer(layer, s, net.steps));
      s = layers[layers.length - 1].s;
    }
    const counts = countsOf(s, net.steps);
    return { spikes, layers, counts, answer: counts.indexOf(Math.max(...counts)), operations: countOperations(net, spikes, layers) };
  }

  // ---- hardware/emulator.py count_operations, of one sample; arrays hold the input first ---------------------------------------------

  function countOperations(net, spikes, layers) {
    const trains = [spikes, ...layers.map((layer) => layer.s)], T = net.steps;
    const cores = [...net.layers.map((layer) => layer.cores), 1], axons = [...net.layers.map((layer) => layer.bias_axons), 0];
    const sent = trains.map((s) => s.reduce((a, b) => a + b, 0));
    const found = { synaptic_operations: [0], active_updates: [0], inactive_updates: [0], spikes: sent, steps: T };
    net.layers.forEach((layer, k) => {
      let awake = layer.bias_axons ? T : 0; // steps in which something arrived
      for (let t = 0; t < T && !layer.bias_axons; t++) awake += trains[k].subarray(t * layer.inputs, (t + 1) * layer.inputs).some(Boolean);
      found.synaptic_operations.push((sent[k] + axons[k] * T) * layer.neurons);
      found.active_updates.push(awake * layer.neurons);
      found.inactive_updates.push((T - awake) * layer.neurons);
    });
    found.messages = sent.map((n, k) => (n + axons[k] * T) * cores[k]);
    return found;
  }

  // ---- hardware/energy.py estimate: MODELLED joules and seconds of one inference, each [low, high] -----------------------------------

  function estimate(net, operations, p) {
    const sum = (counts) => counts.reduce((a, b) => a + b, 0);
    const scaled = (bounds, by) => [bounds[0] * by, bounds[1] * by];
    const plus = (...all) => [sum(all.map((a) => a[0])), sum(all.map((a) => a[1]))];
    const work = net.layers.map((layer, k) => {
      const { synaptic_operations, active_updates, inactive_updates } = operations;
      const serial = synaptic_operations[k + 1] * p.synaptic_operation_time + active_updates[k + 1] * p.active_update_time;
      return (serial + inactive_updates[k + 1] * p.inactive_update_time) / layer.cores;
    });
    const barriers = scaled(p.barrier_time, operations.steps), cores = sum(net.layers.map((layer) => layer.cores));
    const seconds = [barriers[0] + Math.max(...work), barriers[1] + sum(work)];
    const synapses = scaled(p.synaptic_operation, sum(operations.synaptic_operations));
    const neurons = plus(scaled(p.active_update, sum(operations.active_updates)), scaled(p.inactive_update, sum(operations.inactive_updates)));
    const traffic = plus(scaled(p.spike, sum(operations.spikes)), scaled(p.message, sum(operations.messages)));
    const idle = [Math.min(cores * p.core_power, p.chip_power) * seconds[0], p.chip_power * seconds[1]];
    const dynamic = plus(synapses, neurons, traffic);
    return { synapses, neurons, traffic, dynamic, static: idle, total: plus(dynamic, idle), seconds, cores };
  }

  // ---- the apical compartment: what the error neurons would teach ---------------------------------------------------------------------

  // err [T, classes], spikes per step (biograd/errors.py); v_apical [T, neurons] of each layer, thresholds (neurons.apical_step); and
  // g = v_apical psi, what a synapse hears of it. The output layer hears its own error neurons, without a window.
  function teach(net, done, label) {
    const T = net.steps, C = net.classes, s = done.layers[done.layers.length - 1].s;
    const err = new Float64Array(T * C), so_far = new Float64Array(C);
    for (let t = 0; t < T; t++) {
      for (let c = 0; c < C; c++) {
        so_far[c] += s[t * C + c];
        const heard = { signed: s[t * C + c], running: so_far[c] / (t + 1), final: done.counts[c] / T }[net.error];
        err[t * C + c] = (c === label ? 1 : 0) - heard;
      }
    }
    const layers = net.layers.map((layer, k) => {
      const v_apical = new Float64Array(T * layer.neurons), g = new Float64Array(T * layer.neurons);
      if (k === net.layers.length - 1) return { v_apical: err, g: err };
      for (let i = 0; layer.w_fb && i < v_apical.length; i++) {
        const t = Math.floor(i / layer.neurons), n = i % layer.neurons;
        let heard = t > 0 ? layer.alpha_a * v_apical[i - layer.neurons] : 0;
        for (let c = 0; c < C; c++) heard += layer.w_fb[n * C + c] * err[t * C + c];
        v_apical[i] = heard;
        g[i] = Math.abs(done.layers[k].v[i] / (layer.vth << ALIGN) - 1) < net.window ? heard : 0; // psi: neurons.surrogate_slope
      }
      return { v_apical, g };
    });
    return { err, layers };
  }

  // The wished change of one neuron's weights, thresholds: dw[i] = 1/T sum over t of g[t] z_i[t] (biograd/rules.py, Eligibility).
  function lesson(net, done, taught, k, neuron) {
    const { inputs, neurons } = net.layers[k], s_pre = k ? done.layers[k - 1].s : done.spikes;
    const x = new Float64Array(inputs), z = new Float64Array(inputs), dw = new Float64Array(inputs), trace = net.layers[k].trace;
    for (let t = 0; t < net.steps; t++) {
      const g = taught.layers[k].g[t * neurons + neuron] / net.steps;
      for (let i = 0; i < inputs; i++) {
        x[i] = trace.alpha_x * x[i] + s_pre[t * inputs + i];
        z[i] = trace.alpha_z * z[i] + x[i];
        dw[i] += g * z[i];
      }
    }
    return dw;
  }

  // ---- pen strokes to an image like MNIST's: ink 20 pixels long, its centre of mass in the middle of 28 x 28 -------------------------

  const PEN = 1.2; // pixels, half the pen's width: MNIST's digits are 2 to 3 pixels wide after their makers' scaling
  const INK = 20;

  // strokes: lists of points [x, y], in any unit. Returns 784 greys, or null where nothing was drawn.
  function rasterise(strokes) {
    const points = strokes.flat();
    if (!points.length) return null;
    const [x, y] = [0, 1].map((axis) => points.map((point) => point[axis]));
    const [left, right, top, bottom] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
    const scale = (INK - 2 * PEN) / Math.max(right - left, bottom - top, 1e-9);
    const place = (dx, dy) =>
      strokes.map((stroke) => stroke.map((p) => [(p[0] - (left + right) / 2) * scale + dx, (p[1] - (top + bottom) / 2) * scale + dy]));
    const middle = SIDE / 2, first = ink(place(middle, middle));
    let mass = 0, mx = 0, my = 0;
    first.forEach((grey, i) => {
      mass += grey;
      mx += grey * ((i % SIDE) + 0.5);
      my += grey * (Math.floor(i / SIDE) + 0.5);
    });
    return ink(place(2 * middle - mx / mass, 2 * middle - my / mass));
  }

  // Greys from the distance of each pixel's middle to the nearest stroke, the edge one pixel soft.
  function ink(strokes) {
    const greys = new Uint8Array(SIDE * SIDE), reach = PEN + 0.5;
    for (const stroke of strokes) {
      for (let k = 0; k < Math.max(1, stroke.length - 1); k++) {
        const [ax, ay] = stroke[k], [bx, by] = stroke[Math.min(k + 1, stroke.length - 1)];
        const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy || 1e-9;
        const from = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - reach)), to = (a, b) => Math.min(SIDE, Math.ceil(Math.max(a, b) + reach));
        for (let r = from(ay, by); r < to(ay, by); r++) {
          for (let c = from(ax, bx); c < to(ax, bx); c++) {
            const along = Math.max(0, Math.min(1, ((c + 0.5 - ax) * dx + (r + 0.5 - ay) * dy) / length));
            const far = Math.hypot(c + 0.5 - ax - along * dx, r + 0.5 - ay - along * dy);
            const grey = Math.round(255 * Math.max(0, Math.min(1, reach - far)));
            if (grey > greys[r * SIDE + c]) greys[r * SIDE + c] = grey;
          }
        }
      }
    }
    return greys;
  }

  return { decode, encode, run, runLayer, estimate, teach, lesson, rasterise, bytesOf, ALIGN, SIDE };
})();

if (typeof module !== "undefined") module.exports = BioGrad;
