"""A rebuild that is killed leaves the old store or the new one in use, whole, and can be begun again."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import RunningSystem, call, wait_until
from tests.crash.conftest import SETTINGS
from tests.crash.harness import each_is_there_once, kill_process_at, load, progress

from ecompulse.process import stores


@dataclass(frozen=True)
class Point:
    """A place in a rebuild into the store `{into}`: the system calls that stand there, which of them, and of which files."""

    name: str
    calls: str
    when: int
    paths: Sequence[str]
    late: bool = False
    """Whether it is passed once the new store has caught up."""
    exchanged: bool = False
    """Whether the new store is in use by then."""


STORE = ("stores/{into}/events.duckdb", "stores/{into}/events.duckdb.wal")
PATIENCE_SECONDS = 120.0
"""A tracer stops every system call of the process: what takes a second without it may take a minute beside other work."""
POINTS = (
    Point("before it is said that a store is being built", "rename", 1, ["stores/current.next.new"]),
    Point("before the first write of the new store", "write,pwrite64", 1, STORE),
    Point("while rows are carried over", "write,pwrite64", 12, STORE),
    Point("before the rows are durable", "fdatasync,fsync", 2, STORE),
    Point("before the exchange", "write", 1, ["stores/current.new"], late=True),
    Point("in the exchange", "rename", 1, ["stores/current.new"], late=True),
    Point("right after the exchange", "unlink", 1, ["stores/current.next"], late=True, exchanged=True),
)

CATCH_UP_SECONDS = 180.0
"""For a rebuild beside senders that send as much as goes: it has to come near them, on a machine that may be slow."""


def killed_at(system: RunningSystem, point: Point, body: dict[str, str]) -> bool:
    """Begin a rebuild in a process that will be killed at a point; whether it was."""
    wait_until(system.ready, 30, "ready")
    pid, met = system.role("process"), threading.Event()
    paths = [system.data / path.format(into=body["into"]) for path in point.paths]

    def watch() -> None:
        if kill_process_at(pid, point.calls, when=point.when, paths=paths, seconds=PATIENCE_SECONDS):
            met.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    wait_until(lambda: traced(pid), 10, "a tracer")
    with contextlib.suppress(OSError, http.client.HTTPException):  # it may die before it can answer
        assert call("POST", f"{system.api}/api/rebuild", body).status == 200
    watcher.join()
    return met.is_set()


def traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return "TracerPid:\t0" not in status


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["of a span", "of everything"])
def test_a_rebuild_killed_at_any_point_leaves_one_store_whole(make_system: Callable[..., RunningSystem], whole: bool) -> None:
    """The exchange is met when nothing is sent: a process that is traced does not catch up with senders that are not."""
    system = make_system(**SETTINGS).start()  # of its own: a short log is soon read
    names = [f"{'all' if whole else 'span'}{number}" for number in range(len(POINTS))]
    with load(system, seed=70 + whole) as account:
        progress(account, events=1_000)
        told = {} if whole else {"from": datetime.now(UTC).isoformat()}
        progress(account, events=1_000)
        early = [dies_whole(system, point, {"into": into, **told}) for into, point in zip(names, POINTS, strict=True) if not point.late]
    late = [dies_whole(system, point, {"into": into, **told}) for into, point in zip(names, POINTS, strict=True) if point.late]
    assert [*early, *late] == [True] * len(POINTS)
    with load(system, seed=72 + whole) as other:
        progress(other)
        span = [word for name, text in told.items() for word in (f"--{name}", text)]
        again = system.command("replay", "--into", names[0], *span, seconds=CATCH_UP_SECONDS)
        assert again.returncode == 0, again.stdout + again.stderr
        progress(other)
    each_is_there_once(system, account)
    each_is_there_once(system, other)
    assert stores.current(system.data) == names[0]


def dies_whole(system: RunningSystem, point: Point, body: dict[str, str]) -> bool:
    """Whether the point was met; then the old store is in use, or the new one, and nothing else is left."""
    before = stores.current(system.data)
    met = killed_at(system, point, body)
    wait_until(system.ready, 60, "ready again")
    wait_until(lambda: stores.unfinished(system.data) is None, 10, f"nothing half-built after a kill {point.name}")
    current = stores.current(system.data)
    assert current == (body["into"] if point.exchanged else before), point.name
    assert [path.stem for path in (system.data / "log" / "readers").glob("*.json")] == [current], point.name
    assert stores.folder_of(system.data, body["into"]).exists() == point.exchanged, point.name
    return met
