// One bot: the market with what it ordered, filled and saw drawn on it; what it holds, what bounds it, who trades for
// it, and what the last start found.

import { isHeld } from "../alarms.js";
import * as actions from "../actions.js";
import { ask, askAll, askRows, gather } from "../api.js";
import { Candles, Curves, canDraw } from "../charts.js";
import { h } from "../dom.js";
import { age, count, exact, instant, money, now, number, percent, result } from "../figures.js";
import * as live from "../live.js";
import {
  STALE_SECONDS,
  botState,
  choices,
  facts,
  figures,
  isStale,
  link,
  panel,
  table,
  tag,
  told,
} from "../parts.js";
import * as session from "../session.js";

const CANDLES = 300;
const MARKS = 200;
const REFRESH_MILLISECONDS = 5000;
// Marks come once a minute or so.
const MARK_SECONDS = 180;

export function bot(world, botId) {
  const shown = {
    symbol: null,
    timeframe: null,
    series: [],
    candles: [],
    fills: [],
    signals: [],
    trades: [],
    positions: [],
    story: null,
    risks: [],
    curve: [],
    components: [],
    allocations: [],
  };
  let candles = null;
  let curve = null;
  const paper = { speed: 1, since: 0 };

  async function load() {
    const asked = { bot: botId };
    shown.story = await ask(`/bots/${botId}`);
    shown.symbol ??= shown.story.bot.symbols[0];
    await gather(shown, {
      market: loadMarket(),
      trades: askRows("/trades", { ...asked, limit: 20 }),
      risks: askRows("/risk", { ...asked, limit: 1 }),
      curve: askRows("/equity", { ...asked, points: 200 }),
      components: askAll("/components", asked),
      allocations: askAll("/allocations", asked),
      positions: askRows("/positions", asked),
    });
    paint();
  }

  async function loadMarket() {
    const market = { account: shown.story.bot.account_id, symbol: shown.symbol };
    shown.series = await askRows("/candles/series", market);
    if (!shown.series.includes(shown.timeframe)) shown.timeframe = shown.series[0] ?? null;
    const own = { bot: botId, symbol: shown.symbol, limit: MARKS };
    const [candles, fills, signals] = await Promise.all([
      shown.timeframe ? askRows("/candles", { ...market, timeframe: shown.timeframe, limit: CANDLES }) : [],
      askRows("/fills", own),
      askRows("/phantoms", own),
    ]);
    Object.assign(shown, { candles, fills, signals });
  }

  function paint() {
    if (!candles || !shown.story) return;
    candles.show(shown.candles);
    candles.mark(marks());
    candles.rest(orders().filter((order) => order.symbol === shown.symbol && order.price));
    curve.show([{ name: "result", place: 0, points: shown.curve.map((mark) => [mark.at, mark.equity]) }]);
    candles.fit();
    curve.fit();
  }

  /** A paper venue's clock began with ours and may run faster since: its candles say by how much. */
  function learnSpeed() {
    const began = Date.parse(shown.story.created_at);
    const newest = Date.parse(shown.candles[0]?.opened_at);
    paper.since = began;
    paper.speed = shown.story.bot.paper && newest > now() ? (newest - began) / (now() - began) : 1;
  }

  const onMarket = (at) => new Date(paper.since + (Date.parse(at) - paper.since) * paper.speed).toISOString();

  function marks() {
    learnSpeed();
    return [
      ...shown.signals.map((one) => ({
        kind: "signal",
        at: onMarket(one.at),
        side: one.side,
        text: one.executed ? "" : "not taken",
      })),
      ...orders()
        .filter((one) => one.symbol === shown.symbol)
        .map((one) => ({ kind: "order", at: onMarket(one.created_at), side: one.side, text: "" })),
      ...shown.fills.map((one) => ({
        kind: "fill",
        at: onMarket(one.traded_at),
        side: one.side,
        text: "",
      })),
    ];
  }

  /** What the stream tells is open; what was held once is asked for. */
  const held = () => [
    ...new Map(
      [...shown.positions, ...live.list("positions").filter(ours)].map((one) => [one.symbol, one]),
    ).values(),
  ];
  const ours = (one) => one.bot_id === botId;
  const orders = () => live.list("orders").filter((order) => ours(order) && UNSETTLED.has(order.status));

  function drawn() {
    const root = document.getElementById("candles");
    if (candles || !root || !canDraw(root)) return;
    candles = new Candles(root);
    curve = new Curves(document.getElementById("curve"));
    paint();
  }

  function view() {
    const status = live.held.bots.get(botId) ?? shown.story?.bot;
    if (!status) return h("p", { class: "waiting" }, "Loading.");
    const desk = live.held.desks.get(status.account_id) ?? shown.story?.desk;
    return [
      head(status),
      headline(status, shown.risks[0], orders().length),
      market(shown, Math.round(paper.speed)),
      h(
        "div",
        { class: "columns", "data-key": "below" },
        h(
          "div",
          {},
          panel("Positions", {}, positions(held())),
          panel("Orders not settled", { aside: link(`orders?bot=${botId}`, "All") }, orderTable(orders())),
          panel("Round trips", {}, tradeTable(shown.trades)),
        ),
        h(
          "div",
          {},
          panel("Risk", {}, risk(status, shown)),
          panel("Allocation", { foot: ["As marked ", age(shown.allocations[0]?.at, MARK_SECONDS), "."] }, spread(shown.allocations)),
          panel("Desk", {}, deskFacts(desk)),
          panel(
            "Last recovery",
            {},
            recovery(live.recoveries.get(status.account_id) ?? shown.story?.recovery),
          ),
          panel(
            "Result over time",
            {},
            h("div", {
              id: "curve",
              class: "chart low",
              "data-key": "curve",
              "data-keep": true,
              role: "img",
              "aria-label": "What the bot won or lost over time",
            }),
          ),
          panel("Told to do", {}, parameters(shown)),
        ),
      ),
    ];
  }

  const timer = setInterval(() => !document.hidden && world.reload(), REFRESH_MILLISECONDS);
  const act = (verb) => () =>
    actions.offer(actions.ofBot(live.held.bots.get(botId) ?? shown.story.bot, verb));
  return {
    title: () => live.held.bots.get(botId)?.name ?? "Bot",
    load,
    view,
    drawn,
    hears: (nouns) => (nouns.has("fills") || nouns.has("orders")) && paint(),
    close() {
      clearInterval(timer);
      candles?.close();
      curve?.close();
      // What was asked for may come later still.
      candles = null;
      curve = null;
    },
    does: {
      ...Object.fromEntries(
        ["pause", "resume", "flatten", "enable", "disable", "reset"].map((verb) => [verb, act(verb)]),
      ),
      symbol({ value }) {
        shown.symbol = value;
        candles.isMoved = false;
        world.reload();
      },
      timeframe({ value }) {
        shown.timeframe = value;
        candles.isMoved = false;
        world.reload();
      },
    },
  };
}

