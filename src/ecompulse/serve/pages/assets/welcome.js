// The first sight of an empty shop: three ways to send the first event, each to be copied, until it arrives.

import { copyAndSay } from "./copy.js";
import { byId, el, write } from "./element.js";
import { say } from "./speak.js";

const snippets = (door) => ({
  script: { label: "Web page", words: "Put this line in the head of the shop's pages. It sends page views by itself.", code: `<script async src="${door}/ecompulse.js"></script>` },
  curl: { label: "curl", words: "Send one event from a terminal.", code: `curl ${door}/v1/events \\\n  -H 'content-type: application/json' \\\n  -d '{"event_type": "product_view", "user_id": "me",\n       "properties": {"product_id": "P-1", "product_name": "Blue mug",\n                      "price": 19.99, "currency": "EUR"}}'` },
  segment: { label: "Segment", words: "Point a Segment SDK that is already there to this address.", code: `const analytics = new Analytics({\n  host: "${door}",\n  writeKey: "any"\n})\nanalytics.track({ userId: "me", event: "Product Viewed",\n  properties: { product_id: "P-1", name: "Blue mug", price: 19.99, currency: "EUR" } })` },
});

let built = false;

/** Shows the welcome instead of the figures, or the figures instead of the welcome. */
export function welcome(empty, door) {
  const box = byId("welcome"), page = byId("figures");
  if (empty && !built) build(byId("welcome-ways"), door);
  if (box.hidden === !empty) return;
  if (!empty && !box.hidden) say("The first event has arrived.", { now: true, shown: true });
  box.hidden = !empty;
  page.hidden = empty;
  document.body.classList.toggle("is-empty", empty);
}

function build(box, door) {
  built = true;
  for (const { label, words, code } of Object.values(snippets(door))) {
    const button = el("button", { type: "button", class: "quiet", "aria-label": `Copy the ${label} example` }, "Copy");
    button.addEventListener("click", async () => {
      await copyAndSay(code, `${label} example copied.`);
      write(button, "Copied");
      setTimeout(() => write(button, "Copy"), 2_000);
    });
    box.append(el("section", {}, el("header", {}, el("h2", { text: label }), button), el("p", { text: words }), el("pre", { tabindex: "0", "aria-label": `${label} example` }, el("code", { text: code }))));
  }
}
