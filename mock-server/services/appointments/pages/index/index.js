"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const kept = city.kept("appointments");
  const DAY = { weekday: "long", month: "long", day: "numeric" };
  const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const WHEN = { weekday: "short", month: "short", day: "numeric", ...TIME };
  let offices = [];
  let sending = false;

  const chosen = (name) => document.querySelector(`input[name=${name}]:checked`)?.value ?? "";
  const chosenOffice = () => offices.find((office) => office.id === chosen("office"));

  function choice(name, id, value, ...content) {
    return el("div", { class: "choice" },
      el("input", { type: "radio", name, id, value }), el("label", { for: id }, ...content));
  }

  const loadOffices = () => city.load(at("offices-status"), "/appointments", (body) => {
    offices = body.offices.map((office) => ({ ...office, slots: [...office.slots].sort() }));
    showOffices();
    at("appointment").hidden = false;
  });

  function showOffices() {
    at("offices").replaceChildren(...offices.map(({ id, name, slots }, index) => choice("office", `office-${index}`, id,
      el("strong", {}, name),
      el("span", { class: "quiet" },
        slots.length ? t("earliest", { when: city.cityTime(slots[0], WHEN) }) : t("full")))));
    showSlots();
  }

  function showSlots() {
    const office = chosenOffice();
    at("times").hidden = !office;
    city.mark(at("times"), at("slot-lacking"), "");
    const slots = office?.slots ?? [];
    const days = [...new Set(slots.map(dayOf))];
    at("slots").replaceChildren(...days.map((day) => dayGroup(day, slots.filter((slot) => dayOf(slot) === day))));
    if (office && !slots.length) at("slots").append(el("p", { class: "quiet" }, t("full.next")));
    showSummary();
  }

  const dayOf = (slot) => slot.slice(0, 10);

  function dayGroup(day, slots) {
    const times = slots.map((slot) => choice("slot", `slot-${slot}`, slot, city.cityTime(slot, TIME)));
    return el("div", { class: "day", role: "group", "aria-labelledby": `day-${day}` },
      el("h3", { id: `day-${day}` }, city.cityTime(slots[0], DAY)), el("div", { class: "chips" }, ...times));
  }

  function showSummary() {
    const [office, slot] = [chosenOffice(), chosen("slot")];
    at("summary").textContent = office && slot ? titleOf(office.name, slot) : "";
  }

  const titleOf = (office, slot) => t("title", { office, when: city.cityTime(slot, WHEN) });

  async function send() {
    if (sending) return;
    const [office, slot] = [chosenOffice(), chosen("slot")];
    if (!office || !slot) {
      city.mark(at("times"), at("slot-lacking"), t("slot.lacking"));
      at("times").hidden = false;
      document.querySelector(office ? "input[name=slot]" : "input[name=office]")?.focus();
      return;
    }
    sending = true;
    at("send").setAttribute("aria-disabled", "true");
    city.wait(at("outcome"));
    try {
      await city.submit("/appointments", titleOf(office.name, slot), { office: office.id, slot });
      office.slots = office.slots.filter((free) => free !== slot);
      showOffices();
      city.succeed(at("outcome"), t("sent.title"), t("sent.next"));
      await remember({ office: office.name, slot });
    } catch (error) {
      city.fail(at("outcome"), error, send);
    } finally {
      sending = false;
      at("send").removeAttribute("aria-disabled");
      at("outcome").scrollIntoView({ block: "nearest" });
    }
  }

  /** The request is handed in by now: failing to list it here must not look like failing to send it. */
  async function remember(appointment) {
    try {
      await kept.add(appointment);
    } catch { /* the app's own list has it */ }
    await showEarlier();
  }

  async function showEarlier() {
    let appointments = [];
    try {
      appointments = await kept.all();
      at("earlier-note").textContent = t(appointments.length ? "earlier.follow" : "earlier.none");
    } catch {
      at("earlier-note").textContent = t("earlier.elsewhere");
    }
    at("earlier").replaceChildren(...appointments.map(({ office, slot }) =>
      el("li", {}, el("h3", {}, office), el("p", { class: "quiet" }, city.cityTime(slot, WHEN)))));
  }

  at("appointment").addEventListener("change", (event) => {
    if (event.target.name === "office") showSlots();
    else {
      city.mark(at("times"), at("slot-lacking"), "");
      showSummary();
    }
  });
  at("appointment").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  city.start().then(() => Promise.all([loadOffices(), showEarlier()]));
})();
