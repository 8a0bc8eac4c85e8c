"""The shop of the last minutes, as one object: what the dashboard shows before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from ecompulse.analyze.parameters import TRAFFIC, Parameter, Shop
from ecompulse.analyze.reading import Readable, completeness
from ecompulse.analyze.rows import money_text, plain
from ecompulse.analyze.statement import statement
from ecompulse.analyze.wrong import WrongParameter
from ecompulse.store import Snapshot

MINUTES: Final = 30
MINUTES_MAX: Final = 1_440
"""A day: more than that is no present, and a question over a range answers it."""
SPEED_SECONDS: Final = 10
"""Events a second are counted over this long: long enough to be steady, short enough to be now."""
QUICK: Final = ("totals", "speed")
"""Statements that cost little whatever the rate of events: they read sums, and the last seconds."""
SLOW: Final = ("people", "calls", "products", "pages")
"""Those that read what came in all of the minutes."""
PARAMETERS: Final = (
    Parameter("minutes", "integer", f"How far back the figures go, 1 to {MINUTES_MAX}.", str(MINUTES), example="30"),
    Parameter("site", "text", "Only this site.", "every site", example="default"),
    Parameter("traffic", "text", "Which events count: real, synthetic, or both (mixed).", "the setting `traffic`", TRAFFIC),
)


def parse(asked: Mapping[str, str], shop: Shop) -> dict[str, Any]:
    """`minutes`, `site` and `traffic` as they were asked for. Raises `WrongParameter`."""
    known = {parameter.name for parameter in PARAMETERS}
    for name in asked:
        if name not in known:
            raise WrongParameter(name[:60], f"real-time does not take it; it takes {', '.join(sorted(known))}.")
    minutes = asked.get("minutes") or str(MINUTES)
    if not minutes.isascii() or not minutes.isdigit() or len(minutes) > 4 or not 1 <= int(minutes) <= MINUTES_MAX:
        raise WrongParameter("minutes", f"'{minutes[:20]}' is no whole number from 1 to {MINUTES_MAX}.")
    traffic = asked.get("traffic") or shop.traffic
    if traffic not in TRAFFIC:
        raise WrongParameter("traffic", f"'{traffic[:20]}' is none of {', '.join(TRAFFIC)}.")
    return {"minutes": int(minutes), "site": asked.get("site") or None, "traffic": traffic}


def real_time(store: Readable, asked: Mapping[str, Any], shop: Shop, timeout_seconds: float = 10.0) -> dict[str, Any]:
    """The figures, ready for JSON; `asked` is what `parse` returned. Raises `ecompulse.store.QueryTimeout`."""
    with store.snapshot(timeout_seconds) as picture:
        fresh = completeness(store)
        values = moments(asked, shop, datetime.now(UTC))
        found = {name: look(picture, name, values) for name in (*QUICK, *SLOW)}
    return {**fresh, **told(found, asked, shop)}


def moments(asked: Mapping[str, Any], shop: Shop, now: datetime) -> dict[str, Any]:
    """The values of the statements at a moment."""
    since = now - timedelta(minutes=asked["minutes"])
    return {
        "site": asked["site"], "traffic": asked["traffic"], "currency": shop.currency, "now": now, "since": since,
        "earliest": min(since, now - timedelta(minutes=30)), "lately": now - timedelta(seconds=SPEED_SECONDS),
        "five_minutes_ago": now - timedelta(minutes=5), "half_an_hour_ago": now - timedelta(minutes=30),
    }  # fmt: skip


def look(picture: Snapshot, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of one of the statements `QUICK` and `SLOW`."""
    rows: list[dict[str, Any]] = picture.query(statement(f"real-time-{name}"), values, named=True).to_pylist()
    return rows


def told(found: Mapping[str, list[dict[str, Any]]], asked: Mapping[str, Any], shop: Shop) -> dict[str, Any]:
    """The figures out of the rows of each statement; null where a slow one has not been answered yet."""
    (totals,), (speed,) = (found[name] for name in QUICK)
    people, calls = (found[name][0] if name in found else None for name in ("people", "calls"))
    latency = (calls and calls["latency"]) or [None, None, None]
    return {
        "minutes": asked["minutes"],
        "events_per_second": round(speed["arrived"] / SPEED_SECONDS, 2),
        "active_visitors_5m": people and people["active_5m"],
        "active_visitors_30m": people and people["active_30m"],
        "orders": totals["orders"],
        "revenue": money_text(totals["revenue"]),
        "currency": shop.currency,
        "average_order_value": money_text((totals["revenue"] / totals["orders"]).quantize(Decimal("0.01"))) if totals["orders"] else None,
        "conversion_rate": people and _share(people["buyers"], people["visitors"]),
        "carts_open": people and people["carts_open"],
        "top_products": plain(found.get("products", [])),
        "top_pages": plain(found.get("pages", [])),
        "searches_without_result": calls and calls["searches_without_result"],
        "error_rate": _share(totals["errors"], totals["events"]),
        "api_latency_ms": {
            name: None if value is None else round(value, 2) for name, value in zip(("p50", "p95", "p99"), latency, strict=True)
        },
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
