"""CloudEvents 1.0 over HTTP: structured, batched and binary. The data is a canonical event, or the properties of one whose type is told."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from ecompulse.collect.answer import Answer, Request, verdict_answer
from ecompulse.collect.body import json_body
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects.document import Found, Unmapped, elements_of, mapped
from ecompulse.collect.dialects.fields import event_id, text
from ecompulse.collect.door import Door, Sender
from ecompulse.contract.event import EVENT_TYPES, SOURCES

NAME: Final = "cloudevents"
TYPES: Final = frozenset({"application/cloudevents+json", "application/cloudevents-batch+json"})
_ATTRIBUTES: Final = ("id", "type", "time", "subject", "source")


def is_binary(request: Request) -> bool:
    """Whether the attributes are headers and the body is the data alone (HTTP binding, 3.1)."""
    return b"ce-specversion" in request.headers


def receive(request: Request, door: Door, sender: Sender, body: bytes) -> Answer | Intake:
    """Take one structured event or a batch."""
    read = mapped(elements_of(body), lambda found: to_event(found, sender.site))
    return door.take(request, read, sender, NAME, verdict_answer)


def receive_binary(request: Request, door: Door, sender: Sender) -> Answer | Intake:
    """Take one event whose attributes are headers."""
    body, _ = json_body(request, door.config.body_max)
    told = {name: unquote(request.header(f"ce-{name}".encode())) or None for name in _ATTRIBUTES}
    read = mapped(elements_of(body), lambda found: to_event({**told, "data": found}, sender.site))
    return door.take(request, read, sender, NAME, verdict_answer)


def to_event(found: Found, site: str) -> Found:
    """The canonical envelope of one CloudEvent.

    Raises:
        Unmapped: its data is no object, or its type is none of the contract's and neither is its data's.
    """
    data = found.get("data")
    if not isinstance(data, dict):
        raise Unmapped("data", "must be a JSON object: a canonical event, or its properties")
    event = dict(data)
    if "event_type" not in data:
        event_type = str(found.get("type") or "").rpartition(".")[2]
        if event_type not in EVENT_TYPES:
            raise Unmapped("type", f"must end with one of {', '.join(EVENT_TYPES)}, unless the data has an event_type")
        event = {"event_type": event_type, "properties": data}
    event.setdefault("event_id", event_id(f"{site}\n{found.get('source')}", found.get("id")))
    event.setdefault("timestamp", found.get("time"))
    if event.get("user_id") is None and event.get("anonymous_id") is None:
        event["user_id"] = text(found.get("subject"))
    if event.get("source") is None and found.get("source") in SOURCES:
        event["source"] = found["source"]
    return event
