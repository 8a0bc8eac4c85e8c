"""The roles of a run: what each does once its settings are read, and how a supervisor starts one.

A supervisor has read flags and files already, so a role reads its settings from the environment; to load the command line, too, took a
third of a second of each start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ecompulse.observe import logs
from ecompulse.run import lock, sources
from ecompulse.run.child import die_with
from ecompulse.run.ending import status_of
from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.settings import Settings


def collect(settings: Settings, partition: int) -> int:
    """Take events until told to stop.

    Raises:
        Refused: another collector has the partition, or log or keys cannot be used.
    """
    lock.make_folder(settings.data)
    lock.take(settings.data, f"collect-{partition}", f"A collector of partition {partition}")
    _without_linear_algebra()
    from ecompulse.collect import service
    from ecompulse.collect.config import Config
    from ecompulse.guard.keys import KeysUnreadable
    from ecompulse.log import LogError

    config = Config(
        data=settings.data,
        log=settings.log,
        partition=partition,
        collectors=settings.collectors,
        host=settings.collect.host,
        port=settings.collect.port,
        keys_required=not (settings.collect.loopback and settings.serve.loopback),
        body_max=settings.body_max,
        ip_addresses=settings.ip_addresses,
        key_events_per_second=settings.key_events_per_second,
        log_keep_bytes=settings.log_keep_bytes,
        log_file_bytes=settings.log_file_bytes,
    )
    try:
        return service.serve(config)
    except (LogError, KeysUnreadable) as error:
        raise Refused(str(error), status=NOT_SO) from error


def process(settings: Settings) -> int:
    """Process and serve until told to stop.

    Raises:
        Refused: another process has the store, or it cannot be used.
    """
    lock.make_folder(settings.data)
    lock.take(settings.data, "process", "Another process that owns the store")
    _without_linear_algebra()
    from ecompulse.run import processing

    return processing.serve(settings)


def show_shop(to: str) -> int:
    """Send the events of the shop of `ecompulse run --demo` to a collector until told to stop."""
    from ecompulse.simulate.options import Options
    from ecompulse.simulate.service import simulate

    return simulate(Options(to=to, demo=True), sys.stdout, sys.stderr)


def _collect(options: Mapping[str, str]) -> int:
    return collect(_begin("collect"), int(options["--partition"]))


def _process(_options: Mapping[str, str]) -> int:
    return process(_begin("process"))


def _simulate(options: Mapping[str, str]) -> int:
    return show_shop(options["--to"])


def _without_linear_algebra() -> None:
    """Have numpy, which is not imported yet, start no threads for matrices, of which there are none here: they spin through a start."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _begin(role: str) -> Settings:
    settings = sources.read().settings
    logs.configure(settings.log_level, settings.log_format, role)
    return settings


ROLES: Final[Mapping[str, Callable[[Mapping[str, str]], int]]] = {"collect": _collect, "process": _process, "simulate": _simulate}
"""By the name that a supervisor calls them: each takes its options."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Be a role as `run.child` asks for it, `<role> --<option> <value> … --supervisor <process id>`, and end with its exit status."""
    role, *pairs = sys.argv[1:] if arguments is None else arguments
    options = dict(zip(pairs[::2], pairs[1::2], strict=True))
    die_with(int(options["--supervisor"]))
    sys.exit(status_of(lambda: ROLES[role](options)))
