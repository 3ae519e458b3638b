// What everything stands on: whether it is safe to trade, the database and its sizes, the pool, the spools, slow
// queries, backups, and who did what.

import { ask, askMetrics, askRows, gather } from "../api.js";
import { h } from "../dom.js";
import { age, bytes, count, instant } from "../figures.js";
import { figures, isStale, panel, table, tag } from "../parts.js";
import { deskTable } from "./shared.js";

const REFRESH_MILLISECONDS = 10000;
// A desk notes candles every minute at least.
const SPOOL_SECONDS = 180;
const SLOW =
  "Statements of the API over HOLDFAST_SLOW_QUERY_SECONDS; with the server's own count where it keeps one.";
// A desk says at each tick what waits.
const TOLD_SECONDS = 60;
const SPOOLED =
  "How far what desks observed has reached the database; what waits lies on the desk's own disk, with what earlier starts left there.";

export function system(world) {
  const shown = { ready: null, system: null, metrics: {}, spools: [], backups: [], audit: [] };

  async function load() {
    await gather(shown, {
      ready: ask("/ready"),
      system: ask("/system"),
      metrics: askMetrics(),
      spools: askRows("/spools"),
      backups: askRows("/backups"),
      audit: askRows("/audit", { limit: 50 }),
    });
  }

  function view() {
    return [
      h("div", { class: "title" }, h("h1", {}, "System")),
      shown.ready ? readiness(shown.ready) : h("p", { class: "waiting" }, "Loading."),
      panel("Desks", {}, deskTable()),
      shown.system ? machine(shown.system, shown.spools, shown.metrics) : null,
      panel("Backups", {}, backupTable([...shown.backups].reverse())),
      panel("Audit log", {}, auditTable(shown.audit)),
    ];
  }

  const timer = setInterval(() => !document.hidden && world.reload(), REFRESH_MILLISECONDS);
  return { title: () => "System", load, view, close: () => clearInterval(timer) };
}

function readiness(told) {
  return h(
    "ul",
    { class: "alarms", "data-key": "ready", "aria-label": "Whether it is safe to trade" },
    told.ready
      ? h("li", {}, tag("ready"), h("span", { class: "sentence" }, "It is safe to trade."), age(told.at))
      : told.reasons.map((reason) =>
          h(
            "li",
            { class: "bad", "data-key": reason },
            h("span", { class: "tag bad" }, "not ready"),
            h("span", { class: "sentence" }, reason),
            age(told.at),
          ),
        ),
  );
}

function machine(told, spools, metrics) {
  const used = told.connections.reduce((all, one) => all + one.count, 0);
  const { pool_size: size, pool_available: idle, requests_waiting: waiting } = told.pool;
  const open = spools.filter((one) => one.depth !== null);
  const depth = open.reduce((all, one) => all + one.depth, 0);
  const first = (name) => open.map((one) => one[name]).filter(Boolean).sort()[0];
  return [
    figures([
      ["Database", bytes(told.bytes), [`PostgreSQL ${told.server}, started `, age(told.started_at)]],
      ["Schema", told.revision, ["the newest migration"]],
      ["Connections", `${count(used)} of ${count(told.connections_max)}`, ["of all processes"]],
      [
        "Pool of the API",
        count(size ?? 0),
        [`${count(idle ?? 0)} idle, ${count(waiting ?? 0)} requests wait`],
      ],
      [
        "Waiting in spools",
        open.length ? count(depth) : "–",
        [
          first("oldest_at") ? ["the oldest of ", age(first("oldest_at"), SPOOL_SECONDS), ", "] : null,
          "told ",
          age(first("told_at"), TOLD_SECONDS),
        ],
        isStale(first("told_at"), TOLD_SECONDS),
      ],
    ]),
    h(
      "div",
      { class: "columns", "data-key": "machine" },
      panel("Sizes", {}, sizeTable(told.tables)),
      h(
        "div",
        {},
        panel("Slow queries", { foot: SLOW }, slowTable(slowOnes(told.slow, metrics))),
        panel("Running for long", {}, runningTable(told.running)),
        panel("Spools", { foot: SPOOLED }, spoolTable(spools)),
        panel("Connections", {}, connectionTable(told.connections)),
      ),
    ),
  ];
}

