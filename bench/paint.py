"""How soon the overview says something: from its address to the first frame with every bot's figures and its curve of a
year in it. The page sets the mark for that; Chromium draws.
"""

import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from bench.figure import Figure
from bench.year import USER
from runtime.local import processes
from tests.api.serving import Api

SECONDS_MAX = 120
MARK = "useful"


def figures(api: Api, filled: str, rounds: int) -> Iterator[Figure]:
    """None where there is no Chromium: that is said, not guessed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("first useful paint: not measured, Chromium is not installed")
        return
    with sync_playwright() as play:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = play.chromium.launch(executable_path=chromium, args=arguments)
        seconds = [_paint_seconds(browser, api) for _ in range(rounds)]
        browser.close()
    remark = f"{min(seconds):.2f} to {max(seconds):.2f} s, {rounds} times with an empty cache; {filled}"
    yield Figure("first useful paint of the overview", median(seconds), "s", 1, remark=remark)


def _paint_seconds(browser: Browser, api: Api) -> float:
    """By somebody who is signed in and has never seen the page: a context of its own has no cache."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    session = json.dumps({"token": api.token(USER, "operator"), "user": USER, "role": "operator"})
    context.add_init_script(f"sessionStorage.setItem('session', {json.dumps(session)})")
    page = context.new_page()
    page.goto(api.url)
    # Not wait_for_function, which evaluates text in the page: its policy forbids that.
    painted = f"performance.getEntriesByName('{MARK}').length > 0"
    assert processes.wait_until(partial(page.evaluate, painted), seconds_max=SECONDS_MAX, poll_seconds=0.02)
    milliseconds = float(page.evaluate(f"performance.getEntriesByName('{MARK}')[0].startTime"))
    context.close()
    return milliseconds / 1000
