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
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """Rebuild the store from the log with today's steps, and put it in the place of the one in use.

    Everything goes on meanwhile: events are taken and questions answered from the old store until the new one has caught up; then they are
    exchanged at one moment. Needs the running process of the store (`ecompulse run`), and a log that still reaches back to its beginning.
    """
    from ecompulse.run.asking import call

    address = flags.read(settings).settings.serve
    state = call(address, "POST", "/api/rebuild", {"into": into})
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
        print(f"{state['taken']:,} events in {state['seconds']:.1f} s; the store {into} is in use now")
    return 0


def _progress(state: Any) -> None:
    if sys.stderr.isatty() and state["seconds"]:
        rate = state["taken"] / state["seconds"]
        left = (state["of"] - state["taken"]) / rate if rate else 0
        print(f"\r{state['taken']:,} of {state['of']:,} events · {rate:,.0f}/s · {left:.0f} s left   ", end="", file=sys.stderr, flush=True)
