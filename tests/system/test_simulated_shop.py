"""A synthetic shop with faults, through HTTP into a running system: the store equals its truth, to the last cent and count."""

from __future__ import annotations

import json

from tests.conftest import RunningSystem

EVENTS = 100_000


def test_the_store_equals_the_truth_and_one_event_more_is_noticed(running_system: RunningSystem) -> None:
    faults = ("--duplicates", "1%", "--late", "1%", "--malformed", "1%")
    truth = running_system.folder / "truth.json"
    sent = running_system.command(
        "simulate", "--seed", "7", "--events", str(EVENTS), "--rate", "max", *faults, "--to", running_system.door, "--truth", str(truth),
        seconds=120,
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr[-2000:]
    figures = json.loads(truth.read_bytes())
    assert figures["duplicates"] > EVENTS // 200
    assert figures["malformed"] > EVENTS // 200
    seen = running_system.command("verify", "--truth", str(truth), "--wait", "60", seconds=120)
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert running_system.send({"event_type": "search", "user_id": "stranger", "properties": {"query": "what else"}}).status == 202
    seen = running_system.command("verify", "--truth", str(truth), "--wait", "60", seconds=120)
    assert seen.returncode == 1
    assert "by_type.search" in seen.stdout
