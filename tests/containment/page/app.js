// Tries every way that leads off a page: by a name that says which it is, by an address of each kind, and to a port of the
// phone itself (`listening.json`, written by the test). `tried` resolves when it has tried all of them, with what it found of
// that which a shell takes from pages.
"use strict";
let done;
globalThis.tried = new Promise((resolve) => { done = resolve; });

const ways = {
  "fetch": ({ https }) => fetch(https, { mode: "no-cors" }),
  "fetch-keepalive": ({ https }) => fetch(https, { mode: "no-cors", method: "POST", keepalive: true, body: "a" }),
  "fetch-later": ({ https }) => fetchLater(https, { activateAfter: 0 }),
  "xhr": ({ https }) => { const request = new XMLHttpRequest(); request.open("GET", https); request.send(); },
  "beacon": ({ https }) => navigator.sendBeacon(https, "a"),
  "websocket": ({ wss }) => new WebSocket(wss),
  "websocket-stream": ({ wss }) => new WebSocketStream(wss),
  "event-source": ({ https }) => new EventSource(https),
  "webtransport": ({ https }) => new WebTransport(https),
  "preconnect": ({ https }) => link("preconnect", https),
  "preconnect-written": ({ https }) => document.body.insertAdjacentHTML("beforeend", `<link rel="preconnect" href="${https}">`),
  "dns-prefetch": ({ https }) => link("dns-prefetch", https),
  "prefetch": ({ https }) => link("prefetch", https),
  "preload": ({ https }) => link("preload", https, "fetch"),
  "modulepreload": ({ https }) => link("modulepreload", https),
  "prerender": ({ https }) => link("prerender", https),
  "stylesheet": ({ https }) => link("stylesheet", https),
  "icon": ({ https }) => link("icon", https),
  "speculation": ({ https }) => {
    const made = document.createElement("script");
    made.type = "speculationrules";
    made.textContent = JSON.stringify({ prefetch: [{ urls: [https] }], prerender: [{ urls: [https] }] });
    document.head.append(made);
  },
  "image": ({ https }) => { new Image().src = https; },
  "audio": ({ https }) => new Audio(https).play(),
  "script": ({ https }) => { const made = document.createElement("script"); made.src = https; document.head.append(made); },
  "module": ({ https }) => import(https),
  "font": ({ https }) => new FontFace("a", `url("${https}")`).load(),
  "iframe": ({ https }) => frame({ src: https }),
  "object": ({ https }) => { const made = document.createElement("object"); made.data = https; document.body.append(made); },
  "embed": ({ https }) => { const made = document.createElement("embed"); made.src = https; document.body.append(made); },
  "worker": ({ https }) => new Worker(URL.createObjectURL(new Blob([`fetch("${https}")`]))),
  "shared-worker": ({ https }) => new SharedWorker(URL.createObjectURL(new Blob([`fetch("${https}")`]))),
  "service-worker": () => navigator.serviceWorker.register("/app.js"),
  "worklet": ({ https }) => CSS.paintWorklet.addModule(https),
  "window": ({ https }) => window.open(https),
  "payment": ({ https }) => new PaymentRequest([{ supportedMethods: https }], { total: { label: "a", amount: { currency: "CNY", value: "1" } } }).canMakePayment(),
  "federated": ({ https }) => navigator.credentials.get({ identity: { providers: [{ configURL: https, clientId: "a" }] } }),
  "cast": ({ https }) => new PresentationRequest([https]).getAvailability(),
  "shared-storage": ({ https }) => sharedStorage.worklet.addModule(https),
  "svg-image": ({ https }) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "image");
    made.setAttribute("href", https);
    document.querySelector("svg")?.append(made);
  },
  "style": ({ https }) => { document.body.style.backgroundImage = `url("${https}")`; },
  "sheet": ({ https }) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`html { cursor: url("${https}"), auto; }`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  },
  "policy-report": ({ https }) => {
    const made = document.createElement("meta");
    made.httpEquiv = "content-security-policy";
    made.content = `img-src 'none'; report-uri ${https}`;
    document.head.append(made);
  },
};

