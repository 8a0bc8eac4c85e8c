"""Keys and limits at the door."""

from __future__ import annotations

import json

import pytest

from ecompulse.guard import keys

EVENT = {"event_type": "custom", "user_id": "u", "properties": {"name": "n"}}


def test_where_keys_are_required_none_is_401_and_says_how_to_show_one(asking):
    ask = asking(keys_required=True)
    answer = ask.post("/v1/events", EVENT)
    assert (answer.status, dict(answer.headers)["WWW-Authenticate"][:5]) == (401, "Basic")
    assert "X-Api-Key" in json.loads(answer.body)["detail"]
    assert ask.post("/v1/events", EVENT, x_api_key="guess").status == 401
    assert not ask.log.appends


def test_a_key_names_its_site_and_itself(asking, tmp_path):
    secret, entry = keys.create(tmp_path, "toys", "write")
    ask = asking(keys_required=True)
    assert ask.post("/v1/events", EVENT, authorization=f"Bearer {secret}").status == 202
    (row,) = ask.log.rows
    assert (row["site"], row["sender_key"]) == ("toys", entry.id)


def test_a_key_that_may_only_read_is_403(asking, tmp_path):
    secret, _ = keys.create(tmp_path, "toys", "read")
    assert asking().post("/v1/events", EVENT, x_api_key=secret).status == 403


def test_a_sender_over_its_rate_is_429_with_a_time_to_come_back(asking):
    ask = asking(key_events_per_second=1)
    assert ask.post("/v1/events", [EVENT] * 10).status == 202
    answer = ask.post("/v1/events", EVENT)
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (429, "1")
    assert ask("POST", "/v1/events", EVENT, "10.0.0.9").status == 202, "another address has a bucket of its own"


@pytest.mark.parametrize("header", [{"authorization": "Basic \xff"}, {"authorization": ""}, {"x_api_key": "x" * 100_000}])
def test_no_key_however_odd_is_a_fault(asking, tmp_path, header):
    keys.create(tmp_path, "toys", "write")
    ask = asking(keys_required=True)
    sent = {name: value.encode("utf-8").decode("latin-1") for name, value in header.items()}
    assert ask.post("/v1/events", EVENT, **sent).status == 401
