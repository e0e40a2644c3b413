// The pages of open services, each in a frame of an opaque origin on a port of its own. A frame lives while its entry is on
// the stack, and is never moved: a frame that is moved loads again.

import { make } from "./painter.js";

export class Pages {
  #frames = new Map();
  #origins = new Map();
  #wanted = [];
  #shown = null;

  constructor(layer, connection) {
    this.layer = layer;
    this.connection = connection;
    addEventListener("message", (event) => this.#heard(event));
  }

  /** Where a session's pages are served. */
  serve({ session, origin }) {
    this.#origins.set(session, origin);
    this.show(this.#wanted, this.#shown);
  }

  clear() {
    for (const { frame } of this.#frames.values()) frame.remove();
    this.#frames.clear();
    this.#origins.clear();
  }

  /** Has a page go back in its history. */
  back(entry) {
    const own = [...this.#frames.values()].find((page) => page.entry === entry);
    if (!own) return;
    own.returns = !own.steps;
    own.frame.contentWindow.postMessage({ onecity: "back" }, "*");
  }

  #tell({ entry, loads, steps }) {
    this.connection.event({ event: "web_state", entry, can_go_back: steps || loads > 0 });
  }

  show(pages, shown) {
    [this.#wanted, this.#shown] = [pages, shown];
    const sessions = new Set(pages.map(({ web }) => web.session));
    for (const [session, { frame }] of this.#frames) {
      if (!sessions.has(session)) {
        frame.remove();
        this.#frames.delete(session);
        this.#origins.delete(session);
      }
    }
    for (const { entry, web, title } of pages) {
      const origin = this.#origins.get(web.session);
      if (origin && !this.#frames.has(web.session)) {
        const frame = make("iframe", {
          title, sandbox: "allow-scripts allow-forms", allow: "", referrerpolicy: "no-referrer", src: new URL(web.path, `${origin}/`).href,
        });
        const page = { frame, entry, loads: -1, steps: false, returns: false };
        // Each load but the first is a page further, or one back.
        frame.addEventListener("load", () => {
          page.loads += page.returns ? -1 : 1;
          [page.returns, page.steps] = [false, false];
          this.#tell(page);
        });
        this.#frames.set(web.session, page);
        this.layer.append(frame);
      }
    }
    for (const { frame, entry } of this.#frames.values()) {
      frame.classList.toggle("there", entry === shown);
      frame.inert = entry !== shown;
    }
    this.layer.hidden = shown === null;
  }

  async #heard({ source, data }) {
    // Only a frame itself is heard, and none that it makes.
    const own = [...this.#frames.values()].find((page) => page.frame.contentWindow === source);
    if (!own || typeof data !== "object" || data === null) return;
    if (data.onecity === "call" && typeof data.json === "string" && Number.isInteger(data.id)) {
      try {
        const answer = await this.connection.call(own.entry, data.json);
        source.postMessage({ onecity: "answer", id: data.id, answer }, "*");
      } catch {
        source.postMessage({ onecity: "lost", id: data.id }, "*");
      }
    } else if (data.onecity === "touched") {
      this.connection.touched(own.entry);
    } else if (data.onecity === "history") {
      own.steps = data.deep === true;
      this.#tell(own);
    }
  }
}
