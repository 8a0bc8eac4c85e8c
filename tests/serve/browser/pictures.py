"""Pictures of the pages for the docs: `python -m tests.serve.browser.pictures ADDRESS`, of a system that runs with `--demo`."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import expect, sync_playwright
from tests.serve.browser.conftest import FLAGS

FOLDER = Path(__file__).parents[3] / "docs" / "images"
SIZES = {1440: 1040, 390: 844}
TOOL_HEIGHT = 880
PAGES = {"overview": "/", "events": "/events", "dead-letters": "/dead-letters", "query": "/query", "health": "/health"}
EVERYWHERE = "overview"  # in both themes and both widths; the others in one


def take(address: str) -> None:
    """Write docs/images/<page>-<width>-<theme>.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for name, path in PAGES.items():
            for width, height in SIZES.items():
                for theme in ("light", "dark"):
                    if name != EVERYWHERE and (width, theme) != (1440, "light"):
                        continue
                    page = browser.new_page(
                        viewport={"width": width, "height": height if name == EVERYWHERE else TOOL_HEIGHT},
                        color_scheme="dark" if theme == "dark" else "light",
                        locale="en-GB",
                        timezone_id="Europe/Berlin",
                        reduced_motion="reduce",
                    )
                    page.goto(address + path)
                    expect(page.locator("#freshness")).not_to_have_attribute("data-state", "waiting")
                    expect(page.locator(".is-loading")).to_have_count(0)
                    page.wait_for_timeout(4_000)  # until the rail and the rates have something to tell
                    if name == EVERYWHERE:  # a minute that has only begun looks like a fall
                        page.wait_for_timeout(1_000 * max(0, 32 - datetime.now(UTC).second))
                    page.screenshot(path=FOLDER / f"{name}-{width}-{theme}.png")
                    page.close()
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1])
