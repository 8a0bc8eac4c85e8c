"""A store to ask from the command line: through the API while a process owns it, else opened here."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from ecompulse.process.stores import current, folder_of
from ecompulse.run import lock
from ecompulse.run.errors import NOT_SO, USED_WRONGLY, Refused
from ecompulse.run.settings import Settings
from ecompulse.run.values import Address

TIMEOUT_SECONDS: Final = 120.0
COULD_NOT_TELL: Final = 2


class Asked(Struct, frozen=True):
    """A store that can be asked."""

    name: str
    online: bool
    ask: Any
    """SQL → rows (tuples)."""
    ledger: Any
    """() → the answer of /api/ledger."""


@contextmanager
def opened(settings: Settings) -> Iterator[Asked]:
    """Open the store of these settings for questions.

    Raises:
        Refused: its owner does not answer, or it cannot be opened; status 2.
    """
    owner = lock.owner(settings.data, "process")
    if owner is not None:
        yield Asked(
            current(settings.data), True, lambda sql: _rows(settings.serve, sql), lambda: call(settings.serve, "GET", "/api/ledger")
        )
        return
    if not (settings.data / "stores").exists():
        raise Refused(
            f"There is no store in {settings.data}.", "Name the data folder (--data FOLDER), or begin with: ecompulse run", COULD_NOT_TELL
        )
    descriptor = lock.take(settings.data, "process", "Another process that owns the store")
    from ecompulse.process.service import Config, Processing
    from ecompulse.process.step import Steps
    from ecompulse.store import StoreError

    try:
        closed = Processing(Config(data=settings.data), lambda: Steps([]))
    except StoreError as error:
        raise Refused(str(error), "`ecompulse doctor` says more.", NOT_SO) from error
    try:
        yield Asked(current(settings.data), False, lambda sql: _table(closed, sql), closed.account)
    finally:
        closed.abandon()
        os.close(descriptor)


@contextmanager
def opened_besides(settings: Settings, name: str) -> Iterator[Asked]:
    """Open a store of the data folder that is not the current one, for questions.

    Raises:
        Refused: it cannot be opened, or a process has it open; status 2.
    """
    from ecompulse.log.sqlite import ReceivedCounts, SqliteReader
    from ecompulse.process.ledger import account
    from ecompulse.store import StoreError
    from ecompulse.store.duckdb import DuckDBStore

    try:
        store = DuckDBStore(folder_of(settings.data, name))
    except StoreError as error:
        raise Refused(f"{error}.", "It is being rebuilt, or was just replaced; try again when that is over.", COULD_NOT_TELL) from error
    reader = SqliteReader(settings.data / "log", name)

    def ledger() -> Any:
        with store.snapshot(TIMEOUT_SECONDS) as snapshot:
            return account(snapshot, reader.end(), store.as_of(), ReceivedCounts(settings.data / "log"))

    try:
        yield Asked(name, False, lambda sql: _table(store, sql), ledger)
    finally:
        reader.close()
        store.close()


def others(settings: Settings) -> list[str]:
    """The stores of the data folder beside the current one."""
    found = sorted(path.parent.name for path in (settings.data / "stores").glob("*/events.duckdb"))
    return [name for name in found if name != current(settings.data)]


def _table(closed: Any, sql: str) -> list[tuple[Any, ...]]:
    with closed.snapshot(TIMEOUT_SECONDS) as snapshot:
        table = snapshot.query(sql)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_rows else []


def _rows(address: Address, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in call(address, "POST", "/api/query", {"sql": sql})["rows"]]


def call(address: Address, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Call the API of a running ecompulse; its JSON answer.

    Raises:
        Refused: nobody answers, or the answer is an error (its detail is told); status 2.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, {"content-type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Refused(
            f"The process that owns the store does not answer at http://{address.host}:{address.port}: {error}.",
            "Is --serve (ECOMPULSE_SERVE) the address that it was started with?",
            COULD_NOT_TELL,
        ) from None
    finally:
        connection.close()
    try:
        found = json.loads(said)
    except ValueError:
        found = {"detail": said[:200].decode(errors="replace")}
    if answer.status >= 400:
        raise Refused(
            f"http://{address.host}:{address.port}{path} answered {answer.status}: {found.get('detail', found)}", "", USED_WRONGLY
        )
    return found
