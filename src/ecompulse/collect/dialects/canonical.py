"""`POST /v1/events`: the canonical envelope, as one event, an array, `{"events": […]}` or NDJSON; CloudEvents by content type."""

from __future__ import annotations

from typing import Final

from ecompulse.collect.answer import Answer, Refused, Request, unreadable, verdict_answer
from ecompulse.collect.body import JSON_TYPES, LINE_TYPES, json_body
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects import cloudevents
from ecompulse.collect.door import Door
from ecompulse.contract.read import may_be_one, read_events, read_lines
from ecompulse.contract.unreadable import Unreadable

NAME: Final = "canonical"
TYPES: Final = JSON_TYPES | LINE_TYPES | cloudevents.TYPES


def receive(request: Request, door: Door) -> Answer | Intake:
    """Take events of the contract's own shape."""
    sender = door.admit(request)
    if cloudevents.is_binary(request):
        return cloudevents.receive_binary(request, door, sender)
    body, kind = json_body(request, door.config.body_max, TYPES)
    if kind in cloudevents.TYPES:
        return cloudevents.receive(request, door, sender, body)
    if kind not in LINE_TYPES and may_be_one(body) and not door.counts_events:
        return door.take(request, body, sender, NAME, verdict_answer)
    try:
        read = read_lines(body) if kind in LINE_TYPES else read_events(body)
    except Unreadable as wrong:
        raise Refused(unreadable(wrong)) from None
    return door.take(request, read, sender, NAME, verdict_answer)
