"""A shopkeeper who writes down every event that was acknowledged, and asks afterwards for each of them, by name."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.conftest import RunningSystem, wait_until

BATCH = 20
SENDERS = 2


@dataclass
class Account:
    """What the clients were told: ids that were acknowledged, and ids of requests without an answer."""

    acknowledged: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def event(chance: random.Random) -> dict[str, object]:
    return {
        "event_id": str(uuid.UUID(int=chance.getrandbits(128))),
        "event_type": "product_view",
        "user_id": f"u-{chance.randrange(50)}",
        "properties": {"product_id": f"P-{chance.randrange(20)}", "price": 1.5, "currency": "EUR"},
    }


def _send(system: RunningSystem, account: Account, ended: threading.Event, seed: int) -> None:
    """Send batches until told to end; one without an answer is sent again as it is, as a client must."""
    chance = random.Random(seed)
    while not ended.is_set():
        events = [event(chance) for _ in range(BATCH)]
        ids = {str(one["event_id"]) for one in events}
        body = json.dumps(events)
        while not ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", system.collect_port, timeout=10)
            try:
                connection.request("POST", "/v1/events", body, {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 202:
                    with account.lock:
                        account.acknowledged |= ids
                        account.unanswered -= ids
                    break
            except (OSError, http.client.HTTPException):
                with account.lock:
                    account.unanswered |= ids
                ended.wait(0.02)
            finally:
                connection.close()


@contextlib.contextmanager
def load(system: RunningSystem, seed: int) -> Iterator[Account]:
    """Clients that send as fast as they are answered, while the block runs."""
    account, ended = Account(), threading.Event()
    threads = [threading.Thread(target=_send, args=(system, account, ended, seed * 100 + n), daemon=True) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield account
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def progress(account: Account, events: int = 200, seconds: float = 30.0) -> None:
    """Wait until so many more events were acknowledged: the system is alive."""
    goal = len(account.acknowledged) + events
    wait_until(lambda: len(account.acknowledged) >= goal, seconds, f"{events} more acknowledged events")


def each_is_there_once(system: RunningSystem, account: Account) -> None:
    """Every acknowledged event is one row; nothing is there that was never sent; the ledger closes and every sum agrees."""
    wait_until(system.ready, 30, "ready")
    wait_until(lambda: system.sql("select 1") == [[1]], 30, "an answer")

    def quiet() -> bool:
        from tests.conftest import call

        return bool(call("GET", f"{system.api}/api/ledger").json()["in_flight"] == 0)

    wait_until(quiet, 60, "nothing in flight")
    found: dict[str, int] = {}
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        page = f"from events where event_id > '{after}'::uuid group by event_id order by event_id limit 10000"
        rows = system.sql(f"select event_id::varchar, count(*) {page}")
        if not rows:
            break
        found.update((str(name), int(count)) for name, count in rows)
        after = str(rows[-1][0])
    lost = account.acknowledged - found.keys()
    doubled = [name for name, count in found.items() if count > 1]
    assert not lost, f"{len(lost)} of {len(account.acknowledged)} acknowledged events are lost, such as {sorted(lost)[:3]}"
    assert not doubled, f"{len(doubled)} events are there twice, such as {doubled[:3]}"
    strangers = found.keys() - account.acknowledged - account.unanswered
    assert not strangers, f"{len(strangers)} rows were never sent, such as {sorted(strangers)[:3]}"
    seen = system.command("verify")
    assert seen.returncode == 0, seen.stdout + seen.stderr


def kill_at(system: RunningSystem, role: str, calls: str, *, when: int, path: str = "", seconds: float = 20.0) -> bool:
    """Kill a role as it enters the `when`-th of some system calls, before the kernel does anything of it; false when it never came."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("these tests need strace: apt-get install strace")
    wait_until(system.ready, 30, "ready")  # a role that is only starting passes none of its points
    pid = system.role(role)
    tracer = subprocess.Popen(
        [strace, "-f", "-qq", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={when}", "-o", os.devnull, "-p", str(pid)]
        + (["-P", str(system.data / path)] if path else []),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    give_up_at = time.monotonic() + seconds
    try:
        while time.monotonic() < give_up_at:
            if pid not in system.roles():
                return True
            threading.Event().wait(0.02)
        return False
    finally:
        tracer.kill()  # with a tracee that was killed at an injection, it does not end by itself
        tracer.wait(10)
