"""Somebody who looks at the page: signs in, goes from screen to screen, and never loads it anew unless told to."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser.site import Site

SIZE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# Patience, not a measure: a machine that is busy is slow.
MILLISECONDS_MAX = 60_000
SHOTS = Path(__file__).resolve().parents[2] / ".screens"

expect.set_options(timeout=MILLISECONDS_MAX)


class Reader:
    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        page.set_default_timeout(MILLISECONDS_MAX)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def sign_in(self, role: str) -> None:
        """An operator by the address that `make run` prints, anybody else by a token that is pasted."""
        address = self.site.address()
        if role == "operator":
            self.page.goto(address)
        else:
            self.page.goto(address.partition("#")[0])
            self.page.get_by_label("Token").fill(self.site.token(role))
            self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator(".pulse.live")).to_be_visible()
        # A page that is loaded anew forgets this.
        self.page.evaluate("window.isTheSamePage = true")

    def go(self, screen: str) -> None:
        self.page.get_by_role("navigation").get_by_role("link", name=re.compile(f"^{screen}")).click()
        expect(self.page.get_by_role("heading", level=1, name=screen)).to_be_visible()

    def open_bot(self, name: str) -> None:
        self.go("Overview")
        self.panel("Bots").get_by_role("link", name=name, exact=True).click()
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()

    def panel(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name, exact=True).first

    def row(self, panel: str, name: str) -> Locator:
        return self.panel(panel).get_by_role("row").filter(has_text=name)

    def alarms(self) -> Locator:
        return self.page.get_by_role("list", name="What is wrong")

    def ask_for(self, button: str, why: str) -> Locator:
        """Press it, say why, confirm; the dialog that then tells the outcome."""
        self.page.get_by_role("button", name=button).first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Why").fill(why)
        dialog.locator("button[type=submit]").click()
        return dialog

    def shoot(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def was_never_reloaded(self) -> bool:
        return bool(self.page.evaluate("window.isTheSamePage === true"))

    def ask_api(self, method: str, path: str, body: Any = None) -> int:
        """With the page's own token, past its buttons: the status of the answer."""
        return int(self.page.evaluate(ASK, {"method": method, "path": path, "body": body}))

    def forgive(self, status: int) -> None:
        """A browser notes every refusal in its console; exactly one of these was wanted."""
        refusals = [each for each in self.complaints if f"status of {status} " in each]
        assert len(refusals) == 1, self.complaints
        self.complaints.remove(refusals[0])

    def _hear(self, message: Any) -> None:
        # A browser notes every connection that breaks; some tests break them.
        if message.type == "error" and "net::ERR_" not in message.text and "WebSocket" not in message.text:
            self.complaints.append(message.text)


ASK = """async ({method, path, body}) => {
  const { token } = JSON.parse(sessionStorage.getItem("session"));
  const headers = { Authorization: `Bearer ${token}`, "Idempotency-Key": crypto.randomUUID() };
  const answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  return answer.status;
}"""
