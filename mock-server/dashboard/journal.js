// What arrives, as it arrives.

import { button, complain, follow, of, read, save } from "./api.js";
import { card, h } from "./dom.js";
import { language, t } from "./words.js";

const MOST = 200;
const AGAIN = 3000;

function message(title, own) {
  if (!own) return [];
  const headers = own.headers.map(({ name, value }) => `${name}: ${value}`).join("\n");
  return [h("h4", {}, title), h("pre", {}, headers, own.body ? `\n\n${own.body}` : own.bytes ? `\n\n${t("bytes", own.bytes)}` : "")];
}

function line(own) {
  const status = own.status ?? t("reset-word");
  const kind = own.status === undefined ? "severe" : own.status >= 500 ? "severe" : own.status >= 400 ? "warn" : "good";
  const at = new Date(own.at).toLocaleTimeString(language());
  const details = h("details", {},
    h("summary", {},
      h("span", { class: "at" }, at),
      h("span", { class: `status ${kind}` }, `${status}`),
      h("span", { class: "method" }, own.method),
      h("span", { class: "path" }, own.path),
      own.persona ? h("span", { class: "tag" }, own.persona) : undefined,
      own.phone ? h("span", { class: "tag" }, own.phone) : undefined,
      ...(own.faults ?? []).map((id) => h("span", { class: "tag warn" }, id)),
      h("span", { class: "took" }, `${own.took_ms} ms`)));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) {
      details.append(h("div", { class: "exchange" }, own.query ? h("pre", {}, `?${own.query}`) : undefined,
        ...message(t("request"), own.request), ...message(t("response"), own.response)));
    }
  });
  return h("li", {}, details);
}

export function journalCard(signal) {
  const list = h("ol", { class: "journal" });
  const filter = { path: "", status: "", persona: "" };
  let watching;

  const query = () => new URLSearchParams(Object.entries(filter).filter(([, value]) => value)).toString();

  const add = (own) => {
    list.querySelector(".empty")?.remove();
    list.prepend(line(own));
    while (list.childElementCount > MOST) list.lastElementChild.remove();
  };

  const begin = async () => {
    watching?.abort();
    watching = new AbortController();
    const stops = AbortSignal.any([signal, watching.signal]);
    const asked = query();
    try {
      const all = await read(of(`journal?${asked}${asked ? "&" : ""}most=50`));
      if (stops.aborted) return;
      list.replaceChildren(h("li", { class: "empty quiet" }, t("nothing-yet")));
      all.forEach(add);
      await follow(of(`journal/live?${asked}`), (kind, data) => {
        if (kind === "exchange") add(JSON.parse(data));
      }, stops);
      if (!stops.aborted) complain(t("no-answer"));
    } catch (error) {
      if (!stops.aborted) complain(error.message);
    }
    // The server may come back.
    if (!stops.aborted) setTimeout(() => stops.aborted || begin(), AGAIN);
  };

  const field = (name, label) => h("label", {}, h("span", {}, label), h("input", {
    value: filter[name], autocomplete: "off", spellcheck: "false", onchange: (event) => { filter[name] = event.target.value.trim(); begin(); },
  }));

  begin();
  document.addEventListener("world-changed", begin, { signal });
  return card("journal", t("journal"),
    h("div", { class: "row filters" }, field("path", t("path-pattern")), field("status", t("status")), field("persona", t("persona"))),
    h("div", { class: "row" },
      button(t("clear"), { method: "DELETE", path: of("journal"), then: begin }),
      h("button", { type: "button", onclick: () => save(of(`journal/har?${query()}${query() ? "&" : ""}most=10000`), "onecity.har").catch((error) => complain(error.message)) }, t("export-har")),
      h("button", { type: "button", title: t("capsule-about"), onclick: () => save(of("capsule"), "bug.json").catch((error) => complain(error.message)) }, t("export-capsule"))),
    list);
}
