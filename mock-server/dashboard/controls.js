// All controls, as their description (OpenAPI 3.1) has them: to read, and to try.

import { complain, send, show, world } from "./api.js";
import { card, h } from "./dom.js";
import { head } from "./head.js";
import { sample } from "./sample.js";
import { language, t } from "./words.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
// What goes on answering.
const NOT_TO_TRY = new Set(["watch_journal"]);

let nextChoices = 0;

function field(parameter, values) {
  const { name, required, description, schema = {} } = parameter;
  values[name] = name === "world" ? world : "";
  const choicesOf = `choices-${(nextChoices += 1)}`;
  const choices = schema.enum && h("datalist", { id: choicesOf }, schema.enum.map((value) => h("option", { value })));
  const input = h("input", {
    value: values[name], required, autocomplete: "off", spellcheck: "false", list: choices ? choicesOf : undefined,
    oninput: (event) => { values[name] = event.target.value; },
  });
  return h("label", { class: "field" },
    h("span", {}, h("code", {}, name), required ? ` · ${t("required")}` : ""), input, choices,
    description ? h("span", { class: "quiet", lang: "en" }, description) : undefined);
}

/** The call that is meant, with what was filled in. */
function callOf(method, path, parameters, values, body) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ""));
  const query = new URLSearchParams(parameters.filter(({ in: where, name }) => where === "query" && values[name]).map(({ name }) => [name, values[name]]));
  return { method: method.toUpperCase(), path: `${filled}${query.size ? `?${query}` : ""}`, said: body && JSON.parse(body.value) };
}

function operation(description, method, path, own) {
  const parameters = own.parameters ?? [];
  const values = {};
  const schema = own.requestBody?.content?.["application/json"]?.schema;
  const body = schema && h("textarea", { rows: "6", spellcheck: "false", "aria-label": t("body") }, JSON.stringify(sample(description, schema), null, 2));
  const answer = h("div", { "aria-live": "polite" });
  const attempt = async () => {
    try {
      const call = callOf(method, path, parameters, values, body);
      show(call);
      const { status, text } = await send(call);
      const kind = status >= 500 ? "severe" : status >= 400 ? "warn" : "good";
      answer.replaceChildren(h("p", {}, h("span", { class: `status ${kind}` }, `${status}`)), text ? h("pre", {}, text) : "");
    } catch (error) {
      complain(error instanceof SyntaxError ? t("no-json", error.message) : error.message);
    }
  };
  const answers = Object.entries(own.responses ?? {}).map(([status, { description: said }]) =>
    h("div", {}, h("dt", {}, status), h("dd", { lang: "en" }, said)));
  return h("li", {}, h("details", { class: "operation" },
    h("summary", {}, h("span", { class: "method" }, method.toUpperCase()), h("span", { class: "path" }, path), h("span", { class: "quiet", lang: "en" }, own.summary)),
    h("div", { class: "exchange" },
      own.description ? h("p", { lang: "en" }, own.description) : undefined,
      parameters.map((parameter) => field(parameter, values)),
      body ? h("label", { class: "field" }, h("span", {}, t("body")), body) : undefined,
      NOT_TO_TRY.has(own.operationId) ? undefined : h("div", { class: "row" }, h("button", { type: "button", onclick: attempt }, t("send"))),
      answer,
      h("h3", {}, t("answers")), h("dl", { class: "facts" }, answers))));
}

function sections(description) {
  const byTag = new Map();
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const own = item[method];
      const tag = own.tags?.[0] ?? "";
      byTag.set(tag, [...(byTag.get(tag) ?? []), operation(description, method, path, own)]);
    }
  }
  return [...byTag].map(([tag, operations]) => card(`controls-${tag}`, t(`tag-${tag}`), h("ul", { class: "journal all" }, operations)));
}

async function draw() {
  document.documentElement.lang = language();
  document.title = `OneCity · ${t("controls")}`;
  document.getElementById("call").replaceChildren(h("span", { class: "quiet" }, t("call-hint")));
  document.getElementById("head").replaceChildren(...head(draw));
  const answer = await fetch("/openapi.json");
  const description = await answer.json();
  document.getElementById("main").replaceChildren(
    h("p", { class: "quiet wide" }, t("controls-about"), " ", h("a", { href: "/openapi.json" }, "/openapi.json")),
    ...sections(description));
}

addEventListener("unhandledrejection", (event) => complain(event.reason?.message ?? `${event.reason}`));
draw();
