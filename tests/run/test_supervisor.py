"""`ecompulse run`: started, killed in every way, drained, and nothing lost."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import RunningSystem, call, free_port, wait_until

SUPERVISOR_BYTES_MAX = 40 * 1024 * 1024
DRAIN_SECONDS_MAX = 5.0


def events(count: int) -> list[dict[str, object]]:
    return [
        {
            "event_id": str(uuid.uuid4()),
            "event_type": "product_view",
            "user_id": f"user-{n}",
            "properties": {"product_id": "P-1", "price": "19.99", "currency": "EUR"},
        }
        for n in range(count)
    ]


def ids(sent: list[dict[str, object]]) -> list[str]:
    return [str(e["event_id"]) for e in sent]


def is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and "Z" not in state


def resident_bytes(pid: int) -> int:
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout) * 1024


def test_the_roles_are_children_in_its_group_and_the_supervisor_stays_small(shared_system: RunningSystem) -> None:
    assert sorted(shared_system.roles().values()) == ["collect", "process"]
    assert resident_bytes(shared_system.pid) < SUPERVISOR_BYTES_MAX


def test_a_second_run_on_the_folder_is_refused_naming_folder_and_process(shared_system: RunningSystem) -> None:
    ports = {"ECOMPULSE_COLLECT": f"127.0.0.1:{free_port()}", "ECOMPULSE_SERVE": f"127.0.0.1:{free_port()}"}
    second = shared_system.command("run", **ports)
    assert second.returncode == 2
    assert str(shared_system.data) in second.stderr
    assert str(shared_system.pid) in second.stderr
    assert shared_system.ready()


def test_a_taken_port_is_refused_before_anything_is_started(shared_system: RunningSystem, tmp_path: Path) -> None:
    taken = shared_system.command("run", ECOMPULSE_DATA=str(tmp_path / "other"))
    assert taken.returncode == 2
    assert str(shared_system.collect_port) in taken.stderr
    assert not (tmp_path / "other" / "log").exists()


def test_a_role_alone_is_refused_where_a_run_has_its_part(shared_system: RunningSystem) -> None:
    collector = shared_system.command("collect", "--collect", f"127.0.0.1:{free_port()}")
    assert (collector.returncode, "partition 0" in collector.stderr) == (2, True)
    processor = shared_system.command("process", "--serve", f"127.0.0.1:{free_port()}")
    assert (processor.returncode, "store" in processor.stderr) == (2, True)


def test_health_names_every_process_with_its_memory(shared_system: RunningSystem) -> None:
    roles = call("GET", f"{shared_system.api}/api/health").json()["roles"]
    assert sorted(role["name"] for role in roles) == ["collect 0", "process", "run"]
    assert all(role["memory_bytes"] > 1_000_000 for role in roles)


def test_both_ports_show_declared_metrics_only(shared_system: RunningSystem) -> None:
    from ecompulse.observe import metrics

    assert shared_system.send(events(3)).status == 202
    declared = {m.name: m for m in metrics.DECLARED}
    for port, role in ((shared_system.door, "collect"), (shared_system.api, "process")):
        text = call("GET", f"{port}/metrics").body.decode()
        shown = dict(re.findall(r"^# TYPE (ecompulse_\w+) (\w+)$", text, re.MULTILINE))
        assert [name for name in shown if name not in declared] == []
        assert {name: declared[name].kind for name in shown} == shown
        assert [m.name for m in metrics.DECLARED if m.role in (role, "both") and m.name not in shown] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_drains_it_within_five_seconds_with_status_0(number: signal.Signals, running_system: RunningSystem) -> None:
    sent = events(50)
    assert running_system.send(sent).status == 202
    assert running_system.stop(number) < DRAIN_SECONDS_MAX
    assert running_system.process is not None
    assert running_system.process.returncode == 0
    assert running_system.roles() == {}
    assert "Traceback" not in running_system.console()
    running_system.start().wait_stored(ids(sent))


def test_ctrl_c_in_a_terminal_reaches_all_yet_the_door_drains_first(running_system: RunningSystem) -> None:
    os.killpg(running_system.pid, signal.SIGINT)
    assert running_system.process is not None
    assert running_system.process.wait(DRAIN_SECONDS_MAX) == 0
    console = running_system.console()
    assert "Traceback" not in console
    stopped = re.findall(r'"event": "stopped".*"role": "(\w+)"', console)
    assert stopped == ["collect", "process", "run"]


@pytest.mark.parametrize("role", ["collect", "process"])
def test_a_killed_role_comes_back_and_loses_nothing(role: str, running_system: RunningSystem) -> None:
    first, second = events(20), events(20)
    assert running_system.send(first).status == 202
    killed = running_system.role(role)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: running_system.role(role) != killed and running_system.ready(), what=f"{role} back")
    assert running_system.send(second).status == 202
    running_system.wait_stored(ids(first + second))
    assert "role ended" in running_system.console()


def test_no_role_outlives_a_supervisor_that_is_killed_and_the_next_run_starts_at_once(running_system: RunningSystem) -> None:
    sent, roles = events(20), running_system.roles()
    assert running_system.send(sent).status == 202
    os.kill(running_system.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, roles)), 3.0, "the roles' death")
    running_system.process.wait() if running_system.process else None
    running_system.start().wait_stored(ids(sent))


def test_collectors_share_the_port_each_with_its_partition(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system(ECOMPULSE_COLLECTORS="2").start()
    assert sorted(system.roles().values()) == ["collect", "collect", "process"]
    sent = [events(1) for _ in range(40)]
    assert {system.send(one).status for one in sent} == {202}
    system.wait_stored([i for one in sent for i in ids(one)])
    assert system.sql("select distinct log_partition from events order by 1") == [[0], [1]]


def test_a_role_that_is_set_up_wrongly_ends_the_run_instead_of_failing_for_ever(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system()
    system.data.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-m", "ecompulse", "collect", "--collect", f"127.0.0.1:{free_port()}"],
        cwd=system.folder,
        env=system.environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until((system.data / "collect-0.lock").exists, what="the other collector")
        done = system.command("run", seconds=30)
        assert done.returncode == 2
        assert "partition 0" in done.stderr
    finally:
        other.terminate()
        other.wait()


def test_a_demo_fills_the_dashboard_and_its_shop_comes_back_too(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system().start("--demo")
    shop = system.role("simulate")
    wait_until(lambda: int(system.sql("select count(*) from events")[0][0]) > 100, what="events of the shop")
    live = f"{system.api}/api/analytics/real-time?minutes=180"
    wait_until(lambda: int(call("GET", live).json()["orders"]), what="orders of the last hours")
    os.kill(shop, signal.SIGKILL)
    wait_until(lambda: shop not in system.roles() and system.role("simulate"), what="the shop is back")
    assert system.stop() < DRAIN_SECONDS_MAX


def test_in_a_terminal_there_are_start_lines_and_one_line_that_renews_itself(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system()
    leader, follower = pty.openpty()
    environment = {**system.environment, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    system.process = subprocess.Popen(
        [sys.executable, "-m", "ecompulse", "run"],
        cwd=system.folder,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = read_until(leader, b"s behind")
    system.process.terminate()
    shown += read_until(leader, b"Stopped.")
    assert system.process.wait(DRAIN_SECONDS_MAX) == 0
    os.close(leader)
    assert system.api.encode() in shown
    assert b"\r\x1b[2K" in shown
    assert b'{"' not in shown, "log lines are text in a terminal"


def read_until(descriptor: int, wanted: bytes, seconds: float = 20.0) -> bytes:
    """What a terminal shows, up to what is wanted."""
    shown, give_up_at = b"", time.monotonic() + seconds
    while wanted not in shown:
        if time.monotonic() > give_up_at:
            pytest.fail(f"{wanted!r} was not shown within {seconds} s, but {shown[-1000:]!r}")
        if select.select([descriptor], [], [], 0.5)[0]:
            shown += os.read(descriptor, 65536)
    return shown


def test_a_port_that_is_open_asks_for_a_key_and_the_console_shows_no_secret(make_system: Callable[..., RunningSystem]) -> None:
    system = make_system()
    system.settings["ECOMPULSE_COLLECT"], system.settings["ECOMPULSE_SERVE"] = (
        f"0.0.0.0:{system.collect_port}",
        f"0.0.0.0:{system.serve_port}",
    )
    writer = json.loads(system.command("keys", "create", "shop", "--role", "write", "--json").stdout)["key"]
    refused = system.command("run")
    assert (refused.returncode, "--role read" in refused.stderr) == (2, True)
    reader = json.loads(system.command("keys", "create", "shop", "--role", "read", "--json").stdout)["key"]
    system.start()
    assert system.send(events(1)).status == 401
    assert system.send(events(1), x_api_key=writer).status == 202
    assert call("GET", f"{system.api}/api/ledger").status == 401
    assert call("GET", f"{system.api}/api/ledger", headers={"x-api-key": writer}).status == 403
    assert call("GET", f"{system.api}/api/ledger", headers={"x-api-key": reader}).status == 200
    assert writer not in system.console()
    assert reader not in system.console()
