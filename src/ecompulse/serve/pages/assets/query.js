// SQL over the events: an editor with history, the schema beside it, and the result as table, chart or CSV.

import { ask, download, json } from "./api.js";
import { chart } from "./chart.js";
import { byId, el, write } from "./element.js";
import { axis, clock, exactly, integer, span } from "./format.js";
import { copyAndSay } from "./copy.js";
import { frame } from "./frame.js";
import { keep, recall } from "./keep.js";
import { failed } from "./notice.js";
import { rows } from "./rows.js";
import { say } from "./speak.js";
import { current } from "./state.js";

const KEY = "ecompulse-queries";
const KEPT = 30; // as many as one scrolls through
const SHOWN = 500; // rows on the page; the CSV has all
const FIRST = "select event_type, count(*) as events, count(distinct coalesce(user_id, anonymous_id)) as visitors\nfrom events\nwhere timestamp > now() - interval 1 hour\ngroup by event_type\norder by events desc";
const editor = byId("sql"), result = byId("result"), said = byId("said");
let answer = null, running = null, drawing = null, as = "table", sort = "";

async function start() {
  const address = new URLSearchParams(location.search), name = address.get("question");
  if (address.get("sql")) editor.value = address.get("sql");
  else if (name) {
    address.delete("question");
    try {
      editor.value = await (await ask(`/api/analytics/${encodeURIComponent(name)}/sql?${address}`, { accept: "text/plain" })).text();
    } catch (error) {
      result.replaceChildren(failed(error));
      editor.value = FIRST;
      return;
    }
  } else editor.value = past()[0] ?? FIRST;
  fit();
  if (name || address.get("sql") || editor.value === FIRST) run();
}

const past = () => JSON.parse(recall(KEY) ?? "[]");

async function run() {
  const sql = editor.value.trim();
  if (!sql) return;
  running?.abort(); // a newer query ends an older one
  const mine = (running = new AbortController()), began = performance.now();
  byId("run").disabled = true;
  write(said, "Running");
  try {
    answer = await json("/api/query", { method: "POST", body: { sql, parameters: {} }, signal: mine.signal });
    const seconds = (performance.now() - began) / 1000;
    write(said, `${integer(answer.rows.length)} ${answer.rows.length === 1 ? "row" : "rows"} in ${span(seconds)}${answer.truncated ? ", cut at the limit of rows" : ""}${answer.as_of ? `, complete to ${clock(answer.as_of, current().zone)}` : ""}`);
    remember(sql);
    sort = "";
    draw();
  } catch (error) {
    if (mine.signal.aborted) return;
    answer = null;
    write(said, "");
    result.replaceChildren(failed(error));
    byId("views").hidden = true;
  } finally {
    if (running === mine) {
      byId("run").disabled = false;
      say(said.textContent, { now: true });
    }
  }
}

function remember(sql) {
  keep(KEY, JSON.stringify([sql, ...past().filter((one) => one !== sql)].slice(0, KEPT)));
  drawPast();
}

function drawPast() {
  const list = past();
  byId("past").replaceChildren(...(list.length
    ? list.map((sql) => el("li", {}, el("button", { type: "button", class: "pick", title: sql, onclick: () => put(sql) }, sql.replace(/^--[^\n]*\n/, "").replace(/\s+/g, " ").slice(0, 120))))
    : [el("li", { class: "faint", text: "What you run is kept here, in this browser." })]));
}

function put(sql) {
  editor.value = sql;
  fit();
  editor.focus();
}

/** Kinds of columns, out of their values: a time axis and numbers make a chart. */
function shape() {
  const names = answer.columns.map((column) => column.name ?? column), sample = answer.rows.slice(0, 50);
  const every = (index, is) => sample.length > 0 && sample.every((row) => row[index] === null || is(row[index])) && sample.some((row) => row[index] !== null);
  const isNumber = (value) => typeof value === "number" || (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value));
  const isTime = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)/.test(value);
  const numbers = names.map((_, index) => every(index, isNumber));
  return { names, numbers, time: names.findIndex((_, index) => every(index, isTime)) };
}

