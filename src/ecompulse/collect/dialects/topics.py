"""Kafka REST Proxy v2: `POST /topics/{topic}` with records whose values are canonical events, as JSON or as base64 of JSON."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any, Final

import msgspec

from ecompulse.collect.answer import Answer, Request, Verdict
from ecompulse.collect.body import JSON_TYPES, json_body
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects.document import Elements, elements_at, mapped, unreadable
from ecompulse.collect.door import Door

NAME: Final = "topics"
BINARY: Final = "application/vnd.kafka.binary.v2+json"
TYPES: Final = JSON_TYPES | {"application/vnd.kafka.json.v2+json", "application/vnd.kafka.v2+json", BINARY}
ANSWER_TYPE: Final = "application/vnd.kafka.v2+json"
NOT_RETRIABLE: Final = 1
"""The proxy's error code of a record that will never be taken."""


class _Record(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw(b"null")


class _Produce(msgspec.Struct):
    records: list[_Record]


_produces = msgspec.json.Decoder(_Produce)
_anything = msgspec.json.Decoder()


def receive(request: Request, door: Door) -> Answer | Intake:
    """Take the values of records; the topic's name changes nothing: an event says itself what it is."""
    sender = door.admit(request)
    body, kind = json_body(request, door.config.body_max, TYPES)
    try:
        raws = [bytes(record.value) for record in _produces.decode(body).records]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise unreadable(body, wrong) from None
    _, records = elements_at(body, "records", r"records\.\d+\.value")
    if kind == BINARY:
        values = [_unpacked(raw) for raw in raws]
        elements = Elements([found for found, _ in values], lambda index: values[index][1], checked=False)
    else:
        elements = Elements([record.get("value") for record in records.events], raws.__getitem__, records.checked)
    return door.take(request, mapped(elements, lambda found: found), sender, NAME, partial(answer, len(raws)))


def _unpacked(value: bytes) -> tuple[Any, bytes]:
    text = _anything.decode(value)
    try:
        raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        return _anything.decode(raw), raw
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors; the record alone is wrong
        return None, value


def answer(records: int, verdict: Verdict) -> Answer:
    """The proxy's answer: an offset or an error for each record."""
    wrong = {one.index: f"{one.field}: {one.reason}" for one in verdict.rejected}
    offset, told = verdict.offset, []
    for index in range(records):
        if index in wrong:
            told.append({"partition": None, "offset": None, "error_code": NOT_RETRIABLE, "error": wrong[index]})
        else:
            told.append({"partition": 0, "offset": offset, "error_code": None, "error": None})
            offset += 1
    return Answer(200, msgspec.json.encode({"offsets": told, "key_schema_id": None, "value_schema_id": None}), ANSWER_TYPE)
