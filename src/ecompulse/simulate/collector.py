"""Sends rows to a collector: JSON arrays over a few kept connections, again and again until they are acknowledged."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
from typing import TextIO
from urllib.parse import urlsplit

from ecompulse.simulate.outputs import SendError

PATH = "/v1/events"
ROWS_PER_REQUEST = 500
"""Some 300 kB: large enough that the cost of a request hardly counts, far below any collector's limit."""
CONNECTIONS_FAST = 4
"""Enough to keep a collector of several processes busy while each waits for its disk."""
TIMEOUT_SECONDS = 30.0
BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RETRY_AFTER_SECONDS_MAX = 30.0
GIVE_UP_SECONDS = 60.0
"""After this long without one answer a run of a given length ends with an error; an endless one goes on trying."""
STOP_SECONDS = 3.0
"""How long delivery goes on after a request to stop."""
ACKNOWLEDGED = (200, 202, 422)  # 422: every event of the request was rejected, and is kept as a dead letter
LATER = (429, 502, 503, 504)


class Collector:
    """A collector's address and the connections to it. Events carry their ids, so the same bytes may be sent again after a lost answer."""

    def __init__(self, address: str, fast: bool, endless: bool, stderr: TextIO) -> None:
        parts = urlsplit(address)
        self._secure, self._host, self._path = parts.scheme == "https", parts.netloc, parts.path + PATH
        self._address, self._endless, self._stderr = address, endless, stderr
        connections = CONNECTIONS_FAST if fast else 1
        self._bodies: queue.Queue[tuple[bytes, int] | None] = queue.Queue(maxsize=2 * connections)
        self._lock = threading.Lock()
        self._failure: SendError | None = None
        self._stop = threading.Event()
        self._told_waiting = False
        self.rows_at_once = ROWS_PER_REQUEST
        self.errors = 0
        self.rejected = 0
        self.redelivered = 0
        self._threads = [threading.Thread(target=self._deliver, name=f"sender-{n}", daemon=True) for n in range(connections)]
        for thread in self._threads:
            thread.start()

    def send(self, rows: list[bytes]) -> None:
        """Hand rows over as one request; waits while as many requests as there is room for are under way."""
        body = (b"[" + b",\n".join(rows) + b"]", len(rows))
        while True:
            self._raise_failure()
            try:
                self._bodies.put(body, timeout=0.5)
            except queue.Full:
                continue
            return

    def tick(self) -> None:
        """Say early when delivery has failed."""
        self._raise_failure()

    def close(self) -> None:
        """Wait for the last acknowledgement."""
        for _ in self._threads:
            while self._failure is None:
                try:
                    self._bodies.put(None, timeout=0.5)
                except queue.Full:
                    continue
                break
        for thread in self._threads:
            thread.join()
        self._raise_failure()

    def stop_soon(self) -> None:
        """From now on, give up what cannot be delivered within `STOP_SECONDS`."""
        self._stop.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _deliver(self) -> None:
        """One connection's life: requests from the queue, one after the other."""
        connection = self._connection()
        while self._failure is None and (handed := self._bodies.get()) is not None:
            try:
                self._deliver_one(connection, *handed)
            except SendError as error:
                self._failure = error
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, timeout=TIMEOUT_SECONDS)

    def _deliver_one(self, connection: http.client.HTTPConnection, body: bytes, count: int) -> None:
        """Send a request until it is acknowledged."""
        began, stopping_since, failures = time.monotonic(), None, 0
        while True:
            wait_seconds, why = self._attempt(connection, body, count, failures)
            if wait_seconds is None:
                self._told_waiting = False
                return
            failures += 1
            now = time.monotonic()
            if self._stop.is_set():
                stopping_since = stopping_since or now
                if now - stopping_since > STOP_SECONDS:
                    raise SendError(f"stopped before {self._address} had acknowledged everything: {why}")
            if not self._endless and now - began > GIVE_UP_SECONDS:
                raise SendError(f"{self._address} has taken nothing for {GIVE_UP_SECONDS:.0f} s: {why}; is `ecompulse run` running there?")
            with self._lock:
                self.errors += 1
                first, self._told_waiting = not self._told_waiting, True
            if first:
                print(f"simulate: {self._address}: {why}; trying again", file=self._stderr, flush=True)
            if self._stop.wait(wait_seconds):
                time.sleep(min(wait_seconds, 0.2))  # the event no longer waits once it is set

    def _attempt(self, connection: http.client.HTTPConnection, body: bytes, count: int, failures: int) -> tuple[float | None, str]:
        """Send once. Returns None when it was acknowledged, else how long to wait and why.

        Raises:
            SendError: the collector refuses, and will go on doing so.
        """
        backoff = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
        sent = False
        try:
            if connection.sock is None:
                connection.connect()
            sent = True
            connection.request("POST", self._path, body, {"Content-Type": "application/json", "User-Agent": "ecompulse-simulate"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if sent:
                with self._lock:
                    self.redelivered += count
            return backoff, str(error) or type(error).__name__
        if answer.status in ACKNOWLEDGED:
            self._note(content)
            return None, ""
        if answer.status in LATER:
            return _retry_after(answer.getheader("Retry-After"), backoff), f"answered {answer.status}"
        detail = content[:300].decode(errors="replace")
        raise SendError(f"{self._address}{PATH} answered {answer.status}: {detail}")

    def _note(self, content: bytes) -> None:
        try:
            verdict = json.loads(content)
            rejected = len(verdict.get("rejected", ()))
        except (ValueError, AttributeError):
            rejected = 0  # a proxy in between may answer without a verdict; the store's ledger is what counts
        if rejected:
            with self._lock:
                self.rejected += rejected


def _retry_after(header: str | None, otherwise: float) -> float:
    """The seconds that an answer asks for; a date, which a few proxies send, is not worth reading."""
    try:
        return min(max(float(header or ""), 0.05), RETRY_AFTER_SECONDS_MAX)
    except ValueError:
        return otherwise
