"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";

  // Each flag has a shape and a sign of its own, so that it can be told without its colour.
  const FLAGS = {
    green: { shape: "M24 3a21 21 0 1 1 0 42a21 21 0 1 1 0-42z", sign: "M15 25l6.5 6.5L34 18" },
    yellow: { shape: "M24 4 46 43H2z", sign: "M24 18v11M24 36v.01" },
    red: { shape: "M15 3h18l12 12v18L33 45H15L3 33V15z", sign: "M16 16l16 16M32 16 16 32" },
    unknown: { shape: "M24 2 46 24 24 46 2 24z", sign: "M17 24h14" },
  };

  function drawing(flag) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 48 48");
    svg.setAttribute("class", `flag ${flag}`);
    svg.setAttribute("aria-hidden", "true");
    for (const part of ["shape", "sign"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", FLAGS[flag][part]);
      path.setAttribute("class", part);
      svg.append(path);
    }
    return svg;
  }

  function row(beach) {
    const flag = Object.hasOwn(FLAGS, beach.flag) ? beach.flag : "unknown";
    const text = el("div", {}, el("h3", {}, beach.name), el("p", {}, t(`flag.${flag}`)));
    const water = Number.isFinite(beach.water) ? t("water", { degrees: city.measure(beach.water, "celsius") }) : "";
    const more = [water, beach.note].filter(Boolean).join(" · ");
    if (more) text.append(el("p", { class: "quiet" }, more));
    return el("li", { class: "flagged" }, drawing(flag), text);
  }

  function showMeaning() {
    at("meaning").replaceChildren(...["green", "yellow", "red"].map((flag) => el("li", { class: "flagged" },
      drawing(flag),
      el("div", {}, el("h3", {}, t(`flag.${flag}`)), el("p", { class: "quiet" }, t(`flag.${flag}.means`))))));
  }

  const loadBeaches = () => city.load(at("beaches-status"), "/coast", ({ beaches }) => {
    at("beaches").replaceChildren(...(beaches.length ? beaches.map(row) : [el("li", { class: "quiet" }, t("none"))]));
    at("beaches-section").hidden = false;
  });

  city.start().then(() => {
    showMeaning();
    return loadBeaches();
  });
})();
