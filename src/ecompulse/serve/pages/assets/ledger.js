// The ledger: what the door received beside what the store says became of it, group by group, with a mark where they differ.

import { json } from "./api.js";
import { byId, el, write } from "./element.js";
import { integer } from "./format.js";
import { frame } from "./frame.js";
import { failed } from "./notice.js";
import { rows } from "./rows.js";

const EVERY_MS = 1_000; // at most; asked again only when the stream tells of other figures
const BY = { type: "Type", dialect: "Dialect", key: "Key", site: "Site" };
const UNKNOWN = { type: "no known type", key: "no key" };
const FIGURES = ["received", "stored", "duplicates", "dead_letters", "in_flight"];
let told = null, seen = "", asked = 0, waiting = null;

const by = () => (new URLSearchParams(location.search).get("by") in BY ? new URLSearchParams(location.search).get("by") : "type");

for (const [name, label] of Object.entries(BY)) {
  byId("by").append(el("button", { type: "button", "data-by": name, text: label, onclick: () => choose(name) }));
}

function choose(name) {
  const query = new URLSearchParams(location.search);
  query.set("by", name);
  history.pushState(null, "", `?${query}`);
  draw();
}

function draw() {
  for (const button of byId("by").children) button.setAttribute("aria-pressed", String(button.dataset.by === by()));
  if (!told) return;
  for (const name of FIGURES) write(byId(`sum-${name}`), integer(told[name]));
  byId("balance").dataset.state = told.balanced ? "good" : "wrong";
  write(byId("balance"), told.balanced ? "Both sides agree: every event received is accounted for." : "The sides differ. ecompulse verify names the events and what to look at.");
  groups(by());
  positions();
}

function groups(name) {
  byId("groups").classList.remove("is-loading");
  const number = (figure, label, more = {}) => ({ name: figure, label, number: true, ...more, value: (group) => group[figure], sortable: false, write: (group) => integer(group[figure]) });
  rows(byId("groups"), {
    caption: `Both sides of the ledger by ${BY[name].toLowerCase()}`,
    columns: [
      { name, label: BY[name], main: true, write: (group) => group[name] ?? UNKNOWN[name] ?? "–" },
      number("received", "Received"),
      number("rejected", "of it rejected", { minor: true }),
      number("stored", "Stored"),
      number("duplicates", "Duplicates", { minor: true }),
      number("dead_letters", "Dead letters", { minor: true }),
      number("in_flight", "Waiting"),
      { name: "balanced", label: "Agree", write: mark },
    ],
    data: told[`by_${name}`],
    key: (group) => String(group[name]),
    empty: "Nothing was received yet.",
    limit: 500,
  });
}

/** Whether the two sides of a group agree; where they do not, by how much. */
function mark(group) {
  if (group.balanced) return el("span", { class: "status", "data-state": "good", text: "agree" });
  const gap = group.stored + group.duplicates + group.dead_letters + group.in_flight - group.received;
  return el("span", { class: "status", "data-state": "wrong", text: gap ? `${integer(Math.abs(gap))} ${gap > 0 ? "too many" : "missing"}` : "differ" });
}

function positions() {
  byId("positions").classList.remove("is-loading");
  rows(byId("positions"), {
    caption: "How far the store is in each partition of the log",
    columns: [
      { name: "partition", label: "Partition", main: true, write: (one) => String(one.partition) },
      { name: "received", label: "Received", number: true, write: (one) => integer(one.received) },
      { name: "position", label: "Processed", number: true, write: (one) => integer(one.position) },
      { name: "waiting", label: "Waiting", number: true, write: (one) => integer(one.waiting) },
    ],
    data: told.positions,
    key: (one) => String(one.partition),
    empty: "The log has no partition yet.",
  });
}

async function ask() {
  waiting = null;
  asked = performance.now();
  try {
    told = await json("/api/ledger");
    byId("trouble").replaceChildren();
    draw();
  } catch (error) {
    byId("trouble").replaceChildren(failed(error, ask));
  }
}

addEventListener("popstate", draw);
frame({
  ledger(figures) {
    const now = FIGURES.map((name) => figures[name]).join();
    if (now === seen || waiting) return;
    seen = now;
    waiting = setTimeout(ask, Math.max(0, asked + EVERY_MS - performance.now()));
  },
});
draw();
ask();