/** What the server counts where it counts, and what the API itself found slow. */
function slowOnes(counted, metrics) {
  const ours = (metrics.holdfast_slow_queries_total ?? []).map(({ labels, value }) => [
    labels.query,
    value,
    null,
  ]);
  return [...ours, ...(counted ?? []).map((one) => [one.query, one.calls, one.mean_seconds])];
}

function sizeTable(tables) {
  return table(
    [
      { head: "Table", row: true, cell: (one) => one.name },
      { head: "Rows, about", right: true, cell: (one) => count(one.rows) },
      { head: "Size", right: true, cell: (one) => bytes(one.bytes) },
      { head: "Indexes", right: true, cell: (one) => bytes(one.index_bytes) },
      { head: "Dead rows", right: true, cell: (one) => count(one.dead_rows) },
    ],
    tables,
    { key: (one) => one.name, empty: "There is no table.", label: "Sizes", tall: true },
  );
}

function spoolTable(spools) {
  return table(
    [
      { head: "Spool", row: true, cell: (one) => one.spool_id.slice(0, 8) },
      { head: "Desk", cell: (one) => one.account ?? "an earlier start" },
      { head: "Waits", right: true, cell: (one) => count(one.depth) },
      { head: "Oldest", right: true, cell: (one) => (one.oldest_at ? age(one.oldest_at, SPOOL_SECONDS) : "–") },
      { head: "Told", right: true, cell: (one) => (one.told_at ? age(one.told_at, TOLD_SECONDS) : "–") },
      { head: "Drained up to", right: true, cell: (one) => count(one.sequence) },
      { head: "Last drained", right: true, cell: (one) => age(one.moved_at) },
    ],
    spools,
    { key: (one) => one.spool_id, empty: "No desk has kept anything yet.", label: "Spools", tall: true },
  );
}

function slowTable(slow) {
  return table(
    [
      { head: "Statement", row: true, wide: true, cell: ([query]) => query },
      { head: "How often", right: true, cell: ([, calls]) => count(calls) },
      {
        head: "Mean",
        right: true,
        cell: ([, , mean]) => (mean === null ? "–" : `${(mean * 1000).toFixed(1)} ms`),
      },
    ],
    slow,
    { key: ([query]) => query, empty: "None since the API started.", label: "Slow queries", tall: true },
  );
}

function runningTable(running) {
  return table(
    [
      { head: "Process", row: true, cell: (one) => String(one.pid) },
      { head: "Role", cell: (one) => one.role },
      { head: "Program", cell: (one) => one.program },
      { head: "For", right: true, cell: (one) => `${Math.round(one.seconds)} s` },
      { head: "Waits for", cell: (one) => one.waits_for || "nothing" },
    ],
    running,
    { key: (one) => String(one.pid), empty: "No statement runs for long.", label: "Running for long" },
  );
}

function connectionTable(connections) {
  return table(
    [
      { head: "Role", row: true, cell: (one) => one.role || "the server's own" },
      { head: "Program", cell: (one) => one.program || "–" },
      { head: "State", cell: (one) => one.state || "–" },
      { head: "How many", right: true, cell: (one) => count(one.count) },
    ],
    connections,
    {
      key: (one) => `${one.role} ${one.program} ${one.state}`,
      empty: "Nobody is connected.",
      label: "Connections",
      tall: true,
    },
  );
}

function backupTable(backups) {
  return table(
    [
      { head: "Backup", row: true, cell: (one) => one.name },
      { head: "Taken", cell: (one) => age(one.taken_at) },
      { head: "Size", right: true, cell: (one) => bytes(one.bytes) },
      { head: "Orders", right: true, cell: (one) => count(one.orders) },
      { head: "Schema", cell: (one) => one.revision },
    ],
    backups,
    {
      key: (one) => one.name,
      empty: "No backup has been taken here: `make backup` takes one.",
      label: "Backups",
    },
  );
}

function auditTable(lines) {
  return table(
    [
      { head: "When", cell: (one) => instant(one.at) },
      { head: "Who", cell: (one) => one.actor },
      { head: "What", row: true, cell: (one) => one.action },
      {
        head: "Facts",
        wide: true,
        cell: (one) =>
          Object.entries(one.facts)
            .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
            .join("; "),
      },
    ],
    lines,
    { key: (one) => String(one.audit_id), empty: "Nothing was noted yet.", label: "Audit log", tall: true },
  );
}
