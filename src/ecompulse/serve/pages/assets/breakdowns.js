// The breakdowns in tabs: where visitors come from, on which pages, countries and platforms; a row is a filter.

import { question } from "./api.js";
import { byId, el } from "./element.js";
import { country, integer, money, percent } from "./format.js";
import { rows } from "./rows.js";
import { change } from "./state.js";

const number = (name, label, bar = false) => ({ name, label, number: true, bar, value: (row) => Number(row[name]), write: (row) => integer(row[name]) });
const FIGURES = [
  number("visitors", "Visitors", true),
  number("orders", "Orders"),
  { name: "revenue", label: "Revenue", number: true, bar: true, value: (row) => Number(row.revenue ?? 0), write: (row) => money(row.revenue, row.currency) },
  { name: "conversion_rate", minor: true, label: "Conversion", number: true, value: (row) => row.conversion_rate, write: (row) => percent(row.conversion_rate) },
];
const named = (name, label, unknown, text = (value) => value) => ({
  name, label, main: true, value: (row) => (row[name] === null ? "" : String(text(row[name])).toLowerCase()), write: (row) => (row[name] === null || row[name] === "" ? unknown : text(row[name])),
});

const TABS = {
  sources: { label: "Sources", question: "sources", filter: "traffic_source", columns: [named("traffic_source", "Source", "unknown"), { name: "channel", minor: true, label: "Channel", value: (row) => row.channel ?? "", write: (row) => row.channel ?? "–" }, ...FIGURES] },
  campaigns: { label: "Campaigns", question: "campaigns", filter: "campaign", columns: [named("campaign", "Campaign", "no campaign"), { name: "traffic_source", minor: true, label: "Source", value: (row) => row.traffic_source ?? "", write: (row) => row.traffic_source ?? "–" }, ...FIGURES] },
  pages: { label: "Pages", question: "pages", filter: "page", field: "page_path", columns: [named("page_path", "Page", "unknown"), number("views", "Views", true), number("visitors", "Visitors", true), number("entries", "Entries", true)] },
  countries: { label: "Countries", question: "countries", filter: "country", columns: [named("country", "Country", "unknown", country), ...FIGURES] },
  platforms: { label: "Platforms", question: "platforms", filter: "platform", columns: [named("platform", "Platform", "unknown"), { name: "source", minor: true, label: "Sent by", value: (row) => row.source ?? "", write: (row) => row.source ?? "–" }, ...FIGURES] },
};

export const tabOf = (state) => TABS[state.tab] ?? TABS.sources;

/** Builds the tabs: arrow keys move between them, as a tab list does. */
export function tabs() {
  const list = byId("tabs");
  for (const [name, tab] of Object.entries(TABS)) {
    list.append(el("button", { type: "button", role: "tab", id: `tab-${name}`, "data-tab": name, "aria-controls": "breakdown-body", onclick: () => change({ tab: name }, { replace: true }) }, tab.label));
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...list.children], at = (all.indexOf(document.activeElement) + step + all.length) % all.length;
    all[at].focus();
    all[at].click();
  });
}

export function showTab(state) {
  for (const button of byId("tabs").children) {
    const mine = TABS[button.dataset.tab] === tabOf(state);
    button.setAttribute("aria-selected", String(mine));
    button.tabIndex = mine ? 0 : -1;
    if (mine) byId("breakdown-body").setAttribute("aria-labelledby", button.id);
  }
}

export const loadBreakdown = async (state, when, signal) => ({ ...(await question(tabOf(state).question, state, when, { signal })), tab: tabOf(state) });

/** The filters that a row stands for: one source has several channels, and a row is one of them. */
const filtersOf = (tab, row) => ({ [tab.filter]: row[tab.field ?? tab.filter], ...(tab === TABS.sources && row.channel ? { channel: row.channel } : {}) });

const isPicked = (tab, row, { filters }) => Object.entries(filtersOf(tab, row)).every(([name, value]) => value !== null && filters[name] === value);

/** Choosing a row narrows to it; choosing it again takes that back. */
function toggle(tab, row, state) {
  const wanted = filtersOf(tab, row), off = isPicked(tab, row, state);
  change({ filters: Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, off ? null : value])) });
}

let order = "-visitors";

/** Draws the answer of the open tab into `body`. */
export function drawBreakdown(body, answer, state) {
  const { tab } = answer;
  const field = tab.field ?? tab.filter;
  rows(body, {
    caption: `${tab.label} of visitors`,
    columns: tab.columns,
    data: answer.rows,
    key: (row) => JSON.stringify([row[field], row.channel, row.traffic_source, row.source, row.currency]),
    sort: order,
    onsort(sort) {
      order = sort;
      drawBreakdown(body, answer, state);
    },
    onpick: (row) => toggle(tab, row, state),
    pickable: (row) => row[field] !== null,
    picked: (row) => isPicked(tab, row, state),
    empty: `No ${tab.label.toLowerCase()} in this time.`,
    limit: 12,
  });
}
