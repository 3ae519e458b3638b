// The frame around the screens: who looks, which screen, what is wrong, and whether what is shown is alive.

import { fingerprint, find, waiting } from "./alarms.js";
import { Refusal, ask, askRows, put } from "./api.js";
import { restyle } from "./charts.js";
import { h, show } from "./dom.js";
import { clock, tellAge } from "./figures.js";
import * as live from "./live.js";
import { bot } from "./screens/bot.js";
import { decision, decisions } from "./screens/decisions.js";
import { jobs } from "./screens/jobs.js";
import { leaderboard } from "./screens/leaderboard.js";
import { learning } from "./screens/learning.js";
import { order, orders } from "./screens/orders.js";
import { overview } from "./screens/overview.js";
import { reconciliation } from "./screens/reconciliation.js";
import { settings } from "./screens/settings.js";
import { system } from "./screens/system.js";
import * as session from "./session.js";
import * as stream from "./stream.js";

const DRAW_MILLISECONDS = 100;
const LOOK_MILLISECONDS = 3000;
const RECOVERIES = 200;
const ROUTES = [
  [/^$/, overview],
  [/^bots\/([^/]+)$/, bot],
  [/^orders$/, orders],
  [/^orders\/([^/]+)$/, order],
  [/^decisions$/, decisions],
  [/^decisions\/([^/]+)$/, decision],
  [/^jobs$/, jobs],
  [/^learning$/, learning],
  [/^leaderboard$/, leaderboard],
  [/^reconciliation$/, reconciliation],
  [/^settings$/, settings],
  [/^system$/, system],
];
const NAVIGATION = [
  ["", "Overview"],
  ["orders", "Orders"],
  ["decisions", "Decisions"],
  ["jobs", "Jobs"],
  ["learning", "Learning"],
  ["leaderboard", "Leaderboard"],
  ["reconciliation", "Reconciliation"],
  ["settings", "Settings"],
  ["system", "System"],
];

const part = (id) => document.getElementById(id);
let screen = null;
let fault = null;
let isDue = false;
let drawnAt = -Infinity;
let said = null;
let refused = null;

/** Draw soon: what comes alone at once, what comes in a row together. */
function redraw() {
  if (isDue) return;
  isDue = true;
  setTimeout(
    () => {
      isDue = false;
      draw();
    },
    Math.max(0, drawnAt + DRAW_MILLISECONDS - performance.now()),
  );
}

function draw() {
  drawnAt = performance.now();
  const alarms = session.current() ? find() : [];
  drawFrame(alarms);
  if (!session.current()) return show(part("main"), signIn());
  if (!screen) return undefined;
  show(part("main"), fault ? h("p", { class: "outcome bad", role: "alert" }, fault) : null, screen.view());
  screen.drawn?.();
  announce(alarms);
  return undefined;
}

function drawFrame(alarms) {
  const who = session.current();
  const { state, since } = live.connection;
  const words = { live: "live", connecting: "connecting", lost: "connection lost" }[state];
  show(
    part("head"),
    h("a", { class: "name", href: "#/" }, "Holdfast"),
    who ? h("span", { class: `pulse ${state}` }, words) : null,
    h("span", { class: "spread" }),
    who ? h("span", { class: "who" }, h("span", { class: "name-of" }, `${who.user}, `), who.role) : null,
    h("button", { type: "button", "data-do": "theme", title: "Light or dark" }, "Theme"),
    who ? h("button", { type: "button", "data-do": "leave" }, "Sign out") : null,
  );
  const path = here();
  show(
    part("nav"),
    h(
      "ul",
      {},
      NAVIGATION.map(([address, name]) => {
        const isHere =
          address === "" ? path === "" || path.startsWith("bots/") : path.split("/")[0] === address;
        const open = address === "reconciliation" ? waiting().length : 0;
        return h(
          "li",
          {},
          h(
            "a",
            { href: `#/${address}`, "aria-current": isHere ? "page" : null },
            name,
            open ? h("span", { class: "count", title: "waiting in quarantine" }, String(open)) : null,
          ),
        );
      }),
    ),
  );
  show(part("banner"), who ? trouble(state, since, live.connection.away) : null);
  const worst = alarms.filter((one) => one.level === "bad").length;
  document.title = `${worst ? `(${worst}) ` : ""}${screen?.title() ?? "Sign in"} – Holdfast`;
}

function trouble(state, since, away) {
  const old = "what you see is as old as its ages say. Trying again.";
  if (state === "lost") {
    return h("p", {}, `Connection lost since ${clock(new Date(since).toISOString())} UTC: ${old}`);
  }
  return away ? h("p", {}, `The database is out of reach since ${clock(away)} UTC: ${old}`) : null;
}

