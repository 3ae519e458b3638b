"""The page as an operator has it open all day, on a running installation: nothing here loads it anew."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from runtime.local import processes
from tests.browser.reader import MILLISECONDS_MAX, Reader
from tests.browser.site import Site

# A whole installation and a browser, on whatever machine there is.
pytestmark = pytest.mark.timeout(600)

SECONDS_MAX = MILLISECONDS_MAX / 1000


def test_overview__shows_every_bot_and_its_figures_move(operator: Reader) -> None:
    for bot in ("grid", "mean-reversion", "momentum"):
        expect(operator.row("Bots", bot)).to_be_visible()
    expect(operator.page.locator("#equity canvas").first).to_be_visible()
    for figure in ("Result", "Trading now"):
        expect(operator.page.locator(f"[data-figure='{figure}']")).to_have_text(re.compile(r"\d"))
    result = operator.page.locator("[data-figure='Result']")
    expect(result).not_to_have_text(result.inner_text())
    operator.shoot("overview")
    assert operator.was_never_reloaded()


def test_overview__every_figure_says_how_old_it_is(operator: Reader) -> None:
    expect(operator.page.locator("[data-figure='Result']")).to_have_text(re.compile(r"\d"))
    figures = operator.page.locator("dl.figures > div")
    for place in range(figures.count()):
        expect(figures.nth(place).locator("time.age")).to_have_text(re.compile("ago|now"))


def test_desk__killed_and_back_is_told_without_reload(operator: Reader, site: Site) -> None:
    row = operator.row("Desks", "paper-spot")
    expect(row).to_contain_text("held")
    epoch = site.epochs()["paper-spot"]
    site.kill("paper-spot")
    expect(operator.alarms()).to_contain_text(
        f"paper-spot: its desk is back in epoch {epoch + 1}. Its recovery:"
    )
    expect(row.get_by_role("cell", name=str(epoch + 1), exact=True)).to_be_visible()
    ticks = operator.row("Bots", "momentum").get_by_role("cell").nth(8)
    expect(ticks).not_to_have_text(ticks.inner_text())
    operator.shoot("desk-back")
    assert operator.was_never_reloaded()


def test_order__its_timeline_is_what_the_ledger_wrote_down(operator: Reader, site: Site) -> None:
    filled = "select order_id::text from orders where status = 'filled' order by updated_at limit 1"
    assert processes.wait_until(lambda: bool(site.rows(filled)), seconds_max=SECONDS_MAX, poll_seconds=0.2)
    ((order_id,),) = site.rows(filled)
    operator.go("Orders")
    operator.page.get_by_label("State").select_option("filled")
    operator.page.get_by_role("link", name=order_id[:8], exact=True).click()
    timeline = operator.page.get_by_role("list", name="Timeline")
    expect(timeline.get_by_role("listitem").first).to_be_visible()
    events = site.rows(
        f"select status_before, status_after from order_events where order_id = '{order_id}' order by sequence"
    )
    fills = site.rows(f"select 1 from fills where order_id = '{order_id}'")
    told = [text.replace("UNKNOWN", "unknown") for text in timeline.locator(".what").all_inner_texts()]
    steps = [text for text in told if "→" in text or text.startswith(("Written down", "Noted"))]
    assert steps == [said(before, after) for before, after in events]
    assert len([text for text in told if text.startswith("Fill:")]) == len(fills) > 0
    assert any(text.startswith("Decision") for text in told)
    expect(operator.panel("What it brought")).to_contain_text("Result")
    operator.shoot("order")


def said(before: str | None, after: str) -> str:
    if before is None:
        return f"Written down: {after}"
    left, right = before.replace("_", " "), after.replace("_", " ")
    return f"Noted, still {right}" if left == right else f"{left} → {right}"


def test_bot__paused_by_an_operator_stops(operator: Reader, site: Site) -> None:
    operator.open_bot("grid")
    expect(operator.page.locator("#candles canvas").first).to_be_visible()
    dialog = operator.ask_for("Pause", "to see whether it stops")
    expect(dialog).to_contain_text("grid: paused")
    operator.shoot("paused-dialog")
    dialog.get_by_role("button", name="Close").click()
    expect(operator.page.locator(".title .tag").first).to_have_text("paused")
    assert site.rows("select state, state_reason from bots where name = 'grid'") == [
        ("paused", "to see whether it stops")
    ]
    orders = "select count(*) from orders join bots using (user_id, bot_id) where name = 'grid'"
    before, ticks = site.rows(orders), site.ticks()
    moved_on = processes.wait_until(
        lambda: site.ticks().get("momentum", 0) > ticks["momentum"] + 10,
        seconds_max=SECONDS_MAX,
        poll_seconds=0.2,
    )
    assert moved_on, site.story()
    assert (site.rows(orders), site.ticks()["grid"]) == (before, ticks["grid"])
    operator.shoot("bot-paused")
    dialog = operator.ask_for("Resume", "it stopped")
    expect(dialog).to_contain_text("grid: running")


def test_action__what_was_typed_is_shown_as_text(operator: Reader) -> None:
    wicked = '<img src=x onerror="document.title=1"><b>bold</b>'
    operator.open_bot("momentum")
    expect(operator.ask_for("Pause", wicked)).to_contain_text("momentum: paused")
    operator.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(operator.page.locator(".title .subtitle").first).to_have_text(wicked)
    operator.go("Overview")
    expect(operator.alarms()).to_contain_text(wicked)
    assert operator.page.locator("main img, main b").count() == 0
    operator.open_bot("momentum")
    expect(operator.ask_for("Resume", "seen")).to_contain_text("momentum: running")


def test_viewer__sees_no_action_and_may_take_none(read_by: Callable[[str], Reader], site: Site) -> None:
    viewer = read_by("viewer")
    viewer.open_bot("grid")
    expect(viewer.panel("Risk")).to_contain_text("Daily loss breaker")
    for button in ("Pause", "Resume", "Flatten", "Disable", "Reset"):
        expect(viewer.page.get_by_role("button", name=button)).to_have_count(0)
    ((bot_id,),) = site.rows("select bot_id::text from bots where name = 'grid'")
    before = site.rows("select count(*) from commands")
    assert viewer.ask_api("GET", f"/bots/{bot_id}") == 200
    assert viewer.ask_api("POST", f"/bots/{bot_id}/pause", {"reason": "I am only looking"}) == 403
    assert site.rows("select count(*) from commands") == before
    viewer.shoot("viewer")


def test_foreign_order__is_quarantined_and_adopted(operator: Reader, site: Site) -> None:
    order = {"side": "buy", "orderType": "limit", "force": "gtc", "price": "20000", "size": "0.001"}
    venue_id = site.order_at_the_venue(account="paper-spot", symbol="BTCUSDT", **order)
    expect(operator.alarms()).to_contain_text("paper-spot: a foreign order on BTC/USDT is quarantined")
    operator.shoot("quarantined")
    operator.go("Reconciliation")
    expect(operator.row("Quarantine", venue_id)).to_contain_text("buy 0.001 at 20,000")
    dialog = operator.ask_for(f"Adopt order {venue_id}", "it was mine")
    expect(dialog).to_contain_text(f"{venue_id} belongs to momentum")
    operator.shoot("adopted")
    dialog.get_by_role("button", name="Close").click()
    expect(operator.panel("Quarantine")).to_contain_text("Nothing foreign waits.")
    expect(operator.row("Decided on", venue_id)).to_contain_text("adopted")
    owner = f"select name from orders join bots using (user_id, bot_id) where venue_order_id = '{venue_id}'"
    assert site.rows(owner) == [("momentum",)]
    assert operator.was_never_reloaded()


def test_api__killed_and_back_is_told_and_nothing_is_missed(operator: Reader, site: Site) -> None:
    ticks = operator.row("Bots", "grid").get_by_role("cell").nth(8)
    expect(ticks).to_have_text(re.compile(r"\d"))
    site.kill("api")
    banner = operator.page.locator("#banner")
    expect(banner).to_contain_text("Connection lost since")
    operator.shoot("connection-lost")
    expect(banner).to_be_empty()
    expect(operator.page.locator(".pulse.live")).to_be_visible()
    expect(ticks).not_to_have_text(ticks.inner_text())
    assert operator.was_never_reloaded()


def test_database__away_and_back_is_told_without_reload(operator: Reader, site: Site) -> None:
    ticks = operator.row("Bots", "grid").get_by_role("cell").nth(8)
    expect(ticks).to_have_text(re.compile(r"\d"))
    banner = operator.page.locator("#banner")
    with site.without_database():
        expect(banner).to_contain_text("The database is out of reach since")
        expect(operator.page.locator(".pulse.live")).to_be_visible()
        operator.shoot("database-away")
    expect(banner).to_be_empty()
    expect(ticks).not_to_have_text(ticks.inner_text())
    operator.complaints = [each for each in operator.complaints if "status of 503 " not in each]
    assert operator.was_never_reloaded()


def test_sign_in__a_code_opens_the_page_once(operator: Reader, site: Site) -> None:
    address = site.address()
    other = operator.page.context.browser.new_context().new_page()  # type: ignore[union-attr]
    other.goto(address)
    expect(other.locator(".pulse.live")).to_be_visible()
    assert "sign-in" not in other.url
    again = operator.page.context.browser.new_context().new_page()  # type: ignore[union-attr]
    again.goto(address)
    expect(again.get_by_role("alert")).to_be_visible()
    expect(again.get_by_label("Token")).to_be_visible()
    for page in (other, again):
        page.context.close()


def test_page__asks_nobody_but_its_own_server(operator: Reader, site: Site) -> None:
    asked: list[str] = []
    operator.page.on("request", lambda request: asked.append(request.url))
    operator.page.reload()
    expect(operator.page.locator("#equity canvas").first).to_be_visible()
    own = site.address().partition("#")[0]
    assert asked
    assert [url for url in asked if not url.startswith(own)] == []
    token = json.loads(operator.page.evaluate("sessionStorage.getItem('session')"))["token"]
    assert [url for url in asked if token in url] == []


def test_settings__a_change_is_foretold_and_then_holds(operator: Reader, site: Site) -> None:
    wishes = "select risk_profile, settings from user_settings"
    operator.go("Settings")
    expect(operator.panel("Wishes")).to_contain_text("allowed")
    form = operator.panel("Change")
    form.get_by_label("Risk profile").select_option("conservative")
    form.get_by_label("An order at most").fill("12.5")
    dialog = operator.ask_for("Say what will happen", "to see what it does")
    expect(dialog).to_contain_text("Written down")
    operator.shoot("settings-saved")
    dialog.get_by_role("button", name="Close").click()
    expect(operator.page.locator("[data-figure=profile]")).to_have_text("conservative")
    expect(operator.row("What they make of each bot's limits", "an order at most").first).to_contain_text(
        "12.50"
    )
    assert site.rows(wishes) == [("conservative", {"order_quote_max": "12.5"})]
    form.get_by_label("Risk profile").select_option("balanced")
    form.get_by_label("An order at most").fill("a lot")
    form.get_by_role("button", name="Say what will happen").click()
    expect(form.get_by_role("alert")).to_contain_text("order_quote_max")
    operator.forgive(422)
    form.get_by_label("An order at most").fill("")
    form.get_by_role("button", name="Say what will happen").click()
    dialog = operator.page.get_by_role("dialog")
    expect(dialog).to_contain_text("an order at most")
    expect(dialog).to_contain_text("instead of 12.50")
    dialog.get_by_label("Why").fill("it was enough")
    dialog.locator("button[type=submit]").click()
    expect(dialog).to_contain_text("Written down")
    assert site.rows(wishes) == [("balanced", {})]
    assert operator.was_never_reloaded()


def test_settings__new_risk_is_stopped_on_all_bots_and_what_begins_some_is_refused(
    operator: Reader, site: Site
) -> None:
    operator.go("Settings")
    dialog = operator.ask_for("Begin nothing new", "going on holiday")
    expect(dialog).to_contain_text("Written down")
    dialog.get_by_role("button", name="Close").click()
    expect(operator.panel("Wishes")).to_contain_text("not allowed")
    assert site.rows("select enabled from users") == [(False,)]
    operator.open_bot("momentum")
    dialog = operator.ask_for("Reset", "nobody may now")
    expect(dialog.get_by_role("alert")).to_contain_text("is disabled")
    operator.forgive(409)
    operator.page.keyboard.press("Escape")
    operator.go("Settings")
    dialog = operator.ask_for("Allow new risk", "back")
    expect(dialog).to_contain_text("Written down")
    assert site.rows("select enabled from users") == [(True,)]


def test_settings__are_a_viewers_to_see_and_not_to_change(read_by: Callable[[str], Reader]) -> None:
    viewer = read_by("viewer")
    viewer.go("Settings")
    expect(viewer.panel("Wishes")).to_contain_text("Risk profile")
    expect(viewer.page.get_by_role("button", name="Say what will happen")).to_have_count(0)
    assert viewer.ask_api("PUT", "/settings/wishes", {"enabled": False}) == 403


def test_jobs__are_the_rounds_that_led_to_orders(operator: Reader, site: Site) -> None:
    newest = "select job_id::text, trigger_reason, name from jobs join bots using (user_id, bot_id)"
    ((job_id, reason, bot),) = site.rows(f"{newest} order by started_at desc limit 1")
    operator.go("Jobs")
    row = operator.row("Jobs", job_id[:8])
    expect(row).to_contain_text(bot)
    expect(row).to_contain_text(reason)
    operator.page.get_by_label(re.compile("^Bot")).select_option(label=bot)
    expect(row).to_contain_text(bot)


def test_bot__its_worth_is_told_against_its_target(operator: Reader, site: Site) -> None:
    # A bot that holds nothing has nothing to be spread, and how it stands is marked once a minute.
    site.rows(
        "insert into allocations (user_id, bot_id, at, asset, value, share, target_share)"
        " select user_id, bot_id, clock_timestamp(), 'BTC/USDT', 100, 1, 0.5 from bots where name = 'grid' returning 1"
    )
    operator.open_bot("grid")
    shown = operator.row("Allocation", "%").first
    expect(shown).to_have_text(re.compile(r"\d"))
    expect(operator.panel("Allocation").locator("time.age")).to_have_text(re.compile("ago|now"))


def test_learning__says_when_it_trains_next_and_shows_predictions_as_they_come(
    operator: Reader, site: Site
) -> None:
    operator.go("Learning")
    gated = site.rows("select name from bots where parameters ? 'gate' order by name")
    assert gated
    for (name,) in gated:
        expect(operator.row("Next training", name)).to_have_text(re.compile(r"\d+ signals|at the next tick"))
    site.rows(
        "insert into predictions (user_id, prediction_id, bot_id, at, symbol, model, horizon_seconds, direction,"
        " confidence, price, features)"
        " select user_id, gen_random_uuid(), bot_id, clock_timestamp(), 'BTC/USDT', 'ml:just now', 60,"
        " 'up', 0.625, 100, '{}' from bots where name = 'grid' returning 1"
    )
    row = operator.row("Predictions", "ml:just now")
    expect(row).to_contain_text("62.5 %")
    expect(row).to_contain_text("open")
    site.rows(
        "update predictions set outcome = 'right', outcome_price = 101, resolved_at = clock_timestamp()"
        " where model = 'ml:just now' returning 1"
    )
    expect(row).to_contain_text("right")
    operator.shoot("learning-live")
    assert operator.was_never_reloaded()


def test_leaderboard__shows_whom_the_scorer_ranks(operator: Reader, site: Site) -> None:
    site.rows(
        "with run as (insert into scoring_runs (user_id, scorer, status, started_at, finished_at, trader_count)"
        " select user_id, 'by hand', 'completed', now(), now() + interval '42 ms', 1 from users returning *)"
        " insert into trader_scores (user_id, run_id, trader, bot_id, rank, score, metrics)"
        " select user_id, run_id, name, bot_id, 1, 0.7125, '{\"trades\": 12}' from run join bots using (user_id)"
        " where name = 'grid' returning 1"
    )
    operator.go("Leaderboard")
    expect(operator.row("Scoring runs", "by hand")).to_contain_text("42 ms")
    by_hand = operator.page.get_by_role("button", name="by hand")
    if by_hand.count():  # beside the sample scorer's runs, if it has had any
        by_hand.click()
    ranked = operator.row("Ranked traders", "grid")
    expect(ranked).to_contain_text("0.7125")
    expect(ranked).to_contain_text("trades 12")


def test_system__says_what_waits_in_the_spool_of_each_desk(operator: Reader, site: Site) -> None:
    operator.go("System")
    for desk in ("paper-spot", "paper-perp"):
        expect(operator.row("Spools", desk)).to_contain_text("ago")
    expect(operator.page.locator("dl.figures")).to_contain_text("Waiting in spools")
