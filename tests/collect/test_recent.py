"""The memory of recent events."""

from __future__ import annotations

import uuid

from ecompulse.collect.recent import Recent
from ecompulse.contract.check import check
from ecompulse.contract.event import Event, Properties


def batch(*ids: uuid.UUID, user: str = "u", time: str | None = "2026-01-01T00:00:00Z"):
    events = [Event("custom", str(one), time, user, properties=Properties(name="n")) for one in ids]
    return seen(events)


def seen(events: list[Event]):
    checked = check(events, 1_795_000_000_000_000)
    return checked.batch, checked.sizes


def test_it_knows_what_it_has_seen_in_this_batch_and_before():
    recent, ids = Recent(), [uuid.uuid4() for _ in range(50)]
    assert not recent.duplicates(*batch(*ids)).any()
    assert recent.duplicates(*batch(ids[0], uuid.uuid4(), ids[1])).tolist() == [True, False, True]
    new = uuid.uuid4()
    assert recent.duplicates(*batch(new, new, ids[3], new)).tolist() == [False, True, True, True]


def test_the_same_id_with_other_content_is_not_the_same():
    recent, one = Recent(), uuid.uuid4()
    recent.duplicates(*batch(one))
    assert not recent.duplicates(*batch(one, user="other")).any()
    assert not recent.duplicates(*batch(one, time="2026-01-02T00:00:00Z")).any()


def test_a_time_that_we_filled_does_not_make_another_event():
    recent, one = Recent(), uuid.uuid4()
    recent.duplicates(*batch(one, time=None))
    assert recent.duplicates(*batch(one, time=None)).all()


def test_it_forgets_rather_than_grows():
    recent = Recent(slots=16)
    first = [uuid.uuid4() for _ in range(16)]
    recent.duplicates(*batch(*first))
    recent.duplicates(*batch(*(uuid.uuid4() for _ in range(500))))
    assert not recent.duplicates(*batch(*first)).all()


def test_parts_of_a_batch_are_known_like_the_whole():
    recent, ids = Recent(), [uuid.uuid4() for _ in range(30)]
    events = [
        Event("custom", str(one), f"2026-01-01T00:00:{n:02}Z", "u" * (n + 1), properties=Properties(name="n")) for n, one in enumerate(ids)
    ]
    whole, sizes = seen(events)
    recent.duplicates(whole, sizes)
    assert recent.duplicates(whole.slice(7, 11), sizes[7:18]).all()
    assert recent.duplicates(*seen(events[20:])).all()
