"""What a run shows: calm start lines, one renewing line, no colour where none is wanted."""

from __future__ import annotations

from pathlib import Path

from ecompulse.run import sources
from ecompulse.run.console import _Ink, start_lines, state_line


def test_the_start_lines_say_where_everything_is(tmp_path: Path) -> None:
    settings = sources.read({"data": "/srv/shop", "collect": "0.0.0.0:80"}, {}, tmp_path).settings
    lines = start_lines(settings, _Ink(on=False), demo=False)
    for part in ("ecompulse", "http://127.0.0.1:8081", "http://127.0.0.1:80/v1/events", "/srv/shop", "SQLite", "DuckDB", "Ctrl-C"):
        assert part in lines
    assert "\x1b" not in lines
    assert max(map(len, lines.splitlines())) <= 80


def test_a_demo_says_that_its_shop_is_synthetic(tmp_path: Path) -> None:
    settings = sources.read({}, {}, tmp_path).settings
    assert "synthetic" in start_lines(settings, _Ink(on=False), demo=True)


def test_the_state_line_groups_figures_and_shows_a_dash_for_no_data() -> None:
    live = {
        "events_per_second": 1234.56,
        "active_visitors_5m": 12,
        "orders": 3,
        "revenue": "1234567.50",
        "currency": "EUR",
        "lag_seconds": 0.061,
    }
    assert state_line(live) == "  1,234.6 events/s · 12 visitors · 3 orders · 1,234,567.50 EUR · 0.06 s behind"
    assert state_line({"orders": None, "currency": None}) == "  – events/s · – visitors · – orders · – · – s behind"


def test_the_state_line_says_when_nobody_answers() -> None:
    assert "does not answer" in state_line(None)
