"""The SQL that the pages for people show is run, against a store that the engine filled."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ecompulse.log.sqlite import SqliteAppender
from ecompulse.process.service import Config, Processing
from ecompulse.process.steps.installed import load_steps

from .rows import batch_of

DOCS = Path(__file__).parents[3] / "docs"


def statements() -> Iterator[tuple[str, str]]:
    for page in ("analyst.md", "steps.md", "data-engineer.md"):
        text = (DOCS / page).read_text()
        for block in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE):
            if block.strip().startswith("select"):
                yield page, block
        yield from ((page, found) for found in re.findall(r'"sql": "(.*?)"', text))
        yield from ((page, found) for found in re.findall(r'events\.duckdb "(.*?)"', text))


@pytest.fixture(scope="module")
def processing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processing]:
    data = tmp_path_factory.mktemp("data")
    item = {"product_id": "P", "quantity": 2, "price": Decimal(5), "product_name": None, "product_category": None, "extra": None}
    bought = {"event_type": "purchase", "order_id": "o", "currency": "USD", "total": Decimal(10), "items": [item], "session_id": "s"}
    page = {"page_url": "https://shop.example/", "session_id": "s", "anonymous_id": "a", "properties": '{"loyalty_tier":"gold"}'}
    SqliteAppender(data / "log", 0).append(batch_of(page, bought), [])
    opened = Processing(Config(data=data), load_steps)
    opened.engine.round()
    yield opened
    opened.start()
    opened.stop()


@pytest.mark.parametrize(("page", "sql"), list(statements()))
def test_sql_of_the_pages_answers_with_rows(processing: Processing, page: str, sql: str) -> None:
    parameters = {"since": datetime(2026, 1, 1, tzinfo=UTC)} if "$since" in sql else {}
    with processing.snapshot() as store:
        assert store.query(sql, parameters).num_rows > 0


def test_the_pages_hold_sql_at_all() -> None:
    assert len(list(statements())) >= 6


def test_the_examples_in_other_languages_are_well_formed() -> None:
    page = (DOCS / "analyst.md").read_text()
    [notebook] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    compile(notebook, "analyst.md", "exec")
    [body] = re.findall(r"-d '(\{.*?\})'", page, re.DOTALL)
    assert set(json.loads(body)) == {"sql", "parameters"}
