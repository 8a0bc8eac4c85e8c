"""How long dead letters are kept: the oldest go, by age and by size, and each is counted in the transaction that deletes it."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import duckdb
from msgspec import Struct

from ecompulse.contract.event import EVENT_TYPES

if TYPE_CHECKING:
    from ecompulse.store.duckdb.connect import Database

logger = logging.getLogger(__name__)

AT_ONCE: Final = 10_000
"""Letters deleted in one transaction: writing the tail waits for it, some 0.3 s (an index makes deleting slow)."""
ROOM: Final = 0.95
"""Letters beyond the size go until this share of it is left, so that a stream of letters does not delete a few at every look."""
ROW_BYTES: Final = 128
"""What a letter takes beside its body and reason: so that a million empty bodies are not nothing."""

LET_GO: Final = """create table dead_letters_let_go (
    site varchar not null, dialect varchar not null, key varchar not null, event_type varchar not null, cause varchar not null,
    count bigint not null, replayed bigint not null, bytes bigint not null,
    first_received_at timestamptz not null, last_received_at timestamptz not null, last_let_go_at timestamptz not null,
    primary key (site, dialect, key, event_type, cause))"""
"""Letters that are not kept any more, by what the ledger counts them by, and why: age or size."""

_NAMES: Final = ", ".join(f"'{name}'" for name in EVENT_TYPES)
KIND: Final = f"case when event_type in ({_NAMES}) then event_type else '' end"
"""The event type by which the ledger counts a letter: whatever else a sender wrote is no key of it."""
_BYTES: Final = f"strlen(body) + coalesce(octet_length(body_bytes), 0) + strlen(reason) + {ROW_BYTES}"
_OLDEST: Final = f"""
create or replace temp table going as
with oldest as (
    select id, site, dialect, sender_key, event_type, received_at, replayed_at, {_BYTES} as bytes
    from events.main.dead_letters order by received_at, id limit $at_once
), summed as (
    select *, sum(bytes) over (order by received_at, id rows unbounded preceding) - bytes as bytes_before from oldest
)
select id, site, dialect, coalesce(sender_key, '') as key, {KIND} as event_type, received_at, replayed_at, bytes,
    case when received_at < $before then 'age' else 'size' end as cause
from summed where received_at < $before or bytes_before < $excess
"""
_COUNT: Final = """
insert into events.main.dead_letters_let_go
select site, dialect, key, event_type, cause, count(*), count(replayed_at), sum(bytes)::bigint, min(received_at), max(received_at), $now
from going group by site, dialect, key, event_type, cause
on conflict do update set count = count + excluded.count, replayed = replayed + excluded.replayed, bytes = bytes + excluded.bytes,
    first_received_at = least(first_received_at, excluded.first_received_at),
    last_received_at = greatest(last_received_at, excluded.last_received_at), last_let_go_at = excluded.last_let_go_at
"""


class Keep(Struct, frozen=True):
    """Which dead letters are kept: those received within `seconds`, and of them the newest within `bytes_max`."""

    seconds: float = 30 * 86400.0
    bytes_max: int = 1_000_000_000


class Kept(Struct, frozen=True):
    """What a look at the letters found and did: letters and bytes that are there, letters that went for their age and for their size."""

    letters: int = 0
    bytes: int = 0
    by_age: int = 0
    by_size: int = 0


class LetterRetention:
    """Keeps the letters of one database within limits; used from one thread at a time.

    Args:
        database: the store's.
        writing: held during each transaction, because one that deletes a letter and one that marks it as replayed cannot both commit.
    """

    def __init__(self, database: Database, writing: threading.Lock) -> None:
        self._database, self._writing = database, writing
        self._measured: tuple[int, int] | None = None

    def keep(self, keep: Keep, now: float) -> Kept:
        """Let the oldest letters beyond the limits go. Letters that wait in the tail are looked at once they are written.

        Raises:
            duckdb.Error: the database cannot be read or written; what is told as gone so far is gone, and counted.
        """
        writer = self._database.cursor()
        try:
            letters, size = self._measure(writer)
            excess = size - int(ROOM * keep.bytes_max) if size > keep.bytes_max else 0
            moment = datetime.fromtimestamp(now, UTC)
            told = {"before": moment - timedelta(seconds=keep.seconds), "now": moment}
            gone = {"age": 0, "size": 0}
            while letters:
                with self._writing:
                    found = _let_go(writer, {**told, "excess": excess})
                for cause, (count, freed) in found.items():
                    gone[cause] += count
                    letters, size, excess = letters - count, size - freed, max(0, excess - freed)
                self._measured = letters, size
                if sum(count for count, _ in found.values()) < AT_ONCE:
                    break
            return Kept(letters, size, gone["age"], gone["size"])
        finally:
            writer.close()  # rolls back what was not committed

    def _measure(self, writer: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """How many letters there are, and their size, which is summed anew only when their number is another (0.5 s a gigabyte)."""
        letters = _row(writer, "select count(*) from events.main.dead_letters")[0]
        if self._measured is None or self._measured[0] != letters:
            self._measured = _row(writer, f"select count(*), coalesce(sum({_BYTES}), 0)::bigint from events.main.dead_letters")
        return self._measured


def _let_go(writer: duckdb.DuckDBPyConnection, told: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Delete some of the oldest letters and count them, in one transaction; cause → how many went, and their bytes."""
    writer.begin()
    try:
        writer.execute(_OLDEST, {"before": told["before"], "excess": told["excess"], "at_once": AT_ONCE})
        rows = writer.execute("select cause, count(*), sum(bytes)::bigint from going group by cause").fetchall()
        if rows:
            writer.execute(_COUNT, {"now": told["now"]})
            deleted = _row(writer, "delete from events.main.dead_letters where id in (select id from going)")[0]
            counted = sum(count for _, count, _ in rows)
            if deleted != counted:
                raise duckdb.InternalException(f"{deleted} dead letters were deleted, but {counted} counted")
        writer.commit()
    except BaseException:
        writer.rollback()
        raise
    return {cause: (count, size) for cause, count, size in rows}


def _row(writer: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return writer.execute(sql).fetchone()
