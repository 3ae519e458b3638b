// What is learnt: how right the signals were, taken or not; which models there are and when the next is trained; what
// components remember; what models predict, as they do; which features the newest signal had.

import { nameOf } from "../alarms.js";
import { ask, askAll, askRows, gather } from "../api.js";
import { h } from "../dom.js";
import { age, bytes, count, number, percent } from "../figures.js";
import * as live from "../live.js";
import { figures, link, panel, select, table, tag, told } from "../parts.js";

const REFRESH_MILLISECONDS = 5000;
// What counts over all signals is asked for more seldom.
const TURNS = 6;
const NEWEST = 30;

export function learning(world) {
  let chosen = "";
  let turn = 0;
  const shown = {
    statistics: null,
    models: [],
    components: [],
    retrainings: [],
    phantoms: [],
    predictions: [],
  };

  async function load() {
    const bot = chosen;
    const newest = {
      phantoms: askRows("/phantoms", { bot, limit: NEWEST }),
      predictions: askRows("/predictions", { bot, limit: NEWEST }),
    };
    const isFirst = turn % TURNS === 0;
    turn += 1;
    await gather(shown, isFirst ? { ...newest, ...whole(bot) } : newest);
  }

  const whole = (bot) => ({
    statistics: ask("/phantoms/statistics", { bot }),
    models: askAll("/models", { bot }),
    components: askAll("/components", { bot }),
    retrainings: askAll("/models/retraining", { bot }),
  });

  function view() {
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, "Learning"),
        h("span", { class: "spread" }),
        select(
          "bot",
          [["", "all"], ...live.list("bots").map((bot) => [bot.bot_id, bot.name])],
          chosen,
          "Bot",
        ),
      ),
      shown.statistics ? accuracy(shown.statistics) : h("p", { class: "waiting" }, "Loading."),
      h(
        "div",
        { class: "columns" },
        panel("By strategy", {}, byStrategy(shown.statistics)),
        panel("What stood in the way", {}, blocked(shown.statistics)),
      ),
      panel("Next training", {}, retrainings(shown.retrainings)),
      panel("Models", {}, models(shown.models)),
      panel("Predictions", { aside: lately(shown.predictions) }, predictions(shown.predictions)),
      panel("Newest signals", {}, signals(shown.phantoms)),
      panel("Memory", {}, components(shown.components)),
      shown.phantoms[0] ? panel("Features of the newest signal", {}, features(shown.phantoms[0])) : null,
    ];
  }

  const timer = setInterval(() => !document.hidden && world.reload(), REFRESH_MILLISECONDS);
  return {
    title: () => "Learning",
    load,
    view,
    close: () => clearInterval(timer),
    does: {
      bot({ value }) {
        chosen = value;
        turn = 0;
        world.reload();
      },
    },
  };
}

function accuracy({ together: all }) {
  const below = (text) => [text];
  return figures([
    ["Signals", count(all.total), below(`${count(all.executed)} taken, ${count(all.rejected)} not`)],
    ["Followed now", count(all.open), below("until one per cent either way, or four hours")],
    [
      "Right",
      percent(all.accuracy),
      below(`won ${count(all.won)}, lost ${count(all.lost)}, expired ${count(all.expired)}`),
    ],
    ["Right, taken", percent(all.accuracy_executed), below("of what was traded")],
    ["Right, not taken", percent(all.accuracy_rejected), below("of what was held back")],
    ["Right lately", percent(all.rolling_win_rate), below(`of the newest ${count(all.rolling)}`)],
  ]);
}

function byStrategy(statistics) {
  return table(
    [
      { head: "Strategy", row: true, cell: ([name]) => name },
      { head: "Signals", right: true, cell: ([, one]) => count(one.total) },
      { head: "Taken", right: true, cell: ([, one]) => count(one.executed) },
      { head: "Won", right: true, cell: ([, one]) => count(one.won) },
      { head: "Lost", right: true, cell: ([, one]) => count(one.lost) },
      { head: "Right", right: true, cell: ([, one]) => percent(one.accuracy) },
      { head: "Right lately", right: true, cell: ([, one]) => percent(one.rolling_win_rate) },
    ],
    Object.entries(statistics?.strategies ?? {}),
    { key: ([name]) => name, empty: "No signal yet.", label: "Signals by strategy" },
  );
}

function blocked(statistics) {
  return table(
    [
      { head: "Limit", row: true, cell: ([reason]) => reason.replaceAll("_", " ") },
      { head: "How often", right: true, cell: ([, often]) => count(often) },
    ],
    Object.entries(statistics?.blocked ?? {}),
    { key: ([reason]) => reason, empty: "No limit stood in the way of a signal.", label: "Blocked signals" },
  );
}

