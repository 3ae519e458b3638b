// Rounds of decisions that led to orders: what set each off, how long it took, and which a crash cut short.

import { nameOf } from "../alarms.js";
import { ask } from "../api.js";
import { h } from "../dom.js";
import { age, instant, now, short, took } from "../figures.js";
import * as live from "../live.js";
import { choices, link, more, panel, select, table, tag } from "../parts.js";

const PAGE = 100;
const DAY_MILLISECONDS = 86400000;
const REFRESH_MILLISECONDS = 10000;
const RANGES = [
  ["1", "1 day"],
  ["7", "7 days"],
  ["30", "30 days"],
];

export function jobs(world) {
  const chosen = { bot: "", days: "1" };
  let page = { items: [], next: null };
  // Whoever reads older ones is not thrown back to the newest.
  let isOlder = false;

  const asked = () => ({
    bot: chosen.bot,
    since: new Date(now() - Number(chosen.days) * DAY_MILLISECONDS).toISOString(),
    limit: PAGE,
  });

  async function load() {
    page = await ask("/jobs", asked());
    isOlder = false;
  }

  function view() {
    const bots = live.list("bots");
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, "Jobs"),
        h("span", { class: "subtitle" }, "rounds of decisions that led to orders, the newest first"),
      ),
      h(
        "div",
        { class: "title row", "data-key": "filters" },
        select("bot", [["", "all"], ...bots.map((bot) => [bot.bot_id, bot.name])], chosen.bot, "Bot"),
        choices("days", RANGES, chosen.days, "How far back"),
        h("button", { type: "button", "data-do": "again" }, "Ask again"),
      ),
      panel("Jobs", { foot: more(page) }, jobTable(page.items)),
    ];
  }

  const pick =
    (name) =>
    ({ value }) => {
      chosen[name] = value;
      world.reload();
    };
  const timer = setInterval(() => !document.hidden && !isOlder && world.reload(), REFRESH_MILLISECONDS);
  return {
    title: () => "Jobs",
    load,
    view,
    close: () => clearInterval(timer),
    does: {
      bot: pick("bot"),
      days: pick("days"),
      again: () => world.reload(),
      async more() {
        const older = await ask("/jobs", { ...asked(), after: page.next });
        page = { items: [...page.items, ...older.items], next: older.next };
        isOlder = true;
        world.redraw();
      },
    },
  };
}

function jobTable(items) {
  return table(
    [
      { head: "Job", row: true, cell: (one) => short(one.job_id) },
      { head: "Began", cell: (one) => age(one.started_at) },
      { head: "At", cell: (one) => instant(one.started_at) },
      { head: "Bot", cell: (one) => link(`bots/${one.bot_id}`, nameOf(one.bot_id)) },
      { head: "State", cell: (one) => tag(one.status) },
      { head: "Took", right: true, cell: took },
      { head: "Set off by", wide: true, cell: (one) => one.trigger_reason },
    ],
    items,
    { key: (one) => one.job_id, empty: "No round led to an order in this time.", label: "Jobs" },
  );
}
