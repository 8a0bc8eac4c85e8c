"""Events as rows of CSV, in the columns of the catalogue mix."""

from __future__ import annotations

import csv
import io

import numpy as np

from ecompulse.simulate.block import KIND, KINDS, Block
from ecompulse.simulate.catalogue import Product
from ecompulse.simulate.identity import Identity
from ecompulse.simulate.json_rows import Fragments, money, objects, seconds_text
from ecompulse.simulate.numbers import Times, uuid_texts

COLUMNS = ("event_id", "user_id", "product_id", "product_name", "category", "price", "event_type", "timestamp")
HEADER = ",".join(COLUMNS).encode()
NAMES = {"product_view": "view"}
"""What an event type is called in these files, where it differs."""


class CsvRows:
    """Writes events as rows of CSV, without a line end; every event is about one product, a purchase about its first line."""

    def __init__(self, identity: Identity, products: list[Product]) -> None:
        self._identity = identity
        self._products = objects([_quoted(p.product_id, p.name, p.category, money(p.cents)) for p in products])
        self._kinds = objects([b"," + NAMES.get(name, name).encode() + b"," for name in KINDS])

    def prepared(self, block: Block) -> CsvBlock:
        """All fragments of a block."""
        people = self._identity.of(block)
        table = np.empty((len(block), 6), dtype=object)
        table[:, 0] = objects(uuid_texts(block.event_id))
        table[:, 1] = objects([b",%s," % user for user in people.user])[block.session]
        product = block.detail % len(self._products)  # the vocabulary is the products, once for each event type
        bought = block.kind == KIND["purchase"]
        product[bought] = block.orders.product[:, 0]
        table[:, 2] = self._products[product]
        table[:, 3] = self._kinds[block.kind]
        seconds, second = np.unique(block.timestamp // 1000, return_inverse=True)
        table[:, 4] = objects(seconds_text(seconds * 1000))[second]
        table[:, 5] = _MILLISECONDS[block.timestamp % 1000]
        return CsvBlock(table)

    def malformed(self, row: bytes, kind: int, number: int) -> bytes:  # noqa: ARG002  every event type is about a product
        """The row with one column wrong."""
        fields = next(csv.reader([row.decode()]))
        column, value = _DAMAGES[number % len(_DAMAGES)]
        fields[COLUMNS.index(column)] = value
        return _quoted(*fields)


class CsvBlock:
    """The fragments of a block, one row an event."""

    def __init__(self, table: Fragments) -> None:
        self._table = table

    def rows(self, events: slice | Times, sent_at: bytes) -> list[bytes]:  # noqa: ARG002  the columns have no place for it
        """The rows of these events."""
        return [b"".join(row) for row in self._table[events].tolist()]


_MILLISECONDS = objects([b"%03dZ" % n for n in range(1000)])
_DAMAGES = (("product_id", ""), ("price", "-1"), ("price", "cheap"), ("event_type", "veiw"), ("timestamp", "yesterday"), ("user_id", ""))


def _quoted(*fields: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue().encode()
