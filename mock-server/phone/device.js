// The frame around the screens: head, body, the act within a thumb's reach, tabs, sheets, and the pages of services.

import { make, Painted } from "./painter.js";
import { icon } from "./icons.js";
import { Pages } from "./pages.js";
import { Platform } from "./platform.js";

/** A sheet that grants something ignores touches for so long: it may have come up under a finger. */
const GRANTS_AFTER = 500;

/** One screen or sheet: its blocks, and the elements that show them. */
class View {
  order = [];
  blocks = new Map();
  head = null;
  scroll = 0;

  constructor(entry, device, isSheet) {
    this.entry = entry;
    this.device = device;
    this.isSheet = isSheet;
    this.title = make("h1", { tabindex: "-1", id: `title-${entry}` });
    this.header = make("header", { class: "head" });
    this.body = make("div", { class: "body" });
    this.foot = make("div", { class: "foot" });
    this.element = isSheet
      ? make("div", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": this.title.id })
      : make("main", { class: "screen", "aria-labelledby": this.title.id });
    this.element.append(this.header, this.body, this.foot);
    this.painted = new Painted(this.body, this.foot, device.context(entry));
    this.body.addEventListener("scroll", () => this.#nearEnd(), { passive: true });
  }

  #nearEnd() {
    const left = this.body.scrollHeight - this.body.scrollTop - this.body.clientHeight;
    if (left < 600 && this.asked !== this.order.length) {
      this.asked = this.order.length;
      this.device.connection.event({ event: "near_end", entry: this.entry });
    }
  }

  take(changes) {
    if (changes.whole) {
      this.blocks.clear();
      this.order = [];
    }
    const changed = new Set();
    for (const block of changes.blocks) {
      this.blocks.set(block.key, block);
      changed.add(block.key);
    }
    if (changes.order) {
      this.order = changes.order;
      const there = new Set(changes.order);
      for (const key of this.blocks.keys()) if (!there.has(key)) this.blocks.delete(key);
    }
    if (changes.head) this.#head(changes.head);
    this.painted.paint(this.order, this.blocks, changed);
    // What nothing in it can have the focus of is scrolled by the keyboard itself.
    const still = !this.body.querySelector("button, input");
    for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-labelledby", this.title.id]]) {
      if (still) this.body.setAttribute(name, value);
      else this.body.removeAttribute(name);
    }
  }

  #head(head) {
    this.head = head;
    // What is moved loses the focus.
    const had = document.activeElement === this.title;
    this.title.textContent = head.title;
    const tap = (key) => this.device.connection.event({ event: "tap", entry: this.entry, key });
    const button = ({ key, label, icon: name }) =>
      make("button", { type: "button", class: "act", "data-key": key, "aria-label": label, title: label, onclick: () => tap(key) }, icon(name ?? "more"));
    const title = head.title_action
      ? make("button", { type: "button", class: "title", "data-key": head.title_action.key, "aria-label": `${head.title}: ${head.title_action.label}`, onclick: () => tap(head.title_action.key) },
          make("span", { "aria-hidden": "true" }, head.title), icon(head.title_action.icon ?? "down"))
      : null;
    this.title.classList.toggle("unseen", Boolean(title));
    const names = make("div", { class: "names" }, this.title, title, head.detail ? make("p", { class: "detail" }, head.detail) : null);
    const back = head.back && !this.isSheet
      ? make("button", { type: "button", class: "act", "aria-label": this.device.frame.back, onclick: () => this.device.connection.event({ event: "back" }) }, icon("back"))
      : null;
    this.header.replaceChildren(...[back, names, ...head.actions.map(button)].filter(Boolean));
    this.header.classList.toggle("plain", !head.back && !head.title_action);
    if (had) this.title.focus();
  }
}

export class Device extends HTMLElement {
  #views = new Map();
  #frame = null;
  #top = null;
  #fields = new Map();

