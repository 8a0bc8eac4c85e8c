"""The commands that stay: run, collect, process, serve."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ecompulse.run import lock, ports
from ecompulse.run.child import die_with
from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.exposure import must_have_keys_where_open
from ecompulse.run.flags import NONE_GIVEN, Given, Supervisor, begin


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


def collect(*, partition: int = 0, settings: Given = NONE_GIVEN, supervisor: Supervisor = None) -> int:
    """Run a collector alone: HTTP in, durable log out.

    Several may share a port and a data folder, each with a partition of its own.

    Args:
        partition: The partition of the log that this process writes; no other process may write it.
    """
    if supervisor:
        die_with(supervisor)
    found = begin(settings, "collect").settings
    lock.make_folder(found.data)
    if not supervisor:
        must_have_keys_where_open(found)
        ports.must_be_free(found.collect, "ECOMPULSE_COLLECT", shared=True)
    lock.take(found.data, f"collect-{partition}", f"A collector of partition {partition}")
    from ecompulse.collect import service
    from ecompulse.collect.config import Config
    from ecompulse.guard.keys import KeysUnreadable
    from ecompulse.log import LogError

    config = Config(
        data=found.data,
        log=found.log,
        partition=partition,
        host=found.collect.host,
        port=found.collect.port,
        keys_required=not (found.collect.loopback and found.serve.loopback),
        body_max=found.body_max,
        ip_addresses=found.ip_addresses,
        key_events_per_second=found.key_events_per_second,
        log_keep_bytes=found.log_keep_bytes,
        log_file_bytes=found.log_file_bytes,
    )
    try:
        service.serve(config)
    except (LogError, KeysUnreadable) as error:
        raise Refused(str(error), status=NOT_SO) from error
    return 0


def process(*, settings: Given = NONE_GIVEN, supervisor: Supervisor = None) -> int:
    """Run processing alone: the log to rows in the store, and dashboard and API beside it.

    The embedded store has one owner, so this process serves it, too.
    """
    if supervisor:
        die_with(supervisor)
    found = begin(settings, "process").settings
    lock.make_folder(found.data)
    if not supervisor:
        must_have_keys_where_open(found)
        ports.must_be_free(found.serve, "ECOMPULSE_SERVE")
    lock.take(found.data, "process", "Another process that owns the store")
    from ecompulse.run import processing

    return processing.serve(found)


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
