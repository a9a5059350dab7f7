"""Pages in headless Chromium, offline: what the tests of the browser share."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

pytest.importorskip("playwright")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Download, Page, sync_playwright

DESK, PHONE = (1280, 900), (390, 844)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def opened(
    browser: Browser, page: Path, size=DESK, theme: Literal["light", "dark"] = "light"
) -> Iterator[Page]:
    """Open the page offline; any complaint of the browser or request to the network fails."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, offline=True
    )
    tab = context.new_page()
    found: list[str] = []
    tab.on("console", lambda message: found.append(message.text))
    tab.on("pageerror", lambda error: found.append(str(error)))
    tab.on("request", lambda request: found.append(request.url) if is_remote(request.url) else None)
    tab.goto(page.as_uri())
    try:
        yield tab
        assert found == []
    finally:
        context.close()


def is_remote(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def saved(tab: Page, selector: str) -> tuple[str, str]:
    """Click what downloads a file; return the name and the content."""
    with tab.expect_download() as event:
        tab.locator(selector).first.click()
    download: Download = event.value
    return download.suggested_filename, Path(download.path()).read_text(encoding="utf-8")


def background(tab: Page) -> float:
    """Mean red, green and blue of the page's background."""
    colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    return float(np.mean([float(x) for x in re.findall(r"[\d.]+", colour)[:3]]))


def grave_violations(tab: Page) -> list[tuple[str, list[str]]]:
    """Rules of accessibility that the page breaks, each with the elements that break it."""
    return [
        (violation["id"], [node["html"][:120] for node in violation["nodes"]])
        for violation in Axe().run(tab).response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


@contextmanager
def launched() -> Iterator[Browser]:
    """Start Chromium; the test is skipped where there is none, except in a check of everything."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        message = f"no Chromium found under the names {', '.join(names)}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
