// A trained network in Loihi's integers, in plain JavaScript, equal to the bit to what
// `hardware/emulator_loop.py` computes, which is what Lava computes.
//
// Pure functions, shared by the page (page.js) and the tests. Time comes first: s[t * neurons + n].
// Voltages of the chip are integers. Each function names the Python function that it copies; tests
// hold the two equal.
"use strict";

const BioGrad = (() => {
  const MAX_STATE = 1 << 23; // chip.MAX_STATE: u wraps beyond it, v saturates one below it
  const ALIGN = 6; // chip.INPUT_SHIFT
  const SIDE = 28; // pixels of an image's edge

  // ---- the page's data: numbers as base64, little-endian ----

  function bytesOf(base64) {
    const text = atob(base64);
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  }

  // The network and images of the page, as typed arrays. w: [in, out], one row per axon, or, of
  // kernels, [channels in, rows, columns, channels out]; w_fb: [out, classes], or null.
  function decode(page) {
    const layers = page.layers.map((layer) => {
      const raw = bytesOf(layer.w).buffer;
      const packed = layer.unit === 2 ? new Int8Array(raw) : new Int16Array(raw);
      const w = Int16Array.from(packed, (weight) => weight * layer.unit);
      const w_fb = layer.w_fb && new Float32Array(bytesOf(layer.w_fb).buffer);
      return { ...layer, w, w_fb, bias: Int32Array.from(layer.bias) };
    });
    const pixels = bytesOf(page.gallery.pixels);
    const size = layers[0].inputs;
    const labels = page.gallery.labels;
    const images = labels.map((label, i) => pixels.subarray(i * size, (i + 1) * size));
    const classes = layers[layers.length - 1].neurons;
    return { ...page, layers, classes, gallery: { labels, images } };
  }

  // ---- image to spikes: biograd/encoders.py, in 32-bit floats ----

  const f = Math.fround;
  const ENCODERS = {
    // s[t] = floor(x (t+1) + 1/2) - floor(x t + 1/2)
    integrate_and_fire(x, steps, s) {
      const total = (value, t) => Math.floor(f(f(value * t) + 0.5));
      for (let t = 0; t < steps; t++) {
        for (let i = 0; i < x.length; i++)
          s[t * x.length + i] = total(x[i], t + 1) - total(x[i], t);
      }
    },
    // One spike per pixel, earlier for brighter ones: step round((1 - x)(T - 1)), ties to even.
    latency(x, steps, s) {
      for (let i = 0; i < x.length; i++) {
        const exact = f(f(1 - x[i]) * (steps - 1));
        const low = Math.floor(exact);
        const step = exact - low === 0.5 ? low + (low & 1) : Math.round(exact);
        if (x[i] > 0) s[step * x.length + i] = 1;
      }
    },
    // Random spikes of the same distribution as the simulator's, from another generator that draws
    // the same numbers for every image.
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

  // ---- the chip: hardware/emulator_loop.py, 32-bit integers throughout ----

  // (|x| keep) >> 12 with the sign of x, in two halves so that 32 bits suffice.
  function decay(x, keep) {
    const size = x < 0 ? -x | 0 : x;
    const kept = (Math.imul(size >> 12, keep) + (Math.imul(size & 4095, keep) >> 12)) | 0;
    return x < 0 ? -kept | 0 : kept;
  }

  // Adds the weights of input i to the sums of all neurons: a row of dense weights, or kernels at
  // every position that sees it (hardware/convolution/loop.py); returns the synapses.
  function addSpike(layer, i, total) {
    const { neurons: N, w, conv } = layer;
    if (!conv) {
      for (let n = 0, row = i * N; n < N; n++) total[n] += w[row + n];
      return N;
    }
    const [, rows, columns] = conv.in_shape;
    const [channels, outRows, outColumns] = conv.out_shape;
    const own = channels / conv.groups;
    const [high, wide] = conv.kernel;
    const area = rows * columns;
    const positions = outRows * outColumns;
    const channel = Math.floor(i / area);
    const y = Math.floor((i % area) / columns);
    const x = i % columns;
    const first = Math.floor(channel / (conv.in_shape[0] / conv.groups)) * own;
    for (const [outY, tapY] of conv.rows[y]) {
      for (const [outX, tapX] of conv.columns[x]) {
        const row = ((channel * high + tapY) * wide + tapX) * own;
        const at = first * positions + outY * outColumns + outX;
        for (let c = 0; c < own; c++) total[at + c * positions] += w[row + c];
      }
    }
    return conv.rows[y].length * conv.columns[x].length * own;
  }

  // One layer over all steps, from rest. s_pre: [T, inputs].
  // Returns u, v (before its reset) int32 and s uint8, each [T, neurons], and counts of faults, of
  // synaptic operations, and of neuron updates that a spike reached.
  function runLayer(layer, s_pre, steps) {
    const { inputs, neurons: N, bias } = layer;
    const fires = layer.fires !== false;
    const up = Math.max(layer.weight_exp, 0);
    const down = Math.max(-layer.weight_exp, 0);
    const threshold = layer.vth << ALIGN;
    const u = new Int32Array(steps * N);
    const v = new Int32Array(steps * N);
    const s = new Uint8Array(steps * N);
    const total = new Int32Array(N);
    let wrapped = 0;
    let saturated = 0;
    let synapses = 0;
    let reached = 0;
    for (let t = 0; t < steps; t++) {
      total.set(bias);
      const active = [];
      for (let i = 0; i < inputs; i++) {
        if (!s_pre[t * inputs + i]) continue;
        synapses += addSpike(layer, i, total);
        active.push(i);
      }
      reached += neuronsReached(layer, active);
      for (let n = 0; n < N; n++) {
        const now = t * N + n;
        const before = now - N;
        let current = ((total[n] << up) >> down) << ALIGN;
        if (t > 0) current = (current + decay(u[before], layer.keep_u)) | 0;
        if (current > MAX_STATE || current <= -MAX_STATE) wrapped++;
        if (current > MAX_STATE) current = (current - 2 * MAX_STATE) | 0;
        if (current <= -MAX_STATE) current = (current + 2 * MAX_STATE) | 0;
        const continues = t > 0 && !s[before]; // a readout never fires
        let voltage = continues ? (decay(v[before], layer.keep_v) + current) | 0 : current;
        if (voltage >= MAX_STATE || voltage <= -MAX_STATE) saturated++;
        voltage = Math.max(1 - MAX_STATE, Math.min(MAX_STATE - 1, voltage));
        u[now] = current;
        v[now] = voltage;
        s[now] = fires && voltage > threshold ? 1 : 0;
      }
    }
    return { u, v, s, wrapped, saturated, synapses, reached };
  }

  // Neurons that the spikes of one step reach.
  function neuronsReached(layer, active) {
    const { conv } = layer;
    if (!active.length || !conv) return active.length ? layer.neurons : 0;
    const [, rows, columns] = conv.in_shape;
    const [channels, , outColumns] = conv.out_shape;
    const touched = new Set();
    for (const i of active) {
      const channel = Math.floor(i / (rows * columns));
      const group = Math.floor(channel / (conv.in_shape[0] / conv.groups));
      for (const [outY] of conv.rows[Math.floor((i % (rows * columns)) / columns)]) {
        for (const [outX] of conv.columns[i % columns])
          touched.add((outY * outColumns + outX) * conv.groups + group);
      }
    }
    return touched.size * (channels / conv.groups);
  }

  // The sum over all steps: spikes, or voltages of a readout (below 2^53, so exact).
  function sumsOf(values, steps) {
    const classes = values.length / steps;
    const sums = new Float64Array(classes);
    for (let k = 0; k < values.length; k++) sums[k % classes] += values[k];
    return sums;
  }

  // All layers; the answer is the class with the most spikes, the lowest of equals. A readout has
  // the sums of its voltages in their place.
  function run(net, spikes) {
    const layers = [];
    let s = spikes;
    for (const layer of net.layers) {
      layers.push(runLayer(layer, s, net.steps));
      s = layers[layers.length - 1].s;
    }
    const last = layers[layers.length - 1];
    const fires = net.layers[net.layers.length - 1].fires !== false;
    const counts = sumsOf(fires ? last.s : last.v, net.steps);
    const answer = counts.indexOf(Math.max(...counts));
    const operations = countOperations(net, spikes, layers);
    return { spikes, layers, counts, answer, operations };
  }

  // ---- operations of one sample: hardware/emulator.py, count_operations; entry 0: the input ----

  function countOperations(net, spikes, layers) {
    const T = net.steps;
    const s = [spikes, ...layers.map((layer) => layer.s)];
    const sent = s.map((layer) => layer.reduce((a, b) => a + b, 0));
    const cores = [...net.layers.map((layer) => layer.destinations), 1];
    const biasAxons = [...net.layers.map((layer) => layer.bias_axons), 0];
    const messages = sent.map((n, k) => (n + biasAxons[k] * T) * cores[k]);
    const synaptic_operations = [0];
    const active_updates = [0];
    const inactive_updates = [0];
    net.layers.forEach((layer, k) => {
      const always = biasAxons[k] * T * layer.neurons;
      const active = layer.bias_axons ? T * layer.neurons : layers[k].reached;
      synaptic_operations.push(layers[k].synapses + always);
      active_updates.push(active);
      inactive_updates.push(T * layer.neurons - active);
    });
    const updates = { active_updates, inactive_updates };
    return { synaptic_operations, ...updates, spikes: sent, messages, steps: T };
  }

  // ---- MODELLED joules and seconds of one inference: hardware/energy.py, estimate ----

  // Each value is [low, high]; p: an energy profile.
  function estimate(net, operations, p) {
    const sum = (counts) => counts.reduce((a, b) => a + b, 0);
    const scaled = (bounds, by) => [bounds[0] * by, bounds[1] * by];
    const plus = (...all) => [sum(all.map((a) => a[0])), sum(all.map((a) => a[1]))];
    const { synaptic_operations, active_updates, inactive_updates } = operations;
    const work = net.layers.map((layer, k) => {
      const synapses = synaptic_operations[k + 1] * p.synaptic_operation_time;
      const updates = synapses + active_updates[k + 1] * p.active_update_time;
      return (updates + inactive_updates[k + 1] * p.inactive_update_time) / layer.cores;
    });
    const barriers = scaled(p.barrier_time, operations.steps);
    const cores = sum(net.layers.map((layer) => layer.cores));
    const seconds = [barriers[0] + Math.max(...work), barriers[1] + sum(work)];
    const synapses = scaled(p.synaptic_operation, sum(synaptic_operations));
    const active = scaled(p.active_update, sum(active_updates));
    const neurons = plus(active, scaled(p.inactive_update, sum(inactive_updates)));
    const spikes = scaled(p.spike, sum(operations.spikes));
    const traffic = plus(spikes, scaled(p.message, sum(operations.messages)));
    const corePower = Math.min(cores * p.core_power, p.chip_power);
    const idle = [corePower * seconds[0], p.chip_power * seconds[1]];
    const dynamic = plus(synapses, neurons, traffic);
    const total = plus(dynamic, idle);
    return { synapses, neurons, traffic, dynamic, static: idle, total, seconds, cores };
  }

  return { decode, encode, run, estimate, bytesOf, ALIGN, SIDE };
})();
