"""The tables of the page that put many figures together."""

from __future__ import annotations

import pytest
from bench.budget import budget
from bench.figures import Figure, Target
from bench.grown import asked, charts, table


def question(name: str, p50: float, p99: float, **more: object) -> Figure:
    return Figure(name, "", p99, "ms", None, {"p50": p50, "p99": p99, **more})


def test_questions_stand_by_range_and_size_and_a_short_one_is_marked() -> None:
    figures = [
        question("question-top-products-live-1M", 1, 2), question("question-top-products-live-100M", 30, 60),
        question("page-all-1M", 3, 4), question("page-all-100M", 9_000, 10_000, ended_by_the_time_limit=1),
    ]  # fmt: skip
    told = asked(figures, {"question-top-products-live-100M": Target("why", at_most=50)}).splitlines()
    assert told[2] == "| `top-products` | the last 30 minutes | 1 / 2 | 30 / 60 **short** |"
    assert told[3] == "| a whole round of the overview | everything | 3 / 4 | ended after 10 s |"


def test_growth_begins_with_nothing_stored() -> None:
    figures = [Figure("growth-end-to-end-10M", "", 90_000, "events/s"), Figure("growth-end-to-end-0M", "", 100_000, "events/s")]
    assert table(figures).splitlines()[0] == "| figure | nothing | 10 M |"
    assert "10 M" in charts(figures)["growth-rates"]


def test_a_page_without_a_measure_says_so() -> None:
    assert table([]) == asked([], {}) == budget([]) == "*not measured yet*"


def test_the_rooms_and_the_rest_add_up_to_what_the_processes_used() -> None:
    def room(name: str, what: str, at_once: int, value: float) -> Figure:
        return Figure(f"room-{name}-{what}-{at_once}", "", value, "µs", None, {"row": [name, what, at_once]})

    figures = [
        Figure("end-to-end-1", "", 1, "events/s", None, {"cpu_us_an_event": {"collect 0": 9.0, "process": 8.0, "the load itself": 1.0}}),
        room("contract", "check: all of it", 2_000, 4.0), room("contract", "check: all of it", 100, 6.0),
        room("contract", "… violations", 2_000, 1.0), room("process", "fingerprint", 2_000, 1.0),
        room("process", "fingerprint", 30_720, 50.0), room("store", "flush", 122_880, 4.0),
    ]  # fmt: skip
    values = [float(line.split("|")[3].strip(" *")) for line in budget(figures).splitlines()[2:]]
    assert values == pytest.approx([4, 5, 9, 1, 4, 3, 8, 1, 18])
