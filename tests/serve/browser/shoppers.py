"""Visits of a small shop, with figures that can be told by heart."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any


def visit(steps: int, *, platform: str = "web", source: str = "google", product: int = 1, minutes_ago: float = 5) -> list[dict[str, Any]]:
    """A visit of 1 to 4 steps (page, product, cart, purchase), a second apart, by a visitor of its own."""
    number = uuid.uuid4().hex[:12]
    start = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    price = 10 * product
    goods = {"product_id": f"P-{product}", "product_name": f"Mug {product}", "price": price, "currency": "EUR"}
    order = {
        "order_id": f"O-{uuid.uuid4().hex}",
        "currency": "EUR",
        "total": price,
        "items": [{"product_id": f"P-{product}", "quantity": 1, "price": price}],
    }
    way: list[tuple[str, dict[str, Any]]] = [
        ("page_view", {"page_url": "https://shop.example/"}),
        ("product_view", goods),
        ("add_to_cart", goods),
        ("purchase", order),
    ]
    return [
        {
            "event_id": str(uuid.uuid4()),
            "event_type": kind,
            "timestamp": (start + timedelta(seconds=second)).isoformat(),
            "user_id": f"visitor-{number}",
            "session_id": f"session-{number}",
            "source": "web",
            "properties": {**properties, "utm_source": source, "utm_medium": "cpc"},
            "metadata": {"platform": platform},
        }
        for second, (kind, properties) in enumerate(way[:steps])
    ]


def crowd() -> list[dict[str, Any]]:
    """Twelve visitors: six stop at the page, three at the product, one at the cart, two buy (10 and 20 EUR, the second on ios)."""
    visits: list[list[dict[str, Any]]] = [visit(1) for _ in range(6)] + [visit(2, source="newsletter") for _ in range(3)] + [visit(3)]
    visits += [visit(4), visit(4, platform="ios", product=2, source="newsletter")]
    trouble: dict[str, Any] = {
        "user_id": visits[0][0]["user_id"],
        "source": "web",
        "timestamp": (datetime.now(UTC) - timedelta(minutes=4)).isoformat(),
    }
    return [
        *itertools.chain.from_iterable(visits),
        {**trouble, "event_id": str(uuid.uuid4()), "event_type": "search", "properties": {"query": "green mug", "results_count": 0}},
        {
            **trouble,
            "event_id": str(uuid.uuid4()),
            "event_type": "error",
            "properties": {"message": "card declined", "error_type": "Payment"},
        },
        {
            **trouble,
            "event_id": str(uuid.uuid4()),
            "event_type": "api_call",
            "properties": {"endpoint": "/cart", "status_code": 200, "duration_ms": 42},
        },
    ]
