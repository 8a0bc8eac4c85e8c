// What is being looked at: site, range, filters, figure, tab and order, all of it in the address, so that a link shows the same.

export const FILTERS = ["source", "platform", "country", "campaign", "traffic_source", "channel", "page", "product", "event_type"];
const DEFAULTS = { site: "", range: "live", from: "", to: "", compare: "before", tz: "", grain: "", figure: "revenue", tab: "sources", sort: "-revenue" };

const listeners = new Set();

/** The state as the address says it. */
export function current() {
  const address = new URLSearchParams(location.search);
  const state = { filters: {} };
  for (const [name, value] of Object.entries(DEFAULTS)) state[name] = address.get(name) ?? value;
  for (const name of FILTERS) if (address.get(name)) state.filters[name] = address.get(name);
  state.zone = zoneOf(state.tz);
  return state;
}

/** Changes the address and tells every listener; `filters` is merged, a value of null removes. */
export function change(patch, { replace = false } = {}) {
  const address = new URLSearchParams(location.search);
  const { filters = {}, ...rest } = patch;
  for (const [name, value] of [...Object.entries(rest), ...Object.entries(filters)]) {
    if (value === null || value === "" || value === DEFAULTS[name]) address.delete(name);
    else address.set(name, value);
  }
  const query = address.toString();
  history[replace ? "replaceState" : "pushState"](null, "", query ? `?${query}` : location.pathname);
  tell();
}

/** Calls `listener(state)` after each change, also by the browser's back and forward. */
export function onChange(listener) {
  listeners.add(listener);
}

/** The address of another page with the same site, range, zone and filters. */
export function carry(path, extra = {}) {
  const { filters, zone, ...state } = current();
  const address = new URLSearchParams();
  for (const name of ["site", "range", "from", "to", "tz"]) if (state[name] && state[name] !== DEFAULTS[name]) address.set(name, state[name]);
  for (const [name, value] of Object.entries({ ...filters, ...extra })) if (value) address.set(name, value);
  const query = address.toString();
  return query ? `${path}?${query}` : path;
}

function tell() {
  const state = current();
  for (const listener of listeners) listener(state);
}

function zoneOf(name) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  if (!name) return own;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name;
  } catch (error) {
    if (error instanceof RangeError) return own; // a mistyped zone in a link: the reader's own
    throw error;
  }
}

addEventListener("popstate", tell);
