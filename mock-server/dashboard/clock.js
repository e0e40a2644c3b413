// What time it is in the world.

import { button, complain, of, read } from "./api.js";
import { card, h, redraw } from "./dom.js";
import { language, t } from "./words.js";

const speeds = [1, 60, 3600];

export function clockCard(signal) {
  const face = h("p", { class: "face" });
  const state = h("p", { class: "quiet" });
  const acts = h("div", { class: "row" });
  let clock;
  let since;

  const shown = () => {
    if (!clock) return;
    const now = new Date(clock.milliseconds + (performance.now() - since) * clock.speed);
    face.textContent = now.toLocaleString(language(), { dateStyle: "full", timeStyle: "medium" });
  };

  const set = (now) => {
    [clock, since] = [now, performance.now()];
    state.textContent = clock.speed === 0 ? t("frozen") : clock.speed === 1 ? t("at-machine-speed") : t("times-as-fast", clock.speed);
    const change = (label, said, pressed) => button(label, { method: "PATCH", path: of("clock"), said, then: set, pressed });
    redraw(acts, [clock.speed, language()], () => [
      change(t("freeze"), { speed: clock.speed === 0 ? 1 : 0 }, clock.speed === 0),
      change(t("plus-minute"), { jump_seconds: 60 }),
      change(t("plus-hour"), { jump_seconds: 3600 }),
      change(t("plus-day"), { jump_seconds: 86400 }),
      ...speeds.slice(1).map((speed) => change(`${speed}×`, { speed: clock.speed === speed ? 1 : speed }, clock.speed === speed)),
      change(t("machine-time"), { follow_machine: true }),
    ]);
    shown();
  };

  const look = () => read(of("clock")).then(set, (error) => complain(error.message));
  look();
  const ticking = setInterval(shown, 250);
  signal.addEventListener("abort", () => clearInterval(ticking));
  document.addEventListener("world-changed", look, { signal });
  return card("clock", t("clock"), face, state, acts);
}
