"""What each column of `events` means, in one sentence: the fields' own words, and words for the columns that no sender fills."""

from __future__ import annotations

from typing import Final

from ecompulse.contract.columns import ENRICHED, LOGGED
from ecompulse.contract.fields import ENVELOPE, METADATA, PROPERTIES

_ADDED: Final = {
    "event_id": "UUID of the event; an event counts once by it.",
    "timestamp": "When it happened, corrected by the skew of the device's clock; the time of receipt where the sender gave none.",
    "received_at": "When the collector took it.",
    "site": "The site it belongs to, from the sender's key.",
    "dialect": "In which dialect it was sent: canonical, segment, snowplow, ….",
    "sender_key": "Name of the key it was sent with.",
    "filled": "What the collector filled: 1 the id, 2 the timestamp, 3 both.",
    "properties": "Properties that the contract does not name, as a JSON object.",
    "metadata": "Metadata that the contract does not name, as a JSON object.",
    "extra": "Fields of the envelope that the contract does not name, as a JSON object.",
    "device_timestamp": "When it happened by the device's own clock.",
    "fingerprint": "64-bit hash of the content: tells a repeated event from a reused id.",
    "log_partition": "Partition of the log it came through.",
    "log_offset": "Its offset in that partition.",
    "page_path": "Path of the page's address.",
    "referrer_host": "Host of the page before.",
    "traffic_source": "Where the visitor came from.",
    "traffic_medium": "By what kind of way.",
    "channel": "The way's group: direct, organic search, paid, social, email, ….",
    "campaign": "Name of the campaign.",
    "browser": "Browser, from the user agent.",
    "os": "Operating system, from the user agent.",
    "device_type": "desktop, phone, tablet, …, from the user agent.",
    "is_bot": "Whether a robot sent it.",
    "country": "ISO 3166 code of the country, from the address before it was truncated.",
    "revenue": "A purchase's total in the reporting currency.",
    "rate": "Rate by which the total was converted.",
}

COLUMN_NOTES: Final[dict[str, str]] = {
    **{field.name: field.description for field in (*ENVELOPE, *METADATA) if field.name in LOGGED.names},
    **{name: field.description for name, field in PROPERTIES.items()},
    **_ADDED,
}
"""A sentence for each column."""


def sender_columns() -> tuple[str, ...]:
    """Columns of `events` that senders and the collector fill, in order."""
    return tuple(LOGGED.names)


def added_columns() -> tuple[str, ...]:
    """Columns of `events` that `process` adds, in order."""
    return tuple(ENRICHED.names)
