// Who did best: every bot by what its closed trades brought, and the days, symbols, best and worst trades behind that;
// and whom the scorers rank.

import { nameOf } from "../alarms.js";
import { ask, askRows } from "../api.js";
import { h } from "../dom.js";
import { age, count, money, number, percent, result, took } from "../figures.js";
import { choices, figures, link, panel, table, tag } from "../parts.js";

const PERIODS = [
  ["7d", "7 days"],
  ["30d", "30 days"],
  ["all", "all"],
];
const REFRESH_MILLISECONDS = 30000;
const RUNS = 20;
const RANKED = 50;

export function leaderboard(world) {
  let period = "all";
  let places = [];
  let report = null;
  let scorer = "";
  let runs = [];
  let ranked = [];

  async function load() {
    const [board, told] = await Promise.all([
      askRows("/leaderboard", { period }),
      ask("/performance", { period }),
      loadScores(),
    ]);
    places = board;
    report = told;
  }

  async function loadScores() {
    runs = await askRows("/scoring-runs", { limit: RUNS });
    scorer ||= (runs.find((one) => one.status === "completed") ?? runs[0])?.scorer ?? "";
    ranked = scorer ? await askRows("/internal/ranked-traders", { scorer, limit: RANKED }) : [];
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
      h(
        "div",
        { class: "columns", "data-key": "scores" },
        panel("Ranked traders", { aside: whose(runs, scorer) }, rankedTable(ranked)),
        panel("Scoring runs", {}, runTable(runs)),
      ),
    ];
  }

  const timer = setInterval(() => !document.hidden && world.reload(), REFRESH_MILLISECONDS);
  return {
    title: () => "Leaderboard",
    load,
    view,
    close: () => clearInterval(timer),
    does: {
      period({ value }) {
        period = value;
        world.reload();
      },
      scorer({ value }) {
        scorer = value;
        world.reload();
      },
    },
  };
}

function whose(runs, chosen) {
  const names = [...new Set(runs.map((one) => one.scorer))].sort();
  return names.length > 1
    ? choices(
        "scorer",
        names.map((one) => [one, one]),
        chosen,
        "Scorer",
      )
    : chosen;
}

function rankedTable(items) {
  return table(
    [
      { head: "Rank", right: true, cell: (one) => String(one.rank) },
      {
        head: "Trader",
        row: true,
        cell: (one) => (one.bot_id ? link(`bots/${one.bot_id}`, one.trader) : one.trader),
      },
      { head: "Score", right: true, cell: (one) => number(one.score) },
      { head: "Scored", right: true, cell: (one) => age(one.scored_at) },
      {
        head: "By",
        wide: true,
        cell: (one) =>
          Object.entries(one.metrics)
            .map(([name, value]) => `${name.replaceAll("_", " ")} ${value ?? "–"}`)
            .join(", "),
      },
    ],
    items,
    {
      key: (one) => `${one.run_id} ${one.rank}`,
      empty: "No trader is ranked yet.",
      label: "Ranked traders",
      tall: true,
    },
  );
}

function runTable(items) {
  return table(
    [
      { head: "Asked", cell: (one) => age(one.requested_at) },
      { head: "Scorer", row: true, cell: (one) => one.scorer },
      { head: "State", cell: (one) => tag(one.status) },
      { head: "Traders", right: true, cell: (one) => count(one.trader_count) },
      { head: "Took", right: true, cell: (one) => took(one) },
      { head: "Fault", wide: true, cell: (one) => one.error ?? "" },
    ],
    items,
    { key: (one) => one.run_id, empty: "No scorer has run yet.", label: "Scoring runs", tall: true },
  );
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
