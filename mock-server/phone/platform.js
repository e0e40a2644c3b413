// What the platform does for the app. A browser is none of a phone's parts, so each is shown for what it is: the system's
// browser as a window in the phone, the camera as a field for what it sees, the place as a list of places.

import { make } from "./painter.js";
import { icon } from "./icons.js";

/** Where a phone may stand. */
const PLACES = [
  ["济南 Jinan", 36.67, 117.0], ["青岛 Qingdao", 36.07, 120.38], ["Hà Nội", 21.03, 105.85], ["烟台 Yantai", 37.46, 121.44],
];

export class Platform {
  #open = null;
  #performed = new Set();

  constructor(glass, connection) {
    this.glass = glass;
    this.connection = connection;
    addEventListener("message", ({ origin, data }) => {
      // The page that the browser comes back to is one of this server's.
      if (origin === location.origin && typeof data?.came_back === "string") this.#came(data.came_back);
    });
  }

  perform({ id, act, ...what }) {
    // One that is told again over another socket is under way.
    if (this.#performed.has(id)) return undefined;
    this.#performed.add(id);
    const done = (outcome) => this.connection.event({ event: "done", id, outcome });
    switch (act) {
      case "browse": return this.#browse(what.url, done);
      case "scan": return this.#scan(done);
      case "locate": return this.#locate(done);
      case "photo": return this.#photo(done);
      case "share": return this.#toast(`${what.text} ${what.url ?? ""}`, () => done({ outcome: "done" }));
      case "dial": return this.#toast(`☎ ${what.number}`, () => done({ outcome: "done" }));
      case "copy": return navigator.clipboard?.writeText(what.text).catch(() => {});
      case "web_back": return document.querySelector("phone-device").pages.back(what.entry);
      case "update": return this.#toast("⬆", () => {});
      case "leave": return this.#toast("◻", () => {});
      default: return undefined;
    }
  }

  /** Closes what is open; false if nothing is. */
  close() {
    if (!this.#open) return false;
    this.#open.cancel();
    return true;
  }

  #window(title, content, cancel) {
    this.#open?.cancel();
    const end = () => {
      element.remove();
      this.#open = null;
    };
    const element = make("div", { class: "system", role: "dialog", "aria-modal": "true", "aria-label": title },
      make("header", {}, make("span", { class: "address" }, title),
        make("button", { type: "button", class: "act", "aria-label": "Close", onclick: () => this.#open?.cancel() }, icon("close"))),
      content);
    this.#open = { end, cancel: () => { end(); cancel(); } };
    this.glass.append(element);
    element.querySelector("input, button, iframe")?.focus();
    return end;
  }

  #browse(url, done) {
    const address = new URL(url);
    if (address.origin !== location.origin) {
      // The phone asks nothing of anywhere else.
      const end = this.#window(address.host, make("div", { class: "outside" }, make("p", {}, url),
        make("button", { type: "button", class: "button primary", onclick: () => { end(); done({ outcome: "done" }); } }, "OK")),
        () => done({ outcome: "cancelled" }));
      return;
    }
    // The tester has said already who is at the phone (OpenID Connect Core 1.0 §3.1.2.1, prompt and login_hint).
    if (this.persona && address.pathname.endsWith("/authorize")) {
      address.searchParams.set("prompt", "none");
      address.searchParams.set("login_hint", this.persona);
    }
    this.cameBack = (text) => done({ outcome: "text", text });
    this.#window(address.host, make("iframe", { src: address.href, title: address.host }), () => done({ outcome: "cancelled" }));
  }

  #came(text) {
    this.#open?.end();
    this.cameBack?.(text);
    this.cameBack = null;
  }

  #scan(done) {
    const field = make("textarea", { rows: 4, "aria-label": "What the camera sees" });
    const end = this.#window("Camera", make("form", {
      class: "form", onsubmit: (event) => { event.preventDefault(); end(); done({ outcome: "text", text: field.value }); },
    }, make("p", {}, "What the camera sees:"), field,
      make("div", { class: "chips" }, ...["CQ1A:7", "onecity://miniapp/cn-sd.qingdao:report", "https://example.com/"].map((text) =>
        make("button", { type: "button", class: "small", onclick: () => { field.value = text; } }, text))),
      make("button", { type: "submit", class: "button primary" }, "OK")), () => done({ outcome: "cancelled" }));
  }

  #locate(done) {
    const end = this.#window("Place", make("div", { class: "form" }, ...PLACES.map(([name, latitude, longitude]) =>
      make("button", { type: "button", class: "button plain", onclick: () => { end(); done({ outcome: "position", latitude, longitude, accuracy: 10 }); } }, name)),
      make("button", { type: "button", class: "button destructive", onclick: () => { end(); done({ outcome: "denied" }); } }, "Not allowed")),
      () => done({ outcome: "cancelled" }));
  }

  #photo(done) {
    const send = async (blob, name) => {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      let text = "";
      for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
      done({ outcome: "photo", name, media_type: blob.type, bytes: btoa(text) });
    };
    const file = make("input", { type: "file", accept: "image/*", "aria-label": "Photo" });
    const end = this.#window("Photo", make("div", { class: "form" }, file,
      make("button", { type: "button", class: "button plain", onclick: () => {
        const canvas = make("canvas", { width: 320, height: 240 });
        const draw = canvas.getContext("2d");
        draw.fillStyle = "#14606b";
        draw.fillRect(0, 0, 320, 240);
        draw.fillStyle = "#faf7f2";
        draw.font = "28px sans-serif";
        draw.fillText("made-up photo", 60, 130);
        canvas.toBlob((blob) => { end(); send(blob, "photo.jpg"); }, "image/jpeg", 0.8);
      } }, "A made-up photo")), () => done({ outcome: "cancelled" }));
    file.addEventListener("change", () => { if (file.files[0]) { end(); send(file.files[0], file.files[0].name); } });
  }

  #toast(text, done) {
    const shown = make("p", { class: "toast", role: "status" }, text);
    this.glass.append(shown);
    setTimeout(() => shown.remove(), 3000);
    done();
  }
}
