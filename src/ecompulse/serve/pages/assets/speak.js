// What is said aloud to screen readers (at most every ten seconds, so that live figures do not drown the page), and short notes shown to all.

import { el } from "./element.js";

const PAUSE_MS = 10_000;
const region = el("div", { class: "unseen", role: "status", "aria-live": "polite" });
const note = el("div", { class: "note", hidden: true, "aria-hidden": "true" });
document.body.append(region, note);
let last = -PAUSE_MS, hide = 0;

/** Says a sentence; `now` is for what answers the reader's own act; `shown` also shows it for a few seconds. */
export function say(sentence, { now = false, shown = false } = {}) {
  if (shown) {
    note.textContent = sentence;
    note.hidden = false;
    clearTimeout(hide);
    hide = setTimeout(() => (note.hidden = true), 4_000);
  }
  if (!now && performance.now() - last < PAUSE_MS) return;
  last = performance.now();
  region.textContent = sentence;
}
