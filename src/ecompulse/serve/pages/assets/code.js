// JSON as a person reads it: indented, with keys, texts and numbers told apart.

import { el } from "./element.js";
import { indented, isJson } from "./indent.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** A block of coloured JSON; text that is not JSON is shown as it is. */
export function code(value, label) {
  const box = el("pre", { class: "json", tabindex: "0", "aria-label": label });
  let text = value;
  if (typeof value !== "string") text = JSON.stringify(value, null, 2);
  else if (isJson(value)) text = indented(value); // digit by digit as it came
  else {
    box.textContent = value; // the original bytes of a dead letter need not be JSON
    return box;
  }
  let at = 0;
  for (const found of text.matchAll(TOKEN)) {
    const kind = found[2] ? "key" : found[1] ? "text" : "value";
    box.append(text.slice(at, found.index), el("span", { class: `json-${kind}`, text: found[1] ?? found[0] }));
    at = found.index + (found[1] ?? found[0]).length;
  }
  box.append(text.slice(at));
  return box;
}
