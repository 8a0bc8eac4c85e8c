"""In every dialect, a name that stands twice in one object is told to the sender; the events beside it are taken."""

from __future__ import annotations

import base64

import pytest

SEGMENT = b'{"type":"track","event":"Level Up","userId":"u","messageId":"%s","properties":{"level":1%s}}'
GA4 = b'{"name":"level_up","params":{"level":1%s}}'
SNOWPLOW = b'{"e":"se","se_ac":"up","uid":"u","se_la":"a"%s}'
CANONICAL = b'{"event_type":"custom","user_id":"u","properties":{"name":"up"%s}}'
VIEW = b'{"userId":"u","productId":"p","price":1,"currency":"EUR"%s}'
CLOUD_TYPE = {"content_type": "application/cloudevents+json"}
CLOUD = b'{"specversion":"1.0","id":"1","source":"/shop","type":"shop.custom","data":%s}'

ALONE = {
    "canonical": ("/v1/events", CANONICAL % b',"name":"down"', "properties.name", {}),
    "rest": ("/api/events/product-view", VIEW % b',"price":2', "price", {}),
    "segment": ("/v1/track", SEGMENT % (b"m1", b',"level":2'), "properties.level", {}),
    "segment, around a batch": ("/v1/batch", b'{"batch":[%s],"batch":[]}' % (SEGMENT % (b"m1", b"")), "batch", {}),
    "ga4, around": ("/mp/collect", b'{"client_id":"c","client_id":"d","events":[%s]}' % (GA4 % b""), "client_id", {}),
    "snowplow, around": ("/com.snowplowanalytics.snowplow/tp2", b'{"data":[],"data":[%s]}' % (SNOWPLOW % b""), "data", {}),
    "topics, around": ("/topics/t", b'{"records":[{"value":1,"value":%s}]}' % (CANONICAL % b""), "records.0.value", {}),
    "cloudevents": ("/v1/events", CLOUD % (CANONICAL % b',"a":1,"a":2'), "data.properties.a", CLOUD_TYPE),
    "cloudevents, attribute": ("/v1/events", (CLOUD % (CANONICAL % b""))[:-1] + b',"id":"2"}', "id", CLOUD_TYPE),
}  # fmt: skip
BATCHES = {
    "canonical": ("/v1/events", b"[%s,%s]", CANONICAL, b',"name":"down"', "properties.name", {}),
    "canonical, lines": (
        "/v1/events", b"%s\n%s", CANONICAL, b',"name":"down"', "properties.name", {"content_type": "application/x-ndjson"},
    ),
    "segment": ("/v1/batch", b'{"batch":[%s,%s]}', SEGMENT.replace(b"%s", b"m", 1), b',"level":2', "properties.level", {}),
    "ga4": ("/mp/collect", b'{"client_id":"c","events":[%s,%s]}', GA4, b',"level":2', "params.level", {}),
    "snowplow": ("/com.snowplowanalytics.snowplow/tp2", b'{"schema":"s","data":[%s,%s]}', SNOWPLOW, b',"se_ac":"down"', "se_ac", {}),
    "snowplow, in a parameter": (
        "/com.snowplowanalytics.snowplow/tp2", b'{"data":[%s,%s]}', SNOWPLOW, rb',"co":"{\"data\":[],\"data\":[]}"', "co", {},
    ),
    "snowplow, in a packed parameter": (
        "/com.snowplowanalytics.snowplow/tp2", b'{"data":[%s,%s]}', SNOWPLOW,
        b',"cx":"%s"' % base64.urlsafe_b64encode(b'{"data":[],"data":[]}'), "cx", {},
    ),
    "topics": ("/topics/t", b'{"records":[{"value":%s},{"value":%s}]}', CANONICAL, b',"name":"down"', "properties.name", {}),
    "cloudevents": (
        "/v1/events", b"[%s,%s]", CLOUD % CANONICAL, b',"name":"down"', "data.properties.name",
        {"content_type": "application/cloudevents-batch+json"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ALONE)
def test_alone_it_is_400_and_named(ask, what):
    path, body, name, headers = ALONE[what]
    told = ask.post(path, body, **headers)
    assert told.status == 400, told
    assert f"{name} appears twice".encode() in told.body
    assert (ask.log.rows, ask.log.letters) == ([], [])


@pytest.mark.parametrize("what", BATCHES)
def test_in_a_batch_it_is_a_dead_letter_and_the_other_is_taken(ask, what):
    path, batch, event, again, name, headers = BATCHES[what]
    told = ask.post(path, batch % (event % again, event % b""), **headers)
    assert told.status in (200, 202, 204), told
    (letter,) = ask.log.letters
    assert letter.field == name
    assert "appears twice" in letter.reason
    assert letter.body == event % again
    assert len(ask.log.rows) == 1
