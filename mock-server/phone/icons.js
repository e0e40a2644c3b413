// One set of icons, drawn from the paths that the app has for every shell.

import paths from "/phone/icon-paths.js";

const SPACE = "http://www.w3.org/2000/svg";

/** An icon by its name; it says nothing to a screen reader, the label beside it does. */
export function icon(name) {
  const drawn = document.createElementNS(SPACE, "svg");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  for (const d of paths[name] ?? []) {
    const path = document.createElementNS(SPACE, "path");
    path.setAttribute("d", d);
    drawn.append(path);
  }
  return drawn;
}
