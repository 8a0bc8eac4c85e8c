"""The command replay: a store rebuilt from the log."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

from cyclopts import Parameter

from ecompulse.run import flags
from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.flags import NONE_GIVEN, Given, Json
from ecompulse.run.tables import print_json

LOOK_SECONDS = 0.2


def replay(
    *,
    into: Annotated[str, Parameter(help="Name of the new store, such as 2026-11; it must not exist yet.")],
    since: Annotated[
        str | None, Parameter(name="--from", help="Make again what was received from this date or time on (UTC); all before is kept.")
    ] = None,
    until: Annotated[
        str | None, Parameter(name="--to", help="Make again what was received before this date or time (UTC); all after is kept.")
    ] = None,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """Rebuild the store from the log with today's steps, and put it in the place of the one in use.

    Everything goes on meanwhile: events are taken and questions answered from the old store until the new one has caught up; then they are
    exchanged at one moment. Needs the running process of the store (`ecompulse run`).

    Without `--from` and `--to`, everything is made again, and the log must still reach back to its beginning. With them, only what was
    received in between is made again, and everything else is carried over from the store in use as it is; the log must still hold what is
    made again, and the error says how far back it reaches. A time is as 2026-01-31T12:00:00Z, a date its midnight in UTC.

    Example: `ecompulse replay --from 2026-11-01 --to 2026-11-15 --into 2026-11`
    """
    from ecompulse.run.asking import call

    address = flags.read(settings).settings.serve
    state = call(address, "POST", "/api/rebuild", {"into": into, **_given(since, until)})
    while not state["finished"]:
        _progress(state)
        time.sleep(LOOK_SECONDS)  # asks a running system how far it is
        state = call(address, "GET", "/api/rebuild")
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if state["failure"]:
        raise Refused(f"The store {into} was not rebuilt: {state['failure']}", "The store in use is as it was.", NOT_SO)
    if json:
        print_json(state)
    else:
        told = _told(state) if since or until else f"{state['taken']:,} events"
        print(f"{told} in {state['seconds']:.1f} s; the store {into} is in use now")
    return 0


def _given(since: str | None, until: str | None) -> dict[str, str]:
    return {name: moment for name, moment in (("from", since), ("to", until)) if moment is not None}


def _told(state: Any) -> str:
    kept = f", {state['kept']:,} kept as they were because their entries in the log are damaged" if state["kept"] else ""
    return f"{state['made']:,} events made again, {state['carried']:,} carried over{kept}"


def _progress(state: Any) -> None:
    if sys.stderr.isatty() and state["seconds"]:
        rate = state["taken"] / state["seconds"]
        left = (state["of"] - state["taken"]) / rate if rate else 0
        print(f"\r{state['taken']:,} of {state['of']:,} events · {rate:,.0f}/s · {left:.0f} s left   ", end="", file=sys.stderr, flush=True)
