// Sparklines: a line of few points without axes, for the shape alone.

import { svg } from "./element.js";

const WIDTH = 120, HEIGHT = 32;

/** Draws `values` (null is a gap) into `box`; the last segment is dashed while its bucket still grows. */
export function spark(box, values, { open = false } = {}) {
  const known = values.filter((value) => value !== null && value !== undefined);
  const high = Math.max(...known, 0), low = Math.min(...known, 0);
  const x = (index) => (values.length < 2 ? WIDTH / 2 : (index / (values.length - 1)) * WIDTH);
  const y = (value) => HEIGHT - 2 - ((value - low) / (high - low || 1)) * (HEIGHT - 4);
  const point = (index) => `${x(index).toFixed(1)},${y(values[index]).toFixed(1)}`;
  const path = (from, to) => {
    let text = "", pen = "M";
    for (let index = from; index <= to; index++) {
      if (values[index] === null || values[index] === undefined) pen = "M";
      else [text, pen] = [`${text}${pen}${point(index)}`, "L"];
    }
    return text;
  };
  const end = values.length - 1;
  box.replaceChildren(
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      known.length > 1 ? svg("path", { d: path(0, open ? end - 1 : end) }) : null,
      known.length > 1 && open && end > 0 ? svg("path", { d: path(end - 1, end), class: "dashed" }) : null,
    ),
  );
}
