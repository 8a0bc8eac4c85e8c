// Dead letters: why events were rejected, each in its original bytes, and ways to mend them one by one or many at once and send them again.

import { json } from "./api.js";
import { byId, el, reveal, write } from "./element.js";
import { bytes, exactly, integer, moment } from "./format.js";
import { frame } from "./frame.js";
import { showLetter } from "./letter.js";
import { sendLines, toldLines } from "./letterfile.js";
import { failed } from "./notice.js";
import { rows } from "./rows.js";
import { say } from "./speak.js";
import { current } from "./state.js";

const PAGE = 100;
const FILTERS = ["reason", "field", "dialect", "q"];
const STATES = { waiting: "false", sent: "true", all: "" };
const reasonsBox = byId("reasons"), list = byId("list"), detail = byId("detail"), more = byId("more"), mend = byId("mend"), filter = byId("filter");
const picked = new Set();
let letters = [], next = null, open = null, asking = 0;

const address = () => new URLSearchParams(location.search);
const value = (name) => address().get(name) ?? "";
const state = () => (value("show") in STATES ? value("show") : "waiting");

/** What of the letters is shown, as the API's parameters. */
function asked(extra = {}) {
  const query = new URLSearchParams(extra);
  for (const name of FILTERS) if (value(name)) query.set(name, value(name));
  if (STATES[state()]) query.set("replayed", STATES[state()]);
  return query;
}

// ---- why, and how long they are kept

async function loadReasons() {
  const answer = await json("/api/dead-letters/reasons");
  const groups = answer.reasons.map((group) => ({ ...group, waiting: Number(group.count) - Number(group.replayed) }));
  const sum = (name) => groups.reduce((total, group) => total + Number(group[name]), 0);
  write(byId("count"), `${integer(sum("waiting"))} waiting, ${integer(sum("replayed"))} sent again`);
  rows(reasonsBox, {
    caption: "Dead letters by reason",
    columns: [
      { name: "reason", label: "Reason", main: true, write: (group) => group.reason },
      { name: "field", label: "Field", write: fieldOf },
      { name: "waiting", label: "Waiting", number: true, bar: true, value: (group) => group.waiting, sortable: false, write: (group) => integer(group.waiting) },
      { name: "replayed", label: "Sent again", number: true, minor: true, write: (group) => integer(group.replayed) },
    ],
    data: groups,
    key: (group) => `${group.reason} ${group.field}`,
    onpick: (group) => change(isChosen(group) ? { reason: "", field: "" } : { reason: group.reason, field: group.field ?? "" }),
    pickLabel: "show only these",
    picked: isChosen,
    empty: "No event was rejected. Whatever arrived has been stored.",
  });
  const dialect = filter.elements.dialect;
  const names = new Set([...(answer.dialects ?? []).map((one) => one.dialect), ...(value("dialect") ? [value("dialect")] : [])]);
  dialect.replaceChildren(el("option", { value: "" }, "every dialect"), ...[...names].map((name) => el("option", { value: name }, name)));
  dialect.value = value("dialect");
  tellKept(answer);
}

/** A path, which may be broken after its dots. */
const fieldOf = ({ field }) => el("span", { class: "code" }, (field || "–").split(/(?<=\.)/).flatMap((part, at) => (at ? [el("wbr"), part] : [part])));

const isChosen = (group) => group.reason === value("reason") && (group.field ?? "") === value("field");

function tellKept({ keep, let_go: gone = [] }) {
  const count = gone.reduce((sum, one) => sum + Number(one.count), 0);
  const days = keep && keep.seconds / 86_400;
  const kept = keep ? `They are kept for ${days >= 1 ? `${integer(days)} ${days < 2 ? "day" : "days"}` : `${integer(keep.seconds / 60)} minutes`}, ${bytes(keep.bytes)} of them at most. ` : "";
  const went = count ? `${integer(count)} older ones were let go, the last received ${moment(gone.map((one) => one.last_received_at).sort().at(-1), current().zone)}; the ledger still counts them.` : "";
  write(byId("kept"), kept + went);
}

// ---- the list

function change(values) {
  const query = address();
  for (const [name, text] of Object.entries(values)) text ? query.set(name, text) : query.delete(name);
  history.pushState(null, "", `?${query}`);
  picked.clear();
  open = null;
  refresh();
}

function showFilter() {
  for (const name of ["q", "dialect"]) if (document.activeElement !== filter.elements[name]) filter.elements[name].value = value(name);
  for (const button of byId("states").children) button.setAttribute("aria-pressed", String(button.value === state()));
  byId("download").href = `/api/dead-letters/download?${asked({ edit: "true" })}`;
}

async function load({ older = false } = {}) {
  const mine = (asking += 1);
  const query = asked({ limit: String(PAGE) });
  if (older && next) query.set("after", next);
  const answer = await json(`/api/dead-letters?${query}`);
  if (mine !== asking) return; // a later question is on its way
  letters = older ? [...letters, ...answer.items] : answer.items;
  next = answer.next ?? null;
  if (open === null && letters.length) show(letters[0]);
  else if (open === null) detail.replaceChildren(el("p", { class: "notice" }, "Choose a letter to see its original bytes."));
  draw();
}

