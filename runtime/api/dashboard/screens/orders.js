// Orders, and the life of one: from the decision and its prompt, by every step that the ledger wrote down, to the fills
// and what they brought.

import { accountName, nameOf } from "../alarms.js";
import * as actions from "../actions.js";
import { ask } from "../api.js";
import { h } from "../dom.js";
import { age, fine, instant, money, number, percent, result, short } from "../figures.js";
import * as live from "../live.js";
import { facts, link, more, panel, select, table, tag, told } from "../parts.js";
import * as session from "../session.js";

const STATES = [
  "unknown",
  "pending",
  "submitted",
  "open",
  "partially_filled",
  "filled",
  "cancelled",
  "rejected",
  "expired",
  "failed",
];
const PAGE = 100;

export function orders(world) {
  const given = new URLSearchParams(location.hash.split("?")[1] ?? "");
  const chosen = { bot: given.get("bot") ?? "", status: "", symbol: "" };
  let page = { items: [], next: null };

  async function load() {
    page = await ask("/orders", { ...chosen, limit: PAGE });
  }

  function view() {
    const bots = live.list("bots");
    const known = [...new Set(bots.flatMap((bot) => bot.symbols))].sort();
    const fresh = page.items.map((one) => live.held.orders.get(one.order_id) ?? one);
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, "Orders"),
        h("span", { class: "subtitle" }, "the last changed first"),
      ),
      h(
        "div",
        { class: "title row", "data-key": "filters" },
        select("bot", [["", "all"], ...bots.map((bot) => [bot.bot_id, bot.name])], chosen.bot, "Bot"),
        select(
          "status",
          [["", "any"], ...STATES.map((one) => [one, one === "unknown" ? "UNKNOWN" : one.replace("_", " ")])],
          chosen.status,
          "State",
        ),
        select("symbol", [["", "all"], ...known.map((one) => [one, one])], chosen.symbol, "Symbol"),
        h("button", { type: "button", "data-do": "again" }, "Ask again"),
      ),
      panel(
        "Orders",
        { foot: more(page) },
        table(
          [
            { head: "Order", row: true, cell: (one) => link(`orders/${one.order_id}`, short(one.order_id)) },
            { head: "State", cell: (one) => tag(one.status) },
            { head: "Bot", cell: (one) => nameOf(one.bot_id) },
            { head: "Side", cell: (one) => one.side },
            { head: "Quantity", right: true, cell: (one) => number(one.quantity) },
            { head: "Filled", right: true, cell: (one) => number(one.filled_quantity) },
            { head: "Symbol", cell: (one) => one.symbol },
            { head: "Price", right: true, cell: (one) => (one.price ? number(one.price) : "market") },
            { head: "Placed", cell: (one) => instant(one.created_at) },
            { head: "Changed", right: true, cell: (one) => age(one.updated_at) },
            { head: "Why", wide: true, cell: (one) => one.reason },
          ],
          fresh,
          { key: (one) => one.order_id, empty: "No order is like that.", label: "Orders" },
        ),
      ),
    ];
  }

  const pick =
    (name) =>
    ({ value }) => {
      chosen[name] = value;
      world.reload();
    };
  return {
    title: () => "Orders",
    load,
    view,
    does: {
      bot: pick("bot"),
      status: pick("status"),
      symbol: pick("symbol"),
      again: () => world.reload(),
      async more() {
        const older = await ask("/orders", { ...chosen, limit: PAGE, after: page.next });
        page = { items: [...page.items, ...older.items], next: older.next };
        world.redraw();
      },
    },
  };
}

export function order(world, orderId) {
  let story = null;

  async function load() {
    story = await ask(`/orders/${orderId}`);
  }

  function view() {
    if (!story) return h("p", { class: "waiting" }, "Loading.");
    const one = live.held.orders.get(orderId) ?? story.order;
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, `${one.side} ${number(one.quantity)} ${one.symbol}`),
        tag(one.status),
        h("span", { class: "subtitle" }, `${nameOf(one.bot_id)} on ${accountName(one.account_id)}`),
        h("span", { class: "spread" }),
        session.mayAct() && RESTS.has(one.status)
          ? h("button", { type: "button", "data-do": "cancel", class: "danger" }, "Cancel the order")
          : null,
      ),
      h(
        "div",
        { class: "columns wide-left" },
        panel("Its life", {}, timeline(one, story)),
        h(
          "div",
          {},
          panel("As it was asked", {}, asked(one)),
          panel("What it brought", {}, brought(one, story)),
        ),
      ),
    ];
  }

  return {
    title: () => "Order",
    load,
    view,
    hears: (nouns) =>
      (nouns.has("orders") || nouns.has("fills")) &&
      live.held.orders.get(orderId)?.updated_at !== story?.order.updated_at &&
      world.reload(),
    does: { cancel: () => actions.offer(actions.ofOrder(story.order)) },
  };
}

