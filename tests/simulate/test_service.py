"""Whole runs: bytes, mixes, progress, files, stopping."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ecompulse.simulate.options import Options
from ecompulse.simulate.service import simulate

from .reckoning import figures, sound
from .running import START, lines, truth

PROGRAM = "import sys; from ecompulse.simulate.options import Options; from ecompulse.simulate.service import simulate; "


@pytest.mark.parametrize("mix", ["shop", "service", "catalogue"])
def test_the_same_seed_and_start_give_the_same_bytes_and_another_seed_others(mix: str) -> None:
    faults = {"duplicates": "2%", "late": "2%", "malformed": "2%"}
    first = lines(mix=mix, seed=5, events=2_000, **faults)
    assert first == lines(mix=mix, seed=5, events=2_000, **faults)
    assert not set(first) & set(lines(mix=mix, seed=6, events=2_000, **faults))


def test_fewer_events_are_the_beginning_of_more() -> None:
    assert lines(seed=5, events=500) == lines(seed=5, events=3_000)[:500]


def test_the_service_mix_has_its_shares_and_its_hundred_users() -> None:
    rows = [json.loads(line) for line in lines(mix="service", events=20_000)]
    share = {name: count / len(rows) for name, count in Counter(row["event_type"] for row in rows).items()}
    assert share == pytest.approx({"page_view": 0.70, "button_click": 0.15, "api_call": 0.10, "error": 0.05}, abs=0.01)
    assert {row["user_id"] for row in rows} == {f"user_{n:03}" for n in range(1, 101)}
    assert {row["source"] for row in rows} == {"synthetic"}


def test_faults_are_as_many_as_asked_for(tmp_path: Path) -> None:
    lines(events=40_000, duplicates="2%", malformed="3%", late="1%", truth=tmp_path / "truth.json")
    told = truth(tmp_path / "truth.json")
    assert told["sent"] == 40_000 == told["events"] + told["duplicates"] + told["malformed"]
    assert told["duplicates"] == pytest.approx(800, rel=0.2)
    assert told["malformed"] == pytest.approx(1_200, rel=0.2)
    assert told["late"] == pytest.approx(400, rel=0.5)


def test_a_login_is_never_malformed_so_that_everybody_can_be_told() -> None:
    taken, rejected, _ = sound(lines(events=20_000, malformed="30%"))
    assert rejected > 4_000
    logins = {event["session_id"] for event in taken if event["event_type"] == "user_login"}
    assert {event["session_id"] for event in taken if "user_id" in event} == logins


def test_a_folder_gets_whole_csv_files_with_a_header_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecompulse.simulate.outputs.ROWS_PER_FILE", 3_000)
    appeared: list[tuple[str, bytes]] = []
    replace = Path.replace

    def seen(self: Path, target: Path) -> Path:
        assert self.name.startswith(".")
        appeared.append((target.name, self.read_bytes()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", seen)
    assert simulate(Options(events=10_000, rate="max", to=tmp_path, start=START), io.BytesIO(), io.StringIO()) == 0
    files = sorted(tmp_path.iterdir())
    assert [(file.name, file.read_bytes()) for file in files] == appeared, "a file had its name before it was whole"
    assert len(files) == 4
    rows = [row for file in files for row in csv.DictReader(file.open(newline=""))]
    assert list(rows[0]) == ["event_id", "user_id", "product_id", "product_name", "category", "price", "event_type", "timestamp"]
    share = {name: count / len(rows) for name, count in Counter(row["event_type"] for row in rows).items()}
    assert share == pytest.approx({"view": 0.6, "add_to_cart": 0.3, "purchase": 0.1}, abs=0.015)
    assert len({row["category"] for row in rows}) == 8
    assert len({row["product_name"] for row in rows}) > 450


def test_progress_has_total_target_actual_errors_and_burst_for_each_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTS_PER_SECOND", "900")
    monkeypatch.setenv("BURST_MULTIPLIER", "1.1")
    monkeypatch.setenv("BURST_INTERVAL_MS", "300")
    monkeypatch.setenv("BURST_DURATION_MS", "200")
    told = io.StringIO()
    began = time.monotonic()
    assert simulate(Options(mix="service", events=600), io.BytesIO(), told) == 0
    assert 0.4 < time.monotonic() - began < 10
    *progress, last = told.getvalue().splitlines()
    form = r"progress: (\d+) events, target [\d.]+/s, actual [\d.,]+/s, errors 0, burst (off|on \(×1\.1\))"
    assert [int(found[1]) for line in progress if (found := re.fullmatch(form, line))] == [100, 200, 300, 400, 500, 600]
    assert {"off", "on (×1.1)"} == {line.rsplit("burst ")[-1] for line in progress}
    assert last.startswith("simulated: 600 events")


def test_an_option_that_cannot_be_followed_is_status_2_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = io.StringIO()
    assert simulate(Options(rate="fast"), io.BytesIO(), told) == 2
    assert "--rate" in told.getvalue()
    assert capsys.readouterr().out == ""


def started(arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    program = PROGRAM + f"sys.exit(simulate(Options({arguments}), sys.stdout, sys.stderr))"
    source = str(Path(__file__).parents[2] / "src")
    return subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": source}, **streams)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well_with_the_truth_of_what_was_sent(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "sent.ndjson"
    file = tmp_path / "truth.json"
    with out.open("wb") as sink:
        process = started(f"rate=2000, truth={str(file)!r}, duplicates=0.02, malformed=0.02", stdout=sink, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.readline()  # it has begun to send
        process.send_signal(number)
        assert process.wait(10) == 0
        process.stderr.close()
    reckoned, told = figures(out.read_bytes().splitlines()), truth(file)
    assert reckoned["sent"] > 0
    assert {name: told[name] for name in reckoned} == reckoned


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    process = started('rate="max"', stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_a_slow_simulation_needs_no_arrow_and_little_memory() -> None:
    program = PROGRAM + (
        "import io, pathlib; simulate(Options(events=20, rate=40), io.BytesIO(), io.StringIO());"
        "heavy = {'pyarrow', 'polars', 'duckdb'} & set(sys.modules); assert not heavy, heavy;"
        "status = pathlib.Path('/proc/self/status');"  # macOS tells no peak of its own: getrusage's begins with the parent's
        "print(status.read_text().split('VmHWM:')[1].split()[0] if status.exists() else 0)"
    )
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 54 * 1024
