// What several screens are built of: panels, tables, tags, choices.

import { h } from "./dom.js";
import { ago, age, secondsSince } from "./figures.js";

/** A bot ticks every second or so; one that has not for so long says nothing that is true now. */
export const STALE_SECONDS = 15;

export function panel(title, { aside = null, foot = null, key = title } = {}, ...inside) {
  return h(
    "section",
    { class: "panel", "data-key": key, "aria-label": title },
    h("header", {}, h("h2", {}, title), h("span", { class: "spread" }), aside),
    inside,
    foot ? h("footer", {}, foot) : null,
  );
}

/**
 * A column is {head, cell, right, wide, row}: `cell` makes text or an element of an item, `row` marks the cell that
 * names the row. What there is to say of nothing stands in `empty`.
 */
export function table(columns, items, { key, empty, tall = false, label }) {
  if (!items.length) return h("p", { class: "empty" }, empty);
  const classes = (column) =>
    [column.right ? "right" : "", column.wide ? "wide" : ""].join(" ").trim() || null;
  const heads = columns.map((column) => h("th", { scope: "col", class: classes(column) }, column.head));
  const rows = items.map((item) =>
    h(
      "tr",
      { "data-key": key(item) },
      columns.map((column) =>
        h(
          column.row ? "th" : "td",
          { class: classes(column), scope: column.row ? "row" : null },
          column.cell(item),
        ),
      ),
    ),
  );
  return h(
    "div",
    { class: tall ? "scroll tall" : "scroll", tabindex: "0", role: "region", "aria-label": label },
    h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
  );
}

export function facts(pairs) {
  const told = pairs.filter(Boolean).map(([name, ...value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("dl", { class: "facts" }, told);
}

/** Large figures, each with its age below. */
export function figures(entries) {
  return h(
    "dl",
    { class: "figures" },
    entries.map(([name, value, below, isStale]) =>
      h(
        "div",
        { "data-key": name, class: isStale ? "is-stale" : null },
        h("dt", {}, name),
        h("dd", {}, value),
        h("dd", {}, below),
      ),
    ),
  );
}

const TAGS = {
  running: "good",
  ready: "good",
  filled: "good",
  done: "good",
  clean: "good",
  won: "good",
  right: "good",
  completed: "good",
  allowed: "good",
  paused: "warn",
  disabled: "warn",
  pending: "warn",
  recovered: "warn",
  "not allowed": "warn",
  refused: "warn",
  expired: "warn",
  partially_filled: "",
  halted: "bad",
  unknown: "bad",
  failed: "bad",
  quarantined: "bad",
  unclean: "bad",
  dead: "bad",
  tripped: "bad",
};
// What must not be overlooked stands in capitals, as everywhere in Holdfast.
const SAID = { unknown: "UNKNOWN", halted: "HALTED", dead: "DEAD", partially_filled: "part filled" };

export function tag(state) {
  return h("span", { class: `tag ${TAGS[state] ?? ""}`.trim() }, SAID[state] ?? state);
}

export function botState(bot) {
  return tag(bot.enabled ? bot.state : bot.state === "halted" ? "halted" : "disabled");
}

/** A row of buttons of which one is chosen. */
export function choices(name, options, chosen, label) {
  return h(
    "span",
    { class: "choices", role: "group", "aria-label": label },
    options.map(([value, said]) =>
      h(
        "button",
        { type: "button", "data-do": name, "data-value": value, "aria-pressed": String(value === chosen) },
        said,
      ),
    ),
  );
}

export function select(name, options, chosen, label) {
  return h(
    "label",
    { class: "field" },
    label,
    h(
      "select",
      { "data-pick": name },
      options.map(([value, said]) => h("option", { value, selected: value === chosen }, said)),
    ),
  );
}

export function more(page) {
  return page.next ? h("button", { type: "button", "data-do": "more" }, "Older") : null;
}

export function link(address, ...said) {
  return h("a", { href: `#/${address}` }, said);
}

export function botLink(bot) {
  return bot ? link(`bots/${bot.bot_id}`, bot.name) : "–";
}

export function isStale(at, seconds = STALE_SECONDS) {
  return secondsSince(at) > seconds;
}

export function tickAge(bot) {
  return age(bot.ticked_at, STALE_SECONDS);
}

export function saidAge(at) {
  return ago(Math.floor(secondsSince(at)));
}

/** Any value of JSON, to be read by a person. */
export function told(value) {
  return h("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}
