// A city's desk: what residents have handed in, and what the city says of it; calls that a clerk writes down; cases by number and code.

import { button, call, complain, of, prefix, read, show } from "./api.js";
import { card, h, redraw } from "./dom.js";
import { head } from "./head.js";
import { language, t } from "./words.js";

const MOST = 100;
const STATES = { received: "", reopened: "warn", accepted: "warn", in_progress: "warn", done: "good", closed: "good", rejected: "severe", withdrawn: "" };
const KINDS = ["question", "complaint", "suggestion", "help"];

let unit = new URLSearchParams(location.search).get("unit") ?? "";
/** What a clerk has begun to answer, by the submission: words, a picture, whether it is signed. */
const begun = new Map();
/** The world's time, in seconds. */
let now = 0;

const stateWords = (state) => (state in STATES ? t(`desk-${state}`) : state);
const tag = (state) => h("span", { class: `tag ${STATES[state] ?? ""}` }, stateWords(state));
const when = (seconds) => new Date(1000 * seconds).toLocaleString(language());
const inHalves = (digits) => digits.replace(/^(\d{4})(\d{4})$/, "$1 $2");

const list = h("ul", { class: "rules submissions" });
const picker = h("div", { class: "row", role: "group" });

/** What was handed in, field by field, as far as it is a text or a number. */
function facts(body) {
  const { latitude, longitude, accuracy } = body?.position ?? {};
  const where = typeof latitude === "number" ? [["position", `${latitude}, ${longitude} (±${accuracy} m)`]] : [];
  const shown = Object.entries(body ?? {}).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value));
  return h("dl", { class: "facts" }, [...shown, ...where].map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, `${value}`))));
}

/** How the city stands with its promise. */
function clock(last) {
  if (!last.due) return null;
  const late = last.due < now;
  return h("span", { class: `tag ${late ? "severe" : "warn"}` }, t(late ? "desk-late" : "desk-due", when(last.due)));
}

/** What the resident thinks of it, and how often it was opened again. */
function rating({ rating: own }) {
  return own ? [h("p", { class: "quiet" }, t("desk-rated", own.stars), " ", h("span", { class: "what" }, own.text))] : [];
}

/** A picture as base64, if pages show its kind. */
const inBase64 = async (blob) => {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
};

/** A picture of nothing, for who has none at hand. */
function madeUp() {
  const canvas = h("canvas", { width: 480, height: 320 });
  const pen = canvas.getContext("2d");
  const sky = pen.createLinearGradient(0, 0, 0, 320);
  for (const [stop, colour] of [[0, "#0f2b3a"], [0.7, "#2b5566"], [1, "#c98f4a"]]) sky.addColorStop(stop, colour);
  pen.fillStyle = sky;
  pen.fillRect(0, 0, 480, 320);
  pen.fillStyle = "#161412";
  pen.fillRect(0, 262, 480, 58);
  pen.fillRect(300, 96, 8, 168);
  pen.fillRect(248, 96, 60, 7);
  const light = pen.createRadialGradient(254, 108, 4, 254, 108, 120);
  light.addColorStop(0, "#fff3c4");
  light.addColorStop(1, "#fff3c400");
  pen.fillStyle = light;
  pen.fillRect(120, 0, 270, 262);
  return new Promise((done) => canvas.toBlob(done, "image/webp", 0.8));
}

/** What can stand with an answer to a report: it is closed with something to see. */
function evidence(number, own) {
  const chosen = h("span", { class: "quiet" }, own.picture ? t("desk-picture-there") : "");
  const take = async (blob) => {
    own.picture = await inBase64(blob);
    chosen.textContent = t("desk-picture-there");
  };
  const file = h("input", {
    type: "file", id: `picture-${number}`, accept: "image/png,image/jpeg,image/webp", "data-key": `picture ${number} `,
    onchange: () => { if (file.files[0]) take(file.files[0]); },
  });
  const signed = h("input", { type: "checkbox", id: `signed-${number}`, "data-key": `signed ${number} `, onchange: () => { own.signed = signed.checked; } });
  signed.checked = own.signed;
  return [
    h("div", { class: "row" }, h("label", { for: file.id }, t("desk-picture")), file,
      h("button", { type: "button", class: "second", "data-key": `made-up ${number} `, onclick: async () => take(await madeUp()) }, t("desk-made-up")), chosen),
    h("div", { class: "row" }, h("label", { class: "check" }, signed, t("desk-signed"))),
  ];
}

