// The page API of OneCity. Every function returns a promise; a refusal rejects with {code, message}.
// The shell gives the page one function, onecityBridge.call(json), which resolves to the answer's JSON.
(() => {
  "use strict";
  async function call(method, params) {
    const answer = JSON.parse(await globalThis.onecityBridge.call(JSON.stringify({ method, params })));
    if (answer.error) throw answer.error;
    return answer.result;
  }
  // A page that has loaded without an error has come to work; until one has, the phone keeps the version before.
  let broken = false;
  addEventListener("error", () => { broken = true; });
  addEventListener("load", () => { if (!broken) call("ready", {}).catch(() => {}); });
  const freeze = Object.freeze;
  Object.defineProperty(globalThis, "onecity", {
    value: freeze({
      /** {region, region_name, languages, service} */
      info: () => call("info", {}),
      /** Asks the city's back end; resolves to {status, body}. */
      request: (url, { method = "GET", body = null } = {}) => call("request", { method, url, body }),
      /** Hands something in; it is kept until the city has it, with or without a network. */
      submit: (url, title, body) => call("submit", { url, title, body }),
      storage: freeze({
        get: (key) => call("storage_get", { key }),
        set: (key, value) => call("storage_set", { key, value }),
      }),
      passes: freeze({
        add: (pass_type) => call("passes_add", { pass_type }),
        list: (pass_type) => call("passes_list", { pass_type }),
        show: (id) => call("passes_show", { id }),
      }),
    }),
  });
})();
