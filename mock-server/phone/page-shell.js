// What a shell puts into a service's page before any script of the page: the way to the phone, through the frame's parent.
(() => {
  "use strict";
  if (globalThis.top === globalThis) return;
  const { parent } = globalThis;
  const post = parent.postMessage.bind(parent);
  const waiting = new Map();
  let next = 1;
  const call = (json) => new Promise((done, fail) => {
    const id = next++;
    waiting.set(id, { done, fail });
    post({ onecity: "call", id, json }, "*");
  });
  // Where the page is in its own history: how many steps from where it began.
  let steps = 0;
  let returns = false;
  const tell = () => post({ onecity: "history", deep: steps > 0 }, "*");
  const history = globalThis.history;
  const push = history.pushState.bind(history);
  history.pushState = (...all) => { push(...all); steps += 1; tell(); };
  addEventListener("popstate", () => { steps = Math.max(0, steps - 1); tell(); });
  addEventListener("hashchange", () => {
    if (!returns) steps += 1;
    returns = false;
    tell();
  });
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || typeof data !== "object" || data === null) return;
    if (data.onecity === "back") {
      returns = true;
      history.back();
      return;
    }
    const own = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.onecity === "answer") own?.done(data.answer);
    else if (data.onecity === "lost") own?.fail(new Error("the phone did not answer"));
  });
  addEventListener("pointerdown", () => post({ onecity: "touched" }, "*"), { capture: true });
  addEventListener("keydown", () => post({ onecity: "touched" }, "*"), { capture: true });
  Object.defineProperty(globalThis, "onecityBridge", { value: Object.freeze({ call }) });
})();