/** The photos that came with it; one is fetched when the clerk looks at it. */
function photos(body) {
  const all = Array.isArray(body?.attachments) ? body.attachments : [];
  return all.map((photo, index) => {
    const path = of(`attachments/${encodeURIComponent(photo.id)}`);
    const area = h("div", { class: "row" });
    const open = async () => {
      show({ method: "GET", path });
      try {
        const { media_type: kind, base64 } = await read(path);
        area.replaceChildren(kind ? h("img", { class: "photo", src: `data:${kind};base64,${base64}`, alt: t("desk-photo", index + 1) })
          : h("span", { class: "quiet" }, t("desk-no-picture")));
      } catch (error) {
        complain(error.message);
      }
    };
    area.append(h("button", { type: "button", class: "second", "data-key": `photo ${photo.id} `, onclick: open }, t("desk-photo", index + 1)),
      h("span", { class: "quiet" }, `${photo.name ?? ""}`));
    return area;
  });
}

function submission({ number, case: digits, from, report, unit: own, at, body, timeline }) {
  const path = of(`submissions/${encodeURIComponent(number)}/progress`);
  if (!begun.has(number)) begun.set(number, { words: "", picture: null, signed: false });
  const answer = begun.get(number);
  const words = h("textarea", { rows: 2, maxlength: 1000, "data-key": `words ${number} `, "aria-label": t("desk-answer") });
  words.value = answer.words;
  words.addEventListener("input", () => { answer.words = words.value; });
  const goes = (status, kind) => h("button", {
    type: "button", class: kind, "data-key": `${status} ${number} `,
    onclick: async () => {
      const said = { status, text: words.value.trim() };
      if (report && answer.signed) said.signed = true;
      show({ method: "POST", path, said: report && answer.picture ? { ...said, picture: "BASE64" } : said });
      if (report && answer.picture) said.picture = answer.picture;
      try {
        await call("POST", path, said);
        begun.delete(number);
        await look();
      } catch (error) {
        complain(error.message);
      }
    },
  }, t(`desk-to-${status}`));
  const last = timeline[timeline.length - 1];
  return h("li", {},
    h("div", { class: "wide" },
      h("div", { class: "row" },
        h("strong", {}, digits ? t("desk-case", inHalves(digits)) : t("desk-submission", number.slice(0, 8))), tag(last.status),
        body?.urgent === true ? h("span", { class: "tag severe" }, t("desk-urgent")) : null, clock(last),
        from ? h("span", {}, t("desk-from", from)) : null,
        h("span", { class: "quiet" }, own), h("span", { class: "quiet" }, new Date(at).toLocaleString(language()))),
      facts(body), ...photos(body),
      h("ol", { class: "rules" }, timeline.map((entry) => h("li", {}, tag(entry.status),
        h("span", { class: "what" }, entry.text), h("span", { class: "quiet" }, when(entry.at))))),
      ...(report ? rating(report) : []),
      words, ...(report ? evidence(number, answer) : []),
      h("div", { class: "row" }, goes("accepted"), goes("in_progress"), goes("done"), goes("rejected"))));
}

async function look() {
  const [said, clock] = await Promise.all([read(of("submissions")), read(of("clock"))]);
  now = clock.milliseconds / 1000;
  // What rates a report, or opens it again, stands with the report.
  const all = said.filter((own) => !own.about).reverse();
  const units = [...new Set([...all.map((own) => own.unit), ...(unit ? [unit] : [])])].sort();
  redraw(picker, [units, unit, language()], () => ["", ...units].map((own) => h("button", {
    type: "button", "data-key": `unit ${own} `, "aria-pressed": `${own === unit}`,
    onclick: () => { unit = own; look().catch((error) => complain(error.message)); },
  }, own || t("desk-all"))));
  const shown = all.filter((own) => !unit || own.unit === unit).slice(0, MOST);
  const late = shown.map(({ timeline }) => timeline[timeline.length - 1]?.due < now);
  redraw(list, [shown, late, language()], () => (shown.length ? shown.map(submission)
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
