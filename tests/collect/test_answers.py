"""What the door answers, example by example."""

from __future__ import annotations

import json
import uuid

import pytest

EVENT = {"event_type": "product_view", "user_id": "u-1", "properties": {"product_id": "P-1", "price": 19.99, "currency": "EUR"}}


def event(**changes):
    return {**EVENT, "event_id": str(uuid.uuid4()), **changes}


def problem(answer, status):
    assert answer.status == status, answer.body
    assert answer.content_type == "application/problem+json"
    told = json.loads(answer.body)
    assert told["status"] == status
    assert told["title"]
    return told


def test_one_event_is_taken_and_says_so(ask):
    answer = ask.post("/v1/events", EVENT)
    assert (answer.status, json.loads(answer.body)) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    (row,) = ask.log.rows
    assert (row["event_type"], row["site"], row["dialect"], row["filled"]) == ("product_view", "default", "canonical", 3)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            b'[{"event_type":"custom","user_id":"u","properties":{"name":"a"}},{"event_type":"custom","user_id":"u","properties":{"name":"b"}}]',
            "application/json",
        ),
        (
            b'{"events":[{"event_type":"custom","user_id":"u","properties":{"name":"a"}},{"event_type":"custom","user_id":"u","properties":{"name":"b"}}]}',
            "",
        ),
        (
            b'{"event_type":"custom","user_id":"u","properties":{"name":"a"}}\n{"event_type":"custom","user_id":"u","properties":{"name":"b"}}\n',
            "application/x-ndjson",
        ),
        (
            b'[{"event_type":"custom","user_id":"u","properties":{"name":"a"}},{"event_type":"custom","user_id":"u","properties":{"name":"b"}}]',
            "text/plain;charset=UTF-8",
        ),
        (
            b'[{"event_type":"custom","user_id":"u","properties":{"name":"a"}},{"event_type":"custom","user_id":"u","properties":{"name":"b"}}]',
            "application/x-www-form-urlencoded",
        ),
    ],
)
def test_arrays_wrapped_arrays_lines_beacons_and_forms_are_taken(ask, body, kind):
    assert json.loads(ask.post("/v1/events", body, content_type=kind).body)["accepted"] == 2
    assert [row["name"] for row in ask.log.rows] == ["a", "b"]


def test_a_form_field_may_hold_the_json(ask):
    body = b"data=%7B%22event_type%22%3A%22custom%22%2C%22user_id%22%3A%22u%22%2C%22properties%22%3A%7B%22name%22%3A%22x%22%7D%7D"
    assert ask.post("/v1/events", body, content_type="application/x-www-form-urlencoded").status == 202
    problem(ask.post("/v1/events", b"a=1&b=2", content_type="application/x-www-form-urlencoded"), 400)


def test_valid_events_are_kept_and_each_invalid_one_is_named(ask):
    bad = event(properties={})
    answer = ask.post("/v1/events", [event(), bad, event()])
    assert answer.status == 202
    told = json.loads(answer.body)
    assert told["accepted"] == 2
    assert [(r["index"], r["event_id"], r["field"]) for r in told["rejected"]] == [(1, bad["event_id"], "properties.product_id")]
    (letter,) = ask.log.letters
    assert json.loads(letter.body) == bad
    assert (letter.field, letter.event_type, letter.dialect) == ("properties.product_id", "product_view", "canonical")


def test_rejected_events_are_told_in_the_order_of_the_request(ask):
    told = json.loads(ask.post("/v1/events", [event(properties={}), {"event_type": 7}, event(), event(source="pigeon")]).body)
    assert [r["index"] for r in told["rejected"]] == [0, 1, 3]


def test_every_event_invalid_is_422_and_all_are_dead_letters(ask):
    told = problem(ask.post("/v1/events", [event(properties={}), event(user_id="")]), 422)
    assert [r["field"] for r in told["rejected"]] == ["properties.product_id", "user_id"]
    assert len(ask.log.letters) == 2
    assert not ask.log.batches


def test_duplicates_are_told_within_a_request_and_across_requests(ask):
    events = [event() for _ in range(5)]
    assert json.loads(ask.post("/v1/events", events + events[:2]).body) == {"accepted": 5, "duplicates": 2, "rejected": []}
    assert json.loads(ask.post("/v1/events", events[:3]).body) == {"accepted": 0, "duplicates": 3, "rejected": []}
    assert len(ask.log.rows) == 10, "the log has all of them: processing decides"


