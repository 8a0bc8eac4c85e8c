"""The API as those who call it see it."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from tests.analyze.stocked import DAY, event, purchase
from tests.serve.conftest import Reply, Served

from ecompulse.analyze.question import questions
from ecompulse.contract.columns import STORED, DeadLetter
from ecompulse.serve.routes import ENDPOINTS
from ecompulse.store import Addition, PlacedLetter

ARROW = "application/vnd.apache.arrow.stream"


def problem(answer: Reply, status: int) -> dict[str, Any]:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


def test_a_question_answers_as_json_csv_and_arrow(served: Served) -> None:
    served.stocked.add([purchase(DAY + timedelta(hours=1), "a", ("P", 3, "0.10"))])
    asked = {"from": "2026-03-10", "to": "2026-03-11", "grain": "day"}
    told = served.get("/api/analytics/revenue", **asked).json()
    assert {"as_of", "lag_seconds", "columns", "rows"} <= set(told)
    assert (told["columns"], told["rows"]) == (["time", "orders", "revenue", "currency"], [["2026-03-10T00:00:00Z", 1, "0.30", "EUR"]])
    table = served.get("/api/analytics/revenue", **asked, format="csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert list(csv.reader(io.StringIO(table.body.decode()))) == [told["columns"], ["2026-03-10T00:00:00Z", "1", "0.30", "EUR"]]
    stream = served.call("GET", "/api/analytics/revenue?from=2026-03-10&to=2026-03-11&grain=day", accept=ARROW)
    assert stream.headers["content-type"] == ARROW
    assert str(pa.ipc.open_stream(stream.body).read_all().column("revenue").to_pylist()) == "[Decimal('0.3000')]"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        (f"{ARROW};q=0.5, text/csv;q=0.4", ARROW),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        (";;q=x", "application/json"),
    ],
)
def test_accept_chooses_the_form(served: Served, accept: str, kind: str) -> None:
    assert served.call("GET", "/api/analytics/pages", accept=accept).headers["content-type"].startswith(kind)


def test_every_listed_question_answers_without_parameters(served: Served) -> None:
    listed = served.get("/api/analytics").json()["questions"]
    assert {question["name"] for question in listed} == {*questions(), "real-time"}
    for question in listed:
        assert question["title"]
        assert served.get(f"/api/analytics/{question['name']}").status == 200, question["name"]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/analytics/revenue?from=yesterdayish", "from"),
        ("/api/analytics/revenue?tz=Mars/Olympus", "tz"),
        ("/api/analytics/revenue?grain=blink", "grain"),
        ("/api/analytics/revenue?limit=0", "limit"),
        ("/api/analytics/revenue?colour=red", "colour"),
        ("/api/analytics/revenue?site=a&site=b", "site"),
        ("/api/analytics/revenue?format=xml", "format"),
        ("/api/analytics/revenue?source=pigeon", "source"),
        ("/api/analytics/funnel?steps=a,a", "steps"),
        ("/api/analytics/funnel?window=soon", "window"),
        ("/api/analytics/real-time?minutes=-1", "minutes"),
        ("/api/events?limit=1001", "limit"),
        ("/api/events?after=x", "after"),
        ("/api/dead-letters?replayed=maybe", "replayed"),
        ("/api/recommendations/u?limit=1e3", "limit"),
        ("/api/ledger?by=site", "by"),
    ],
)
def test_a_wrong_parameter_is_400_and_named(served: Served, path: str, parameter: str) -> None:
    told = problem(served.call("GET", path), 400)
    assert told["parameter"] == parameter
    assert parameter in told["detail"]


def test_an_unknown_question_is_404_with_the_nearest_name(served: Served) -> None:
    assert "'revenue'" in problem(served.get("/api/analytics/revenu"), 404)["detail"]
    assert "/api/ledger" in problem(served.get("/api/leger"), 404)["detail"]


def test_a_wrong_method_is_405_with_those_that_are_allowed(served: Served) -> None:
    answer = served.call("DELETE", "/api/ledger")
    problem(answer, 405)
    assert "GET" in answer.headers["allow"]
    assert served.call("GET", "/api/query").headers["allow"] == "POST"


def test_the_sql_of_a_question_can_be_run_as_it_is_shown(served: Served) -> None:
    shown = served.get("/api/analytics/funnel/sql", window="30m", country="DE")
    assert shown.headers["content-type"].startswith("text/plain")
    assert served.sql(shown.body.decode()).json()["columns"] == ["step", "visitors", "conversion_rate"]
    apart = served.call("GET", "/api/analytics/revenue/sql", accept="application/json").json()
    assert "starts" in apart["parameters"]
    assert served.sql(apart["sql"], parameters=apart["parameters"]).status == 200, "and with its parameters, as they come out of JSON"


def test_sql_is_answered_in_every_form_with_parameters(served: Served) -> None:
    assert served.sql("select 40 + $n as x", parameters={"n": 2}).json()["rows"] == [[42]]
    table = served.call("POST", "/api/query", {"sql": "select 1 as a, 'x,y' as b"}, accept="text/csv")
    assert list(csv.reader(io.StringIO(table.body.decode()))) == [["a", "b"], ["1", "x,y"]]
    assert served.call("POST", "/api/query", {"sql": "select 1"}, accept=ARROW).body[:4] == b"\xff\xff\xff\xff"
    assert served.sql("select * from range(20000)").json()["truncated"] is True


def test_mistakes_in_sql_are_the_askers_to_read(served: Served) -> None:
    assert "selec" in problem(served.sql("selec 1"), 400)["detail"]
    assert "DELETE" in problem(served.sql("delete from events"), 400)["detail"]
    assert "usr_id" in problem(served.sql("select usr_id from events"), 400)["detail"]
    problem(served.call("POST", "/api/query", {"sql": 7}), 400)
    problem(served.call("POST", "/api/query", {"query": "select 1"}), 400)
    problem(served.call("POST", "/api/query", b"{"), 400)
    problem(served.call("POST", "/api/query", b"[]"), 400)
    problem(served.call("POST", "/api/query", b"sql=select+1", content_type="application/x-www-form-urlencoded"), 415)
    problem(served.call("POST", "/api/query", b" " * 1_000_001), 413)


def test_an_endless_query_is_408_and_questions_are_answered_beside_it(served: Served) -> None:
    ended: list[Reply] = []
    endless = "select count(*) from range(10000000) a, range(10000000) b where (a.range * b.range) % 7 = 3"
    asker = threading.Thread(target=lambda: ended.append(served.sql(endless)))
    asker.start()
    assert served.get("/api/analytics/pages").status == 200
    asker.join(10)
    problem(ended[0], 408)


def test_more_queries_than_can_wait_are_503_with_when_to_ask_again(served: Served) -> None:
    endless = "select count(*) from range(10000000) a, range(10000000) b where (a.range * b.range) % 7 = 3"
    answers: list[Reply] = []
    askers = [threading.Thread(target=lambda: answers.append(served.sql(endless))) for _ in range(10)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(20)
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == 2
    problem(refused[0], 503)
    assert int(refused[0].headers["retry-after"]) > 0


def test_the_ledger_and_the_schema_are_told(served: Served) -> None:
    served.stocked.add([event("page_view", DAY)])
    ledger = served.get("/api/ledger").json()
    assert (ledger["received"], ledger["stored"], ledger["balanced"]) == (1, 1, True)
    assert ledger["by_type"][0]["type"] == "page_view"
    assert ledger["positions"] == [{"partition": 0, "received": 1, "position": 1, "waiting": 0}]
    assert {"site", "dialect", "key", "type", "received", "accepted", "rejected", "in_flight", "balanced"} <= ledger["groups"][0].keys()
    tables = {table["name"]: table["columns"] for table in served.get("/api/schema").json()["tables"]}
    assert {"name": "event_id", "type": "UUID"} in tables["events"]
    assert {"order_items", "minute_totals", "sessions", "ledger"} <= set(tables)


def _letters(served: Served, *bodies: bytes) -> None:
    received = int(DAY.timestamp() * 1e6)
    placed = [
        PlacedLetter(0, n, DeadLetter("is wrong", "x", None, None, "canonical", "default", None, received, body))
        for n, body in enumerate(bodies)
    ]
    served.stocked.store.add(Addition(pa.RecordBatch.from_pylist([], STORED), placed, {}, {0: len(placed)}))


def test_dead_letters_are_downloaded_one_a_line(served: Served) -> None:
    _letters(served, *(json.dumps({"n": n}).encode() for n in range(1_203)))
    answer = served.get("/api/dead-letters/download")
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert len({line["id"] for line in lines}) == 1_203
    assert answer.headers["content-type"].startswith("application/x-ndjson")


def test_dead_letters_are_corrected_and_sent_again(served: Served) -> None:
    _letters(served, b'{"event_type": "good", "properties": {"items": [{"price": 1}]}}', b"not JSON", b'{"event_type":  "bad"}')
    changes = {"properties.items.0.price": 2, "properties.currency": "EUR", "user_id": "u"}
    told = served.call("POST", "/api/dead-letters/replay", {"ids": ["0-0"], "set": changes}).json()
    counts = {"replayed": 1, "accepted": 1, "duplicates": 0, "rejected": []}
    assert told == {**counts, "already_replayed": [], "events": [{"id": "0-0", "event_id": "an id"}]}
    body = {"event_type": "good", "properties": {"items": [{"price": 2}], "currency": "EUR"}, "user_id": "u"}
    assert json.loads(served.replayed[0].body) == body
    told = served.call("POST", "/api/dead-letters/replay", {"ids": ["0-2"]}).json()
    assert told["rejected"] == [{"id": "0-2", "field": "event_type", "reason": "is unknown"}]
    assert served.replayed[1].body == b'{"event_type":  "bad"}', "without a change the bytes stay as they came"
    assert "0-9" in problem(served.call("POST", "/api/dead-letters/replay", {"ids": ["0-9"]}), 404)["detail"]
    for wrong in (
        {"ids": []},
        {"ids": [1]},
        {"ids": ["0-1"], "set": {"a": 1}},
        {"ids": ["0-0"], "set": {"properties.items.7.price": 1}},
        {"ids": ["0-0"], "set": {"a..b": 1}},
    ):
        problem(served.call("POST", "/api/dead-letters/replay", wrong), 400)


def test_dead_letters_are_edited_as_a_whole_and_sent_again(served: Served) -> None:
    _letters(served, b'{"event_type": "bad"}', b'{"event_type": "bad"}', b"not JSON", b'{"event_type": "bad"}')
    edited = [
        {"id": "0-0", "reason": "is wrong", "event": {"event_type": "good", "n": 1}},
        {"id": "0-1", "body": '{"event_type": "good", "n": 1.000000000000000000001}'},
        {"id": "0-2", "body_base64": "Z29vZCD/"},
        {"id": "0-3", "event": {"event_type": "worse"}},
        {"id": "7-7", "event": {}},
    ]
    told = served.call("POST", "/api/dead-letters/replay", {"letters": edited}).json()
    assert told["replayed"] == 3
    assert told["rejected"] == [
        {"id": "0-3", "field": "event_type", "reason": "is unknown"},
        {"id": "7-7", "field": "", "reason": "is no dead letter here; it may have been let go"},
    ]
    assert [one.body for one in served.replayed[:3]] == [
        b'{"event_type":"good","n":1}',
        b'{"event_type": "good", "n": 1.000000000000000000001}',
        b"good \xff",
    ]
    assert [one.original for one in served.replayed[:2]] == [b'{"event_type": "bad"}'] * 2


def test_edited_letters_are_corrected_at_paths_too_and_one_that_cannot_be_is_named(served: Served) -> None:
    _letters(served, b"{}", b"{}")
    edited = [{"id": "0-0", "body": "good, but no JSON"}, {"id": "0-1", "event": {"event_type": "good"}}]
    told = served.call("POST", "/api/dead-letters/replay", {"letters": edited, "set": {"user_id": "u"}}).json()
    assert [(one["id"], "is no JSON" in one["reason"]) for one in told["rejected"]] == [("0-0", True)]
    assert [json.loads(one.body) for one in served.replayed] == [{"event_type": "good", "user_id": "u"}]


def test_edited_letters_come_as_lines_too_and_each_is_told_by_its_number(served: Served) -> None:
    _letters(served, b"{}", b"{}", b"{}")
    lines = [
        b'{"id": "0-0", "reason": "is wrong", "event": {"event_type": "good", "n": 1.10}}',
        b"",
        b'{"id": "0-1"',
        b'{"id": "0-2", "event": {"event_type": "bad"}}',
        b'{"id": "0-0", "event": {"event_type": "good"}}',
        b'{"id": "7-7", "event": {}}',
    ]
    told = served.call("POST", "/api/dead-letters/replay", b"\n".join(lines), content_type="application/x-ndjson").json()
    assert (told["replayed"], told["events"]) == (1, [{"line": 1, "id": "0-0", "event_id": "an id"}])
    assert [(one["line"], one["id"], one["field"]) for one in told["rejected"]] == [(4, "0-2", "event_type"), (6, "7-7", "")]
    assert [one["line"] for one in told["unused_lines"]] == [3, 5]
    assert served.replayed[0].body == b'{"event_type": "good", "n": 1.10}'
    for wrong in (b"", b"{}\n" * 1_001):
        problem(served.call("POST", "/api/dead-letters/replay", wrong, content_type="application/x-ndjson"), 400)


def test_bodies_of_endless_depth_are_refused_as_no_json(served: Served) -> None:
    deep = b"[" * 100_000
    _letters(served, b'{"a": ' + deep, b"{}")
    problem(served.call("POST", "/api/dead-letters/replay", b'{"letters": ' + deep), 400)
    problem(served.call("POST", "/api/dead-letters/replay", {"ids": ["0-0"], "set": {"a": 1}}), 400)
    line = b'{"id": "0-1", "event": {"a": ' + deep
    told = served.call("POST", "/api/dead-letters/replay", line, content_type="application/x-ndjson").json()
    assert [one["line"] for one in told["unused_lines"]] == [1]
    (whole, _) = served.get("/api/dead-letters/download", edit="true").body.splitlines()[::-1]
    assert "body" in json.loads(whole)


def test_a_letter_that_was_replayed_before_is_answered_as_such(served: Served) -> None:
    _letters(served, b'{"event_type": "good"}')
    served.stocked.store.mark_replayed(["0-0"], int(DAY.timestamp() * 1e6))
    told = served.call("POST", "/api/dead-letters/replay", {"letters": [{"id": "0-0", "event": {"event_type": "good", "n": 2}}]}).json()
    assert told["already_replayed"] == [{"id": "0-0", "replayed_at": DAY.isoformat().replace("+00:00", "Z")}]
    assert (told["replayed"], told["rejected"]) == (0, [])


def test_edited_letters_that_are_none_are_refused_by_their_place(served: Served) -> None:
    _letters(served, b"{}")
    for wrong, where in (
        ([], "letters"),
        ({"0-0": {}}, "letters"),
        (["0-0"], "letters.0"),
        ([{"id": "0-0", "event": {}}, {"event": {}}], "letters.1"),
        ([{"id": "0-0"}], "letters.0"),
        ([{"id": "0-0", "event": []}], "letters.0"),
    ):
        assert problem(served.call("POST", "/api/dead-letters/replay", {"letters": wrong}), 400)["parameter"] == where
    both = {"ids": ["0-0"], "letters": [{"id": "0-0", "event": {}}]}
    assert "not both" in problem(served.call("POST", "/api/dead-letters/replay", both), 400)["detail"]
    assert not served.replayed


def test_a_log_that_cannot_be_written_is_a_503_that_took_nothing(served: Served) -> None:
    _letters(served, b'{"event_type": "good"}')
    served.failure = "the disk is full"
    answer = served.call("POST", "/api/dead-letters/replay", {"ids": ["0-0"]})
    assert "the disk is full" in problem(answer, 503)["detail"]
    assert answer.headers["retry-after"]


def test_what_is_downloaded_to_be_edited_can_be_sent_as_it_is(served: Served) -> None:
    _letters(served, b'{"event_type": "good",\n "n": 1.10}', b"good\xff", b'"good"')
    text = served.get("/api/dead-letters/download", edit="true", replayed="false").body
    lines = {line["id"]: line for line in map(json.loads, text.splitlines())}
    assert {"id", "reason", "field", "dialect", "received_at", "event"} == set(lines["0-0"])
    assert b'"event":{"event_type":"good","n":1.10}' in text
    told = served.call("POST", "/api/dead-letters/replay", {"letters": list(lines.values())}).json()
    assert told["replayed"] == 3
    assert {one.id: one.body for one in served.replayed} == {"0-0": b'{"event_type":"good","n":1.1}', "0-1": b"good\xff", "0-2": b'"good"'}
    assert problem(served.get("/api/dead-letters/download", edit="maybe"), 400)["parameter"] == "edit"


def test_recommendations_say_why(served: Served) -> None:
    served.stocked.add([purchase(datetime.now(UTC) - timedelta(days=1), "a", ("P-1", 1, "1"))])
    told = served.get("/api/recommendations/someone").json()
    assert told["columns"] == ["product_id", "product_name", "score", "reason"]
    assert told["rows"] == [["P-1", "Name of P-1", 0.5, "popular"]]


def test_health_readiness_and_metrics_answer(served: Served) -> None:
    assert served.get("/healthz").status == served.get("/readyz").status == 200
    told = served.get("/api/health").json()
    assert (told["status"], told["version"], told["collector"], told["warnings"]) == (
        "ok",
        "1.2.3",
        "http://door",
        ["the disk is nearly full"],
    )
    served.not_ready = "The store is being opened."
    assert problem(served.get("/readyz"), 503)["detail"] == "The store is being opened."
    assert served.get("/healthz").status == 200, "alive is not ready"
    assert b'ecompulse_serve_requests_total{status="200"}' in served.get("/metrics").body


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8081", "", "[::ffff:1"])
def test_a_name_that_was_made_to_point_here_is_refused(served: Served, host: str) -> None:
    assert problem(served.call("GET", "/api/ledger", host=host), 421)["title"] == "Foreign host"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8081", "127.0.0.1:1", "[::1]:8081"])
def test_this_machines_own_names_are_answered(served: Served, host: str) -> None:
    assert served.call("GET", "/healthz", host=host).status == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}, {"origin": "http://localhost:1"}]
)
def test_a_foreign_page_can_send_nothing(served: Served, headers: dict[str, str]) -> None:
    problem(served.call("POST", "/api/query", {"sql": "select 1"}, **headers), 403)


def test_a_page_of_ours_can_send(served: Served) -> None:
    origin = f"http://127.0.0.1:{served.port}"
    assert served.call("POST", "/api/query", {"sql": "select 1"}, origin=origin, sec_fetch_site="same-origin").status == 200
    assert "access-control-allow-origin" not in served.call("GET", "/api/ledger", origin="https://evil.example").headers


def test_openapi_tells_every_route_and_each_can_be_found(served: Served) -> None:
    document = served.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == {
        (e.path, e.method.lower()) for e in ENDPOINTS
    }
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for path, methods in document["paths"].items():
        if "get" in methods and "{" not in path and path != "/api/live":
            assert str(served.get(path).status) in methods["get"]["responses"], f"{path} answers as it does not say"


def test_texts_are_compressed_when_the_asker_can_read_that(served: Served) -> None:
    answer = served.call("GET", "/openapi.json", accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) * 4 < len(served.get("/openapi.json").body)


def test_stopping_takes_no_longer_than_open_requests_are_given(served: Served) -> None:
    connection = served.connect()
    connection.request("GET", "/api/live")
    assert connection.getresponse().status == 200
    began = time.monotonic()
    assert served.close() < 3
    assert time.monotonic() - began < 3
    connection.close()


def test_who_waits_for_an_answer_at_the_end_is_told_so_at_once(served: Served) -> None:
    told: list[Reply] = []
    endless = "select count(*) from range(10000000) a, range(10000000) b where (a.range * b.range) % 7 = 3"
    askers = [threading.Thread(target=lambda: told.append(served.sql(endless))) for _ in range(4)]
    for asker in askers:
        asker.start()
    queries = served.app.state.api.queries
    deadline = time.monotonic() + 5
    while len(queries._open) < 4:
        assert time.monotonic() < deadline, "the queries did not begin"
        threading.Event().wait(0.01)
    assert served.close() < 1.9, "sooner than the queries' own time is up"
    for asker in askers:
        asker.join(5)
    assert [(answer.status, answer.json()["title"]) for answer in told] == [(503, "Stopping")] * 4
    assert queries.wait(5)
