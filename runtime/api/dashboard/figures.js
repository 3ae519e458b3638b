// Money, quantities and instants as a reader wants them. Money comes as text and stays text: it is cut and grouped
// here, digit by digit, and never becomes a float. Only what is drawn on a chart does.

import { h } from "./dom.js";

const PLACES = 18;
export const NOTHING = "–";

/** The exact number as a whole count of 10^-18. */
export function exact(text) {
  const [, sign, whole, part = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const size = BigInt(whole + part.slice(0, PLACES).padEnd(PLACES, "0"));
  return sign ? -size : size;
}

/** The sum of texts; null counts as nothing, and of nothing but nulls there is no sum. */
export function sum(texts) {
  const known = texts.filter((text) => text !== null && text !== undefined);
  return known.length ? plain(known.reduce((total, text) => total + exact(text), 0n)) : null;
}

function plain(count) {
  const digits = String(count < 0n ? -count : count).padStart(PLACES + 1, "0");
  return `${count < 0n ? "-" : ""}${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`;
}

function cut(text, places) {
  const unit = 10n ** BigInt(PLACES - places);
  const count = exact(text);
  const size = count < 0n ? -count : count;
  const rounded = String((size + unit / 2n) / unit).padStart(places + 1, "0");
  const isZero = /^0+$/.test(rounded);
  const whole = places ? rounded.slice(0, -places) : rounded;
  return {
    sign: isZero ? 0 : count < 0n ? -1 : 1,
    whole: grouped(whole),
    part: places ? rounded.slice(-places) : "",
  };
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1234.5` as `1,234.50`. */
export function money(text, places = 2) {
  if (text === null || text === undefined) return NOTHING;
  const { sign, whole, part } = cut(text, places);
  return `${sign < 0 ? "−" : ""}${whole}${part ? `.${part}` : ""}`;
}

/** What was won or lost: with its sign, which says the same as the colour. */
export function result(text, places = 2) {
  if (text === null || text === undefined) return h("span", { class: "none" }, NOTHING);
  const { sign, whole, part } = cut(text, places);
  const mark = sign < 0 ? "−" : sign > 0 ? "+" : "";
  return h(
    "span",
    { class: sign < 0 ? "loss" : sign > 0 ? "gain" : "" },
    `${mark}${whole}${part ? `.${part}` : ""}`,
  );
}

/** A price or a quantity with the digits that say something. */
export function number(text) {
  if (text === null || text === undefined) return NOTHING;
  const { sign, whole, part } = cut(text, text.replace(/^-?0*\.?/, "").startsWith("0") ? 8 : 6);
  const said = part.replace(/0+$/, "");
  return `${sign < 0 ? "−" : ""}${whole}${said ? `.${said}` : ""}`;
}

/** A share of one as a percentage. */
export function percent(text, places = 1) {
  return text === null || text === undefined ? NOTHING : `${money(plain(exact(text) * 100n), places)} %`;
}

export function count(value) {
  return value === null || value === undefined ? NOTHING : grouped(String(value));
}

export function bytes(value) {
  if (value === null || value === undefined) return NOTHING;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = Number(value);
  let place = 0;
  for (; size >= 1000 && place < units.length - 1; place += 1) size /= 1000;
  return `${place && size < 100 ? size.toFixed(1) : Math.round(size)} ${units[place]}`;
}

// Instants.

let skewMilliseconds = 0;

/** What the server's clock says, as far as its answers tell. */
export function now() {
  return Date.now() + skewMilliseconds;
}

export function heardClock(said) {
  const skew = Date.parse(said) - Date.now();
  // The header has whole seconds: less than two is no difference.
  skewMilliseconds = Math.abs(skew) > 2000 ? skew : 0;
}

/** How long ago, alive: app.js counts on. Grey and in words when it is older than it should be. */
export function age(at, staleSeconds = null) {
  if (!at) return h("span", { class: "age none" }, "never");
  const element = h("time", { class: "age", datetime: at, title: instant(at), "data-stale": staleSeconds });
  tellAge(element);
  return element;
}

export function tellAge(element) {
  const seconds = Math.floor((now() - Date.parse(element.dateTime)) / 1000);
  const isStale = element.dataset.stale !== undefined && seconds > Number(element.dataset.stale);
  const said = isStale ? `${ago(seconds)}, stale` : ago(seconds);
  if (element.textContent !== said) element.textContent = said;
  element.classList.toggle("stale", isStale);
}

export function ago(seconds) {
  if (seconds < 0) return seconds > -3 ? "now" : `in ${-seconds} s`;
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

export function secondsSince(at) {
  return at ? (now() - Date.parse(at)) / 1000 : Infinity;
}

/** To the second, in UTC, as everything in the ledger. */
export function instant(at) {
  return at ? `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC` : NOTHING;
}

export function clock(at) {
  return at ? new Date(at).toISOString().slice(11, 19) : NOTHING;
}

/** With milliseconds: a timeline is about order. */
export function fine(at) {
  return at ? new Date(at).toISOString().slice(0, 23).replace("T", " ") : NOTHING;
}

/** How long what has a start and an end took. */
export function took({ started_at: from, finished_at: until }) {
  if (!from) return "not begun";
  if (!until) return "under way";
  const milliseconds = Date.parse(until) - Date.parse(from);
  return milliseconds < 10000 ? `${milliseconds} ms` : `${Math.round(milliseconds / 1000)} s`;
}

export function short(id) {
  return id ? id.slice(0, 8) : NOTHING;
}
