// One WebSocket for as long as the page is open: a snapshot, then changes. A lost connection is told, tried again, and
// resumed where it broke off.

import * as live from "./live.js";
import * as session from "./session.js";

const WAIT_MILLISECONDS_FIRST = 300;
const WAIT_MILLISECONDS_MAX = 4000;
const NOT_SIGNED_IN = 4401;

let socket = null;
let place = null;
let waitMilliseconds = WAIT_MILLISECONDS_FIRST;
let timer = null;

/** `onRefused` is called when the token is not good any more. */
export function follow(onRefused) {
  stop();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/api/v1/stream`);
  socket = mine;
  mine.onopen = () => mine.send(JSON.stringify({ token: session.current().token, resume: place }));
  mine.onmessage = (event) => hear(JSON.parse(event.data));
  mine.onclose = (event) => {
    if (socket !== mine) return;
    live.connected("lost");
    if (event.code === NOT_SIGNED_IN) {
      place = null;
      onRefused();
      return;
    }
    timer = setTimeout(() => follow(onRefused), waitMilliseconds);
    waitMilliseconds = Math.min(waitMilliseconds * 2, WAIT_MILLISECONDS_MAX);
  };
}

/** For another to sign in: nothing of the one before may stay. */
export function end() {
  stop();
  place = null;
  live.clear();
}

function stop() {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  if (old) old.close();
}

function hear(told) {
  if (told.type === "snapshot") {
    place = { stream: told.stream, after: told.sequence };
    live.replaceAll(told);
  } else if (told.type === "changes") {
    place = { ...place, after: told.sequence };
    live.apply(told.changes);
  }
  if (told.type === "away" || told.type === "back") live.databaseAway(told.since ?? null);
  waitMilliseconds = WAIT_MILLISECONDS_FIRST;
  live.connected("live");
}
