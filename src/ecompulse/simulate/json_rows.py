"""Events as JSON in the canonical envelope, put together from fragments that many events share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ecompulse.simulate.block import KIND, KINDS, Block
from ecompulse.simulate.catalogue import Product
from ecompulse.simulate.identity import Identity, People
from ecompulse.simulate.numbers import Times, uuid_texts
from ecompulse.simulate.shoppers import DEVICES, SDK_VERSION, TRAFFIC
from ecompulse.simulate.vocabulary import CURRENCY, Properties, Vocabulary

Fragments = npt.NDArray[Any]
"""Bytes, as Python objects: what many events share is made once, and a column of events points to it."""

PAYMENT_METHODS = ("card", "paypal", "invoice", "apple_pay")
COUPON = "WELCOME10"
ID, HEAD, SECOND, MILLISECOND, SENT_AT, WHO, ABOUT, AMOUNT, CONTEXT = range(9)

_MILLISECONDS = np.array([b'%03dZ"' % n for n in range(1000)], dtype=object)
_HEADS = np.array([b'","event_type":"%s","timestamp":"' % name.encode() for name in KINDS], dtype=object)


def money(cents: int) -> str:
    """An amount with two decimals."""
    return f"{cents // 100}.{cents % 100:02d}"


def seconds_text(timestamp: Times) -> list[bytes]:
    """Times as text up to the point before the milliseconds."""
    texts: list[bytes] = np.datetime_as_string((timestamp // 1000).astype("datetime64[s]")).astype("S19").tolist()
    return [text + b"." for text in texts]


def fragment(properties: Properties) -> bytes:
    """Properties as the inside of a JSON object, with a comma at the end."""
    parts = [f'"{name}":{money(int(value)) if name == "price" else json.dumps(value)},' for name, value in properties.items()]
    return "".join(parts).encode()


def objects(values: list[bytes]) -> Fragments:
    """A column of bytes, as Python objects."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


