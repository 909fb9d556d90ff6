// Small parts of the page: elements, texts and colours.
"use strict";

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
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

const range = ([low, high], unit) =>
  low === high ? engineering(low, unit) : `${engineering(low, unit)} – ${engineering(high, unit)}`;
const nameOf = (k) => (k === LAST ? "output" : `hidden ${k + 1}`);
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const sumOf = (numbers) => numbers.reduce((a, b) => a + b, 0);

function paint(canvas, values, colour, width = SIDE, height = SIDE) {
  canvas.width = width;
  canvas.height = height;
  const picture = new ImageData(width, height);
  values.forEach((value, i) => picture.data.set([...colour(value), 255], 4 * i));
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

// Black ink on white.
const greyColour = (grey) => [255 - grey, 255 - grey, 255 - grey];

// Blue for positive values, orange for negative ones, white for 0.
function signedColour(values) {
  const top = Math.max(1e-12, ...values.map(Math.abs));
  return (value) => {
    const [r, g, b] = value > 0 ? [0, 114, 178] : [213, 94, 0];
    const part = Math.abs(value) / top;
    return [r, g, b].map((channel) => 255 + (channel - 255) * part);
  };
}
