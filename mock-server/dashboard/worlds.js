// Which world this page is of; one more, one less, as it was at first.

import { button, complain, of, read, world } from "./api.js";
import { h } from "./dom.js";
import { t } from "./words.js";

const at = (name) => (name === "default" ? "/" : `/w/${name}/`);

export function worldPicker() {
  const select = h("select", { "aria-label": t("world") });
  const go = h("button", { type: "button", onclick: () => location.assign(at(select.value)) }, t("go"));
  read("/worlds").then((all) => {
    select.replaceChildren(...all.map(({ name }) => h("option", { value: name, selected: name === world }, name === "default" ? t("first-world") : name)));
  }, (error) => complain(error.message));
  const acts = [
    select,
    go,
    button(t("reset"), { method: "POST", path: of("reset"), asks: t("reset-asks"), then: () => document.dispatchEvent(new Event("world-changed")) }),
    button(t("one-more-world"), { method: "POST", path: "/worlds", said: {}, then: ({ name }) => location.assign(at(name)) }),
  ];
  if (world !== "default") acts.push(button(t("end-world"), { method: "DELETE", path: `/worlds/${world}`, asks: t("end-asks"), then: () => location.assign("/") }));
  return h("div", { class: "row", role: "group", "aria-label": t("world") }, ...acts);
}
