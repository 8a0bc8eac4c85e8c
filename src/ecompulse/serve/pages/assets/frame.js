// The frame of every page beside the overview: the two pills kept fresh by the live stream.

import { listen } from "./live.js";
import { current } from "./state.js";
import { showSites, strip } from "./strip.js";

/** Wires strip and stream; `on` may take more of what the stream says, as in live.js. */
export function frame(on = {}) {
  const pills = strip();
  listen(current().site, {
    ...on,
    figures(figures) {
      pills.figures(figures);
      on.figures?.(figures);
    },
    ledger(figures) {
      pills.ledger(figures);
      showSites(Object.keys(figures.sites ?? {}));
      on.ledger?.(figures);
    },
    health(health) {
      pills.health(health);
      on.health?.(health);
    },
    state(state) {
      pills.state(state);
      on.state?.(state);
    },
  });
}
