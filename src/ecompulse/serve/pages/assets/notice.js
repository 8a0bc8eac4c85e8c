// What a panel shows in place of figures: what happened, what it means for the numbers, and what to do next.

import { el } from "./element.js";
import { change, current } from "./state.js";

/** Nothing matches; with filters on, the way back is a button. */
export function nothing(what = "Nothing happened in this time.") {
  const { filters } = current();
  const names = Object.keys(filters);
  if (!names.length) return el("p", { class: "notice" }, what);
  return el(
    "div",
    { class: "notice" },
    el("p", { text: `Nothing matches ${names.map((name) => filters[name]).join(" and ")} in this time.` }),
    el("button", { type: "button", class: "quiet", onclick: () => change({ filters: Object.fromEntries(names.map((name) => [name, null])) }) }, "Remove the filters"),
  );
}

/** A question that was refused or not answered. */
export function failed(error, again) {
  return el(
    "div",
    { class: "notice is-error", role: "status" },
    el("p", {}, el("strong", { text: error.title ?? "This cannot be shown" }), error.detail || !error.title ? ` ${error.detail || error.message}` : ""),
    again ? el("button", { type: "button", class: "quiet", onclick: again }, "Try again") : null,
  );
}
