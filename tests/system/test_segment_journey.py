"""The official Segment client sends a day of shoppers; the questions give exactly what they did."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from segment.analytics.client import Client
from tests.conftest import RunningSystem, wait_until

SHOPPERS = 500
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
PRODUCTS = {"P-1": ("Blue mug", Decimal("12.50")), "P-2": ("Oak chair", Decimal("89.90")), "P-3": ("Linen sheet", Decimal("0.10"))}


def send_journeys(client: Client) -> tuple[Counter[str], Decimal, Counter[str]]:
    """Shopper n sees a page; views a product unless n % 10 is 0; adds it when n % 3 is 0; buys when n % 6 is 0, and 1 + n % 4 of it."""
    steps: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    revenue = Decimal(0)
    for n in range(SHOPPERS):
        at, user = DAY + timedelta(minutes=n), f"shopper-{n}"
        product = f"P-{1 + n % 3}"
        name, price = PRODUCTS[product]
        client.page(user, name="Home", properties={"url": "https://shop.example/?utm_source=news&utm_medium=email"}, timestamp=at)
        steps["page_view"] += 1
        if n % 10 == 0:
            continue
        seen = {"product_id": product, "name": name, "price": float(price), "currency": "EUR"}
        client.track(user, "Product Viewed", seen, timestamp=at + timedelta(seconds=10))
        steps["product_view"] += 1
        if n % 3 == 0:
            client.track(user, "Product Added", {**seen, "quantity": 1}, timestamp=at + timedelta(seconds=20))
            steps["add_to_cart"] += 1
        if n % 6 == 0:
            quantity = 1 + n % 4
            order = {
                "order_id": f"o-{n}", "total": float(price * quantity), "currency": "EUR",
                "products": [{"product_id": product, "name": name, "price": float(price), "quantity": quantity}],
            }  # fmt: skip
            client.track(user, "Order Completed", order, timestamp=at + timedelta(seconds=30))
            steps["purchase"] += 1
            sold[product] += quantity
            revenue += price * quantity
    return steps, revenue, sold


def test_segments_client_and_the_questions_agree_to_the_cent(running_system: RunningSystem) -> None:
    failures: list[BaseException] = []
    client = Client(
        "a-write-key", host=running_system.door, on_error=lambda error, _: failures.append(error), max_retries=3, sync_mode=False
    )
    steps, revenue, sold = send_journeys(client)
    client.flush()
    client.join()
    assert not failures
    total = sum(steps.values())
    wait_until(
        lambda: running_system.sql("select count(*) from events where dialect = 'segment'") == [[total]], what=f"{total} events stored"
    )

    day = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
    answer = running_system.ask("revenue", **day)
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    assert sum(Decimal(row["revenue"]) for row in rows) == revenue
    assert sum(row["orders"] for row in rows) == steps["purchase"]
    funnel = running_system.ask("funnel", **day)
    visitors = [row[funnel["columns"].index("visitors")] for row in funnel["rows"]]
    assert visitors == [steps[name] for name in ("page_view", "product_view", "add_to_cart", "purchase")]
    top = running_system.ask("top-products", **day)
    found = {row[top["columns"].index("product_id")]: row for row in top["rows"]}
    for product, quantity in sold.items():
        row = dict(zip(top["columns"], found[product], strict=True))
        assert row["quantity"] == quantity
        assert Decimal(row["revenue"]) == quantity * PRODUCTS[product][1]
    sources = running_system.ask("sources", **day)
    assert [row[sources["columns"].index("traffic_source")] for row in sources["rows"]] == ["news"]
    assert running_system.command("verify").returncode == 0


@pytest.mark.parametrize("dialect", ["segment"])
def test_a_message_sent_twice_counts_once(running_system: RunningSystem, dialect: str) -> None:
    order = {"order_id": "once", "total": 5, "currency": "EUR", "products": [{"product_id": "P", "quantity": 1, "price": 5}]}
    message = {"type": "track", "event": "Order Completed", "userId": "u", "messageId": "ajs-next-1", "properties": order}
    message["timestamp"] = DAY.isoformat()
    for _ in range(2):
        assert running_system.send({"batch": [message]}, "/v1/batch").json()["success"] is True
    wait_until(lambda: running_system.sql(f"select sum(count) from ledger where dialect = '{dialect}' and outcome = 'duplicate'") == [[1]])
    assert running_system.sql("select count(*) from events where order_id = 'once'") == [[1]]
