// What stands above each page: its name, the language, the world; and the light that the system has.

import { prefix } from "./api.js";
import { h } from "./dom.js";
import { language, languages, say, t } from "./words.js";
import { worldPicker } from "./worlds.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.toggleAttribute("data-dark", dark.matches);
dark.addEventListener("change", follow);
follow();

/** The head; `draw` draws the page again in another language. */
export function head(draw) {
  const choose = (tag) => h("button", {
    type: "button", class: "plain", lang: tag, "aria-pressed": `${tag === language()}`, onclick: () => { say(tag); draw(); },
  }, languages[tag]);
  const here = ["gate", "desk", "controls"].find((own) => location.pathname.endsWith(`/${own}`)) ?? "";
  const link = (name, label) => h("a", { class: "button", href: `${prefix}/${name}`, "aria-current": here === name ? "page" : undefined }, label);
  return [
    h("div", {}, h("h1", {}, "OneCity"), h("p", { class: "quiet" }, t("tagline"))),
    h("nav", { class: "row", "aria-label": t("pages") },
      link("", t("dashboard")), link("gate", t("gate")), link("desk", t("desk")), link("controls", t("controls"))),
    h("div", { role: "group", "aria-label": t("language"), class: "row" }, Object.keys(languages).map(choose)),
    worldPicker(),
  ];
}
