"""What every request to the door goes through, whatever its dialect: the key, the limit, and the way into a group."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ecompulse.collect.answer import Answer, Refused, Request, Verdict, problem
from ecompulse.collect.commit import Intake
from ecompulse.collect.config import Config
from ecompulse.collect.origin import browser, client_address
from ecompulse.contract.read import Read
from ecompulse.guard.keys import Keys, presented
from ecompulse.guard.limits import Limits

DEFAULT_SITE = "default"
"""The site of events that come without a key."""


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Who sends: the site of its key, and the key's id."""

    site: str
    key: str | None


NOBODY = Sender(DEFAULT_SITE, None)


class Door:
    """What handlers may use. It knows of no connection and no thread."""

    def __init__(self, config: Config, keys: Keys, health: Callable[[], str | None], metrics: Callable[[], bytes]) -> None:
        """`health` says why events cannot be taken now, or None; `metrics` gives Prometheus' text."""
        self.config, self.keys, self.health, self.metrics = config, keys, health, metrics
        self.counts_events = bool(config.key_events_per_second)
        """Whether a request must be read before it is taken, as each sender has a limit."""
        self._limits = Limits(config.key_events_per_second)

    def admit(self, request: Request, shown: str | None = None) -> Sender:
        """The sender of a request by the key it shows (`shown`: one that its body carries).

        Raises:
            Refused: 401 without a key that we know, 403 with one that may not write, 429 where its sender has nothing left to send.
        """
        sender = self._sender(request, shown)
        if self.counts_events:
            wait = self._limits.spent_seconds(sender.key or request.peer)
            if wait:
                raise _too_much(wait)
        return sender

    def _sender(self, request: Request, shown: str | None) -> Sender:
        shown = presented(request.headers, request.query) or shown
        if shown is None:
            if self.config.keys_required:
                raise _unauthorized("Events are taken with a key only; show it as X-Api-Key, or as user of Basic authorization.")
            return NOBODY
        if self.keys.empty and not self.config.keys_required:
            return NOBODY  # a client that must have some key is served before keys are made
        key = self.keys.find(shown)
        if key is None:
            raise _unauthorized("This key is not known here. List the keys with: ecompulse keys list")
        if not key.may("write"):
            raise Refused(problem(403, f"The key {key.id} has the role {key.role}; to send events it needs the role write."))
        return Sender(key.site, key.id)

    def take(
        self, request: Request, events: Read | bytes, sender: Sender, dialect: str, shape: Callable[[Verdict], Answer]
    ) -> Answer | Intake:
        """Send events on their way; the answer at once where there is nothing to keep.

        Of events in the contract's own shape a body that `may_be_one` is enough: it is read together with others.

        Raises:
            Refused: 429 where the sender has sent too much.
        """
        read, body = (events, b"") if isinstance(events, Read) else (None, events)
        if read is not None and not read.count:
            return shape(Verdict(0, 0, []))
        if read is not None and self.counts_events:
            wait = self._limits.wait_seconds(sender.key or request.peer, read.count)
            if wait:
                raise _too_much(wait)
        address = client_address(request) if self.config.ip_addresses != "none" else None
        size = len(request.body)
        held = max(size, request.decompressed)
        came = request.received_at_us
        return Intake(read, shape, sender.site, dialect, sender.key, came, size, held, address, browser(request), body)


def _unauthorized(detail: str) -> Refused:
    return Refused(problem(401, detail, (("WWW-Authenticate", 'Basic realm="ecompulse", charset="UTF-8"'),)))


def _too_much(seconds: int) -> Refused:
    return Refused(problem(429, f"More events than this sender may send; try again in {seconds} s.", (("Retry-After", str(seconds)),)))
