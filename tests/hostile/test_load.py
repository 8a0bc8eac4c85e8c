"""Many, slow and greedy clients: those who behave are served beside them, and the door recovers by itself."""

from __future__ import annotations

import contextlib
import json
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.conftest import RunningSystem, call, wait_until
from tests.disk.harness import failing
from tests.hostile.client import connect, event, head, post, resident_bytes

IDLE_BYTES = 12_000
"""Memory of an idle connection, at most."""
CEILING_BYTES = 512 * 1024 * 1024
"""Memory of a collector under any load: 64 MB of bodies that wait, 256 MB that arrive, and what they become when they are decoded."""


def idle_connections() -> int:
    """10,000 where this process may open as many, else 1,000."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if min(soft, hard if hard > 0 else soft) >= 12_000 else 1_000


def test_idle_connections_cost_little_and_stand_in_nobodys_way(running_system: RunningSystem) -> None:
    pid, count = running_system.role("collect"), idle_connections()
    before = resident_bytes(pid)
    with contextlib.ExitStack() as held:
        for _ in range(count):
            held.enter_context(connect(running_system))
        metric = "ecompulse_collect_connections"
        wait_until(lambda: _gauge(running_system, metric) >= count, what=f"{count} connections")
        began = time.monotonic()
        assert running_system.send(event()).status == 202
        assert time.monotonic() - began < 1
        assert (resident_bytes(pid) - before) / count < IDLE_BYTES
    wait_until(lambda: _gauge(running_system, metric) < 10, what="they are forgotten")


def _gauge(system: RunningSystem, name: str) -> float:
    lines = call("GET", f"{system.door}/metrics").body.decode().splitlines()
    found = [float(line.split()[-1]) for line in lines if line.startswith(name)]
    assert found, [line for line in lines if "connection" in line]
    return found[0]


def test_a_byte_a_second_holds_up_nobody_and_is_cut_off(running_system: RunningSystem) -> None:
    slow = [connect(running_system) for _ in range(20)]
    try:
        began = time.monotonic()
        answered: list[int] = []
        request = head(500)
        at = 0
        while time.monotonic() - began < 14 and len(answered) < len(slow):  # a head may take 10 s
            for sock in list(slow):
                with contextlib.suppress(OSError):
                    sock.sendall(request[at : at + 1])
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    told = sock.recv(1_000)
                    if told:
                        answered.append(int(told.split()[1]))
                        slow.remove(sock)
                        sock.close()
                if sock in slow:
                    sock.setblocking(True)
            at += 1
            assert running_system.send(event()).status == 202
            threading.Event().wait(1)
        assert answered == [408] * 20
    finally:
        for sock in slow:
            sock.close()


def test_overload_is_told_at_once_and_passes(running_system: RunningSystem) -> None:
    """The disk takes its time over each sync, so that what comes is far more than capacity: bodies wait up to a limit, and no further."""
    pid = running_system.role("collect")
    body = json.dumps([event(properties={"query": "q" * 5_000}) for _ in range(800)]).encode()  # 4 MB: 16 of them may wait
    statuses: Counter[int] = Counter()
    refused_seconds: list[float] = []
    lock = threading.Lock()

    def send(times: int) -> None:
        for _ in range(times):
            began = time.monotonic()
            told = post(running_system, body)
            with lock:
                statuses[told.status] += 1
                if told.status == 503:
                    assert int(told.headers["retry-after"]) >= 1
                    refused_seconds.append(time.monotonic() - began)

    with failing(running_system, "collect", "fdatasync", "1+1", how="delay_enter=700000"):
        threads = [threading.Thread(target=send, args=(1,), daemon=True) for _ in range(40)]
        for thread in threads:
            thread.start()
        peak = 0
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, resident_bytes(pid))
            threading.Event().wait(0.05)
    assert set(statuses) == {202, 503}, statuses
    assert statuses.total() == 40
    assert peak < CEILING_BYTES, f"{peak / 1e6:.0f} MB"
    assert sorted(refused_seconds)[len(refused_seconds) // 2] < 1.5, "a refusal waits for the disk"
    wait_until(lambda: running_system.send(event()).status == 202, what="it takes events again")
    assert running_system.role("collect") == pid
    counted = "select count(*) from events where event_type = 'search'"
    wait_until(lambda: running_system.sql(counted)[0][0] >= statuses[202] > 0, what="the accepted ones are stored")


def test_a_sender_over_its_rate_is_told_when_to_come_back_and_others_are_not(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system(ECOMPULSE_KEY_EVENTS_PER_SECOND="10")
    keys = [_key(system, site) for site in ("one", "two")]
    system.start()
    answers = [system.send([event() for _ in range(50)], x_api_key=keys[0]) for _ in range(4)]
    assert [one.status for one in answers] == [202, 202, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
    assert system.send(event(), x_api_key=keys[1]).status == 202


def _key(system: RunningSystem, site: str) -> str:
    made = system.command("keys", "create", site, "--json")
    assert made.returncode == 0, made.stderr
    key: str = json.loads(made.stdout)["key"]
    return key
