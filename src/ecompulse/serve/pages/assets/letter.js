// One dead letter: why it was rejected, its original bytes, an editor for them, and what became of it when it was sent again.

import { json } from "./api.js";
import { code } from "./code.js";
import { el, write } from "./element.js";
import { exactly } from "./format.js";
import { indented, isJson, placeOf, whyNoJson } from "./indent.js";
import { failed } from "./notice.js";
import { say } from "./speak.js";
import { current } from "./state.js";

const LINES_MAX = 28; // the editor grows with its text up to this; then it scrolls
const drafts = new Map(); // what was typed and not sent, by letter, while the page is open

/** Draws a letter into `box`. `sent(letter)` is called when it became an event; `following()` shows the next one and is null when there is none. */
export function showLetter(box, letter, { sent, following }) {
  const body = el("div", { class: "letter" });
  box.replaceChildren(head(letter), body);
  if (letter.replayed_at) body.append(gone(letter), code(letter.body, "The original bytes"));
  else if (drafts.has(letter.id)) edit();
  else look();

  function look() {
    const button = el("button", { type: "button", class: "quiet", onclick: () => (edit(), body.querySelector("textarea").focus()) }, "Edit and send again");
    body.replaceChildren(el("p", { class: "actions" }, button), code(letter.body, "The original bytes"));
  }

  function edit() {
    const original = indented(letter.body);
    const field = el("textarea", { class: "code editor", "aria-label": "The event to be sent", "aria-describedby": "letter-told", spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off" });
    const told = el("div", { id: "letter-told", role: "status" });
    const send = el("button", { type: "submit", class: "primary" }, "Send again");
    const back = el("button", { type: "button", class: "quiet", onclick: restore }, "Put back");
    const close = el("button", { type: "button", class: "quiet", onclick: look_again }, "Close");
    const hint = letter.body_base64 ? "These bytes are no text. What stands here is sent in their place." : isJson(letter.body) ? "" : "This is no JSON yet.";
    const form = el("form", { class: "mend", "aria-label": "Edit this letter" }, field, el("p", { class: "actions" }, send, back, close, el("kbd", { class: "faint" }, "Ctrl + Enter")), told);
    field.value = drafts.get(letter.id) ?? original;
    fit();
    if (hint) told.append(el("p", { class: "faint", text: hint }));
    body.replaceChildren(form);
    point(letter.field);

    field.addEventListener("input", () => {
      drafts.set(letter.id, field.value);
      fit();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      form.requestSubmit();
    });
    form.addEventListener("submit", (event) => (event.preventDefault(), post()));

    function fit() {
      field.rows = Math.min(LINES_MAX, Math.max(8, field.value.split("\n").length + 1));
    }

    function restore() {
      field.value = original;
      drafts.delete(letter.id);
      told.replaceChildren();
      fit();
      point(letter.field);
      field.focus();
    }

    function look_again() {
      drafts.delete(letter.id);
      look();
      body.querySelector("button").focus();
    }

    /** Selects what is wrong, so that typing replaces it. */
    function point(path) {
      field.setSelectionRange(...placeOf(field.value, path));
    }

    async function post() {
      const why = whyNoJson(field.value);
      if (why) return refuse(el("p", {}, el("strong", { text: "This is no JSON yet. " }), why));
      send.disabled = true;
      write(send, "Sending …");
      try {
        const answer = await json("/api/dead-letters/replay", { method: "POST", body: { letters: [{ id: letter.id, body: field.value }] } });
        finish(answer);
      } catch (error) {
        told.replaceChildren(failed(error));
      } finally {
        send.disabled = false;
        write(send, "Send again");
      }
    }

    function finish(answer) {
      const [wrong] = answer.rejected ?? [], [before] = answer.already_replayed ?? [], [event] = answer.events ?? [];
      if (wrong) {
        point(wrong.field);
        return refuse(el("p", {}, el("strong", { text: "Still not taken. " }), wrong.field ? el("code", { text: wrong.field }) : "", ` ${wrong.reason}`));
      }
      drafts.delete(letter.id);
      letter.replayed_at = before?.replayed_at ?? new Date().toISOString();
      const done = before ? gone(letter) : taken(event);
      body.replaceChildren(done, code(field.value, "What was sent"));
      say(done.textContent, { now: true });
      sent(letter);
      if (following()) done.append(el("p", { class: "actions" }, el("button", { type: "button", class: "quiet", onclick: () => following()?.() }, "Next letter")));
      (done.querySelector("button") ?? done.querySelector("a"))?.focus();
    }

    function refuse(words) {
      told.replaceChildren(el("div", { class: "notice is-error" }, words));
      say(words.textContent, { now: true });
      field.focus({ preventScroll: true });
      told.scrollIntoView({ block: "nearest" });
    }
  }
}

function head(letter) {
  const facts = [
    ["field", letter.field],
    ["dialect", letter.dialect],
    ["received", exactly(letter.received_at, current().zone)],
    ["type", letter.event_type],
    ["site", letter.site],
    ["sender key", letter.sender_key],
    ["letter", letter.id],
  ].filter(([, value]) => value);
  return el("header", {},
    el("h2", { text: letter.reason }),
    el("dl", { class: "about" }, facts.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { class: "code", text: value })))));
}

const taken = (event) =>
  el("div", { class: "notice is-good" }, el("p", {}, el("strong", { text: "Taken. " }), "It is in the log, and an event within a moment. ", event ? el("a", { href: `/events?event=${encodeURIComponent(event.event_id)}` }, "See the event") : ""));

const gone = (letter) =>
  el("div", { class: "notice is-good" }, el("p", {}, el("strong", { text: `Sent again on ${exactly(letter.replayed_at, current().zone)}. ` }), "A letter becomes one event at most, so it cannot be sent a second time."));
