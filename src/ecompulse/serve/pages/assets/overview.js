// The overview: one state from the address, one round of questions for it, and the live stream between the rounds.

import { json, question } from "./api.js";
import { drawBreakdown, loadBreakdown, showTab, tabOf, tabs } from "./breakdowns.js";
import { showChips } from "./chips.js";
import { byId } from "./element.js";
import { sums, timeline } from "./figures.js";
import { integer, money } from "./format.js";
import { drawFunnel } from "./funnel.js";
import { listen } from "./live.js";
import { mainChart } from "./mainchart.js";
import { menu } from "./menu.js";
import { panel } from "./panel.js";
import { period } from "./period.js";
import { drawProducts } from "./products.js";
import { rail } from "./rail.js";
import { say } from "./speak.js";
import { current, onChange } from "./state.js";
import { showSites, strip } from "./strip.js";
import { tiles } from "./tiles.js";
import { drawErrors, drawLatency, drawSearches, loadErrors, loadLatency, loadSearches } from "./trouble.js";
import { welcome } from "./welcome.js";

const EVERY_MS = { live: 2_000, today: 10_000, "7d": 30_000, "30d": 60_000, custom: 30_000 };

const pills = strip(), five = tiles(), draw = mainChart(), addToRail = rail();
let moment = null; // the newest real-time figures of the stream

const MINUTE = 60_000;
const wholeMinute = (time) => Math.floor(time / MINUTE) * MINUTE;
const past = new Map(); // what is over changes only by late events: asked once a minute, the last few kept

async function loadFigures(state, when, signal) {
  const { before } = when;
  const once = (span) => {
    const key = JSON.stringify([span, state.site, state.filters, state.zone, wholeMinute(Date.now())]);
    if (!past.has(key)) past.set(key, timeline(state, span).catch((error) => (past.delete(key), Promise.reject(error))));
    if (past.size > 8) past.delete(past.keys().next().value);
    return past.get(key);
  };
  const compares = state.compare !== "none";
  const [now, whole, earlier, line] = await Promise.all([
    timeline(state, when, signal),
    timeline(state, { ...when, grain: "month" }, signal),
    compares ? once({ from: before.from, to: wholeMinute(before.to), grain: "month" }) : null,
    compares ? once({ from: before.from, to: before.end, grain: when.grain }) : null,
  ]);
  return { now, whole, earlier, line };
}

function drawFigures({ now, whole, earlier, line }, state, when) {
  const { conversion } = sums(whole.rows);
  const figures = { ...sums(now.rows), conversion };
  // The minute that still grows has no fair partner in the period before; for longer buckets it does not matter.
  const fair = when.open && when.grain === "minute" ? { ...sums(now.rows.filter((row) => row.at < wholeMinute(when.to))), conversion } : figures;
  five.show({ now: figures, fair, before: earlier ? sums(earlier.rows) : undefined, rows: now.rows, open: when.open, when, state, moment });
  const happened = now.rows.some((row) => row.events > 0);
  draw({ rows: now.rows, beforeRows: line?.rows ?? null, when, state, asOf: now.as_of });
  byId("main").classList.remove("is-loading");
  byId("main-none").hidden = happened;
  say(`Revenue ${money(figures.revenue, figures.currency)}, ${integer(figures.orders)} orders in ${when.words}.`);
}

const bodies = Object.fromEntries(["funnel", "products", "breakdown", "searches", "errors", "latency"].map((name) => [name, byId(`${name}-body`)]));
const ask = (name, extra) => (state, when, signal) => question(name, state, when, { signal, extra });
const panels = [
  panel(byId("main-trouble"), loadFigures, drawFigures),
  panel(bodies.funnel, ask("funnel"), (...shown) => drawFunnel(bodies.funnel, ...shown)),
  panel(bodies.products, ask("top-products"), (answer, state) => {
    drawProducts(bodies.products, answer, state);
    if (state.filters.product) showChips(state); // now its name is known
  }),
  panel(bodies.breakdown, loadBreakdown, (...shown) => drawBreakdown(bodies.breakdown, ...shown)),
  panel(bodies.searches, loadSearches, (...shown) => drawSearches(bodies.searches, ...shown)),
  panel(bodies.errors, loadErrors, (...shown) => drawErrors(bodies.errors, ...shown)),
  panel(bodies.latency, loadLatency, (...shown) => drawLatency(bodies.latency, ...shown)),
];

const SLOW_ROUNDS = 3; // live, the panels below the chart are asked every third round: they change less than they cost
let timer = 0, rounds = 0, asked = "";

/** One round: ask all panels, then again after a while for as long as the range reaches the present. */
async function round() {
  clearTimeout(timer);
  const state = current(), when = period(state);
  const changed = asked !== location.href, all = changed || when.name !== "live" || rounds++ % SLOW_ROUNDS === 0;
  asked = location.href;
  if (!document.hidden) await Promise.all(panels.slice(0, all ? panels.length : 1).map((refresh) => refresh(state, when)));
  clearTimeout(timer);
  if (when.open) timer = setTimeout(round, EVERY_MS[when.name]);
}

function show(state) {
  showChips(state);
  showTab(state);
  connect(state.site);
  round();
}

let connected = null, end = null;

function connect(site) {
  if (connected === site) return;
  end?.();
  connected = site;
  end = listen(site, {
    figures(figures) {
      moment = figures;
      pills.figures(figures);
      five.visitors(figures);
    },
    ledger(figures) {
      pills.ledger(figures);
      showSites(Object.keys(figures.sites ?? {}));
      welcome(figures.received === 0, door());
    },
    health: pills.health,
    events: addToRail,
    state: pills.state,
  });
}

/** Where events are sent to: the collector beside this page, unless the server says another place. */
let told = null;
const door = () => told ?? `${location.protocol}//${location.hostname}:8080`;

json("/api/health").then((health) => (told = health.collector ?? null), () => null);

for (const [id, what] of Object.entries({ main: "timeline", funnel: "funnel", products: "top-products", breakdown: null, searches: "searches", errors: "errors", latency: "latency" })) {
  const of = () => ({ question: what ?? tabOf(current()).question, state: current(), when: period(current()) });
  menu(byId(id), of, { table: byId(`${id}-table`) });
}
tabs();
onChange(show);
document.addEventListener("visibilitychange", () => document.hidden || round());
show(current());
