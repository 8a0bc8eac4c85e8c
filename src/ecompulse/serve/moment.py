"""The last minutes of a site as the live stream tells them: what is quick to ask, and what takes longer, apart from each other."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ecompulse.analyze.parameters import Shop
from ecompulse.analyze.reading import Readable, completeness
from ecompulse.analyze.real_time import MINUTES, QUICK, SLOW, look, moments, told
from ecompulse.analyze.rows import plain, time_text
from ecompulse.analyze.statement import statement

NEWEST_MAX: Final = 20
"""Events told with one update: more go by than can be read."""
TIMEOUT_SECONDS: Final = 10.0

Rows = list[dict[str, Any]]


class Moment:
    """What was asked of one site (or all, with None) last. `look` and `count` block, and may run side by side."""

    def __init__(self, store: Callable[[], Readable], site: str | None, shop: Shop) -> None:
        self._store, self._shop = store, shop
        self._asked = {"minutes": MINUTES, "site": site, "traffic": shop.traffic}
        self._quick: dict[str, Rows] = {}
        self._slow: dict[str, Rows] = {}
        self._fresh: dict[str, Any] = {}
        self._counted = ""
        self._newest = datetime.now(UTC) - timedelta(hours=1)

    def look(self) -> list[dict[str, Any]]:
        """Ask for the quick figures; returns the events since the last time, the newest last.

        Raises:
            QueryError: the store could not answer; the figures stay as they were.
        """
        store = self._store()
        with store.snapshot(TIMEOUT_SECONDS) as picture:
            fresh = completeness(store)
            now = datetime.now(UTC)  # what was received before the clock was set back lies ahead of it, and must not hide the news
            values = moments(self._asked, self._shop, now)
            quick = {name: look(picture, name, values) for name in QUICK}
            values |= {"after": min(self._newest, now), "until": now, "limit": NEWEST_MAX}
            found = picture.query(statement("newest-events"), values, named=True).to_pylist()
        self._quick, self._fresh = quick, fresh
        if found:
            self._newest = found[0]["received_at"]
        return [{name: plain(value) for name, value in event.items() if value is not None} for event in reversed(found)]

    def count(self) -> float:
        """Ask for the others; returns the seconds of work that it took.

        Raises:
            QueryError: the store could not answer; the figures stay as they were.
        """
        began, store = time.thread_time(), self._store()
        with store.snapshot(TIMEOUT_SECONDS) as picture:
            counted = time_text(store.as_of())
            values = moments(self._asked, self._shop, datetime.now(UTC))
            slow = {name: look(picture, name, values) for name in SLOW}
        self._slow, self._counted = slow, counted
        return time.thread_time() - began

    def figures(self) -> dict[str, Any] | None:
        """The real-time object, with `counted_as_of` beside it; None before the first `look`."""
        if not self._quick:
            return None
        figures = told({**self._quick, **self._slow}, self._asked, self._shop)
        return {**self._fresh, "counted_as_of": self._counted or None, **figures}

    def repeated(self) -> dict[str, Any] | None:
        """The figures as they were, with how complete the store is now; it asks nothing of the store's rows."""
        self._fresh = completeness(self._store())
        return self.figures()
