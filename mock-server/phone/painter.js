// Blocks to elements. There is one painter for each kind of block; none knows a screen. Whatever comes is text, never markup.

import { icon } from "./icons.js";

/** An element with attributes and children; text becomes text. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const symbol = (name) => (name ? icon(name) : null);

/** A picture of a service, or the first letter of its name. */
function picture(image, label, context) {
  const letter = make("span", { class: "letter", "aria-hidden": "true" }, [...label][0] ?? "");
  if (!image) return letter;
  const shown = make("img", { alt: "", src: context.image(image), decoding: "async" });
  shown.addEventListener("error", () => shown.replaceWith(letter), { once: true });
  return shown;
}

const action = ({ key, label, icon: name }, context, kind = "link") =>
  make("button", { type: "button", class: kind, "data-key": key, onclick: () => context.tap(key) }, symbol(name), make("span", {}, label));

const SEVERITY_ICON = { quiet: "info", good: "check", warn: "warn", severe: "warn" };

/** Fills an element again; what has the focus in it keeps it if it is still there. */
function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

const painters = {
  heading: {
    create: () => make("h2"),
    update: (element, block) => { element.textContent = block.text; },
  },
  text: {
    create: () => make("p"),
    update: (element, block) => {
      element.className = `text tone-${block.tone}`;
      element.textContent = block.text;
    },
  },
  notice: {
    create: () => make("div"),
    update: (element, block, context) => {
      element.className = `notice ${block.severity}`;
      element.setAttribute("role", block.severity === "severe" || block.severity === "warn" ? "alert" : "status");
      fill(element, symbol(SEVERITY_ICON[block.severity]), make("p", {}, block.text),
        ...block.actions.map((own) => action(own, context, "small")));
    },
  },
  tiles: {
    create: () => make("ul", { class: "tiles" }),
    update: (element, block) => {
      element.setAttribute("aria-label", block.label);
      element.toggleAttribute("data-movable", block.movable);
    },
    group: true,
  },
  tile: {
    create: (block, context) => {
      const button = make("button", { type: "button", class: "tile" });
      button.addEventListener("click", () => context.tap(block.key));
      return make("li", { "data-tile": block.key }, button);
    },
    update: (element, block, context) => {
      const button = element.firstElementChild;
      fill(button, make("span", { class: "picture" }, picture(block.image, block.label, context)),
        make("span", { class: "label" }, block.label),
        block.mark ? make("span", { class: "mark" }, block.mark) : null);
      button.classList.toggle("disabled", Boolean(block.disabled));
      if (block.disabled) button.setAttribute("aria-description", block.disabled);
      else button.removeAttribute("aria-description");
      context.movable(element, block);
    },
  },
  rows: {
    create: () => make("section", { class: "list" }, make("h2"), make("ul")),
    update: (element, block) => {
      element.firstElementChild.textContent = block.label;
      element.lastElementChild.setAttribute("aria-label", block.label);
    },
    group: true,
  },
  row: {
    create: () => make("li"),
    update: (element, block, context) => {
      const parts = [
        block.image !== null && block.image !== undefined
          ? make("span", { class: "picture" }, picture(block.image, block.title, context))
          : block.icon ? make("span", { class: "symbol" }, symbol(block.icon)) : null,
        make("span", { class: "words" }, make("span", { class: "title" }, block.title),
          block.detail ? make("span", { class: "detail" }, block.detail) : null),
        block.value ? make("span", { class: "value" }, block.value) : null,
        block.chosen ? make("span", { class: "symbol chosen" }, symbol("check")) : null,
      ].filter(Boolean);
      const chosen = block.chosen === true ? "true" : null;
      const had = element.firstElementChild;
      if (block.active && had?.tagName === "BUTTON") {
        fill(had, ...parts);
        if (chosen) had.setAttribute("aria-current", "true");
        else had.removeAttribute("aria-current");
        return;
      }
      fill(element, block.active
        ? make("button", { type: "button", class: "row", "aria-current": chosen, onclick: () => context.tap(block.key) }, ...parts)
        : make("div", { class: "row" }, ...parts));
    },
  },
  field: {
    create: (block, context) => {
      const id = context.id(block.key);
      const input = make("input", { id, class: "input", autocomplete: "off", autocapitalize: "off", enterkeyhint: "search" });
      const element = make("div", { class: "field" }, make("label", { for: id }), input, make("p", { class: "error", id: `${id}-error` }));
      context.field(input, block);
      return element;
    },
    update: (element, block, context) => {
      const [label, input, error] = element.children;
      label.textContent = block.label;
      input.type = block.input === "search" ? "search" : "text";
      input.inputMode = "text";
      input.spellcheck = block.input === "plain";
      input.placeholder = block.hint;
      error.textContent = block.error ?? "";
      error.hidden = !block.error;
      input.setAttribute("aria-invalid", block.error ? "true" : "false");
      if (block.error) input.setAttribute("aria-describedby", error.id);
      else input.removeAttribute("aria-describedby");
      context.takeOver(input, block);
    },
  },
  choice: {
    create: () => make("fieldset", { class: "choice" }),
    update: (element, block, context) => {
      const focused = element.contains(document.activeElement) ? document.activeElement.value : null;
      fill(element, make("legend", {}, block.label), make("div", { class: "chips" }, ...block.options.map((option) => {
        const id = context.id(`${block.key}-${option.id}`);
        const input = make("input", { type: "radio", id, name: context.id(block.key), value: option.id });
        input.checked = option.chosen;
        input.addEventListener("change", () => context.choose(block.key, option.id));
        return make("span", { class: "chip", lang: option.language }, input, make("label", { for: id }, option.label));
      })));
      if (focused !== null) element.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
    },
  },
  toggle: {
    create: (block, context) => {
      const button = make("button", { type: "button", role: "switch", class: "toggle" });
      button.addEventListener("click", () =>
        context.choose(block.key, button.getAttribute("aria-checked") === "true" ? "off" : "on"));
      return button;
    },
    update: (element, block) => {
      element.setAttribute("aria-checked", String(block.on));
      fill(element, make("span", { class: "words" }, make("span", { class: "title" }, block.label),
        block.detail ? make("span", { class: "detail" }, block.detail) : null), make("span", { class: "knob", "aria-hidden": "true" }));
    },
  },
  button: {
    create: (block, context) => {
      const button = make("button", { type: "button" });
      button.addEventListener("click", () => { if (button.getAttribute("aria-disabled") !== "true") context.tap(block.key); });
      return button;
    },
    update: (element, block) => {
      element.className = `button ${block.role}`;
      const off = block.busy || block.disabled;
      element.setAttribute("aria-disabled", off ? "true" : "false");
      element.setAttribute("aria-busy", block.busy ? "true" : "false");
      fill(element, block.role === "find" ? symbol("search") : null, make("span", {}, block.label),
        block.disabled ? make("small", {}, block.disabled) : null);
    },
  },
  facts: {
    create: () => make("dl", { class: "facts" }),
    update: (element, block) => {
      fill(element, ...block.facts.map((fact) =>
        make("div", {}, make("dt", {}, fact.label), make("dd", {}, fact.value))));
    },
  },
  code: {
    create: () => make("figure", { class: "code" }),
    update: (element, block) => {
      const drawn = block.modules ? modules(block.modules, block.label) : make("div", { class: "modules none" });
      const ring = block.deadline !== null && block.deadline !== undefined
        ? make("phone-countdown", { deadline: block.deadline, period: block.period }) : null;
      fill(element, make("figcaption", { class: "holder" }, block.holder), drawn, ring);
    },
  },
  progress: {
    create: () => make("div", { class: "progress", role: "status" }),
    update: (element, block) => {
      const bar = block.part === null || block.part === undefined
        ? make("progress", { "aria-label": block.label })
        : make("progress", { "aria-label": block.label, max: 1, value: block.part });
      fill(element, make("span", {}, block.label), bar);
    },
  },
  empty: {
    create: () => make("div", { class: "empty" }),
    update: (element, block, context) => {
      fill(element, make("span", { class: "symbol", "aria-hidden": "true" }, symbol(block.icon)), make("p", {}, block.text),
        block.action ? action(block.action, context, "button plain") : null);
    },
  },
  waiting: {
    create: () => make("div", { class: "waiting", "aria-hidden": "true" }, make("i"), make("i"), make("i")),
    update: () => {},
  },
};

