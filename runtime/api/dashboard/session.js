// Who looks. The token lives as long as the tab; it is never in an address that a server sees.

const KEPT = "session";

export function current() {
  const kept = sessionStorage.getItem(KEPT);
  return kept ? JSON.parse(kept) : null;
}

export function keep(session) {
  sessionStorage.setItem(KEPT, JSON.stringify(session));
}

export function forget() {
  sessionStorage.removeItem(KEPT);
}

export function mayAct() {
  const role = current()?.role;
  return role === "operator" || role === "admin";
}

/** The one-time code in the address, taken out of it at once. */
export function takeCode() {
  const found = /^#sign-in=(.+)$/.exec(location.hash);
  if (found) history.replaceState(null, "", "#/");
  return found ? decodeURIComponent(found[1]) : null;
}
