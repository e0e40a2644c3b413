// A gate as its operator sees it: codes by camera, by picture, or from a virtual phone; what it decides, and why.

import { button, call, complain, of, prefix, read, show } from "./api.js";
import { card, h, redraw } from "./dom.js";
import { head } from "./head.js";
import { language, reasonWords, t } from "./words.js";

const LARGEST = 1200;
const EVERY = 500;
const SAME = 3000;

let gate = new URLSearchParams(location.search).get("gate") ?? "metro-1";
let gates = [];
let camera;
let audio;

/** A short tone: high for open, low for shut. */
function sound(opens) {
  audio ??= new AudioContext();
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = opens ? 880 : 220;
  volume.gain.value = 0.1;
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + (opens ? 0.15 : 0.4));
}

const kinds = { accepted: "good", already_accepted: "warn", refused: "severe" };
const verdict = h("div", { class: "verdict", role: "status" });

function said({ decision, reason }) {
  if (decision === "accepted") return t("gate-opens");
  if (decision === "already_accepted") return t("gate-opened-already");
  return reasonWords(reason);
}

function decided(passage) {
  verdict.className = `verdict ${kinds[passage.decision]}`;
  verdict.replaceChildren(
    h("strong", {}, t(`decision-${passage.decision}`)),
    h("span", {}, said(passage)),
    h("span", { class: "quiet" }, `${new Date(passage.at).toLocaleTimeString(language())} · ${t("microseconds", passage.took_us)}`));
  sound(passage.decision === "accepted");
  look().catch((error) => complain(error.message));
}

async function check(held) {
  const path = of(`gates/${gate}/check`);
  show({ method: "POST", path, said: held.picture ? { picture: "…" } : held });
  decided(await call("POST", path, held));
}

/** A picture as the gate takes it: a PNG that is not too large. */
async function png(source, width, height) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

async function heldPicture(file) {
  try {
    const bitmap = await createImageBitmap(file);
    await check({ picture: await png(bitmap, bitmap.width, bitmap.height) });
  } catch (error) {
    complain(error instanceof DOMException ? t("no-picture") : error.message);
  }
}

const video = h("video", { playsinline: true, muted: true, hidden: true });
const cameraButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => useCamera() });

async function useCamera() {
  if (camera) {
    camera.getTracks().forEach((track) => track.stop());
    [camera, video.hidden] = [undefined, true];
    cameraButton.setAttribute("aria-pressed", "false");
    return;
  }
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    complain(t("no-camera"));
    return;
  }
  [video.srcObject, video.hidden] = [camera, false];
  cameraButton.setAttribute("aria-pressed", "true");
  await video.play();
  let last = { word: "", at: 0 };
  const looks = async () => {
    if (!camera) return;
    try {
      const picture = await png(video, video.videoWidth, video.videoHeight);
      const passage = await call("POST", of(`gates/${gate}/check`), { picture });
      const word = `${passage.decision} ${passage.reason}`;
      // The same code is before the camera for a while: it is said once.
      const is_same = passage.decision === "already_accepted" || (word === last.word && performance.now() - last.at < SAME);
      if (!is_same) decided(passage);
      last = { word, at: performance.now() };
    } catch {
      // No code before the camera.
    }
    setTimeout(looks, EVERY);
  };
  looks();
}

const drop = h("div", { class: "drop" });
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) heldPicture(file);
});
addEventListener("paste", (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (file) heldPicture(file);
});

const phones = h("div", { class: "row" });
const log = h("ol", { class: "rules" });
const state = h("div", {});
const sign = h("div", { class: "sign" });
const picker = h("div", { class: "row", role: "group" });

