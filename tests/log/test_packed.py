"""The bytes of a batch: whatever it holds comes back, large or small, and entries of before words are read as ever."""

from __future__ import annotations

import struct
import subprocess
import sys

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.check import check
from ecompulse.contract.columns import LOGGED, nulls, widened
from ecompulse.contract.event import Event, Metadata, Properties
from ecompulse.log.sqlite import packed

NOW_US = 1_790_000_000_000_000
MANY = packed.ROWS_FOR_WORDS


def batch(count: int, **columns: list[str | None]) -> pa.RecordBatch:
    """Some events, with other texts in some columns."""
    found = check([Event("search", user_id=f"u-{n}", properties=Properties(query="mug")) for n in range(count)], NOW_US).batch
    for name, texts in columns.items():
        found = found.set_column(LOGGED.get_field_index(name), LOGGED.field(name), pa.array(texts, pa.string()))
    return found


def content_of(found: pa.RecordBatch) -> bytes:
    """What is compressed."""
    return zstandard.decompress(packed.pack(found)[1])


@pytest.mark.parametrize("count", [1, MANY - 1, MANY, 3 * MANY + 1])
@pytest.mark.parametrize("different", [1, 2, 255, 256, 257, 10**6])
def test_what_is_packed_comes_back(count: int, different: int) -> None:
    texts = [f"text {n % different}" if n % 3 else None for n in range(count)]
    whole = [f"page {n * n % different}" for n in range(count)]
    given_batch = batch(count, page_url=texts, referrer=whole, page_title=[None] * count, platform=[""] * count)
    assert widened(packed.unpack(*packed.pack(given_batch))).equals(given_batch)


def test_more_words_than_sixteen_bits_can_count_stay_texts() -> None:
    count = 2 * (65_536 + 10)
    texts = [f"{n % (65_536 + 5)}" for n in range(count)]
    given_batch = batch(4, page_url=["x"] * 4)
    arrays = [
        pa.array(texts, pa.string()) if name == "page_url" else nulls(count, kind)
        for name, kind in zip(LOGGED.names, LOGGED.types, strict=True)
    ]
    given_batch = pa.RecordBatch.from_arrays(arrays, names=LOGGED.names)
    schema, content = packed.pack(given_batch)
    assert packed.unpack(schema, content).column("page_url").equals(given_batch.column("page_url"))


def test_a_part_of_a_batch_is_packed_as_itself() -> None:
    texts = [f"text {n % 7}" if n % 5 else None for n in range(3 * MANY)]
    part = batch(3 * MANY, page_url=texts).slice(MANY + 3, MANY + 5)
    assert widened(packed.unpack(*packed.pack(part))).equals(part)


PACKING_AT_ONCE = """
import os
from concurrent.futures import ThreadPoolExecutor
from ecompulse.log.sqlite import packed
contents = [os.urandom(50).hex().encode() * 20_000 + os.urandom(size) for size in (100_000, 1_000_000)]
alone = [packed.compressed(content) for content in contents]
with ThreadPoolExecutor(2) as threads:
    beside = list(threads.map(packed.compressed, contents * 50))
assert beside == alone * 50
"""


def test_two_threads_may_pack_at_once() -> None:
    """A very large request is packed on the commit thread, while the loop packs the next group. In a process of its own: it would crash."""
    done = subprocess.run([sys.executable, "-c", PACKING_AT_ONCE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_repeated_texts_take_less_in_a_large_batch() -> None:
    pages = [f"https://shop.example/p/{n * 7919 % 200}" for n in range(4 * MANY)]
    large = batch(4 * MANY, page_url=pages)
    plain = zstandard.compress(large.select([name for name in large.schema.names if large[name].null_count < len(large)]).serialize())
    assert len(packed.pack(large)[1]) < 0.75 * len(plain)


def test_entries_without_words_are_read_as_ever() -> None:
    large = batch(2 * MANY, page_url=[f"p{n % 9}" for n in range(2 * MANY)])
    names = [name for name in large.schema.names if large[name].null_count < len(large)]
    schema, _ = packed.pack(large)
    before = zstandard.compress(large.select(names).serialize())
    assert widened(packed.unpack(schema, before)).equals(large)
    assert content_of(large) != zstandard.decompress(before)


@given(st.data())
def test_any_texts_come_back(data: st.DataObject) -> None:
    words = data.draw(st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=1, max_size=40))
    picks = data.draw(st.lists(st.integers(0, len(words) - 1), min_size=MANY, max_size=MANY + 40))
    given_batch = batch(len(picks), page_url=[words[pick] for pick in picks], query=[words[-pick] for pick in picks])
    assert widened(packed.unpack(*packed.pack(given_batch))).equals(given_batch)


def test_bytes_that_are_cut_short_are_refused() -> None:
    schema, content = packed.pack(batch(MANY, page_url=["p"] * MANY))
    whole = zstandard.decompress(content)
    for length in (5, 40, len(whole) // 2, len(whole) - 200):
        with pytest.raises((ValueError, struct.error, pa.ArrowException)):
            packed.unpack(schema, zstandard.compress(whole[:length]))


def test_a_batch_of_every_kind_of_column_comes_back() -> None:
    events = [
        Event(
            "page_view", anonymous_id=f"device {n % 20}", session_id=f"visit {n % 40}", source="web",
            properties=Properties(page_url=f"https://shop.example/{n % 30}", duration_ms=float(n), user_agent="Mozilla/5.0"),
            metadata=Metadata(platform="web"),
        )
        for n in range(MANY)
    ]  # fmt: skip
    found = check(events, NOW_US).batch
    assert widened(packed.unpack(*packed.pack(found))).equals(found)
