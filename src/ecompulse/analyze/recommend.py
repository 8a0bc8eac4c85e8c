"""What to show a shopper next: products that people with a like history bought or looked at, else what is popular."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from ecompulse.analyze.ask import Answer, answer
from ecompulse.analyze.reading import Readable
from ecompulse.analyze.statement import statement

HISTORY: Final = timedelta(days=30)
"""Tastes and assortments change; it also bounds what is read."""
LIMIT_MAX: Final = 100


def recommend(store: Readable, user: str, *, site: str | None, limit: int) -> Answer:
    """Products for a user, or for a device by its anonymous id, the best first, with a score from 0 to 1 and the reason.

    Co-occurrence after Linden, Smith and York, "Amazon.com Recommendations: Item-to-Item Collaborative Filtering" (2003), by way of the 500
    people whose history is most like the user's.
    """
    values = {"user": user, "site": site, "limit": limit, "since": datetime.now(UTC) - HISTORY}
    return answer(store, statement("recommendations"), values)
