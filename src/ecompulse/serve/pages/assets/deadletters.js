// Dead letters: why events were rejected, each in its original bytes, and a way to mend a field and send them again.

import { json } from "./api.js";
import { code } from "./code.js";
import { byId, el, write } from "./element.js";
import { exactly, integer, moment } from "./format.js";
import { frame } from "./frame.js";
import { failed } from "./notice.js";
import { rows } from "./rows.js";
import { say } from "./speak.js";
import { current } from "./state.js";

const PAGE = 100;
const reasonsBox = byId("reasons"), list = byId("list"), detail = byId("detail"), more = byId("more"), form = byId("mend");
const picked = new Set();
let letters = [], next = null, open = null;

const reason = () => new URLSearchParams(location.search).get("reason") ?? "";
const field = () => new URLSearchParams(location.search).get("field") ?? "";

async function loadReasons() {
  const answer = await json("/api/dead-letters/reasons");
  const groups = answer.reasons;
  write(byId("count"), integer(groups.reduce((sum, group) => sum + Number(group.count), 0)));
  rows(reasonsBox, {
    caption: "Dead letters by reason",
    columns: [
      { name: "reason", label: "Reason", main: true, write: (group) => group.reason },
      { name: "field", label: "Field", write: (group) => el("span", { class: "code", text: group.field ?? "–" }) },
      { name: "count", label: "Letters", number: true, bar: true, value: (group) => Number(group.count), sortable: false, write: (group) => integer(group.count) },
    ],
    data: groups,
    key: (group) => `${group.reason} ${group.field}`,
    onpick: choose,
    pickLabel: "show only these",
    picked: (group) => group.reason === reason() && (group.field ?? "") === field(),
    empty: "No event was rejected. Whatever arrived has been stored.",
  });
}

function choose(group) {
  const same = group.reason === reason() && (group.field ?? "") === field();
  const address = new URLSearchParams(same ? {} : { reason: group.reason, field: group.field ?? "" });
  history.pushState(null, "", `?${address}`);
  picked.clear();
  refresh();
}

async function load({ older = false } = {}) {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const [name, value] of [["reason", reason()], ["field", field()]]) if (value) query.set(name, value);
  if (older && next) query.set("after", next);
  const answer = await json(`/api/dead-letters?${query}`);
  letters = older ? [...letters, ...answer.items] : answer.items;
  next = answer.next ?? null;
  if (open === null && letters.length) show(letters[0]);
  else draw();
}

function draw() {
  list.classList.remove("is-loading");
  rows(list, {
    caption: "Dead letters, newest first",
    columns: [
      { name: "pick", label: "Send again", write: box },
      { name: "time", label: "Received", write: (letter) => moment(letter.received_at, current().zone) },
      { name: "reason", label: "Reason", main: true, write: (letter) => letter.reason },
      { name: "field", label: "Field", minor: true, write: (letter) => el("span", { class: "code", text: letter.field ?? "–" }) },
      { name: "dialect", label: "Dialect", minor: true, write: (letter) => letter.dialect },
    ],
    data: letters,
    key: (letter) => letter.id,
    onpick: show,
    pickLabel: "show its bytes",
    picked: (letter) => letter.id === open,
    empty: "No dead letter here.",
    limit: 2_000,
  });
  more.hidden = !next;
  write(byId("send"), picked.size ? `Send ${integer(picked.size)} again` : "Send again");
  byId("send").disabled = !picked.size;
}

function box(letter) {
  const input = el("input", { type: "checkbox", "aria-label": `Send the letter of ${exactly(letter.received_at, current().zone)} again` });
  input.checked = picked.has(String(letter.id));
  input.addEventListener("change", () => {
    input.checked ? picked.add(String(letter.id)) : picked.delete(String(letter.id));
    draw();
  });
  return input;
}

function show(letter) {
  open = letter.id;
  const body = typeof letter.body === "string" ? letter.body : JSON.stringify(letter.body);
  detail.replaceChildren(
    el("header", {}, el("h2", { text: letter.reason }), el("p", { class: "faint" }, letter.field ? el("span", { class: "code", text: `${letter.field} · ` }) : "", `${letter.dialect}, ${exactly(letter.received_at, current().zone)}`)),
    code(body, "The original bytes"),
  );
  form.elements.field.placeholder = letter.field ?? "properties.product_id";
  draw();
}

byId("all").addEventListener("click", () => {
  const every = letters.every((letter) => picked.has(String(letter.id)));
  for (const letter of letters) every ? picked.delete(String(letter.id)) : picked.add(String(letter.id));
  draw();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { field: name, value } = form.elements;
  const body = { ids: [...picked] };
  if (name.value.trim()) body.set = { [name.value.trim()]: parsed(value.value) };
  const result = byId("result");
  byId("send").disabled = true;
  try {
    const answer = await json("/api/dead-letters/replay", { method: "POST", body });
    const again = answer.rejected?.length ?? 0, sent = answer.replayed ?? answer.accepted ?? body.ids.length - again;
    result.replaceChildren(`${integer(sent)} sent again.${again ? ` ${integer(again)} were rejected once more: ${answer.rejected[0].field ?? ""} ${answer.rejected[0].reason ?? ""}` : ""}`);
    say(result.textContent, { now: true });
    picked.clear();
    await refresh();
  } catch (error) {
    result.replaceChildren(failed(error));
    draw();
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

async function refresh() {
  await Promise.all([
    loadReasons().catch((error) => reasonsBox.replaceChildren(failed(error, refresh))),
    load().catch((error) => (list.classList.remove("is-loading"), list.replaceChildren(failed(error, refresh)))),
  ]);
}

let last = null;
more.addEventListener("click", () => load({ older: true }));
addEventListener("popstate", refresh);
frame({
  ledger(figures) {
    write(byId("sum"), `${integer(figures.dead_letters)} of ${integer(figures.received)} events received`);
    if (last !== null && last !== figures.dead_letters && !picked.size && letters.length <= PAGE) refresh();
    last = figures.dead_letters;
  },
});
refresh();
