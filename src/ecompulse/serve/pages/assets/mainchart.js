// The main chart: the chosen figure over time, the period before as a thin line, the bucket that still grows dashed, drag to zoom.

import { chart } from "./chart.js";
import { byId, write } from "./element.js";
import { FIGURES, buckets } from "./figures.js";
import { bucket, moment as shortly, NOTHING } from "./format.js";
import { grainFor, next, startOf } from "./period.js";
import { say } from "./speak.js";
import { change } from "./state.js";

const GRAIN_WORDS = { minute: "by minute", hour: "by hour", day: "by day", week: "by week", month: "by month" };

/** Wires the chart; returns show({rows, beforeRows, when, state, asOf, currency}). */
export function mainChart() {
  const drawing = chart(byId("main-plot"), { height: () => (innerWidth < 640 ? 220 : 300), table: byId("main-table") });

  return function show({ rows, beforeRows: told, when, state, asOf }) {
    // A period before without any event is no line of zeros: nothing is known of it. The same holds for the time before the first event.
    const beforeRows = told?.some((row) => row.events > 0) ? told : null;
    const first = told && !beforeRows ? rows.find((row) => row.events > 0)?.at ?? Infinity : -Infinity;
    const figure = FIGURES[state.figure] ?? FIGURES.revenue;
    const currency = rows[0]?.currency ?? beforeRows?.[0]?.currency ?? null;
    const starts = buckets(when);
    const byTime = new Map(rows.map((row) => [row.at, row]));
    const byTimeBefore = new Map((beforeRows ?? []).map((row) => [row.at, row]));
    const startsBefore = buckets({ ...when, from: when.before.from, end: when.before.end });
    const number = (row) => (row && row.at >= first && row[figure.field] !== null && row[figure.field] !== undefined ? Number(row[figure.field]) : null);

    const complete = [], growing = [], before = [], texts = [], textsBefore = [];
    const last = starts.findLastIndex((time) => byTime.has(time));
    const grows = when.open && last >= 0 && !(asOf && starts[last + 1] <= Date.parse(asOf));
    starts.forEach((time, index) => {
      const value = number(byTime.get(time));
      complete.push(grows && index === last ? null : value);
      growing.push(grows && (index === last || index === last - 1) ? value : null);
      texts.push(value === null ? NOTHING : figure.write(byTime.get(time)[figure.field], currency));
      const earlier = byTimeBefore.get(startsBefore[index]);
      before.push(earlier && earlier[figure.field] !== null ? Number(earlier[figure.field]) : null);
      textsBefore.push(figure.write(earlier?.[figure.field], currency));
    });

    const label = figure.now ? "Visitors" : figure.label;
    const unit = currency && figure.axis === FIGURES.revenue.axis ? currency : null;
    const title = `${label}${unit ? ` in ${unit}` : ""} ${GRAIN_WORDS[when.grain]}`;
    write(byId("main-title"), title);
    const range = `${shortly(when.from, when.zone)} – ${shortly(when.to, when.zone)}, ${when.zone.replaceAll("_", " ")}`;
    write(byId("main-range"), range);
    byId("key-before").hidden = !beforeRows;
    write(byId("key-before-text"), when.wordsBefore);
    byId("key-growing").hidden = !grows;

    const series = [
      ...(beforeRows ? [{ label: "before", color: "--before", width: 1, format: (_, at) => textsBefore[at], values: before }] : []),
      { label, color: "--accent", fill: "--accent-wash", width: 2, points: true, format: (_, at) => texts[at] ?? NOTHING, values: complete },
      { label: `${label}, still growing`, color: "--accent", width: 2, dash: [4, 4], points: true, untold: true, silent: (at) => at !== last, format: (_, at) => texts[at] ?? NOTHING, values: growing },
    ];
    // The dashed line begins at the last complete point, where the solid one already speaks.
    const lookup = series.map(({ values, ...one }) => one);
    drawing.draw(
      {
        series: lookup, zone: when.zone, extent: [starts[0] ?? when.from, Math.max(starts.at(-1) ?? when.end, (starts[0] ?? 0) + 1)],
        caption: `${title}, ${range}`,
        label: (time, at) => `${bucket(time, when.grain, when.zone)}${grows && at === last ? ", still growing" : ""}`,
        axisLabel: (time, step) => axisTime(time, step, when.zone),
        tick: (value) => figure.axis(value, unit),
        zoom: (from, to) => zoom(from, to, when.zone),
        told: (at) => say(`${bucket(starts[at], when.grain, when.zone)}: ${texts[at]}`, { now: true }),
      },
      [starts, ...series.map((one) => one.values)],
    );
  };
}

/** Whole buckets of the grain that the new span will have, so that no bucket at its ends is cut. */
function zoom(from, to, zone) {
  const grain = grainFor(to - from);
  const start = startOf(from, grain, zone), end = Math.max(next(startOf(to, grain, zone), grain, zone), start + 5 * 60_000);
  change({ range: "custom", from: new Date(start).toISOString(), to: new Date(end).toISOString(), grain: null });
}

function axisTime(time, step, zone) {
  const grain = step < 86_400_000 ? "minute" : "day";
  const midnight = grain === "minute" && bucket(time, "minute", zone).startsWith("00:00");
  return bucket(time, midnight ? "day" : grain, zone);
}
