// The products: views, carts, orders and revenue side by side, sortable, with bars in the cells.

import { integer, money } from "./format.js";
import { rows } from "./rows.js";
import { change } from "./state.js";

const count = (name, label) => ({ name, label, number: true, bar: true, value: (row) => Number(row[name]), write: (row) => integer(row[name]) });

const COLUMNS = [
  { name: "product", label: "Product", main: true, value: (row) => (row.product_name ?? row.product_id).toLowerCase(), write: (row) => row.product_name ?? row.product_id },
  count("views", "Views"),
  { ...count("carts", "Carts"), minor: true },
  count("orders", "Orders"),
  { name: "revenue", label: "Revenue", number: true, bar: true, value: (row) => Number(row.revenue), write: (row) => money(row.revenue, row.currency) },
];

const names = new Map();

/** A product's name, once it has been seen in an answer; else its id. */
export const productName = (id) => names.get(id) ?? id;

/** Draws the answer of top-products into `body`. */
export function drawProducts(body, answer, state) {
  for (const row of answer.rows) if (row.product_name) names.set(row.product_id, row.product_name);
  rows(body, {
    caption: "Products: views, carts, orders and revenue",
    columns: COLUMNS,
    data: answer.rows,
    key: (row) => `${row.product_id} ${row.currency}`,
    sort: state.sort,
    onsort: (sort) => change({ sort }, { replace: true }),
    onpick: (row) => change({ filters: { product: state.filters.product === row.product_id ? null : row.product_id } }),
    picked: (row) => state.filters.product === row.product_id,
    empty: "No product was seen in this time.",
    limit: 10,
  });
}
