"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const PASS_TYPE = "transit";
  let busy = false;

  /** Does one thing with the passes at a time; `again` is what a resident's next try does. */
  async function withPasses(what, again) {
    if (busy) return;
    busy = true;
    city.wait(at("passes-status"));
    try {
      await what();
      at("passes-status").replaceChildren();
    } catch (error) {
      city.fail(at("passes-status"), error, again);
    } finally {
      busy = false;
    }
  }

  const showPasses = () => withPasses(async () => {
    const passes = await onecity.passes.list(PASS_TYPE);
    at("passes").replaceChildren(...(passes.length ? passes.map(card) : [invitation()]));
  }, showPasses);

  const addPass = () => withPasses(async () => {
    const pass = await onecity.passes.add(PASS_TYPE);
    at("passes").replaceChildren(card(pass));
    at("passes").querySelector("button").focus();
  }, addPass);

  const showCode = (id) => withPasses(() => onecity.passes.show(id), () => showCode(id));

  function card(pass) {
    const over = pass.expires * 1000 <= Date.now();
    const until = city.moment(pass.expires * 1000, { dateStyle: "long" });
    const article = el("article", { class: "card main-card pass" },
      el("p", { class: over ? "badge over" : "badge" }, t(over ? "pass.over" : "pass.valid")),
      el("h2", {}, pass.holder ? `${pass.title} · ${pass.holder}` : pass.title),
      el("p", { class: "quiet" }, t(over ? "pass.ended" : "pass.until", { date: until })),
      el("button", { type: "button", onclick: () => showCode(pass.id) }, t("pass.show")));
    if (over) article.append(el("button", { type: "button", class: "second", onclick: addPass }, t("pass.renew")));
    else article.append(el("p", { class: "quiet after" }, t("pass.offline")));
    return article;
  }

  function invitation() {
    return el("article", { class: "card main-card pass" },
      el("h2", {}, t("none")),
      el("p", { class: "quiet" }, t("none.next")),
      el("button", { type: "button", onclick: addPass }, t("get")));
  }

  async function showLines() {
    city.wait(at("lines-status"));
    try {
      const { lines } = await city.get("/transit");
      const row = ({ name, from, to }) =>
        el("li", { class: "line" }, el("strong", {}, name), el("span", {}, t("line", { from, to })));
      at("lines").replaceChildren(...lines.map(row));
      at("lines-status").replaceChildren();
    } catch {
      // Not worth an alarm: the pass needs no network.
      at("lines-status").replaceChildren(
        el("p", { class: "quiet calm" }, t("lines.none")),
        el("button", { type: "button", class: "second", onclick: showLines }, t("retry")));
    }
  }

  city.start().then(() => Promise.all([showPasses(), showLines()]));
})();