function drawGate() {
  const own = gates.find(({ name }) => name === gate) ?? gates[0];
  if (!own) return;
  gate = own.name;
  const put = (label, settings, pressed) => button(label, {
    method: "PUT", path: of(`gates/${gate}`), said: { ...own.settings, ...settings }, then: look, pressed,
  });
  redraw(picker, [gates.map(({ name }) => name), gate], () => gates.map(({ name }) => h("button", {
    type: "button", "data-key": `gate ${name} `, "aria-pressed": `${name === gate}`, onclick: () => { gate = name; sign.replaceChildren(); drawGate(); },
  }, name)));
  const { region, types, codes_for: codes, open_hours_without_status: hours, station, offline } = own.settings;
  const facts = [
    [t("gate-region"), region], [t("gate-types"), types?.join(", ") || t("gate-any-type")], [t("gate-codes-for"), t(`codes-${codes}`)],
    [t("gate-without-status"), hours ? t("gate-hours", hours) : t("gate-closed")], [t("gate-station"), station ?? "–"],
    [t("gate-fetched"), own.fetched ? new Date(own.fetched).toLocaleString(language()) : t("gate-never")],
    [t("gate-remembers"), `${own.remembered}`],
  ];
  redraw(state, [own.name, facts, own.trouble, offline, codes, language()], () => [
    h("dl", { class: "facts" }, facts.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)))),
    own.trouble ? h("p", { class: "wrong" }, t("gate-trouble"), own.trouble) : undefined,
    h("div", { class: "row" },
      put(offline ? t("gate-offline") : t("gate-online"), { offline: !offline }, offline),
      button(t("gate-fetch"), { method: "POST", path: of(`gates/${gate}/fetch`), then: look }),
      ...["any-gate", "this-gate", "this-moment"].map((to) => put(t(`codes-${to}`), { codes_for: to }, codes === to)),
      own.settings.number ? button(t("gate-challenge"), { method: "POST", path: of(`gates/${gate}/challenge`), then: drawSign }) : undefined)]);
  redraw(log, [own.name, own.log[0], own.log.length, language()], () => (own.log.length ? own.log.slice(0, 50).map((passage) => h("li", {},
    h("span", { class: "quiet" }, new Date(passage.at).toLocaleTimeString(language())),
    h("span", { class: `tag ${kinds[passage.decision]}` }, t(`decision-${passage.decision}`)),
    h("span", { class: "what" }, said(passage)),
    h("span", { class: "quiet" }, t("microseconds", passage.took_us)))) : [h("li", { class: "quiet" }, t("gate-no-log"))]));
}

function drawSign({ text, svg }) {
  sign.replaceChildren(
    h("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: t("gate-sign") }), h("code", {}, text));
}

async function look() {
  const [all, known] = await Promise.all([read(of("gates")), read(of("phones"))]);
  gates = all;
  redraw(phones, [known, gate, language()], () => (known.length ? known.map(({ name, shows_code: shows }) => button(
    shows ? name : t("phone-no-code", name),
    { method: "POST", path: of(`gates/${gate}/check`), said: { phone: name }, then: decided }))
    : [h("a", { class: "button", href: `${prefix}/phone` }, t("a-phone"))]));
  drawGate();
}

function draw() {
  document.documentElement.lang = language();
  document.title = `OneCity · ${t("gate")}`;
  document.getElementById("head").replaceChildren(...head(draw));
  document.getElementById("call").replaceChildren(h("span", { class: "quiet" }, t("call-hint")));
  verdict.className = "verdict";
  verdict.replaceChildren(h("span", {}, t("gate-waits")));
  picker.setAttribute("aria-label", t("gate"));
  cameraButton.textContent = t("gate-camera");
  video.setAttribute("aria-label", t("gate-camera"));
  const file = h("input", { type: "file", accept: "image/*", class: "unseen", id: "picture", onchange: ({ target }) => target.files[0] && heldPicture(target.files[0]) });
  drop.replaceChildren(h("p", {}, t("gate-drop")), h("label", { class: "button", for: "picture" }, t("gate-choose")), file);
  document.getElementById("main").replaceChildren(
    card("gate", t("gate"), picker, verdict, h("h3", {}, t("gate-phones")), phones,
      h("div", { class: "row" }, cameraButton), video, drop),
    card("policy", t("gate-policy"), state, sign),
    card("log", t("gate-log"), log));
  look().catch((error) => complain(error.message));
}

setInterval(() => document.hidden || look().catch(() => undefined), 3000);
draw();
