// Health: the way of an event with live figures on each room, the processes, the disk, and what wants attention.

import { json } from "./api.js";
import { byId, el, write } from "./element.js";
import { bytes, decimal, integer, span } from "./format.js";
import { frame } from "./frame.js";
import { failed } from "./notice.js";
import { rows } from "./rows.js";

const EVERY_MS = 2_000;
const WORDS = {
  collect: "takes events in and writes them durably before it answers",
  log: "keeps them in order, so that nothing is lost when something stops",
  process: "corrects, enriches, and finds duplicates",
  store: "keeps rows and sums, in one transaction with the position",
  serve: "answers questions and shows this page",
};
const BEHIND_AFTER_S = 5;
const WRITE = { rate: (value) => decimal(value, value < 100 ? 1 : 0), lag: span, queue: integer };

const COUNTED = { collect: "received", log: "received", process: "accounted", store: "stored", serve: null };
const WINDOW_MS = 10_000;
const counts = []; // the ledger of the last seconds: what went through a room is the difference of two counts

let lag = null; // how old the figures are that this page is shown

function count(figures) {
  counts.push({ at: performance.now(), ...figures, accounted: figures.stored + figures.duplicates + figures.dead_letters });
  while (counts.length > 2 && counts[0].at < performance.now() - WINDOW_MS) counts.shift();
}

function rate(name) {
  const first = counts[0], last = counts.at(-1), what = COUNTED[name];
  return what && last && last.at > first.at + 900 ? (1000 * (last[what] - first[what])) / (last.at - first.at) : null;
}

/** Each room on the way, in its order; what the server reports of it, and its rate out of the ledger when it reports none. */
function drawRooms(reported) {
  const way = byId("way");
  const rooms = Object.keys(COUNTED).map((name) => ({ name, ...reported.find((one) => one.name === name) }));
  if (!way.children.length) way.replaceChildren(...rooms.map(room));
  rooms.forEach((figures, index) => {
    const item = way.children[index];
    figures.events_per_second ??= rate(figures.name);
    if (figures.name === "serve") figures.lag_seconds ??= lag;
    const late = Number(figures.lag_seconds ?? 0) > BEHIND_AFTER_S;
    item.dataset.state = late ? "behind" : "good";
    const shown = {
      rate: figures.events_per_second ?? null,
      lag: figures.lag_seconds ?? null,
      queue: figures.queue ?? null,
    };
    for (const [kind, value] of Object.entries(shown)) {
      const place = item.querySelector(`.${kind}`);
      place.parentElement.hidden = value === null;
      write(place, WRITE[kind](value));
    }
  });
}

const room = ({ name }) =>
  el("li", {}, el("h3", { text: name }), el("p", { class: "faint", text: WORDS[name] ?? "" }),
    el("dl", {}, figure("events/s", "rate"), figure("behind", "lag"), figure("waiting", "queue")));

const figure = (label, kind) => el("div", {}, el("dt", { text: label }), el("dd", { class: kind }, "–"));

function drawRoles(roles) {
  rows(byId("roles"), {
    caption: "Processes",
    columns: [
      { name: "name", label: "Role", main: true, write: (role) => role.name },
      { name: "status", label: "Status", write: (role) => el("span", { class: "status", "data-state": /^(ok|up|running|healthy|ready|serving)$/.test(role.status) ? "good" : "behind" }, role.status) },
      { name: "pid", label: "Process", number: true, minor: true, write: (role) => String(role.pid ?? "–") },
      { name: "uptime", label: "Up for", number: true, write: (role) => span(role.uptime_seconds) },
      { name: "memory", label: "Memory", number: true, bar: true, value: (role) => role.memory_bytes ?? 0, sortable: false, write: (role) => bytes(role.memory_bytes) },
    ],
    data: roles, key: (role) => `${role.name} ${role.pid}`, empty: "No role reports itself.",
  });
}

function drawDisk(disk) {
  const entries = Object.entries(disk ?? {});
  byId("disk").replaceChildren(...entries.map(([name, value]) =>
    el("div", {}, el("dt", { text: name.replace(/_bytes$/, "").replaceAll("_", " ") }), el("dd", { class: name.endsWith("_bytes") ? "number" : "code", text: name.endsWith("_bytes") ? bytes(value) : String(value ?? "–") }))));
}

function drawWarnings(warnings) {
  byId("warnings").replaceChildren(...(warnings.length
    ? warnings.map((warning) => el("p", { class: "notice is-warning", text: typeof warning === "string" ? warning : [warning.title, warning.detail].filter(Boolean).join(": ") }))
    : [el("p", { class: "faint", text: "Nothing wants attention." })]));
}

function draw(health) {
  for (const box of document.querySelectorAll(".is-loading")) box.classList.remove("is-loading");
  byId("trouble").replaceChildren();
  drawRooms(health.rooms ?? []);
  drawRoles(health.roles ?? []);
  drawDisk(health.disk);
  drawWarnings(health.warnings ?? []);
}

async function round() {
  try {
    if (!document.hidden) draw(await json("/api/health"));
  } catch (error) {
    byId("trouble").replaceChildren(failed(error, round));
  }
}

frame({
  figures(figures) {
    lag = figures.lag_seconds;
  },
  ledger(figures) {
    count(figures);
    for (const name of ["received", "stored", "duplicates", "dead_letters", "in_flight"]) write(byId(`sum-${name}`), integer(figures[name]));
    byId("balance").dataset.state = figures.balanced === false ? "wrong" : "good";
    write(byId("balance"), figures.balanced === false ? "Does not balance: run ecompulse verify to see where." : "Balances: every event received is accounted for.");
  },
});
round();
setInterval(round, EVERY_MS);
