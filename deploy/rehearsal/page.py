"""Whoever looks at a stage: asks its API with a token, hears its stream, opens its page in a browser if there is one.

It comes from outside and knows what docs/api.md says, nothing else of the program.
"""

import json
import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from websockets.sync.client import connect

ROOT = "/api/v1"
SECONDS_MAX = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# As the page marks it: the stream's snapshot is there and nothing is lost.
LIVE = ".pulse.live"


@dataclass(frozen=True, slots=True)
class Visitor:
    """`address` ends in a port; without a token one is nobody."""

    address: str
    token: str = ""

    def ask(self, path: str) -> tuple[int, Any]:
        """Status and body, or 0 and why nobody answered."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(f"{self.address}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:
                return answer.status, _read(answer.read())
        except urllib.error.HTTPError as refusal:
            return refusal.code, _read(refusal.read())
        except (urllib.error.URLError, ConnectionError) as fault:
            return 0, str(fault)

    def names_of_bots(self) -> list[str]:
        status, told = self.ask(f"{ROOT}/bots")
        return sorted(each["name"] for each in told["items"]) if status == 200 else []

    def reasons(self, account: str) -> list[str] | None:
        """Why this account is not safe to trade, if it is not; None if the API cannot say."""
        status, told = self.ask(f"{ROOT}/ready")
        return [each for each in told["reasons"] if each.startswith(f"{account}:")] if status == 200 else None

    def hear(self) -> dict[str, Any]:
        """The first message of the stream: everything as it is now."""
        with connect(f"ws{self.address.removeprefix('http')}{ROOT}/stream", max_size=None) as socket:
            socket.send(json.dumps({"token": self.token, "resume": None}))
            return dict(json.loads(socket.recv(timeout=SECONDS_MAX)))

    def look(self, browser: str, shot: Path) -> tuple[str, list[str]]:
        """Signs in by its token and waits for the overview: its table of bots, and what the page complained of."""
        complaints: list[str] = []
        with sync_playwright() as play:
            # Root may not use the sandbox; what is opened here is our own.
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            opened = play.chromium.launch(executable_path=browser, args=arguments)
            page = opened.new_page()
            page.set_default_timeout(SECONDS_MAX * 1000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            table = self._sign_in(page)
            page.screenshot(path=shot, full_page=True)
            opened.close()
        return table, complaints

    def _sign_in(self, page: Page) -> str:
        page.goto(self.address)
        page.get_by_label("Token").fill(self.token)
        page.get_by_role("button", name="Sign in").click()
        page.locator(LIVE).wait_for()
        return page.get_by_role("region", name="Bots", exact=True).first.inner_text()


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _read(body: bytes) -> Any:
    """JSON if it is, else text: the page itself is none."""
    text = body.decode()
    return json.loads(text) if text.startswith(("{", "[")) else text
