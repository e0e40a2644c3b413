// Who and what is in the world: residents, passes, places.

import { button, complain, of, read } from "./api.js";
import { card, h, redraw } from "./dom.js";
import { language, t } from "./words.js";

const failed = (error) => complain(error.message);

export function residentsCard(signal) {
  const list = h("ul", { class: "rules" });
  const look = async () => {
    const [personas, sessions] = await Promise.all([read(of("personas")), read(of("sessions"))]);
    redraw(list, [sessions, language()], () => personas.map(({ id, name, kind }) => {
      const count = sessions.filter((own) => own.persona === id).length;
      const acts = count ? [
        button(t("expire-tokens"), { method: "POST", path: of(`tokens/expire?persona=${id}`), then: look }),
        button(t("end-sessions"), { method: "DELETE", path: of(`sessions?persona=${id}`), then: look }),
      ] : [];
      return h("li", {}, h("span", { class: "what" }, name, " ", h("code", {}, id), " ", h("span", { class: "quiet" }, t(kind))),
        h("span", { class: "quiet" }, t("sessions-count", count)), ...acts);
    }));
  };
  look().catch(failed);
  document.addEventListener("world-changed", () => look().catch(failed), { signal });
  return card("residents", t("residents"), h("p", { class: "quiet" }, t("residents-about")), list,
    h("div", { class: "row" }, button(t("look-again"), { method: "GET", path: of("sessions"), then: look }),
      button(t("rotate-key"), { method: "POST", path: of("providers/rotate-key"), then: look })));
}

export function passesCard(signal) {
  const list = h("ul", { class: "rules" });
  const look = async () => {
    const passes = await read(of("passes"));
    redraw(list, [passes, language()], () => (passes.length ? passes.map(({ pass, issuer, holder, status }) => {
      const other = (to) => button(t(`make-${to}`), { method: "PUT", path: of(`passes/${pass}`), said: { status: to }, then: look });
      return h("li", {}, h("span", { class: "what" }, `${holder} · ${issuer} `, h("code", {}, pass.slice(0, 8))),
        h("span", { class: `tag ${status === "valid" ? "good" : "severe"}` }, t(`pass-${status}`)),
        ...["valid", "suspended", "revoked"].filter((own) => own !== status).map(other));
    }) : [h("li", { class: "quiet" }, t("no-passes"))]));
  };
  look().catch(failed);
  document.addEventListener("world-changed", () => look().catch(failed), { signal });
  return card("passes", t("passes"), list,
    h("div", { class: "row" }, button(t("look-again"), { method: "GET", path: of("passes"), then: look })));
}

const named = (names) => names[language().slice(0, 2)] ?? names.en ?? Object.values(names)[0];

function place({ id, names, services, children }) {
  const head = [h("span", {}, named(names)), h("code", {}, id),
    services.length ? h("span", { class: "tag" }, services.join(" · ")) : undefined];
  if (!children) return h("li", {}, h("div", { class: "place" }, ...head));
  const below = h("ul", { class: "tree" });
  const details = h("details", {}, h("summary", { class: "place" }, ...head, h("span", { class: "quiet" }, t("places-below", children))), below);
  details.addEventListener("toggle", async () => {
    if (!details.open || below.childElementCount) return;
    try {
      below.append(...(await read(of(`regions?below=${encodeURIComponent(id)}`))).map(place));
    } catch (error) {
      failed(error);
    }
  });
  return h("li", {}, details);
}

export function placesCard() {
  const tree = h("ul", { class: "tree" });
  read(of("regions")).then((all) => tree.append(...all.map(place)), failed);
  return card("places", t("places"), h("p", { class: "quiet" }, t("places-about")), tree);
}
