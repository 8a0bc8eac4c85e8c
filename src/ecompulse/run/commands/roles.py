"""The commands that stay: run, collect, process, serve."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ecompulse.run import lock, ports, role
from ecompulse.run.errors import Refused
from ecompulse.run.exposure import must_have_keys_where_open
from ecompulse.run.flags import NONE_GIVEN, Given, begin


def run(*, demo: Annotated[bool, Parameter(negative=())] = False, settings: Given = NONE_GIVEN) -> int:
    """Run everything: collector, processing, store, dashboard.

    One command, one folder of data. Any part that dies is started again; Ctrl-C or SIGTERM drains and ends with status 0.

    Args:
        demo: Also start a synthetic shop, so that the dashboard has something to show.
    """
    from ecompulse.run.supervisor import supervise

    # The shop's events say web and mobile, as its shoppers' devices do: counting only those marked synthetic would show an empty dashboard.
    read = begin(settings, "run", {"traffic": "synthetic"} if demo else None)
    return supervise(read, demo=demo)


def collect(*, partition: int = 0, settings: Given = NONE_GIVEN) -> int:
    """Run a collector alone: HTTP in, durable log out.

    Several may share a port and a data folder, each with a partition of its own.

    Args:
        partition: The partition of the log that this process writes; no other process may write it.
    """
    found = begin(settings, "collect").settings
    lock.make_folder(found.data)
    must_have_keys_where_open(found)
    ports.must_be_free(found.collect, "ECOMPULSE_COLLECT", shared=True)
    return role.collect(found, partition)


def process(*, settings: Given = NONE_GIVEN) -> int:
    """Run processing alone: the log to rows in the store, and dashboard and API beside it.

    The embedded store has one owner, so this process serves it, too.
    """
    found = begin(settings, "process").settings
    lock.make_folder(found.data)
    must_have_keys_where_open(found)
    ports.must_be_free(found.serve, "ECOMPULSE_SERVE")
    return role.process(found)


def serve(*, settings: Given = NONE_GIVEN) -> int:
    """Run dashboard and API alone, on a store that other processes may read too.

    The embedded store has one owner, the process role, which serves it itself; this command is for a store that is a server of its own.
    """
    found = begin(settings, "serve").settings
    if found.store.startswith("duckdb:"):
        raise Refused(
            "The embedded store (duckdb:) has one owner, the process role, and that serves dashboard and API itself.",
            "Use `ecompulse run`, or `ecompulse process`; `ecompulse serve` is for a store that is a server, such as postgresql://…",
        )
    raise Refused(f"This version cannot serve {found.store.split(':', 1)[0]}: on its own.", "Use `ecompulse process`, which serves too.")
