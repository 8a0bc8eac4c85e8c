// Tables of figures: sortable heads, bars in the cells, rows renewed in place so that nothing jumps, and a row that can be chosen.

import { el, write } from "./element.js";
import { nothing } from "./notice.js";

/**
 * Draws a table into `box`.
 * columns: [{name, label, write(row), value(row), number?, bar?, main?, minor? (left out on a phone)}]; key(row) identifies a row; sort is "-name" or "name";
 * onsort(sort) and onpick(row) are optional, pickable(row) says which rows can be; picked(row) marks the chosen row; empty is the sentence for no rows.
 */
export function rows(box, { caption, columns, data, key, sort, onsort, onpick, pickLabel, pickable = () => true, picked = () => false, empty, limit = 50 }) {
  if (!data.length) {
    box.replaceChildren(nothing(empty));
    return;
  }
  let table = box.querySelector(":scope > .scroll > table");
  const shape = columns.map((column) => column.name).join();
  if (!table || table.dataset.shape !== shape) {
    table = el("table", { class: "rows", "data-shape": shape }, el("caption", { class: "unseen" }), el("thead"), el("tbody"));
    table.tHead.append(head(columns, () => table));
    box.replaceChildren(el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption }, table));
  }
  write(table.caption, caption);
  table.onsort = onsort;
  table.sort = sort;
  for (const th of table.tHead.rows[0].cells) {
    const mine = th.dataset.name === sort?.replace("-", "");
    if (mine) th.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  }
  fill(table.tBodies[0], { columns, data: ordered(data, columns, sort).slice(0, limit), key, onpick, pickable, pickLabel, picked });
}

function head(columns, table) {
  return el(
    "tr",
    {},
    columns.map((column) => {
      const sortable = column.value && column.sortable !== false;
      const press = () => {
        const { sort, onsort } = table();
        onsort?.(sort === `-${column.name}` ? column.name : sort === column.name || column.number ? `-${column.name}` : column.name);
      };
      return el("th", { scope: "col", class: [column.number ? "number" : "", column.minor ? "minor" : "", column.main ? "main" : ""].join(" ").trim() || null, "data-name": column.name }, sortable ? el("button", { type: "button", class: "sort", onclick: press }, column.label) : column.label);
    }),
  );
}

function ordered(data, columns, sort) {
  const column = columns.find((one) => one.name === sort?.replace("-", ""));
  if (!column?.value) return data;
  const sign = sort.startsWith("-") ? -1 : 1;
  const compare = (left, right) => {
    const [a, b] = [column.value(left), column.value(right)];
    if (a === b) return 0;
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    return (a < b ? -1 : 1) * sign;
  };
  return [...data].sort(compare);
}

function fill(body, { columns, data, key, onpick, pickable, pickLabel, picked }) {
  const most = Object.fromEntries(columns.filter((column) => column.bar).map((column) => [column.name, Math.max(...data.map((row) => Number(column.value(row)) || 0), 0)]));
  const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  data.forEach((record, index) => {
    const id = String(key(record));
    const line = old.get(id) ?? el("tr", { "data-key": id }, columns.map((column) => cell(column, onpick)));
    old.delete(id);
    line.record = record;
    line.classList.toggle("is-picked", picked(record));
    columns.forEach((column, at) => {
      const target = line.cells[at].querySelector(".text") ?? line.cells[at];
      const shown = column.write(record);
      if (shown instanceof Node) target.replaceChildren(shown);
      else write(target, shown);
      if (column.main) {
        if (onpick) target.disabled = !pickable(record);
        if (onpick) target.setAttribute("aria-label", `${typeof shown === "string" ? shown : shown.textContent}: ${pickLabel ?? "show only this"}`);
        line.cells[at].title = typeof shown === "string" ? shown : "";
      }
      if (column.bar) line.cells[at].style.setProperty("--share", most[column.name] ? (Number(column.value(record)) || 0) / most[column.name] : 0);
    });
    if (body.rows[index] !== line) body.insertBefore(line, body.rows[index] ?? null);
  });
  for (const line of old.values()) line.remove();
}

function cell(column, onpick) {
  const kind = [column.number ? "number" : "", column.bar ? "has-bar" : "", column.minor ? "minor" : "", column.main ? "main" : ""].join(" ").trim();
  if (!column.main) return el("td", { class: kind || null }, el("span", { class: "text" }));
  const text = onpick ? el("button", { type: "button", class: "text pick", onclick: (event) => onpick(event.target.closest("tr").record) }) : el("span", { class: "text" });
  return el("th", { scope: "row", class: kind }, text);
}
