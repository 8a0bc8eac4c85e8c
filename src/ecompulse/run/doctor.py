"""`ecompulse doctor`: what is wrong with this machine and data folder, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from ecompulse.run import lock, ports, values
from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.exposure import must_have_keys_where_open
from ecompulse.run.settings import Settings
from ecompulse.run.values import Address

State = Literal["fine", "warning", "problem"]
PROBLEM: Final = "problem"

OLDEST_PYTHON = (3, 11)
DISK_PROBLEM_BYTES = 1_000_000_000  # a flush of DuckDB and the roll of a log file want room together
DISK_WARNING_BYTES = 10_000_000_000
CLOCK_SKEW_SECONDS = 5.0
"""More than a file system's or a log's own imprecision; events a day ahead are refused, so the clock matters."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw, and what to do about it unless all is fine."""

    check: str
    state: State
    seen: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run all checks; none changes anything."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _folder,
        _disk,
        _clock,
        _ports,
        _keys,
        _log,
        _store,
        _rebuilds,
    )
    return [finding for check in checks for finding in check(settings)]


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("Python", PROBLEM, version, "Install Python 3.11 or later and make the environment anew.")
    else:
        yield Finding("Python", "fine", f"{version} on {sys.platform}")


def _packages(_: Settings) -> Iterator[Finding]:
    versions = []
    for requirement in importlib.metadata.requires("ecompulse") or []:
        name = requirement.split(";")[0].split(">")[0].split("=")[0].split("[")[0].strip()
        if "extra ==" in requirement:
            continue
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding("Packages", PROBLEM, f"{name} is not installed.", f"Install it: pip install '{requirement}'")
    yield Finding("Packages", "fine", ", ".join(versions))


def _folder(settings: Settings) -> Iterator[Finding]:
    existing = _existing(settings.data)
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "Data folder",
            PROBLEM,
            f"{existing} cannot be written by this user.",
            "Give it to this user, or name another one with ECOMPULSE_DATA.",
        )
    elif not settings.data.exists():
        yield Finding("Data folder", "fine", f"{settings.data} does not exist yet; a run makes it.")
    else:
        owner = lock.owner(settings.data, "run")
        yield Finding("Data folder", "fine", f"{settings.data}, " + (f"in use by process {owner}" if owner else "not in use"))


def _disk(settings: Settings) -> Iterator[Finding]:
    usage = shutil.disk_usage(_existing(settings.data))
    seen = f"{values.say_bytes(usage.free)} free of {values.say_bytes(usage.total)}"
    remedy = "Free some room, or lower ECOMPULSE_LOG_KEEP_BYTES and ECOMPULSE_LOG_KEEP_TIME; a full disk makes the collector answer 503."
    if usage.free < DISK_PROBLEM_BYTES:
        yield Finding("Disk", PROBLEM, seen, remedy)
    elif usage.free < DISK_WARNING_BYTES:
        yield Finding("Disk", "warning", seen, remedy)
    else:
        yield Finding("Disk", "fine", seen)


def _clock(settings: Settings) -> Iterator[Finding]:
    """The wall clock against the newest file that a run wrote: time servers may be out of reach, but time does not run backwards."""
    now = time.time()
    newest = max((_written_at(path) for path in settings.data.glob("log/*/*")), default=0.0)
    seen = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if newest > now + CLOCK_SKEW_SECONDS:
        yield Finding(
            "Clock",
            PROBLEM,
            f"{seen}, but the log was last written {newest - now:,.0f} s later than that: the clock has been set back, or was wrong then.",
            "Let the machine keep its time (timedatectl set-ntp true); events more than a day ahead of the clock are refused.",
        )
    elif now < datetime(2025, 1, 1, tzinfo=UTC).timestamp():
        yield Finding("Clock", PROBLEM, f"{seen}, which is before this program was written.", "Set the clock (timedatectl set-ntp true).")
    else:
        yield Finding("Clock", "fine", seen)


def _ports(settings: Settings) -> Iterator[Finding]:
    ours = lock.owner(settings.data, "run")
    for name, variable, address in (
        ("Collector's port", "ECOMPULSE_COLLECT", settings.collect),
        ("Dashboard's port", "ECOMPULSE_SERVE", settings.serve),
    ):
        yield _port(name, variable, address, ours)


def _port(name: str, variable: str, address: Address, ours: int | None) -> Finding:
    try:
        ports.must_be_free(address, variable, patience_seconds=0.0)
    except Refused as refused:
        if ours:
            return Finding(name, "fine", f"{address}, in use while the run of process {ours} is up")
        return Finding(name, PROBLEM, refused.what, refused.remedy)
    return Finding(name, "fine", f"{address} is free")


def _keys(settings: Settings) -> Iterator[Finding]:
    try:
        must_have_keys_where_open(settings)
    except Refused as refused:
        yield Finding("Keys", PROBLEM, refused.what, refused.remedy)
        return
    both = settings.collect.loopback and settings.serve.loopback
    yield Finding("Keys", "fine", "not asked for: both ports are bound to loopback" if both else "asked for, and there are some")


