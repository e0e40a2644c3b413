// A city's desk: what residents have handed in, and what the city says of it; calls that a clerk writes down; cases by number and code.

import { button, call, complain, of, prefix, read, show } from "./api.js";
import { card, h, redraw } from "./dom.js";
import { head } from "./head.js";
import { language, t } from "./words.js";

const MOST = 100;
const STATES = { received: "", accepted: "warn", in_progress: "warn", done: "good", closed: "good", rejected: "severe", withdrawn: "" };
const KINDS = ["question", "complaint", "suggestion", "help"];

let unit = new URLSearchParams(location.search).get("unit") ?? "";
/** What a clerk has begun to write, by the submission that it answers. */
const begun = new Map();

const stateWords = (state) => (state in STATES ? t(`desk-${state}`) : state);
const tag = (state) => h("span", { class: `tag ${STATES[state] ?? ""}` }, stateWords(state));
const when = (seconds) => new Date(1000 * seconds).toLocaleString(language());
const inHalves = (digits) => digits.replace(/^(\d{4})(\d{4})$/, "$1 $2");

const list = h("ul", { class: "rules submissions" });
const picker = h("div", { class: "row", role: "group" });

/** What was handed in, field by field, as far as it is a text or a number. */
function facts(body) {
  const shown = Object.entries(body ?? {}).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value));
  const photos = Array.isArray(body?.attachments) ? body.attachments : [];
  const attached = photos.map((photo) => ["attachment", photo?.name ?? ""]);
  return h("dl", { class: "facts" }, [...shown, ...attached].map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, `${value}`))));
}

function submission({ number, case: digits, unit: own, at, body, timeline }) {
  const path = of(`submissions/${encodeURIComponent(number)}/progress`);
  const words = h("textarea", { rows: 2, maxlength: 1000, "data-key": `words ${number} `, "aria-label": t("desk-answer") });
  words.value = begun.get(number) ?? "";
  words.addEventListener("input", () => begun.set(number, words.value));
  const goes = (status, kind) => h("button", {
    type: "button", class: kind, "data-key": `${status} ${number} `,
    onclick: async () => {
      const said = { status, text: words.value.trim() };
      show({ method: "POST", path, said });
      try {
        await call("POST", path, said);
        begun.delete(number);
        await look();
      } catch (error) {
        complain(error.message);
      }
    },
  }, t(`desk-to-${status}`));
  const last = timeline[timeline.length - 1]?.status;
  return h("li", {},
    h("div", { class: "wide" },
      h("div", { class: "row" },
        h("strong", {}, digits ? t("desk-case", inHalves(digits)) : t("desk-submission", number.slice(0, 8))), tag(last),
        h("span", { class: "quiet" }, own), h("span", { class: "quiet" }, new Date(at).toLocaleString(language()))),
      facts(body),
      h("ol", { class: "rules" }, timeline.map((entry) => h("li", {}, tag(entry.status),
        h("span", { class: "what" }, entry.text), h("span", { class: "quiet" }, when(entry.at))))),
      words,
      h("div", { class: "row" }, goes("accepted"), goes("in_progress"), goes("done"), goes("rejected"))));
}

async function look() {
  const all = (await read(of("submissions"))).reverse();
  const units = [...new Set([...all.map((own) => own.unit), ...(unit ? [unit] : [])])].sort();
  redraw(picker, [units, unit, language()], () => ["", ...units].map((own) => h("button", {
    type: "button", "data-key": `unit ${own} `, "aria-pressed": `${own === unit}`,
    onclick: () => { unit = own; look().catch((error) => complain(error.message)); },
  }, own || t("desk-all"))));
  const shown = all.filter((own) => !unit || own.unit === unit).slice(0, MOST);
  redraw(list, [shown, language()], () => (shown.length ? shown.map(submission)
    : [h("li", { class: "quiet" }, t("desk-nothing"))]));
}

/** What the city's own back end says; a clerk asks it as everybody does. */
async function asks(method, path, said, headers = {}) {
  const body = said === undefined ? undefined : JSON.stringify(said);
  const answer = await fetch(`${prefix}/city/${path}`, { method, body, headers: body ? { "content-type": "application/json", ...headers } : headers });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail ?? `${answer.status}`);
  return told;
}

