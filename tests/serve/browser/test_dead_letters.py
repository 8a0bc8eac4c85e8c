"""The page of dead letters: one is edited in its place and sent, what is still wrong is said, and the list is narrowed."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def wrong(**properties: Any) -> dict[str, Any]:
    """A product view without its product, by a user of its own."""
    return {"event_type": "product_view", "user_id": f"u-{uuid.uuid4().hex[:8]}", "properties": properties}


def open_letter(shop: Any, open_page: Open, event: dict[str, Any], **size: Any) -> Page:
    shop.send(event)
    page = open_page(f"{shop.api}/dead-letters?q={event['user_id']}", **size)
    expect(page.locator("#detail pre")).to_contain_text(event["user_id"])
    return page


def edit(page: Page) -> Any:
    page.get_by_role("button", name="Edit and send again").click()
    return page.get_by_label("The event to be sent")


def send(page: Page) -> None:
    page.locator("#detail").get_by_role("button", name="Send again").click()


def test_a_letter_is_edited_in_its_place_and_becomes_an_event(shop: Any, open_page: Open) -> None:
    event = wrong(price=10.10, currency="EUR")
    page = open_letter(shop, open_page, event)
    editor = edit(page)
    editor.fill(editor.input_value().replace('"price"', '"product_id": "P-8", "price"'))
    send(page)
    expect(page.locator("#detail .is-good")).to_contain_text("Taken.")
    expect(page.locator("#list")).to_contain_text("No letter waits here")
    page.get_by_role("link", name="See the event").click()
    expect(page.locator("#detail pre")).to_contain_text('"product_id": "P-8"')


def test_what_is_still_wrong_is_said_and_the_field_is_chosen(shop: Any, open_page: Open) -> None:
    page = open_letter(shop, open_page, wrong(product_id="P-1", currency="EURO"))
    editor = edit(page)
    assert _chosen(editor) == '"EURO"', "what was wrong is selected, so that typing replaces it"
    page.keyboard.type('"EU"')
    page.keyboard.press("Control+Enter")
    expect(page.locator("#detail .is-error")).to_contain_text("Still not taken. properties.currency")
    assert _chosen(editor) == '"EU"'
    page.keyboard.type('"EUR"')
    page.keyboard.press("Control+Enter")
    expect(page.locator("#detail .is-good")).to_contain_text("Taken.")


def test_what_is_no_json_is_not_sent_and_a_draft_outlives_a_look_elsewhere(shop: Any, open_page: Open) -> None:
    event = wrong()
    shop.send([event, {**event, "properties": {"n": 2}}])
    page = open_page(f"{shop.api}/dead-letters?q={event['user_id']}")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "replay" in request.url else None)
    editor = edit(page)
    editor.fill('{"event_type": ')
    send(page)
    expect(page.locator("#detail .is-error")).to_contain_text("This is no JSON yet.")
    assert not requests
    page.locator("#list tbody .pick").nth(1).click()
    expect(page.locator("#detail pre")).to_be_visible()
    page.locator("#list tbody .pick").nth(0).click()
    expect(editor).to_have_value('{"event_type": ')
    page.get_by_role("button", name="Put back").click()
    expect(editor).to_have_value(re.compile(event["user_id"]))


def test_digits_stay_as_they_came(shop: Any, open_page: Open) -> None:
    event = wrong()
    body = json.dumps(event)[:-2] + '"n": 1.10, "big": 12345678901234567890}}'
    shop.send(body.encode())
    page = open_page(f"{shop.api}/dead-letters?q={event['user_id']}")
    expect(page.locator("#detail pre")).to_contain_text("1.10")
    expect(edit(page)).to_have_value(re.compile(r'"n": 1\.10,\s+"big": 12345678901234567890'))


def test_a_letter_that_was_sent_again_cannot_be_sent_a_second_time(shop: Any, open_page: Open) -> None:
    event = wrong()
    page = open_letter(shop, open_page, event)
    other = open_page(page.url)
    for one, product in ((page, "P-1"), (other, "P-2")):
        editor = edit(one)
        editor.fill(editor.input_value().replace('"properties": {', f'"properties": {{"product_id": "{product}"'))
        send(one)
    expect(page.locator("#detail .is-good")).to_contain_text("Taken.")
    expect(other.locator("#detail .is-good")).to_contain_text("cannot be sent a second time")
    other.get_by_role("button", name="Sent again", exact=True).click()
    expect(other.locator("#list tbody tr")).to_have_count(1)
    expect(other.get_by_role("button", name="Edit and send again")).to_have_count(0)
    expect(other.locator("#list input")).to_have_count(0)
    shop.wait_stored([])
    assert shop.sql("select product_id from events where user_id = $user", user=event["user_id"]) == [["P-1"]]


def test_the_list_is_narrowed_and_its_link_shows_the_same(shop: Any, open_page: Open) -> None:
    event = wrong()
    shop.send(event)
    page = open_page(f"{shop.api}/dead-letters")
    page.get_by_label("Text").fill(event["user_id"])
    page.get_by_label("Text").press("Enter")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.get_by_label("Dialect").select_option("canonical")
    expect(page).to_have_url(re.compile(f"q={event['user_id']}&dialect=canonical"))
    again = open_page(page.url)
    expect(again.locator("#list tbody tr")).to_have_count(1)
    with again.expect_download() as download:
        again.get_by_role("link", name="Download NDJSON").click()
    assert download.value.suggested_filename.endswith(".ndjson")
    (line,) = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert line["event"]["user_id"] == event["user_id"]


def test_the_download_is_edited_and_sent_as_a_file(shop: Any, open_page: Open, tmp_path: Path) -> None:
    user = f"u-{uuid.uuid4().hex[:8]}"
    shop.send([{**wrong(n=n), "user_id": user} for n in range(3)])
    page = open_page(f"{shop.api}/dead-letters?q={user}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download NDJSON").click()
    lines = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    for line in lines[:2]:
        line["event"]["properties"]["product_id"] = "P-5"
    file = tmp_path / "letters.ndjson"
    file.write_text("\n".join([*map(json.dumps, lines), '{"id": ']))
    page.get_by_label("Send an edited file").set_input_files(file)
    told = page.locator("#sent-file")
    expect(told).to_contain_text("2 sent again. 2 lines were not taken:")
    expect(told).to_contain_text("line 3 properties.product_id is required")
    expect(told).to_contain_text("line 4 is no JSON")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.get_by_label("Send an edited file").set_input_files(file)
    expect(told).to_contain_text("0 sent again. 2 had been sent before.")
    shop.wait_stored([])
    assert shop.sql("select count(*) from events where user_id = $user", user=user) == [[2]]


def test_a_letter_is_edited_by_keyboard_and_axe_finds_nothing(shop: Any, open_page: Open, axe_source: str) -> None:
    page = open_letter(shop, open_page, wrong(), theme="dark")
    page.get_by_role("button", name="Edit and send again").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("The event to be sent")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#detail .is-error")).to_contain_text("Still not taken.")
    page.evaluate(axe_source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found["violations"]] == []


@pytest.mark.parametrize("width", [390, 1440])
def test_a_chosen_letter_comes_into_view_and_nothing_is_wider_than_the_screen(shop: Any, open_page: Open, width: int) -> None:
    shop.send([wrong() for _ in range(30)])
    page = open_page(f"{shop.api}/dead-letters", width=width, height=844)
    page.locator("#list tbody .pick").nth(20).click()
    expect(page.locator("#detail h2")).to_be_in_viewport()
    edit(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def _chosen(editor: Any) -> str:
    found: str = editor.evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)")
    return found
