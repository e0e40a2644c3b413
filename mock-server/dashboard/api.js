// Calls of the controls. Whatever a button does is shown as the call that does the same.

import { h } from "./dom.js";
import { t } from "./words.js";

/** The world that this page is of: its path says it. */
export const world = /^\/w\/([^/]+)(?:\/|$)/.exec(location.pathname)?.[1] ?? "default";

/** Where that world is on this server. */
export const prefix = world === "default" ? "" : `/w/${world}`;

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? sessionStorage.getItem("token");
if (token) sessionStorage.setItem("token", token);

/** A path of this world's controls. */
export const of = (path) => `/worlds/${world}/${path}`;

function headers(said) {
  const all = { "onecity-admin": "dashboard" };
  if (said !== undefined) all["content-type"] = "application/json";
  if (token) all.authorization = `Bearer ${token}`;
  return all;
}

/** The same call as one types it. */
export function typed({ method, path, said }) {
  const body = said === undefined ? "" : ` -H 'Content-Type: application/json' -d '${JSON.stringify(said).replaceAll("'", "'\\''")}'`;
  const header = " -H 'OneCity-Admin: 1'";
  const proof = token ? ' -H "Authorization: Bearer $ONECITY_ADMIN_TOKEN"' : "";
  return `curl -X ${method} '${location.origin}${path.replaceAll("'", "%27")}'${header}${proof}${body}`;
}

/** Shows a call at the foot of the page. */
export function show(call) {
  const text = typed(call);
  document.getElementById("call").replaceChildren(
    h("span", { class: "label" }, t("the-call")),
    h("code", {}, text),
    h("button", { type: "button", onclick: () => navigator.clipboard?.writeText(text) }, t("copy")),
  );
}

/** Says what went wrong, once, until it is closed or something goes well. */
export function complain(text) {
  const place = document.getElementById("wrong");
  if (place.dataset.said === text) return;
  place.dataset.said = text;
  place.replaceChildren(h("strong", { class: "wrong" }, text), h("button", { type: "button", onclick: calm }, t("close")));
}

/** Nothing is wrong any more. */
export function calm() {
  const place = document.getElementById("wrong");
  delete place.dataset.said;
  place.replaceChildren();
}

async function ask({ method, path, said }) {
  try {
    return await fetch(path, { method, headers: headers(said), body: said === undefined ? undefined : JSON.stringify(said) });
  } catch {
    throw new Error(t("no-answer"));
  }
}

/** Makes a call; answers what was said, or nothing. */
export async function call(method, path, said) {
  const answer = await ask({ method, path, said });
  const text = await answer.text();
  const json = text && answer.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : undefined;
  if (!answer.ok) throw new Error(answer.status === 401 ? t("needs-token") : json?.detail ?? `${answer.status}`);
  if (method !== "GET") calm();
  return json;
}

/** Saves what a call answers as a file. */
export async function save(path, name) {
  show({ method: "GET", path });
  const answer = await fetch(path, { headers: headers() });
  if (!answer.ok) throw new Error(answer.status === 401 ? t("needs-token") : `${answer.status}`);
  const url = URL.createObjectURL(await answer.blob());
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Makes a call as it is; answers its status and what was said, as text. */
export async function send(own) {
  const answer = await ask(own);
  const text = await answer.text();
  const isJson = text && answer.headers.get("content-type")?.startsWith("application/json");
  return { status: answer.status, text: isJson ? JSON.stringify(JSON.parse(text), null, 2) : text };
}

export const read = (path) => call("GET", path);

/** Asks before something that can't be taken back; answers whether it is meant. */
function sure(label, text) {
  return new Promise((done) => {
    const end = (meant) => () => { element.remove(); done(meant); };
    const element = h("dialog", { "aria-labelledby": "sure", oncancel: end(false) },
      h("p", { id: "sure" }, text),
      h("div", { class: "row" },
        h("button", { type: "button", class: "meant", onclick: end(true) }, label),
        h("button", { type: "button", autofocus: true, onclick: end(false) }, t("cancel"))));
    document.body.append(element);
    element.showModal();
  });
}

/** A button that makes a call, shows it, and then does something more. */
export function button(label, { method, path, said, then, kind, pressed, asks }) {
  const own = { method, path, said };
  return h("button", {
    type: "button",
    class: kind,
    "aria-pressed": pressed === undefined ? undefined : `${pressed}`,
    // Where the focus is, though all around it is drawn again.
    "data-key": `${method} ${path} ${said === undefined ? "" : JSON.stringify(said)}`,
    title: `${method} ${path}`,
    onclick: async () => {
      show(own);
      if (asks && !(await sure(label, asks))) return;
      try {
        const answer = await call(method, path, said);
        await then?.(answer);
      } catch (error) {
        complain(error.message);
      }
    },
  }, label);
}

/** Follows server-sent events (HTML Living Standard §9.2) with the headers that the controls want. */
export async function follow(path, heard, signal) {
  const answer = await fetch(path, { headers: headers(), signal });
  if (!answer.ok) throw new Error(answer.status === 401 ? t("needs-token") : `${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const lines = event.split("\n");
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      const kind = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
      if (kind) heard(kind, data);
    }
  }
}
