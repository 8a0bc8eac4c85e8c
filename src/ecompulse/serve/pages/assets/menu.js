// The small menu of each chart and table: its SQL, its rows as CSV, a link to it, and its table in place of the picture.

import { address, download } from "./api.js";
import { copyAndSay } from "./copy.js";
import { el } from "./element.js";
import { say } from "./speak.js";

/** A menu for a panel. `what()` gives {question, state, when, extra}; `table`, if given, is the element that holds the panel's table. */
export function menu(panel, what, { table } = {}) {
  const title = panel.querySelector("h2, h3")?.textContent ?? "this panel";
  const list = el("div", { class: "menu-list", role: "menu", hidden: true, "aria-label": `Menu of ${title}` });
  const button = el("button", { type: "button", class: "menu-button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `Menu of ${title}`, onclick: () => open(list.hidden) });
  button.append(el("span", { "aria-hidden": "true", text: "⋯" }));

  const item = (label, act) => list.append(el("button", { type: "button", role: "menuitem", tabindex: "-1", onclick: async () => (open(false), button.focus(), act()) }, label));

  item("SQL of this", () => {
    const { question, state, when, extra } = what();
    const query = address(question, state, when, extra).split("?")[1];
    location.href = `/query?question=${question}&${query}`;
  });
  item("Download CSV", async () => {
    const { question, state, when, extra } = what();
    try {
      await download(address(question, state, when, extra), `${question}.csv`);
    } catch (error) {
      say(`The CSV could not be had. ${error.message}`, { now: true, shown: true });
    }
  });
  item("Copy link", async () => {
    if (panel.id) history.replaceState(null, "", `#${panel.id}`);
    const link = panel.id ? `${location.origin}${location.pathname}${location.search}#${panel.id}` : location.href;
    await copyAndSay(link);
  });
  if (table) item("Show as table", () => table.classList.toggle("unseen"));

  function open(wanted) {
    list.hidden = !wanted;
    button.setAttribute("aria-expanded", String(wanted));
    if (wanted) list.firstElementChild.focus();
  }

  const box = el("div", { class: "menu" }, button, list);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) {
      open(false);
      button.focus();
    }
    if (list.hidden || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const items = [...list.children], at = items.indexOf(document.activeElement);
    const wanted = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    items.at(wanted % items.length).focus();
  });
  box.addEventListener("focusout", (event) => !box.contains(event.relatedTarget) && open(false));
  panel.querySelector("header").append(box);
}
