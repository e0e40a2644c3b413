// The page API of OneCity. Every function returns a promise; a refusal rejects with {code, message}.
// The shell gives the page one function, onecityBridge.call(json), which resolves to the answer's JSON.
(() => {
  "use strict";
  const { parse, stringify } = JSON;
  const freeze = Object.freeze;
  const bridge = globalThis.onecityBridge;
  async function call(method, params) {
    const answer = parse(await bridge.call(stringify({ method, params })));
    if (answer.error) throw answer.error;
    return answer.result;
  }

  // A page that has loaded without an error has come to work; until one has, the phone keeps the version before.
  let broken = false;
  addEventListener("error", () => { broken = true; });
  addEventListener("load", () => { if (!broken) call("ready", {}).catch(() => {}); });

  // What happens to the service, in order. The phone answers when there is something to tell.
  const listeners = new Map();
  let listening = false;
  async function listen() {
    for (;;) {
      const event = await call("next_event", {});
      for (const listener of listeners.get(event.type) ?? []) {
        try { listener(event); } catch (error) { reportError(error); }
      }
      if (event.type === "unloaded") return;
    }
  }
  function on(type, listener) {
    listeners.set(type, [...(listeners.get(type) ?? []), listener]);
    if (!listening) {
      listening = true;
      listen().catch(() => { listening = false; });
    }
  }

  // A page is of no origin, where the web's storage and cookies only throw, and libraries expect them. What they keep here
  // lives as long as the page (HTML §12.2; names of the interface's own hide those that are kept).
  function shortLived() {
    const held = new Map();
    const own = Object.create(globalThis.Storage?.prototype ?? Object.prototype, {
      getItem: { value: (key) => held.get(`${key}`) ?? null },
      setItem: { value: (key, value) => { held.set(`${key}`, `${value}`); } },
      removeItem: { value: (key) => { held.delete(`${key}`); } },
      clear: { value: () => held.clear() },
      key: { value: (index) => [...held.keys()][index >>> 0] ?? null },
      length: { get: () => held.size },
    });
    const target = Object.create(own);
    const shows = (key) => typeof key === "string" && held.has(key) && !(key in target);
    return new Proxy(target, {
      get: (_, key) => shows(key) ? held.get(key) : target[key],
      set: (_, key, value) => typeof key === "string" ? (held.set(key, `${value}`), true) : Reflect.set(target, key, value),
      has: (_, key) => shows(key) || key in target,
      deleteProperty: (_, key) => shows(key) ? held.delete(key) : Reflect.deleteProperty(target, key),
      ownKeys: () => [...[...held.keys()].filter(shows), ...Reflect.ownKeys(target)],
      getOwnPropertyDescriptor: (_, key) => shows(key)
        ? { value: held.get(key), writable: true, enumerable: true, configurable: true }
        : Reflect.getOwnPropertyDescriptor(target, key),
      defineProperty: (_, key, { value }) => typeof key === "string" && (held.set(key, `${value}`), true),
    });
  }
  for (const name of ["localStorage", "sessionStorage"]) {
    try { void globalThis[name].length; } catch {
      Object.defineProperty(globalThis, name, { value: shortLived(), configurable: true });
    }
  }
  try { void globalThis.document?.cookie; } catch {
    Object.defineProperty(Document.prototype, "cookie", { get: () => "", set: () => {}, configurable: true });
  }

  Object.defineProperty(globalThis, "onecity", {
    value: freeze({
      on,
      info: () => call("info", {}),
      login: () => call("login", {}),
      request: (url, { method = "GET", body = null, headers = {} } = {}) =>
        call("request", { method, url, body, headers }),
      submit: (url, title, body, { attachments = [], documents = [] } = {}) =>
        call("submit", { url, title, body, attachments, documents }),
      submissions: freeze({ list: () => call("submissions_list", {}) }),
      storage: freeze({
        get: (key) => call("storage_get", { key }),
        set: (key, value) => call("storage_set", { key, value }),
        keys: () => call("storage_keys", {}),
      }),
      draft: freeze({
        get: () => call("draft_get", {}),
        set: (title, body) => call("draft_set", { title, body }),
        handOver: () => call("draft_hand_over", {}),
      }),
      passes: freeze({
        add: (pass_type) => call("passes_add", { pass_type }),
        list: (pass_type) => call("passes_list", { pass_type }),
        show: (id) => call("passes_show", { id }),
      }),
      documents: freeze({
        request: (types) => call("documents_request", { types }),
        keep: (document) => call("documents_keep", { document }),
      }),
      scan: () => call("scan", {}),
      locate: () => call("locate", {}),
      pickPhoto: () => call("pick_photo", {}),
      share: (text, url = null) => call("share", { text, url }),
      navigate: (url) => call("navigate", { url }),
      openService: (uri, data = null) => call("open_service", { uri, data }),
      finish: (result = null) => call("finish", { result }),
      pay: (order) => call("pay", order),
      receipt: (order) => call("receipt", { order }),
    }),
  });
})();
