"""A browser that a reader could have, and an installation for it to look at.

Where there is no Chromium the tests say so; in continuous integration that is a failure.
"""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.reader import SIZE, Reader
from tests.browser.site import Site, opened_site

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = find_chromium()
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium is not installed, and in continuous integration it has to be: see .ci/run")
    if found is None:
        pytest.skip("Chromium is not installed: nobody looked at the page. apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Not for the whole session: while it is open no other test of this process can open one."""
    with sync_playwright() as playwright:
        # Root may not use the sandbox; what is opened here is our own.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One `make run` for all tests of a module: each finds what the one before left, as a reader does."""
    with opened_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def read_by(browser: Browser, site: Site) -> Iterator[Callable[[str], Reader]]:
    """Opens the page for somebody of a role, signed in, on a screen of their own."""
    opened: list[Page] = []

    def read(role: str) -> Reader:
        page = browser.new_context(viewport=SIZE).new_page()
        opened.append(page)
        reader = Reader(page, site)
        reader.sign_in(role)
        return reader

    yield read
    for page in opened:
        page.context.close()


@pytest.fixture
def operator(read_by: Callable[[str], Reader]) -> Iterator[Reader]:
    """Whatever the page complained of in its console fails the test that it happened in."""
    reader = read_by("operator")
    yield reader
    assert reader.complaints == []
