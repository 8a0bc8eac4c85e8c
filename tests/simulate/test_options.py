"""What can be asked of a simulation, and how a wrong wish is answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecompulse.simulate.options import DEFAULT_RATE, OptionError, Options, plan

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def planned(environment: dict[str, str] | None = None, **options: Any) -> Any:
    return plan(Options(**options), environment or {}, NOW)


def test_without_options_the_shop_goes_to_standard_output_at_ten_events_a_second() -> None:
    agreed = planned()
    assert (agreed.mix, agreed.target.kind, agreed.per_second, agreed.live) == ("shop", "lines", DEFAULT_RATE, True)


def test_a_folder_gets_the_catalogue_unless_another_mix_is_asked_for() -> None:
    assert planned(to="data/raw").mix == "catalogue"
    assert planned(to="data/raw", mix="service").mix == "service"
    assert planned(to="http://127.0.0.1:8080").mix == "shop"


def test_rate_and_bursts_come_from_the_environment_and_the_flag_wins() -> None:
    environment = {"EVENTS_PER_SECOND": "250", "BURST_MULTIPLIER": "4", "BURST_INTERVAL_MS": "60000", "BURST_DURATION_MS": "5000"}
    agreed = planned(environment, mix="service")
    assert agreed.per_second == 250
    assert (agreed.bursts.multiplier, agreed.bursts.interval_ms, agreed.bursts.duration_ms) == (4, 60_000, 5_000)
    assert planned(environment, rate="20/s").per_second == 20
    assert planned(environment, rate="max").per_second is None
    assert planned(mix="service").bursts.multiplier == 10


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.5%", 0.005), ("0.02", 0.02), (0.1, 0.1), ("0", 0.0)])
def test_shares_are_per_cent_or_parts_of_one(text: str | float, share: float) -> None:
    assert planned(late=text).late == pytest.approx(share)


@pytest.mark.parametrize("events", [1, 30_000, 5_000_000])
@pytest.mark.parametrize("mix", ["shop", "service"])
def test_as_fast_as_possible_without_a_start_begins_in_the_past(events: int, mix: str) -> None:
    assert planned(events=events, rate="max", mix=mix).start_ms < NOW.timestamp() * 1000


@pytest.mark.parametrize("minutes", range(0, 60, 7))
def test_a_demonstration_sends_the_last_forty_minutes_and_draws_at_least_an_hour_and_less_than_two_before_them(minutes: int) -> None:
    agreed = plan(Options(demo=True), {}, NOW + timedelta(minutes=minutes))
    assert agreed.from_ms == int((NOW + timedelta(minutes=minutes - 40)).timestamp() * 1000)
    assert agreed.start_ms % 3_600_000 == 0
    assert 3_600_000 <= agreed.from_ms - agreed.start_ms < 7_200_000


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        ({"rate": "fast"}, {}, "--rate is 'fast'"),
        ({"rate": "0"}, {}, "--rate is '0'"),
        ({"rate": "nan"}, {}, "--rate is 'nan'"),
        ({"events": 0}, {}, "--events is 0"),
        ({"mix": "juggle"}, {}, "shop, service, catalogue"),
        ({"start": "soon"}, {}, "2026-01-01T00:00:00Z"),
        ({"start": "1999-12-31T00:00:00Z"}, {}, "2000"),
        ({"start": "2026-03-12T00:00:00Z", "to": "http://127.0.0.1:8080"}, {}, "future"),
        ({"duplicates": "60%"}, {}, "--duplicates is '60%'"),
        ({"malformed": "-1%"}, {}, "--malformed is '-1%'"),
        ({"to": "redis://127.0.0.1:6379/0"}, {}, r"ecompulse\[redis\]"),
        ({"to": "kafka://127.0.0.1:9092"}, {}, r"ecompulse\[kafka\]"),
        ({"to": "ftp://127.0.0.1"}, {}, "ftp:// is not known"),
        ({}, {"EVENTS_PER_SECOND": "many"}, "EVENTS_PER_SECOND is 'many'"),
        ({}, {"BURST_DURATION_MS": "400000"}, "must not be longer"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(options: dict[str, Any], environment: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        planned(environment, **options)
