// Asking the server: questions of the analytics API, SQL, ledger and dead letters; a failure is an error that says what to do.

import { FILTERS } from "./state.js";

const TIMEOUT_MS = 20_000; // the server ends a question after 15 s; later than that nobody will answer

/** An answer that is not the one asked for; `title` and `detail` are fit to be shown. */
export class Refused extends Error {
  constructor(status, title, detail) {
    super(`${title}${detail ? `: ${detail}` : ""}`);
    Object.assign(this, { name: "Refused", status, title, detail });
  }
}

/** Fetches and returns the response; throws `Refused` for an error answer and for a server that cannot be reached. A text is sent as it is, as `type`. */
export async function ask(path, { method = "GET", body, type = "application/json", accept = "application/json", signal } = {}) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { accept, ...(body === undefined ? {} : { "content-type": type }) },
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error.name === "TimeoutError") throw new Refused(0, "No answer within 20 seconds", "Ask for a shorter range, or try again when the system is less busy.");
    throw new Refused(0, "The server cannot be reached", "The figures shown are the last ones known. Trying again by itself.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refused(response.status, problem.title ?? `The server answered ${response.status}`, problem.detail ?? "");
}

export const json = async (path, options) => (await ask(path, options)).json();

/** The address of a question over a period, with site and filters. */
export function address(question, state, when, extra = {}) {
  const query = new URLSearchParams();
  if (when) {
    query.set("from", new Date(when.from).toISOString());
    query.set("to", new Date(when.to).toISOString());
    if (when.grain) query.set("grain", when.grain);
  }
  query.set("tz", state.zone);
  if (state.site) query.set("site", state.site);
  for (const name of FILTERS) if (state.filters[name]) query.set(name, state.filters[name]);
  for (const [name, value] of Object.entries(extra)) query.set(name, value);
  return `/api/analytics/${question}?${query}`;
}

/** A question's answer with its rows as objects. */
export async function question(name, state, when, { signal, extra } = {}) {
  const answer = await json(address(name, state, when, extra), { signal });
  return { ...answer, rows: records(answer) };
}

/** Rows as objects by column name. */
function records({ columns, rows }) {
  const names = columns.map((column) => column.name ?? column);
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
}

/** Takes a file of a question to the reader's disk. */
export async function download(path, filename, options = {}) {
  const blob = await (await ask(path, { accept: "text/csv", ...options })).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
