"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const kept = city.kept("appointments");
  const DAY = { weekday: "long", month: "long", day: "numeric" };
  const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const WHEN = { weekday: "short", month: "short", day: "numeric", ...TIME };
  let offices = [];

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

  /** Marks what is not chosen yet; the first choice to make, or null. */
  function firstLacking() {
    const [office, slot] = [chosenOffice(), chosen("slot")];
    if (office && slot) return null;
    city.mark(at("times"), at("slot-lacking"), t("slot.lacking"));
    at("times").hidden = false;
    return document.querySelector(office ? "input[name=slot]" : "input[name=office]");
  }

  async function handIn() {
    const [office, slot] = [chosenOffice(), chosen("slot")];
    await city.submit("/appointments", titleOf(office.name, slot), { office: office.id, slot });
    office.slots = office.slots.filter((free) => free !== slot);
    showOffices();
    await kept.add({ office: office.name, slot }).catch(() => { /* the app's own list has it */ });
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
  city.sends(at("appointment"), { lacking: firstLacking, handIn, after: showEarlier });
  city.start().then(() => Promise.all([loadOffices(), showEarlier()]));
})();