  connectedCallback() {
    this.stage = make("div", { class: "stage" });
    this.pagesLayer = make("div", { class: "pages" });
    this.banners = make("div", { class: "banners", role: "status" });
    this.passing = make("div", { class: "passing", role: "status", "aria-live": "polite" });
    this.scrim = make("div", { class: "scrim", hidden: true, onclick: () => this.#dismiss() });
    this.tabs = make("nav", { class: "tabs" });
    this.lost = make("p", { class: "lost", hidden: true, role: "status" }, "…");
    this.glass = make("div", { class: "glass" }, this.banners, this.stage, this.tabs, this.scrim, this.passing, this.lost);
    this.append(make("div", { class: "case" }, this.glass));
    this.pages = new Pages(this.pagesLayer, this.connection);
    this.platform = new Platform(this.glass, this.connection);
    this.connection.addEventListener("frame", ({ detail }) => this.#show(detail));
    this.connection.addEventListener("effect", ({ detail }) => this.platform.perform(detail.effect));
    this.connection.addEventListener("web", ({ detail }) => this.pages.serve(detail.web));
    this.connection.addEventListener("lost", () => { this.lost.hidden = false; });
    this.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("online", () => this.connection.event({ event: "network", online: true }));
    document.addEventListener("visibilitychange", () =>
      this.connection.event({ event: document.hidden ? "hidden" : "shown" }));
  }

  /** The frame that is shown. */
  get frame() {
    return this.#frame;
  }

  /** Dark where the app says so, or else the platform. */
  darken() {
    const root = document.documentElement;
    const platform = root.dataset.platform ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.toggleAttribute("data-dark", (root.dataset.scheme === "platform" ? platform : root.dataset.scheme) === "dark");
  }

  /** What the painters need of the phone. */
  context(entry) {
    const send = (event) => this.connection.event({ entry, ...event });
    return {
      id: (key) => `b-${entry}-${key.replace(/[^a-z0-9]/gi, "_")}`,
      tap: (key) => send({ event: "tap", key }),
      choose: (key, option) => send({ event: "choose", key, option }),
      image: (image) => `phone/image?name=${encodeURIComponent(this.connection.name)}&image=${encodeURIComponent(image)}`,
      field: (input, block) => this.#field(input, block, send),
      takeOver: (input, block) => this.#takeOver(input, block),
      movable: (element, block) => this.#movable(element, block, entry),
    };
  }

  /** The shell owns the text of a field: it counts edits, and sends what is composed, too. */
  #field(input, block, send) {
    const state = { edit: block.edit, composing: false, sent: 0 };
    this.#fields.set(input, state);
    input.value = block.text;
    const tell = () => {
      state.edit += 1;
      state.sent = send({ event: "input", key: block.key, text: input.value, edit: state.edit, composing: state.composing });
    };
    input.addEventListener("compositionstart", () => { state.composing = true; });
    input.addEventListener("compositionend", () => { state.composing = false; tell(); });
    input.addEventListener("input", (event) => { state.composing = event.isComposing; tell(); });
    input.addEventListener("blur", () => { state.composing = false; send({ event: "blur", key: block.key }); });
    input.addEventListener("keydown", (event) => {
      // The key that ends a composition is the input method's.
      if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      send({ event: "submit", key: block.key });
    });
  }

  #takeOver(input, block) {
    const state = this.#fields.get(input);
    const isCurrent = block.edit >= state.edit && this.connection.applied >= state.sent;
    if (!state.composing && isCurrent && input.value !== block.text) {
      input.value = block.text;
      state.edit = block.edit;
    }
  }

  /** Tiles in the resident's own order: dragged, or moved by Alt and an arrow. */
  #movable(element, block, entry) {
    const group = () => element.parentElement;
    const move = (before) => this.connection.event({ event: "move", entry, key: block.key, before: before?.dataset.tile ?? null });
    if (element.dataset.isSet) return;
    element.dataset.isSet = "yes";
    element.addEventListener("keydown", (event) => {
      if (!event.altKey || !group()?.hasAttribute("data-movable")) return;
      if (event.key === "ArrowLeft" && element.previousElementSibling) move(element.previousElementSibling);
      else if (event.key === "ArrowRight" && element.nextElementSibling) move(element.nextElementSibling.nextElementSibling);
      else return;
      event.preventDefault();
    });
    element.addEventListener("pointerdown", () => element.toggleAttribute("draggable", group()?.hasAttribute("data-movable")));
    element.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/tile", block.key));
    element.addEventListener("dragover", (event) => { if (group()?.hasAttribute("data-movable")) event.preventDefault(); });
    element.addEventListener("drop", (event) => {
      const key = event.dataTransfer.getData("text/tile");
      if (key && key !== block.key) this.connection.event({ event: "move", entry, key, before: block.key });
    });
  }

  #show({ frame, screens, clock }) {
    this.lost.hidden = true;
    if (this.#frame && this.#frame.epoch !== frame.epoch) {
      for (const view of this.#views.values()) view.element.remove();
      this.#views.clear();
      this.pages.clear();
      this.#top = null;
    }
    this.#frame = frame;
    globalThis.phoneClock = clock - Date.now();
    const root = document.documentElement;
    root.lang = frame.language;
    root.dir = frame.right_to_left ? "rtl" : "ltr";
    root.dataset.scheme = frame.scheme;
    this.darken();
    root.toggleAttribute("data-elder", frame.elder);
    const there = new Set([...frame.stack, ...(frame.sheet ? [frame.sheet.entry] : [])]);
    for (const [entry, view] of this.#views) {
      if (!there.has(entry)) {
        view.element.remove();
        this.#views.delete(entry);
      }
    }
    for (const changes of screens) {
      const isSheet = frame.sheet?.entry === changes.entry;
      let view = this.#views.get(changes.entry);
      if (!view) {
        view = new View(changes.entry, this, isSheet);
        this.#views.set(changes.entry, view);
      }
      view.take(changes);
    }
    this.#arrange(frame);
  }