/** A QR code with its quiet zone, dark on white whatever the colours (ISO/IEC 18004 §6.3.8). */
function modules({ width, bits }, label) {
  const quiet = 4;
  const side = width + 2 * quiet;
  let path = "";
  for (let at = 0; at < width * width; at += 1) {
    const byte = parseInt(bits.substr((at >> 3) * 2, 2), 16);
    if ((byte >> (7 - (at & 7))) & 1) path += `M${(at % width) + quiet} ${Math.floor(at / width) + quiet}h1v1h-1z`;
  }
  const space = "http://www.w3.org/2000/svg";
  const drawn = document.createElementNS(space, "svg");
  drawn.setAttribute("viewBox", `0 0 ${side} ${side}`);
  drawn.setAttribute("class", "modules");
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", label);
  drawn.setAttribute("shape-rendering", "crispEdges");
  const shape = document.createElementNS(space, "path");
  shape.setAttribute("d", path);
  drawn.append(shape);
  return drawn;
}

/** Seconds that are left of a code, as a ring and as text. */
customElements.define("phone-countdown", class extends HTMLElement {
  connectedCallback() {
    this.innerHTML = '<svg viewBox="0 0 36 36" aria-hidden="true"><circle cx="18" cy="18" r="16"/><circle class="left" cx="18" cy="18" r="16" pathLength="100"/></svg><span role="timer"></span>';
    const deadline = Number(this.getAttribute("deadline"));
    const period = Math.max(1, Number(this.getAttribute("period")));
    const show = () => {
      const left = Math.max(0, deadline - (Date.now() + (globalThis.phoneClock ?? 0)) / 1000);
      this.lastElementChild.textContent = left >= 60 ? `${Math.ceil(left / 60)}′` : String(Math.ceil(left));
      this.querySelector(".left").style.strokeDasharray = `${Math.min(100, (left / period) * 100)} 100`;
    };
    show();
    this.timer = setInterval(show, 250);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }
});

