"""Groups: many requests, one append, and to each its own verdict."""

from __future__ import annotations

import itertools
import json
import threading
import uuid

import pytest
from tests.collect.conftest import RememberedLog

from ecompulse.collect import group, routes
from ecompulse.collect.answer import Request, Verdict, verdict_answer
from ecompulse.collect.commit import Intake, Ticket
from ecompulse.contract.read import read_events


def event(**changes):
    return {"event_id": str(uuid.uuid4()), "event_type": "custom", "user_id": "u", "properties": {"name": "n"}, **changes}


def ticket(*events, site="default", dialect="canonical", key=None, shape=verdict_answer):
    body = json.dumps(events).encode()
    return Ticket(Intake(read_events(body), shape, site, dialect, key, 1_795_244_400_000_000, len(body), len(body)))


def told(one):
    body = json.loads(one.answer.body)
    return one.answer.status, body["accepted"], body["duplicates"], [(r["index"], r["field"]) for r in body["rejected"]]


def test_each_request_of_a_group_has_its_own_verdict(ask):
    repeated = event()
    group = [
        ticket(event(), event(properties={}), event()),
        ticket(repeated),
        ticket(event(user_id=7), event(source="pigeon")),
        ticket(repeated, event(), event(properties={})),
    ]
    outcome = ask.committer.commit(group)
    assert [told(one) for one in group] == [
        (202, 2, 0, [(1, "properties.name")]),
        (202, 1, 0, []),
        (422, 0, 0, [(0, "user_id"), (1, "source")]),
        (202, 1, 1, [(2, "properties.name")]),
    ]
    assert (ask.log.appends, len(ask.log.rows), len(ask.log.letters)) == (1, 5, 4)
    assert outcome.counts == {("canonical", "accepted"): 4, ("canonical", "duplicate"): 1, ("canonical", "rejected"): 4}


WRONG = [
    b'{"event_type":"custom","user_id":"u","properties":{}}',
    b'{"event_type":"custom","user_id":7}',
    b'{"event_type":"custom","user_id":"u","user_id":"v","properties":{"name":"n"}}',
    b'{"event_type":"custom","user_id":}',
    b'{"user_id":"u","events":[{"event_type":"custom","user_id":"a","properties":{"name":"n"}},{"event_type":"nothing"}]}',
    b'{"user_id":"u","events":[]}',
]


@pytest.mark.parametrize("wrong", [[], *([body] for body in WRONG), WRONG])
def test_requests_of_one_event_are_read_together_and_answered_as_each_alone(asking, wrong):
    def bodies():
        right = [json.dumps(event(properties={"name": f"n{place}", "own": place})).encode() for place in range(3)]
        return [body for pair in itertools.zip_longest(right, wrong) for body in pair if body]

    def sent(ask, requests):
        tickets = [[Ticket(routes.handle(request(body), ask.door)) for body in bodies] for bodies in requests]
        for shared in tickets:
            assert all(one.intake.read is None for one in shared)
            ask.committer.commit(shared)
        return [(one.answer.status, one.answer.body) for shared in tickets for one in shared]

    def request(body):
        return Request("POST", "/v1/events", "", {}, body, "127.0.0.1", 1_795_244_400_000_000)

    together, alone = asking(), asking()
    assert sent(together, [bodies()]) == sent(alone, [[body] for body in bodies()])
    assert together.log.appends <= 1
    assert told_apart(together.log) == told_apart(alone.log)
    assert len(together.log.rows) == 3 + any(b"events" in body and b"nothing" in body for body in wrong)


def test_requests_of_one_event_keep_their_places_among_others(ask):
    def single(name):
        body = json.dumps(event(user_id=name, properties={"name": name, "own": name})).encode()
        return Ticket(Intake(None, verdict_answer, "default", "canonical", None, 1_795_244_400_000_000, len(body), len(body), body=body))

    names = list("abcdefghi")
    made = [ticket(event(user_id=name)) if name in "bcg" else single(name) for name in names]
    ask.committer.commit(made)
    assert [(row["user_id"], row["properties"]) for row in ask.log.rows] == [
        (name, None if name in "bcg" else f'{{"own":"{name}"}}') for name in names
    ]
    assert ({one.answer.status for one in made}, ask.log.appends) == ({202}, 1)
    assert [one.intake.read is None for one in made] == [name not in "bcg" for name in names]


def told_apart(log):
    rows = [{name: value for name, value in row.items() if name not in ("event_id", "timestamp")} for row in log.rows]
    return rows, log.letters


def test_requests_of_several_sites_dialects_and_keys_share_a_group(ask):
    ask.committer.commit([ticket(event(), event()), ticket(event(), site="toys", dialect="segment", key="k1")])
    assert [(row["site"], row["dialect"], row["sender_key"]) for row in ask.log.rows] == [
        ("default", "canonical", None),
        ("default", "canonical", None),
        ("toys", "segment", "k1"),
    ]


@pytest.mark.parametrize("part", ["check", "pack"])
def test_a_fault_of_ours_with_one_request_spares_its_neighbours(ask, monkeypatch, part):
    check, pack = group.check, ask.log.pack

    def faulty_check(events, *rest):
        if any(one.user_id == "poison" for one in events):
            raise RuntimeError("a bug")
        return check(events, *rest)

    def faulty_pack(events, rejected):
        if "poison" in events.column("user_id").to_pylist():
            raise RuntimeError("a bug")
        return pack(events, rejected)

    monkeypatch.setattr(*(group, "check", faulty_check) if part == "check" else (ask.log, "pack", faulty_pack))
    tickets = [ticket(event()), ticket(event(user_id="poison")), ticket(event())]
    ask.committer.commit(tickets)
    assert [one.answer.status for one in tickets] == [202, 500, 202]
    assert len(ask.log.rows) == 2


def test_the_thread_that_writes_does_nothing_else(running):
    threads: dict[str, str] = {}

    class Watched(RememberedLog):
        def pack(self, *given):
            threads["pack"] = threading.current_thread().name
            return super().pack(*given)

        def write(self, entry):
            threads["write"] = threading.current_thread().name
            return super().write(entry)

    with running(Watched()).connect() as client:
        body = json.dumps(event()).encode()
        client.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert client.recv(4096).startswith(b"HTTP/1.1 202 ")
    assert threads["write"] == "commit"
    assert threads["pack"] != "commit"


def test_a_request_is_told_the_offset_of_its_first_event(ask):
    seen: list[int] = []

    def shape(verdict: Verdict):
        seen.append(verdict.offset)
        return verdict_answer(verdict)

    ask.committer.commit(
        [ticket(event(), event(properties={}), shape=shape), ticket(event(), event(), shape=shape), ticket(event(), shape=shape)]
    )
    assert seen == [0, 1, 3]


@pytest.mark.parametrize("length", [200, 100_000])
def test_a_wrong_id_is_told_back_but_never_at_length(ask, length):
    one = ticket(event(event_id="x" * length), event())
    ask.committer.commit([one])
    assert json.loads(one.answer.body)["rejected"][0]["event_id"] == "x" * 200
