// The five tiles: value, shape, and the change against the period before in sign and words; a click makes one the main chart.

import { byId, el, write } from "./element.js";
import { FIGURES } from "./figures.js";
import { change as compared, integer } from "./format.js";
import { spark } from "./spark.js";
import { change, current } from "./state.js";

/** Builds the tiles in their reserved places; returns {show(figures), visitors(realTime)}. */
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
    if (!note || part.delta.dataset.text === note.sign + note.text) return;
    part.delta.dataset.text = note.sign + note.text;
    part.delta.dataset.direction = note.direction;
    part.delta.replaceChildren(...(note.sign ? [el("b", { text: note.sign }), " "] : []), note.text);
  }

  return {
    /** `now` and `before` are figures of the two periods, `fair` those of now to be compared, `rows` the buckets, `open` whether the last one still grows. */
    show({ now, fair, before, rows, open, when, state, moment }) {
      for (const [name, figure] of Object.entries(FIGURES)) {
        const value = figure.now ? moment?.active_visitors_5m : now[name];
        put(name, value, now.currency, figure.now ? lately(moment) : words(fair[name], before, name, when));
        const first = before && !before.events ? rows.findIndex((row) => row.events > 0) : 0; // before the first event ever there is no figure
        const values = rows.map((row, at) => (row[figure.field] === null || at < first || first < 0 ? null : Number(row[figure.field])));
        spark(parts[name].shape, values, { open });
        parts[name].button.setAttribute("aria-pressed", String(state.figure === name));
      }
    },
    visitors(moment) {
      put("visitors", moment.active_visitors_5m, null, lately(moment));
    },
  };
}

function words(now, before, name, when) {
  const plain = (text) => ({ sign: "", text, direction: "same" });
  if (!before) return plain("");
  const change = compared(now, before[name]);
  return change ? { sign: change.sign, text: `${change.words} ${when.wordsBefore}`, direction: change.direction } : plain(`no figure for ${when.wordsBefore}`);
}

const lately = (moment) => ({ sign: "", text: moment ? `${integer(moment.active_visitors_30m)} in the last 30 minutes${Object.keys(current().filters).length ? ", without filters" : ""}` : "", direction: "same" });

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function flash(node) {
  if (!calm.matches) node.animate([{ opacity: 0.55 }, { opacity: 1 }], { duration: 180, easing: "ease-out" });
}