const RESTS = new Set(["submitted", "open", "partially_filled", "unknown"]);

/** In the order in which it happened. */
function timeline(one, story) {
  const steps = [
    ...story.signals.map((signal) => ({
      at: signal.at,
      kind: "signal",
      what: `Signal: ${signal.side} ${signal.symbol} at ${number(signal.opened_price)}`,
      more: signalFacts(signal),
    })),
    ...(story.decision ? [decided(story.decision)] : []),
    ...story.events.map((event) => ({
      at: event.at,
      place: event.sequence,
      kind: event.status_after === "unknown" ? "bad" : "",
      what: eventSaid(event),
      more: detail(event),
    })),
    ...story.fills.map((fill) => ({
      at: fill.traded_at,
      kind: "fill",
      what: `Fill: ${fill.side} ${number(fill.quantity)} at ${number(fill.price)}`,
      more: h(
        "p",
        { class: "note" },
        `fee ${number(fill.fee)} ${fill.fee_coin}; the venue's trade ${fill.venue_trade_id}`,
      ),
    })),
    ...(story.trade?.closed_at
      ? [
          {
            at: story.trade.closed_at,
            kind: "",
            what: ["Round trip closed: ", result(story.trade.result), " after fees"],
            more: null,
          },
        ]
      : []),
  ];
  return h(
    "ol",
    { class: "timeline", "aria-label": "Timeline" },
    steps
      .sort(inTime)
      .map((step, place) =>
        h(
          "li",
          { class: step.kind || null, "data-key": `${place}` },
          h("div", { class: "when" }, `${fine(step.at)} UTC`),
          h("div", { class: "what" }, step.what),
          step.more,
        ),
      ),
  );
}

/** Events keep the order in which the ledger chained them, whatever their clocks say. */
function inTime(one, other) {
  if (one.place !== undefined && other.place !== undefined) return one.place - other.place;
  return one.at < other.at ? -1 : one.at > other.at ? 1 : 0;
}

function eventSaid(event) {
  const after = event.status_after.replace("_", " ");
  if (!event.status_before) return `Written down: ${after}`;
  return event.status_before === event.status_after
    ? `Noted, still ${after}`
    : [event.status_before.replace("_", " "), " → ", event.status_after === "unknown" ? "UNKNOWN" : after];
}

function detail(event) {
  const told = Object.entries(event.detail ?? {});
  return told.length
    ? h(
        "p",
        { class: "note" },
        told
          .map(
            ([name, value]) =>
              `${name.replaceAll("_", " ")}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
          )
          .join("; "),
      )
    : null;
}

function decided(decision) {
  return {
    at: decision.at,
    kind: "",
    what: [
      `Decision (${decision.duration_ms} ms) `,
      link(`decisions/${decision.decision_id}`, "see it whole"),
    ],
    more: [
      decision.notes ? h("p", {}, decision.notes) : null,
      decision.prompt
        ? h("details", { "data-key": "prompt" }, h("summary", {}, "Prompt"), told(decision.prompt))
        : null,
      decision.answer
        ? h("details", { "data-key": "answer" }, h("summary", {}, "Answer"), told(decision.answer))
        : null,
    ],
  };
}

function signalFacts(signal) {
  const said = signal.executed ? "taken" : `not taken: ${signal.reason}`;
  const became = signal.outcome ? `, as a phantom ${signal.outcome} (${percent(signal.result, 2)})` : "";
  return h("p", { class: "note" }, `${said}${became}`);
}

function asked(one) {
  return h(
    "div",
    { class: "inside" },
    facts([
      ["Kind", `${one.kind}${one.reduce_only ? ", only reduces" : ""}`],
      ["Quantity", number(one.quantity)],
      ["Price", one.price ? number(one.price) : "at the market"],
      ["Filled", number(one.filled_quantity)],
      ["Why", one.reason || "–"],
      ["Cause", h("code", {}, one.intent_key)],
      ["Our id", h("code", {}, one.client_order_id)],
      ["Venue's id", h("code", {}, one.venue_order_id ?? "none yet")],
      ["Written down", instant(one.created_at)],
      ["To be sent before", instant(one.send_before)],
      ["Changed", age(one.updated_at)],
    ]),
  );
}

function brought(one, story) {
  const { trade, fills } = story;
  return h(
    "div",
    { class: "inside" },
    facts([
      ["Fills", String(fills.length)],
      trade
        ? ["Round trip", `${trade.symbol} #${trade.number}, ${trade.direction}`]
        : ["Round trip", "none: nothing was filled"],
      trade && ["Opened", instant(trade.opened_at)],
      trade && ["Closed", trade.closed_at ? instant(trade.closed_at) : "still open"],
      trade && ["In", money(trade.entry_quote)],
      trade && ["Out", money(trade.exit_quote)],
      trade && ["Fees", money(trade.fees)],
      trade && ["Result", result(trade.result), trade.closed_at ? " after fees" : " so far, after fees"],
    ]),
  );
}
