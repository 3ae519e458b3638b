// How everything stands, at a glance: what is wrong, what was won or lost, who trades, and what was just executed.

import { find, isHeld, nameOf } from "../alarms.js";
import { askAll, askRows } from "../api.js";
import { Curves, canDraw } from "../charts.js";
import { h } from "../dom.js";
import { NOTHING, age, clock, count, money, number, result, sum } from "../figures.js";
import * as live from "../live.js";
import { STALE_SECONDS, botLink, botState, choices, isStale, link, panel, table, tickAge } from "../parts.js";
import { commandTable, deskTable } from "./shared.js";

const RANGES = [
  ["1", "1 day"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["", "all"],
];
const POINTS = 240;
const FILLS_SHOWN = 12;
const RISKS = 200;
const REFRESH_MILLISECONDS = 10000;
const WAS_WELL = "Nothing was wrong when the connection was lost.";
const WELL =
  "Nothing is wrong: no order is UNKNOWN, nothing waits in quarantine, every desk holds its lease.";

export function overview(world) {
  let range = "";
  let chart = null;
  let curves = [];
  const risks = new Map();

  /** The newest mark of each bot: the stream does not tell them. */
  async function loadRisks() {
    for (const mark of (await askRows("/risk", { limit: RISKS })).reverse()) risks.set(mark.bot_id, mark);
  }

  async function load() {
    await Promise.all([loadRisks(), loadCurves()]);
  }

  async function loadCurves() {
    const since = range ? new Date(Date.now() - Number(range) * 86400000).toISOString() : null;
    const bots = await askAll("/bots");
    live.foretell("bots", bots);
    curves = await Promise.all(
      bots.map(async (bot, place) => ({
        name: bot.name,
        bot_id: bot.bot_id,
        place,
        points: (await askRows("/equity", { bot: bot.bot_id, since, points: POINTS })).map((mark) => [
          mark.at,
          mark.equity,
        ]),
      })),
    );
    chart?.show(curves);
    chart?.fit();
  }

  function hears(nouns) {
    if (!chart || !nouns.has("bots")) return;
    for (const { name, bot_id } of curves) {
      const bot = live.held.bots.get(bot_id);
      if (bot?.equity && bot.ticked_at) chart.add(name, bot.ticked_at, bot.equity);
    }
  }

  function drawn() {
    const root = document.getElementById("equity");
    if (!chart && root && canDraw(root)) {
      chart = new Curves(root);
      chart.show(curves);
      chart.fit();
    }
    if (curves.length && live.held.bots.size) tellUseful();
  }

  function view() {
    const bots = live
      .list("bots")
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map((bot) => ({ ...bot, risk: risks.get(bot.bot_id) ?? null }));
    return [
      h("div", { class: "title" }, h("h1", {}, "Overview")),
      alarmList(),
      headline(bots),
      equityPanel(curves, range),
      panel("Bots", {}, botTable(bots)),
      panel("Desks", {}, deskTable()),
      h(
        "div",
        { class: "columns", "data-key": "below" },
        panel("Fills", { aside: link("orders", "All orders") }, fillTable()),
        panel("Commands", { aside: link("reconciliation", "All") }, commandTable(newestCommands())),
      ),
    ];
  }

  const timer = setInterval(() => !document.hidden && world.reload(), REFRESH_MILLISECONDS);
  return {
    title: () => "Overview",
    load,
    hears,
    view,
    drawn,
    close() {
      clearInterval(timer);
      chart?.close();
      // What was asked for may come later still.
      chart = null;
    },
    does: {
      range({ value }) {
        range = value;
        world.reload();
      },
    },
  };
}

/** For whoever measures: the frame after this one has every bot's figures and curve in it. */
function tellUseful() {
  if (performance.getEntriesByName("useful").length) return;
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("useful")));
}

const LEVELS = { bad: "wrong", warn: "look", note: "note" };

function alarmList() {
  if (live.isWaiting()) return null;
  const alarms = find();
  const isWell = alarms.every((one) => one.level === "note");
  return h(
    "ul",
    { class: "alarms", "data-key": "alarms", "aria-label": "What is wrong" },
    isWell
      ? h("li", { class: "well", "data-key": "well" }, live.connection.state === "lost" ? WAS_WELL : WELL)
      : null,
    alarms.map((one) =>
      h(
        "li",
        { class: one.level, "data-key": one.key },
        h("span", { class: `tag ${one.level}` }, LEVELS[one.level]),
        h("span", { class: "sentence" }, one.sentence),
        one.at ? age(one.at) : null,
        link(one.address, "Look"),
      ),
    ),
  );
}