const UNSETTLED = new Set(["pending", "submitted", "open", "partially_filled", "unknown"]);

function head(status) {
  const buttons = [
    status.state === "running" && status.enabled ? ["pause", "Pause", "main"] : ["resume", "Resume", "main"],
    ["flatten", "Flatten", "danger"],
    status.enabled ? ["disable", "Disable", ""] : ["enable", "Enable", ""],
    ["reset", "Reset", ""],
  ];
  return h(
    "div",
    { class: "title", "data-key": "title" },
    h("h1", {}, status.name),
    botState(status),
    status.state_reason && status.state !== "running"
      ? h("span", { class: "subtitle" }, status.state_reason)
      : null,
    h(
      "span",
      { class: "subtitle" },
      `${status.strategy} on ${status.account}, ${status.venue} ${status.market}${status.paper ? ", paper" : ""}`,
    ),
    h("span", { class: "spread" }),
    session.mayAct()
      ? h(
          "span",
          { class: "row", role: "group", "aria-label": "Actions" },
          buttons.map(([verb, said, kind]) =>
            h("button", { type: "button", "data-do": verb, class: kind || null }, said),
          ),
        )
      : null,
  );
}

function headline(status, risk, open) {
  const ticked = () => age(status.ticked_at, STALE_SECONDS);
  const stale = isStale(status.ticked_at);
  return figures([
    ["Result", result(status.equity), [ticked()], stale],
    ["Today, closed", result(status.today), [ticked()], stale],
    ["Drawdown", money(risk?.drawdown), [age(risk?.at, 120)], !risk],
    ["Exposure", money(risk?.exposure), [age(risk?.at, 120)], !risk],
    ["Not settled", count(open), ["orders, ", ticked()], stale],
    ["Ticks", count(status.ticks), [ticked()], stale],
  ]);
}

