"""The country of an address, from a database in MaxMind's format that the user may give."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from ecompulse.contract.columns import STORED
from ecompulse.process.step import Context
from ecompulse.process.steps.columns import look_up, put, take

if TYPE_CHECKING:
    import maxminddb

CACHED_ADDRESSES: Final = 65_536
"""About 10 MB. Truncated addresses repeat: a /24 or a /48 is one value."""

_FIELD: Final = STORED.field("country")


class GeoDatabaseUnreadable(OSError):
    """The database of countries cannot be used; the message says why and what to give instead."""


@lru_cache(maxsize=4)  # one is used; more only while tests or a Spark worker change over
def open_database(path: str) -> maxminddb.Reader:
    """Open the database, once a process; raises `GeoDatabaseUnreadable`. Call it at the start, so that a wrong path is told then."""
    import maxminddb  # with multiprocessing, 0.03 s; most have no such database

    try:
        return maxminddb.open_database(path, maxminddb.MODE_AUTO)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        what = "there is no such file" if not Path(path).exists() else str(error)
        raise GeoDatabaseUnreadable(
            f"{path} cannot be read as a database of countries: {what}. Give a file in MaxMind's format, such as GeoLite2-Country.mmdb"
        ) from error


@lru_cache(maxsize=CACHED_ADDRESSES)
def country_of(address: str | None, database: str) -> str | None:
    """Return the ISO 3166 code of the country where the network of an address is registered, or `None` if it is not known."""
    if address is None:
        return None
    import maxminddb

    try:
        entry = open_database(database).get(address.partition("/")[0].strip())
    except (ValueError, maxminddb.InvalidDatabaseError):
        return None  # no address, or IPv6 asked of a database of IPv4: not known, like any other
    country = entry.get("country") if isinstance(entry, dict) else None
    code = country.get("iso_code") if isinstance(country, dict) else None
    return code if isinstance(code, str) else None


def locate(batch: pa.RecordBatch, context: Context) -> pa.RecordBatch:
    """Fill `country` from `ip_address`, which may be truncated; null without a database."""
    database = context.geo_database
    if database is None:
        return put(batch, [_FIELD], [pa.nulls(batch.num_rows, _FIELD.type)])
    return put(batch, [_FIELD], [look_up(take(batch, "ip_address"), lambda address: country_of(address, database), _FIELD.type)])
