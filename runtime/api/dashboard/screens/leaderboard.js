// Who did best: every bot by what its closed trades brought, and the days, symbols, best and worst trades behind that.

import { nameOf } from "../alarms.js";
import { ask, askRows } from "../api.js";
import { h } from "../dom.js";
import { age, count, money, percent, result } from "../figures.js";
import { choices, figures, link, panel, table } from "../parts.js";

const PERIODS = [
  ["7d", "7 days"],
  ["30d", "30 days"],
  ["all", "all"],
];

export function leaderboard(world) {
  let period = "all";
  let places = [];
  let report = null;

  async function load() {
    const [board, told] = await Promise.all([
      askRows("/leaderboard", { period }),
      ask("/performance", { period }),
    ]);
    places = board;
    report = told;
  }

  function view() {
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, "Leaderboard"),
        h("span", { class: "subtitle" }, "closed trades, after fees"),
        h("span", { class: "spread" }),
        choices("period", PERIODS, period, "Period"),
      ),
      report ? together(report.together) : h("p", { class: "waiting" }, "Loading."),
      panel("Bots", {}, board(places)),
      report
        ? h(
            "div",
            { class: "columns" },
            panel("By symbol", {}, symbols(report.symbols)),
            panel("By day, UTC", {}, days(report.days)),
          )
        : null,
      report
        ? h(
            "div",
            { class: "columns" },
            panel("Best trades", {}, extremes(report.best)),
            panel("Worst trades", {}, extremes(report.worst)),
          )
        : null,
    ];
  }

  return {
    title: () => "Leaderboard",
    load,
    view,
    does: {
      period({ value }) {
        period = value;
        world.reload();
      },
    },
  };
}

function together(all) {
  return figures([
    ["Result", result(all.result), [`${count(all.trades)} closed trades`]],
    ["Win rate", percent(all.win_rate), [`${count(all.wins)} won, ${count(all.losses)} lost`]],
    ["Profit factor", money(all.profit_factor), ["won / lost"]],
    ["A trade brings", result(all.expectancy), ["on average"]],
    ["Best", result(all.best), ["one trade"]],
    ["Worst", result(all.worst), ["one trade"]],
  ]);
}

function board(places) {
  return table(
    [
      { head: "Rank", right: true, cell: (one) => String(one.rank) },
      { head: "Bot", row: true, cell: (one) => link(`bots/${one.bot_id}`, one.bot) },
      { head: "Strategy", cell: (one) => one.strategy },
      { head: "Desk", cell: (one) => one.account },
      ...performance((one) => one.performance),
      { head: "With what is open", right: true, cell: (one) => result(one.equity) },
    ],
    places,
    { key: (one) => one.bot_id, empty: "No bot is enrolled yet.", label: "Leaderboard" },
  );
}

function performance(of) {
  return [
    { head: "Result", right: true, cell: (one) => result(of(one).result) },
    { head: "Trades", right: true, cell: (one) => count(of(one).trades) },
    { head: "Win rate", right: true, cell: (one) => percent(of(one).win_rate) },
    { head: "Profit factor", right: true, cell: (one) => money(of(one).profit_factor) },
    { head: "Best", right: true, cell: (one) => result(of(one).best) },
    { head: "Worst", right: true, cell: (one) => result(of(one).worst) },
  ];
}

function symbols(found) {
  return table(
    [{ head: "Symbol", row: true, cell: ([name]) => name }, ...performance(([, each]) => each)],
    Object.entries(found),
    { key: ([name]) => name, empty: "No trade was closed.", label: "By symbol" },
  );
}

function days(items) {
  return table(
    [
      { head: "Day", row: true, cell: (one) => one.day },
      { head: "Trades", right: true, cell: (one) => count(one.trades) },
      { head: "Result", right: true, cell: (one) => result(one.result) },
      { head: "In all", right: true, cell: (one) => result(one.total) },
    ],
    [...items].reverse(),
    { key: (one) => one.day, empty: "No trade was closed.", label: "By day", tall: true },
  );
}

function extremes(items) {
  return table(
    [
      { head: "Trade", row: true, cell: (one) => `${one.symbol} #${one.number}` },
      { head: "Bot", cell: (one) => nameOf(one.bot_id) },
      { head: "Way", cell: (one) => one.direction },
      { head: "Closed", cell: (one) => age(one.closed_at) },
      { head: "Result", right: true, cell: (one) => result(one.result) },
    ],
    items,
    {
      key: (one) => `${one.bot_id} ${one.symbol} ${one.number}`,
      empty: "No trade was closed.",
      label: "Trades",
    },
  );
}
