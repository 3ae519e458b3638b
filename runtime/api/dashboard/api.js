// Asks the API as any client does. What goes wrong comes as one Refusal, with the sentence that the API said.

import { heardClock } from "./figures.js";
import * as session from "./session.js";

const ROOT = "/api/v1";
const ROWS_MAX = 500;

export class Refusal extends Error {
  constructor({ code, sentence, facts = {}, request_id = null }) {
    super(sentence);
    this.code = code;
    this.facts = facts;
    this.requestId = request_id;
  }
}

/** Read; parameters that are null are left out. */
export function ask(path, parameters = {}) {
  const told = Object.entries(parameters).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  const query = new URLSearchParams(told).toString();
  return send("GET", `${path}${query ? `?${query}` : ""}`);
}

/** The rows of a list, be it a page of one or the whole. */
export async function askRows(path, parameters = {}) {
  const told = await ask(path, parameters);
  return Array.isArray(told) ? told : told.items;
}

/** All of a list, page by page: of what there are as many as somebody enrolled. */
export async function askAll(path, parameters = {}) {
  const rows = [];
  let after = null;
  do {
    const page = await ask(path, { limit: ROWS_MAX, ...parameters, after });
    rows.push(...page.items);
    after = page.next;
  } while (after);
  return rows;
}

/** Everything at once, each put in its place when it comes; the first refusal is told at the end. */
export async function gather(shown, wishes) {
  const ended = await Promise.allSettled(
    Object.entries(wishes).map(async ([name, wish]) => {
      shown[name] = await wish;
    }),
  );
  const refused = ended.find((one) => one.status === "rejected");
  if (refused) throw refused.reason;
}

/** What the API counts of itself, as Prometheus is told it: {name: [{labels, value}]}. */
export async function askMetrics() {
  const answer = await reach("/metrics", {
    headers: { Authorization: `Bearer ${session.current()?.token}` },
    cache: "no-store",
    credentials: "omit",
  });
  if (!answer.ok)
    throw new Refusal({ code: String(answer.status), sentence: "The API does not tell its metrics." });
  const found = {};
  for (const line of (await answer.text()).split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!parts) continue;
    const labels = Object.fromEntries(
      [...(parts[2] ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    (found[parts[1]] ??= []).push({ labels, value: Number(parts[3]) });
  }
  return found;
}

/** Ask for a change, once: whoever repeats it gives the same key. */
export function tell(path, body, key) {
  return send("POST", path, body, { "Idempotency-Key": key });
}

export function put(path, body) {
  return send("PUT", path, body);
}

export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function send(method, path, body, headers = {}) {
  const token = session.current()?.token;
  const answer = await reach(`${ROOT}${path}`, {
    method,
    headers: {
      ...headers,
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
  });
  if (answer.headers.get("Date")) heardClock(answer.headers.get("Date"));
  const told = await parsed(answer);
  if (!answer.ok)
    throw new Refusal(told?.error ?? { code: String(answer.status), sentence: "The API refused it." });
  return told;
}

async function reach(address, request) {
  try {
    return await fetch(address, request);
  } catch (fault) {
    throw new Refusal({ code: "Unreachable", sentence: `The API cannot be reached (${fault.message}).` });
  }
}

async function parsed(answer) {
  try {
    return await answer.json();
  } catch (fault) {
    throw new Refusal({
      code: "Unreadable",
      sentence: `The API's answer cannot be read (${fault.message}).`,
    });
  }
}
