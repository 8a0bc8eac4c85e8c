"""The commands schema show, export and check: the contract for people, for other languages, and against files of events."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.flags import Json
from ecompulse.run.tables import print_json


def show(event_type: str | None = None, /) -> int:
    """Show what an event is: all of the contract, or one type.

    Args:
        event_type: Such as purchase; without it, everything.
    """
    from ecompulse.contract import commands

    try:
        print(commands.show(event_type).rstrip())
    except commands.CannotDo as error:
        raise Refused(f"The contract has {error}", "ecompulse schema show lists everything.") from None
    return 0


def export(
    form: Annotated[str, Parameter(help="json-schema, avro, arrow, duckdb, postgres, typescript or markdown.")],
    /,
    *,
    to: Annotated[Path | None, Parameter(help="Folder to write to; without it, standard output.", show_default=False)] = None,
) -> int:
    """Write the contract in another language."""
    from ecompulse.contract import commands

    try:
        sys.stdout.write(commands.export(form, to).rstrip() + "\n")
    except commands.CannotDo as error:
        raise Refused(f"Nothing was exported: {error}", "An example: ecompulse schema export json-schema --to schemas") from None
    return 0


def check(
    *files: Annotated[str, Parameter(help="Files of events, JSON or NDJSON; - is standard input.", allow_leading_hyphen=True)],
    json: Json = False,
) -> int:
    """Check files of events as the collector would; without files, check this contract against the released ones."""
    from ecompulse.contract import commands

    if not files:
        broken = commands.check_released()
        if json:
            print_json({"compatible": not broken, "breaks": broken})
        else:
            print("\n".join(broken) or "Compatible with every released version.")
        return NOT_SO if broken else 0
    try:
        report = commands.check_files(files)
    except commands.CannotDo as error:
        raise Refused(f"Not checked: {error}", "An example: ecompulse schema check events.ndjson") from None
    sys.stdout.write(report.as_json() if json else report.text())
    return report.exit_code
