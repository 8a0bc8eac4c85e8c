// The five figures: what they are called, how they are written, and how a period's total comes from the timeline question.

import { question } from "./api.js";
import { axis, integer, money, percent, short, total } from "./format.js";
import { next, startOf } from "./period.js";

/** In the order of the tiles. `field` is the timeline's column; `sums` says whether buckets may be added; `now` is a figure of the moment. */
export const FIGURES = {
  revenue: { label: "Revenue", field: "revenue", sums: true, write: money, short, axis, words: "Sum of the orders' totals." },
  orders: { label: "Orders", field: "orders", sums: true, write: integer, short: (value) => short(value), axis: (value) => axis(value), words: "Purchases, each counted once." },
  conversion: { label: "Conversion", field: "conversion_rate", write: percent, short: percent, axis: (value) => percent(value), words: "Share of the visitors that bought." },
  average: { label: "Average order", field: "average_order_value", write: money, short: money, axis, words: "Revenue by orders." },
  visitors: { label: "Visitors now", field: "visitors", write: integer, short: (value) => short(value), axis: (value) => axis(value), now: true, words: "Different visitors in the last 5 minutes; over time, in each bucket." },
};

/** The timeline of a period: rows by bucket, gaps filled as the question fills them, and the figures of the whole. */
export async function timeline(state, when, signal) {
  const answer = await question("timeline", state, when, { signal });
  return { ...answer, rows: answer.rows.map((row) => ({ ...row, at: Date.parse(row.time) })) };
}

/**
 * The figures of a whole period out of its buckets; money exactly. A visitor of two buckets would count twice in the conversion, so it
 * is taken from as few buckets as can be had: ask by month for it (a period over two months is weighed by their visitors).
 */
export function sums(rows) {
  if (!rows.length) return {};
  const orders = rows.reduce((sum, row) => sum + row.orders, 0);
  const events = rows.reduce((sum, row) => sum + row.events, 0);
  const weighed = rows.filter((row) => row.conversion_rate !== null);
  const visits = weighed.reduce((sum, row) => sum + row.visitors, 0);
  const revenue = total(rows.map((row) => row.revenue));
  if (!events) return { events, currency: rows[0].currency };
  return {
    events, orders, revenue, currency: rows[0].currency,
    average: orders ? Number(revenue) / orders : null,
    conversion: visits ? weighed.reduce((sum, row) => sum + Number(row.conversion_rate) * row.visitors, 0) / visits : null,
  };
}

/** All bucket starts from `from` up to `end`. */
export function buckets({ from, end, grain, zone }) {
  const starts = [];
  for (let time = startOf(from, grain, zone); time < end && starts.length < 3000; time = next(time, grain, zone)) starts.push(time);
  return starts;
}
