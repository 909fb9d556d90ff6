// Drawings of layers of maps: feature maps, kernels, and the voltages of a readout.
"use strict";

// The shape [C, H, W] of a layer of maps; k: -1 for the input; null for rows of neurons.
function mapsOf(k) {
  const conv = k < 0 ? net.layers[0].conv : net.layers[k].conv;
  if (!conv) return null;
  const shape = k < 0 ? conv.in_shape : conv.out_shape;
  return shape[1] * shape[2] > 1 ? shape : null;
}

// Places of the maps of a layer in its panel: as many columns as make the tiles largest.
function tilesOf([channels, rows, columns], width, height) {
  let best = { size: 0 };
  for (let across = 1; across <= channels; across++) {
    const down = Math.ceil(channels / across);
    const size = Math.min(width / (across * (columns + 1)), height / (down * (rows + 1)));
    if (size > best.size) best = { across, size };
  }
  return best;
}

// Feature maps side by side: the darker a pixel, the more steps its neuron fired in.
function drawMaps(pen, shape, s, k, width, height, ratio) {
  const [channels, rows, columns] = shape;
  const { across, size } = tilesOf(shape, width, height);
  const place = (n) => {
    const [c, pixel] = [Math.floor(n / (rows * columns)), n % (rows * columns)];
    const left = (c % across) * (columns + 1) + (pixel % columns);
    const top = Math.floor(c / across) * (rows + 1) + Math.floor(pixel / columns);
    return [left * size, top * size];
  };
  pen.fillStyle = "#eef1f4";
  for (let c = 0; c < channels; c++) {
    const [left, top] = place(c * rows * columns);
    pen.fillRect(left, top, columns * size, rows * size);
  }
  const neurons = channels * rows * columns;
  const fired = new Uint16Array(neurons);
  for (let i = 0; s && i < s.length; i++) fired[i % neurons] += s[i];
  pen.fillStyle = k < 0 ? COLOURS.ink : COLOURS.blue;
  fired.forEach((count, n) => {
    if (!count) return;
    pen.globalAlpha = 0.15 + (0.85 * count) / T;
    const [left, top] = place(n);
    pen.fillRect(left, top, Math.max(size, 0.5), Math.max(size, 0.5));
  });
  pen.globalAlpha = 1;
  pen.strokeStyle = COLOURS.orange;
  pen.lineWidth = 1.5 * ratio;
  for (const { n } of state.inspected.filter((neuron) => neuron.k === k)) {
    const [left, top] = place(n);
    const edge = Math.max(size, 5 * ratio);
    pen.strokeRect(left + (size - edge) / 2, top + (size - edge) / 2, edge, edge);
  }
}

// The neuron under a tap in a panel, or null between the maps.
function neuronAt(k, canvas, x, y, size) {
  const maps = mapsOf(k);
  if (!maps) return Math.floor((y / canvas.clientHeight) * size);
  const [channels, rows, columns] = maps;
  const tiles = tilesOf(maps, canvas.clientWidth, canvas.clientHeight);
  const [column, row] = [Math.floor(x / tiles.size), Math.floor(y / tiles.size)];
  const tile = Math.floor(row / (rows + 1)) * tiles.across + Math.floor(column / (columns + 1));
  const inside = column % (columns + 1) < columns && row % (rows + 1) < rows;
  if (!inside || column >= tiles.across * (columns + 1) || tile >= channels) return null;
  return (tile * rows + (row % (rows + 1))) * columns + (column % (columns + 1));
}

// The voltages of a readout, a curve per class, the answer in orange.
function drawVoltages(canvas, pen, caption) {
  caption.textContent = "voltages; it never fires";
  const { result } = state;
  if (!result) return;
  const { v } = result.layers[LAST];
  const [low, high] = [Math.min(0, ...v), Math.max(1, ...v)];
  const x = (t) => ((t + 0.5) * canvas.width) / T;
  const y = (value) => canvas.height * (0.95 - (0.9 * (value - low)) / (high - low));
  for (let c = 0; c < net.classes; c++) {
    pen.strokeStyle = c === result.answer ? COLOURS.orange : COLOURS.blue;
    pen.globalAlpha = c === result.answer ? 1 : 0.5;
    pen.lineWidth = (c === result.answer ? 2.5 : 1.2) * (window.devicePixelRatio || 1);
    pen.beginPath();
    for (let t = 0; t < T; t++) pen.lineTo(x(t), y(v[t * net.classes + c]));
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

// The kernels onto a neuron of maps, one per channel of the input: shared by all its positions.
function kernelImages({ w, conv }, n) {
  const [high, wide] = conv.kernel;
  const own = conv.out_shape[0] / conv.groups;
  const channel = Math.floor(n / (conv.out_shape[1] * conv.out_shape[2]));
  const inputs = conv.in_shape[0] / conv.groups;
  const first = Math.floor(channel / own) * inputs;
  const figures = Array.from({ length: Math.min(inputs, 3) }, (_, index) => {
    const values = Array.from(
      { length: high * wide },
      (_, tap) => w[((first + index) * high * wide + tap) * own + (channel % own)],
    );
    const canvas = make("canvas");
    canvas.setAttribute("aria-label", "its kernel");
    paint(canvas, values, signedColour(values), wide, high);
    const text = `its kernel ${high} × ${wide}, shared by its map`;
    return make("figure", {}, canvas, make("figcaption", {}, text));
  });
  return make("div", { className: "fields" }, ...figures);
}
