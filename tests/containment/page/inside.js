// In a frame that the page has made: what a guard has left here, and whether a peer connection leaves from here.
"use strict";
const names = ["RTCPeerConnection", "webkitRTCPeerConnection", "WebSocket", "EventSource", "WebTransport", "Worker", "open"];
parent.postMessage(names.filter((name) => globalThis[name]), "*");
try {
  const connection = new RTCPeerConnection({ iceServers: [{ urls: "stun:stun-inside-frame.page.example" }] });
  connection.createDataChannel("a");
  connection.createOffer().then((offer) => connection.setLocalDescription(offer));
} catch { /* It is not there. */ }
