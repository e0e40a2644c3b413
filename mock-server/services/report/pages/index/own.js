// The resident's own reports: how far each is, by when the city means to go on, what it answered and shows, what the resident thinks
// of it, and opening it again.
"use strict";

const own = (() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const SHOWN = 20;
  const WAITS = 1000;
  const LOOKS = 5000;
  const MOST_ABOUT = 50;
  const ENDED = ["done", "closed", "rejected", "withdrawn"];
  /** Which report a rating or a reopening is about, and its stars, by its number: the receipt says so, too, but comes later. */
  const ABOUT = "about";
  const rows = new Map();
  let [watching, resting] = [0, false];
  /** How far the city's clock is from the phone's, in milliseconds: lateness is by the clock of the one who promised. */
  let apart = 0;

  const now = () => Date.now() + apart;

  /** A report with what was said about it, oldest first: it goes on with what opened it again. */
  function whole(report, said) {
    const { timeline, receipt, state } = report;
    const known = timeline.length || state !== "delivered" ? timeline : [{ at: report.created, status: "received", text: "", due: receipt?.due }];
    const steps = [...known];
    for (const { stars, waits, text, created, due, timeline: [first, ...rest] } of said) {
      if (stars || waits) continue;
      const opened = { at: first?.at ?? created, status: "reopened", text, due: first?.due ?? due };
      for (const entry of [opened, ...rest]) {
        if (!steps.some((own) => own.at === entry.at && own.status === entry.status)) steps.push(entry);
      }
    }
    steps.sort((one, other) => one.at - other.at);
    const last = steps[steps.length - 1];
    return { ...report, steps, last, now: state === "delivered" ? last?.status ?? "received" : state };
  }

  const hasEnded = (report) => ENDED.includes(report.now);

  /** What the clock says: until when, or since when it is late. */
  function clock(report) {
    const { due } = report.last ?? {};
    if (!due || report.state !== "delivered" || hasEnded(report)) return "";
    const isLate = 1000 * due < now();
    const word = ["accepted", "in_progress"].includes(report.now) ? "clock.handled" : "clock.taken-up";
    return el("p", { class: isLate ? "clock late" : "clock" }, t(isLate ? "clock.late" : word, { when: city.moment(1000 * due) }));
  }

  /** A step of what the city did, and whether it came in time. */
  function step(entry, before) {
    const parts = [el("strong", {}, city.stateWords(entry.status)), " ", el("span", { class: "quiet" }, city.moment(1000 * entry.at))];
    if (before?.due) {
      const inTime = entry.at <= before.due;
      parts.push(" ", el("span", { class: inTime ? "clock kept" : "clock late" }, t(inTime ? "step.in-time" : "step.late")));
    }
    return el("li", {}, ...parts, entry.text ? el("p", { class: "what" }, entry.text) : "");
  }

  /** Shows a picture or a signed answer that the city put to an entry of the timeline. */
  async function showEvidence(id, entry, area) {
    city.wait(area);
    try {
      const { picture, document: signed } = await city.get(`/reports/${id}/answers/${entry}`);
      area.replaceChildren();
      if (picture && /^image\/(png|jpeg|webp)$/.test(picture.media_type)) {
        area.append(el("img", { src: `data:${picture.media_type};base64,${picture.base64}`, alt: t("picture") }));
      }
      if (signed) {
        const told = el("div", { role: "status" });
        const button = el("button", { type: "button", class: "second", onclick: () => keep(signed, button, told) }, t("signed.keep"));
        area.append(el("p", { class: "quiet" }, t("signed")), button, told);
      }
    } catch (error) {
      city.fail(area, error, () => showEvidence(id, entry, area));
    }
  }

  /** The phone checks who signed it before it keeps it. */
  async function keep(signed, button, told) {
    try {
      const { issuer } = await onecity.documents.keep(signed);
      button.hidden = true;
      city.succeed(told, t("signed.kept"), t("signed.by", { issuer }));
    } catch (error) {
      city.fail(told, error, () => keep(signed, button, told));
    }
  }

  /** Hands in something about a report, and remembers which. */
  async function say(path, title, body) {
    const { id } = await city.submit(path, title, body);
    const about = (await onecity.storage.get(ABOUT).catch(() => null)) ?? {};
    const { report, stars, text } = body;
    const newest = Object.entries({ ...about, [id]: { report, stars, text } }).slice(-MOST_ABOUT);
    await onecity.storage.set(ABOUT, Object.fromEntries(newest)).catch(() => {});
  }

  function ratingForm(report) {
    const name = `stars-${report.id}`;
    const stars = [1, 2, 3, 4, 5].map((count) => el("div", { class: "choice" },
      el("input", { type: "radio", name, id: `${name}-${count}`, value: count }),
      el("label", { for: `${name}-${count}`, "aria-label": t("stars", { count }) }, `${count} ★`)));
    const lacking = el("p", { class: "lacking", id: `${name}-lacking` });
    const group = el("fieldset", { "aria-describedby": lacking.id }, el("legend", {}, t("rate")), el("div", { class: "stars" }, ...stars), lacking);
    const text = el("textarea", { id: `${name}-text`, rows: 2, maxlength: 1000 });
    const form = el("form", { novalidate: "" }, group,
      el("div", { class: "field" }, el("label", { class: "label", for: text.id }, t("rate.text")), text),
      el("button", { class: "second" }, t("rate.send")), el("div", { role: "status" }));
    const chosen = () => Number(form.querySelector("input:checked")?.value ?? 0);
    city.sends(form, {
      lacking: () => {
        city.mark(group, lacking, chosen() ? "" : t("rate.lacking"));
        return chosen() ? null : form.querySelector("input");
      },
      handIn: () => say("/ratings", t("rate.title", { title: report.title }), { report: report.id, stars: chosen(), text: text.value.trim() }),
      after: show,
    });
    return form;
  }

  function reopeningForm(report) {
    const text = el("textarea", { id: `again-${report.id}`, rows: 3, maxlength: 1000, "aria-describedby": `again-${report.id}-lacking` });
    const lacking = el("p", { class: "lacking", id: `again-${report.id}-lacking` });
    const form = el("form", { novalidate: "" },
      el("div", { class: "field" }, el("label", { class: "label", for: text.id }, t("again.text")), text, lacking),
      el("button", { class: "second" }, t("again.send")), el("div", { role: "status" }));
    city.sends(form, {
      lacking: () => {
        city.mark(text, lacking, text.value.trim() ? "" : t("text.lacking"));
        return text.value.trim() ? null : text;
      },
      handIn: () => say("/reopenings", t("again.title", { title: report.title }), { report: report.id, text: text.value.trim() }),
      after: show,
    });
    return form;
  }

  /** One report. What the resident is writing in it stays while the rest of it changes. */
  function row() {
    const [told, steps, rating, again] = [el("div"), el("ol", { class: "steps" }), el("div"), el("div")];
    const [heading, outcome] = [el("h3", { tabindex: "-1" }), el("p", { class: "quiet", role: "status" })];
    const element = el("li", {}, heading, told, steps, outcome, rating, again);
    /** What there is to see, by the step that it stands with. */
    const evidence = new Map();
    let ended = false;

    /** What only the city knows: what there is to see, the rating it has, and whether the report may be opened again. */
    async function ask(report) {
      const { report: said } = await city.get(`/reports/${report.id}`);
      if (!said) return;
      for (const { entry } of said.to_see) {
        if (evidence.has(entry)) continue;
        const area = el("div", { class: "to-see" });
        evidence.set(entry, area);
        steps.children[entry]?.append(area);
        showEvidence(report.id, entry, area);
      }
      // Meanwhile the resident may have begun to write.
      if (again.querySelector("form")) return;
      again.replaceChildren();
      if (said.reopens_until && 1000 * said.reopens_until > now()) {
        const button = el("button", { type: "button", class: "second again", onclick: () => {
          again.replaceChildren(reopeningForm(report));
          again.querySelector("textarea").focus();
        } }, t("again"));
        again.append(el("p", { class: "quiet" }, t("again.until", { when: city.moment(1000 * said.reopens_until, { dateStyle: "medium" }) })), button);
      }
    }

    function update(report, said) {
      const hadFocus = element.contains(document.activeElement);
      heading.textContent = report.title;
      const parts = [el("p", { class: "state" }, city.stateWords(report.now)), clock(report)];
      if (report.reason) parts.push(el("p", { class: "what" }, report.reason));
      if (report.state !== "delivered") parts.push(el("p", { class: "quiet" }, city.moment(1000 * report.created)));
      told.replaceChildren(...parts.filter(Boolean));
      steps.replaceChildren(...report.steps.map((entry, index) => step(entry, report.steps[index - 1])));
      for (const [entry, area] of evidence) steps.children[entry]?.append(area);
      steps.hidden = !report.steps.length;
      const waits = said.some((own) => own.waits && !own.stars);
      if (hasEnded(report)) {
        // What was thought of it before it was opened again is about something else.
        const opened = report.steps.findLast((entry) => entry.status === "reopened")?.at ?? 0;
        const rated = said.findLast((own) => own.stars && own.created >= opened);
        const news = [rated ? t("rated", { count: rated.stars }) : "", waits ? t("again.waits") : ""].filter(Boolean).join(" ");
        if (outcome.textContent !== news) outcome.textContent = news;
        if (rated) rating.replaceChildren();
        else if (!ended) rating.replaceChildren(ratingForm(report));
        if (waits) again.replaceChildren();
        else if (!ended || !again.querySelector("form")) ask(report).catch(() => {});
      } else {
        outcome.textContent = "";
        rating.replaceChildren();
        again.replaceChildren();
        if (report.steps.length > 1) ask(report).catch(() => {});
      }
      ended = hasEnded(report);
      // What had the focus may be gone.
      if (hadFocus && !element.contains(document.activeElement)) heading.focus();
    }
    return { element, update, said: "" };
  }

  function note(text) {
    at("own-note").textContent = text;
    at("own-note").hidden = !text;
  }

  /** What was said about each report, oldest first: ratings and reopenings. What the city refused counts for nothing. */
  function saidOf(all, about) {
    const said = new Map();
    for (const { id, receipt, created, state, timeline } of all) {
      const { report: of, stars, text } = receipt?.received?.report ? receipt.received : about[id] ?? {};
      if (!of || state === "refused") continue;
      const entry = { stars, text: text ?? "", waits: state === "waiting", created, due: receipt?.due, timeline };
      said.set(of, [entry, ...(said.get(of) ?? [])]);
    }
    return said;
  }

  async function look() {
    clearTimeout(watching);
    try {
      const [all, kept] = await Promise.all([onecity.submissions.list(), onecity.storage.get(ABOUT).catch(() => null)]);
      const about = kept ?? {};
      const said = saidOf(all, about);
      const isReport = (own) => !about[own.id] && !own.receipt?.received?.report;
      const reports = all.filter(isReport).slice(0, SHOWN).map((own) => whole(own, said.get(own.id) ?? []));
      note(reports.length ? "" : t("own.none"));
      for (const report of reports) {
        if (!rows.has(report.id)) rows.set(report.id, row());
        const known = rows.get(report.id);
        const { due } = report.last ?? {};
        const told = JSON.stringify([report, said.get(report.id), 1000 * due < now()]);
        if (told !== known.said) known.update(report, said.get(report.id) ?? []);
        known.said = told;
      }
      const wanted = reports.map((report) => rows.get(report.id).element);
      const there = [...at("own").children];
      if (wanted.length !== there.length || wanted.some((element, index) => element !== there[index])) at("own").replaceChildren(...wanted);
      // What waits is delivered by the phone; what is under way, the phone asks for while the app is looked at.
      const waits = all.some((submission) => submission.state === "waiting");
      clearTimeout(watching);
      const goesOn = waits || reports.some((report) => !hasEnded(report));
      if (goesOn && !resting) watching = setTimeout(look, waits ? WAITS : LOOKS);
    } catch {
      note(t("own.elsewhere"));
    }
  }

  function show() {
    resting = false;
    return look();
  }

  /** Until it is shown again. */
  function rest() {
    resting = true;
    clearTimeout(watching);
  }

  /** Takes the time that the city says. */
  function setClock(seconds) {
    apart = 1000 * seconds - Date.now();
  }

  return Object.freeze({ show, setClock, rest });
})();
