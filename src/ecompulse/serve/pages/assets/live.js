// The live stream: one connection of server-sent events, begun again by itself, that always knows how old its last word is.

const STALE_AFTER_MS = 6_000; // figures come at least every 2 s when all is well
const RETRY_MS = [1_000, 2_000, 4_000, 8_000];

/** Opens the stream of a site; `on` has handlers by event name, and `state({stale, seconds})`, called each second. Returns a function that ends it. */
export function listen(site, on) {
  let source = null, heard = Date.now(), failures = 0, timer = 0, ended = false;

  function open() {
    if (ended || document.hidden) return;
    source = new EventSource(`/api/live${site ? `?site=${encodeURIComponent(site)}` : ""}`);
    for (const name of ["figures", "ledger", "events", "health"]) {
      source.addEventListener(name, (message) => {
        heard = Date.now();
        failures = 0;
        on[name]?.(JSON.parse(message.data));
      });
    }
    source.addEventListener("error", () => {
      // The browser tries again after a lost connection, but gives up for good when the server answers with an error.
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(timer);
      timer = setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
    });
  }

  function again() {
    clearTimeout(timer);
    source?.close();
    open();
  }

  // A browser opens six connections to a host: tabs that nobody looks at must not hold them.
  function look() {
    if (document.hidden) {
      clearTimeout(timer);
      source?.close();
    } else {
      heard = Date.now();
      again();
    }
  }

  const watch = setInterval(() => {
    if (document.hidden) return;
    const age = Date.now() - heard;
    on.state?.({ stale: age > STALE_AFTER_MS, seconds: Math.floor(age / 1000) });
    // A connection through a sleeping laptop or a proxy can be dead without an error: after three silent spans it is made anew.
    if (age > 3 * STALE_AFTER_MS && Math.floor(age / 1000) % 6 === 0) again();
  }, 1_000);
  addEventListener("online", again);
  document.addEventListener("visibilitychange", look);
  open();

  return () => {
    ended = true;
    clearInterval(watch);
    clearTimeout(timer);
    removeEventListener("online", again);
    document.removeEventListener("visibilitychange", look);
    source?.close();
  };
}
