// Takes from a page what reaches a network past the phone, or another window, and what the Content-Security-Policy and
// the Permissions-Policy leave open. The shell runs it in every frame, blank ones too, before any script of the page.
(() => {
  "use strict";
  const scope = globalThis;
  // Gone for good: a page has no other way to these constructors, and a frame that it makes is guarded too.
  const take = (owner, name) => {
    if (!(name in owner)) return;
    // One that can't be taken keeps no other.
    try { delete owner[name]; } catch { /* Not configurable: covered below. */ }
    try {
      if (name in owner) Object.defineProperty(owner, name, { value: undefined, writable: false, configurable: false });
    } catch { /* Not even that. */ }
  };
  // Peer connections send packets of their own, in Chromium in spite of `webrtc 'block'`. Every browser names the
  // interfaces RTC…, older ones with a prefix; a name that comes later goes as well.
  for (const name of Object.getOwnPropertyNames(scope)) {
    if (/^(webkit|moz)?RTC/.test(name)) take(scope, name);
  }
  for (const name of [
    "WebSocket", "WebSocketStream", "WebTransport", "EventSource", "Worker", "SharedWorker", "fetchLater",
    "TCPSocket", "TCPServerSocket", "UDPSocket", "PaymentRequest", "PresentationRequest", "RemotePlayback",
    "Notification", "sharedStorage", "open", "print",
  ]) take(scope, name);
  for (const name of ["serviceWorker", "sendBeacon", "share", "registerProtocolHandler", "presentation", "credentials"]) {
    if (scope.Navigator) take(scope.Navigator.prototype, name);
  }
  if (scope.HTMLMediaElement) take(scope.HTMLMediaElement.prototype, "remote");
})();