function headline(bots) {
  // Who is paused does not tick, and its figures stand still with it: the others say how old the whole is.
  const awake = bots.filter((bot) => bot.enabled && bot.state === "running");
  const oldest = (awake.length ? awake : bots)
    .map((bot) => bot.ticked_at)
    .filter(Boolean)
    .sort()[0];
  const ticking = awake.filter(
    (bot) => isHeld(live.held.desks.get(bot.account_id) ?? bot) && !isStale(bot.ticked_at),
  ).length;
  const open = live.isWaiting()
    ? null
    : live.list("orders").filter((order) => RESTING.has(order.status)).length;
  const worst = bots
    .map((bot) => bot.risk?.drawdown)
    .filter(Boolean)
    .sort((one, other) => Number(other) - Number(one))[0];
  const marked = bots
    .map((bot) => bot.risk?.at)
    .filter(Boolean)
    .sort()[0];
  return h(
    "dl",
    { class: "figures", "data-key": "headline" },
    [
      ["Trading now", `${ticking} of ${bots.length}`, "bots", oldest, STALE_SECONDS],
      ["Today", result(sum(bots.map((bot) => bot.today))), "closed, after fees", oldest, STALE_SECONDS],
      ["Result", result(sum(bots.map((bot) => bot.equity))), "since they began", oldest, STALE_SECONDS],
      ["Deepest drawdown", money(worst), "of a bot", marked, MARK_SECONDS],
      [
        "Exposure",
        money(sum(bots.map((bot) => bot.risk?.exposure))),
        "at the last price",
        marked,
        MARK_SECONDS,
      ],
      ["Orders resting", count(open), "at the venues", oldest, STALE_SECONDS],
    ].map(([name, value, says, at, seconds]) =>
      h(
        "div",
        { "data-key": name, class: isStale(at, seconds) ? "is-stale" : null },
        h("dt", {}, name),
        h("dd", { "data-figure": name }, value),
        h("dd", {}, age(at, seconds), ` ${says}`),
      ),
    ),
  );
}

// Marks come once a minute or so.
const MARK_SECONDS = 180;
const RESTING = new Set(["submitted", "open", "partially_filled"]);

function equityPanel(curves, range) {
  const dashes = ["", "dashed", "dotted", "dashed", "", "dashed"];
  return panel(
    "Equity",
    { aside: choices("range", RANGES, range, "How far back") },
    h(
      "div",
      { class: "inside", "data-key": "legend" },
      h(
        "ul",
        { class: "legend" },
        curves.map((curve) =>
          h(
            "li",
            { class: `s${(curve.place % 6) + 1}`, "data-key": curve.bot_id },
            h("span", { class: `swatch ${dashes[curve.place % 6]}` }),
            link(`bots/${curve.bot_id}`, curve.name),
          ),
        ),
      ),
    ),
    h("div", {
      id: "equity",
      class: "chart",
      "data-key": "equity",
      "data-keep": true,
      role: "img",
      "aria-label": "Curves of what each bot won or lost; the figures stand in the table of bots",
    }),
  );
}

function botTable(bots) {
  return table(
    [
      { head: "Bot", row: true, cell: botLink },
      { head: "State", cell: botState },
      { head: "Result", right: true, cell: (bot) => result(bot.equity) },
      { head: "Today", right: true, cell: (bot) => result(bot.today) },
      { head: "Holds", cell: (bot) => holdings(bot) },
      { head: "Last tick", right: true, cell: tickAge },
      { head: "Drawdown", right: true, cell: (bot) => money(bot.risk?.drawdown) },
      { head: "Exposure", right: true, cell: (bot) => money(bot.risk?.exposure) },
      { head: "Unsettled", right: true, cell: (bot) => count(bot.open_orders) },
      { head: "Ticks", right: true, cell: (bot) => count(bot.ticks) },
      { head: "Strategy", cell: (bot) => bot.strategy },
      { head: "Desk", cell: (bot) => bot.account },
    ],
    bots,
    { key: (bot) => bot.bot_id, empty: live.ofNothing("No bot is enrolled yet."), label: "Bots" },
  );
}

function holdings(bot) {
  if (live.isWaiting()) return NOTHING;
  const open = live
    .list("positions")
    .filter((one) => one.bot_id === bot.bot_id && !/^-?0(\.0*)?$/.test(one.quantity));
  return open.length
    ? open.map((one) => `${number(one.quantity)} ${one.symbol}`).join(", ")
    : h("span", { class: "none" }, "flat");
}

function newestCommands() {
  return live
    .list("commands")
    .sort((one, other) => (one.requested_at < other.requested_at ? 1 : -1))
    .slice(0, FILLS_SHOWN);
}

function fillTable() {
  const fills = live
    .list("fills")
    .sort((one, other) => (one.traded_at < other.traded_at ? 1 : -1))
    .slice(0, FILLS_SHOWN);
  return table(
    [
      { head: "At", cell: (fill) => clock(fill.traded_at) },
      { head: "Side", cell: (fill) => fill.side },
      { head: "Quantity", right: true, cell: (fill) => number(fill.quantity) },
      { head: "Price", right: true, cell: (fill) => number(fill.price) },
      { head: "Symbol", cell: (fill) => fill.symbol },
      { head: "Bot", cell: (fill) => nameOf(fill.bot_id) },
      { head: "Order", cell: (fill) => link(`orders/${fill.order_id}`, "Life") },
    ],
    fills,
    {
      key: (fill) => `${fill.account_id} ${fill.symbol} ${fill.venue_trade_id}`,
      empty: live.ofNothing("Nothing was executed lately."),
      label: "Fills",
    },
  );
}
