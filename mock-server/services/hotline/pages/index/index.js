"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const [WAITS, LOOKS] = [1000, 5000];
  const STATES = ["waiting", "refused", "received", "accepted", "in_progress", "done", "closed", "rejected", "withdrawn"];
  let topics = [];
  let [sending, looking, watching] = [false, false, 0];

  /** For comparing: lower case, without accents; đ is a letter of its own that no decomposition takes apart. */
  const folded = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replaceAll("đ", "d");

  const number = () => at("number").textContent;

  /** A number in two halves, as one says it. */
  const inHalves = (digits) => digits.replace(/^(\d{4})(\d{4})$/, "$1 $2");

  const digitsOf = (text) => text.normalize("NFKC").replace(/\D/g, "");

  const stateWords = (state) => t(`state.${STATES.includes(state) ? state : "in_progress"}`);

  function showNumber(digits) {
    at("number").textContent = digits;
    at("dial").textContent = t("dial", { number: digits });
  }

  async function dial() {
    at("dial-outcome").replaceChildren();
    try {
      await onecity.navigate(`tel:${number()}`);
    } catch (error) {
      if (error?.code !== "cancelled") city.fail(at("dial-outcome"), error, dial);
    }
  }

  // What is often asked.

  const loadTopics = () => city.load(at("topics-status"), "/hotline", (body) => {
    if (body.phone) showNumber(body.phone);
    topics = body.topics.map((topic) => {
      const [title, answer] = [city.inLanguage(topic.title), city.inLanguage(topic.answer)];
      return {
        words: folded(`${title} ${answer}`),
        element: el("details", {}, el("summary", {}, title), el("p", {}, answer)),
      };
    });
    at("topics").replaceChildren(...topics.map((topic) => topic.element));
    at("finder").hidden = false;
    filter();
  });

  function filter() {
    const wanted = folded(at("search").value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { words, element } of topics) {
      element.hidden = !wanted.every((word) => words.includes(word));
      if (!element.hidden) count += 1;
    }
    at("found").textContent = count ? t(count === 1 ? "found.one" : "found", { count }) : t("found.none", { phone: number() });
  }

  // A case.

  const chosen = () => document.querySelector("input[name=kind]:checked")?.value ?? "";

  const written = () => ({ kind: chosen(), text: at("text").value.trim() });

  const form = city.draft(at("case"), () => t("name"), written, (begun) => {
    const kind = document.querySelector(`input[name=kind][value="${CSS.escape(String(begun.kind ?? ""))}"]`);
    if (kind) kind.checked = true;
    at("text").value = String(begun.text ?? "");
  });

  /** Marks what a case lacks; the first field to mend, or null. */
  function firstLacking({ kind, text }) {
    city.mark(at("kinds"), at("kind-lacking"), kind ? "" : t("kind.lacking"));
    city.mark(at("text"), at("text-lacking"), text ? "" : t("text.lacking"));
    if (!kind) return at("question");
    return text ? null : at("text");
  }

  async function send() {
    if (sending) return;
    const said = written();
    const lacking = firstLacking(said);
    if (lacking) {
      lacking.focus();
      return;
    }
    sending = true;
    at("send").setAttribute("aria-disabled", "true");
    city.wait(at("outcome"));
    try {
      await city.submit("/cases", t("title", { kind: t(`kind.${said.kind}`), text: said.text }), said);
      at("case").reset();
      await form.drop();
      city.succeed(at("outcome"), t("sent.title"), t("sent.next"));
      await showCases();
    } catch (error) {
      city.fail(at("outcome"), error, send);
    } finally {
      sending = false;
      at("send").removeAttribute("aria-disabled");
      at("outcome").scrollIntoView({ block: "nearest" });
    }
  }

  // The resident's own cases, with their codes.

  /** What became of the codes of a case: which were shown, and which came after them. */
  const codesKey = (id) => `codes/${id}`;

  async function codesLeft({ id, receipt }) {
    const kept = (await onecity.storage.get(codesKey(id))) ?? { used: [] };
    const all = kept.codes ?? receipt.case.codes;
    return { used: kept.used, all, left: all.filter((code) => !kept.used.includes(code)) };
  }

  /** A code is noted as used before it is shown: whoever hears it may use it at once. */
  async function showCode(submission, area) {
    try {
      let { used, all, left } = await codesLeft(submission);
      if (!left.length) {
        city.wait(area);
        const path = `/hotline/cases/${submission.receipt.case.number}/codes`;
        ({ codes: all } = await city.ask("POST", path, { submission: submission.id }));
        [used, left] = [[], all];
      }
      const [code, ...rest] = left;
      await onecity.storage.set(codesKey(submission.id), { codes: all, used: [...used, code] });
      area.replaceChildren(
        el("p", { class: "quiet" }, t("code.this")),
        el("p", { class: "digits" }, inHalves(code)),
        el("p", { class: "quiet" }, t("code.once", { count: rest.length })));
    } catch (error) {
      city.fail(area, error, () => showCode(submission, area));
    }
  }

  function caseRow(submission) {
    const { title, created, state, reason, receipt, timeline } = submission;
    const last = timeline[timeline.length - 1];
    const row = el("li", {},
      el("h3", {}, title),
      el("p", { class: "state" }, stateWords(state === "delivered" ? last?.status ?? "received" : state)),
      el("p", { class: "quiet" }, city.moment(1000 * (last?.at ?? created))));
    if (reason) row.append(el("p", { class: "what" }, reason));
    if (last?.text) row.append(el("p", { class: "what" }, last.text));
    const digits = receipt?.case?.number;
    if (digits) {
      const area = el("div", { role: "status" });
      row.append(
        el("p", { class: "quiet" }, t("case.number")),
        el("p", { class: "digits" }, inHalves(digits)),
        el("p", { class: "quiet" }, t("case.alone")),
        el("button", { type: "button", class: "second", onclick: () => showCode(submission, area) }, t("code.show")),
        area);
    }
    return row;
  }

  let drawn = "";

  async function showCases() {
    clearTimeout(watching);
    try {
      const all = await onecity.submissions.list();
      at("cases-note").textContent = all.length ? "" : t("cases.none");
      // Drawn again only when something is new: a code that is being read out stays.
      if (JSON.stringify(all) !== drawn) {
        drawn = JSON.stringify(all);
        at("cases").replaceChildren(...all.map(caseRow));
      }
      // The phone knows more soon: what waits is delivered, and the city is asked what became of the rest.
      const waits = all.some(({ state }) => state === "waiting");
      if (all.length && !document.hidden) watching = setTimeout(showCases, waits ? WAITS : LOOKS);
    } catch {
      at("cases-note").textContent = t("cases.elsewhere");
    }
  }

  // Somebody's case, by what they were told.

  async function look() {
    if (looking) return;
    const [digits, code] = [digitsOf(at("look-number").value), digitsOf(at("look-code").value)];
    city.mark(at("look-number"), at("look-lacking"), digits ? "" : t("look.lacking"));
    if (!digits) {
      at("look-number").focus();
      return;
    }
    looking = true;
    city.wait(at("look-outcome"));
    try {
      const path = `/hotline/cases/${digits}`;
      showFound(code ? await city.ask("POST", path, { code }) : await city.ask("GET", path));
      at("look-code").value = "";
    } catch (error) {
      const known = { 403: "wrong", 404: "none", 429: "guesses" }[error?.status];
      if (known) at("look-outcome").replaceChildren(notice(t(`look.${known}.title`), t(`look.${known}.next`)));
      else city.fail(at("look-outcome"), error, look);
    } finally {
      looking = false;
    }
  }

  const notice = (title, text) => el("div", { class: "notice" }, el("strong", {}, title), el("p", {}, text));

  function showFound({ number: digits, status, at: when, text, timeline }) {
    const steps = timeline ?? [{ status, at: when, text: "" }];
    const last = steps[steps.length - 1];
    const found = el("div", { class: "found-case" },
      el("p", { class: "digits" }, inHalves(digits)),
      el("p", { class: "state" }, stateWords(last?.status)));
    if (text) found.append(el("p", { class: "what" }, text));
    found.append(el("ol", { class: "rows" }, ...steps.map((step) => el("li", {},
      el("strong", {}, stateWords(step.status)),
      el("p", { class: "quiet" }, city.moment(1000 * step.at)),
      step.text ? el("p", { class: "what" }, step.text) : ""))));
    if (!text) found.append(el("p", { class: "quiet" }, t("look.more")));
    at("look-outcome").replaceChildren(found);
  }

  at("dial").addEventListener("click", dial);
  at("search").addEventListener("input", filter);
  at("case").addEventListener("input", () => {
    form.save();
    if (document.querySelector("#case [aria-invalid=true]")) firstLacking(written());
  });
  at("case").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  at("look").addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
  onecity.on("shown", showCases);
  onecity.on("hidden", () => clearTimeout(watching));
  city.start().finally(form.restore).then(() => {
    showNumber(number());
    return Promise.all([loadTopics(), showCases()]);
  });
})();
