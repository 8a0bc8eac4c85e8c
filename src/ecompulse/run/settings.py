"""Every setting, declared once: name, type, default, help, secret or not; flags, docs and checks are derived from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ecompulse.run import values
from ecompulse.run.values import Address


def setting(default: str, read: Callable[[str], Any], help: str, *, secret: bool = False) -> Any:  # noqa: A002 — the word of the field
    """Declare a setting.

    Args:
        default: its value when nobody says otherwise, as a person would write it.
        read: turns text into the value, or raises a ValueError that says what is wanted.
        help: one sentence for people, with units.
        secret: whether it, or the password of its URL, must never be printed.
    """
    return field(metadata={"default": default, "read": read, "help": help, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run is told. Each field is `ECOMPULSE_<NAME>` in the environment, `<name>` in ecompulse.toml and `--<name>` as a flag."""

    # Where things are
    data: Path = setting("./ecompulse-data", values.folder, "Folder that holds log, store and keys.")
    log: str = setting("sqlite:", values.url, "Durable log between door and processing; `sqlite:` is in the data folder.", secret=True)
    store: str = setting("duckdb:", values.url, "Store of the rows; `duckdb:` is in the data folder.", secret=True)
    sinks: tuple[str, ...] = setting("", values.urls, "Further places that get every row, with commas between them.", secret=True)
    collect: Address = setting("127.0.0.1:8080", values.address, "Address of the collector, HOST:PORT.")
    serve: Address = setting("127.0.0.1:8081", values.address, "Address of dashboard and analytics API, HOST:PORT.")

    # What flows
    traffic: str = setting(
        "real", values.choice("real", "synthetic", "mixed"), "What the questions count: real events, synthetic ones, or both (mixed)."
    )
    collectors: int = setting("1", values.whole(1, 32), "Collector processes that share the port, each with a partition of the log.")
    currency: str = setting("EUR", values.currency, "Reporting currency: what revenue is converted to.")
    site_currency: str = setting("EUR", values.currency, "Currency of a price that came without one.")
    rates: Path | None = setting("", values.optional_file, "File of exchange rates to the reporting currency (CSV: currency,rate).")
    geo: Path | None = setting("", values.optional_file, "MaxMind database (.mmdb) that tells the country of an address.")
    ip_addresses: Literal["truncated", "full", "none"] = setting(
        "truncated",
        values.choice("truncated", "full", "none"),
        "How much of an IP address is kept: truncated to /24 or /48, full, or none.",
    )

    # Limits
    body_max: int = setting("10MB", values.size(1_000, 1_000_000_000), "Largest request body, after decompression.")
    key_events_per_second: int = setting(
        "0", values.whole(0, 10_000_000), "Events a second that one key (without keys: one address) may send; 0 is no limit."
    )
    log_keep_time: float = setting("7d", values.duration(60, 3650 * 86400), "How long the log keeps events that every store has.")
    log_keep_bytes: int = setting(
        "20GB", values.size(64_000_000, 10**15), "Size at which the collector answers 503 rather than fill the disk."
    )
    log_file_bytes: int = setting(
        "64MiB", values.size(64_000, 10**10), "Size at which a new file of the log is begun; whole files are what is deleted later."
    )
    dead_letters_keep_time: float = setting(
        "30d",
        values.duration(60, 3650 * 86400),
        "How long dead letters are kept with their bytes, replayed or not; the ledger counts them for ever.",
    )
    dead_letters_keep_bytes: int = setting(
        "1GB",  # a million usual letters: more than anybody mends, and a broken sender cannot fill the disk with them
        values.size(1_000_000, 10**13),
        "Size of all dead letters beyond which the oldest are let go, so that a broken sender does not fill the disk.",
    )
    tail_rows: int = setting("122880", values.whole(1_000, 10_000_000), "Rows that wait in memory before they are written to the store.")
    tail_time: float = setting(
        "10s", values.duration(0.05, 600), "How long rows wait in memory at most before they are written to the store; the log has them."
    )
    query_time: float = setting("10s", values.duration(0.1, 3600), "How long a question or query may run.")
    query_rows: int = setting("100000", values.whole(1, 10_000_000), "Rows that a query may return.")
    query_memory: int = setting(
        "1GB", values.size(128_000_000, 10**13), "Memory of the embedded store for questions and writing; beyond it, it uses the disk."
    )

    # What is said
    log_level: str = setting("info", values.choice("debug", "info", "warning", "error"), "Least important line that is logged.")
    log_format: str = setting("auto", values.choice("auto", "text", "json"), "Form of log lines; auto is text in a terminal, else json.")


@dataclass(frozen=True, slots=True)
class Declared:
    """One setting as declared."""

    name: str
    default: str
    read: Callable[[str], Any]
    help: str
    secret: bool

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "ECOMPULSE_" + self.name.upper()

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")


DECLARED: tuple[Declared, ...] = tuple(
    Declared(f.name, f.metadata["default"], f.metadata["read"], f.metadata["help"], f.metadata["secret"]) for f in fields(Settings)
)
BY_NAME: dict[str, Declared] = {d.name: d for d in DECLARED}
