// What an operator must know first, worst first, one sentence each: UNKNOWN, quarantined, dead and halted before all else.

import * as live from "./live.js";
import { STALE_SECONDS, isStale, saidAge } from "./parts.js";

const BACK_SECONDS = 180;

/** Each is {level, key, sentence, at, address}; bad before warn. */
export function find() {
  const found = [
    ...unknownOrders(),
    ...quarantined(),
    ...dead(),
    ...unclean(),
    ...back(),
    ...live.list("bots").flatMap(ofBot),
  ];
  return [...found.filter((one) => one.level === "bad"), ...found.filter((one) => one.level !== "bad")];
}

/** The same without what only counts on: whether something new has to be said aloud. */
export function fingerprint(alarms) {
  return alarms.map((one) => one.key).join("|");
}

export function nameOf(botId) {
  return live.held.bots.get(botId)?.name ?? "a bot";
}

export function accountName(accountId) {
  return live.held.desks.get(accountId)?.account ?? "an account";
}

function unknownOrders() {
  return live
    .list("orders")
    .filter((order) => order.status === "unknown")
    .map((order) => ({
      level: "bad",
      key: `unknown ${order.order_id}`,
      sentence: `Order ${order.side} ${order.symbol} of ${nameOf(order.bot_id)} is UNKNOWN: no new risk on the symbol until the venue proves it or you resolve it.`,
      at: order.updated_at,
      address: `orders/${order.order_id}`,
    }));
}

export function waiting() {
  return live.list("quarantine").filter((item) => !item.resolution);
}

function quarantined() {
  return waiting().map((item) => ({
    level: "bad",
    key: `quarantined ${item.venue_id}`,
    sentence: `${accountName(item.account_id)}: a foreign ${item.kind} on ${item.symbol} is quarantined: adopt, ignore or close it.`,
    at: item.found_at,
    address: "reconciliation",
  }));
}

function dead() {
  return live
    .list("desks")
    .filter((desk) => !isHeld(desk))
    .map((desk) => ({
      level: "bad",
      key: `dead ${desk.account_id}`,
      sentence: `${desk.account}: its desk is dead: ${desk.epoch ? `lease epoch ${desk.epoch} ran out or was given back` : "nobody has held its lease yet"}. Its bots do not trade.`,
      at: desk.expires_at,
      address: "system",
    }));
}

/** Whether a process may trade the desk's account now. */
export function isHeld(desk) {
  return Boolean(desk?.lease_held);
}

/** A desk that was started again says so for a while, with what its recovery found. */
function back() {
  return live
    .list("desks")
    .filter((desk) => isHeld(desk) && desk.epoch > 1 && !isStale(desk.acquired_at, BACK_SECONDS))
    .map((desk) => ({
      level: "note",
      key: `back ${desk.account_id} ${desk.epoch} ${desk.ready_at ? "ready" : ""}`,
      sentence: desk.ready_at
        ? `${desk.account}: its desk is back in epoch ${desk.epoch}. Its recovery: ${live.recoveries.get(desk.account_id)?.summary ?? "not told yet"}.`
        : `${desk.account}: its desk is back in epoch ${desk.epoch} and proves what it left behind.`,
      at: desk.ready_at ?? desk.acquired_at,
      address: "reconciliation",
    }));
}

function unclean() {
  return live
    .list("desks")
    .filter((desk) => desk.clean === false)
    .map((desk) => ({
      level: "bad",
      key: `unclean ${desk.account_id} ${desk.compared_at}`,
      sentence: `${desk.account}: the last comparison with the venue was not clean: ${desk.compared}. New risk is refused while it stands.`,
      at: desk.compared_at,
      address: "reconciliation",
    }));
}

function ofBot(bot) {
  const told = (level, what, sentence, at) => [
    {
      level,
      key: `${what} ${bot.bot_id}`,
      sentence: `${bot.name} ${sentence}`,
      at,
      address: `bots/${bot.bot_id}`,
    },
  ];
  if (bot.state === "halted")
    return told(
      "bad",
      "halted",
      `is halted: ${bot.state_reason || "nobody wrote down why"}.`,
      bot.state_since,
    );
  if (!bot.enabled) return told("warn", "disabled", "is disabled.", bot.state_since);
  if (bot.breaker_tripped)
    return told("bad", "tripped", "reached its daily loss: the breaker is tripped until midnight UTC.", null);
  if (bot.state === "paused")
    return told("warn", "paused", `is paused: ${bot.state_reason || "no reason given"}.`, bot.state_since);
  if (!bot.ticked_at) return told("warn", "silent", "has not ticked yet.", null);
  if (isHeld(live.held.desks.get(bot.account_id)) && isStale(bot.ticked_at, STALE_SECONDS * 4))
    return told("bad", "stuck", `ticked last ${saidAge(bot.ticked_at)}.`, bot.ticked_at);
  return [];
}
