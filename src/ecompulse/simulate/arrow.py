"""Blocks as Arrow record batches in the schema of the log, for whoever measures or feeds what comes after the door."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import LOGGED
from ecompulse.simulate import catalogue, steady, vocabulary
from ecompulse.simulate.block import KIND, KINDS, Block, Column
from ecompulse.simulate.catalogue import Product
from ecompulse.simulate.identity import Identity, People
from ecompulse.simulate.json_rows import COUPON, PAYMENT_METHODS, order_id
from ecompulse.simulate.numbers import uuid_bytes, uuid_texts
from ecompulse.simulate.options import Plan
from ecompulse.simulate.shop import Shop
from ecompulse.simulate.shoppers import DEVICES, SDK_VERSION, TRAFFIC
from ecompulse.simulate.vocabulary import CURRENCY, Vocabulary

_KINDS = pa.array(KINDS)
_MONEY = LOGGED.field("total").type
_TRAFFIC_COLUMNS = ("referrer", "utm_source", "utm_medium", "utm_campaign")


def record_batches(plan: Plan) -> Iterator[pa.RecordBatch]:
    """The events of a plan without end, without faults; some 65,000 a batch."""
    products = catalogue.products(plan.seed)
    words = vocabulary.of(plan.mix, products)
    make = ArrowBatches(Identity(plan), words, products, None if plan.mix == "shop" else "synthetic")
    events = Shop(plan, products, words).blocks() if plan.mix == "shop" else steady.blocks(plan, words, products)
    return map(make.batch, events)


class ArrowBatches:
    """Makes record batches; what many events share is made once and taken by index."""

    def __init__(self, identity: Identity, vocabulary: Vocabulary, products: list[Product], source: str | None = None) -> None:
        self._identity, self._products = identity, products
        names = {name for row in vocabulary.rows for name in row} & set(LOGGED.names)
        rows = [*vocabulary.rows, {}]  # a purchase says nothing of the vocabulary
        self._about = {
            name: pa.array([_cents(row.get(name)) if name == "price" else row.get(name) for row in rows], LOGGED.field(name).type)
            for name in names
        }
        self._devices = {
            "source": pa.array([source or device.source for device in DEVICES]),
            "platform": pa.array([device.platform for device in DEVICES]),
            "user_agent": pa.array([device.user_agent for device in DEVICES]),
        }
        self._traffic = {name: pa.array([getattr(row, name) for row in TRAFFIC], pa.string()) for name in _TRAFFIC_COLUMNS}

    def batch(self, block: Block) -> pa.RecordBatch:
        """The events of a block, in order, as `columns.LOGGED`; `received_at` is the time at which each was due."""
        people, count, session = self._identity.of(block), len(block), block.session
        bought = block.kind == KIND["purchase"]
        about = pa.array(np.where(bought, -1 + len(next(iter(self._about.values()))), block.detail).astype(np.int32))
        device = pa.array(block.sessions.device[session].astype(np.int32))
        traffic = pa.array(block.sessions.traffic[session].astype(np.int32))
        columns: dict[str, pa.Array] = {
            "event_id": pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(uuid_bytes(block.event_id).tobytes())]),
            "event_type": _KINDS.take(pa.array(block.kind)),
            "timestamp": pa.array(block.timestamp * 1000).cast(LOGGED.field("timestamp").type),
            "received_at": pa.array(block.at * 1000).cast(LOGGED.field("received_at").type),
            "filled": pa.array(np.zeros(count, dtype=np.uint8)),
            "duration_ms": pa.array(block.duration_us / 1000, mask=block.duration_us < 0),
            "quantity": pa.array(block.quantity.astype(np.int32), mask=block.quantity == 0),
            "site": _same("default", count),
            "dialect": _same("canonical", count),
            "sdk_version": _same(SDK_VERSION, count),
            "environment": _same("prod", count),
        }
        columns |= {name: column.take(about) for name, column in self._about.items()}
        columns |= {name: column.take(device) for name, column in self._devices.items()}
        columns |= {name: column.take(traffic) for name, column in self._traffic.items()}
        columns |= _people(block, people)
        if bought.any():
            columns |= self._purchases(block, np.flatnonzero(bought), columns)
        return pa.RecordBatch.from_arrays([columns.get(f.name, pa.nulls(count, f.type)) for f in LOGGED], schema=LOGGED)

    def _purchases(self, block: Block, bought: Column, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        orders, place = block.orders, np.full(len(block), -1)
        place[bought] = block.detail[bought]
        ids = [order_id(text).decode() for text in uuid_texts(block.event_id[bought])]
        lines = [
            [self._line(p, n) for p, n in zip(products, quantities, strict=True) if n]
            for products, quantities in zip(orders.product.tolist(), orders.quantity.tolist(), strict=True)
        ]
        made: dict[str, pa.Array] = {
            "order_id": pa.array(ids),
            "items": pa.array(lines, LOGGED.field("items").type),
            "coupon": pa.array([COUPON if cents else None for cents in orders.discount.tolist()], pa.string()),
            "payment_method": pa.array([PAYMENT_METHODS[number] for number in orders.payment.tolist()], pa.string()),
        }
        for name in ("total", "discount", "shipping", "tax"):
            made[name] = pa.array([_cents(cents) for cents in getattr(orders, name).tolist()], _MONEY)
        taken = pa.array(place, mask=place < 0)
        result = {name: column.take(taken) for name, column in made.items()}
        currency = columns.get("currency", pa.nulls(len(block), pa.string()))
        result["currency"] = pc.coalesce(currency, pa.array([CURRENCY] * len(orders), pa.string()).take(taken))
        return result

    def _line(self, product: int, quantity: int) -> dict[str, Any]:
        sold = self._products[product]
        return {
            "product_id": sold.product_id,
            "product_name": sold.name,
            "product_category": sold.category,
            "quantity": quantity,
            "price": _cents(sold.cents),
        }


def _people(block: Block, people: People) -> dict[str, pa.Array]:
    session = pa.array(block.session.astype(np.int32))
    after = pa.array(block.session.astype(np.int32), mask=~block.known)
    carts = pa.array(block.session.astype(np.int32), mask=block.quantity == 0)
    columns = {
        "user_id": _texts(people.user).take(after),
        "session_id": _texts(people.session).take(session),
        "ip_address": _texts(people.address).take(session),
        "cart_id": _texts([b"c-" + text[24:] for text in people.session]).take(carts),
    }
    return columns | ({"anonymous_id": _texts(people.anonymous).take(session)} if people.anonymous else {})


def _texts(values: list[bytes]) -> pa.Array:
    return pa.array(values, pa.binary()).cast(pa.string())


def _same(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), count)


def _cents(cents: object) -> Decimal | None:
    return None if cents is None else Decimal(int(str(cents))).scaleb(-2)
