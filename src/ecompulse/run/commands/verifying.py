"""The command verify."""

from __future__ import annotations

import json as json_module
import sys
import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from msgspec import Struct

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
    against_log: Annotated[
        bool, Parameter(help="Look for each event that the log still holds. Done anyway where something does not agree, to name it.")
    ] = False,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """Recompute every sum from its rows, close the ledger against the log, and say in one table what agrees, for every store.

    Works beside a running system and on a stopped one. Ends with 0 when all agrees, 1 when something does not, 2 when it could not tell.
    """
    from ecompulse.run.asking import opened, opened_besides, others
    from ecompulse.run.truth import UnreadableTruth, compare
    from ecompulse.run.verify import Checked, reach

    found = flags.read(settings).settings
    expected = _read_truth(truth) if truth is not None else None
    told: list[_Told] = []
    untold: list[str] = []
    with opened(found) as store:
        reached, ledger = _quiet(store, wait)
        if expected is not None and store.online and ledger["in_flight"]:
            raise Refused(NOT_QUIET, f"{ledger['in_flight']:,} are in flight; wait longer: --wait SECONDS", COULD_NOT_TELL)
        checks = _checks(store, ledger, reached, found.data / "log", against_log=against_log)
        if expected is not None:
            try:
                differences = compare(expected, store.ask)
            except UnreadableTruth as error:
                raise Refused(f"{truth}: {error}.", "", COULD_NOT_TELL) from None
            named = [(one.figure, one.expected or "nothing", one.found or "nothing") for one in differences]
            checks.append(Checked(f"the store equals {truth}", len(named), named))
        told.append(_Told(f"{store.name} (current)", ledger, checks))
    for name in others(found):
        try:
            with opened_besides(found, name) as besides:
                reached, ledger = reach(besides.ask), besides.ledger()
                told.append(_Told(name, ledger, _checks(besides, ledger, reached, found.data / "log", against_log=against_log)))
        except Refused as refused:
            untold.append(f"{name}: {refused.what} {refused.remedy}")
    if json:
        print_json([_plain(one, check) for one in told for check in one.checks])
    else:
        _print(told)
    for what in untold:
        print(what, file=sys.stderr)
    if not all(check.agrees for one in told for check in one.checks):
        return NOT_SO
    return COULD_NOT_TELL if untold else 0


class _Told(Struct, frozen=True):
    """What is told of one store."""

    store: str
    ledger: Any
    checks: list[Any]


def _checks(store: Any, ledger: Any, reached: Any, log: Path, *, against_log: bool) -> list[Any]:
    from ecompulse.run.trace import trace
    from ecompulse.run.verify import verify as checks_of

    checks = checks_of(store.ask, ledger, log, reached)
    if against_log or not all(check.agrees for check in checks):
        positions = {one["partition"]: one["position"] for one in ledger["positions"]}
        checks.append(trace(store.ask, positions, log, let_go=bool(ledger["dead_letters_let_go"])))
    return checks


def _quiet(store: Any, wait: float) -> tuple[Any, Any]:
    """How far the rows reach, and after that the ledger, once nothing is in flight, or when the time is up."""
    from ecompulse.run.verify import reach

    until = time.monotonic() + wait
    while True:
        reached, ledger = reach(store.ask), store.ledger()
        if not ledger["in_flight"] or not store.online or time.monotonic() > until:
            return reached, ledger
        time.sleep(0.1)  # asks a running system until it is quiet


def _read_truth(path: Path) -> Any:
    try:
        return json_module.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path}: the truth cannot be read: {error}.", "Write one with: ecompulse simulate --truth FILE", COULD_NOT_TELL
        ) from None


_FIGURES = ("received", "stored", "duplicates", "dead_letters", "in_flight")


def _plain(told: _Told, check: Any) -> dict[str, Any]:
    return {
        "store": told.store.removesuffix(" (current)"),
        "check": check.name,
        "agrees": check.agrees,
        "disagreements": check.disagreements,
        "named": [list(one) for one in check.named],
        "ledger": {name: told.ledger[name] for name in _FIGURES},
    }


def _print(told: list[_Told]) -> None:
    columns = ("", "store", "received", "stored", "duplicates", "dead letters", "waiting")
    agree = [all(check.agrees for check in one.checks) for one in told]
    stores = [(_sign(good), one.store, *(f"{one.ledger[name]:,}" for name in _FIGURES)) for good, one in zip(agree, told, strict=True)]
    print_table(columns, stores, "")
    rows = [(_sign(check.agrees), one.store, check.name, f"{check.disagreements:,}") for one in told for check in one.checks]
    print_table(("", "store", "check", "disagreements"), rows, "")
    for one in told:
        for check in one.checks:
            if not check.agrees:
                more = f" (the first {len(check.named)} of {check.disagreements:,})" if check.disagreements > len(check.named) else ""
                print_table((f"{one.store}: {check.name}{more}", "expected", "found"), list(check.named), "")


def _sign(good: bool) -> str:
    return "✓" if good else "✗"
