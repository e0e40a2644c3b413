"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  // A type that your province's trust list names.
  const PASS_TYPE = "transit";
  let busy = false;

  /** Does one thing at a time; `again` is what a resident's next try does. */
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

  const show = () => withPasses(async () => {
    const passes = await onecity.passes.list(PASS_TYPE);
    at("passes").replaceChildren(...(passes.length ? passes.map(card) : [invitation()]));
  }, show);

  const add = () => withPasses(async () => {
    at("passes").replaceChildren(card(await onecity.passes.add(PASS_TYPE)));
  }, add);

  const showCode = (id) => withPasses(() => onecity.passes.show(id), () => showCode(id));

  const card = (pass) => el("article", { class: "card main-card" },
    el("h2", {}, pass.holder ? `${pass.title} · ${pass.holder}` : pass.title),
    el("p", { class: "quiet" }, t("pass.until", { date: city.moment(pass.expires * 1000, { dateStyle: "long" }) })),
    el("button", { type: "button", onclick: () => showCode(pass.id) }, t("pass.show")),
    el("p", { class: "quiet" }, t("pass.offline")));

  const invitation = () => el("article", { class: "card main-card" },
    el("h2", {}, t("none")),
    el("button", { type: "button", onclick: add }, t("get")));

  city.start().then(show);
})();
