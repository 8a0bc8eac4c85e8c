// The five tiles: value, shape, and the change against the period before in sign and words; a click makes one the main chart.

import { byId, el, write } from "./element.js";
import { FIGURES } from "./figures.js";
import { NOTHING, change as compared } from "./format.js";
import { spark } from "./spark.js";
import { change } from "./state.js";

/** Builds the tiles in their reserved places; returns {show(figures), live(realTime)}. */
export function tiles() {
  const parts = {};
  for (const [name, figure] of Object.entries(FIGURES)) {
    const button = byId(`tile-${name}`);
    button.addEventListener("click", () => change({ figure: name }));
    button.title = figure.words;
    const value = el("span", { class: "tile-value" }), shape = el("span", { class: "tile-spark" }), delta = el("span", { class: "tile-change" });
    button.replaceChildren(el("span", { class: "tile-label", text: figure.label }), value, delta, shape);
    parts[name] = { button, value, shape, delta };
  }

  function put(name, value, currency, note) {
    const figure = FIGURES[name], part = parts[name];
    const text = figure.short(value, currency), exact = figure.write(value, currency);
    if (part.value.textContent !== text && part.value.textContent) flash(part.value);
    write(part.value, text);
    part.value.title = exact === text ? "" : exact;
    if (note !== undefined) write(part.delta, note.text), (part.delta.dataset.direction = note.direction);
  }

  return {
    /** `now` and `before` are sums of the two periods, `rows` the current buckets, `open` whether the last one still grows. */
    show({ now, before, rows, open, when, state, moment }) {
      for (const [name, figure] of Object.entries(FIGURES)) {
        const value = figure.now ? moment?.active_visitors_5m : now[name];
        put(name, value, now.currency, figure.now ? { text: moment ? `${FIGURES.visitors.write(moment.active_visitors_30m)} in the last 30 min` : "", direction: "same" } : words(value, before?.[name], when));
        const values = rows.map((row) => (row[figure.field] === null ? null : Number(row[figure.field])));
        spark(parts[name].shape, values, { open });
        parts[name].button.setAttribute("aria-pressed", String(state.figure === name));
      }
    },
    visitors(moment) {
      put("visitors", moment.active_visitors_5m, null, { text: `${FIGURES.visitors.write(moment.active_visitors_30m)} in the last 30 min`, direction: "same" });
    },
    /** Marks the tiles as waiting, at their final size. */
    wait() {
      for (const { value } of Object.values(parts)) if (!value.textContent) write(value, NOTHING);
    },
  };
}

function words(now, before, when) {
  if (before === undefined) return { text: "", direction: "same" };
  const change = compared(now, before);
  if (!change) return { text: `nothing to compare in ${when.wordsBefore}`, direction: "same" };
  return { text: `${change.sign} ${change.words} ${when.wordsBefore}`, direction: change.direction };
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function flash(node) {
  if (!calm.matches) node.animate([{ opacity: 0.55 }, { opacity: 1 }], { duration: 180, easing: "ease-out" });
}

