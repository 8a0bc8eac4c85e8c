// Filter chips: what the figures are narrowed to, each with its way out.

import { byId, el } from "./element.js";
import { country } from "./format.js";
import { productName } from "./products.js";
import { change } from "./state.js";

const LABELS = { source: "source", platform: "platform", country: "country", campaign: "campaign", traffic_source: "from", channel: "channel", page: "page", product: "product", event_type: "event" };

const WORDS = { country, product: productName };

/** Shows the filters of a state. */
export function showChips({ filters }) {
  const box = byId("chips"), names = Object.keys(filters);
  box.hidden = !names.length;
  const chip = (name) => {
    const text = (WORDS[name] ?? String)(filters[name]);
    return el("button", { type: "button", class: "chip", "data-filter": name, "aria-label": `Remove the filter ${LABELS[name]} ${text}`, onclick: () => change({ filters: { [name]: null } }) }, el("span", { class: "chip-name", text: LABELS[name] }), text, el("span", { "aria-hidden": "true", text: "×" }));
  };
  const all = names.length > 1 ? el("button", { type: "button", class: "quiet", onclick: () => change({ filters: Object.fromEntries(names.map((name) => [name, null])) }) }, "Remove all") : null;
  box.replaceChildren(el("span", { class: "faint", text: "Only" }), ...names.map(chip), ...(all ? [all] : []));
}