def _log(settings: Settings) -> Iterator[Finding]:
    """SQLite's own look at the newest file of each partition, and every checksum of the newest files."""
    from ecompulse.log.sqlite.repair import wrong_with

    newest = [sorted(partition.glob("*.sqlite"))[-1:] for partition in sorted(settings.data.glob("log/*")) if partition.is_dir()]
    paths = [path for found in newest for path in found]
    for path in paths:
        if (wrong := wrong_with(path)) is not None:
            remedy = (
                "Stop the run and repair it: ecompulse doctor --repair. Every entry that is whole is saved, the file is set aside, and new "
                "events go behind it; what cannot be saved is counted as dead letters. Then run `ecompulse verify`."
            )
            yield Finding("Log", PROBLEM, f"{path} is damaged: {wrong}", remedy)
            return
    damaged = _damaged_entries(settings.data / "log") if paths else []
    yield from damaged
    if not damaged:
        told = f"{len(paths)} partition{'' if len(paths) == 1 else 's'}, the newest files are sound" if paths else "nothing in it yet"
        yield Finding("Log", "fine", told)


def _damaged_entries(folder: Path) -> list[Finding]:
    from ecompulse.log import LogError
    from ecompulse.run.log_damage import damage

    found = []
    try:
        for one in damage(folder):
            if one.lost:
                remedy = f"{one.lost:,} events are lost: they are counted as dead letters. Send them again if you can."
            else:
                remedy = "Nothing is lost: the store has had these events. Do not rebuild it from this log; keep a copy of the store."
            found.append(Finding("Log", PROBLEM, f"{one.message}: {one.count:,} events.", remedy))
    except LogError as error:
        found.append(Finding("Log", PROBLEM, str(error), "Stop the run and keep a copy of the folder before anything else."))
    return found


def repaired(settings: Settings) -> Iterator[Finding]:
    """Repair the newest file of each partition of the log where it is broken, and say what was saved.

    Raises:
        Refused: a run has the folder, or a file cannot be written.
    """
    from ecompulse.log import LogError
    from ecompulse.log.sqlite import file, repair
    from ecompulse.log.sqlite.retain import positions_of_readers

    for role in ("run", "process"):
        if (owner := lock.owner(settings.data, role)) is not None:
            raise Refused(
                f"{settings.data} is in use by process {owner}.", "Stop it, then repair: nothing may read or write meanwhile.", NOT_SO
            )
    folder, found = settings.data / "log", False
    had = list(positions_of_readers(folder).values())
    for partition in file.partitions(folder):
        try:
            done = repair(folder, partition)
        except (LogError, OSError, sqlite3.Error) as error:
            raise Refused(
                f"{folder}/{partition} cannot be repaired: {error}.", "Stop what uses it, make room, and try again.", NOT_SO
            ) from error
        if done is None:
            continue
        found = True
        lost = sum(last - first + 1 for first, last in done.lost)
        taken = min((positions.get(partition, 0) for positions in had), default=0)
        new = sum(max(0, last + 1 - max(first, taken)) for first, last in done.lost)
        seen = f"{done.path} was broken: {done.saved:,} events in it were saved, {lost:,} were not. It was set aside as {done.aside}."
        if not lost:
            yield Finding("Repair", "fine", seen)
            continue
        where = ", ".join(f"{first} to {last}" for first, last in done.lost)
        remedy = (
            f"Offsets {where}: {new:,} of these events no store has had; they will be counted as dead letters. Send them again if you can. "
            "Start the run, then run `ecompulse verify`."
        )
        yield Finding("Repair", "warning" if new else "fine", seen, remedy if new else "The store has had all of those that are gone.")
    if not found:
        yield Finding("Repair", "fine", "the newest file of each partition is sound: nothing to do")


def _store(settings: Settings) -> Iterator[Finding]:
    """The embedded store opened for reading, unless a run has it: then its readiness says more."""
    from ecompulse.process.stores import current, folder_of

    path = folder_of(settings.data, current(settings.data)) / "events.duckdb"
    if not settings.store.startswith("duckdb:") or not path.exists():
        yield Finding("Store", "fine", "nothing in it yet" if settings.store.startswith("duckdb:") else "is a server of its own")
        return
    if lock.owner(settings.data, "process"):
        yield Finding("Store", "fine", f"{values.say_bytes(path.stat().st_size)}, open in a running process")
        return
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute("select count(*) from duckdb_tables()").fetchone()
    except duckdb.Error as error:
        remedy = (
            f"Stop the run, move the folder {path.parent} away and start again: the store is built anew from the log, as far back as it is "
            "kept, and what came before is counted as dead letters. Nothing that the log holds is lost."
        )
        yield Finding("Store", PROBLEM, f"{path} cannot be opened: {error}", remedy)
        return
    yield Finding("Store", "fine", f"{values.say_bytes(path.stat().st_size)}, {rows[0] if rows else 0} tables")


def _rebuilds(settings: Settings) -> Iterator[Finding]:
    """What rebuilds have left: a store that was not built to its end, and those that were replaced."""
    from ecompulse.process import stores

    name, replaced = stores.unfinished(settings.data), stores.others(settings.data)
    if name is not None and lock.owner(settings.data, "process"):
        yield Finding("Rebuild", "fine", f"the store {name} is being built")
    elif name is not None:
        remedy = f"Start the run: it deletes what there is of it, and `ecompulse replay --into {name}` may be asked for again."
        yield Finding("Rebuild", "warning", f"The store {name} was not built to its end; the one in use is whole.", remedy)
    if replaced:
        folders = ", ".join(str(stores.folder_of(settings.data, one)) for one in replaced)
        yield Finding("Rebuild", "fine", f"replaced, and may be deleted when nobody compares with it any longer: {folders}")


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # retention has just deleted it
        return 0.0
