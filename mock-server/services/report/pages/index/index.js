"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const kept = city.kept("reports");
  const EXCERPT = 200;
  let sending = false;

  const chosen = () => document.querySelector("input[name=category]:checked")?.value ?? "";

  const written = () => ({ category: chosen(), text: at("text").value.trim(), place: at("place").value.trim() });

  const form = city.draft(at("report"), () => t("name"), written, (begun) => {
    const category = document.querySelector(`input[name=category][value="${CSS.escape(String(begun.category ?? ""))}"]`);
    if (category) category.checked = true;
    at("text").value = String(begun.text ?? "");
    at("place").value = String(begun.place ?? "");
  });

  /** Marks what a report lacks; the first field to mend, or null. */
  function firstLacking(report) {
    city.mark(at("categories"), at("category-lacking"), report.category ? "" : t("category.lacking"));
    city.mark(at("text"), at("text-lacking"), report.text ? "" : t("text.lacking"));
    city.mark(at("place"), at("place-lacking"), report.place ? "" : t("place.lacking"));
    if (!report.category) return at("lamp");
    return document.querySelector("[aria-invalid=true]");
  }

  async function send() {
    if (sending) return;
    const report = written();
    const lacking = firstLacking(report);
    if (lacking) {
      lacking.focus();
      return;
    }
    sending = true;
    at("send").setAttribute("aria-disabled", "true");
    city.wait(at("outcome"));
    try {
      const title = t("title", { category: t(`category.${report.category}`), place: report.place });
      await city.submit("/reports", title, report);
      at("report").reset();
      await form.drop();
      city.succeed(at("outcome"), t("sent.title"), t("sent.next"));
      await remember(report);
    } catch (error) {
      city.fail(at("outcome"), error, send);
    } finally {
      sending = false;
      at("send").removeAttribute("aria-disabled");
      at("outcome").scrollIntoView({ block: "nearest" });
    }
  }

  /** The report is handed in by now: failing to list it here must not look like failing to send it. */
  async function remember(report) {
    try {
      await kept.add({ ...report, text: report.text.slice(0, EXCERPT), at: Date.now() });
    } catch { /* the app's own list has it */ }
    await showEarlier();
  }

  async function showEarlier() {
    let reports = [];
    try {
      reports = await kept.all();
      at("earlier-note").textContent = t(reports.length ? "earlier.follow" : "earlier.none");
    } catch {
      at("earlier-note").textContent = t("earlier.elsewhere");
    }
    at("earlier").replaceChildren(...reports.map((report) => el("li", {},
      el("h3", {}, t("title", { category: t(`category.${report.category}`), place: report.place })),
      el("p", { class: "what" }, report.text),
      el("p", { class: "quiet" }, city.moment(report.at)))));
  }

  at("report").addEventListener("input", () => {
    form.save();
    if (document.querySelector("[aria-invalid=true]")) firstLacking(written());
  });
  at("report").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  city.start().finally(form.restore).then(showEarlier);
})();