function market(shown, speed) {
  const symbols = (shown.story?.bot.symbols ?? []).map((symbol) => [symbol, symbol]);
  const newest = shown.candles[0]?.opened_at;
  return panel(
    "Market",
    {
      aside: [
        shown.series.length > 1
          ? choices(
              "timeframe",
              shown.series.map((one) => [one, one]),
              shown.timeframe,
              "Length of a candle",
            )
          : null,
        symbols.length > 1 ? choices("symbol", symbols, shown.symbol, "Symbol") : null,
      ],
      foot: [
        `${shown.symbol ?? ""} ${shown.timeframe ?? ""}. Arrows are fills, squares orders, circles signals that were followed as phantoms; dashed lines rest at the venue. `,
        speed > 1
          ? `The paper venue's clock runs about ${speed} times as fast as ours.`
          : ["Newest candle ", age(newest), "."],
      ],
    },
    h("div", {
      id: "candles",
      class: "chart",
      "data-key": "candles",
      "data-keep": true,
      role: "img",
      "aria-label": "Candles with the bot's orders, fills and signals; the same stand in the tables below",
    }),
  );
}

function positions(held) {
  return table(
    [
      { head: "Symbol", row: true, cell: (one) => one.symbol },
      { head: "Holds", right: true, cell: (one) => number(one.quantity) },
      { head: "At", right: true, cell: (one) => number(one.average_price) },
      { head: "Realised", right: true, cell: (one) => result(one.realised) },
      { head: "Fees", right: true, cell: (one) => money(one.fees) },
      { head: "Today", right: true, cell: (one) => result(one.today) },
      { head: "Fills", right: true, cell: (one) => count(one.fill_count) },
      { head: "Last fill", right: true, cell: (one) => age(one.last_fill_at) },
    ],
    held,
    { key: (one) => one.symbol, empty: "It has never held anything.", label: "Positions" },
  );
}

function orderTable(orders) {
  return table(
    [
      { head: "State", cell: (one) => tag(one.status) },
      { head: "Side", cell: (one) => one.side },
      { head: "Quantity", right: true, cell: (one) => number(one.quantity) },
      { head: "Filled", right: true, cell: (one) => number(one.filled_quantity) },
      { head: "Symbol", cell: (one) => one.symbol },
      { head: "Price", right: true, cell: (one) => (one.price ? number(one.price) : "market") },
      { head: "Placed", right: true, cell: (one) => age(one.created_at) },
      { head: "Order", row: true, cell: (one) => link(`orders/${one.order_id}`, "Life") },
    ],
    orders.sort((one, other) => (one.created_at < other.created_at ? 1 : -1)),
    { key: (one) => one.order_id, empty: "Every order has ended.", label: "Orders not settled" },
  );
}

function tradeTable(trades) {
  return table(
    [
      { head: "Symbol", row: true, cell: (one) => `${one.symbol} #${one.number}` },
      { head: "Way", cell: (one) => one.direction },
      { head: "Opened", cell: (one) => age(one.opened_at) },
      { head: "Closed", cell: (one) => (one.closed_at ? age(one.closed_at) : "open") },
      { head: "In", right: true, cell: (one) => money(one.entry_quote) },
      { head: "Out", right: true, cell: (one) => money(one.exit_quote) },
      { head: "Result", right: true, cell: (one) => result(one.result) },
    ],
    trades,
    {
      key: (one) => `${one.symbol} ${one.number}`,
      empty: "No round trip yet.",
      label: "Round trips",
      tall: true,
    },
  );
}

/** Each limit with how much of it is used, where that can be said. */
function risk(status, shown) {
  const limits = shown.story?.limits ?? {};
  const used = {
    position_quote_max: shown.risks[0]?.exposure,
    drawdown_quote_max: shown.risks[0]?.drawdown,
    daily_loss_quote_max: status.today?.startsWith("-") ? status.today.slice(1) : "0",
    open_orders_max: String(status.open_orders),
  };
  const rows = Object.entries(limits);
  return [
    h(
      "div",
      { class: "inside", "data-key": "breaker" },
      "Daily loss breaker: ",
      tag(status.breaker_tripped ? "tripped" : "not tripped"),
    ),
    table(
      [
        { head: "Limit", row: true, cell: ([name]) => name.replaceAll("_", " ") },
        {
          head: "At most",
          right: true,
          cell: ([name, value]) => (value === null ? "none" : amount(name, String(value))),
        },
        { head: "Now", right: true, cell: ([name]) => (used[name] ? amount(name, used[name]) : "–") },
        { head: "Used", cell: ([name, value]) => meter(used[name], value) },
      ],
      rows,
      { key: ([name]) => name, empty: "No limits are known yet.", label: "Limits" },
    ),
  ];
}

