"""Countries from a real database, made for the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from ecompulse.process.step import Context
from ecompulse.process.steps.country import GeoDatabaseUnreadable, locate, open_database

from .rows import after


@pytest.fixture
def database(tmp_path: Path) -> str:
    writer = MMDBWriter(6, "Test-Country", languages=["en"], ipv4_compatible=True)
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "DE"}})
    writer.insert_network(IPSet(["2001:db8:7::/48"]), {"country": {"iso_code": "FR"}})
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"registered_country": {"iso_code": "US"}})
    writer.to_db_file(str(tmp_path / "countries.mmdb"))
    return str(tmp_path / "countries.mmdb")


def test_the_country_of_a_truncated_address_is_found(database: str) -> None:
    addresses = ["203.0.113.0", "203.0.113.0/24", "2001:db8:7::", "192.0.2.1", "198.51.100.0", "not an address", "", None]
    rows = after(locate, *({"ip_address": address} for address in addresses), context=Context(geo_database=database))
    assert [row["country"] for row in rows] == ["DE", "DE", "FR", None, None, None, None, None]


def test_without_a_database_no_country_is_known() -> None:
    assert after(locate, {"ip_address": "203.0.113.0"})[0]["country"] is None


@pytest.mark.parametrize(("content", "told"), [(None, "there is no such file"), (b"not a database", "cannot be read")])
def test_a_wrong_path_is_told_when_the_database_is_opened(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "wrong.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GeoDatabaseUnreadable, match=told):
        open_database(str(path))
