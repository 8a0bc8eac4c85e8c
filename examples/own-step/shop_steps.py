"""Two steps of a shop's own: one fills a named column, one adds a property."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.process.step import Context
from ecompulse.process.steps.properties import put_property


def tidy_campaigns(batch: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
    """Count `Spring_Sale` and `spring sale` as one campaign."""
    tidy = pc.replace_substring(pc.utf8_lower(batch.column("campaign")), "_", " ")
    return batch.set_column(batch.schema.get_field_index("campaign"), "campaign", tidy)


def band_prices(batch: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
    """Add the property `price_band` (low, middle, high) to every event with a price."""
    price = batch.column("price").cast(pa.float64())
    band = pc.if_else(pc.less(price, 20), "low", pc.if_else(pc.less(price, 100), "middle", "high"))
    return put_property(batch, "price_band", band)
