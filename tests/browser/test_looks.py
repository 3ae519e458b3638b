"""How every screen looks and is reached: light, dark, on a phone, by keyboard, for whoever hears it instead."""

from functools import partial

import pytest
from playwright.sync_api import expect

from runtime.local import processes
from tests.browser.reader import MILLISECONDS_MAX, PHONE, SIZE, Reader

SCREENS = (
    "Overview",
    "Orders",
    "Decisions",
    "Jobs",
    "Learning",
    "Leaderboard",
    "Reconciliation",
    "Settings",
    "System",
)
CONTRAST_MIN = 4.5


# A whole installation and a browser, on whatever machine there is.
pytestmark = pytest.mark.timeout(600)


def visit(reader: Reader, screen: str) -> None:
    if screen == "Bot":
        reader.open_bot("grid")
        expect(reader.panel("Risk")).to_contain_text("At most")
    else:
        reader.go(screen)
    expect(reader.page.locator(".waiting")).to_have_count(0)
    reader.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screens__can_be_read_in_both_themes_and_on_a_phone(operator: Reader, scheme: str) -> None:
    operator.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    faint = {}
    for screen in (*SCREENS, "Bot"):
        operator.page.set_viewport_size(SIZE)
        visit(operator, screen)
        operator.shoot(f"{screen.lower()}-{scheme}")
        faint[screen] = operator.page.evaluate(FAINT, CONTRAST_MIN)
        operator.page.set_viewport_size(PHONE)
        # Not wait_for_function, which evaluates text in the page: its policy forbids that.
        assert processes.wait_until(
            partial(operator.page.evaluate, f"document.documentElement.clientWidth === {PHONE['width']}"),
            seconds_max=MILLISECONDS_MAX / 1000,
            poll_seconds=0.05,
        )
        assert operator.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], screen
        operator.shoot(f"{screen.lower()}-{scheme}-phone")
    assert {screen: found for screen, found in faint.items() if found} == {}


def test_screens__are_told_to_whoever_cannot_see_them(operator: Reader) -> None:
    nameless = {}
    for screen in (*SCREENS, "Bot"):
        visit(operator, screen)
        nameless[screen] = operator.page.evaluate(NAMELESS)
        assert operator.page.locator("h1").count() == 1, screen
    assert {screen: found for screen, found in nameless.items() if found} == {}
    assert operator.page.locator("#banner[aria-live=assertive]").count() == 1
    assert operator.page.locator("#said[aria-live=polite]").count() == 1


def test_keyboard__reaches_every_screen_and_a_dialog_gives_back_the_focus(operator: Reader) -> None:
    page = operator.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    while page.evaluate("document.activeElement.textContent") != "Leaderboard":
        assert page.evaluate("document.activeElement !== document.body")
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Leaderboard")).to_be_visible()
    operator.open_bot("grid")
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent") == "Pause"


# Every text that is seen, against the nearest ground that is painted under it, as WCAG counts contrast.
FAINT = """(least) => {
  const channels = (said) => (said.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([red, green, blue]) => [red, green, blue]
    .map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((all, one, place) => all + one * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const painted = channels(getComputedStyle(at).backgroundColor);
      if (painted.length === 3 || painted[3] === 1) return painted;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest(".visually-hidden, .skip, .chart")) continue;
    const [one, other] = [light(channels(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < least) found.add(`${element.className} ${element.textContent.slice(0, 30)} ${contrast.toFixed(2)}`);
  }
  return [...found];
}"""

NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, [role=img], [role=region]")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length || one.title))
  .map((one) => one.outerHTML.slice(0, 100))"""
