// The tester's controls, outside the phone.

import { make } from "./painter.js";

const LANGUAGES = [["zh-Hans-CN", "简体中文"], ["zh-Hant-TW", "繁體中文"], ["vi-VN", "Tiếng Việt"], ["en-GB", "English"]];
const CLOCKS = [[0, "strip-now"], [120, "strip-minutes"], [86400, "strip-day"], [-31536000, "strip-year"]];
const KEY_STORES = [["works", "strip-works"], ["locked", "strip-locked"], ["lost", "strip-lost"]];
const WIDTHS = [320, 360, 390, 430].map((width) => [width, `${width} px`]);
const SIZES = [100, 130, 200].map((size) => [size, `${size} %`]);

export class Strip extends HTMLElement {
  async connectedCallback() {
    if (document.body.classList.contains("bare")) return;
    // The phone never waits for it.
    const { language, reasonWords, t } = await import("/dashboard/words.js");
    this.lang = language();
    const check = (name, act, checked = false) => {
      const input = make("input", { type: "checkbox", checked });
      input.addEventListener("change", () => act(input.checked));
      return make("label", { class: "control" }, input, make("span", {}, t(name)));
    };
    const select = (name, all, act, chosen) => {
      const input = make("select", {}, ...all.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
      input.addEventListener("change", () => act(input.value));
      return make("label", { class: "control wide" }, make("span", {}, t(name)), input);
    };
    const named = (all) => all.map(([value, name]) => [value, t(name)]);
    const button = (does, name) => make("button", { type: "button", class: "control", "data-does": does, onclick: () => this.connection.control(does) }, t(name));
    const root = document.documentElement;
    const personas = select("strip-persona", [["", t("strip-ask")]], (value) => { document.querySelector("phone-device").platform.persona = value; });
    const shown = make("output", { class: "said" }, "");
    this.append(
      make("h2", {}, t("strip")),
      check("strip-no-network", (on) => this.connection.event({ event: "network", online: !on })),
      select("strip-language", [["", t("strip-this-browser")], ...LANGUAGES, ...named([["en-XA", "strip-long"], ["ar-XB", "strip-rtl"]])], (value) => this.connection.event({
        event: "environment", environment: { ...this.connection.environment(), ...(value ? { languages: [value] } : {}) },
      })),
      select("strip-clock", named(CLOCKS), (value) => this.connection.control({ clock: Number(value) })),
      select("strip-text", SIZES, (value) => { root.style.fontSize = `${value}%`; }),
      select("strip-width", [...WIDTHS, [820, t("strip-tablet")]], (value) => root.style.setProperty("--phone-width", `${value}px`), 390),
      check("strip-dark", (on) => { root.dataset.platform = on ? "dark" : "light"; document.querySelector("phone-device").darken(); }, matchMedia("(prefers-color-scheme: dark)").matches),
      personas,
      select("strip-keys", named(KEY_STORES), (value) => this.connection.control({ key_store: value })),
      button("restart", "strip-end"),
      button("gate", "strip-gate"),
      button("gate_again", "strip-gate-again"),
      shown,
    );
    this.connection.addEventListener("said", ({ detail: { said: { gate, decision, reason, trouble } } }) => {
      if (trouble) shown.textContent = trouble;
      else if (!decision) shown.textContent = t("strip-no-code");
      else shown.textContent = `${gate}: ${t(`decision-${decision}`)}${reason ? ` · ${reasonWords(reason)}` : ""}`;
    });
    const { personas: all } = await (await fetch("/world.json")).json();
    personas.querySelector("select").append(...all.map(({ id, name }) => make("option", { value: id }, name)));
  }
}
