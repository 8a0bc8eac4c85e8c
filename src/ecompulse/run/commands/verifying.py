"""The command verify."""

from __future__ import annotations

import json as json_module
import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ecompulse.run import flags
from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.flags import NONE_GIVEN, Given, Json
from ecompulse.run.tables import print_json, print_table

COULD_NOT_TELL = 2
NOT_QUIET = "Events are still on their way into the store, so nothing can be told yet."


def verify(
    *,
    truth: Annotated[Path | None, Parameter(help="Truth file of `ecompulse simulate --truth`, to compare the store with.")] = None,
    wait: Annotated[float, Parameter(help="Seconds to wait for events that are still on their way into the store.")] = 10.0,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """Recompute every sum from its rows, close the ledger against the log, and say in one table what agrees.

    Works beside a running system and on a stopped one. Ends with 0 when all agrees, 1 when something does not, 2 when it could not tell.
    """
    from ecompulse.run.asking import opened
    from ecompulse.run.truth import UnreadableTruth, compare
    from ecompulse.run.verify import Checked
    from ecompulse.run.verify import verify as checks_of

    found = flags.read(settings).settings
    expected = _read_truth(truth) if truth is not None else None
    with opened(found) as store:
        ledger = _quiet(store, wait)
        checks = checks_of(store.ask, ledger)
        if expected is not None:
            try:
                differences = compare(expected, store.ask)
            except UnreadableTruth as error:
                raise Refused(f"{truth}: {error}.", "", COULD_NOT_TELL) from None
            named = [(one.figure, one.expected or "nothing", one.found or "nothing") for one in differences]
            checks.append(Checked(f"the store equals {truth}", len(named), named))
    if store.online and ledger["in_flight"]:
        raise Refused(NOT_QUIET, f"{ledger['in_flight']:,} are in flight; wait longer: --wait SECONDS", COULD_NOT_TELL)
    if json:
        print_json(
            [{"check": c.name, "agrees": c.agrees, "disagreements": c.disagreements, "named": [list(n) for n in c.named]} for c in checks]
        )
    else:
        _print(checks)
    return 0 if all(check.agrees for check in checks) else NOT_SO


def _quiet(store: Any, wait: float) -> Any:
    """The ledger once nothing is in flight, or when the time is up."""
    until = time.monotonic() + wait
    while True:
        ledger = store.ledger()
        if not ledger["in_flight"] or not store.online or time.monotonic() > until:
            return ledger
        time.sleep(0.1)  # asks a running system until it is quiet


def _read_truth(path: Path) -> Any:
    try:
        return json_module.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path}: the truth cannot be read: {error}.", "Write one with: ecompulse simulate --truth FILE", COULD_NOT_TELL
        ) from None


def _print(checks: Any) -> None:
    print_table(("", "check", "disagreements"), [("✓" if c.agrees else "✗", c.name, f"{c.disagreements:,}") for c in checks], "")
    for check in checks:
        if not check.agrees:
            more = f" (the first {len(check.named)} of {check.disagreements:,})" if check.disagreements > len(check.named) else ""
            print_table((f"{check.name}{more}", "expected", "found"), list(check.named), "")
