"""The page an event happened on, as one name: the path of a web page, or an app's screen."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import STORED
from ecompulse.process.step import Context
from ecompulse.process.steps.address import read_address
from ecompulse.process.steps.columns import look_up, put, take

_FIELD: Final = STORED.field("page_path")


def name_page(batch: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
    """Fill `page_path` from `page_url` (no host, query, fragment or last slash), else from `screen_name`."""
    path = look_up(take(batch, "page_url"), _path, _FIELD.type)
    return put(batch, [_FIELD], [pc.coalesce(path, take(batch, "screen_name"))])


def _path(page_url: str | None) -> str | None:
    return None if page_url is None else read_address(page_url).path
