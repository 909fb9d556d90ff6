// The apical compartment and the weight updates: the simulator's equations, on the chip's voltages.
"use strict";

Object.assign(
  BioGrad,
  (() => {
    // The signals of one learning step, for the result of `BioGrad.run` and the right class.
    //
    // Returns err [T, classes], spikes per step (biograd/errors.py), and of each layer v_apical
    // [T, neurons], thresholds (neurons.apical_step), and g = v_apical psi, the part of it that
    // reaches the synapses. The output layer receives its own error neurons, without a window.
    function learningSignals(net, result, label) {
      const err = errorsOverTime(net, result, label);
      const last = net.layers.length - 1;
      const layers = net.layers.map((layer, k) =>
        k === last
          ? { v_apical: err, g: err }
          : apicalSignals(net, layer, result.layers[k].v, err),
      );
      return { err, layers };
    }

    function errorsOverTime(net, result, label) {
      const T = net.steps;
      const C = net.classes;
      const { s, v } = result.layers[result.layers.length - 1];
      const unit = net.layers[net.layers.length - 1].vth << BioGrad.ALIGN;
      const err = new Float64Array(T * C);
      const spikesSoFar = new Float64Array(C);
      const voltageSoFar = new Float64Array(C);
      const voltageSum = new Float64Array(C);
      for (let i = 0; i < T * C; i++) voltageSum[i % C] += v[i] / unit;
      const likelyAtLast = softmax(voltageSum.map((sum) => sum / T));
      for (let t = 0; t < T; t++) {
        for (let c = 0; c < C; c++) voltageSoFar[c] += v[t * C + c] / unit;
        const likely = softmax(voltageSoFar.map((sum) => sum / (t + 1)));
        for (let c = 0; c < C; c++) {
          spikesSoFar[c] += s[t * C + c];
          const rates = {
            signed: s[t * C + c],
            running: spikesSoFar[c] / (t + 1),
            final: result.counts[c] / T,
            softmax: likely[c],
            "final-softmax": likelyAtLast[c],
          };
          err[t * C + c] = (c === label ? 1 : 0) - rates[net.error];
        }
      }
      return err;
    }

    function softmax(values) {
      const top = Math.max(...values);
      const powers = values.map((value) => Math.exp(value - top));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((power) => power / sum);
    }

    function apicalSignals(net, layer, v, err) {
      const C = net.classes;
      const N = layer.neurons;
      const v_apical = new Float64Array(net.steps * N);
      const g = new Float64Array(net.steps * N);
      for (let i = 0; layer.w_fb && i < v_apical.length; i++) {
        const t = Math.floor(i / N);
        const n = i % N;
        let apical = t > 0 ? layer.alpha_a * v_apical[i - N] : 0;
        for (let c = 0; c < C; c++) apical += layer.w_fb[n * C + c] * err[t * C + c];
        v_apical[i] = apical;
        // psi: neurons.surrogate_slope
        g[i] = Math.abs(v[i] / (layer.vth << BioGrad.ALIGN) - 1) < net.window ? apical : 0;
      }
      return { v_apical, g };
    }

    // The update of one neuron's weights that a learning step asks for, thresholds:
    // dw[i] = 1/T sum over t of g[t] z_i[t] (biograd/rules.py, Eligibility).
    function weightUpdate(net, result, signals, k, neuron) {
      const { inputs, neurons, trace } = net.layers[k];
      const s_pre = k ? result.layers[k - 1].s : result.spikes;
      const x = new Float64Array(inputs);
      const z = new Float64Array(inputs);
      const dw = new Float64Array(inputs);
      for (let t = 0; t < net.steps; t++) {
        const g = signals.layers[k].g[t * neurons + neuron] / net.steps;
        for (let i = 0; i < inputs; i++) {
          x[i] = trace.alpha_x * x[i] + s_pre[t * inputs + i];
          z[i] = trace.alpha_z * z[i] + x[i];
          dw[i] += g * z[i];
        }
      }
      return dw;
    }

    return { learningSignals, weightUpdate };
  })(),
);
