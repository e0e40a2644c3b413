"use strict";

(() => {
  const { t, el } = city;
  const at = (id) => document.getElementById(id);
  let topics = [];

  /** For comparing: lower case, without accents; đ is a letter of its own that no decomposition takes apart. */
  const folded = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replaceAll("đ", "d");

  const loadTopics = () => city.load(at("topics-status"), "/hotline", (body) => {
    if (body.phone) at("number").textContent = body.phone;
    topics = body.topics.map(({ title, answer }) => ({
      words: folded(`${title} ${answer}`),
      element: el("details", {}, el("summary", {}, title), el("p", {}, answer)),
    }));
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
    const phone = at("number").textContent;
    at("found").textContent = count ? t(count === 1 ? "found.one" : "found", { count }) : t("found.none", { phone });
  }

  at("search").addEventListener("input", filter);
  city.start().then(loadTopics);
})();
