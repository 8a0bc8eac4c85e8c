"""`ecompulse replay` beside a running system: the store is exchanged, and no number is wrong at any moment."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from tests.conftest import RunningSystem
from tests.crash.harness import each_is_there_once, load, progress


def test_a_rebuild_under_load_changes_no_number(running_system: RunningSystem) -> None:
    sent = running_system.command(
        "simulate", "--seed", "3", "--events", "20000", "--rate", "max", "--malformed", "1%", "--to", running_system.door
    )
    assert sent.returncode == 0, sent.stderr
    assert running_system.command("verify").returncode == 0
    figures = "select count(*), sum(revenue), count(distinct event_id) from events"
    before, wrong, ended = running_system.sql(figures), [], threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen = running_system.sql(figures)
            if seen != before:
                wrong.append(seen)

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = running_system.command("replay", "--into", "second")
    ended.set()
    watcher.join()
    assert done.returncode == 0, done.stderr
    assert not wrong
    assert running_system.send({"event_type": "search", "user_id": "u", "properties": {"query": "x"}}).status == 202
    assert running_system.command("verify").returncode == 0
    assert running_system.sql("select count(*) from events")[0][0] == before[0][0] + 1
    again = running_system.command("replay", "--into", "second")
    assert again.returncode != 0
    assert "second already" in again.stderr


def test_a_replay_of_a_span_changes_no_number_while_events_arrive(make_system: Callable[..., RunningSystem]) -> None:
    running_system = make_system(ECOMPULSE_TAIL_TIME="0.2s").start()  # what is only in memory is not carried, but read from the log again
    simulate = ("simulate", "--events", "5000", "--rate", "max", "--malformed", "1%", "--to", running_system.door)
    sent = running_system.command(*simulate, "--seed", "3")
    assert sent.returncode == 0, sent.stderr
    begin = datetime.now(UTC).isoformat()
    assert running_system.command(*simulate, "--seed", "4").returncode == 0
    assert running_system.command("verify").returncode == 0
    figures = "select count(*), sum(revenue), count(distinct event_id) from events where event_type = 'purchase'"
    sums = "select sum(events)::bigint, sum(revenue) from minute_totals where event_type = 'purchase'"
    before, wrong, asked, ended = [running_system.sql(one) for one in (figures, sums)], [], [0], threading.Event()

    def watch() -> None:
        while not ended.is_set():
            try:
                seen = [running_system.sql(one) for one in (figures, sums)]
            except (AssertionError, OSError) as error:
                wrong.append(str(error))
            else:
                wrong.extend([str(seen)] if seen != before else [])
            asked[0] += 1

    watcher = threading.Thread(target=watch)
    with load(running_system, seed=8) as account:  # of product views
        progress(account)
        watcher.start()
        done = running_system.command("replay", "--from", begin, "--into", "second", "--json", seconds=180)
        progress(account)
        ended.set()
        watcher.join()
    assert done.returncode == 0, done.stderr
    assert not wrong, wrong[:2]
    assert asked[0] > 3
    told = json.loads(done.stdout)
    assert told["made"] >= 4_900  # and what arrived since
    assert told["carried"] >= 4_900
    assert told["from"] == begin.replace("+00:00", "Z")
    each_is_there_once(running_system, account)
    for arguments, why in (
        (("--from", "yesterday"), "neither a date"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "is not before 'to'"),
        (("--from", "2199-01-01"), "in the future"),
    ):
        refused = running_system.command("replay", *arguments, "--into", "third")
        assert refused.returncode == 2
        assert why in refused.stderr


def test_dead_letters_are_corrected_and_replayed_once(running_system: RunningSystem) -> None:
    wrong = {"event_type": "product_view", "user_id": "u", "properties": {"product_id": "P", "currency": "EURO"}}
    assert running_system.send([wrong, wrong]).status == 422
    running_system.wait_stored([])
    listed = running_system.command("dead-letters", "list")
    assert "properties.currency" in listed.stdout, listed.stderr
    arguments = ("dead-letters", "replay", "--field", "properties.currency", "--set", "properties.currency=EUR")
    assert running_system.command(*arguments).stdout.startswith("2 replayed, 0 rejected")
    assert running_system.command(*arguments).stdout.startswith("0 replayed")
    ids = [row[0] for row in running_system.sql("select id from dead_letters")]
    assert running_system.command("dead-letters", "replay", *ids, "--set", "properties.currency=EUR").returncode == 0
    assert running_system.command("verify").returncode == 0
    assert running_system.sql("select count(*) from events where product_id = 'P'") == [[2]]
    assert running_system.sql("select count(*) from dead_letters where replayed_at is not null") == [[2]]
