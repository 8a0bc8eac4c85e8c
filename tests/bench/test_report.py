"""The table that `make bench` prints."""

from pathlib import Path

import msgspec
import pytest
from bench.figures import Figure, Limit
from bench.report import Results, save, show


@pytest.fixture
def results() -> Results:
    machine = {
        "processor": "a processor", "cores": 2, "memory_gib": 4, "system": "Linux", "python": "3.11",
        "fsync_ms": {"p50": 0.3, "p99": 0.5}, "load_average_before": [0.1], "load_average_after": [1.0],
    }  # fmt: skip
    figure = Figure("single", "Single events, one collector", 10_000.0, "events/s", Limit("a server that does nothing", 40_000.0), {})
    return Results(machine, "2026-11-22T12:00:00Z", 3.0, [figure], {"peers": "java is not installed"})


def test_a_pipe_has_the_words_and_what_falls_short(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    show(results)
    printed = capsys.readouterr().out
    assert all(told in printed for told in ("Single events, one collector", "10,000 events/s", "0.25", "a server that does nothing"))
    assert "short: ratio 0.25" in printed
    assert "peers was not measured: java is not installed" in printed


def test_a_narrow_terminal_has_names_and_numbers(
    results: Results, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    show(results)
    printed = capsys.readouterr().out
    assert "Single events" not in printed
    assert all(told in printed for told in ("single", "10,000", "0.25", "40,000", "short"))


def test_figures_that_a_run_did_not_measure_are_kept_but_no_rooms_of_another_run(results: Results, tmp_path: Path) -> None:
    def names(*measured: str) -> list[str]:
        figures = [Figure(name, "", 1.0, "µs") for name in measured]
        save(msgspec.structs.replace(results, figures=figures), tmp_path / "latest.json")
        return [figure.name for figure in msgspec.json.decode((tmp_path / "latest.json").read_bytes(), type=Results).figures]

    assert names("single", "room-a-1", "room-b-1") == ["single", "room-a-1", "room-b-1"]
    assert names("batched") == ["batched", "single", "room-a-1", "room-b-1"]
    assert names("single", "room-a-2") == ["single", "room-a-2", "batched"]