const pathOf = (name) => name.trim().replaceAll("/", ".");
const digitsOf = (text) => text.normalize("NFKC").replace(/\D/g, "");

function field(id, label, attributes) {
  return h("div", { class: "field" }, h("label", { for: id }, label), h("input", { id, type: "text", autocomplete: "off", ...attributes }));
}

function callCard() {
  const own = field("call-unit", t("desk-unit"), { value: unit || "cn-sd" });
  const kind = h("select", { id: "call-kind" }, KINDS.map((name) => h("option", { value: name }, t(`desk-${name}`))));
  const text = h("textarea", { id: "call-text", rows: 3, maxlength: 2000 });
  const told = h("div", { role: "status" });
  // The same call has the same number, however often it is sent.
  let [number, numbered] = ["", ""];
  const write = async () => {
    const said = { kind: kind.value, text: text.value.trim() };
    try {
      if (JSON.stringify(said) !== numbered) {
        number = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        numbered = JSON.stringify(said);
      }
      const key = `"${number}"`;
      const { case: opened } = await asks("POST", `${pathOf(own.querySelector("input").value)}/cases`, said, { "idempotency-key": key });
      [text.value, numbered] = ["", ""];
      told.replaceChildren(h("dl", { class: "facts" },
        h("div", {}, h("dt", {}, t("desk-tell-number")), h("dd", {}, inHalves(opened.number))),
        h("div", {}, h("dt", {}, t("desk-tell-code")), h("dd", {}, inHalves(opened.codes[0])))));
      await look();
    } catch (error) {
      complain(error.message);
    }
  };
  return card("call-down", t("desk-call"), h("p", { class: "quiet" }, t("desk-call-about")), own,
    h("div", { class: "field" }, h("label", { for: "call-kind" }, t("desk-kind")), kind),
    h("div", { class: "field" }, h("label", { for: "call-text" }, t("desk-words")), text),
    h("div", { class: "row" }, h("button", { type: "button", onclick: write }, t("desk-write"))), told);
}

function caseCard() {
  const own = field("case-unit", t("desk-unit"), { value: unit || "cn-sd" });
  const number = field("case-number", t("desk-number"), { inputmode: "numeric", maxlength: 20 });
  const code = field("case-code", t("desk-code"), { inputmode: "numeric", maxlength: 20 });
  const found = h("div", { role: "status" });
  const find = async () => {
    const [digits, secret] = [number, code].map((part) => digitsOf(part.querySelector("input").value));
    if (!digits) return;
    const path = `${pathOf(own.querySelector("input").value)}/hotline/cases/${digits}`;
    try {
      const said = secret ? await asks("POST", path, { code: secret }) : await asks("GET", path);
      const steps = said.timeline ?? [said];
      // It counts once.
      code.querySelector("input").value = "";
      found.replaceChildren(...[
        h("div", { class: "row" }, h("strong", {}, t("desk-case", inHalves(said.number))), tag(steps[steps.length - 1].status)),
        said.text ? h("p", {}, said.text) : h("p", { class: "quiet" }, t("desk-state-only")),
        h("ol", { class: "rules" }, steps.map((entry) => h("li", {}, tag(entry.status),
          h("span", { class: "what" }, entry.text ?? ""), h("span", { class: "quiet" }, when(entry.at)))))]);
    } catch (error) {
      complain(error.message);
    }
  };
  return card("case", t("desk-find"), h("p", { class: "quiet" }, t("desk-find-about")), own, number, code,
    h("div", { class: "row" }, h("button", { type: "button", onclick: find }, t("desk-look"))), found);
}

function draw() {
  document.documentElement.lang = language();
  document.title = `OneCity · ${t("desk")}`;
  document.getElementById("head").replaceChildren(...head(draw));
  document.getElementById("call").replaceChildren(h("span", { class: "quiet" }, t("call-hint")));
  picker.setAttribute("aria-label", t("desk-units"));
  document.getElementById("main").replaceChildren(
    card("submissions", t("desk-handed-in"), h("p", { class: "quiet" }, t("desk-about")), picker,
      h("div", { class: "row" }, button(t("look-again"), { method: "GET", path: of("submissions"), then: look })), list),
    callCard(), caseCard());
  look().catch((error) => complain(error.message));
}

setInterval(() => document.hidden || document.activeElement?.matches(".submissions textarea") || look().catch(() => undefined), 3000);
draw();