/** How its worth is spread, against how it should be. */
function spread(items) {
  return table(
    [
      { head: "Asset", row: true, cell: (one) => one.asset },
      { head: "Worth", right: true, cell: (one) => money(one.value) },
      { head: "Share", right: true, cell: (one) => percent(one.share) },
      { head: "Target", right: true, cell: (one) => (one.target_share ? percent(one.target_share) : "none") },
      { head: "Drift", right: true, cell: (one) => percent(one.drift) },
    ],
    items,
    { key: (one) => one.asset, empty: "Its worth has not been marked yet.", label: "Allocation" },
  );
}

function amount(name, text) {
  return name.includes("quote") ? money(text) : number(text);
}

function meter(used, limit) {
  if (!used || limit === null || exact(String(limit)) <= 0n) return "–";
  const share = Number((exact(used) * 1000n) / exact(String(limit))) / 10;
  const level = share >= 100 ? "bad" : share >= 80 ? "warn" : "";
  return h(
    "span",
    {},
    h("div", { class: "meter", "aria-hidden": "true" }, bar(Math.min(share, 100), level)),
    h("span", { class: "age" }, percent(String(share / 100), 0)),
  );
}

function bar(share, level) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  svg.setAttribute("viewBox", "0 0 100 6");
  svg.setAttribute("preserveAspectRatio", "none");
  rect.setAttribute("width", String(share));
  rect.setAttribute("height", "6");
  if (level) rect.setAttribute("class", level);
  svg.append(rect);
  return svg;
}

function deskFacts(desk) {
  if (!desk) return h("p", { class: "empty" }, "Nothing is known of its desk.");
  return h(
    "div",
    { class: "inside" },
    facts([
      ["Lease", tag(isHeld(desk) ? "held" : "dead")],
      ["Epoch", h("span", { "data-figure": "epoch" }, count(desk.epoch))],
      ["Holder", desk.host ? `${desk.host}, process ${desk.pid}` : "nobody"],
      ["Acquired", age(desk.acquired_at)],
      ["Ready", desk.ready_at ? age(desk.ready_at) : "still recovering"],
      [
        "Compared",
        desk.compared_at
          ? [tag(desk.clean ? "clean" : "unclean"), " ", desk.compared, " ", age(desk.compared_at)]
          : "never",
      ],
    ]),
  );
}

export function recovery(last) {
  if (!last) return h("p", { class: "empty" }, "No recovery is known.");
  return h(
    "div",
    { class: "inside" },
    facts([
      ["When", instant(last.finished_at), " ", age(last.finished_at)],
      ["Epoch", count(last.epoch)],
      [
        "Found",
        last.findings.length
          ? h(
              "ul",
              {},
              last.findings.map((one) => h("li", {}, typeof one === "string" ? one : JSON.stringify(one))),
            )
          : "nothing that differed",
      ],
      ["Proved", `${last.proved} orders`],
      ["Not proved", `${last.unproved} orders`],
      ["Set aside", `${last.quarantined} foreign`],
      ["Resumed", tag(last.clean ? "clean" : "unclean"), " ", last.summary],
    ]),
  );
}

function parameters(shown) {
  if (!shown.story) return null;
  const { parameters: given, parameters_version: version, memory_at: at } = shown.story;
  return h(
    "div",
    { class: "inside" },
    facts([
      ...Object.entries(given).map(([name, value]) => [
        name.replaceAll("_", " "),
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
      ["Version", count(version)],
      ["Memory written", age(at)],
      ...shown.components.map((one) => [
        one.component,
        `save ${one.version}, ${one.bytes} bytes, `,
        age(one.saved_at),
      ]),
    ]),
    shown.components
      .filter((one) => one.state)
      .map((one) =>
        h(
          "details",
          { "data-key": one.component },
          h("summary", {}, `What ${one.component} remembers`),
          told(one.state),
        ),
      ),
  );
}
