//! Connections of strangers: slow, silent, too many.

use std::io::ErrorKind;
use std::time::Duration;

use mock_server::{ConnectionLimits, WorldOptions};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::Tester;

async fn with_limits(connections: ConnectionLimits) -> Tester {
    Tester::with(WorldOptions { connections, ..WorldOptions::default() }).await
}

/// Reads until the other side ends the connection.
async fn until_it_ends(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut said)).await;
    let _ = read.expect("it ends");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_waited_for_who_is_slow() {
    let takes = Duration::from_millis(200);
    let limits = ConnectionLimits { head_takes: takes, body_takes: takes, ..ConnectionLimits::default() };
    let tester = with_limits(limits).await;
    let mut silent = TcpStream::connect(tester.server.address()).await.expect("connected");
    let mut head = TcpStream::connect(tester.server.address()).await.expect("connected");
    head.write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ").await.expect("sent");
    let mut body = TcpStream::connect(tester.server.address()).await.expect("connected");
    let begun = b"POST /city/vn-hn/reports HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n{";
    body.write_all(begun).await.expect("sent");
    let mut idle = TcpStream::connect(tester.server.address()).await.expect("connected");
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.expect("sent");
    assert_eq!(until_it_ends(&mut silent).await, "");
    until_it_ends(&mut head).await;
    assert!(until_it_ends(&mut body).await.starts_with("HTTP/1.1 408"));
    assert!(until_it_ends(&mut idle).await.starts_with("HTTP/1.1 200"), "an answer, and then no waiting for more");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_only_hold_a_place_give_way_to_somebody_who_asks() {
    let tester = with_limits(ConnectionLimits { most: 64, ..ConnectionLimits::default() }).await;
    let mut held = Vec::new();
    for number in 0..500 {
        let mut stream = TcpStream::connect(tester.server.address()).await.expect("connected");
        if number % 2 == 0 {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
        }
        held.push(stream);
        if number % 50 == 0 {
            assert_eq!(tester.ask("/city/vn-hn").await.expect("answered").status(), 200);
        }
    }
    assert_eq!(tester.ask("/city/vn-hn").await.expect("answered").status(), 200);
    // The first of them have lost their places.
    until_it_ends(&mut held[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_still_being_answered_keeps_the_place_that_those_give_up_who_have_their_answer() {
    let tester = with_limits(ConnectionLimits { most: 16, ..ConnectionLimits::default() }).await;
    let connect = async || TcpStream::connect(tester.server.address()).await.expect("connected");
    // The oldest of all watches what arrives; the next has become something else than HTTP.
    let live = tester.control(Method::GET, "/worlds/default/journal/live").send();
    let mut live = live.await.expect("answered");
    let mut socket = connect().await;
    let (host, origin) = (tester.server.address(), tester.world.web_origin());
    let upgrade = format!(
        "GET /phone/socket?name=held HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(upgrade.as_bytes()).await.expect("sent");
    let mut said = [0; 12];
    socket.read_exact(&mut said).await.expect("answered");
    assert_eq!(&said, b"HTTP/1.1 101");
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut stream = connect().await;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.expect("sent");
        stream.read_exact(&mut said).await.expect("answered");
        idle.push(stream);
    }
    until_it_ends(&mut idle[0]).await;
    assert_eq!(tester.ask("/city/vn-hn").await.expect("answered").status(), 200);
    let event = tokio::time::timeout(Duration::from_secs(20), live.chunk()).await.expect("something is told");
    assert!(event.expect("it goes on").is_some_and(|event| event.starts_with(b"event: exchange")));
    let mut rest = [0; 4096];
    let ended = async {
        loop {
            match socket.read(&mut rest).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_millis(100), ended).await;
    assert!(waited.is_err(), "the socket has lost its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_much_and_takes_nothing_of_it_does_not_keep_its_place() {
    let takes = Duration::from_millis(200);
    let limits = ConnectionLimits { most: 16, body_takes: takes, ..ConnectionLimits::default() };
    let tester = with_limits(limits).await;
    let answer = json!({ "kind": "reply", "body": "x".repeat(1 << 20) });
    let stub = json!({ "on": { "path": "/city/vn-hn/large" }, "answer": answer });
    tester.call(Method::POST, "/worlds/default/stubs", Some(stub)).await;
    // More than the system keeps for one who does not read.
    let mut greedy = TcpStream::connect(tester.server.address()).await.expect("connected");
    let asks = "GET /city/vn-hn/large HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".repeat(64);
    greedy.write_all(asks.as_bytes()).await.expect("sent");
    let mut others = Vec::new();
    let loses_its_place = async {
        loop {
            let mut stream = TcpStream::connect(tester.server.address()).await.expect("connected");
            stream.write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.expect("sent");
            let mut said = [0; 12];
            stream.read_exact(&mut said).await.expect("answered");
            others.push(stream);
            // Nothing is read of it, which would be taking: once it is closed, nothing can be written to it.
            match greedy.try_write(b"G") {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), loses_its_place).await.expect("it gives way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answers_what_is_under_way_and_lets_nobody_in() {
    let tester = Tester::new().await;
    let address = tester.server.address();
    tester.begins(json!({ "what": { "kind": "latency", "delay": { "fixed_ms": 400 } } })).await;
    let (http, url) = (tester.http.clone(), format!("{}/city/vn-hn", tester.world.origin()));
    let under_way = tokio::spawn(async move { http.get(url).send().await });
    // It is under way once the rule has met it.
    while tester.world.faults.list().first().is_some_and(|rule| rule.met == 0) {
        tokio::task::yield_now().await;
    }
    tester.server.stop().await;
    assert_eq!(under_way.await.expect("it went on").expect("answered").status(), 200);
    assert!(TcpStream::connect(address).await.is_err());
}
