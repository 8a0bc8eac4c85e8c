"""Both sides of the ledger: what the door counted, and what the store says became of it, group by group."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.process.test_engine import NOW_US, drain, event, processing

from ecompulse.contract.check import check
from ecompulse.contract.columns import DeadLetter
from ecompulse.contract.event import Event
from ecompulse.log.sqlite import SqliteAppender, file, retain
from ecompulse.process.outcomes import COUNTED_ONE_BY_ONE, FEW_ROWS, count
from ecompulse.process.service import Processing
from ecompulse.store import LedgerKey


def letter(kind: str | None, site: str = "default") -> DeadLetter:
    return DeadLetter("is wrong", "x", None, kind, "canonical", site, None, NOW_US, b"{}")


def sent(*events: Event, site: str = "default", dialect: str = "canonical", key: str | None = None) -> Any:
    return check(list(events), NOW_US, site, dialect, key).batch


def group(told: dict[str, Any], kind: str, site: str = "default") -> dict[str, Any]:
    (found,) = [one for one in told["groups"] if one["type"] == kind and one["site"] == site and one["dialect"] != "log"]
    return found


def change(opened: Processing, sql: str) -> None:
    """Damage the store behind its back."""
    opened.engine.flush()
    opened.store._database.cursor().execute(sql)


@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1, COUNTED_ONE_BY_ONE + 2])
@pytest.mark.parametrize("keys", [[None], ["web"], ["web", None], ["web", "ios", None]])
def test_rows_are_counted_by_sender_and_type_however_many(rows: int, keys: list[str | None]) -> None:
    told = [("shop", "canonical", keys[n % len(keys)], "search" if n % 3 else "login") for n in range(rows)]
    names = ("site", "dialect", "sender_key", "event_type")
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string()) for texts in zip(*told, strict=True)], names)
    ledger: Counter[LedgerKey] = Counter()
    for _ in range(2):
        count(ledger, batch, "stored")
    assert ledger == {LedgerKey(site, dialect, key or "", kind, "stored"): 2 * n for (site, dialect, key, kind), n in Counter(told).items()}


def test_each_group_has_both_sides_and_what_waits(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(sent(event(1), event(2, "search", query="x"), event(1)), [letter("search"), letter("x" * 50)])
    appender.append(sent(event(3), site="shop", dialect="segment", key="web"), [])
    with processing(tmp_path) as opened:
        drain(opened)
        appender.append(sent(event(4), event(5)), [letter("search", "shop")])
        whole = opened.ledger()
        assert (whole["received"], whole["stored"], whole["duplicates"], whole["dead_letters"], whole["balanced"]) == (9, 3, 1, 2, True)
        assert (opened.in_flight(), whole["in_flight"]) == (3, 3)
        assert whole["sites"] == {
            "default": {"stored": 2, "duplicates": 1, "dead_letters": 2},
            "shop": {"stored": 1, "duplicates": 0, "dead_letters": 0},
        }
        told = opened.account()
        assert (told["received"], told["in_flight"], told["balanced"]) == (9, 3, True)
        assert told["positions"] == [{"partition": 0, "received": 9, "position": 6, "waiting": 3}]
        views = {"received": 4, "accepted": 4, "rejected": 0, "stored": 1, "duplicates": 1, "dead_letters": 0, "in_flight": 2}
        assert views.items() <= group(told, "page_view").items()
        assert (group(told, "search")["rejected"], group(told, "search")["dead_letters"]) == (1, 1)
        assert group(told, "")["dead_letters"] == 1
        assert {one["site"]: (one["received"], one["in_flight"]) for one in told["by_site"]} == {"default": (7, 2), "shop": (2, 1)}
        assert {one["key"]: one["received"] for one in told["by_key"]} == {None: 8, "web": 1}
        assert all(one["balanced"] for name in ("site", "dialect", "key", "type") for one in told[f"by_{name}"])
        assert {one["site"] for one in opened.account("shop")["groups"]} == {"shop"}


@pytest.mark.parametrize(
    "damage",
    [
        "update ledger set event_type = 'search' where event_type = 'page_view'",  # an event of one type counted as one of another
        "update ledger set count = count + 1 where event_type = 'page_view'",
        "update ledger set site = 'shop'",
        "update ledger set key = 'web'",
        "update ledger set dialect = 'rest'",
        "update ledger set outcome = 'stored' where outcome = 'dead_letter'",
    ],
)
def test_counts_that_were_moved_between_groups_are_seen_though_the_total_agrees(tmp_path: Path, damage: str) -> None:
    SqliteAppender(tmp_path / "log").append(sent(event(1), event(2)), [letter("purchase")])
    with processing(tmp_path) as opened:
        drain(opened)
        assert opened.account()["balanced"]
        change(opened, damage)
        told = opened.account()
        assert not told["balanced"]
        assert not all(one["balanced"] for one in told["groups"])


def test_a_damaged_stretch_is_taken_from_its_groups_exactly(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log", file_bytes=1)
    appender.append(sent(event(1), event(2)), [])
    appender.append(sent(event(3), event(4, "search", query="x")), [letter("search")])
    appender.append(sent(event(5)), [])
    with sqlite3.connect(file.path_of(tmp_path / "log", 0, 2)) as connection:
        connection.execute("update entries set checksum = checksum + 1")
    connection.close()
    with processing(tmp_path) as opened:
        drain(opened)
        told = opened.account()
        assert told["balanced"]
        assert [(one["dialect"], one["received"], one["at_least"], one["at_most"], one["dead_letters"]) for one in told["groups"]] == [
            ("canonical", 3, 3, 3, 0), ("log", 3, 3, 3, 3),
        ]  # fmt: skip
        change(opened, "update ledger set count = count - 1 where dialect = 'log'")
        assert not opened.account()["balanced"]


def test_groups_that_are_not_known_leave_room_and_no_more(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log", file_bytes=1)
    appender.append(sent(event(1), event(2)), [])
    appender.append(sent(event(3)), [])
    for first in (0, 2):
        with sqlite3.connect(file.path_of(tmp_path / "log", 0, first)) as connection:
            connection.execute("delete from carried")
            connection.execute("update entries set received = null where offset = 0")
        connection.close()
    with processing(tmp_path) as opened:
        drain(opened)
        told = opened.account()
        assert told["balanced"]
        assert (group(told, "page_view")["at_least"], group(told, "page_view")["at_most"]) == (1, 3)
        change(opened, "update ledger set count = 4")
        assert not opened.account()["balanced"]


def test_what_retention_deleted_is_still_on_the_doors_side(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log", file_bytes=1)
    for n in range(4):
        appender.append(sent(event(n)), [])
    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
        assert retain(tmp_path / "log", age_seconds_max=0, bytes_max=0, now=4e9).deleted
        told = group(opened.account(), "page_view")
        assert (told["at_least"], told["at_most"], told["stored"]) == (4, 4, 4)
    with processing(tmp_path) as opened:
        assert group(opened.account(), "page_view")["at_least"] == 4
