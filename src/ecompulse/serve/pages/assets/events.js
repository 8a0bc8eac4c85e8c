// The inspector: the newest events in full, followed live, narrowed by type, visitor or any text.

import { json } from "./api.js";
import { code } from "./code.js";
import { byId, el, reveal } from "./element.js";
import { clock, exactly } from "./format.js";
import { frame } from "./frame.js";
import { failed } from "./notice.js";
import { sentence } from "./rail.js";
import { rows } from "./rows.js";
import { current, onChange } from "./state.js";

const PAGE = 100;
const EVERY_MS = 1_000;
const LOOK_MS = 250, PATIENCE_MS = 15_000;
const fields = ["event_type", "visitor", "q"];
const form = byId("search"), list = byId("list"), detail = byId("detail"), follow = byId("follow"), more = byId("more");
let shown = [], next = null, chosen = null, running = null;

const asked = () => {
  const address = new URLSearchParams(location.search), query = new URLSearchParams({ limit: String(PAGE) });
  for (const name of [...fields, "site"]) if (address.get(name)) query.set(name, address.get(name));
  return query;
};

const describe = (event) => {
  const properties = event.properties ?? {};
  return sentence({ ...properties, ...event, page_path: event.page_path ?? pathOf(event.page_url ?? properties.page_url), query: event.query ?? properties.query, total: event.total ?? properties.total, currency: event.currency ?? properties.currency });
};

const pathOf = (url) => (url ? url.replace(/^[a-z]+:\/\/[^/]+/, "").split("?")[0] || "/" : undefined);
const visitorOf = (event) => event.visitor ?? event.user_id ?? event.anonymous_id ?? "–";

function draw() {
  rows(list, {
    caption: "Events, newest first",
    columns: [
      { name: "time", label: "Time", write: (event) => clock(event.timestamp, current().zone) },
      { name: "type", label: "Type", write: (event) => event.event_type },
      { name: "what", label: "What happened", main: true, write: (event) => el("span", {}, describe(event)) },
      { name: "visitor", label: "Visitor", minor: true, write: (event) => el("span", { class: "code", text: visitorOf(event) }) },
    ],
    data: shown,
    key: (event) => event.event_id,
    onpick: pick,
    pickLabel: "show in full",
    picked: (event) => event.event_id === chosen,
    empty: "No event matches. Ask for less, or wait for the next one.",
    limit: 2_000,
  });
  more.hidden = !next;
}

function choose(event) {
  chosen = event.event_id;
  detail.replaceChildren(
    el("header", {}, el("h2", { text: event.event_type }), el("p", { class: "faint", text: exactly(event.timestamp, current().zone) })),
    el("p", { class: "actions" },
      el("a", { href: `/events?visitor=${encodeURIComponent(visitorOf(event))}` }, "All of this visitor"),
      el("a", { href: `/query?sql=${encodeURIComponent(`select * from events where event_id = '${event.event_id}'`)}` }, "As SQL")),
    code(event, "The event in full"),
  );
  draw();
}

function pick(event) {
  choose(event);
  reveal(detail);
}

async function load({ older = false } = {}) {
  running?.abort();
  const mine = (running = new AbortController());
  const query = asked();
  if (older && next) query.set("after", next);
  try {
    const answer = await json(`/api/events?${query}`, { signal: mine.signal });
    list.classList.remove("is-loading", "is-old");
    shown = older ? [...shown, ...answer.items] : answer.items;
    next = answer.next ?? null;
    if (!chosen && shown.length && !wanted()) choose(shown[0]);
    else draw();
  } catch (error) {
    if (mine.signal.aborted) return;
    list.classList.remove("is-loading");
    if (shown.length) list.classList.add("is-old");
    else list.replaceChildren(failed(error, load));
  }
}

/** Shows the event that the address names. One sent a moment ago may still be on its way, so it is looked for until it is there. */
async function single(id) {
  const begun = performance.now(), stillWanted = () => !chosen && wanted() === id;
  detail.replaceChildren(el("p", { class: "notice", role: "status" }, "Looking for this event …"));
  try {
    while (stillWanted()) {
      const { items } = await json(`/api/events?${new URLSearchParams({ q: id, limit: "1" })}`);
      if (!stillWanted()) return;
      if (items[0]) return pick(items[0]);
      if (performance.now() - begun > PATIENCE_MS) return detail.replaceChildren(unknown(id));
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } catch (error) {
    detail.replaceChildren(failed(error, () => single(id)));
  }
}

const unknown = (id) =>
  el("div", { class: "notice", role: "status" },
    el("p", {}, el("strong", { text: "No event has this id. " }), "One that was sent just now is here once it is processed; ", el("a", { href: "/health" }, "Health"), " tells how far behind that is."),
    el("button", { type: "button", class: "quiet", onclick: () => single(id) }, "Look again"));

const wanted = () => new URLSearchParams(location.search).get("event");

for (const name of fields) form.elements[name].value = new URLSearchParams(location.search).get(name) ?? "";
const apply = () => {
  const address = new URLSearchParams(location.search);
  for (const name of fields) form.elements[name].value ? address.set(name, form.elements[name].value.trim()) : address.delete(name);
  address.delete("event");
  history.replaceState(null, "", `?${address}`);
  load();
};
form.addEventListener("submit", (event) => (event.preventDefault(), apply()));
form.elements.event_type.addEventListener("change", apply);
more.addEventListener("click", () => ((follow.checked = false), load({ older: true })));
list.addEventListener("pointerdown", () => (follow.checked = false));

frame();
onChange(() => load());
follow.checked &&= !wanted();
await load();
if (wanted()) single(wanted()); // once the list has its height: what is chosen stands below it on a phone
setInterval(() => follow.checked && !document.hidden && load(), EVERY_MS);
