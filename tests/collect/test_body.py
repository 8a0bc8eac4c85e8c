"""Content encodings and their limits."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.collect.answer import Refused, Request
from ecompulse.collect.body import plain_body

PACK = {"gzip": gzip.compress, "x-gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress}
EVENT = {"event_type": "custom", "user_id": "u", "properties": {"name": "n"}}


def packed(encoding: str, body: bytes) -> Request:
    return Request("POST", "/v1/events", "", {b"content-encoding": encoding.encode()}, body, "", 0)


@pytest.mark.parametrize("encoding", PACK)
@given(body=st.binary(max_size=5_000))
def test_what_was_packed_comes_out_again(encoding, body):
    assert plain_body(packed(encoding, PACK[encoding](body))) == body


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_several_members_are_one_body(encoding):
    assert plain_body(packed(encoding, PACK[encoding](b"one ") + PACK[encoding](b"two"))) == b"one two"


@pytest.mark.parametrize("encoding", PACK)
def test_a_packed_event_is_taken(ask, encoding):
    assert ask.post("/v1/events", PACK[encoding](json.dumps(EVENT).encode()), content_encoding=encoding).status == 202


@pytest.mark.parametrize("encoding", PACK)
def test_a_bomb_is_413_and_never_unpacked_whole(encoding):
    bomb = PACK[encoding](b" " * 300_000_000)
    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        plain_body(packed(encoding, bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.answer.status == 413
    assert peak < 40_000_000


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize(
    "broken", [lambda body: b"not packed", lambda body: body[:-6], lambda body: body[:1], lambda body: body[: len(body) // 2]]
)
def test_broken_data_is_400(encoding, broken):
    body = PACK[encoding](json.dumps([EVENT] * 50).encode())
    with pytest.raises(Refused) as refused:
        plain_body(packed(encoding, broken(body)))
    assert refused.value.answer.status == 400


@pytest.mark.parametrize("encoding", PACK)
@given(body=st.binary(min_size=1, max_size=300))
def test_random_bytes_are_refused_or_read_but_never_a_fault(encoding, body):
    try:
        plain_body(packed(encoding, body))
    except Refused as refused:
        assert refused.answer.status in (400, 413)  # noqa: PT017 — a refusal is one of the two right outcomes