// Peer connections, one for each way to their constructor: they ask each server for the phone's address, over UDP, and over TCP
// through a relay.
const peers = {
  "stun": (servers) => gathers(globalThis, servers),
  "stun-old-name": (servers) => gathers({ RTCPeerConnection: webkitRTCPeerConnection }, servers),
  "stun-blank-frame": (servers) => gathers(frame({}).contentWindow, servers),
  "stun-frame-by-number": (servers) => { frame({}); gathers(window[window.length - 1], servers); },
  "stun-srcdoc-frame": (servers) => {
    const made = frame({ srcdoc: "<p>a</p>" });
    made.addEventListener("load", () => gathers(made.contentWindow, servers));
  },
  "stun-script-frame": (servers) => gathers(frame({ src: "javascript:'<p>a</p>'" }).contentWindow, servers),
  "stun-own-frame": (servers) => {
    const made = frame({ src: "/second.html" });
    gathers(made.contentWindow, servers);
    made.addEventListener("load", () => gathers(made.contentWindow, servers));
  },
  "stun-object-frame": (servers) => {
    const made = document.createElement("object");
    made.data = "about:blank";
    made.addEventListener("load", () => gathers(made.contentWindow, servers));
    document.body.append(made);
  },
  "stun-moved-frame": (servers) => {
    const made = frame({});
    const other = document.implementation.createHTMLDocument("a");
    other.body.append(made);
    document.body.append(document.adoptNode(made));
    gathers(made.contentWindow, servers);
  },
  "stun-window": (servers) => gathers(window.open("about:blank"), servers),
};

function link(rel, href, as) {
  const made = document.createElement("link");
  Object.assign(made, { rel, href });
  if (as) made.as = as;
  document.head.append(made);
}

function frame(attributes) {
  const made = document.createElement("iframe");
  Object.assign(made, attributes);
  document.body.append(made);
  return made;
}

// What a frame with a script of the package's own finds in itself.
function inside() {
  const made = frame({ srcdoc: '<script src="/inside.js"></scr' + 'ipt>' });
  addEventListener("message", ({ data, source }) => { if (source === made.contentWindow) insideSaid = data; });
}
let insideSaid = null;

const held = [];
async function gathers(scope, iceServers) {
  const connection = new scope.RTCPeerConnection({ iceServers });
  held.push(connection);
  connection.createDataChannel("a");
  await connection.setLocalDescription(await connection.createOffer());
}

function targets(way, number, port) {
  const to = (host, path = `/${way}`) => ({ host, https: `https://${host}${path}`, wss: `wss://${host}${path}` });
  return [
    to(`${way}.page.example`),
    to(`198.51.100.${number}`),
    to(`[2001:db8:5::${number.toString(16)}]`),
    to(`127.0.0.1:${port}`),
    to(`[::1]:${port}`),
    { host: `127.0.0.1:${port}`, https: `http://127.0.0.1:${port}/${way}`, wss: `ws://127.0.0.1:${port}/${way}` },
  ];
}

// The names that are still there, in the page and in frames of each kind.
function still() {
  const names = ["RTCPeerConnection", "webkitRTCPeerConnection", "WebSocket", "EventSource", "WebTransport", "Worker", "open"];
  const scopes = { page: globalThis, blank: frame({}).contentWindow, "by number": window[window.length - 1] };
  for (let index = 0; index < window.length; index += 1) scopes[`frame ${index}`] = window[index];
  const seen = [];
  for (const [scope, object] of Object.entries(scopes)) {
    for (const name of names) {
      try { if (object[name]) seen.push(`${scope}: ${name}`); } catch { /* Of another origin. */ }
    }
  }
  return seen;
}

// What a library sees that keeps something.
function storage() {
  localStorage.setItem("a", 1);
  localStorage.b = "2";
  const seen = [localStorage.a, localStorage.getItem("b"), localStorage.length, localStorage.key(1), "b" in localStorage];
  seen.push(Object.keys(localStorage), JSON.stringify(localStorage), localStorage instanceof Storage);
  delete localStorage.b;
  sessionStorage.clear();
  return [...seen, localStorage.getItem("b"), sessionStorage.getItem("a"), document.cookie].join(" ");
}

// What is not there, or refuses, is one way less.
function attempt(what) {
  try { Promise.resolve(what()).catch(() => {}); } catch { /* The same. */ }
}

(async () => {
  const { port } = await (await fetch("/listening.json")).json();
  let number = 0;
  for (const [way, tries] of Object.entries(peers)) {
    number += 1;
    const hosts = targets(way, number, port).map(({ host }) => host);
    attempt(() => tries(hosts.flatMap((host) => [
      { urls: `stun:${host}` },
      { urls: `turn:${host}?transport=tcp`, username: "a", credential: "b" },
    ])));
  }
  for (const [way, tries] of Object.entries(ways)) {
    number += 1;
    for (const target of targets(way, number, port)) attempt(() => tries(target));
  }
  attempt(inside);
  for (const id of ["ping", "blank"]) attempt(() => document.getElementById(id).click());
  attempt(() => document.getElementById("form").submit());
  // What was begun needs a while to reach the wire: peer connections above all.
  let seconds = 0;
  const wait = () => {
    seconds += 1;
    const gathered = held.every(({ iceGatheringState }) => iceGatheringState === "complete");
    if (seconds >= 12 || (seconds >= 3 && gathered)) done(JSON.stringify({ still: still(), storage: storage(), inside: insideSaid }));
    else setTimeout(wait, 1000);
  };
  wait();
})();
