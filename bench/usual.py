"""Events with the fields that most shops send, and no others.

An event of the synthetic shop has 16 fields, and all of its events together 49, of which a peer's table keeps a third. These have the
same sessions and people, and the same fields on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

TYPES: Final = frozenset({"page_view", "product_view", "add_to_cart", "remove_from_cart", "search"})
"""Nine of ten events. What the others must say is not among the fields."""
ENVELOPE: Final = ("event_id", "event_type", "timestamp", "user_id", "anonymous_id", "session_id", "source")
PROPERTIES: Final = (
    "page_url", "screen_name", "page_title", "referrer", "user_agent", "product_id", "product_name", "price", "currency", "query",
)  # fmt: skip
METADATA: Final = ("platform",)
COLUMNS: Final = len(ENVELOPE) + len(PROPERTIES) + len(METADATA)


def usual(events: Iterable[bytes]) -> Iterator[bytes]:
    """Those of the usual types, with the usual fields."""
    for event in events:
        found: dict[str, Any] = msgspec.json.decode(event)
        if found["event_type"] in TYPES:
            objects = {"properties": _only(found["properties"], PROPERTIES), "metadata": _only(found["metadata"], METADATA)}
            yield msgspec.json.encode({**_only(found, ENVELOPE), **objects})


def _only(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
