"""The commands settings and doctor."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ecompulse.run import flags
from ecompulse.run.errors import NOT_SO
from ecompulse.run.flags import NONE_GIVEN, Given, Json
from ecompulse.run.tables import print_json, print_table


def settings(*, json: Json = False, settings: Given = NONE_GIVEN) -> int:
    """Show every setting, its value and where that came from. Passwords are masked."""
    given = flags.read(settings).given
    if json:
        print_json([{"setting": g.declared.variable, "value": g.shown, "source": g.source, "help": g.declared.help} for g in given])
    else:
        print_table(
            ("setting", "value", "source", "what it is"), [(g.declared.variable, g.shown, g.source, g.declared.help) for g in given], ""
        )
    return 0


def doctor(
    *,
    repair: Annotated[
        bool,
        Parameter(help="Exchange a broken newest file of the log for one with what can be saved of it. Stop the run first.", negative=()),
    ] = False,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """Look for what is wrong with this machine and data folder, and say what to do about it."""
    from ecompulse.run.doctor import PROBLEM, examine, repaired

    found = flags.read(settings).settings
    findings = [*(repaired(found) if repair else ()), *examine(found)]
    if json:
        print_json([{"check": f.check, "state": f.state, "seen": f.seen, "remedy": f.remedy} for f in findings])
    else:
        for finding in findings:
            sign = {"fine": "✓", "warning": "!", PROBLEM: "✗"}[finding.state]
            print(f"{sign} {finding.check}: {finding.seen}" + (f"\n    {finding.remedy}" if finding.remedy else ""))
    return NOT_SO if any(f.state == PROBLEM for f in findings) else 0
