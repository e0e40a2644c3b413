// The tester's controls, outside the phone.

import { make } from "./painter.js";

const LANGUAGES = [["zh-Hans-CN", "简体中文"], ["zh-Hant-TW", "繁體中文"], ["vi-VN", "Tiếng Việt"], ["en-GB", "English"], ["en-XA", "Long (test)"], ["ar-XB", "Right to left (test)"]];
const CLOCKS = [[0, "now"], [120, "+2 min"], [86400, "+1 day"], [-31536000, "−1 year"]];
const KEY_STORES = [["works", "works"], ["locked", "locked"], ["lost", "lost its keys"]];
const WIDTHS = [[320, "320 px"], [360, "360 px"], [390, "390 px"], [430, "430 px"], [820, "Tablet"]];

export class Strip extends HTMLElement {
  connectedCallback() {
    if (document.body.classList.contains("bare")) return;
    const check = (label, act, checked = false) => {
      const input = make("input", { type: "checkbox", checked });
      input.addEventListener("change", () => act(input.checked));
      return make("label", { class: "control" }, input, make("span", {}, label));
    };
    const select = (label, all, act, chosen) => {
      const input = make("select", {}, ...all.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
      input.addEventListener("change", () => act(input.value));
      return make("label", { class: "control wide" }, make("span", {}, label), input);
    };
    const button = (label, act) => make("button", { type: "button", class: "control", onclick: act }, label);
    const root = document.documentElement;
    this.personas = select("Logs in as", [["", "ask"]], (value) => { document.querySelector("phone-device").platform.persona = value; });
    this.#listPersonas();
    this.said = make("output", { class: "said" }, "");
    this.append(
      make("h2", {}, "Tester"),
      check("No network", (on) => this.connection.event({ event: "network", online: !on })),
      select("Phone's language", [["", "as this browser"], ...LANGUAGES], (value) => this.connection.event({
        event: "environment", environment: { ...this.connection.environment(), ...(value ? { languages: [value] } : {}) },
      })),
      select("Phone's clock", CLOCKS, (value) => this.connection.control({ clock: Number(value) })),
      select("Text size", [[100, "100 %"], [130, "130 %"], [200, "200 %"]], (value) => { root.style.fontSize = `${value}%`; }),
      select("Width", WIDTHS, (value) => root.style.setProperty("--phone-width", `${value}px`), 390),
      check("Dark", (on) => { root.dataset.platform = on ? "dark" : "light"; document.querySelector("phone-device").darken(); }, matchMedia("(prefers-color-scheme: dark)").matches),
      this.personas,
      select("Key store", KEY_STORES, (value) => this.connection.control({ key_store: value })),
      button("End the process", () => this.connection.control("restart")),
      button("Hold the code to a gate", () => this.connection.control("gate")),
      button("The same code once more", () => this.connection.control("gate_again")),
      this.said,
    );
    this.connection.addEventListener("said", ({ detail }) => { this.said.textContent = detail.said; });
  }

  async #listPersonas() {
    const { personas } = await (await fetch("/world.json")).json();
    this.personas.querySelector("select").append(...personas.map(({ id, name }) => make("option", { value: id }, name)));
  }
}
