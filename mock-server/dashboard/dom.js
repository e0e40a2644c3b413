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

/** A card with a title. */
export function card(id, title, ...within) {
  return h("section", { class: "card", "aria-labelledby": `${id}-title`, id }, h("h2", { id: `${id}-title` }, title), ...within);
}
