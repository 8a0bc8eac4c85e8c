"""The schema registry's face, as Confluent's clients use it."""

from __future__ import annotations

import json

import fastavro
import pytest


def test_the_contract_is_found_by_subject_and_by_id(ask):
    (subject,) = json.loads(ask("GET", "/subjects").body)
    assert json.loads(ask("GET", f"/subjects/{subject}/versions").body) == [1]
    latest = json.loads(ask("GET", f"/subjects/{subject}/versions/latest").body)
    assert latest == json.loads(ask("GET", f"/subjects/{subject}/versions/1").body)
    by_id = ask("GET", f"/schemas/ids/{latest['id']}")
    assert by_id.content_type == "application/vnd.schemaregistry.v1+json"
    assert json.loads(by_id.body)["schema"] == latest["schema"]
    assert fastavro.parse_schema(json.loads(latest["schema"]))["type"] == "record"


@pytest.mark.parametrize(
    ("path", "code"), [("/subjects/x/versions", 40401), ("/subjects/events-value/versions/9", 40402), ("/schemas/ids/77", 40403)]
)
def test_what_is_unknown_has_the_registrys_code(ask, path, code):
    answer = ask("GET", path)
    assert (answer.status, json.loads(answer.body)["error_code"]) == (404, code)
