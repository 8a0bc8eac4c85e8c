// The funnel: visitors by step, the share that got there and those lost on the way, each of them a way into the events.

import { el, write } from "./element.js";
import { integer, percent } from "./format.js";
import { nothing } from "./notice.js";
import { carry, change } from "./state.js";

const NAMES = { page_view: "Came", product_view: "Saw a product", add_to_cart: "Put it in the cart", purchase: "Bought", search: "Searched", user_login: "Signed in" };

/** Draws the funnel's answer into `body`. */
export function drawFunnel(body, { rows }, state, when) {
  if (!rows.length || !Number(rows[0].visitors)) {
    body.replaceChildren(nothing("No visitor came in this time."));
    return;
  }
  const first = Number(rows[0].visitors);
  let list = body.querySelector("ol.funnel");
  if (!list || list.children.length !== rows.length) {
    list = el("ol", { class: "funnel" }, rows.map(() => step()));
    body.replaceChildren(list);
  }
  rows.forEach((row, index) => {
    const item = list.children[index], previous = index ? Number(rows[index - 1].visitors) : null, visitors = Number(row.visitors);
    const name = NAMES[row.step] ?? row.step;
    const pick = item.querySelector(".funnel-name"), lost = item.querySelector(".funnel-lost");
    write(pick, name);
    pick.setAttribute("aria-label", `${name}: ${integer(visitors)} visitors. Show only ${row.step}`);
    pick.setAttribute("aria-pressed", String(state.filters.event_type === row.step));
    pick.onclick = () => change({ filters: { event_type: state.filters.event_type === row.step ? null : row.step } });
    write(item.querySelector(".funnel-visitors"), integer(visitors));
    write(item.querySelector(".funnel-share"), percent(visitors / first));
    item.querySelector(".funnel-bar").style.setProperty("--share", visitors / first);
    lost.hidden = index === 0;
    if (index) {
      const gone = previous - visitors;
      write(lost, `${integer(gone)} left before this (${percent(previous ? gone / previous : null)})`);
      lost.href = carry("/query", { sql: lostSql(rows[index - 1].step, row.step, state, when) });
      lost.title = `The visitors of “${NAMES[rows[index - 1].step] ?? rows[index - 1].step}” who never came to “${name}”`;
    }
  });
}

function step() {
  return el(
    "li",
    {},
    el("a", { class: "funnel-lost", hidden: true }),
    el(
      "div",
      { class: "funnel-step" },
      el("button", { type: "button", class: "funnel-name pick" }),
      el("span", { class: "funnel-bar", "aria-hidden": "true" }),
      el("span", { class: "funnel-visitors number" }),
      el("span", { class: "funnel-share number" }),
    ),
  );
}

/** SQL for those who did one step and not the next, with the time and the filters that hold for single events. */
function lostSql(reached, missed, state, when) {
  const text = (value) => `'${String(value).replaceAll("'", "''")}'`;
  const between = `timestamp >= ${text(new Date(when.from).toISOString())} and timestamp < ${text(new Date(when.to).toISOString())}`;
  const kept = ["source", "platform", "country", "campaign", "traffic_source", "channel"].filter((name) => state.filters[name]).map((name) => `  and ${name} = ${text(state.filters[name])}\n`);
  if (state.site) kept.unshift(`  and site = ${text(state.site)}\n`);
  return `-- visitors with ${reached} and without ${missed}\nselect coalesce(user_id, anonymous_id) as visitor, max(timestamp) as last_seen, count(*) as events\nfrom events\nwhere ${between}\n${kept.join("")}group by visitor\nhaving count(*) filter (where event_type = ${text(reached)}) > 0\n   and count(*) filter (where event_type = ${text(missed)}) = 0\norder by last_seen desc\nlimit 500`;
}
