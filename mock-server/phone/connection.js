// One WebSocket for one phone. Whatever is sent while it is lost is sent when it is there again.

const AGAIN_AFTER = [200, 500, 1000, 2000, 5000];

export class Connection extends EventTarget {
  #name;
  #socket = null;
  #waiting = [];
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
    const address = new URL(`/phone/socket?name=${encodeURIComponent(this.#name)}`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      this.#socket = socket;
      this.#losses = 0;
      // The phone counts what comes over this socket from the start.
      this.applied = 0;
      this.sent = 0;
      socket.send(JSON.stringify({ hello: this.environment() }));
      this.#waiting.splice(0).forEach((message) => this.#send(message));
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
    this.#send({ event });
    return this.sent;
  }

  /** One of the tester's controls. */
  control(control) {
    this.#send({ control });
  }

  /** A touch of a service's page. */
  touched(entry) {
    this.#send({ touched: entry });
  }

  /** A call of a service's page; resolves to the answer's JSON. */
  call(entry, json) {
    const id = this.#next++;
    return new Promise((done, fail) => {
      this.#calls.set(id, { done, fail });
      this.#send({ call: { id, entry, json } });
    });
  }

  #send(message) {
    if (!this.#socket) {
      // A call that is lost is the page's to make again.
      if (message.event || message.control) this.#waiting.push(message);
      return;
    }
    if (message.event) this.sent += 1;
    this.#socket.send(JSON.stringify(message));
  }

  #heard(message) {
    if (message.answer) {
      const { id, json } = message.answer;
      this.#calls.get(id)?.done(json);
      this.#calls.delete(id);
      return;
    }
    if (message.frame) this.applied = message.applied;
    for (const kind of Object.keys(message)) this.dispatchEvent(new CustomEvent(kind, { detail: message }));
  }
}
