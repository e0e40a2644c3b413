// The browser phone: paints what the app decides, sends what the resident does, and decides nothing.
//
//   connection.js  one WebSocket: events out, frames and changes in, again after it was lost
//   painter.js     blocks to elements, a painter for each kind
//   device.js      the frame around the screens: head, tabs, sheet, pages of services
//   platform.js    what the platform does for the app: browser, camera, place, sharing
//   strip.js       the tester's controls, outside the phone

import { Connection, fresh } from "./connection.js";
import { Device } from "./device.js";
import { Strip } from "./strip.js";

const name = new URLSearchParams(location.search).get("name") ?? sessionStorage.getItem("phone") ?? fresh();
// A page that is loaded again is the same phone.
sessionStorage.setItem("phone", name);
if (new URLSearchParams(location.search).has("bare")) document.body.classList.add("bare");

const connection = new Connection(name);
customElements.define("phone-device", class extends Device { connection = connection; });
customElements.define("phone-strip", class extends Strip { connection = connection; });
connection.open();
