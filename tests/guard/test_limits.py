"""Token buckets."""

from __future__ import annotations

from ecompulse.guard import limits
from ecompulse.guard.limits import BURST_SECONDS, Limits


def test_a_sender_may_burst_and_then_goes_at_its_rate():
    bucket = Limits(10)
    assert bucket.wait_seconds("a", int(10 * BURST_SECONDS), 0) == 0
    assert bucket.wait_seconds("a", 10, 0) == 1
    assert bucket.wait_seconds("a", 10, 1) == 0
    assert bucket.wait_seconds("b", 10, 0) == 0, "another sender has a bucket of its own"


def test_a_batch_larger_than_the_bucket_passes_once_and_is_paid_for_afterwards():
    bucket = Limits(1)
    assert bucket.wait_seconds("a", 100, 0) == 0
    assert bucket.wait_seconds("a", 1, 0) == 91
    assert bucket.wait_seconds("a", 1, 91) == 0


def test_no_rate_is_no_limit():
    assert Limits(0).wait_seconds("a", 10**9) == 0


def test_the_sender_silent_for_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(limits, "BUCKETS_LIMIT", 2)
    bucket = Limits(1)
    for sender in "abc":
        bucket.wait_seconds(sender, 10, 0)
    assert bucket.wait_seconds("a", 10, 0) == 0
    assert bucket.wait_seconds("c", 10, 0) > 0


def test_a_sender_who_has_nothing_left_is_told_so_without_being_charged():
    bucket = Limits(2)
    assert bucket.spent_seconds("a", 0) == 0, "nobody has seen it yet"
    assert bucket.wait_seconds("a", int(2 * BURST_SECONDS) + 10, 0) == 0
    assert bucket.spent_seconds("a", 0) == 6
    assert bucket.spent_seconds("a", 5) == 1
    assert bucket.spent_seconds("a", 5.5) == 0
    assert bucket.wait_seconds("a", 1, 5.5) == 0
