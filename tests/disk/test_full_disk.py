"""A full disk: the door says so, loses nothing, and both roles go on by themselves when there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.conftest import RunningSystem, call, wait_until
from tests.disk.harness import event, fill, ids, small_disk

MEGABYTES = 48
ROOM_BYTES = 400_000
"""What is left at first: the log takes it, and then the store finds none."""


@pytest.fixture
def system(make_system: Callable[..., RunningSystem]) -> Iterator[RunningSystem]:
    made = make_system(ECOMPULSE_TAIL_TIME="0.3s")
    with small_disk(made.data, MEGABYTES):
        yield made.start()
        made.kill()


def test_a_full_disk_is_told_and_survived(system: RunningSystem) -> None:
    before = [event(n) for n in range(50)]
    assert system.send(before).status == 202
    system.wait_stored(ids(before))
    fill(system.data, leave=ROOM_BYTES)

    kept: list[str] = []
    refused = None
    for _ in range(200):  # what room SQLite has left in its file is used up first
        batch = [event(n) for n in range(100)]
        answer = system.send(batch)
        if answer.status == 202:
            kept += ids(batch)
            continue
        refused = answer
        break
    assert refused is not None, "the disk never filled"
    assert refused.status == 503
    assert "retry-after" in refused.headers
    assert "full" in refused.json()["detail"], refused.json()
    door = call("GET", f"{system.door}/readyz")
    assert door.status == 503
    assert "full" in door.json()["detail"]

    assert system.sql("select count(*) from events")[0][0] >= len(before)
    assert call("GET", f"{system.api}/").status == 200
    assert call("GET", f"{system.api}/api/analytics/real-time").status == 200
    assert kept, "there was room for nothing"
    filler = fill(system.data)
    waits = wait_until(lambda: (told := call("GET", f"{system.api}/readyz")).status == 503 and told, what="the process role waits")
    assert "could not be written" in waits.json()["detail"]

    pids = system.roles()
    filler.unlink()
    after = [event(n) for n in range(50)]
    wait_until(lambda: system.send(after).status == 202, what="the door takes events again")
    system.wait_stored([*ids(before), *kept, *ids(after)])
    wait_until(system.ready, what="both ready")
    assert system.roles() == pids, "a role died of the full disk"
    system.kill()
    system.start()
    system.wait_stored([*ids(before), *kept, *ids(after)])
    seen = system.command("verify")
    assert seen.returncode == 0, seen.stdout + seen.stderr