def test_another_event_under_a_used_id_is_no_duplicate(ask):
    first = event()
    ask.post("/v1/events", first)
    assert json.loads(ask.post("/v1/events", {**first, "user_id": "somebody-else"}).body)["duplicates"] == 0


def test_an_empty_array_is_taken_and_writes_nothing(ask):
    assert json.loads(ask.post("/v1/events", b"[]").body)["accepted"] == 0
    assert ask.log.appends == 0


HOSTILE = {
    "empty": b"",
    "null": b"null",
    "text": b'"x"',
    "number": b"1",
    "cut off": b'{"event_id": ',
    "trailing comma": b'[{"a":1},]',
    "not UTF-8": b'{"event_type":"\xff"}',
    "NaN": b'{"price": NaN}',
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "closed deep": b"[" * 50_000 + b"]" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_unreadable_body_is_400_and_says_where(ask, name):
    detail = problem(ask.post("/v1/events", HOSTILE[name]), 400)["detail"]
    assert "empty" in detail if name == "empty" else any(letter.isdigit() for letter in detail)


@pytest.mark.parametrize(
    "text",
    [
        '{"event_type":"custom","user_id":"u","properties":{"name":"n","x":"\\ud800"}}',
        '{"event_type":"custom","user_id":"u","properties":{"name":"n","x":1e999}}',
        '{"event_type":"custom","user_id":"u","properties":{"name":"n","x":' + "[" * 500 + "]" * 500 + "}}",
        '{"event_type":"custom","user_id":"u","properties":{"name":"a\\u0000b"}}',
        '{"event_id":"' + "9" * 9_000_000 + '","event_type":"custom","user_id":"u","properties":{"name":"n"}}',
        '{"event_type":"product_view","user_id":"u","properties":{"product_id":"p","price":1e999}}',
        '{"event_type":"product_view","user_id":"u","properties":{"product_id":"p","quantity":99999999999999999999999}}',
    ],
    ids=["surrogate", "huge number", "nested", "nul", "long id", "infinite price", "endless quantity"],
)
def test_a_hostile_event_is_a_clear_refusal_with_a_short_answer(ask, text):
    answer = ask.post("/v1/events", text.encode())
    assert answer.status in (400, 422)
    assert len(answer.body) < 2_000


def test_wrong_paths_methods_types_and_encodings_say_what_to_do(ask):
    assert "/v1/events" in problem(ask.post("/v1/nothing", {}), 404)["detail"]
    answer = ask("GET", "/v1/events")
    problem(answer, 405)
    assert dict(answer.headers)["Allow"] == "OPTIONS, POST"
    problem(ask.post("/v1/events", b"a,b", content_type="text/csv"), 415)
    problem(ask.post("/v1/events", b"{}", content_type="application/json; charset=latin1"), 415)
    problem(ask.post("/v1/events", b"x", content_encoding="compress"), 415)


def test_a_browser_may_ask_first(ask):
    answer = ask("OPTIONS", "/v1/events", access_control_request_headers="content-type,x-own")
    headers = dict(answer.headers)
    assert answer.status == 204
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert headers["Access-Control-Allow-Headers"] == "content-type,x-own"
    assert int(headers["Access-Control-Max-Age"]) > 0


def test_health_metrics_and_description_answer(ask):
    for path in ("/healthz", "/readyz", "/metrics", "/actuator/prometheus", "/openapi.json", "/"):
        assert ask("GET", path).status == 200, path
    described = json.loads(ask("GET", "/openapi.json").body)
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]["/v1/events"]["post"]["responses"]) >= {"202", "400", "413", "415", "422", "429", "503"}


def test_a_log_that_cannot_be_written_is_503_for_all_and_then_goes_on(ask):
    ask.log.trouble = "no space left on device"
    answer = ask.post("/v1/events", event())
    assert "no space left" in problem(answer, 503)["detail"]
    assert "Retry-After" in dict(answer.headers)
    assert not ask.committer.ready
    ask.log.trouble = ""
    assert ask.post("/v1/events", event()).status == 202
    assert ask.committer.ready


def test_a_refused_event_is_no_duplicate_when_it_comes_again(ask):
    sent = event()
    ask.log.trouble = "away"
    ask.post("/v1/events", sent)
    ask.log.trouble = ""
    assert json.loads(ask.post("/v1/events", sent).body) == {"accepted": 1, "duplicates": 0, "rejected": []}
