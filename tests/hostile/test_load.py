"""Many, slow and greedy clients: those who behave are served beside them, and the door recovers by itself."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunningSystem, call, wait_until
from tests.disk.harness import failing
from tests.hostile.client import connect, event, head, post, read, resident_bytes

ROOT = Path(__file__).parents[2]

IDLE_CONNECTIONS = 10_000
IDLE_BYTES = 12_000
"""Memory of an idle connection, at most; of the collector's own, the kernel's buffers come on top."""
NEW_CLIENT_SECONDS = 0.25
"""From connecting to the answer, beside all those connections; on a quiet machine a few milliseconds."""
CEILING_BYTES = 512 * 1024 * 1024
"""Memory of a collector under any load: 64 MB of bodies that wait, 128 MB that arrive, and what they become when they are decoded."""
REFUSED_SECONDS = 0.05
"""What a refusal may take."""


@contextlib.contextmanager
def open_files(count: int) -> Iterator[None]:
    """So many more files may be open here; a test that cannot have them fails and says what to raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 1_000
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.fail(f"this test opens {count} connections: raise the hard limit of open files to {needed} (ulimit -Hn), it is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_idle_connections_cost_little_and_stand_in_nobodys_way(running_system: RunningSystem) -> None:
    pid, metric = running_system.role("collect"), "ecompulse_collect_connections"
    assert running_system.send(event()).status == 202
    before = resident_bytes(pid)
    with open_files(IDLE_CONNECTIONS), contextlib.ExitStack() as held:
        for _ in range(IDLE_CONNECTIONS):
            held.enter_context(connect(running_system))
        wait_until(lambda: _gauge(running_system, metric) >= IDLE_CONNECTIONS, what=f"{IDLE_CONNECTIONS} connections")
        taken = sorted(_seconds_to_202(running_system) for _ in range(50))
        assert taken[25] < NEW_CLIENT_SECONDS, f"{taken[25]:.3f} s for a new client's event, the median of 50"
        assert (resident_bytes(pid) - before) / IDLE_CONNECTIONS < IDLE_BYTES
    wait_until(lambda: _gauge(running_system, metric) < 10, what="they are forgotten")


def _seconds_to_202(system: RunningSystem) -> float:
    began = time.monotonic()
    assert system.send(event()).status == 202
    return time.monotonic() - began


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


def test_at_ten_times_capacity_it_refuses_at_once_keeps_order_and_recovers(running_system: RunningSystem) -> None:
    """Batches in an open loop at ten times of what a closed loop has reached just before; beside them a sender of single events."""
    pid = running_system.role("collect")
    calm = flood(running_system, connections=8, seconds=2, rate=0)
    capacity = calm["statuses"]["202"] / calm["seconds"]
    assert set(calm["statuses"]) == {"202"}, calm
    before = _refusals(running_system)
    with LightSender(running_system, pid) as light:
        storm = flood(running_system, connections=700, seconds=4, rate=10 * capacity)
    accepted, refused = storm["statuses"]["202"], storm["statuses"]["503"]
    told = f"capacity {capacity:.0f} batches/s; {storm}; single events {light}"
    assert set(storm["statuses"]) == {"202", "503"}, told
    assert (storm["unanswered"], storm["without_retry"]) == (0, 0), told
    assert refused > 3 * accepted > 0, told
    assert light.peak_bytes < CEILING_BYTES, told
    quick, all_of_them = (now - then for now, then in zip(_refusals(running_system), before, strict=True))
    assert all_of_them >= refused
    assert quick / all_of_them > 0.99, f"{quick} of {all_of_them} refusals within {REFUSED_SECONDS} s; {told}"
    assert light.refused_ms(50) < REFUSED_SECONDS * 1000, told  # as a client sees it, which has to share the cores with all of this
    # It recovers, and everything that was accepted is there once, in its order.
    assert [running_system.send(event()).status for _ in range(20)] == [202] * 20
    counted = "select count(*) from events where user_id = 'flood'"
    expected = (calm["statuses"]["202"] + accepted) * BATCH
    wait_until(lambda: running_system.sql(counted) == [[expected]], seconds=60, what=f"{expected} accepted events are stored")
    stored = running_system.sql("select name from events where user_id = 'light' order by log_partition, log_offset")
    assert [int(name) for (name,) in stored] == light.accepted
    assert running_system.role("collect") == pid


BATCH = 1_000


def flood(system: RunningSystem, *, connections: int, seconds: float, rate: float) -> dict[str, Any]:
    """Run tests.hostile.flood."""
    words = (system.collect_port, connections, seconds, rate, BATCH)
    command = [sys.executable, "-m", "tests.hostile.flood", *map(str, words)]
    with open_files(connections):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


class LightSender:
    """While the block runs: single events, numbered, one after the other over one connection; and a look at the collector's memory."""

    def __init__(self, system: RunningSystem, pid: int) -> None:
        self._system, self._pid = system, pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.accepted: list[int] = []
        self.refused_seconds: list[float] = []
        self.peak_bytes = 0

    def __enter__(self) -> LightSender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def __repr__(self) -> str:
        shown = [self.refused_ms(percent) for percent in (50, 90, 99)]
        count = f"{len(self.accepted)} accepted, {len(self.refused_seconds)} refused"
        return f"{count} in {shown} ms (p50, p90, p99), {self.peak_bytes / 1e6:.0f} MB"

    def refused_ms(self, percent: int) -> float:
        """A percentile of how long its refusals took; the test needs some."""
        refused = sorted(self.refused_seconds) or [float("inf")]
        return round(refused[len(refused) * percent // 100] * 1000, 1)

    def _run(self) -> None:
        number = 0
        with connect(self._system) as sock:
            while not self._over.is_set():
                body = json.dumps(event(event_type="custom", user_id="light", properties={"name": str(number)})).encode()
                began = time.monotonic()
                sock.sendall(head(len(body)) + body)
                told = read(sock)
                assert told is not None
                if told.status == 202:
                    self.accepted.append(number)
                else:
                    self.refused_seconds.append(time.monotonic() - began)
                number += 1
                self.peak_bytes = max(self.peak_bytes, resident_bytes(self._pid))
                self._over.wait(0.01)


def _refusals(system: RunningSystem) -> tuple[float, float]:
    """How many refusals were quick enough, by the collector's own clock, and how many there were."""
    lines = call("GET", f"{system.door}/metrics").body.decode().splitlines()
    name = "ecompulse_collect_refusal_seconds"
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)}
    return values[f'{name}_bucket{{le="{REFUSED_SECONDS}"}}'], values[f"{name}_count"]


def test_a_slow_disk_fills_no_memory_and_refusals_do_not_wait_for_it(running_system: RunningSystem) -> None:
    """The disk takes its time over each sync: bodies wait up to a limit, and no further."""
    pid = running_system.role("collect")
    body = json.dumps([event(properties={"query": "q" * 5_000}) for _ in range(800)]).encode()  # 4 MB: 16 of them may wait
    statuses: Counter[int] = Counter()
    lock = threading.Lock()
    before = _refusals(running_system)

    def send() -> None:
        told = post(running_system, body)
        with lock:
            statuses[told.status] += 1
        if told.status == 503:
            assert int(told.headers["retry-after"]) >= 1

    with failing(running_system, "collect", "fdatasync", "1+1", how="delay_enter=700000"):
        threads = [threading.Thread(target=send, daemon=True) for _ in range(40)]
        for thread in threads:
            thread.start()
        peak = 0
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, resident_bytes(pid))
            threading.Event().wait(0.05)
    assert set(statuses) == {202, 503}, statuses
    assert statuses.total() == 40
    assert peak < CEILING_BYTES, f"{peak / 1e6:.0f} MB"
    quick, refused = (now - then for now, then in zip(_refusals(running_system), before, strict=True))
    assert quick == refused == statuses[503], f"{refused - quick} refusals waited for the disk"
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
