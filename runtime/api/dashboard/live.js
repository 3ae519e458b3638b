// What the stream told: the newest of every noun, by its key. Screens read it; only stream.js writes it.

const KEYS = {
  bots: (item) => item.bot_id,
  desks: (item) => item.account_id,
  orders: (item) => item.order_id,
  fills: (item) => `${item.account_id} ${item.symbol} ${item.venue_trade_id}`,
  positions: (item) => `${item.bot_id} ${item.symbol}`,
  commands: (item) => item.command_id,
  quarantine: (item) => `${item.account_id} ${item.kind} ${item.venue_id}`,
  reconciliations: (item) => item.reconciliation_id,
};
// A page that stays open all day keeps the newest of what has no end.
const KEPT_MAX = 2000;

/** `away` is since when the API cannot reach its database, null as long as it does. */
export const connection = { state: "connecting", since: Date.now(), away: null };
export const held = Object.fromEntries(Object.keys(KEYS).map((noun) => [noun, new Map()]));
/** The newest recovery of each account: the stream keeps the newest comparisons only, and a desk may run for months. */
export const recoveries = new Map();
const listeners = new Set();

export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the stream has not said yet what there is: until then nothing shown is not nothing there. */
export function isWaiting() {
  return connection.state === "connecting";
}

/** What is said of an empty list. */
export function ofNothing(said) {
  return isWaiting() ? "Loading." : said;
}

/** What the API said before the stream did, whose snapshot replaces it. */
export function foretell(noun, items) {
  if (!isWaiting() || held[noun].size) return;
  for (const item of items) held[noun].set(KEYS[noun](item), item);
  heard(new Set([noun]));
}

export function list(noun) {
  return [...held[noun].values()];
}

export function noteRecoveries(items) {
  note(items);
  heard(new Set(["reconciliations"]));
}

function note(items) {
  for (const one of items) {
    const known = recoveries.get(one.account_id);
    if (one.kind === "recovery" && !(known?.started_at > one.started_at)) recoveries.set(one.account_id, one);
  }
}

export function replaceAll(told) {
  for (const noun of Object.keys(KEYS)) {
    held[noun].clear();
    for (const item of told[noun] ?? []) held[noun].set(KEYS[noun](item), item);
  }
  note(told.reconciliations ?? []);
  heard(new Set(Object.keys(KEYS)));
}

export function apply(changes) {
  for (const { noun, item, gone } of changes) {
    if (!KEYS[noun]) continue;
    const items = held[noun];
    items.delete(KEYS[noun](item ?? gone));
    if (gone) continue;
    items.set(KEYS[noun](item), item);
    if (items.size > KEPT_MAX) items.delete(items.keys().next().value);
  }
  note(changes.filter(({ noun, item }) => noun === "reconciliations" && item).map(({ item }) => item));
  heard(new Set(changes.map(({ noun }) => noun)));
}

export function connected(state) {
  if (connection.state === state) return;
  connection.state = state;
  connection.since = Date.now();
  // A new connection is told anew.
  if (state !== "live") connection.away = null;
  heard(new Set());
}

export function databaseAway(since) {
  connection.away = since;
  heard(new Set());
}

export function clear() {
  for (const items of [...Object.values(held), recoveries]) items.clear();
}

function heard(nouns) {
  for (const listener of listeners) listener(nouns);
}
