// The pad to draw on: pen strokes into `state` of page.js, and the drawing or picked image on it.
"use strict";

let waiting = false;
function answerSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    answer();
  });
}

function clear() {
  Object.assign(state, { picked: null, strokes: [], label: null });
}

function showPad() {
  const canvas = at("pad");
  const pen = canvas.getContext("2d");
  const size = canvas.width;
  const buttons = Array.from(at("gallery").children);
  pen.clearRect(0, 0, size, size);
  buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === state.picked)));
  if (state.picked !== null) {
    pen.imageSmoothingEnabled = false;
    pen.drawImage(buttons[state.picked].firstChild, 0, 0, size, size);
    return;
  }
  if (!state.strokes.length) {
    pen.fillStyle = COLOURS.pale;
    pen.font = `${size / 18}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.fillText("draw here", size / 2, size / 2);
  }
  const round = { lineCap: "round", lineJoin: "round" };
  Object.assign(pen, { lineWidth: size / 16, strokeStyle: COLOURS.ink, ...round });
  for (const stroke of state.strokes) {
    pen.beginPath();
    for (const [x, y] of [stroke[0], ...stroke]) pen.lineTo(x * size, y * size);
    pen.stroke();
  }
}

function makePad() {
  const canvas = at("pad");
  let drawing = false;
  const point = (event) => [
    event.offsetX / canvas.clientWidth,
    event.offsetY / canvas.clientHeight,
  ];
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    // A stroke may leave the pad and come back.
    if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
    drawing = true;
    if (state.picked !== null || !state.strokes.length) clear();
    state.strokes.push([point(event)]);
    showPad();
    answerSoon();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    state.strokes[state.strokes.length - 1].push(point(event));
    showPad();
    answerSoon();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => (drawing = false));
  }
  at("clear").addEventListener("click", () => {
    clear();
    showPad();
    answer();
  });
}
