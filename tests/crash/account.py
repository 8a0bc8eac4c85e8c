"""Shopkeepers who send without a pause and write down every event that was acknowledged."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.conftest import RunningSystem, wait_until

BATCH = 20
SENDERS = 2
ANSWER_SECONDS = 10.0
"""A client that has no answer by then closes the connection and sends the same again."""
NUMBER_BITS = 16
"""Of an id, in front, are the account's number; so that one account's rows can be asked for beside those of others."""


@dataclass
class Account:
    """What the clients were told: ids that were acknowledged, and ids of requests without an answer."""

    number: int = 0
    acknowledged: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    """What the door said of events that it did not take: all of them are valid."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bounds(self) -> tuple[str, str]:
        """The least id of this account and the least beyond."""
        shift = 128 - NUMBER_BITS
        return str(uuid.UUID(int=self.number << shift)), str(uuid.UUID(int=(self.number + 1) << shift))


@dataclass(frozen=True)
class Sending:
    """How clients send: the bytes of ballast in each event, and whether an event carries the client's own times."""

    ballast_bytes: int = 0
    stamped: bool = False
    senders: int = SENDERS
    batch: int = BATCH


def event(chance: random.Random, number: int = 0, sending: Sending = Sending()) -> dict[str, object]:
    """A valid event with an id of the account `number`."""
    properties: dict[str, object] = {"product_id": f"P-{chance.randrange(20)}", "price": 1.5, "currency": "EUR"}
    if sending.ballast_bytes:
        properties["ballast"] = base64.b64encode(chance.randbytes(sending.ballast_bytes * 3 // 4)).decode()
    now = datetime.now(UTC).isoformat()
    return {
        "event_id": str(uuid.UUID(int=(number << 128 - NUMBER_BITS) | chance.getrandbits(128 - NUMBER_BITS))),
        "event_type": "product_view",
        "user_id": f"u-{chance.randrange(50)}",
        "properties": properties,
        **({"timestamp": now, "sent_at": now} if sending.stamped else {}),
    }


def _send(system: RunningSystem, account: Account, ended: threading.Event, sending: Sending, seed: int) -> None:
    """Send batches until told to end; one without an answer is sent again as it is, as a client must."""
    chance = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", system.collect_port, timeout=ANSWER_SECONDS)
    with contextlib.closing(connection):
        while not ended.is_set():
            events = [event(chance, account.number, sending) for _ in range(sending.batch)]
            ids = {str(one["event_id"]) for one in events}
            body = json.dumps(events)
            while not ended.is_set():
                try:
                    connection.request("POST", "/v1/events", body, {"content-type": "application/json"})
                    answer = connection.getresponse()
                    said = answer.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    with account.lock:
                        account.unanswered |= ids
                    ended.wait(0.02)
                    continue
                if answer.status == 202:
                    _note(account, ids, said)
                    break
                if answer.status < 500 and answer.status not in (408, 429):
                    account.refused.append(f"{answer.status} {said[:500]!r}")
                    break
                ended.wait(0.02)


def _note(account: Account, ids: set[str], said: bytes) -> None:
    rejected = json.loads(said)["rejected"]
    if rejected:
        account.refused.append(str(rejected[0]))
    with account.lock:
        account.acknowledged |= ids - {one["event_id"] for one in rejected}
        account.unanswered -= ids


@contextlib.contextmanager
def load(system: RunningSystem, seed: int, sending: Sending = Sending()) -> Iterator[Account]:
    """Clients that send as fast as they are answered, while the block runs; `seed` is the account's number, too."""
    account, ended = Account(seed), threading.Event()
    threads = [
        threading.Thread(target=_send, args=(system, account, ended, sending, seed * 100 + n), daemon=True) for n in range(sending.senders)
    ]
    for thread in threads:
        thread.start()
    try:
        yield account
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def progress(account: Account, events: int = 200, seconds: float = 30.0) -> None:
    """Wait until so many more events were acknowledged: the system is alive."""
    goal = len(account.acknowledged) + events
    wait_until(lambda: len(account.acknowledged) >= goal, seconds, f"{events} more acknowledged events")


def sent_in(seconds: float, account: Account) -> int:
    """How many events were acknowledged while so much time passed."""
    before, until = len(account.acknowledged), time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, seconds + 1, "that time")
    return len(account.acknowledged) - before
