// The strip that never leaves the screen: site, range, comparison, time zone, and the two pills that say how far the numbers can be trusted.

import { byId, el, write } from "./element.js";
import { clock, integer, span } from "./format.js";
import { carry, change, current, onChange } from "./state.js";
import { RANGES, atWall, period, wallText } from "./period.js";

const BEHIND_AFTER_S = 5; // later than this, a reader who watches live should know

/** Wires the controls of the strip; returns what the live stream tells it. */
export function strip() {
  ranges();
  customRange();
  choice("site", (state) => state.site);
  choice("zone", (state) => state.tz, "tz");
  const compare = byId("compare");
  compare?.addEventListener("change", () => change({ compare: compare.checked ? "before" : "none" }));
  const show = (state) => {
    if (compare) compare.checked = state.compare !== "none";
    for (const link of document.querySelectorAll("a[data-carry]")) link.href = carry(link.dataset.carry);
  };
  onChange(show);
  show(current());
  zones();
  document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // on a phone the pages scroll
  const bar = document.querySelector(".strip");
  new ResizeObserver(() => document.documentElement.style.setProperty("--strip", `${bar.offsetHeight}px`)).observe(bar);
  return pills();
}

function ranges() {
  const box = byId("ranges");
  if (!box) return;
  const select = byId("range");
  for (const { name, label } of RANGES) {
    box.append(el("button", { type: "button", "data-range": name, onclick: () => pick(name) }, name === "live" ? el("span", { class: "dot", "aria-hidden": "true" }) : null, label));
    select.append(el("option", { value: name, text: name === "live" ? "Live 30 min" : label }));
  }
  select.addEventListener("change", () => pick(select.value));
  const show = (state) => {
    for (const button of box.children) button.setAttribute("aria-pressed", String(button.dataset.range === state.range));
    select.value = state.range;
    byId("custom").hidden = state.range !== "custom";
  };
  onChange(show);
  show(current());
}

function pick(name) {
  if (name !== "custom") return change({ range: name, from: null, to: null, grain: null });
  const now = period(current());
  change({ range: "custom", from: new Date(now.from).toISOString(), to: new Date(now.end).toISOString(), grain: null });
  byId("custom-from").focus();
}

function customRange() {
  const form = byId("custom");
  if (!form) return;
  const from = byId("custom-from"), to = byId("custom-to");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const zone = current().zone, start = atWall(from.value, zone), end = atWall(to.value, zone);
    to.setCustomValidity(end > start ? "" : "The end must come after the start.");
    if (form.reportValidity()) change({ range: "custom", from: start.toISOString(), to: end.toISOString(), grain: null });
  });
  to.addEventListener("input", () => to.setCustomValidity(""));
  const show = (state) => {
    if (document.activeElement === from || document.activeElement === to) return;
    from.value = wallText(state.from, state.zone);
    to.value = wallText(state.to, state.zone);
  };
  onChange(show);
  show(current());
}

function choice(id, value, name = id) {
  const select = byId(id);
  if (!select) return;
  select.addEventListener("change", () => change({ [name]: select.value || null }));
  const show = (state) => {
    const wanted = value(state);
    if (![...select.options].some((option) => option.value === wanted)) select.append(el("option", { value: wanted, text: wanted }));
    select.value = wanted;
  };
  onChange(show);
  show(current());
}

/** All zones are added when the reader first goes there: 400 options are not worth the first paint. */
function zones() {
  const select = byId("zone");
  if (!select) return;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  write(select.options[0], own.split("/").pop().replaceAll("_", " "));
  select.addEventListener("focus", () => {
    const known = new Set([...select.options].map((option) => option.value));
    for (const zone of Intl.supportedValuesOf?.("timeZone") ?? []) if (!known.has(zone)) select.append(el("option", { value: zone, text: zone.replaceAll("_", " ") }));
  }, { once: true });
}

/** The sites that have sent events; the choice stays hidden while there is only one. */
export function showSites(names) {
  const select = byId("site");
  if (!select) return;
  const known = new Set([...select.options].map((option) => option.value));
  for (const name of names) if (!known.has(name)) select.append(el("option", { value: name, text: name }));
  select.closest("label").hidden = select.options.length < 3 && !current().site;
}

function pills() {
  const fresh = byId("freshness"), book = byId("ledger");
  const why = el("p", { class: "why", hidden: true });
  fresh.closest(".strip").append(why);
  let seen = null, flying = 0, warning = "";

  const reason = () => warning || (flying ? `${integer(flying)} events have arrived and wait to be stored; they count in a moment.` : "Newer events may be on their way.");

  const say = (long, brief = long) => {
    write(fresh.querySelector(".long"), long);
    write(fresh.querySelector(".brief"), brief);
  };

  const paint = ({ stale = false, seconds = 0 } = {}) => {
    document.documentElement.classList.toggle("is-stale", stale);
    const behind = !stale && Boolean(seen?.as_of) && seen.lag_seconds > BEHIND_AFTER_S;
    why.hidden = !behind;
    if (behind) write(why, `The figures are ${span(seen.lag_seconds)} behind. ${reason()}`);
    if (stale) {
      fresh.dataset.state = "stale";
      say(`last update ${span(seconds)} ago, trying again`, `${span(seconds)} old, trying again`);
    } else if (seen?.as_of) {
      fresh.dataset.state = behind ? "behind" : "good";
      say(`complete to ${clock(seen.as_of, current().zone)}, ${span(seen.lag_seconds)} behind`, `${clock(seen.as_of, current().zone)}, ${span(seen.lag_seconds)} behind`);
    } else {
      fresh.dataset.state = "waiting";
      say(seen ? "no event yet" : "connecting");
    }
  };

  return {
    figures(figures) {
      seen = figures;
      paint();
    },
    state: paint,
    health({ warnings = [] }) {
      const [first] = warnings;
      warning = typeof first === "string" ? first : [first?.title, first?.detail].filter(Boolean).join(": ");
    },
    ledger(figures) {
      const { received, stored, duplicates, dead_letters: dead, balanced } = figures;
      flying = figures.in_flight;
      book.dataset.state = balanced === false ? "wrong" : "good";
      const parts = [`${integer(stored)} stored`, `${integer(duplicates)} duplicates`, `${integer(dead)} dead letters`];
      if (flying) parts.push(`${integer(flying)} in flight`);
      const sum = `${integer(received)} received ${balanced === false ? "≠" : "="} ${parts.join(" + ")}`;
      write(book.querySelector(".long"), sum);
      write(book.querySelector(".brief"), `${integer(received)} ${balanced === false ? "off balance" : "balanced"}`);
      book.setAttribute("aria-label", `Ledger: ${sum}`);
    },
  };
}

