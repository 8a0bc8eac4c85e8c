// A file of edited dead letters: sent in parts, and what became of each line.

import { json } from "./api.js";
import { el } from "./element.js";
import { integer } from "./format.js";

const LINES = 500; // of one request; the server takes a thousand
const CHARACTERS = 8_000_000; // of one request; the server takes 32 MB
const NAMED = 50; // lines that are told one by one

/** Sends the lines of a text; returns `{replayed, already, wrong: [{line, text}]}`. `progress(done, all)` is called after each part. */
export async function sendLines(text, progress) {
  const lines = text.split("\n");
  const told = { replayed: 0, already: 0, wrong: [] };
  for (let start = 0; start < lines.length; ) {
    const part = next(lines, start);
    if (part.some((line) => line.trim())) add(told, await post(part), start);
    start += part.length;
    progress(start, lines.length);
  }
  told.wrong.sort((left, right) => left.line - right.line);
  return told;
}

const post = (part) => json("/api/dead-letters/replay", { method: "POST", body: part.join("\n"), type: "application/x-ndjson" });

function next(lines, start) {
  let end = start, size = 0;
  while (end < lines.length && end - start < LINES && (end === start || size + lines[end].length < CHARACTERS)) size += lines[end++].length;
  return lines.slice(start, end);
}

function add(told, { replayed, already_replayed: already, rejected, unused_lines: unused }, start) {
  told.replayed += replayed;
  told.already += already.length;
  told.wrong.push(...rejected.map((one) => ({ line: start + one.line, text: [one.field, one.reason].filter(Boolean).join(" ") })));
  told.wrong.push(...unused.map((one) => ({ line: start + one.line, text: one.reason })));
}

/** What became of a file, for people. */
export function toldLines({ replayed, already, wrong }) {
  const parts = [`${integer(replayed)} sent again.`];
  if (already) parts.push(`${integer(already)} had been sent before.`);
  if (!wrong.length) return el("p", { text: parts.join(" ") });
  parts.push(`${integer(wrong.length)} ${wrong.length === 1 ? "line was" : "lines were"} not taken:`);
  const more = wrong.length > NAMED ? el("li", { text: `and ${integer(wrong.length - NAMED)} more` }) : null;
  return el("div", { class: "notice is-error" },
    el("p", { text: parts.join(" ") }),
    el("ul", {}, wrong.slice(0, NAMED).map((one) => el("li", {}, el("strong", { text: `line ${integer(one.line)}` }), ` ${one.text}`)), more));
}
