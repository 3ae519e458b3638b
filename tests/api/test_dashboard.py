"""The files of the page, without a browser: they are all there, load nothing from elsewhere, and put in no HTML."""

import re
from pathlib import Path

import pytest

from runtime.api import charts
from tests.house.sources import ROOT

PAGE = ROOT / "runtime" / "api" / "dashboard"
MODULES = sorted(PAGE.rglob("*.js"))
# Whatever turns text into HTML or into program, or a style that the policy would refuse.
WICKED = re.compile(
    r"\.innerHTML|\.outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser"
    r"|createContextualFragment|setAttribute\(\s*[\"'](style|on)"
)
ELSEWHERE = re.compile(r"""(?:src|href|from|import|fetch\()\s*[=(]?\s*["']https?:""")
NAMED = re.compile(r"""from "([^"]+)";""")


def wicked_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if WICKED.search(line)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.relative_to(PAGE).as_posix())
def test_module__imports_what_is_there_and_puts_in_text_as_text(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    missing = [name for name in NAMED.findall(text) if not (module.parent / name).is_file()]
    assert missing == []
    assert wicked_lines(text) == []
    assert ELSEWHERE.findall(text) == []


@pytest.mark.parametrize("line", ["x.innerHTML = told", "x.setAttribute('onclick', y)", "eval(text)"])
def test_module__what_would_put_in_html_is_seen(line: str) -> None:
    assert wicked_lines(line) == [line]


def test_index__has_no_script_or_style_of_its_own_and_names_files_that_are_there() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", text) == []
    named = set(re.findall(r'(?:src|href)="/([^"]+)"', text))
    assert {name for name in named if not (PAGE / name).is_file()} == {"lightweight-charts.js"}


def test_library__is_the_pinned_one_and_the_page_names_its_makers_as_the_licence_asks() -> None:
    library = charts.library().decode("utf-8")
    assert "TradingView Lightweight Charts™ v4.1.3" in library[:300]
    assert "Apache License" in library[:300]
    foot = (PAGE / "index.html").read_text(encoding="utf-8")
    assert 'href="https://www.tradingview.com/"' in foot
    assert "TradingView, Inc., Apache License 2.0" in foot
