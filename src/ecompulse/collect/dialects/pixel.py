"""`GET /i`: an event in an image's address, for mails and pages without scripts; canonical names, or Snowplow's GET form."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import parse_qsl

from ecompulse.collect.answer import Answer, Request, Verdict
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects import snowplow
from ecompulse.collect.dialects.document import Found, mapped, one_element
from ecompulse.collect.dialects.fields import coerced
from ecompulse.collect.door import Door
from ecompulse.contract.event import ENVELOPE_FIELDS

NAME: Final = "pixel"
_IMAGE: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
GIF: Final = Answer(200, _IMAGE, "image/gif", (("Cache-Control", "no-store, no-cache"),))
"""A transparent image of one pixel; a page shows nothing broken, whatever becomes of the event."""
_ENVELOPE: Final = frozenset(ENVELOPE_FIELDS) - {"properties", "metadata"}
_KEYS: Final = frozenset({"writeKey", "write_key"})


def answer(_verdict: Verdict) -> Answer:
    """The image."""
    return GIF


def receive(request: Request, door: Door) -> Answer | Intake:
    """Take the event of an address."""
    sender = door.admit(request)
    found: Found = {name: value for name, value in parse_qsl(request.query, errors="replace") if name not in _KEYS}
    event = one_element(found, request.query.encode("latin-1"))
    if "e" in found:
        return door.take(request, mapped(event, lambda told: snowplow.to_event(told, sender.site)), sender, snowplow.NAME, answer)
    return door.take(request, mapped(event, to_event), sender, NAME, answer)


def to_event(found: Found) -> Found:
    """The canonical envelope: its own fields by name, everything else a property. Numbers are texts in an address."""
    properties = coerced({name: value for name, value in found.items() if name not in _ENVELOPE})
    return {**{name: found[name] for name in _ENVELOPE & found.keys()}, "properties": properties}
