// Tables that more than one screen shows.

import { accountName, isHeld } from "../alarms.js";
import { age, count } from "../figures.js";
import * as live from "../live.js";
import { table, tag } from "../parts.js";

export function deskTable() {
  const desks = live.list("desks").sort((one, other) => (one.account < other.account ? -1 : 1));
  return table(
    [
      { head: "Desk", row: true, cell: (desk) => desk.account },
      { head: "Lease", cell: (desk) => tag(isHeld(desk) ? (desk.ready_at ? "held" : "recovering") : "dead") },
      { head: "Epoch", right: true, cell: (desk) => count(desk.epoch) },
      { head: "Holder", cell: (desk) => (desk.host ? `${desk.host}/${desk.pid}` : "nobody") },
      {
        head: "Compared",
        cell: (desk) =>
          desk.compared ? [tag(desk.clean ? "clean" : "unclean"), " ", age(desk.compared_at)] : "never",
      },
      { head: "Last recovery", wide: true, cell: recovered },
    ],
    desks,
    { key: (desk) => desk.account_id, empty: live.ofNothing("No desk has started yet."), label: "Desks" },
  );
}

function recovered(desk) {
  const last = live.recoveries.get(desk.account_id);
  return last ? [last.summary, " ", age(last.finished_at)] : "none is known";
}

export function commandTable(items) {
  return table(
    [
      { head: "Asked", cell: (one) => age(one.requested_at) },
      { head: "Command", row: true, cell: (one) => one.verb },
      { head: "Of", cell: (one) => live.held.bots.get(one.bot_id)?.name ?? accountName(one.account_id) },
      { head: "State", cell: (one) => tag(one.status) },
      { head: "Outcome", wide: true, cell: (one) => one.outcome ?? "waits for its desk" },
      { head: "By", cell: (one) => one.requested_by },
      { head: "Why", wide: true, cell: (one) => one.reason },
    ],
    items,
    {
      key: (one) => one.command_id,
      empty: live.ofNothing("Nobody has asked for anything."),
      label: "Commands",
      tall: true,
    },
  );
}
