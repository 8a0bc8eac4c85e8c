"""The table that `make bench` prints."""

import pytest
from bench.figures import Figure, Limit
from bench.report import Results, show


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
