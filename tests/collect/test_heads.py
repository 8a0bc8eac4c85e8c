"""Heads that are known by their bytes: the same answers as when each is parsed, and no more memory than allowed."""

from __future__ import annotations

import random

import pytest
from tests.collect.test_server import EVENT, answers, eventually, request

from ecompulse.collect import heads
from ecompulse.collect.heads import Head, Heads, end_of_head


def test_a_head_seen_before_means_the_same_with_another_body(running):
    one = running()
    with one.connect() as sock:
        for name in (b"n", b"m", b"o"):
            sock.sendall(request(EVENT.replace(b'"n"', b'"' + name + b'"')))
            assert answers(sock, 1)[0][0] == 202
    assert [row["name"] for row in one.log.rows] == ["n", "m", "o"]
    assert one.collector.server.heads.find(request()[: -len(EVENT)]) is not None


@pytest.mark.parametrize("seed", range(5))
def test_however_requests_are_cut_up_each_has_its_own_answer(running, seed):
    dice = random.Random(seed)
    kinds = [
        (request(), 202), (request(b"{"), 400), (request(b"", "/healthz", "GET"), 200), (request(b"", "/nowhere", "GET"), 404),
        (b"\r\n" + request(), 202), (b"GET /healthz HTTP/1.1\r\n\r\n", 200), (request(extra="Connection: keep-alive\r\n"), 202),
        (b"POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(EVENT), EVENT), 202),
        (b"POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ]  # fmt: skip
    one = running()
    with one.connect() as sock:
        for _ in range(30):
            sent = dice.choices(kinds, k=dice.randint(1, 3))
            whole = b"".join(bytes_ for bytes_, _ in sent)
            cut = dice.randint(0, len(whole)) if dice.random() < 0.5 else 0
            for part in (whole[:cut], whole[cut:]):
                sock.sendall(part)
            assert [status for status, _ in answers(sock, len(sent))] == [status for _, status in sent]


def test_bytes_before_a_head_are_not_taken_for_it(running):
    one = running()
    with one.connect() as sock:
        sock.sendall(b"\n\r\n\r\n" + request())
        assert answers(sock, 1)[0][0] == 202
        sock.sendall(b"\n\r\n\r\n" + EVENT)
        assert answers(sock, 1)[0][0] == 400
    assert len(one.log.rows) == 1


def test_a_known_head_still_ends_its_connection_when_the_door_closes(running):
    one = running()
    one.log.gate.clear()
    with one.connect() as sock:
        sock.sendall(request())
        eventually(lambda: one.collector.committer.waiting_events == 1)
        one.log.gate.set()
        assert answers(sock, 1)[0][0] == 202
        stopped = one.begin_stop()
        assert sock.recv(100) == b""
        stopped.result(5)


def test_heads_are_forgotten_before_they_are_too_many(monkeypatch):
    monkeypatch.setattr(heads, "HEADS_LIMIT", 3)
    known = Heads()
    for number in range(10):
        known.remember(b"%d\r\n\r\n" % number, Head("GET", "/", "", {}, 0))
    assert [number for number in range(10) if known.find(b"%d\r\n\r\n" % number)] == [9]


def test_what_says_how_one_body_is_sent_is_left_to_the_parser():
    known = Heads()
    known.remember(b"h", Head("POST", "/", "", {b"transfer-encoding": b"chunked"}, 5))
    assert known.find(b"h") is None


def test_a_long_head_is_not_remembered():
    assert end_of_head(b"GET / HTTP/1.1\r\n\r\nrest") == 18
    assert end_of_head(b"GET / HTTP/1.1\r\nX: " + b"a" * heads.BYTES_LIMIT + b"\r\n\r\n") == 0
