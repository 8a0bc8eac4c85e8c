"""I/O errors: an append whose write or sync failed is never acknowledged, and what is acknowledged later is there once."""

from __future__ import annotations

from tests.conftest import RunningSystem, wait_until
from tests.disk.harness import event, failing, ids

POINTS = (("fsync,fdatasync", "1+3"), ("fsync,fdatasync", "2+2"), ("pwrite64", "1+7"), ("pwrite64", "4+5"))
"""Which calls fail, as strace has it: the first, and each so many after it."""


def test_what_failed_is_never_acknowledged_and_what_is_acknowledged_is_there_once(running_system: RunningSystem) -> None:
    acknowledged: list[str] = []
    refused: list[str] = []
    for calls, when in POINTS:
        refused_before = len(refused)
        with failing(running_system, "collect", calls, when):
            for _ in range(12):
                batch = [event(n) for n in range(3)]
                answer = running_system.send(batch)
                assert answer.status in (202, 503), answer
                (acknowledged if answer.status == 202 else refused).extend(ids(batch))
                if answer.status == 503:
                    assert "retry-after" in answer.headers
                    assert "cannot be written" in answer.json()["detail"]
        assert len(refused) > refused_before, f"no error was injected into {calls}"
    last = event()
    wait_until(lambda: running_system.send(last).status == 202, what="the door takes events again")
    acknowledged.append(str(last["event_id"]))
    running_system.kill()
    running_system.start()
    running_system.wait_stored(acknowledged)
    listed = ",".join(f"'{name}'" for name in refused)
    assert running_system.sql(f"select count(*) from events where event_id in ({listed})") == [[0]]
    assert running_system.command("verify").returncode == 0


def test_the_store_waits_for_a_disk_that_fails_and_goes_on(running_system: RunningSystem) -> None:
    sent = [event(n) for n in range(5)]
    with failing(running_system, "process", "fsync,fdatasync,msync", "1+1"):
        assert running_system.send(sent).status == 202
        running_system.wait_stored(ids(sent))  # from the tail: questions do not need the disk
    more = [event(n) for n in range(5)]
    assert running_system.send(more).status == 202
    running_system.wait_stored([*ids(sent), *ids(more)])
    wait_until(running_system.ready, what="ready again")
    running_system.kill()
    running_system.start()
    running_system.wait_stored([*ids(sent), *ids(more)])
    assert running_system.command("verify").returncode == 0
