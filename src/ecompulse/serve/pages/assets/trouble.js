// Trouble, as small multiples: searches without a result, errors, and how long the shop's own API takes.

import { question } from "./api.js";
import { chart } from "./chart.js";
import { byId, write } from "./element.js";
import { buckets } from "./figures.js";
import { bucket, clock, decimal, integer, percent } from "./format.js";
import { nothing } from "./notice.js";
import { rows } from "./rows.js";

export const loadSearches = (state, when, signal) => question("searches", state, when, { signal });
export const loadErrors = (state, when, signal) => question("errors", state, when, { signal });
export const loadLatency = (state, when, signal) => question("latency", state, when, { signal });

export function drawSearches(body, answer) {
  const failing = answer.rows.filter((row) => Number(row.without_results) > 0).sort((a, b) => b.without_results - a.without_results);
  rows(body, {
    caption: "Searches without a result",
    columns: [
      { name: "query", label: "Searched for", main: true, write: (row) => row.query },
      { name: "without_results", label: "Without result", number: true, bar: true, value: (row) => Number(row.without_results), sortable: false, write: (row) => integer(row.without_results) },
      { name: "searches", label: "Of", number: true, write: (row) => integer(row.searches) },
    ],
    data: failing, key: (row) => row.query, limit: 6, empty: answer.rows.length ? "Every search found something." : "Nobody searched in this time.",
  });
}

export function drawErrors(body, answer, _state, when) {
  rows(body, {
    caption: "Errors that visitors met",
    columns: [
      { name: "message", label: "Error", main: true, write: (row) => row.message },
      { name: "errors", label: "Times", number: true, bar: true, value: (row) => Number(row.errors), sortable: false, write: (row) => integer(row.errors) },
      { name: "last_seen", label: "Last", number: true, write: (row) => clock(row.last_seen, when.zone) },
    ],
    data: answer.rows, key: (row) => `${row.error_type} ${row.message}`, limit: 6, empty: "No visitor met an error in this time.",
  });
}

const PARTS = [
  { name: "p50", label: "p50, half are faster", color: "--series-1" },
  { name: "p95", label: "p95", color: "--series-2" },
  { name: "p99", label: "p99, the slowest hundredth", color: "--series-3" },
];
let drawing = null;

export function drawLatency(body, answer, _state, when) {
  const busy = answer.rows.filter((row) => Number(row.requests) > 0);
  if (!busy.length) {
    drawing?.end();
    drawing = null;
    byId("latency-key").hidden = true;
    body.replaceChildren(nothing("No API call was reported in this time."));
    return;
  }
  byId("latency-key").hidden = false;
  drawing ??= chart(body, { height: 168, table: byId("latency-table") });
  const requests = busy.reduce((sum, row) => sum + Number(row.requests), 0);
  const errors = busy.reduce((sum, row) => sum + Number(row.error_rate ?? 0) * Number(row.requests), 0) / requests;
  write(byId("latency-errors"), `${integer(requests)} calls, ${percent(errors)} failed`);
  const byTime = new Map(answer.rows.map((row) => [Date.parse(row.time), row]));
  const starts = buckets(when);
  const milliseconds = (value) => (value === null || value === undefined ? "–" : `${decimal(value, value < 10 ? 1 : 0)} ms`);
  drawing.draw(
    {
      series: PARTS.map(({ name, ...look }) => ({ ...look, width: 1.5, points: true, format: milliseconds, name })),
      zone: when.zone, caption: "Latency of the API in milliseconds", extent: [starts[0], starts.at(-1)],
      label: (time) => bucket(time, when.grain, when.zone),
      axisLabel: (time, step) => bucket(time, step < 86_400_000 ? "minute" : "day", when.zone),
      tick: (value) => `${integer(value)} ms`,
    },
    [starts, ...PARTS.map(({ name }) => starts.map((time) => (byTime.get(time)?.[name] ?? null) && Number(byTime.get(time)[name])))],
  );
}
