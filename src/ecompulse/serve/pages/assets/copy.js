// Copying text, also where the page is not served over TLS and the browser therefore has no clipboard interface.

import { say } from "./speak.js";

/** Copies and says so, or says why not. */
export async function copyAndSay(text, done = "Link copied.") {
  try {
    await copy(text);
    say(done, { now: true, shown: true });
  } catch (error) {
    say(`Not copied. ${error.message}`, { now: true, shown: true });
  }
}

/** Copies `text`; throws when the browser does not let it. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  if (!done) throw new Error("The browser did not let this page copy. Select the text and copy it by hand.");
}
