"""Chromium, and the demonstration city that it looks at."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.processes import Installation, installed

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def city() -> Iterator[Installation]:
    """`appeals up --demo` on a fresh machine."""
    if CHROMIUM is None:
        pytest.skip("ПРОВЕРКА В БРАУЗЕРЕ ПРОПУЩЕНА: нет chromium (apt-get install chromium)")
    with installed() as installation:
        installation.start("--demo")
        yield installation


@pytest.fixture(scope="module")
def chromium(city: Installation) -> Iterator[Browser]:
    """The browser, for one module: while Playwright is open no other event loop can run in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
