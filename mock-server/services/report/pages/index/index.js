"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  const MOST_PHOTOS = 3;
  /** What stands in storage once a business has agreed to be named. */
  const NAMED = "named";
  let photos = [];
  let position = null;

  const chosen = () => document.querySelector("input[name=category]:checked")?.value ?? "";

  const written = () => ({
    category: chosen(), text: at("text").value.trim(), place: at("place").value.trim(), urgent: at("urgent").checked, position, photos,
  });

  const form = city.draft(at("report"), () => t("name"), written, (begun) => {
    const category = document.querySelector(`input[name=category][value="${CSS.escape(String(begun.category ?? ""))}"]`);
    if (category) category.checked = true;
    at("text").value = String(begun.text ?? "");
    at("place").value = String(begun.place ?? "");
    at("urgent").checked = begun.urgent === true;
    position = begun.position ?? null;
    photos = Array.isArray(begun.photos) ? begun.photos.slice(0, MOST_PHOTOS) : [];
    showPosition();
    showPhotos();
  });

  // Where it is.

  function showPosition() {
    at("position").replaceChildren(...(position ? [t("located", { metres: city.measure(Math.round(position.accuracy), "meter") })] : []));
  }

  async function locate() {
    city.wait(at("position"));
    try {
      const { latitude, longitude, accuracy } = await onecity.locate();
      position = { latitude, longitude, accuracy };
      showPosition();
      form.save();
      if (!at("place").value.trim()) at("place").focus();
    } catch (error) {
      if (error?.code === "cancelled") showPosition();
      else city.fail(at("position"), error, locate);
    }
  }

  // What it looks like.

  function showPhotos() {
    at("photos").replaceChildren(...photos.map(({ id, name }, index) => el("li", {},
      el("span", {}, t("photo", { number: index + 1 }), " ", el("span", { class: "quiet" }, String(name ?? ""))),
      el("button", { type: "button", class: "second", "aria-label": t("photo.remove.this", { number: index + 1 }), onclick: () => drop(id) },
        t("photo.remove")))));
    at("photo").hidden = photos.length >= MOST_PHOTOS;
  }

  function drop(id) {
    photos = photos.filter((photo) => photo.id !== id);
    showPhotos();
    form.save();
    at("photo").focus();
  }

  async function addPhoto() {
    at("photo-outcome").replaceChildren();
    try {
      const { id, name } = await onecity.pickPhoto();
      photos = [...photos, { id, name }];
      showPhotos();
      form.save();
    } catch (error) {
      if (error?.code !== "cancelled") city.fail(at("photo-outcome"), error, addPhoto);
    }
  }

  // In whose name: a business can be named, a resident need not be.

  async function showBusiness() {
    const { account } = await onecity.info().catch(() => ({}));
    at("business").hidden = account !== "enterprise";
    if (account !== "enterprise") return;
    const named = await onecity.storage.get(NAMED).catch(() => null);
    at("business-note").textContent = t(named ? "business.named" : "business.unnamed");
    at("named").hidden = Boolean(named);
  }

  async function nameBusiness() {
    at("business-outcome").replaceChildren();
    try {
      await onecity.login();
      await onecity.storage.set(NAMED, true);
      await showBusiness();
    } catch (error) {
      city.fail(at("business-outcome"), error, nameBusiness);
    }
  }

  // Handing it in.

  /** Marks what a report lacks; the first field to mend, or null. */
  function firstLacking() {
    const report = written();
    city.mark(at("categories"), at("category-lacking"), report.category ? "" : t("category.lacking"));
    city.mark(at("text"), at("text-lacking"), report.text ? "" : t("text.lacking"));
    city.mark(at("place"), at("place-lacking"), report.place ? "" : t("place.lacking"));
    if (!report.category) return at("lamp");
    return at("report").querySelector("[aria-invalid=true]");
  }

  async function handIn() {
    const { photos: picked, position: where, ...report } = written();
    if (where) report.position = where;
    const title = t("title", { category: t(`category.${report.category}`), place: report.place });
    try {
      await city.submit("/reports", title, report, { attachments: picked.map((photo) => photo.id) });
    } catch (error) {
      // A photo that was not handed in within a day is gone: the report goes without, if the resident wants.
      if (error?.code === "not_found" && photos.length) {
        photos = [];
        showPhotos();
        at("photo-outcome").replaceChildren(el("p", { class: "lacking" }, t("photo.gone")));
      }
      throw error;
    }
    at("report").reset();
    [photos, position] = [[], null];
    showPhotos();
    showPosition();
    await form.drop();
  }

  // What the city promises, and what it tells.

  const loadPromise = async () => {
    const { body: { promise, now }, freshness } = await city.answer("GET", "/promise");
    if (freshness.state === "fresh") own.setClock(now);
    at("promise").hidden = !promise;
    if (promise) at("promise").textContent = t("promise", promise);
  };

  const loadNews = () => city.load(at("news-status"), "/news", ({ news }) => {
    at("news").replaceChildren(...news.map((item) => el("li", {},
      el("h3", {}, city.inLanguage(item.title)),
      el("p", { class: "quiet" }, city.moment(1000 * item.at, { dateStyle: "medium" })),
      el("p", { class: "what" }, city.inLanguage(item.text)))));
  });

  at("locate").addEventListener("click", locate);
  at("photo").addEventListener("click", addPhoto);
  at("named").addEventListener("click", nameBusiness);
  at("report").addEventListener("input", form.save);
  city.sends(at("report"), { lacking: firstLacking, handIn, after: own.show });
  onecity.on("shown", () => loadPromise().catch(() => {}).then(own.show));
  onecity.on("hidden", own.rest);
  city.start().finally(form.restore).then(() =>
    Promise.all([loadPromise().catch(() => {}).then(own.show), showBusiness(), loadNews()]));
})();
