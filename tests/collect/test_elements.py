"""Too many events are found before they are decoded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.collect import elements
from ecompulse.collect.elements import too_many, too_many_lines

ANY = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from(',"\\[]{}a'), max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.sampled_from(',"\\[]{}'), max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(values=st.lists(ANY, min_size=2, max_size=12), limit=st.integers(1, 12))
def test_it_counts_the_elements_of_an_array_exactly(values, limit):
    assert too_many(json.dumps(values).encode(), limit) == (len(values) > limit)


@given(values=st.lists(st.integers() | st.text(max_size=3), min_size=2, max_size=12), limit=st.integers(1, 12))
def test_it_counts_inside_an_object_too(values, limit):
    assert too_many(json.dumps({"events": values}).encode(), limit) == (len(values) > limit)


def test_it_counts_across_its_own_steps(monkeypatch):
    monkeypatch.setattr(elements, "STEP", 7)
    assert too_many(json.dumps(["a,b", 'c","', {"d": [1, 2]}] * 10).encode(), 29)
    assert not too_many(json.dumps(["a,b", 'c","', {"d": [1, 2]}] * 10).encode(), 30)


@pytest.mark.parametrize(
    "body", [b"[" + b"1," * 4_000_000 + b"1]", b'{"events":[' + b"{}," * 3_000_000 + b"{}]}", b"[" + b"[]," * 3_000_000 + b"1]"]
)
def test_a_body_of_millions_is_413_at_once(ask, body):
    assert ask.post("/v1/events", body).status == 413


def test_lines_are_counted_too(ask):
    assert too_many_lines(b"{}\n" * 20_001)
    assert ask.post("/v1/events", b"{}\n" * 20_001, content_type="application/x-ndjson").status == 413
