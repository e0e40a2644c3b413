// Elements, written as they nest.

/** An element with attributes, listeners (`onclick`), and what is in it. */
export function h(name, attributes = {}, ...within) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...within.flat().filter((own) => own !== undefined && own !== null));
  return element;
}

/** Draws what is in an element again, if it is anything else than before; the focus stays where it was. */
export function redraw(element, data, draw) {
  const text = JSON.stringify(data);
  if (element.dataset.drawn === text) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  element.replaceChildren(...draw().filter((own) => own !== undefined && own !== null));
  element.dataset.drawn = text;
  if (focused === undefined) return;
  const again = [...element.querySelectorAll("[data-key]")];
  const path = focused.split(" ")[1];
  (again.find((own) => own.dataset.key === focused) ?? again.find((own) => own.dataset.key.split(" ")[1] === path))?.focus();
}

/** A card with a title. */
export function card(id, title, ...within) {
  return h("section", { class: "card", "aria-labelledby": `${id}-title`, id }, h("h2", { id: `${id}-title` }, title), ...within);
}
