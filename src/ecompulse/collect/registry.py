"""The contract as a Confluent-compatible schema registry, read-only: what Kafka clients, ksqlDB and Spark ask for."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from ecompulse.collect.answer import Answer, Request, as_json
from ecompulse.collect.door import Door

SUBJECTS: Final = ("events-value",)
"""By the usual strategy: the topic's name and `-value`."""
VERSION: Final = 1
ID: Final = 1
TYPE: Final = "application/vnd.schemaregistry.v1+json"
UNKNOWN_SUBJECT, UNKNOWN_VERSION, UNKNOWN_SCHEMA = 40401, 40402, 40403
"""The registry's own error codes."""


def subjects(_request: Request, _door: Door) -> Answer:
    """The names under which the contract is known."""
    return _told(SUBJECTS)


def versions(request: Request, _door: Door) -> Answer:
    """The versions of a subject."""
    return _told([VERSION]) if request.path.split("/")[2] in SUBJECTS else _unknown(UNKNOWN_SUBJECT, "Subject")


def version(request: Request, _door: Door) -> Answer:
    """One version of a subject, or the latest."""
    _, _, subject, _, wanted = request.path.split("/")
    if subject not in SUBJECTS:
        return _unknown(UNKNOWN_SUBJECT, "Subject")
    if wanted not in ("latest", "-1", str(VERSION)):
        return _unknown(UNKNOWN_VERSION, "Version")
    return _told({"subject": subject, "version": VERSION, "id": ID, "schema": _schema()})


def schema(request: Request, _door: Door) -> Answer:
    """The schema of an id, as it stands before every message of a Confluent serializer."""
    return _told({"schema": _schema()}) if request.path.rpartition("/")[2] == str(ID) else _unknown(UNKNOWN_SCHEMA, "Schema")


@cache
def _schema() -> str:
    from ecompulse.contract.avro import avro_schema  # derived from all fields, 15 ms, which few collectors are ever asked for

    return msgspec.json.encode(avro_schema()).decode()


def _told(value: object) -> Answer:
    return msgspec.structs.replace(as_json(value), content_type=TYPE)


def _unknown(code: int, what: str) -> Answer:
    return msgspec.structs.replace(as_json({"error_code": code, "message": f"{what} not found."}, 404), content_type=TYPE)
