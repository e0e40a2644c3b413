// One WebSocket for one phone. Each event has a number: those that are not known to be applied are said again when a lost
// socket is there again, and the phone takes each once.

/** A name that nothing else has. A page that came from another machine has no `crypto.randomUUID`. */
export const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const AGAIN_AFTER = [200, 500, 1000, 2000, 5000];

export class Connection extends EventTarget {
  #name;
  #socket = null;
  #page = fresh();
  #unapplied = [];
  #controls = [];
  #losses = 0;
  #calls = new Map();
  #next = 1;
  /** How many events this page has sent, and how many of them are in what it shows. */
  sent = 0;
  applied = 0;

  constructor(name) {
    super();
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  open() {
    const address = new URL(`phone/socket?name=${encodeURIComponent(this.#name)}`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      this.#socket = socket;
      this.#losses = 0;
      this.#send({ hello: { page: this.#page, applied: this.applied, environment: this.environment() } });
      for (const event of this.#unapplied) this.#send({ event });
      for (const control of this.#controls.splice(0)) this.#send({ control });
    });
    socket.addEventListener("message", ({ data }) => this.#heard(JSON.parse(data)));
    socket.addEventListener("close", () => {
      this.#socket = null;
      for (const { fail } of this.#calls.values()) fail(new Error("the connection was lost"));
      this.#calls.clear();
      const wait = AGAIN_AFTER[Math.min(this.#losses++, AGAIN_AFTER.length - 1)];
      this.dispatchEvent(new CustomEvent("lost"));
      setTimeout(() => this.open(), wait);
    });
  }

  environment() {
    return {
      languages: [...navigator.languages],
      offset_minutes: -new Date().getTimezoneOffset(),
      screen_reader: false,
      can_locate: true,
      can_scan: true,
    };
  }

  /** Tells the app what happened; answers the number of the event on this connection. */
  event(event) {
    this.sent += 1;
    const numbered = { number: this.sent, event };
    this.#unapplied.push(numbered);
    this.#send({ event: numbered });
    return this.sent;
  }

  /** One of the tester's controls. */
  control(control) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send({ control });
    else this.#controls.push(control);
  }

  /** A touch of a service's page. */
  touched(entry) {
    this.#send({ touched: entry });
  }

  /** A call of a service's page; resolves to the answer's JSON. */
  call(entry, json) {
    // One that would never be answered fails at once.
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("the connection was lost"));
    const id = this.#next++;
    return new Promise((done, fail) => {
      this.#calls.set(id, { done, fail });
      this.#send({ call: { id, entry, json } });
    });
  }

  #send(message) {
    // A call that is lost is the page's to make again.
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #heard(message) {
    if (message.answer) {
      const { id, json } = message.answer;
      this.#calls.get(id)?.done(json);
      this.#calls.delete(id);
      return;
    }
    if (message.frame) {
      this.applied = message.applied;
      this.#unapplied = this.#unapplied.filter(({ number }) => number > message.applied);
    }
    for (const kind of Object.keys(message)) this.dispatchEvent(new CustomEvent(kind, { detail: message }));
  }
}
