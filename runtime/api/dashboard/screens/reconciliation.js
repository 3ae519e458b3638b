// What is at the venue and not ours, with what may be done about it; and what each comparison of venue and ledger found.

import { accountName, waiting } from "../alarms.js";
import * as actions from "../actions.js";
import { askRows } from "../api.js";
import { h } from "../dom.js";
import { age, count, number } from "../figures.js";
import * as live from "../live.js";
import { commandTable, deskTable } from "./shared.js";
import { panel, table, tag } from "../parts.js";
import * as session from "../session.js";

export function reconciliation(world) {
  let resolved = [];
  let comparisons = [];
  let commands = [];

  async function load() {
    [resolved, comparisons, commands] = await Promise.all([
      askRows("/quarantine", { waiting: false, limit: 50 }),
      askRows("/reconciliations", { limit: 100 }),
      askRows("/commands", { limit: 50 }),
    ]);
  }

  function view() {
    const mayAct = session.mayAct();
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, "Reconciliation"),
        h("span", { class: "subtitle" }, "nothing foreign becomes ours without consent"),
      ),
      panel(
        "Quarantine",
        {},
        foreign(waiting(), mayAct),
        mayAct || !waiting().length ? null : h("p", { class: "empty" }, "You may look; an operator decides."),
      ),
      panel("Desks", {}, deskTable()),
      panel(
        "Comparisons",
        {},
        compared(
          newest(
            comparisons,
            "reconciliations",
            (one) => one.reconciliation_id,
            (one) => one.started_at,
          ),
        ),
      ),
      panel(
        "Commands",
        {},
        commandTable(
          newest(
            commands,
            "commands",
            (one) => one.command_id,
            (one) => one.requested_at,
          ),
        ),
      ),
      panel("Decided on", {}, decided(resolved)),
    ];
  }

  const act =
    (verb) =>
    ({ id }) => {
      const item = live.held.quarantine.get(id);
      const bots = live
        .list("bots")
        .filter((bot) => bot.account_id === item.account_id && bot.symbols.includes(item.symbol));
      actions.offer(actions.ofQuarantine(item, verb, bots));
    };
  return {
    title: () => "Reconciliation",
    load,
    view,
    hears: (nouns) => nouns.has("quarantine") && world.reload(),
    does: { adopt: act("adopt"), ignore: act("ignore"), close: act("close") },
  };
}

/** What was asked for, with what the stream told since. */
export function newest(asked, noun, key, at) {
  const known = new Map(asked.map((item) => [key(item), item]));
  for (const item of live.list(noun)) known.set(key(item), item);
  return [...known.values()].sort((one, other) => (at(one) < at(other) ? 1 : -1)).slice(0, 100);
}

function foreign(items, mayAct) {
  return table(
    [
      { head: "What", row: true, cell: (one) => `${one.kind} ${one.venue_id}` },
      { head: "Account", cell: (one) => accountName(one.account_id) },
      { head: "Symbol", cell: (one) => one.symbol },
      { head: "Found", cell: (one) => age(one.found_at) },
      { head: "Says", wide: true, cell: (one) => [one.sentence, shape(one)] },
      ...(mayAct ? [{ head: "Decide", cell: buttons }] : []),
    ],
    items,
    {
      key: (one) => `${one.account_id} ${one.kind} ${one.venue_id}`,
      empty: "Nothing foreign waits.",
      label: "Quarantine",
    },
  );
}

function shape({ detail }) {
  const price = detail.price ? ` at ${number(detail.price)}` : "";
  return h(
    "div",
    { class: "note" },
    detail.side ? `${detail.side} ${detail.quantity ? number(detail.quantity) : "?"}${price}` : null,
  );
}

/** A fill is adopted with its order, and only an order can be closed. */
function buttons(one) {
  const id = `${one.account_id} ${one.kind} ${one.venue_id}`;
  const verbs =
    one.kind === "order"
      ? [
          ["adopt", "Adopt"],
          ["ignore", "Ignore"],
          ["close", "Close"],
        ]
      : [["ignore", "Ignore"]];
  return h(
    "span",
    { class: "row" },
    verbs.map(([verb, said]) =>
      h(
        "button",
        {
          type: "button",
          "data-do": verb,
          "data-id": id,
          "aria-label": `${said} ${one.kind} ${one.venue_id}`,
        },
        said,
      ),
    ),
  );
}

function compared(items) {
  return table(
    [
      { head: "When", cell: (one) => age(one.finished_at) },
      { head: "Account", row: true, cell: (one) => accountName(one.account_id) },
      { head: "Kind", cell: (one) => one.kind },
      { head: "Epoch", right: true, cell: (one) => count(one.epoch) },
      { head: "State", cell: (one) => tag(one.clean ? "clean" : "unclean") },
      { head: "Proved", right: true, cell: (one) => count(one.proved) },
      { head: "Unknown", right: true, cell: (one) => count(one.unproved) },
      { head: "Set aside", right: true, cell: (one) => count(one.quarantined) },
      {
        head: "Found",
        wide: true,
        cell: (one) =>
          one.findings.length
            ? h(
                "details",
                {},
                h("summary", {}, one.summary),
                h(
                  "ul",
                  {},
                  one.findings.map((each) =>
                    h("li", {}, typeof each === "string" ? each : JSON.stringify(each)),
                  ),
                ),
              )
            : one.summary,
      },
    ],
    items,
    {
      key: (one) => one.reconciliation_id,
      empty: "No account has been compared yet.",
      label: "Comparisons",
      tall: true,
    },
  );
}

function decided(items) {
  return table(
    [
      { head: "What", row: true, cell: (one) => `${one.kind} ${one.venue_id}` },
      { head: "Account", cell: (one) => accountName(one.account_id) },
      { head: "Symbol", cell: (one) => one.symbol },
      { head: "Decided", cell: (one) => tag(one.resolution) },
      { head: "By", cell: (one) => one.resolved_by },
      { head: "When", cell: (one) => age(one.resolved_at) },
    ],
    items,
    {
      key: (one) => `${one.account_id} ${one.kind} ${one.venue_id}`,
      empty: "Nothing was decided yet.",
      label: "Decided on",
    },
  );
}
