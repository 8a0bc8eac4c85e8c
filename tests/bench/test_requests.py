"""Prepared requests: real events, a new id each time, and everything else as it was."""

from __future__ import annotations

import re
import uuid

import msgspec
import numpy as np
import pytest
from bench.lines import TABLE, line_batches
from bench.requests import Fields, Renewed, batches, shop_events, uuid_texts
from bench.usual import COLUMNS, ENVELOPE, METADATA, PROPERTIES

from ecompulse.contract.check import check
from ecompulse.contract.read import read_events


def _body(request: bytearray) -> bytes:
    head, _, body = bytes(request).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    return body


@pytest.mark.parametrize("version", [4, 7])
def test_ids_are_uuids_of_their_version(version: int) -> None:
    texts = uuid_texts(np.random.default_rng(1), 50, version, 1_700_000_000_000)

    ids = [uuid.UUID(row.tobytes().decode()) for row in texts]
    assert {one.version for one in ids} == {version}
    assert len(set(ids)) == 50


@pytest.mark.parametrize("fields", ["all", "usual"])
def test_no_id_is_sent_twice_and_every_event_keeps_the_contract(fields: Fields) -> None:
    source, seen = Renewed(batches(shop_events(30, fields=fields), 10)), set()

    for _ in range(9):  # each of three bodies three times
        read = read_events(_body(next(source)))
        checked = check(read.events, 1_900_000_000_000_000)
        assert (len(checked.batch), checked.violations, read.rejected) == (10, [], [])
        seen |= set(checked.batch.column("event_id").to_pylist())
    assert len(seen) == 90


def test_a_request_of_one_event_is_the_event_with_another_id() -> None:
    (event,) = shop_events(1)

    before, after = msgspec.json.decode(event), msgspec.json.decode(_body(next(Renewed([event]))))

    assert before.pop("event_id") != after.pop("event_id")
    assert before == after


def test_usual_events_have_the_usual_fields_and_all_of_them_occur() -> None:
    events = [msgspec.json.decode(event) for event in shop_events(2_000, fields="usual")]

    found = {name for event in events for name in event} - {"properties", "metadata"}
    found |= {name for event in events for place in ("properties", "metadata") for name in event[place]}
    assert found == {*ENVELOPE, *PROPERTIES, *METADATA}


def test_a_peer_is_given_every_usual_field() -> None:
    (body,) = line_batches(shop_events(2_000, fields="usual"), 2_000)

    names = {name for line in body.splitlines() for name in re.findall(rb'[ ,](\w+)=["A-Za-z0-9]', line)}
    assert {*ENVELOPE, *PROPERTIES, *METADATA} == {name.decode() for name in names} | {"timestamp"}
    assert TABLE.count(",", 0, TABLE.index(")")) + 1 == COLUMNS
