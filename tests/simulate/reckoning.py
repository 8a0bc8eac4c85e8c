"""The truth, worked out a second time from the rows that were sent: event by event, with nothing of the code under test."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ecompulse.contract.check import check
from ecompulse.contract.read import read_lines

FUNNEL = ("page_view", "product_view", "add_to_cart", "purchase")
FAR_AHEAD_US = 4_000_000_000_000_000


def sound(lines: Iterable[bytes]) -> tuple[list[dict[str, Any]], int, int]:
    """The events that the contract takes, each once; and how many lines were rejected or repeated."""
    rejected = repeated = 0
    events: dict[str, tuple[bytes, dict[str, Any]]] = {}
    lines = list(lines)
    read = read_lines(b"\n".join(lines))
    checked = check(read.events, FAR_AHEAD_US)
    taken = {read.positions[row] for row in checked.rows.tolist()}
    for index, line in enumerate(lines):
        if index not in taken:
            rejected += 1
            continue
        event = json.loads(line)
        if event["event_id"] in events:
            assert events[event["event_id"]][0] == line, "the same id with other bytes"
            repeated += 1
        else:
            events[event["event_id"]] = (line, event)
    return [event for _, event in events.values()], rejected, repeated


def figures(lines: list[bytes]) -> dict[str, Any]:
    """The figures of a truth file, from the lines."""
    events, rejected, repeated = sound(lines)
    became = {e["anonymous_id"]: e["user_id"] for e in events if "anonymous_id" in e and "user_id" in e}
    purchases = [e["properties"] for e in events if e["event_type"] == "purchase"]
    revenue: Counter[str] = Counter()
    for purchase in purchases:
        revenue[purchase["currency"]] += Decimal(str(purchase["total"]))  # type: ignore[assignment]  # a Counter sums decimals as well
    paths: dict[str, list[tuple[str, str]]] = {}
    for event in events:
        visitor = event.get("user_id") or became.get(event["anonymous_id"], event["anonymous_id"])
        paths.setdefault(visitor, []).append((event["timestamp"], event["event_type"]))
    reached: Counter[str] = Counter()
    for path in paths.values():
        step = 0
        for _, event_type in sorted(path, key=lambda event: event[0]):
            if step < len(FUNNEL) and event_type == FUNNEL[step]:
                reached[FUNNEL[step]] += 1
                step += 1
    times = sorted(event["timestamp"] for event in events)
    return {
        "sent": len(lines),
        "events": len(events),
        "duplicates": repeated,
        "malformed": rejected,
        "by_type": dict(Counter(event["event_type"] for event in events)),
        "orders": len({purchase["order_id"] for purchase in purchases}),
        "revenue": {currency: str(amount) for currency, amount in revenue.items()},
        "funnel": {step: reached[step] for step in FUNNEL},
        "sessions": len({event["session_id"] for event in events}),
        "visitors": len(paths),
        "from": times[0],
        "to": times[-1],
    }
