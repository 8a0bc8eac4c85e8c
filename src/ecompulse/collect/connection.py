"""One HTTP connection: bytes in, requests to their meaning, answers out in order.

No task and no future is made for a request. A request that brings events leaves a slot in the connection's queue; its answer is written
when the group that holds its events is durable and all answers before it are written.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote

import httptools

from ecompulse.collect.allowance import (
    BODY_SECONDS,
    HEAD_BYTES_LIMIT,
    HEAD_SECONDS,
    HEADERS_LIMIT,
    IDLE_SECONDS,
    LINGER_SECONDS,
    PIPELINE_LIMIT,
    REFUSED_BODY_LIMIT,
    SLOWEST_BYTES,
    UNREAD_ANSWERS_LIMIT,
)
from ecompulse.collect.answer import Answer, Request, problem, unavailable
from ecompulse.collect.commit import Intake, Ticket
from ecompulse.collect.heads import Head, end_of_head
from ecompulse.collect.wire import CONTINUE, render

if TYPE_CHECKING:
    from ecompulse.collect.server import Server

CROWDED: Final = unavailable("Too many bodies are on their way here at once. Nothing of this request was kept; send it again.")
NEVER: Final = float("inf")
_REFUSALS: Final = frozenset({429, 503})
_OF_UPGRADE: Final = frozenset({b"upgrade", b"connection", b"http2-settings"})

_IDLE, _HEAD, _BODY, _REFUSED, _LINGER, _CLOSED = range(6)


class Slot(Ticket):
    """A request whose answer is due on its connection, in its turn."""

    __slots__ = ("close", "connection", "head_only", "origin", "path")

    def __init__(self, connection: Connection, path: str, origin: bytes | None, close: bool, head_only: bool) -> None:
        # Without super(): a slot gets its intake when the request turns out to bring events, and only then goes to the committer.
        self.answer = None
        self.connection, self.path, self.origin, self.close, self.head_only = connection, path, origin, close, head_only


class Connection(asyncio.Protocol):
    """The protocol of one client."""

    __slots__ = (
        "_body", "_body_size", "_head_size", "_headers", "_parsed", "_parser", "_paused", "_peer", "_received_us", "_server", "_slots",
        "_state", "_transport", "_url", "_writable", "deadline",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        self._server = server
        self._slots: deque[Slot] = deque()
        self._state = _IDLE
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._parsed: Head | None = None
        self._body_size = self._head_size = self._received_us = 0
        self._writable, self._paused = True, False
        self._peer = ""
        self.deadline = NEVER

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came; there may be too many already."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self.deadline = self._server.now + HEAD_SECONDS
        if not self._server.joined(self):
            self._end(unavailable("Too many connections are open here; try again."))

    def data_received(self, data: bytes) -> None:
        """Bytes of any number of requests, or of a part of one."""
        if self._state >= _LINGER:
            return
        in_head, end = self._state == _HEAD, 0
        if in_head:
            self._head_size += len(data)
        elif self._state == _IDLE:
            end = end_of_head(data)
            head = self._server.heads.find(data[:end])
            if head is not None and len(data) == end + head.length:
                self._received_us = _now_us()
                self._take(head, data[end:], self._server.draining, self._received_us)
                return
            self._parsed = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as wrong:
            if self._state < _LINGER:
                self._end(problem(400, f"This is not HTTP/1.1: {wrong}."))
            return
        if in_head and self._state == _HEAD and self._head_size > HEAD_BYTES_LIMIT:
            self._end(problem(431, f"The request's headers are longer than {HEAD_BYTES_LIMIT} bytes."))
        elif end and self._parsed is not None and len(data) == end + self._parsed.length and self._state == _IDLE:
            self._server.heads.remember(data[:end], self._parsed)  # these bytes were one request, and nothing else

    def eof_received(self) -> bool:
        """The client sends no more; it may still read what is due."""
        if self._slots:
            self._state, self.deadline = _LINGER, NEVER
            self._slots[-1].close = True
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 — why it went makes no difference
        """The connection is gone. What it brought is kept all the same."""
        self._forget_body()
        self._state = _CLOSED
        del self._parser  # it holds us as we hold it: a closed connection should not have to wait for the garbage collector
        self._server.left(self)

    def pause_writing(self) -> None:
        """The client does not read its answers: read no more of its requests."""
        self._writable = False
        self.deadline = min(self.deadline, self._server.now + BODY_SECONDS)
        self._pace()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable = True
        if self._state == _IDLE:
            self.deadline = self._server.now + IDLE_SECONDS
        self._pace()

    # ---- httptools' callbacks, in their order

    def on_message_begin(self) -> None:
        """A request's first byte."""
        if self._state >= _LINGER:
            return
        self._state = _HEAD
        self.deadline = self._server.now + HEAD_SECONDS
        self._url = b""
        self._headers = {}
        self._head_size = 0

    def on_url(self, url: bytes) -> None:
        """The request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """One header; of several with one name the values are joined (RFC 9110, 5.3)."""
        name, value = name.lower(), value or b""
        before = self._headers.get(name)
        self._headers[name] = value if before is None else before + b", " + value

    def on_headers_complete(self) -> None:
        """Everything before the body is here: refuse now what would be refused after it."""
        if self._state >= _LINGER:
            return
        headers = self._headers
        self._received_us = _now_us()
        size = len(self._url) + sum(map(len, headers)) + sum(map(len, headers.values()))
        if size > HEAD_BYTES_LIMIT or len(headers) > HEADERS_LIMIT:
            self._end(problem(431, f"The request's headers are longer than {HEAD_BYTES_LIMIT} bytes or more than {HEADERS_LIMIT}."))
            return
        self._state = _BODY
        length = headers.get(b"content-length", b"0")
        announced = int(length) if length.isdigit() else 0
        if announced > self._server.body_limit:
            self._end(problem(413, f"The body has {announced} bytes; at most {self._server.body_limit} are taken. Send smaller batches."))
            return
        self.deadline = self._server.now + BODY_SECONDS + announced / SLOWEST_BYTES
        if (announced or b"transfer-encoding" in headers) and not self._parser.should_upgrade():
            refusal = self._server.refusal(announced)
            if refusal is not None:
                self._refuse(refusal, announced)
                return
        if b"expect" in headers and not self._slots:
            self._transport.write(CONTINUE)

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if self._state != _BODY:
            return
        self._body.append(part)
        self._body_size += len(part)
        self._server.held_bytes += len(part)
        if self._body_size > self._server.body_limit:
            self._end(problem(413, f"The body is longer than {self._server.body_limit} bytes. Send smaller batches."))
        elif self._server.held_bytes > self._server.held_limit:
            self._end(CROWDED)
            self._server.refused(_now_us())

    def on_message_complete(self) -> None:
        """A request is here whole: find its meaning, and answer it or let it wait for its group."""
        if self._state == _REFUSED:
            self._state, self.deadline = _IDLE, self._server.now + IDLE_SECONDS if not self._slots else NEVER
            if self._server.draining:
                self.drain()
            return
        if self._state != _BODY or self._parser.should_upgrade():
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._forget_body()
        self._state, self.deadline = _IDLE, self._server.now + IDLE_SECONDS
        method = self._parser.get_method().decode("latin-1")
        path, _, query = self._url.partition(b"?")
        close = not self._parser.should_keep_alive() or self._server.draining
        if not path.startswith(b"/"):  # the absolute form, as sent to proxies (RFC 9112, 3.2.2)
            path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
        text = path.decode("latin-1")
        head = Head(method, unquote(text) if "%" in text else text, query.decode("latin-1"), self._headers, len(body))
        self._parsed = head
        self._take(head, body, close, _now_us())

    def _take(self, head: Head, body: bytes, close: bool, whole_us: int) -> None:
        """Find a request's meaning, and answer it or let it wait for its group."""
        outcome: Answer | Intake | None = self._server.refusal(len(body)) if body or head.query else None
        if outcome is None:
            outcome = self._server.handle(Request(head.method, head.path, head.query, head.headers, body, self._peer, self._received_us))
        slot = Slot(self, head.path, head.headers.get(b"origin"), close, head.method == "HEAD")
        self._slots.append(slot)
        if close:
            self._state, self.deadline = _LINGER, NEVER  # whatever follows is not read
        if isinstance(outcome, Intake):
            slot.intake = outcome
            refusal = self._server.submit(slot)
            if refusal is None:
                self.deadline = NEVER
                if len(self._slots) >= PIPELINE_LIMIT:
                    self._pace()
                return
            outcome = refusal
        slot.answer = outcome
        self.flush()
        if outcome.status in _REFUSALS:
            self._server.refused(whole_us)

    # ---- out

    def flush(self) -> None:
        """Write every answer that is due, in order, in one go."""
        slots, parts, close = self._slots, [], False
        while slots and (answer := slots[0].answer) is not None:
            slot = slots.popleft()
            close = slot.close
            self._server.count(slot.path, answer.status)
            if slot.origin is None and not close and not slot.head_only:
                parts.append(self._server.rendered(answer))
            else:
                parts.append(render(answer, self._server.date, slot.origin, close, slot.head_only))
        if not parts or self._state == _CLOSED:
            return
        self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))
        if close:
            self._hang_up()
        elif not slots and self._state == _IDLE:
            self.deadline = self._server.now + IDLE_SECONDS
            if self._server.draining:
                self._transport.close()
        if self._paused:
            self._pace()
        if not self._writable and self._transport.get_write_buffer_size() > UNREAD_ANSWERS_LIMIT:
            self._transport.abort()

    def expire(self) -> None:
        """The deadline has passed: end a slow or idle connection."""
        if self._state in (_HEAD, _BODY) and self._writable:
            self._end(problem(408, "The request took too long to arrive."))
        elif self._writable:
            self._transport.close()
        else:
            self._transport.abort()

    def drain(self) -> None:
        """The server ends: close now where nothing is due, else with the last answer."""
        if self._state == _IDLE and not self._slots:
            self._transport.close()
        elif self._slots and self._state == _IDLE:
            self._slots[-1].close = True
            self._state = _LINGER

    def _without_upgrade(self, rest: bytes) -> None:
        """Read a request again without its offer of another protocol, which we may pass over (RFC 9110, 7.8). Java's client makes it."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._end(problem(405, "This is no proxy.", (("Allow", "GET, POST, OPTIONS"),)))
            return
        head = [method + b" " + self._url + b" HTTP/" + self._parser.get_http_version().encode()]
        head += [name + b": " + value for name, value in self._headers.items() if name not in _OF_UPGRADE]
        self._parser = httptools.HttpRequestParser(self)
        self._state = _IDLE
        self.data_received(b"\r\n".join([*head, b"", rest]))

    def _refuse(self, answer: Answer, announced: int) -> None:
        """Answer before the body is read; a short one is passed over, so that the connection can go on."""
        goes_on = self._parser.should_keep_alive() and not self._server.draining and b"expect" not in self._headers
        if goes_on and 0 < announced <= REFUSED_BODY_LIMIT:
            self._state = _REFUSED
            slot = Slot(self, self._url.partition(b"?")[0].decode("latin-1"), self._headers.get(b"origin"), False, False)
            slot.answer = answer
            self._slots.append(slot)
            self.flush()
        else:
            self._end(answer)
        self._server.refused(self._received_us)

    def _end(self, answer: Answer) -> None:
        """Refuse the rest of this connection: the answer, after those that are due before it, then no more."""
        self._forget_body()
        origin = self._headers.get(b"origin")
        self._state, self.deadline = _LINGER, NEVER
        slot = Slot(self, "", origin, True, False)
        slot.answer = answer
        self._slots.append(slot)
        self.flush()

    def _hang_up(self) -> None:
        """Say that no more is coming, and give the client time to read it before the connection goes."""
        self._state, self.deadline = _LINGER, self._server.now + LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _forget_body(self) -> None:
        self._server.held_bytes -= self._body_size
        self._body, self._body_size = [], 0

    def _pace(self) -> None:
        """Read only while answers flow and few requests wait."""
        pause = not self._writable or len(self._slots) >= PIPELINE_LIMIT
        if pause != self._paused and not self._transport.is_closing():
            self._paused = pause
            (self._transport.pause_reading if pause else self._transport.resume_reading)()


def _now_us() -> int:
    return time.time_ns() // 1_000
