// What the pages of all these services share: the resident's language, the back end, and words for what goes wrong.
"use strict";

const city = (() => {
  const LANGUAGES = ["zh", "vi", "en"];
  const KEPT_AT_MOST = 30;
  const EXPLAINED = ["network", "login_required", "consent", "not_found", "not_offered", "issuance", "busy"];

  let language = "en";
  let backend = "";
  let texts = {};

  /** Chooses the language, fills the page's words in, and shows it. Every page begins with this. */
  async function start() {
    try {
      // The files come while the phone is asked: it nearly always speaks the language that its web view does.
      const likely = choose(navigator.languages);
      const early = files(likely);
      early.catch(() => {});
      const info = await onecity.info().catch(() => ({}));
      language = choose(info.languages ?? navigator.languages);
      const [config, shared, own] = await (language === likely ? early : files(language));
      backend = config.backend;
      texts = { ...shared, ...own };
      document.documentElement.lang = language;
      document.title = t("name");
      for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
      document.getElementById("region").textContent = info.region_name ?? "";
    } finally {
      document.body.classList.remove("starting");
    }
  }

  function choose(languages) {
    const primary = languages.map((tag) => tag.toLowerCase().split("-")[0]);
    return primary.find((tag) => LANGUAGES.includes(tag)) ?? "en";
  }

  /** The configuration and the texts of a language. */
  function files(language) {
    return Promise.all([file("/common/config.json"), file(`/i18n/shared.${language}.json`), file(`/i18n/${language}.json`)]);
  }

  async function file(path) {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  /** The text of a key, with `{name}` replaced by `values.name`. */
  function t(key, values = {}) {
    return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  /** An element with attributes, listeners (`onclick`) and children; data only ever becomes text. */
  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /** Asks the city's back end; answers `body` and `freshness`. What it refuses has its `status`. */
  async function answer(method, path, body) {
    const answer = await onecity.request(backend + path, { method, body });
    if (answer.status >= 400) throw { code: "busy", message: `status ${answer.status}`, status: answer.status };
    return answer;
  }

  /** The same, without how fresh it is. */
  const ask = async (method, path, body) => (await answer(method, path, body)).body;

  const get = (path) => ask("GET", path);

  /** The text of a back end's `{zh, vi, en}` in the resident's language. */
  const inLanguage = (texts) => texts[language] ?? texts.en ?? Object.values(texts)[0] ?? "";

  /** Gets `path` and hands the answer to `show`; `area` says how it goes and offers another try. */
  async function load(area, path, show) {
    wait(area);
    try {
      show(await get(path));
      area.replaceChildren();
    } catch (error) {
      fail(area, error, () => load(area, path, show));
    }
  }

  /** Hands something in, with photos and documents if there are any. */
  const submit = (path, title, body, options = {}) =>
    onecity.submit(backend + path, [...title].slice(0, 200).join(""), body, options);

  /** Says in `area`, which is a live region, that something is under way. */
  function wait(area) {
    area.replaceChildren(el("p", { class: "waiting" }, t("loading")));
  }

  /** Says in `area` that something went well. */
  function succeed(area, title, text) {
    area.replaceChildren(el("div", { class: "notice good" }, el("strong", {}, title), el("p", {}, text)));
  }

  /** Says in `area` what went wrong and what to do next. */
  function fail(area, error, retry) {
    const code = error?.code ?? "unavailable";
    const known = EXPLAINED.includes(code) ? code : "other";
    const again = () => {
      area.replaceChildren();
      area.tabIndex = -1;
      area.focus();
      retry();
    };
    const notice = el("div", { class: "notice" },
      el("strong", {}, t(`error.${known}.title`)),
      el("p", {}, t(`error.${known}.next`)));
    if (known === "other") notice.append(el("p", { class: "quiet" }, t("error.code", { code })));
    notice.append(el("button", { type: "button", class: "second", onclick: again }, t("retry")));
    area.replaceChildren(notice);
  }

  /** Hands a form in when it is sent, once: `lacking` marks what it lacks and answers the first field to mend, `handIn` hands it in,
      `after` shows what there is then. Failing to show it must not look like failing to send it. */
  function sends(form, { lacking, handIn, after }) {
    const [button, outcome] = [form.querySelector("button:not([type])"), form.querySelector("[role=status]")];
    let sending = false;
    const send = async () => {
      if (sending) return;
      const field = lacking();
      if (field) {
        field.focus();
        return;
      }
      sending = true;
      button.setAttribute("aria-disabled", "true");
      wait(outcome);
      try {
        await handIn();
        succeed(outcome, t("sent.title"), t("sent.next"));
        await Promise.resolve(after()).catch(() => {});
      } catch (error) {
        fail(outcome, error, send);
      } finally {
        sending = false;
        button.removeAttribute("aria-disabled");
        outcome.scrollIntoView({ block: "nearest" });
      }
    };
    form.addEventListener("input", () => {
      if (form.querySelector("[aria-invalid=true]")) lacking();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send();
    });
  }

  /** How far something is that was handed in, in words. A state that has none is under way. */
  const stateWords = (state) => texts[`state.${state}`] ?? t("state.in_progress");

  /** What was handed in from this phone, newest first. */
  function kept(key) {
    const all = async () => (await onecity.storage.get(key)) ?? [];
    const add = async (entry) => {
      const entries = [entry, ...await all()].slice(0, KEPT_AT_MOST);
      await onecity.storage.set(key, entries);
    };
    return { all, add };
  }

  /** Keeps a form as far as it is filled in: it survives the app's end. `written` answers what is in it, `fill` puts it in.
      Until what was begun before is in it, nothing can be filled in. */
  function draft(form, title, written, fill) {
    let [wanted, saving] = [false, null];
    form.inert = true;
    const run = async () => {
      while (wanted) {
        wanted = false;
        // What can't be kept now is kept with the next change.
        await onecity.draft.set(title(), written()).catch(() => {});
      }
      saving = null;
    };
    const save = () => {
      wanted = true;
      saving ??= run();
    };
    const drop = async () => {
      wanted = false;
      await saving;
      await onecity.draft.set(title(), null).catch(() => {});
    };
    const restore = async () => {
      const begun = await onecity.draft.get().catch(() => null);
      if (begun?.body) fill(begun.body);
      form.inert = false;
    };
    return { save, drop, restore };
  }

  /** Marks a field as lacking something, or as right when `message` is empty. */
  function mark(field, note, message) {
    note.textContent = message;
    if (message) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  /** A moment, in the resident's language. */
  function moment(time, options = { dateStyle: "medium", timeStyle: "short" }) {
    return new Intl.DateTimeFormat(language, options).format(time);
  }

  /** A time on the city's clock such as `2026-11-24T09:00`, shown as it stands, whatever zone the phone is in. */
  function cityTime(slot, options) {
    return moment(new Date(`${slot}Z`), { ...options, timeZone: "UTC" });
  }

  /** A number with its unit, in the resident's language. */
  function measure(value, unit) {
    return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }).format(value);
  }

  return Object.freeze({
    start, t, el, answer, ask, get, inLanguage, load, submit, wait, succeed, fail, sends, stateWords, kept, draft, mark, moment, cityTime,
    measure,
  });
})();
