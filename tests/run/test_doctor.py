"""The doctor sees what is wrong, and only that."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from pathlib import Path

import pytest
from tests.conftest import free_port
from tests.log.test_repair import spoil, written
from tests.process.test_engine import ask, drain, processing

from ecompulse.process import stores
from ecompulse.run import doctor, lock, sources
from ecompulse.run.cli import main
from ecompulse.run.errors import Refused
from ecompulse.run.settings import Settings


def settings(folder: Path, **changes: str) -> Settings:
    usual = {"data": str(folder / "data"), "collect": f"127.0.0.1:{free_port()}", "serve": f"127.0.0.1:{free_port()}"}
    return sources.read({**usual, **changes}, {}, folder).settings


def seen(found: list[doctor.Finding], check: str) -> doctor.Finding:
    return next(f for f in found if f.check == check)


def test_a_fresh_machine_has_no_problem(tmp_path: Path) -> None:
    assert [f for f in doctor.examine(settings(tmp_path)) if f.state == doctor.PROBLEM] == []


def test_looking_changes_nothing(tmp_path: Path) -> None:
    doctor.examine(settings(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = seen(doctor.examine(settings(tmp_path, serve=f"127.0.0.1:{taken.getsockname()[1]}")), "Dashboard's port")
    assert finding.state == doctor.PROBLEM
    assert "ECOMPULSE_SERVE=" in finding.remedy


def test_ports_of_a_run_on_this_folder_are_no_problem(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        asked = settings(tmp_path, serve=f"127.0.0.1:{taken.getsockname()[1]}")
        lock.make_folder(asked.data)
        held = lock.take(asked.data, "run", "x")
        assert seen(doctor.examine(asked), "Dashboard's port").state == "fine"
        os.close(held)


def test_a_clock_that_was_set_back_is_a_problem(tmp_path: Path) -> None:
    asked = settings(tmp_path)
    written = asked.data / "log" / "0" / "00000000000000000000.sqlite"
    written.parent.mkdir(parents=True)
    written.touch()
    os.utime(written, (time.time() + 3600,) * 2)
    assert seen(doctor.examine(asked), "Clock").state == doctor.PROBLEM


def test_a_damaged_log_is_a_problem(tmp_path: Path) -> None:
    asked = settings(tmp_path)
    written = asked.data / "log" / "0" / "00000000000000000000.sqlite"
    written.parent.mkdir(parents=True)
    written.write_bytes(b"this is no database, however long it may be, and it will not become one" * 100)
    finding = seen(doctor.examine(asked), "Log")
    assert finding.state == doctor.PROBLEM
    assert str(written) in finding.seen


def test_a_damaged_store_is_a_problem(tmp_path: Path) -> None:
    asked = settings(tmp_path)
    (asked.data / "stores" / "main").mkdir(parents=True)
    (asked.data / "stores" / "main" / "events.duckdb").write_bytes(b"no database" * 1000)
    assert seen(doctor.examine(asked), "Store").state == doctor.PROBLEM


def test_a_nearly_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: doctor.shutil._ntuple_diskusage(10**12, 10**12 - 10**8, 10**8))
    assert seen(doctor.examine(settings(tmp_path)), "Disk").state == doctor.PROBLEM


def test_a_folder_of_somebody_else_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda _path, _mode: False)  # root, as whom tests may run, could write everywhere
    assert seen(doctor.examine(settings(tmp_path)), "Data folder").state == doctor.PROBLEM


def test_a_broken_log_is_repaired_and_what_cannot_be_saved_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = settings(tmp_path)
    path = written(asked.data, settled=True)
    spoil(path, 0, 4_000)
    spoil(path, path.stat().st_size // 2, 60_000)
    assert "doctor --repair" in seen(doctor.examine(asked), "Log").remedy
    with pytest.raises(SystemExit):
        main(["doctor", "--repair", "--json", "--data", str(asked.data)])
    told = {one["check"]: one for one in json.loads(capsys.readouterr().out)}
    assert told["Repair"]["state"] == "warning"
    assert "were saved" in told["Repair"]["seen"]
    lost = re.findall(r"(\d+) to (\d+)", told["Repair"]["remedy"])
    with processing(asked.data) as opened:
        drain(opened)
        reasons = "".join(reason for (reason,) in ask(opened, "select reason from dead_letters where dialect = 'log'"))
    assert lost
    assert all(f"offsets {first} to {last}" in reasons for first, last in lost)
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--data", str(asked.data)])
    assert ended.value.code == 0, capsys.readouterr().out
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["doctor", "--repair", "--json", "--data", str(asked.data)])
    assert "nothing to do" in capsys.readouterr().out


def test_a_log_that_is_in_use_is_not_repaired(tmp_path: Path) -> None:
    asked = settings(tmp_path)
    lock.make_folder(asked.data)
    held = lock.take(asked.data, "run", "x")
    with pytest.raises(Refused, match="in use by process"):
        list(doctor.repaired(asked))
    os.close(held)


def test_a_store_that_was_not_built_to_its_end_is_named_with_what_becomes_of_it(tmp_path: Path) -> None:
    asked = settings(tmp_path)
    assert [finding for finding in doctor.examine(asked) if finding.check == "Rebuild"] == []
    stores.begin(asked.data, "second")
    finding = seen(doctor.examine(asked), "Rebuild")
    assert finding.state == "warning"
    assert "second was not built" in finding.seen
    assert "replay --into second" in finding.remedy
    stores.switch(asked.data, "second")
    (asked.data / "stores" / "main").mkdir()
    assert "main" in seen(doctor.examine(asked), "Rebuild").seen
