"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const kept = city.kept("questions");
  const draft = city.draft(at("form"), () => t("name"), () => ({ text: at("text").value }), ({ text }) => { at("text").value = String(text ?? ""); });
  let sending = false;

  async function send() {
    const text = at("text").value.trim();
    city.mark(at("text"), at("text-lacking"), text ? "" : t("text.lacking"));
    if (!text || sending) {
      at("text").focus();
      return;
    }
    sending = true;
    city.wait(at("outcome"));
    try {
      // The outbox keeps it until the city has it, with or without a network, and delivers it once.
      await city.submit("/questions", t("title", { text: text.slice(0, 40) }), { text });
      at("form").reset();
      await draft.drop();
      city.succeed(at("outcome"), t("sent.title"), t("sent.next"));
      await kept.add({ text: text.slice(0, 200), at: Date.now() }).catch(() => {});
      await showEarlier();
    } catch (error) {
      city.fail(at("outcome"), error, send);
    } finally {
      sending = false;
    }
  }

  async function showEarlier() {
    const questions = await kept.all().catch(() => []);
    const row = ({ text, at: time }) => el("li", {}, el("p", { class: "what" }, text), el("p", { class: "quiet" }, city.moment(time)));
    at("earlier").replaceChildren(...(questions.length ? questions.map(row) : [el("li", { class: "quiet" }, t("earlier.none"))]));
  }

  at("form").addEventListener("input", draft.save);
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  city.start().finally(draft.restore).then(showEarlier);
})();