function draw() {
  list.classList.remove("is-loading");
  rows(list, {
    caption: "Dead letters, newest first",
    columns: [
      { name: "pick", label: "Pick", write: box },
      { name: "time", label: "Received", write: (letter) => moment(letter.received_at, current().zone) },
      { name: "reason", label: "Reason", main: true, write: (letter) => letter.reason },
      { name: "field", label: "Field", minor: true, write: fieldOf },
      { name: "dialect", label: "Dialect", minor: true, write: (letter) => letter.dialect },
    ],
    data: letters,
    key: (letter) => letter.id,
    onpick: pick,
    pickLabel: "show its bytes",
    picked: (letter) => letter.id === open,
    empty: { waiting: "No letter waits here.", sent: "No letter here was sent again.", all: "No dead letter here." }[state()],
    limit: 2_000,
  });
  more.hidden = !next;
  write(byId("send"), picked.size ? `Send ${integer(picked.size)} again` : "Send again");
  byId("send").disabled = !picked.size;
  byId("all").disabled = !letters.some((letter) => !letter.replayed_at);
}

function box(letter) {
  if (letter.replayed_at) return el("span", { class: "faint", title: `Sent again on ${exactly(letter.replayed_at, current().zone)}` }, "sent");
  const input = el("input", { type: "checkbox", "aria-label": `Send the letter of ${exactly(letter.received_at, current().zone)} again` });
  input.checked = picked.has(letter.id);
  input.addEventListener("change", () => {
    input.checked ? picked.add(letter.id) : picked.delete(letter.id);
    draw();
  });
  return input;
}

// ---- one letter

function show(letter) {
  open = letter.id;
  showLetter(detail, letter, { sent: refresh, following: () => nextOf(letter) });
  mend.elements.field.placeholder = letter.field || "properties.product_id";
}

function pick(letter) {
  show(letter);
  draw();
  reveal(detail);
}

/** Shows the letter that comes after one in the list; null when none waits. */
function nextOf(letter) {
  const at = letters.findIndex((one) => one.id === letter.id);
  const found = [...letters.slice(at + 1), ...letters.slice(0, Math.max(at, 0))].find((one) => !one.replayed_at && one.id !== letter.id);
  return found ? () => pick(found) : null;
}

// ---- many letters

byId("all").addEventListener("click", () => {
  const waiting = letters.filter((letter) => !letter.replayed_at);
  const every = waiting.every((letter) => picked.has(letter.id));
  for (const letter of waiting) every ? picked.delete(letter.id) : picked.add(letter.id);
  draw();
});

mend.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { field: name, value: to } = mend.elements;
  const body = { ids: [...picked] };
  if (name.value.trim()) body.set = { [name.value.trim()]: parsed(to.value) };
  const result = byId("result");
  byId("send").disabled = true;
  try {
    tell(await json("/api/dead-letters/replay", { method: "POST", body }));
    say(result.textContent, { now: true });
    picked.clear();
    open = null;
    await refresh();
  } catch (error) {
    result.replaceChildren(failed(error));
    draw();
  }
});

function tell({ replayed, rejected = [], already_replayed: already = [] }) {
  const parts = [`${integer(replayed)} sent again.`];
  if (already.length) parts.push(`${integer(already.length)} had been sent before.`);
  if (rejected.length) parts.push(`${integer(rejected.length)} still not taken: ${[rejected[0].field, rejected[0].reason].filter(Boolean).join(" ")}`);
  byId("result").replaceChildren(parts.join(" "));
}

byId("file").addEventListener("change", async ({ target }) => {
  const [file] = target.files, box = byId("sent-file");
  if (!file) return;
  target.disabled = true;
  box.replaceChildren(`Sending ${file.name} …`);
  try {
    const told = await sendLines(await file.text(), (done, all) => box.replaceChildren(`Sending ${file.name}: ${integer(done)} of ${integer(all)} lines …`));
    box.replaceChildren(toldLines(told));
    say(box.textContent, { now: true });
  } catch (error) {
    box.replaceChildren(failed(error));
  } finally {
    target.disabled = false;
    target.value = ""; // the same file may be chosen again
    open = null;
    await refresh();
  }
});

/** What was typed: a number, true, null or a JSON value where it is one, else the text. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

// ---- together

async function refresh() {
  showFilter();
  await Promise.all([
    loadReasons().catch((error) => reasonsBox.replaceChildren(failed(error, refresh))),
    load().catch((error) => (list.classList.remove("is-loading"), list.replaceChildren(failed(error, refresh)))),
  ]);
}

filter.addEventListener("submit", (event) => (event.preventDefault(), change({ q: filter.elements.q.value.trim() })));
filter.elements.q.addEventListener("search", () => change({ q: filter.elements.q.value.trim() }));
filter.elements.dialect.addEventListener("change", () => change({ dialect: filter.elements.dialect.value }));
byId("states").addEventListener("click", (event) => event.target.value && change({ show: event.target.value === "waiting" ? "" : event.target.value }));
more.addEventListener("click", () => load({ older: true }));
addEventListener("popstate", () => ((open = null), refresh()));

let last = null;
frame({
  ledger(figures) {
    write(byId("sum"), `${integer(figures.dead_letters)} of ${integer(figures.received)} events received`);
    if (last !== null && last !== figures.dead_letters && !picked.size && letters.length <= PAGE) refresh();
    last = figures.dead_letters;
  },
});
refresh();
