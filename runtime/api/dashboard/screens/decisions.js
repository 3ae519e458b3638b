// What bots were asked, what they answered, and what became of it.

import { nameOf } from "../alarms.js";
import { ask } from "../api.js";
import { h } from "../dom.js";
import { age, count, instant, number, short } from "../figures.js";
import * as live from "../live.js";
import { facts, link, more, panel, select, table, tag, told } from "../parts.js";

const PAGE = 50;
const kept = new Map();

export function decisions(world) {
  let chosen = "";
  let page = { items: [], next: null };

  async function load() {
    page = remembered(await ask("/decisions", { bot: chosen, limit: PAGE }));
  }

  function view() {
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, "Decisions"),
        h("span", { class: "subtitle" }, "the newest first; one that repeats the one before is not kept"),
      ),
      h(
        "div",
        { class: "title row", "data-key": "filters" },
        select(
          "bot",
          [["", "all"], ...live.list("bots").map((bot) => [bot.bot_id, bot.name])],
          chosen,
          "Bot",
        ),
        h("button", { type: "button", "data-do": "again" }, "Ask again"),
      ),
      panel(
        "Decisions",
        { foot: more(page) },
        table(
          [
            {
              head: "Decision",
              row: true,
              cell: (one) => link(`decisions/${one.decision_id}`, short(one.decision_id)),
            },
            { head: "When", cell: (one) => age(one.at) },
            { head: "Bot", cell: (one) => nameOf(one.bot_id) },
            { head: "Usable", cell: (one) => tag(one.success ? "yes" : "failed") },
            { head: "Took", right: true, cell: (one) => `${one.duration_ms} ms` },
            { head: "Prompt", right: true, cell: (one) => count(one.prompt_length) },
            { head: "Orders", right: true, cell: (one) => count(one.order_ids.length) },
            { head: "Decided", wide: true, cell: said },
            { head: "Notes", wide: true, cell: (one) => one.notes },
          ],
          page.items,
          { key: (one) => one.decision_id, empty: "No decision has been kept yet.", label: "Decisions" },
        ),
      ),
    ];
  }

  return {
    title: () => "Decisions",
    load,
    view,
    does: {
      bot({ value }) {
        chosen = value;
        world.reload();
      },
      again: () => world.reload(),
      async more() {
        const older = remembered(await ask("/decisions", { bot: chosen, limit: PAGE, after: page.next }));
        page = { items: [...page.items, ...older.items], next: older.next };
        world.redraw();
      },
    },
  };
}

function remembered(page) {
  for (const one of page.items) kept.set(one.decision_id, one);
  return page;
}

function said(one) {
  if (!Array.isArray(one.decisions)) return JSON.stringify(one.decisions);
  return one.decisions
    .map((each) =>
      each.cancel ? `cancel ${each.cancel}` : `${each.side} ${number(each.quantity)} ${each.symbol}`,
    )
    .join("; ");
}

export function decision(world, decisionId) {
  let one = kept.get(decisionId) ?? null;
  let orders = [];

  async function load() {
    one = await ask(`/decisions/${decisionId}`);
    orders = await Promise.all(one.order_ids.map((id) => known(id)));
  }

  function view() {
    if (!one) return h("p", { class: "waiting" }, "Loading.");
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, `Decision of ${nameOf(one.bot_id)}`),
        tag(one.success ? "usable" : "failed"),
        h("span", { class: "subtitle" }, instant(one.at), ` (${one.duration_ms} ms)`),
      ),
      h(
        "div",
        { class: "columns" },
        panel(
          "Asked",
          { aside: length(one.prompt, one.prompt_length) },
          one.prompt
            ? h("div", { class: "inside" }, told(one.prompt))
            : h(
                "p",
                { class: "empty" },
                "No prompt: the strategy decides by rule, or the prompt's time to be kept is over.",
              ),
        ),
        panel(
          "Answered",
          { aside: length(one.answer, one.answer_length) },
          one.answer
            ? h("div", { class: "inside" }, told(one.answer))
            : h("p", { class: "empty" }, "No answer in words."),
        ),
      ),
      panel(
        "Decided",
        {},
        h("div", { class: "inside" }, one.notes ? h("p", {}, one.notes) : null, told(one.decisions)),
      ),
      panel(
        "What became of it",
        {},
        table(
          [
            {
              head: "Order",
              row: true,
              cell: (order) =>
                order.symbol
                  ? link(`orders/${order.order_id}`, short(order.order_id))
                  : short(order.order_id),
            },
            {
              head: "State",
              cell: (order) =>
                order.symbol
                  ? tag(order.status)
                  : "never written down: a limit stood in the way, or it was known already",
            },
            { head: "Side", cell: (order) => order.side ?? "–" },
            { head: "Quantity", right: true, cell: (order) => number(order.quantity) },
            { head: "Filled", right: true, cell: (order) => number(order.filled_quantity) },
            { head: "Symbol", cell: (order) => order.symbol ?? "–" },
          ],
          orders,
          { key: (order) => order.order_id, empty: "It led to no order.", label: "Orders" },
        ),
      ),
      panel(
        "Causes",
        {},
        h(
          "div",
          { class: "inside" },
          facts(one.cause_keys.map((key, place) => [String(place + 1), h("code", {}, key)])),
        ),
      ),
    ];
  }

  return { title: () => "Decision", load, view };
}

/** A decision names orders that risk may have refused: those were never written down. */
async function known(orderId) {
  const held = live.held.orders.get(orderId);
  if (held) return held;
  try {
    return (await ask(`/orders/${orderId}`)).order;
  } catch (refusal) {
    if (refusal.code !== "NotFound") throw refusal;
    return { order_id: orderId };
  }
}

function length(text, whole) {
  if (!text) return null;
  return h(
    "span",
    { class: "note" },
    whole > text.length ? `${count(text.length)} of ${count(whole)} letters` : `${count(whole)} letters`,
  );
}