  #arrange(frame) {
    const top = this.#views.get(frame.stack.at(-1));
    const sheet = frame.sheet ? this.#views.get(frame.sheet.entry) : null;
    if (!top) return;
    for (const view of this.#views.values()) {
      if (view === top || view === sheet) continue;
      if (view.element.isConnected) {
        view.scroll = view.body.scrollTop;
        view.element.remove();
      }
    }
    if (!top.element.isConnected) {
      this.stage.prepend(top.element);
      top.body.scrollTop = top.scroll;
    }
    if (!this.pagesLayer.isConnected) this.stage.append(this.pagesLayer);
    const web = top.head?.web;
    top.element.classList.toggle("web", Boolean(web));
    const served = frame.stack.map((entry) => ({ entry, web: this.#views.get(entry)?.head?.web, title: this.#views.get(entry)?.head?.title })).filter((own) => own.web);
    this.pages.show(served, web ? frame.stack.at(-1) : null);
    this.pagesLayer.style.insetBlockStart = web ? `${top.header.offsetHeight}px` : "";
    this.scrim.hidden = !sheet;
    this.stage.inert = Boolean(sheet);
    this.tabs.inert = Boolean(sheet);
    if (sheet && !sheet.element.isConnected) {
      this.scrim.after(sheet.element);
      this.#guard(sheet.element, frame.sheet.grants);
    }
    this.#tabs(frame.tabs);
    this.banners.replaceChildren(...frame.banners.map((banner) =>
      make("p", { class: `banner ${banner.severity}` }, icon("warn"), make("span", {}, banner.text))));
    this.#say(frame.notice);
    const active = sheet ?? top;
    if (this.#top !== active.entry) {
      const isFirst = this.#top === null;
      this.#top = active.entry;
      // A screen reader begins with the new screen's name.
      if (!isFirst) active.title.focus({ preventScroll: true });
    }
    this.dispatchEvent(new CustomEvent("shown", { bubbles: true, detail: { frame, entry: active.entry, screen: active } }));
  }

  #guard(element, grants) {
    if (!grants) return;
    element.classList.add("guarded");
    setTimeout(() => element.classList.remove("guarded"), GRANTS_AFTER);
    element.addEventListener("click", (event) => {
      if (element.classList.contains("guarded")) {
        event.stopPropagation();
        event.preventDefault();
      }
    }, { capture: true });
  }

  #tabs(tabs) {
    this.tabs.hidden = !tabs.length;
    const drawn = JSON.stringify(tabs);
    if (this.drawnTabs === drawn) return;
    this.drawnTabs = drawn;
    const focused = this.tabs.contains(document.activeElement) ? document.activeElement.dataset.tab : null;
    this.tabs.replaceChildren(...tabs.map((own) => make("button", {
      type: "button", "data-tab": own.tab, "aria-current": own.selected ? "page" : null,
      onclick: () => this.connection.event({ event: "tab", tab: own.tab }),
    }, icon(own.icon), make("span", {}, own.label))));
    if (focused) this.tabs.querySelector(`[data-tab="${focused}"]`)?.focus();
  }

  #say(notice) {
    if (!notice) this.passing.classList.remove("there");
    if (!notice || this.said === notice.key) return;
    this.said = notice.key;
    this.passing.textContent = notice.text;
    this.passing.classList.add("there");
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.passing.classList.remove("there"), 5000);
  }

  #dismiss() {
    if (this.#frame?.sheet) this.connection.event({ event: "dismissed", entry: this.#frame.sheet.entry });
  }

  #key(event) {
    if (event.key === "Escape" && this.#frame && !event.isComposing) {
      if (this.platform.close()) return;
      this.connection.event({ event: "back" });
    }
    if (event.key !== "Tab" || !this.#frame?.sheet) return;
    // The focus stays in the sheet.
    const sheet = this.#views.get(this.#frame.sheet.entry)?.element;
    const all = [...(sheet?.querySelectorAll("button, input, [tabindex='0']") ?? [])].filter((own) => !own.disabled);
    if (!all.length) return;
    const [first, last] = [all[0], all.at(-1)];
    const at = document.activeElement;
    if (event.shiftKey ? at === first || !sheet.contains(at) || at.tagName === "H1" : at === last || !sheet.contains(at)) {
      (event.shiftKey ? last : first).focus();
      event.preventDefault();
    }
  }
}
