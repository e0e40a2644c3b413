"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const [WAITS, LOOKS] = [1000, 5000];
  const EXCERPT = 40;
  let topics = [];
  let [looking, watching] = [false, 0];

  /** For comparing: lower case, without accents; đ is a letter of its own that no decomposition takes apart. */
  const folded = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replaceAll("đ", "d");

  const number = () => at("number").textContent;

  /** A number in two halves, as one says it. */
  const inHalves = (digits) => digits.replace(/^(\d{4})(\d{4})$/, "$1 $2");

  /** The beginning of a text, on one line. */
  function excerpt(text) {
    const all = [...text.replace(/\s+/g, " ")];
    return all.length > EXCERPT ? `${all.slice(0, EXCERPT).join("")}…` : all.join("");
  }

  const digitsOf = (text) => text.normalize("NFKC").replace(/\D/g, "");

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
  function firstLacking() {
    const { kind, text } = written();
    city.mark(at("kinds"), at("kind-lacking"), kind ? "" : t("kind.lacking"));
    city.mark(at("text"), at("text-lacking"), text ? "" : t("text.lacking"));
    if (!kind) return at("question");
    return text ? null : at("text");
  }

  async function handIn() {
    const said = written();
    await city.submit("/cases", t("title", { kind: t(`kind.${said.kind}`), text: excerpt(said.text) }), said);
    at("case").reset();
    await form.drop();
  }

  // The resident's own cases, with their codes.

  /** What became of the codes of a case: which were shown, and which came after them. */
  const codesKey = (id) => `codes/${id}`;

  async function codesLeft({ id, receipt }) {
    const kept = (await onecity.storage.get(codesKey(id))) ?? { used: [] };
    const all = kept.codes ?? receipt.case.codes;
    return { used: kept.used, all, left: all.filter((code) => !kept.used.includes(code)) };
  }

  /** A code is noted as used before it is shown: who hears it may use it at once. */
  async function showCode(submission, button, area) {
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
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
        el("p", { class: "label" }, t("code.this")),
        digitsSaid(code),
        el("p", { class: "quiet" }, t(rest.length ? "code.once" : "code.last", { count: rest.length })));
    } catch (error) {
      refused(area, error, () => showCode(submission, button, area));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  /** Says why the back end refuses, or that something else went wrong. */
  function refused(area, error, retry) {
    const known = { 403: "wrong", 404: "none", 429: "guesses" }[error?.status];
    if (known) area.replaceChildren(notice(t(`look.${known}.title`), t(`look.${known}.next`)));
    else city.fail(area, error, retry);
  }

  /** Digits, large; a screen reader says them one by one. */
  const digitsSaid = (digits) => el("p", { class: "digits" },
    el("span", { "aria-hidden": "true" }, inHalves(digits)), el("span", { class: "unseen" }, [...digits].join(" ")));

  /** A case of the resident's own. Its parts stay as they are while it goes on: a code that is being read out stays. */
  function caseRow({ id, title }) {
    const heading = el("h3", { id: `case-${id}` }, title);
    const [told, numbered, area] = [el("div"), el("div"), el("div", { role: "status" })];
    const element = el("li", {}, heading, told, numbered, area);
    const update = (submission) => {
      const { created, state, reason, receipt, timeline } = submission;
      const last = timeline[timeline.length - 1];
      const what = [reason, last?.text].filter(Boolean).map((text) => el("p", { class: "what" }, text));
      told.replaceChildren(
        el("p", { class: "state" }, city.stateWords(state === "delivered" ? last?.status ?? "received" : state)),
        el("p", { class: "quiet" }, city.moment(1000 * (last?.at ?? created))), ...what);
      const digits = receipt?.case?.number;
      if (!digits || numbered.childElementCount) return;
      const button = el("button", { type: "button", class: "second", "aria-describedby": heading.id,
        onclick: () => showCode(submission, button, area) }, t("code.show"));
      numbered.append(el("p", { class: "label" }, t("case.number")), digitsSaid(digits),
        el("p", { class: "quiet" }, t("case.alone")), button);
    };
    return { element, update, said: "" };
  }

  const rows = new Map();

  function say(note) {
    at("cases-note").textContent = note;
    at("cases-note").hidden = !note;
  }

  function draw(all) {
    for (const submission of all) {
      if (!rows.has(submission.id)) rows.set(submission.id, caseRow(submission));
      const row = rows.get(submission.id);
      const now = JSON.stringify(submission);
      if (row.said !== now) row.update(submission);
      row.said = now;
    }
    const elements = all.map(({ id }) => rows.get(id).element);
    const there = [...at("cases").children];
    if (elements.length !== there.length || elements.some((element, place) => element !== there[place])) {
      at("cases").replaceChildren(...elements);
    }
  }

  /** Shows the cases, and looks again: the phone may have delivered one, or heard from the city. */
  async function showCases() {
    clearTimeout(watching);
    let wait = LOOKS;
    try {
      const all = await onecity.submissions.list();
      draw(all);
      say(all.length ? "" : t("cases.none"));
      if (all.some(({ state }) => state === "waiting")) wait = WAITS;
    } catch {
      say(t("cases.elsewhere"));
    } finally {
      clearTimeout(watching);
      if (!document.hidden) watching = setTimeout(showCases, wait);
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
      refused(at("look-outcome"), error, look);
    } finally {
      looking = false;
    }
  }

  const notice = (title, text) => el("div", { class: "notice" }, el("strong", {}, title), el("p", {}, text));

  function showFound({ number: digits, status, at: when, text, timeline }) {
    const steps = timeline ?? [{ status, at: when, text: "" }];
    const last = steps[steps.length - 1];
    const found = el("div", { class: "found-case" },
      digitsSaid(digits),
      el("p", { class: "state" }, city.stateWords(last?.status)));
    if (text) found.append(el("p", { class: "what" }, text));
    found.append(el("ol", { class: "rows" }, ...steps.map((step) => el("li", {},
      el("strong", {}, city.stateWords(step.status)),
      el("p", { class: "quiet" }, city.moment(1000 * step.at)),
      step.text ? el("p", { class: "what" }, step.text) : ""))));
    if (!text) found.append(el("p", { class: "quiet" }, t("look.more")));
    at("look-outcome").replaceChildren(found);
  }

  at("dial").addEventListener("click", dial);
  at("search").addEventListener("input", filter);
  at("case").addEventListener("input", form.save);
  city.sends(at("case"), { lacking: firstLacking, handIn, after: showCases });
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