/** The elements of one screen, kept by the keys of its blocks. */
export class Painted {
  #elements = new Map();
  #kinds = new Map();

  constructor(body, foot, context) {
    this.body = body;
    this.foot = foot;
    this.context = context;
  }

  /** Brings the elements to where the blocks are. */
  paint(order, blocks, changed) {
    for (const [key, element] of this.#elements) {
      if (!blocks.has(key) || this.#kinds.get(key) !== blocks.get(key).kind) {
        element.remove();
        this.#elements.delete(key);
      }
    }
    const places = new Map([[this.body, null], [this.foot, null]]);
    for (const key of order) {
      const block = blocks.get(key);
      const painter = painters[block.kind];
      let element = this.#elements.get(key);
      const isNew = !element;
      if (isNew) {
        element = painter.create(block, this.context);
        element.dataset.key = key;
        this.#elements.set(key, element);
        this.#kinds.set(key, block.kind);
      }
      if (isNew || changed.has(key)) painter.update(element, block, this.context);
      const group = block.of ? this.#elements.get(block.of) : null;
      const home = group ? (group.tagName === "SECTION" ? group.lastElementChild : group)
        : block.kind === "button" && block.role !== "find" ? this.foot : this.body;
      // An element that stands where it should is not touched: moving it would take the focus away.
      const after = places.get(home) ?? null;
      const expected = after ? after.nextElementSibling : home.firstElementChild;
      if (expected !== element) home.insertBefore(element, expected);
      places.set(home, element);
    }
    this.foot.hidden = !this.foot.childElementCount;
  }

  element(key) {
    return this.#elements.get(key);
  }
}
