"""Dead letters of a running system: exported, edited as a file, replayed through the door, and never twice whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import RunningSystem, call, wait_until


def wrong(user: str) -> dict[str, Any]:
    """A product view without its product."""
    return {"event_type": "product_view", "user_id": user, "properties": {"price": 10.10, "currency": "EUR"}}


def letters(system: RunningSystem) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = call("GET", f"{system.api}/api/dead-letters").json()["items"]
    return items


def reject(system: RunningSystem, *users: str) -> None:
    assert system.send([wrong(user) for user in users]).status == 422
    wait_until(lambda: len(letters(system)) == len(users), what="the dead letters")


def replay_file(system: RunningSystem, lines: list[bytes]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "ecompulse", "dead-letters", "replay", "--file", "-", "--json"],
        input=b"\n".join(lines), env=system.environment, cwd=system.folder, capture_output=True, check=False,
    )  # fmt: skip


def test_letters_are_exported_edited_and_replayed_from_a_file_once(running_system: RunningSystem) -> None:
    reject(running_system, "a", "b", "c", "d")
    grouped = json.loads(running_system.command("dead-letters", "list", "--by-reason", "--dialect", "canonical", "--json").stdout)
    assert [(group["field"], group["waiting"], group["replayed"]) for group in grouped] == [("properties.product_id", 4, 0)]
    listed = json.loads(running_system.command("dead-letters", "list", "--dialect", "segment", "--json").stdout)
    assert listed == []
    exported = running_system.command("dead-letters", "export", "--field", "properties.product_id")
    assert "4 of 4" in exported.stderr
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert all(line["event"]["properties"]["price"] == 10.10 and "required" in line["reason"] for line in lines)
    for line in lines:
        if line["event"]["user_id"] != "d":
            line["event"]["properties"]["product_id"] = f"P-{line['event']['user_id']}"
    file = [json.dumps(line).encode() for line in lines]
    file[1:1] = [b"", b'{"id": "0-0", "event": ', b'{"id": "9-9", "event": {}}']

    first = replay_file(running_system, file)
    assert first.returncode == 1, first.stderr
    told = json.loads(first.stdout)
    assert told["replayed"] == 3
    assert [one["line"] for one in told["unused_lines"]] == [3]
    unknown, still_wrong = sorted(told["rejected"], key=lambda one: one["id"], reverse=True)
    assert (unknown["line"], unknown["id"]) == (4, "9-9")
    assert (json.loads(file[still_wrong["line"] - 1])["event"]["user_id"], still_wrong["field"]) == ("d", "properties.product_id")

    for line in lines:
        line["event"] |= {"event_id": str(uuid.uuid4()), "properties": {"product_id": "another"}}
    second = json.loads(replay_file(running_system, [json.dumps(line).encode() for line in lines]).stdout)
    assert (second["replayed"], len(second["already_replayed"])) == (1, 3), "only the one that was still wrong"
    running_system.wait_stored([])
    views = running_system.sql("select user_id, product_id from events order by user_id")
    assert views == [["a", "P-a"], ["b", "P-b"], ["c", "P-c"], ["d", "another"]]
    assert running_system.command("dead-letters", "export").stdout == ""
    verified = running_system.command("verify")
    assert verified.returncode == 0, verified.stdout


def test_a_kill_before_the_mark_is_written_allows_no_second_event(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system(ECOMPULSE_TAIL_TIME="500s").start()
    reject(system, "a")
    (letter,) = letters(system)
    first = system.command("dead-letters", "replay", letter["id"], "--set", "properties.product_id=P-1")
    assert first.stdout.startswith("1 replayed"), first.stderr
    assert letters(system)[0]["replayed_at"]
    killed = system.role("process")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: system.role("process") != killed, what="another process")
    edited = {"id": letter["id"], "event": {**wrong("a"), "event_id": str(uuid.uuid4()), "properties": {"product_id": "P-2"}}}
    again = wait_until(lambda: _replayed(system, edited), what="an answer of the new process") or {}
    assert [one["id"] for one in again["already_replayed"]] == [letter["id"]]
    assert again["replayed"] == 0
    wait_until(lambda: letters(system)[0]["replayed_at"], what="the mark that the kill took")
    assert system.sql("select product_id from events") == [["P-1"]]


def _replayed(system: RunningSystem, edited: dict[str, Any]) -> dict[str, Any] | None:
    """The answer; None while nobody answers, or the letter was not read from the log again."""
    try:
        answer = call("POST", f"{system.api}/api/dead-letters/replay", {"letters": [edited]})
    except OSError:
        return None
    told: dict[str, Any] = answer.json() if answer.status == 200 else {"rejected": True}
    return None if told["rejected"] else told


@pytest.mark.slow
def test_letters_beyond_their_size_are_let_go_said_and_still_counted(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system(ECOMPULSE_DEAD_LETTERS_KEEP_BYTES="1MB").start()
    for start in range(0, 1_500, 500):
        users = [f"{number:04} {'x' * 900}" for number in range(start, start + 500)]
        assert system.send([wrong(user) for user in users]).status == 422
    ledger = wait_until(lambda: _gone(system), seconds=60.0, what="that letters were let go") or {}
    assert ledger["dead_letters"] == 1_500
    assert ledger["balanced"]
    kept = system.sql("select count(*), min(json_extract_string(body, '$.user_id')[:4]) from dead_letters")[0]
    assert kept == [1_500 - ledger["dead_letters_let_go"], f"{ledger['dead_letters_let_go']:04}"], "the oldest went"
    assert call("GET", f"{system.api}/api/dead-letters/reasons").json()["let_go"][0]["cause"] == "size"
    measured = call("GET", f"{system.api}/metrics").body.decode()
    assert f'ecompulse_store_dead_letters_let_go_total{{cause="size"}} {ledger["dead_letters_let_go"]:.1f}' in measured
    assert "dead letters were let go" in system.console()
    assert system.command("verify").returncode == 0
    rebuilt = system.command("replay", "--into", "second")
    assert rebuilt.returncode == 0, rebuilt.stderr
    again = call("GET", f"{system.api}/api/ledger").json()
    assert (again["dead_letters"], again["balanced"]) == (1_500, True)
    verified = system.command("verify")
    assert verified.returncode == 0, verified.stdout


def _gone(system: RunningSystem) -> dict[str, Any] | None:
    ledger: dict[str, Any] = call("GET", f"{system.api}/api/ledger").json()
    return ledger if ledger["dead_letters_let_go"] else None