/** What is newly wrong is said aloud, once. */
function announce(alarms) {
  const print = fingerprint(alarms);
  if (print === said) return;
  const before = new Set((said ?? "").split("|"));
  said = print;
  const fresh = alarms.filter((one) => !before.has(one.key));
  part("said").textContent = fresh.length
    ? fresh.map((one) => one.sentence).join(" ")
    : alarms.length
      ? ""
      : "Nothing is wrong any more.";
}

function signIn() {
  return h(
    "section",
    { class: "panel signin", "data-key": "signin" },
    h("header", {}, h("h2", {}, "Sign in")),
    h(
      "form",
      { class: "inside", "data-submit": "token" },
      refused ? h("p", { class: "outcome bad", role: "alert" }, refused) : null,
      h(
        "p",
        {},
        "This page needs a token. ",
        h("code", {}, "make run"),
        " prints an address that opens it already signed in, once; ",
        h("code", {}, "make token"),
        " makes a token to paste here.",
      ),
      h(
        "label",
        { class: "field" },
        "Token",
        h("input", { name: "token", type: "password", required: true, autocomplete: "off" }),
      ),
      h("div", {}, h("button", { type: "submit", class: "main" }, "Sign in")),
    ),
  );
}

function here() {
  return location.hash.replace(/^#\//, "").split("?")[0];
}

async function open() {
  screen?.close?.();
  screen = null;
  fault = null;
  if (!session.current()) return draw();
  for (const [pattern, make] of ROUTES) {
    const found = pattern.exec(here());
    if (found) screen = make({ redraw, reload }, ...found.slice(1).map(decodeURIComponent));
  }
  if (!screen) {
    fault = "There is no such screen.";
    screen = {
      title: () => "Nothing here",
      view: () => h("p", {}, h("a", { href: "#/" }, "To the overview")),
    };
  }
  draw();
  window.scrollTo(0, 0);
  await reload();
  return undefined;
}

/** Ask the API for what the stream does not tell; a refusal is shown above the screen, and what was there stays. */
async function reload() {
  const asked = screen;
  try {
    await asked.load?.();
    if (screen === asked) fault = null;
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    if (refusal.code === "NotSignedIn") return leave("The token is not good any more: sign in again.");
    if (screen === asked) fault = refusal.message;
  }
  if (screen === asked) draw();
  return undefined;
}

function leave(why = null) {
  refused = why;
  session.forget();
  stream.end();
  screen?.close?.();
  screen = null;
  drawFrame([]);
  show(part("main"), signIn());
}

async function enter(entry) {
  try {
    session.keep(entry.code ? await put("/session", { code: entry.code }) : await whoHas(entry.token));
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    leave(refusal.message);
    return;
  }
  begin();
}

async function whoHas(token) {
  session.keep({ token });
  return { ...(await ask("/session")), token };
}

function begin() {
  refused = null;
  stream.follow(() => leave("The token is not good any more: sign in again."));
  open();
  askRows("/recoveries", { limit: RECOVERIES }).then(live.noteRecoveries, overlook);
}

/** The stream brings the newest of these too; what it cannot say is shown as not known. */
function overlook(refusal) {
  if (!(refusal instanceof Refusal)) throw refusal;
}

const DOES = {
  theme() {
    const isDark =
      getComputedStyle(document.documentElement).colorScheme === "dark" ||
      (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
    restyle();
  },
  leave: () => leave(),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  const act = DOES[button.dataset.do] ?? screen?.does?.[button.dataset.do];
  act?.(button.dataset);
});
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.pick;
  if (name) screen?.does?.[name]?.({ value: event.target.value });
});
document.addEventListener("submit", (event) => {
  const name = event.target.dataset.submit;
  if (!name) return;
  event.preventDefault();
  const told = Object.fromEntries(new FormData(event.target));
  if (name === "token") enter({ token: told.token.trim() });
  else screen?.does?.[name]?.(told);
});
window.addEventListener("hashchange", () => {
  const code = session.takeCode();
  if (code) enter({ code });
  else open();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
live.listen((nouns) => {
  screen?.hears?.(nouns);
  redraw();
});
setInterval(() => {
  for (const element of document.querySelectorAll("time.age")) tellAge(element);
}, 1000);
// Ages make alarms too: a desk that says nothing sends no change.
setInterval(redraw, LOOK_MILLISECONDS);

const code = session.takeCode();
if (code) enter({ code });
else if (session.current()) begin();
else draw();
