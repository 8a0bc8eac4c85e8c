"""What to show a shopper next: products that people with a like history bought or looked at, else what is popular."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from ecompulse.analyze.active import active
from ecompulse.analyze.ask import TIMEOUT_SECONDS, Answer
from ecompulse.analyze.reading import Readable
from ecompulse.analyze.statement import answered
from ecompulse.store import Snapshot

HISTORY: Final = timedelta(days=30)
"""Tastes and assortments change; it also bounds what is read."""
TOUCHES_MAX: Final = 500_000
"""Others are compared by about so many of the newest views, carts and purchases, whatever a shop has in `HISTORY`: a page waits for the
answer, and a large shop's tastes are plain from its last hours."""
PRODUCTS_MAX: Final = 200
"""Products of a person that others are compared by: those that weigh most."""
LIMIT_MAX: Final = 100


def recommend(store: Readable, user: str, *, site: str | None, limit: int) -> Answer:
    """Products for a user, or for a device by its anonymous id, the best first, with a score from 0 to 1 and the reason.

    Co-occurrence after Linden, Smith and York, "Amazon.com Recommendations: Item-to-Item Collaborative Filtering" (2003), by way of the 500
    people whose history is most like the user's.
    """
    earliest = datetime.now(UTC) - HISTORY
    values: dict[str, Any] = {"user": user, "site": site, "limit": limit, "earliest": earliest}
    with store.snapshot(TIMEOUT_SECONDS) as picture:
        as_of, lag_seconds = store.as_of(), store.lag_seconds()
        values["people"] = list(dict.fromkeys((user, *answered(picture, "recommendations-person", values)["user_id"].to_pylist())))
        history = _history(picture, values)
        (since,) = answered(picture, "recommendations-since", {**values, "most": TOUCHES_MAX})["since"].to_pylist()
        values |= {"since": since or earliest, **{f"{name}s": history[name].to_pylist() for name in ("site", "product", "weight")}}
        return Answer(as_of, lag_seconds, answered(picture, "recommendations", values))


def _history(picture: Snapshot, values: Mapping[str, Any]) -> pa.Table:
    spans = active(picture, people=values["people"], since=values["earliest"])
    return answered(picture, "recommendations-history", {**values, **spans, "most": PRODUCTS_MAX})
