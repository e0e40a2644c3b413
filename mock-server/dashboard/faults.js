// What goes wrong.

import { button, call, complain, of, read, show } from "./api.js";
import { card, h, redraw } from "./dom.js";
import { language, presetWords, t } from "./words.js";

const example = {
  what: { kind: "latency", delay: { log_normal: { median_ms: 400, sigma: 0.8 } } },
  on: { path: "/city/*/reports", persona: "lan" },
  probability: 0.5,
};

export function faultsCard(signal) {
  const running = h("ul", { class: "rules" });
  const presets = h("div", { class: "chips" });
  const own = h("textarea", { rows: "6", spellcheck: "false", "aria-label": t("own-rule") }, JSON.stringify(example, undefined, 2));
  let known = [];

  const look = async () => {
    try {
      draw(await read(of("faults")));
    } catch (error) {
      complain(error.message);
    }
  };

  const draw = (rules) => {
    const on = new Set(rules.map((rule) => rule.preset).filter(Boolean));
    redraw(presets, [...on, language()], () => known.map(({ name, about }) => button(presetWords(name, about), {
      method: on.has(name) ? "DELETE" : "PUT", path: of(`presets/${name}`), then: look, pressed: on.has(name), kind: "chip",
    })));
    redraw(running, [rules, language()], () => (rules.length ? rules.map((rule) => h("li", {},
      h("span", { class: "what" }, h("code", {}, rule.id), ` ${rule.what.kind}`, rule.on?.path ? ` · ${rule.on.path}` : ""),
      h("span", { class: "quiet" }, t("struck-of", rule.struck, rule.met)),
      button(t("end"), { method: "DELETE", path: of(`faults/${rule.id}`), then: look })))
      : [h("li", { class: "quiet" }, t("all-is-well"))]));
  };

  const begin = async () => {
    let said;
    try {
      said = JSON.parse(own.value);
    } catch (error) {
      complain(t("no-json") + error.message);
      return;
    }
    show({ method: "POST", path: of("faults"), said });
    try {
      await call("POST", of("faults"), said);
      await look();
    } catch (error) {
      complain(error.message);
    }
  };

  read("/presets").then((all) => {
    known = all;
    return look();
  }, (error) => complain(error.message));
  // Counts go up while nobody touches anything.
  const looking = setInterval(() => document.hidden || look(), 2000);
  signal.addEventListener("abort", () => clearInterval(looking));
  document.addEventListener("world-changed", look, { signal });
  return card("faults", t("faults"),
    h("p", { class: "quiet" }, t("faults-about")), presets, h("h3", {}, t("goes-wrong-now")), running,
    h("details", {}, h("summary", {}, t("own-rule")), own,
      h("div", { class: "row" }, h("button", { type: "button", onclick: begin }, t("begin")),
        button(t("end-all"), { method: "DELETE", path: of("faults"), then: look }))));
}
