"""The server with real sockets: order, limits, slow clients, and a quiet end."""

from __future__ import annotations

import gc
import gzip
import http.client
import json
import socket
import threading
import time

import pytest

from ecompulse.collect import commit, connection, server

EVENT = b'{"event_type":"custom","user_id":"u","properties":{"name":"n"}}'


def request(body: bytes = EVENT, path: str = "/v1/events", method: str = "POST", extra: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answers(sock: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Read `count` answers from a connection."""
    file = sock.makefile("rb")
    found = []
    for _ in range(count):
        status = int(file.readline().split()[1])
        length = 0
        while (line := file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        found.append((status, file.read(length)))
    return found


def closed(sock: socket.socket, seconds: float = 10) -> bool:
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def eventually(condition, seconds: float = 10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)  # between two looks at a condition


def test_pipelined_requests_are_answered_in_order(running):
    one = running()
    with one.connect() as sock:
        sock.sendall(
            request() + request(b"{", "/v1/events") + request(b"", "/nowhere", "GET") + request() + request(b"", "/healthz", "GET")
        )
        assert [status for status, _ in answers(sock, 5)] == [202, 400, 404, 202, 200]
    assert len(one.log.rows) == 2


def test_an_early_answer_waits_for_the_one_before_it(running):
    one = running()
    one.log.gate.clear()
    with one.connect() as sock:
        sock.sendall(request() + request(b"", "/healthz", "GET"))
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        one.log.gate.set()
        sock.settimeout(10)
        assert [status for status, _ in answers(sock, 2)] == [202, 200]


def test_a_request_in_single_bytes_is_a_request(running):
    one = running()
    with one.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request():
            sock.sendall(bytes([byte]))
        assert answers(sock, 1)[0][0] == 202


def test_many_requests_share_one_append(running):
    one = running()
    one.log.gate.clear()
    with one.connect() as sock:
        sock.sendall(request() * 200)
        eventually(lambda: one.collector.committer.waiting_events == 200)
        one.log.gate.set()
        assert {status for status, _ in answers(sock, 200)} == {202}
    assert one.log.appends <= 5


def test_connection_close_and_http_1_0_end_the_connection(running):
    one = running()
    for head in ("POST /v1/events HTTP/1.1\r\nConnection: close\r\n", "POST /v1/events HTTP/1.0\r\n"):
        with one.connect() as sock:
            sock.sendall(f"{head}Content-Length: {len(EVENT)}\r\n\r\n".encode() + EVENT)
            assert answers(sock, 1)[0][0] == 202
            assert closed(sock)


def test_a_client_that_stops_sending_still_gets_its_answer(running):
    one = running()
    with one.connect() as sock:
        sock.sendall(request())
        sock.shutdown(socket.SHUT_WR)
        assert answers(sock, 1)[0][0] == 202


def test_a_body_announced_too_large_is_refused_before_it_is_sent(running):
    one = running()
    with one.connect() as sock:
        sock.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert answers(sock, 1)[0][0] == 413
        assert closed(sock)


def test_a_client_that_sends_its_large_body_anyway_gets_to_read_the_answer(running):
    one = running()
    client = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    client.request("POST", "/v1/events", b" " * 11_000_000)
    assert client.getresponse().status == 413


def test_an_endless_chunked_body_is_cut_off_at_the_limit(running):
    one = running(body_max=100_000)
    with one.connect() as sock:
        sock.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            sock.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        assert answers(sock, 1)[0][0] == 413
    assert one.collector.server.held_bytes == 0


def test_a_chunked_body_is_taken(running):
    one = running()
    with one.connect() as sock:
        sock.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (EVENT[:10], EVENT[10:]):
            sock.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        assert answers(sock, 1)[0][0] == 202


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", b"GET /?" + b"a" * 400_000, b"X" * 100 + b"\r\n\r\n"]
)
def test_endless_heads_and_nonsense_are_refused(running, head):
    one = running()
    with one.connect() as sock:
        for start in range(0, len(head), 16_384):
            sock.sendall(head[start : start + 16_384])
        assert answers(sock, 1)[0][0] in (400, 431)


@pytest.mark.parametrize("sent", [b"POST /v1/ev", b"POST /v1/events HTTP/1.1\r\nContent-Length: 50\r\n\r\n{"])
def test_a_slow_client_is_told_408(running, monkeypatch, sent):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.02)
    one = running()
    with one.connect() as sock:
        sock.sendall(sent)
        assert answers(sock, 1)[0][0] == 408
        assert closed(sock)


def test_an_idle_connection_is_closed_without_a_word(running, monkeypatch):
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.02)
    one = running()
    with one.connect() as sock:
        sock.sendall(request())
        assert answers(sock, 1)[0][0] == 202
        sock.settimeout(10)
        assert sock.recv(100) == b""


def test_a_connection_too_many_is_told_503(running):
    one = running(connections_max=2)
    with one.connect(), one.connect():
        eventually(lambda: len(one.collector.server.connections) == 2)
        with one.connect() as third:
            assert answers(third, 1)[0][0] == 503


def test_too_much_waiting_is_503_at_once(running, monkeypatch):
    monkeypatch.setattr(commit, "WAITING_EVENTS_LIMIT", 10)
    one = running()
    one.log.gate.clear()
    with one.connect() as sock, one.connect() as other:
        sock.sendall(request() * 11)
        eventually(lambda: one.collector.committer.waiting_events == 11)
        began = time.monotonic()
        other.sendall(request())
        assert answers(other, 1)[0][0] == 503
        assert time.monotonic() - began < 0.5
        one.log.gate.set()
        assert {status for status, _ in answers(sock, 11)} == {202}
    eventually(lambda: one.collector.committer.waiting_bytes == 0)


def test_a_busy_door_refuses_before_the_body_comes_and_the_connection_goes_on(running, monkeypatch):
    monkeypatch.setattr(commit, "WAITING_BYTES_LIMIT", 1_000)
    one = running()
    with one.connect() as sock:
        sock.sendall(f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: {2_000}\r\n\r\n".encode())
        assert answers(sock, 1)[0][0] == 503
        sock.sendall(b"x" * 1_000)
        sock.sendall(b"x" * 1_000 + request())
        assert answers(sock, 1)[0][0] == 202
    assert one.collector.server.held_bytes == 0
    assert len(one.log.rows) == 1


@pytest.mark.parametrize(
    "head", ["Content-Length: 900000", "Expect: 100-continue\r\nContent-Length: 2000", "Connection: close\r\nContent-Length: 2000"]
)
def test_a_busy_door_does_not_read_on_where_that_is_not_worth_it(running, monkeypatch, head):
    monkeypatch.setattr(commit, "WAITING_BYTES_LIMIT", 1_000)
    one = running()
    with one.connect() as sock:
        sock.sendall(f"POST /v1/events HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        assert answers(sock, 1)[0][0] == 503
        assert closed(sock)


def test_a_refused_body_that_never_comes_is_not_waited_for(running, monkeypatch):
    monkeypatch.setattr(commit, "WAITING_BYTES_LIMIT", 1_000)
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.02)
    one = running()
    with one.connect() as sock:
        sock.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\nx")
        assert answers(sock, 1)[0][0] == 503
        assert sock.recv(100) == b"", "one request has one answer"


def test_pixels_are_refused_like_bodies(running, monkeypatch):
    one = running()
    pixel = b"GET /i?e=pv&event_type=page_view&user_id=u HTTP/1.1\r\nHost: x\r\n\r\n"
    with one.connect() as sock:
        sock.sendall(pixel)
        assert answers(sock, 1)[0][0] == 200
        monkeypatch.setattr(commit, "WAITING_EVENTS_LIMIT", -1)
        sock.sendall(pixel + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [status for status, _ in answers(sock, 2)] == [503, 200]


def test_a_full_group_is_made_ready_while_another_is_on_its_way_to_the_disk(running, monkeypatch):
    full = 64
    monkeypatch.setattr(commit, "GROUP_EVENTS_LIMIT", full)
    one = running()
    committer = one.collector.committer
    one.log.gate.clear()
    with one.connect() as first, one.connect() as second:
        first.sendall(request())
        eventually(lambda: len(committer._appending) == 1)
        second.sendall(request() * (full - 1))
        eventually(lambda: committer.waiting_events == full)
        assert len(committer._appending) == 1, "what is less than a group waits for company"
        second.sendall(request())
        eventually(lambda: len(committer._appending) == 2)
        first.sendall(request() * full)
        eventually(lambda: committer.waiting_events == 1 + 2 * full)
        assert len(committer._appending) == commit.GROUPS_LIMIT
        one.log.gate.set()
        assert {status for status, _ in answers(first, 1 + full)} == {202}
        assert {status for status, _ in answers(second, full)} == {202}
    assert one.log.appends == 3


def test_a_fault_of_ours_in_answering_is_told_and_the_next_request_is_served(running, monkeypatch):
    one = running()

    def faulty(*_):
        raise RuntimeError("a bug")

    with one.connect() as sock:
        with monkeypatch.context() as patch:
            patch.setattr(commit, "answer", faulty)
            sock.sendall(request())
            status, body = answers(sock, 1)[0]
        assert (status, b"events were kept" in body) == (500, True)
        sock.sendall(request())
        assert answers(sock, 1)[0][0] == 202
    assert len(one.log.rows) == 2


@pytest.mark.parametrize(("events", "thread"), [(10, "loop"), (11, "commit")])
def test_only_a_very_large_request_is_checked_beside_the_loop(running, monkeypatch, events, thread):
    monkeypatch.setattr(commit, "LOOP_EVENTS_LIMIT", 10)
    seen: list[str] = []
    prepared = commit.prepared

    def noted(*given):
        seen.append(threading.current_thread().name)
        return prepared(*given)

    monkeypatch.setattr(commit, "prepared", noted)
    one = running()
    with one.connect() as sock:
        sock.sendall(request(b"[" + b",".join([EVENT] * events) + b"]"))
        status, body = answers(sock, 1)[0]
    assert (status, json.loads(body)["accepted"]) == (202, events)
    assert (seen == ["commit"]) == (thread == "commit")
    assert len(one.log.rows) == events


def test_nobody_is_let_in_behind_a_request_that_has_waited_too_long(running, monkeypatch):
    monkeypatch.setattr(commit, "WAITING_SECONDS_LIMIT", 0.05)
    one = running()
    one.log.gate.clear()
    with one.connect() as sock, one.connect() as other:
        sock.sendall(request())
        eventually(lambda: one.collector.committer.waiting_events == 1)
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 0.06)
        other.sendall(request() + request(b"", "/healthz", "GET"))
        assert [status for status, _ in answers(other, 2)] == [503, 200]
        one.log.gate.set()
        assert answers(sock, 1)[0][0] == 202
        eventually(lambda: one.collector.committer.waiting_events == 0)
        other.sendall(request())
        assert answers(other, 1)[0][0] == 202


def test_what_waits_counts_as_large_as_it_became(running):
    one = running()
    one.log.gate.clear()
    plain = b"[" + b",".join([EVENT] * 100) + b"]"
    with one.connect() as sock:
        sock.sendall(request(gzip.compress(plain), extra="Content-Encoding: gzip\r\n"))
        eventually(lambda: one.collector.committer.waiting_bytes == len(plain))
        one.log.gate.set()
        assert answers(sock, 1)[0][0] == 202
    eventually(lambda: one.collector.committer.waiting_bytes == 0)


def test_a_sender_without_anything_left_is_told_before_its_body_is_read(running):
    one = running(key_events_per_second=1.0)
    with one.connect() as sock:
        sock.sendall(request(b"[" + b",".join([EVENT] * 100) + b"]") + request(b"this is no JSON"))
        assert [status for status, _ in answers(sock, 2)] == [202, 429]


def test_a_closed_connection_leaves_nothing_to_collect(running):
    one = running()
    gc.disable()
    try:
        with one.connect() as sock:
            sock.sendall(request())
            assert answers(sock, 1)[0][0] == 202
            assert _connections() == 1
        eventually(lambda: _connections() == 0)
    finally:
        gc.enable()


def _connections() -> int:
    return sum(isinstance(one, connection.Connection) for one in gc.get_objects())


def test_another_origin_may_read_the_answer(running):
    one = running()
    client = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    client.request("POST", "/v1/events", EVENT, {"Origin": "https://shop.example"})
    assert client.getresponse().headers["Access-Control-Allow-Origin"] == "https://shop.example"


def test_a_client_that_asks_first_is_told_to_continue(running):
    one = running()
    with one.connect() as sock:
        sock.sendall(f"POST /v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(EVENT)}\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(EVENT)
        assert answers(sock, 1)[0][0] == 202


def test_an_offer_of_http_2_is_passed_over(running):
    one = running()
    with one.connect() as sock:
        sock.sendall(
            request(extra="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n") + request(b"", "/healthz", "GET")
        )
        assert [status for status, _ in answers(sock, 2)] == [202, 200]


def test_head_has_no_body(running):
    one = running()
    client = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    for _ in range(2):
        client.request("HEAD", "/healthz")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b"")


def test_the_end_answers_what_is_due_and_closes_the_rest(running):
    one = running()
    with one.connect() as idle, one.connect() as busy:
        idle.sendall(request())
        assert answers(idle, 1)[0][0] == 202
        one.log.gate.clear()
        busy.sendall(request())
        eventually(lambda: one.collector.committer.waiting_events == 1)
        stopped = one.begin_stop()
        assert closed(idle)
        one.log.gate.set()
        assert answers(busy, 1)[0][0] == 202
        assert closed(busy)
        stopped.result(5)
    with pytest.raises(ConnectionRefusedError):
        one.connect()


def test_readiness_tells_of_a_failed_append(running):
    one = running()
    one.log.trouble = "the disk is full"
    client = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    client.request("POST", "/v1/events", EVENT)
    answer = client.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    answer.read()
    client.request("GET", "/readyz")
    told = client.getresponse()
    assert told.status == 503
    assert "the disk is full" in json.loads(told.read())["detail"]