function draw() {
  const { names, numbers, time } = shape();
  const drawable = time >= 0 && numbers.some(Boolean) && answer.rows.length > 1;
  byId("views").hidden = false;
  byId("as-chart").disabled = !drawable;
  if (!drawable) as = "table";
  for (const name of ["table", "chart"]) byId(`as-${name}`).setAttribute("aria-pressed", String(as === name));
  drawing?.end();
  drawing = null;
  if (as === "chart") return drawChart(names, numbers, time);
  const text = (value) => (value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : typeof value === "number" ? String(value) : String(value));
  rows(result, {
    caption: "Result of the query",
    columns: names.map((name, index) => ({ name: String(index), label: name, number: numbers[index], value: (row) => (numbers[index] && row[index] !== null ? Number(row[index]) : row[index]), write: (row) => text(row[index]) })),
    data: answer.rows.map((row, at) => Object.assign([...row], { at })),
    key: (row) => row.at,
    sort,
    onsort: (wanted) => ((sort = wanted), draw()),
    empty: "The query has no rows.",
    limit: SHOWN,
  });
}

const COLORS = ["--series-1", "--series-2", "--series-3", "--good", "--before"];

function drawChart(names, numbers, time) {
  const sorted = [...answer.rows].filter((row) => row[time] !== null).sort((a, b) => Date.parse(a[time]) - Date.parse(b[time]));
  const lines = names.map((name, index) => ({ name, index })).filter(({ index }) => numbers[index] && index !== time).slice(0, COLORS.length);
  result.replaceChildren();
  const times = sorted.map((row) => Date.parse(row[time])), zone = current().zone;
  drawing = chart(result, { height: 320 });
  drawing.draw(
    {
      series: lines.map(({ name, index }, at) => ({ label: name, color: COLORS[at], points: true, format: (_, row) => String(sorted[row][index] ?? "–") })),
      zone, caption: "Result of the query over time", label: (value) => exactly(value, zone),
      axisLabel: (value, step) => new Intl.DateTimeFormat(undefined, { timeZone: zone, ...(step < 86_400_000 ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : { day: "numeric", month: "short" }) }).format(value),
      tick: (value) => axis(value),
    },
    [times, ...lines.map(({ index }) => sorted.map((row) => (row[index] === null ? null : Number(row[index]))))],
  );
}

async function drawSchema() {
  const { tables } = await json("/api/schema");
  const list = Array.isArray(tables) ? tables : Object.entries(tables).map(([name, columns]) => ({ name, columns }));
  byId("schema").replaceChildren(
    ...list.map(({ name, columns }) =>
      el("details", { open: name === "events" || null }, el("summary", { class: "code", text: name }),
        el("ul", {}, columns.map((column) => el("li", {}, el("button", { type: "button", class: "pick code", "aria-label": `Put ${column.name} into the query`, onclick: () => insert(column.name) }, column.name), el("span", { class: "faint code", text: kind(column.type ?? "") })))))),
  );
}

const kind = (type) => type.toLowerCase().replace("timestamp with time zone", "timestamptz").replace(/^struct.*\[\]$/, "struct[]");

function insert(text) {
  editor.setRangeText(text, editor.selectionStart, editor.selectionEnd, "end");
  editor.focus();
}

function fit() {
  editor.rows = Math.min(28, Math.max(8, editor.value.split("\n").length + 1));
}

editor.addEventListener("input", fit);
editor.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
byId("form").addEventListener("submit", (event) => (event.preventDefault(), run()));
byId("as-table").addEventListener("click", () => ((as = "table"), draw()));
byId("as-chart").addEventListener("click", () => ((as = "chart"), draw()));
byId("as-csv").addEventListener("click", async () => {
  try {
    await download("/api/query", "query.csv", { method: "POST", body: { sql: editor.value.trim(), parameters: {} } });
  } catch (error) {
    say(`The CSV could not be had. ${error.message}`, { now: true, shown: true });
  }
});
byId("as-link").addEventListener("click", async () => {
  await copyAndSay(`${location.origin}/query?sql=${encodeURIComponent(editor.value.trim())}`);
});

frame();
drawPast();
drawSchema().catch((error) => byId("schema").replaceChildren(failed(error)));
start();
