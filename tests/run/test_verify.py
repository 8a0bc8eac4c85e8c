"""`ecompulse verify` sees damage of every kind, names ids and offsets, and finds none where there is none."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.process.test_engine import NOW_US, drain, event, processing

from ecompulse.contract.check import check
from ecompulse.contract.columns import DeadLetter
from ecompulse.log.sqlite import SqliteAppender, file
from ecompulse.run.cli import main

FIFTH = "00000000-0000-7000-8000-000000000005"


def shop(folder: Path) -> None:
    """Two partitions with rows of several types, a duplicate, a used id, two sessions, an identity, and rejected events; all processed."""
    first, second = SqliteAppender(folder / "log", 0, file_bytes=1), SqliteAppender(folder / "log", 1)
    first.append(check([event(n, session="s", anonymous="a") for n in range(8)], NOW_US).batch, [])
    first.append(check([event(8, "purchase", session="s"), event(1, session="s", anonymous="a")], NOW_US).batch, [letter("purchase")])
    first.append(check([event(2, coupon="another")], NOW_US).batch, [letter("x")])
    second.append(check([event(n, user="v", minute=40) for n in range(20, 25)], NOW_US, "shop", "segment", "web").batch, [])
    for appender in (first, second):
        appender.close()
    with processing(folder) as opened:
        drain(opened)


def letter(kind: str) -> DeadLetter:
    return DeadLetter("is wrong", "x", None, kind, "canonical", "default", None, NOW_US, b"{}")


Verified = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verified:
    """Runs the command on a stopped system; its exit status and its JSON."""
    shop(tmp_path)

    def run(*more: str) -> tuple[int, list[dict[str, Any]]]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["verify", "--data", str(tmp_path), "--json", *more])
        assert isinstance(ended.value.code, int)
        return ended.value.code, json.loads(capsys.readouterr().out)

    return run


def damage(folder: Path, sql: str, store: str = "main") -> None:
    with duckdb.connect(str(folder / "stores" / store / "events.duckdb")) as connection:
        connection.execute(sql)


def told(checks: list[dict[str, Any]]) -> str:
    return "\n".join(" ".join(one) for check in checks if not check["agrees"] for one in [[check["check"]], *check["named"]])


def test_a_whole_store_agrees_whichever_way_it_is_looked_at(verified: Verified) -> None:
    for more in ((), ("--against-log",)):
        status, checks = verified(*more)
        assert told(checks) == ""
        assert status == 0
    assert checks[0]["ledger"] == {"received": 18, "stored": 14, "duplicates": 1, "dead_letters": 3, "in_flight": 0}


DAMAGES = {
    "a row deleted": (f"delete from events where event_id = '{FIFTH}'", f"0-5 · {FIFTH}"),
    "a row doubled": (f"insert into events select * from events where event_id = '{FIFTH}'", f"{FIFTH} 1 row 2 rows"),
    "a row's type changed": (f"update events set event_type = 'search' where event_id = '{FIFTH}'", f"0-5 · {FIFTH} event_type page_view"),
    "a row's site changed": (f"update events set site = 'shop' where event_id = '{FIFTH}'", f"0-5 · {FIFTH} site default"),
    "a row's visitor changed": (f"update events set user_id = 'x' where event_id = '{FIFTH}'", f"0-5 · {FIFTH} user_id u user_id x"),
    "a row's id changed": (f"update events set event_id = uuid() where event_id = '{FIFTH}'", f"0-5 · {FIFTH} event_id {FIFTH}"),
    "a minute total changed": ("update minute_totals set events = events + 1 where site = 'shop'", "shop · 2026-03-01 12:40"),
    "a minute total of another country": ("update minute_totals set country = 'FR' where site = 'shop'", "· FR ·"),
    "a minute total deleted": ("delete from minute_totals where site = 'shop'", "shop · 2026-03-01 12:40"),
    "an order line deleted": ("delete from order_items", "00000000-0000-7000-8000-000000000008"),
    "an order line's money changed": ("update order_items set amount = amount + 1", "00000000-0000-7000-8000-000000000008"),
    "a session part removed": ("delete from session_parts where session_id = 's'", "default · s"),
    "a session part's end changed": (
        "update session_parts set ended_at = ended_at + interval 1 second where session_id = 's'",
        "default · s",
    ),
    "a part of a visitor without sessions removed": ("delete from session_parts where session_id is null", "shop · – · v"),
    "an identity removed": ("delete from identities", "default · a · u"),
    "an identity's time changed": ("update identities set since = since + interval 1 second", "default · a · u"),
    "a rejected event's letter removed": (
        "delete from dead_letters where id = '0-10'",
        "0-10 a dead letter, default · canonical · – · purchase",
    ),
    "an accepted event's letter removed": ("delete from dead_letters where id = '0-11'", "0-11 · 00000000-0000-7000-8000-000000000002"),
    "a ledger row changed": ("update ledger set count = count + 1 where outcome = 'duplicate'", "2 duplicates"),
    "a ledger row deleted": ("delete from ledger where outcome = 'duplicate'", "0 duplicates"),
    "a duplicate counted in another group": (
        "update ledger set site = 'shop' where outcome = 'duplicate'",
        "shop · canonical · – · page_view",
    ),
    "counts moved between types": (
        """update ledger set count = count + case event_type when 'page_view' then -1 else 1 end
        where outcome = 'stored' and site = 'default'""",
        "default · canonical · – · purchase",
    ),
    "a position changed": ('update positions set "offset" = 12 where "partition" = 0', "14 + 1 + 3 + 1 = 19"),
    "positions exchanged": (
        'update positions set "offset" = "offset" + case "partition" when 0 then -1 else 1 end',
        "partition 0 nothing from offset 12 on rows or dead letters up to 12",
    ),
    "a row moved to another partition": (
        "update events set log_partition = 0, log_offset = 9 where log_partition = 1 and log_offset = 2",
        "partition 0 · shop · segment · web · page_view",
    ),
    "an event lost here and another doubled there": (
        f"""delete from events where event_id = '{FIFTH}';
        insert into events select * replace (uuid() as event_id, 1::smallint as log_partition, 77 as log_offset) from events
        where event_id = '00000000-0000-7000-8000-000000000006'""",
        f"0-5 · {FIFTH} a row, page_view neither a row nor a dead letter",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_seen_and_named(tmp_path: Path, verified: Verified, name: str) -> None:
    sql, wanted = DAMAGES[name]
    damage(tmp_path, sql)
    status, checks = verified(*(["--against-log"] if name == "a row's id changed" else []))  # nothing else tells of an id
    assert status == 1
    assert wanted in told(checks)


def test_of_many_disagreements_the_first_are_named_and_all_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(check([event(n) for n in range(40)], NOW_US).batch, [])
    with processing(tmp_path) as opened:
        drain(opened)
    damage(tmp_path, "delete from events where log_offset >= 5")
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--data", str(tmp_path)])
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "(the first 20 of 35)" in said
    assert "0-24 · 00000000-0000-7000-8000-000000000018" in said
    assert "0-25" not in said


def test_every_store_of_the_folder_is_looked_at_and_told_apart(tmp_path: Path, verified: Verified) -> None:
    shutil.copytree(tmp_path / "stores" / "main", tmp_path / "stores" / "second")
    damage(tmp_path, f"delete from events where event_id = '{FIFTH}'", "second")
    status, checks = verified()
    assert status == 1
    assert {one["store"] for one in checks} == {"main", "second"}
    assert {one["store"] for one in checks if not one["agrees"]} == {"second"}
    assert f"0-5 · {FIFTH}" in told(checks)


def test_a_store_that_a_process_has_open_besides_is_not_told_to_agree(tmp_path: Path, verified: Verified) -> None:
    shutil.copytree(tmp_path / "stores" / "main", tmp_path / "stores" / "second")
    path = tmp_path / "stores" / "second" / "events.duckdb"
    code = f"import duckdb; held = duckdb.connect({str(path)!r}); print(1, flush=True); input()"
    holding = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holding.stdout is not None
    holding.stdout.readline()
    try:
        status, checks = verified()
    finally:
        holding.communicate(b"\n")
    assert status == 2
    assert {one["store"] for one in checks} == {"main"}


@pytest.mark.parametrize("lost", ["an entry", "a file"])
def test_what_the_log_lost_after_the_store_had_it_is_no_fault_of_the_store(tmp_path: Path, verified: Verified, lost: str) -> None:
    path = file.path_of(tmp_path / "log", 0, 8)
    if lost == "a file":
        path.unlink()
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("update entries set checksum = checksum + 1")
        connection.close()
    for more in ((), ("--against-log",)):
        status, checks = verified(*more)
        assert told(checks) == ""
        assert status == 0


def test_an_entry_of_the_log_that_is_another_is_named(tmp_path: Path, verified: Verified) -> None:
    """Whole by its checksum, but not what the store has: two logs mixed up by a restore."""
    other = SqliteAppender(tmp_path / "other", 0)
    other.append(check([event(n + 100, session="s", anonymous="a") for n in range(8)], NOW_US).batch, [])
    other.close()
    for name in ("", "-wal", "-shm"):
        there = Path(f"{file.path_of(tmp_path / 'log', 0, 0)}{name}")
        here = Path(f"{file.path_of(tmp_path / 'other', 0, 0)}{name}")
        there.unlink(missing_ok=True)
        if here.exists():
            here.rename(there)
    status, checks = verified("--against-log")
    assert status == 1
    assert f"0-5 · 00000000-0000-7000-8000-000000000069 event_id 00000000-0000-7000-8000-000000000069 event_id {FIFTH}" in told(checks)
