"""The large store that questions are measured on is one that the engine could have written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import stock
from ecompulse.log.sqlite import SqliteReader
from ecompulse.process.identify import DUPLICATE, Ids
from ecompulse.run.verify import CHECKS
from ecompulse.store.duckdb import DuckDBStore

EVENTS = 4_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three stretches of a few thousand events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stock, "CACHE", tmp_path_factory.mktemp("cache"))
        patch.setattr(stock, "STRETCH_EVENTS", EVENTS)
        patch.setattr(stock, "RATE", EVENTS / (stock.STRETCH_MINUTES * 60))
        yield stock.stocked(3)


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[DuckDBStore]:
    opened = DuckDBStore(folder / "stores" / "main")
    yield opened
    opened.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_sum_of_the_copies_is_that_of_their_rows(store: DuckDBStore, check: object) -> None:
    with store.snapshot() as picture:
        assert picture.query(check.sql).to_pylist() == []  # type: ignore[attr-defined]  # parametrized


def test_each_stretch_is_as_large_later_and_of_other_people(store: DuckDBStore) -> None:
    with store.snapshot() as picture:
        told = picture.query("select count(*) as n, epoch(max(timestamp)) - epoch(min(timestamp)) as seconds from events").to_pylist()[0]
        people = picture.query("select count(distinct coalesce(user_id, anonymous_id)) % 3 as rest from events").to_pylist()[0]
    assert told["n"] == 3 * EVENTS
    assert told["seconds"] / 60 == pytest.approx(3 * stock.STRETCH_MINUTES, rel=0.05)
    assert people["rest"] == 0


def test_every_id_is_known_and_the_log_goes_on_where_the_store_is(folder: Path, store: DuckDBStore) -> None:
    with store.snapshot() as picture:
        rows = picture.query("select event_id::varchar as id, fingerprint from events")
    ids = bytes.fromhex("".join(rows["id"].to_pylist()).replace("-", ""))
    known = Ids(folder / "stores" / "main" / "ids", store.id_runs())
    assert len(known) == 3 * EVENTS
    assert (known.classify(ids, rows["fingerprint"].to_numpy().astype(np.uint64)) == DUPLICATE).all()
    assert store.positions() == SqliteReader(folder / "log").end() == {0: 3 * EVENTS}
