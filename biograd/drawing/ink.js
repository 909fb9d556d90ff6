// Pen strokes to an image like MNIST's: ink 20 pixels long, its centre of mass in the middle of
// 28 x 28.
"use strict";

Object.assign(
  BioGrad,
  (() => {
    const SIDE = BioGrad.SIDE;
    const PEN = 1.2; // pixels, half the pen's width: MNIST's digits are 2 to 3 pixels wide
    const INK = 20; // pixels, the longer side of the drawing

    // strokes: lists of points [x, y], in any unit. Returns 784 greys, or null without strokes.
    function rasterise(strokes) {
      const points = strokes.flat();
      if (!points.length) return null;
      const [x, y] = [0, 1].map((axis) => points.map((point) => point[axis]));
      const [left, right] = [Math.min(...x), Math.max(...x)];
      const [top, bottom] = [Math.min(...y), Math.max(...y)];
      const scale = (INK - 2 * PEN) / Math.max(right - left, bottom - top, 1e-9);
      const moved = ([px, py], dx, dy) => [
        (px - (left + right) / 2) * scale + dx,
        (py - (top + bottom) / 2) * scale + dy,
      ];
      const placed = (dx, dy) => strokes.map((stroke) => stroke.map((p) => moved(p, dx, dy)));
      const middle = SIDE / 2;
      let mass = 0;
      let mx = 0;
      let my = 0;
      inked(placed(middle, middle)).forEach((grey, i) => {
        mass += grey;
        mx += grey * ((i % SIDE) + 0.5);
        my += grey * (Math.floor(i / SIDE) + 0.5);
      });
      return inked(placed(2 * middle - mx / mass, 2 * middle - my / mass));
    }

    // Greys by the distance of each pixel's middle from the nearest stroke; the edge is a pixel soft.
    function inked(strokes) {
      const greys = new Uint8Array(SIDE * SIDE);
      for (const stroke of strokes) {
        for (let k = 0; k < Math.max(1, stroke.length - 1); k++) {
          inkSegment(greys, stroke[k], stroke[Math.min(k + 1, stroke.length - 1)]);
        }
      }
      return greys;
    }

    function inkSegment(greys, [ax, ay], [bx, by]) {
      const reach = PEN + 0.5;
      const [dx, dy] = [bx - ax, by - ay];
      const length = dx * dx + dy * dy || 1e-9;
      const first = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - reach));
      const end = (a, b) => Math.min(SIDE, Math.ceil(Math.max(a, b) + reach));
      for (let r = first(ay, by); r < end(ay, by); r++) {
        for (let c = first(ax, bx); c < end(ax, bx); c++) {
          const along = ((c + 0.5 - ax) * dx + (r + 0.5 - ay) * dy) / length;
          const nearest = Math.max(0, Math.min(1, along));
          const distance = Math.hypot(c + 0.5 - ax - nearest * dx, r + 0.5 - ay - nearest * dy);
          const grey = Math.round(255 * Math.max(0, Math.min(1, reach - distance)));
          if (grey > greys[r * SIDE + c]) greys[r * SIDE + c] = grey;
        }
      }
    }

    return { rasterise };
  })(),
);