class JsonRows:
    """Writes events as JSON objects, one a row, without a line end."""

    def __init__(self, identity: Identity, vocabulary: Vocabulary, products: list[Product], source: str | None = None) -> None:
        self._identity, self._source = identity, source
        self._about = objects([fragment(properties) for properties in vocabulary.rows] + [b""])
        self._lines = [
            fragment({"product_id": p.product_id, "product_name": p.name, "product_category": p.category, "price": p.cents})[:-1]
            for p in products
        ]
        self._contexts = [_context(device, traffic) for device in range(len(DEVICES)) for traffic in range(len(TRAFFIC))]

    def prepared(self, block: Block) -> JsonBlock:
        """All fragments of a block, pointed to by a table of one row an event."""
        people = self._identity.of(block)
        ids = objects(uuid_texts(block.event_id))
        table = np.empty((len(block), 9), dtype=object)
        table[:, ID] = ids
        table[:, HEAD] = _HEADS[block.kind]
        seconds, second = np.unique(block.timestamp // 1000, return_inverse=True)
        table[:, SECOND] = objects(seconds_text(seconds * 1000))[second]
        table[:, MILLISECOND] = _MILLISECONDS[block.timestamp % 1000]
        table[:, SENT_AT] = b""
        table[:, WHO] = self._who(block, people)[block.session + len(block.sessions) * block.known]
        bought = block.kind == KIND["purchase"]
        table[:, ABOUT] = self._about[np.where(bought, -1, block.detail)]
        table[bought, ABOUT] = objects(self._purchases(block, ids[bought].tolist()))
        self._fill_amounts(table, block, people)
        table[:, CONTEXT] = self._context_of(block, people)[block.session]
        return JsonBlock(table)

    def _who(self, block: Block, people: People) -> Fragments:
        """The identity of each session before its login, and then after it."""
        sources = [self._source or DEVICES[device].source for device in block.sessions.device.tolist()]
        tails = [
            b'"session_id":"%s","source":"%s","properties":{' % (s, source.encode())
            for s, source in zip(people.session, sources, strict=True)
        ]
        if block.names == "user":
            known = [b',"user_id":"%s",%s' % row for row in zip(people.user, tails, strict=True)]
            return objects(known + known)
        before = [b',"anonymous_id":"%s",%s' % row for row in zip(people.anonymous, tails, strict=True)]
        after = [b',"user_id":"%s","anonymous_id":"%s",%s' % row for row in zip(people.user, people.anonymous, tails, strict=True)]
        return objects(before + after)

    def _fill_amounts(self, table: Fragments, block: Block, people: People) -> None:
        table[:, AMOUNT] = b""
        carts = np.flatnonzero(block.quantity > 0)
        sessions = block.session[carts].tolist()
        table[carts, AMOUNT] = objects(
            [
                b'"quantity":%d,"cart_id":"c-%s",' % (n, people.session[s][24:])
                for n, s in zip(block.quantity[carts].tolist(), sessions, strict=True)
            ]
        )
        calls = np.flatnonzero(block.duration_us >= 0)
        tenths = (block.duration_us[calls] // 100).tolist()
        table[calls, AMOUNT] = objects([b'"duration_ms":%d.%d,' % divmod(n, 10) for n in tenths])

    def _context_of(self, block: Block, people: People) -> Fragments:
        sessions = block.sessions
        contexts = (sessions.device * len(TRAFFIC) + sessions.traffic).tolist()
        return objects(
            [self._contexts[row][0] + address + self._contexts[row][1] for row, address in zip(contexts, people.address, strict=True)]
        )

    def _purchases(self, block: Block, ids: list[bytes]) -> list[bytes]:
        orders = block.orders
        written = []
        amounts = zip(
            orders.total.tolist(),
            orders.discount.tolist(),
            orders.shipping.tolist(),
            orders.tax.tolist(),
            orders.payment.tolist(),
            strict=True,
        )
        for event_id, products, quantities, (total, discount, shipping, tax, payment) in zip(
            ids, orders.product.tolist(), orders.quantity.tolist(), amounts, strict=True
        ):
            lines = b",".join(b'{%s,"quantity":%d}' % (self._lines[p], n) for p, n in zip(products, quantities, strict=True) if n)
            coupon = f',"coupon":"{COUPON}"' if discount else ""
            rest = (
                f'"currency":"{CURRENCY}","total":{money(total)},"discount":{money(discount)},"shipping":{money(shipping)},"tax":{money(tax)}{coupon},'
                f'"payment_method":"{PAYMENT_METHODS[payment]}",'
            )
            written.append(b'"order_id":"%s",%s"items":[%s],' % (order_id(event_id), rest.encode(), lines))
        return written

    def malformed(self, row: bytes, kind: int, number: int) -> bytes:
        """The event with one thing wrong."""
        event = json.loads(row)
        damages = [*_DAMAGES.get(KINDS[kind], ()), *_ANY_DAMAGES]
        damages[number % len(damages)](event)
        return json.dumps(event, separators=(",", ":")).encode()


class JsonBlock:
    """The fragments of a block, one row an event, one column a part of the object."""

    def __init__(self, table: Fragments) -> None:
        self._table = table

    def rows(self, events: slice | Times, sent_at: bytes) -> list[bytes]:
        """The JSON objects of these events."""
        parts = self._table[events]
        if sent_at:
            parts = parts.copy()
            parts[:, SENT_AT] = b',"sent_at":"%s"' % sent_at
        return [b'{"event_id":"' + b"".join(row) for row in parts.tolist()]


def order_id(event_id: bytes) -> bytes:
    """The order of a purchase: the random end of its event's id, so that no two runs share one."""
    return b"O-" + event_id[24:].upper()


def _context(device: int, traffic: int) -> tuple[bytes, bytes]:
    """What a session says with each event, before and after its address."""
    source, agent = TRAFFIC[traffic], DEVICES[device]
    properties: Properties = {"user_agent": agent.user_agent}
    properties |= {name: value for name, value in source._asdict().items() if name != "weight" and value is not None}
    metadata = json.dumps({"sdk_version": SDK_VERSION, "platform": agent.platform, "environment": "prod"}, separators=(",", ":"))
    return fragment(properties) + b'"ip_address":"', b'"},"metadata":' + metadata.encode() + b"}"


Damage = Callable[[dict[str, Any]], object]


def _set(name: str, value: object) -> Damage:
    return lambda event: event.update({name: value})


def _put(name: str, value: object) -> Damage:
    return lambda event: event["properties"].update({name: value})


def _lose(*names: str) -> Damage:
    return lambda event: [part.pop(name, None) for part in (event, event["properties"]) for name in names]


_ANY_DAMAGES: tuple[Damage, ...] = (
    _set("event_type", "page_veiw"),
    _set("timestamp", "yesterday"),
    _set("event_type", 7),
    _lose("user_id", "anonymous_id"),
    _set("source", "pigeon"),
    _set("properties", [1]),
    _set("timestamp", "2026-02-30T12:00:00Z"),
)
_PRODUCT_DAMAGES = (_lose("product_id"), _put("price", -1), _put("price", "cheap"), _put("currency", "EURO"), _put("currency", "XQZ"))
_DAMAGES: dict[str, tuple[Damage, ...]] = {
    "page_view": (_lose("page_url", "screen_name"), _put("page_url", 404)),
    "product_view": _PRODUCT_DAMAGES,
    "add_to_cart": (*_PRODUCT_DAMAGES, _put("quantity", 0)),
    "purchase": (_put("total", 0.5), _put("items", []), _lose("order_id"), _lose("currency")),
    "search": (_lose("query"),),
    "button_click": (_lose("element_id"),),
    "api_call": (_lose("endpoint"), _put("duration_ms", -5), _put("status_code", 99)),
    "error": (_lose("message"),),
    "custom": (_lose("name"),),
}
