"""What a hostile sender may send: each a clear 4xx, none a 5xx, none a spike of memory; and the door goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
from tests.conftest import RunningSystem
from tests.hostile.client import event, forget_peak, head, peak_bytes, post, resident_bytes, say

SPIKE_BYTES = 96 * 1024 * 1024
"""The most that one request may add for a moment: a body of 10 MB, decompressed, decoded and copied a few times."""

PATHS = ("/v1/events", "/v1/track", "/v1/batch", "/api/events/cart", "/topics/events", "/com.snowplowanalytics.snowplow/tp2", "/mp/collect")

TEXT = json.dumps(event())
UNREADABLE = {
    "endless depth": b"[" * 100_000,
    "endless depth, closed": b"[" * 100_000 + b"]" * 100_000,
    "endless depth of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "depth in properties": TEXT.replace('"mug"', "[" * 100_000 + "]" * 100_000).encode(),
    "NaN": TEXT.replace('"mug"', "NaN").encode(),
    "invalid UTF-8": TEXT.replace("mug", "\udcff").encode("utf-8", "surrogateescape"),
    "NULs": b"\0" * 10_000,
    "half an event": TEXT[: len(TEXT) // 2].encode(),
    "a number without end": b'{"properties": ' + b"9" * 5_000_000 + b"}",
    "nothing": b"",
    "another encoding": TEXT.encode("utf-16"),
}
WRONG = {
    "1e999": ("properties", {"query": "mug", "results_count": float("inf")}),
    "year 0001": ("timestamp", "0001-01-01T00:00:00Z"),
    "year 9999": ("timestamp", "9999-12-31T23:59:59Z"),
    "an id of 10 MB": ("event_id", "x" * 9_900_000),
    "a user of 10 MB": ("user_id", "x" * 9_900_000),
    "a type of 1 MB": ("event_type", "x" * 1_000_000),
    "NULs in an id": ("event_id", "\0" * 36),
}


@pytest.fixture(autouse=True)
def unharmed(shared_system: RunningSystem) -> Iterator[None]:
    """After each test the same process takes events, and it has not kept what it was given."""
    pid = shared_system.role("collect")
    forget_peak(pid)
    before = resident_bytes(pid)
    yield
    assert shared_system.role("collect") == pid, "the collector died"
    assert peak_bytes(pid) - before < SPIKE_BYTES, f"{(peak_bytes(pid) - before) / 1e6:.0f} MB more at its peak"
    assert shared_system.send(event()).status == 202


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_body_is_400_and_says_why(shared_system: RunningSystem, what: str) -> None:
    told = post(shared_system, UNREADABLE[what])
    assert told.status == (422 if what == "a number without end" else 400), told
    assert told.headers["content-type"].startswith("application/problem+json")
    assert told.json()["detail"]


@pytest.mark.parametrize("path", PATHS)
def test_no_dialect_answers_garbage_with_a_5xx(shared_system: RunningSystem, path: str) -> None:
    for what, body in UNREADABLE.items():
        told = post(shared_system, body, path=path)
        assert 200 <= told.status < 500, (path, what, told)
    for name, value in WRONG.values():
        told = post(shared_system, json.dumps(event(**{name: value})).replace("Infinity", "1e999").encode(), path=path)
        assert 200 <= told.status < 500, (path, name, told)


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_value_is_a_422_that_names_its_field(shared_system: RunningSystem, what: str) -> None:
    name, value = WRONG[what]
    body = json.dumps(event(**{name: value})).replace("Infinity", "1e999").encode()
    told = post(shared_system, body)
    assert told.status in (400, 422), told
    assert len(told.body) < 10_000, "what was sent is told back in full"
    if told.status == 422:
        assert told.json()["rejected"][0]["field"].startswith(name)


def test_lone_surrogates_and_nuls_in_texts_are_taken_or_named(shared_system: RunningSystem) -> None:
    for text in ("\\ud800", "\\udc00x", "a\\u0000b", "\\ud83d"):
        told = post(shared_system, TEXT.replace("mug", text).encode())
        assert told.status in (202, 400, 422), told


def test_a_name_given_twice_is_refused_and_named(shared_system: RunningSystem) -> None:
    for more, path in ((b', "user_id": "second"}', "user_id"), (b', "metadata": {"a": {"b": 1, "b": 1}}}', "metadata.a.b")):
        doubled = json.dumps(event())[:-1].encode() + more
        alone = post(shared_system, doubled)
        assert alone.status == 400, alone
        assert f"{path} appears twice" in alone.json()["detail"]
        beside = post(shared_system, b"[%s,%s]" % (json.dumps(event()).encode(), doubled))
        assert beside.status == 202, beside
        assert [(one["index"], one["field"]) for one in beside.json()["rejected"]] == [(1, path)]


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_bomb_is_413(shared_system: RunningSystem, encoding: str) -> None:
    import brotli
    import zstandard

    nothing = b" " * 60_000_000
    packed = {
        "gzip": lambda: gzip.compress(nothing, 1),
        "br": lambda: brotli.compress(nothing, quality=1),
        "zstd": lambda: zstandard.compress(nothing),
    }
    assert post(shared_system, packed[encoding](), f"Content-Encoding: {encoding}").status == 413


def test_a_gigabyte_is_refused_before_it_comes(shared_system: RunningSystem) -> None:
    told = say(shared_system, head(1_000_000_000))
    assert told is not None
    assert told.status == 413
    for length in ("-1", "99999999999999999999999", "1x", "0x10"):
        wrong = say(shared_system, head(None, f"Content-Length: {length}"))
        assert wrong is not None
        assert 400 <= wrong.status < 500, (length, wrong)


def test_a_chunked_body_without_end_is_cut_off(shared_system: RunningSystem) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    told = say(shared_system, head(None, "Transfer-Encoding: chunked"), *([chunk] * 400))
    assert told is not None
    assert told.status == 413


def test_floods_of_headers_and_garbage_are_refused(shared_system: RunningSystem) -> None:
    flood = [f"X-{n}: {'a' * 100}" for n in range(5_000)]
    for parts, expected in (
        ([head(2, *flood[:150]), b"{}"], (431,)),
        ([head(2, *flood), b"{}"], (431,)),
        ([head(2, "X: " + "a" * 100_000), b"{}"], (431,)),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 100], (400,)),
        ([b"\0" * 5_000], (400,)),
        ([b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"], (400, 414, 431)),
        ([head(5, "Transfer-Encoding: chunked"), b"0\r\n\r\n"], (400,)),
    ):
        told = say(shared_system, *parts)
        assert told is not None
        assert told.status in expected, (parts[0][:60], told)


def test_garbage_behind_a_request_does_not_harm_it(shared_system: RunningSystem) -> None:
    body = json.dumps(event()).encode()
    told = say(shared_system, head(len(body)) + body + b"\xff\xfe\0garbage\r\n\r\n" * 50)
    assert told is not None
    assert told.status == 202
