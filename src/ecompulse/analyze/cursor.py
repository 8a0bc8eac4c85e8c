"""Where a page of a list ends, as text that the next request gives back: the time and the id of its last row."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ecompulse.analyze.wrong import WrongParameter

UUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
LETTER_ID: Final = re.compile(r"\d{1,6}-\d{1,18}")
_CURSOR: Final = re.compile(r"(\d{1,17})~([0-9A-Za-z-]{1,64})")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def cursor(moment: datetime, row_id: object) -> str:
    """The cursor after a row."""
    since = moment - EPOCH
    return f"{(since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds}~{row_id}"


def before(text: str | None, ids: re.Pattern[str] = LETTER_ID) -> dict[str, Any]:
    """The values `before` and `before_id` of a statement, for rows whose ids look like `ids`. Raises `WrongParameter`."""
    if not text:
        return {"before": None, "before_id": None}
    found = _CURSOR.fullmatch(text)
    if not found or not ids.fullmatch(found[2]):
        raise WrongParameter("after", f"'{text[:60]}' is not what 'next' of an answer said.")
    return {"before": EPOCH + timedelta(microseconds=int(found[1])), "before_id": found[2]}
