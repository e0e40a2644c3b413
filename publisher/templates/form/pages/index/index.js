"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const kept = city.kept("questions");
  const draft = city.draft(at("form"), () => t("name"), () => ({ text: at("text").value }), ({ text }) => { at("text").value = String(text ?? ""); });

  function firstLacking() {
    const lacks = !at("text").value.trim();
    city.mark(at("text"), at("text-lacking"), lacks ? t("text.lacking") : "");
    return lacks ? at("text") : null;
  }

  async function handIn() {
    const text = at("text").value.trim();
    // The outbox keeps it until the city has it, with or without a network, and delivers it once.
    await city.submit("/questions", t("title", { text: [...text].slice(0, 40).join("") }), { text });
    at("form").reset();
    await draft.drop();
    await kept.add({ text: [...text].slice(0, 200).join(""), at: Date.now() }).catch(() => {});
  }

  async function showEarlier() {
    const questions = await kept.all().catch(() => []);
    const row = ({ text, at: time }) => el("li", {}, el("p", { class: "what" }, text), el("p", { class: "quiet" }, city.moment(time)));
    at("earlier").replaceChildren(...(questions.length ? questions.map(row) : [el("li", { class: "quiet" }, t("earlier.none"))]));
  }

  at("form").addEventListener("input", draft.save);
  city.sends(at("form"), { lacking: firstLacking, handIn, after: showEarlier });
  city.start().finally(draft.restore).then(showEarlier);
})();
