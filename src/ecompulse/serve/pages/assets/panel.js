// A panel's round: ask its question, draw the answer, keep the last answer on screen while the next is on its way, say so when it fails.

import { Refused } from "./api.js";
import { failed } from "./notice.js";

/**
 * Makes `refresh(state, when)`. `load(state, when, signal)` asks, `draw(answer, state, when)` shows, `body` is where an error is put.
 * A newer round ends an older one; a failed renewal keeps the figures and marks the panel as old.
 */
export function panel(body, load, draw) {
  let running = null, shown = false, asked = "";

  return async function refresh(state, when) {
    const key = JSON.stringify([state.site, state.filters, state.range, state.from, state.to, state.zone, state.grain]);
    if (running && asked === key) return; // the same is on its way
    running?.abort();
    const mine = (running = new AbortController());
    if (asked !== key) body.classList.add("is-waiting");
    const changed = asked !== key;
    asked = key;
    try {
      const answer = await load(state, when, mine.signal);
      if (mine.signal.aborted) return;
      shown = true;
      body.classList.remove("is-loading", "is-old");
      draw(answer, state, when);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof Refused)) console.error(error);
      // A refused renewal of the same question leaves the last figures; a new question that fails must not keep another's answer.
      if (shown && !changed) body.classList.add("is-old");
      else {
        body.classList.remove("is-loading");
        body.replaceChildren(failed(error, () => ((asked = ""), refresh(state, when))));
        shown = false;
      }
    } finally {
      if (running === mine) {
        running = null;
        body.classList.remove("is-waiting");
      }
    }
  };
}
