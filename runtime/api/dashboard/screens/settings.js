// What holds for all bots of whoever is signed in: whether anything new is begun, the risk profile, the caps; and what
// they make of the limits of each bot. A change is foretold before it is asked for.

import * as actions from "../actions.js";
import { Refusal, ask, askAll, gather, put } from "../api.js";
import { h } from "../dom.js";
import { age, money, now } from "../figures.js";
import { facts, panel, table, tag, told } from "../parts.js";
import * as session from "../session.js";

const REFRESH_MILLISECONDS = 10000;
const FORETOLD = 12;
const PROFILES = [
  ["conservative", "half of what each bot may order, hold and lose"],
  ["balanced", "as the desk file says"],
  ["aggressive", "half more of what each may order and hold; what it may lose stays"],
];
const CAPS = [
  ["order_quote_max", "An order at most"],
  ["position_quote_max", "A position at most"],
  ["daily_loss_quote_max", "Lost in a day at most"],
  ["drawdown_quote_max", "Below its best at most"],
];
const SAID = Object.fromEntries(CAPS.map(([name, said]) => [name, said.toLowerCase()]));

export function settings(world) {
  const shown = { wishes: null, limits: [], at: null };
  let refused = null;

  async function load() {
    await gather(shown, { wishes: ask("/settings"), limits: askAll("/settings/limits") });
    shown.at = new Date(now()).toISOString();
  }

  async function save(body) {
    shown.wishes = await put("/settings/wishes", body);
    world.reload();
  }

  function view() {
    if (!shown.wishes) return h("p", { class: "waiting" }, "Loading.");
    return [
      h(
        "div",
        { class: "title" },
        h("h1", {}, "Settings"),
        h("span", { class: "subtitle" }, "what holds for all your bots"),
      ),
      h(
        "div",
        { class: "columns", "data-key": "above" },
        panel("Wishes", { foot: ["As of ", age(shown.at), "."] }, standing(shown.wishes)),
        panel("Change", {}, session.mayAct() ? form(shown.wishes, refused) : onlyLooks()),
      ),
      panel("What they make of each bot's limits", { foot: ["As of ", age(shown.at), "."] }, bounds(shown.limits)),
      panel("Profiles", {}, profiles()),
    ];
  }

  const timer = setInterval(() => !document.hidden && world.reload(), REFRESH_MILLISECONDS);
  return {
    title: () => "Settings",
    load,
    view,
    close: () => clearInterval(timer),
    does: {
      user: () => actions.offer(actions.ofUser(shown.wishes.enabled, save)),
      async wish({ risk_profile: profile, ...typed }) {
        const caps = Object.fromEntries(CAPS.map(([name]) => [name, typed[name].trim() || null]));
        refused = null;
        try {
          const then = await askAll("/settings/limits", { risk_profile: profile, ...caps });
          const body = { risk_profile: profile, caps };
          actions.offer(actions.ofWishes(foretold(then), (reason) => save({ ...body, reason })));
        } catch (fault) {
          if (!(fault instanceof Refusal)) throw fault;
          refused = fault.message;
        }
        world.redraw();
      },
    },
  };
}

/** Each limit that would be another one, as a sentence. */
function foretold(bots) {
  const changes = bots.flatMap((bot) =>
    bot.bounds
      .filter((one) => one.now !== one.then)
      .map((one) => `${bot.bot}: ${SAID[one.name]} ${bound(one.then)} instead of ${bound(one.now)}.`),
  );
  if (!changes.length) return ["No limit of any bot becomes another one."];
  const rest = changes.length - FORETOLD;
  return [...changes.slice(0, FORETOLD), ...(rest > 0 ? [`And ${rest} others.`] : [])];
}

const bound = (amount) => (amount === null ? "without a bound" : money(amount));

function standing(wishes) {
  const others = Object.entries(wishes.settings).filter(([name]) => !(name in SAID));
  return h(
    "div",
    { class: "inside" },
    facts([
      ["New risk", tag(wishes.enabled ? "allowed" : "not allowed")],
      ["Risk profile", h("span", { "data-figure": "profile" }, wishes.risk_profile)],
      ...CAPS.map(([name, said]) => [said, capSaid(capOf(wishes, name))]),
      ["Changed", wishes.updated_at ? age(wishes.updated_at) : "never"],
    ]),
    others.length
      ? h(
          "details",
          { "data-key": "others" },
          h("summary", {}, "Other settings, which only your own programs read"),
          told(Object.fromEntries(others)),
        )
      : null,
  );
}

function capOf(wishes, name) {
  return String(wishes.settings[name] ?? "");
}

/** Settings that were spoiled by hand are shown as they are. */
function capSaid(cap) {
  return /^\d+(\.\d+)?$/.test(cap) ? money(cap) : cap || "no cap";
}

function onlyLooks() {
  return h("p", { class: "empty" }, "A viewer sees what holds; an operator changes it.");
}

function form(wishes, refused) {
  return h(
    "form",
    { class: "inside", "data-submit": "wish" },
    refused ? h("p", { class: "outcome bad", role: "alert" }, refused) : null,
    h(
      "label",
      { class: "field" },
      "Risk profile",
      h(
        "select",
        { name: "risk_profile" },
        PROFILES.map(([name]) => h("option", { value: name, selected: name === wishes.risk_profile }, name)),
      ),
    ),
    CAPS.map(([name, said]) =>
      h(
        "label",
        { class: "field", "data-key": name },
        `${said}, in the quote coin; empty is no cap`,
        h("input", { name, value: capOf(wishes, name), inputmode: "decimal", maxlength: 40, autocomplete: "off" }),
      ),
    ),
    h(
      "div",
      { class: "row" },
      h("button", { type: "submit", class: "main" }, "Say what will happen"),
      h(
        "button",
        { type: "button", "data-do": "user", class: wishes.enabled ? "danger" : null },
        wishes.enabled ? "Begin nothing new" : "Allow new risk",
      ),
    ),
  );
}

function bounds(bots) {
  const rows = bots.flatMap((bot) =>
    bot.bounds.length ? bot.bounds.map((one) => ({ ...one, ...bot })) : [{ ...bot, name: null }],
  );
  return table(
    [
      { head: "Bot", row: true, cell: (one) => one.bot },
      { head: "Desk", cell: (one) => one.account },
      { head: "Limit", cell: (one) => (one.name ? SAID[one.name] : "none is known") },
      { head: "Desk file", right: true, cell: (one) => (one.name ? bound(one.told) : "–") },
      { head: "Holds now", right: true, cell: (one) => (one.name ? bound(one.now) : "–") },
      { head: "Fault", wide: true, cell: (one) => one.fault ?? "" },
    ],
    rows,
    { key: (one) => `${one.bot_id} ${one.name}`, empty: "No bot is enrolled yet.", label: "Limits" },
  );
}

function profiles() {
  return table(
    [
      { head: "Profile", row: true, cell: ([name]) => name },
      { head: "What it makes of the limits", wide: true, cell: ([, says]) => says },
    ],
    PROFILES,
    { key: ([name]) => name, empty: "", label: "Profiles" },
  );
}