function retrainings(items) {
  return table(
    [
      { head: "Bot", row: true, cell: (one) => link(`bots/${one.bot_id}`, one.bot) },
      { head: "Model", cell: (one) => one.model },
      { head: "Until the next training", right: true, cell: untilNext },
      { head: "Signals ended", right: true, cell: (one) => count(one.examples) },
      { head: "Enough to train", cell: (one) => (one.can_train === null ? "–" : one.can_train ? "yes" : "no") },
      { head: "Last training", right: true, cell: (one) => age(one.trained_at) },
    ],
    items,
    {
      key: (one) => one.bot_id,
      empty: "No bot has a gate, so none learns from its signals.",
      label: "Next training",
    },
  );
}

function untilNext(one) {
  if (one.fault) return one.fault;
  return one.until_next ? `${count(one.until_next)} signals` : "at the next tick";
}

function models(items) {
  return table(
    [
      { head: "Model", row: true, cell: (one) => one.name },
      { head: "Version", right: true, cell: (one) => count(one.version) },
      { head: "Bot", cell: (one) => nameOf(one.bot_id) },
      { head: "In use", cell: (one) => tag(one.promoted ? "promoted" : "not in use") },
      { head: "Learnt from", right: true, cell: (one) => count(one.training_size) },
      { head: "Size", right: true, cell: (one) => bytes(one.size) },
      { head: "Made", right: true, cell: (one) => age(one.created_at) },
      {
        head: "Metrics",
        wide: true,
        cell: (one) =>
          Object.entries(one.metrics ?? {})
            .map(([name, value]) => `${name} ${value}`)
            .join(", "),
      },
    ],
    items,
    {
      key: (one) => `${one.bot_id} ${one.name} ${one.version}`,
      empty: "No model has been kept yet.",
      label: "Models",
    },
  );
}

function components(items) {
  return [
    table(
      [
        { head: "Component", row: true, cell: (one) => one.component },
        { head: "Bot", cell: (one) => nameOf(one.bot_id) },
        { head: "Save", right: true, cell: (one) => count(one.version) },
        { head: "Saved", right: true, cell: (one) => age(one.saved_at) },
        { head: "Size", right: true, cell: (one) => bytes(one.bytes) },
        { head: "Codec", cell: (one) => one.codec },
        {
          head: "Told up to",
          wide: true,
          cell: (one) =>
            Object.entries(one.counted ?? {})
              .map(([symbol, number_]) => `${symbol} #${number_}`)
              .join(", "),
        },
      ],
      items,
      {
        key: (one) => `${one.bot_id} ${one.component}`,
        empty: "No component has saved anything yet.",
        label: "Components",
      },
    ),
    items
      .filter((one) => one.state)
      .map((one) =>
        h(
          "details",
          { class: "inside", "data-key": `${one.bot_id} ${one.component} state` },
          h("summary", {}, `What ${one.component} of ${nameOf(one.bot_id)} remembers`),
          told(one.state),
        ),
      ),
  ];
}

function signals(items) {
  return table(
    [
      { head: "When", cell: (one) => age(one.at) },
      { head: "Bot", cell: (one) => nameOf(one.bot_id) },
      { head: "Signal", row: true, cell: (one) => `${one.side} ${one.symbol}` },
      { head: "At", right: true, cell: (one) => number(one.opened_price) },
      { head: "Taken", cell: (one) => (one.executed ? "yes" : "no") },
      { head: "Became", cell: (one) => (one.outcome ? tag(one.outcome) : "followed") },
      { head: "Moved", right: true, cell: (one) => percent(one.result, 2) },
    ],
    items,
    { key: (one) => one.phantom_id, empty: "No signal yet.", label: "Newest signals", tall: true },
  );
}

/** Of what is shown, not of all there are. */
function lately(items) {
  const ended = items.filter((one) => one.outcome === "right" || one.outcome === "wrong");
  const right = ended.filter((one) => one.outcome === "right").length;
  return items.length
    ? h("span", { class: "subtitle" }, `of the newest ${items.length}: ${right} of ${ended.length} judged were right`)
    : null;
}

function predictions(items) {
  return table(
    [
      { head: "When", cell: (one) => age(one.at) },
      { head: "Bot", cell: (one) => nameOf(one.bot_id) },
      { head: "Model", row: true, cell: (one) => one.model },
      { head: "Says", cell: (one) => `${one.symbol} ${one.direction}` },
      { head: "Sure", right: true, cell: (one) => percent(one.confidence) },
      { head: "At", right: true, cell: (one) => number(one.price) },
      { head: "To", right: true, cell: (one) => number(one.target) },
      { head: "Became", cell: (one) => (one.outcome ? tag(one.outcome) : "open") },
      { head: "Settled", right: true, cell: (one) => (one.resolved_at ? age(one.resolved_at) : "not yet") },
    ],
    items,
    {
      key: (one) => one.prediction_id,
      empty: "No model has predicted anything yet.",
      label: "Predictions",
      tall: true,
    },
  );
}

function features(one) {
  return table(
    [
      { head: "Feature", row: true, cell: ([name]) => name },
      {
        head: "Value",
        right: true,
        cell: ([, value]) => (typeof value === "object" ? JSON.stringify(value) : String(value)),
      },
    ],
    Object.entries(one.features ?? {}),
    { key: ([name]) => name, empty: "Its strategy names no features.", label: "Features", tall: true },
  );
}
