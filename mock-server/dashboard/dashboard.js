// The dashboard of a world: clock, faults, phones, residents, passes, places, and what arrives.

import { complain, prefix, world } from "./api.js";
import { h } from "./dom.js";
import { clockCard } from "./clock.js";
import { faultsCard } from "./faults.js";
import { head } from "./head.js";
import { journalCard } from "./journal.js";
import { passesCard, placesCard, residentsCard } from "./world.js";
import { language, t } from "./words.js";

function phonesCard() {
  const link = (path, label) => h("a", { class: "button", href: `${prefix}${path}` }, label);
  return h("section", { class: "card", id: "phones", "aria-labelledby": "phones-title" },
    h("h2", { id: "phones-title" }, t("phones")),
    h("p", { class: "quiet" }, t("phones-about")),
    h("div", { class: "row" }, link("/phone", t("a-phone")), link("/phones", t("three-phones"))));
}

function linksCard() {
  const link = (path, label) => h("li", {}, h("a", { href: path }, path), h("span", { class: "quiet" }, label));
  return h("section", { class: "card", id: "links", "aria-labelledby": "links-title" },
    h("h2", { id: "links-title" }, t("where-to-look")),
    h("ul", { class: "links" },
      link(`${prefix}/controls`, t("link-controls")),
      link(`${prefix}/world.json`, t("link-world")),
      link(`${prefix}/registry/cn-sd/metadata/timestamp.json`, t("link-registry")),
      link(`${prefix}/idp/shandong/.well-known/openid-configuration`, t("link-provider")),
      link(`${prefix}/city/cn-sd.jinan`, t("link-city"))));
}

let stop;

function draw() {
  stop?.abort();
  stop = new AbortController();
  document.documentElement.lang = language();
  document.title = world === "default" ? "OneCity" : `OneCity · ${world}`;
  document.getElementById("call").replaceChildren(h("span", { class: "quiet" }, t("call-hint")));
  document.getElementById("head").replaceChildren(...head(draw));
  const cards = [phonesCard(), clockCard(stop.signal), faultsCard(stop.signal), journalCard(stop.signal), residentsCard(stop.signal),
    passesCard(stop.signal), placesCard(), linksCard()];
  document.getElementById("main").replaceChildren(...cards);
}

addEventListener("unhandledrejection", (event) => complain(event.reason?.message ?? `${event.reason}`));
draw();
