// The live rail: the newest events as sentences, held still while the pointer or the keyboard is on it.

import { byId, el, write } from "./element.js";
import { country, money, span } from "./format.js";
import { keep, recall } from "./keep.js";

const KEPT = 40; // as many as anybody scrolls through
const NOW_MS = 10 * 60_000; // what was sent late, or is history, is not happening now
const KEY = "ecompulse-rail";
const MACHINES = new Set(["api_call"]); // no person did it; the inspector has them

const quoted = (text) => el("em", { text });
const SENTENCES = {
  page_view: (event) => ["looked at ", quoted(event.page_path ?? "a page")],
  product_view: (event) => ["saw ", quoted(event.product_name ?? "a product")],
  add_to_cart: (event) => ["put ", quoted(event.product_name ?? "a product"), " in the cart"],
  remove_from_cart: (event) => ["took ", quoted(event.product_name ?? "a product"), " out of the cart"],
  purchase: (event) => ["bought for ", el("strong", { text: money(event.total ?? event.revenue, event.currency) })],
  search: (event) => ["searched for ", quoted(event.query ?? "something")],
  user_login: () => ["signed in"],
  button_click: () => ["clicked a button"],
  api_call: () => ["called the API"],
  error: () => ["met an error"],
  custom: () => ["did something of the shop's own"],
};

/** An event as a sentence: someone in Germany put Blue mug in the cart. */
export function sentence(event) {
  const where = event.country ? `Someone in ${country(event.country)} ` : "Someone ";
  return [where, ...(SENTENCES[event.event_type]?.(event) ?? [`sent ${event.event_type}`])];
}

/** Wires the rail; returns add(events), which takes what the stream brings. */
export function rail() {
  const box = byId("rail"), list = byId("rail-list"), toggle = byId("rail-toggle"), state = byId("rail-state");
  let held = false, waiting = [];

  const open = (wanted) => {
    box.dataset.open = String(wanted);
    toggle.setAttribute("aria-expanded", String(wanted));
    document.body.classList.toggle("has-rail", wanted);
  };
  toggle.addEventListener("click", () => {
    const wanted = box.dataset.open !== "true";
    open(wanted);
    keep(KEY, String(wanted));
  });
  byId("rail-close").addEventListener("click", () => (toggle.click(), toggle.focus()));
  open(innerWidth >= 1200 && recall(KEY) !== "false");

  const hold = (wanted) => {
    held = wanted;
    write(state, held ? "held" : "");
    if (!held) flush();
  };
  list.addEventListener("pointerenter", () => hold(true));
  list.addEventListener("pointerleave", () => hold(list.contains(document.activeElement)));
  list.addEventListener("focusin", () => hold(true));
  list.addEventListener("focusout", () => hold(list.matches(":hover")));
  setInterval(() => !document.hidden && ages(), 1000);

  function flush() {
    if (held || document.hidden || box.dataset.open !== "true") return;
    const fresh = waiting.splice(0).slice(-KEPT);
    for (const event of fresh) list.prepend(line(event));
    while (list.children.length > KEPT) list.lastElementChild.remove();
    if (fresh.length) ages();
  }

  function line(event) {
    const item = el("li", { "data-type": event.event_type }, el("a", { href: `/events?event=${encodeURIComponent(event.event_id)}` }, sentence(event)), el("time", { class: "number", datetime: event.timestamp }));
    item.at = Date.parse(event.timestamp);
    return item;
  }

  function ages() {
    const now = Date.now();
    for (const item of list.children) write(item.lastElementChild, span(Math.max(1, Math.floor((now - item.at) / 1000))));
  }

  return function add(events) {
    const since = Date.now() - NOW_MS;
    waiting.push(...events.filter((event) => !MACHINES.has(event.event_type) && Date.parse(event.timestamp) > since));
    if (waiting.length > KEPT) waiting = waiting.slice(-KEPT);
    flush();
  };
}
