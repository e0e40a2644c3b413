//! A network that breaks off at every byte of an answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mock_server::{Server, World};
use onecity_core::{Error, SubmissionState};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::Kit;

/// Stands where the server was, and breaks off after so many bytes of the answers to a path that ends like this.
struct Wire {
    cut: Mutex<Option<(&'static str, usize)>>,
    /// How long the answer would have been.
    length: AtomicUsize,
    struck: AtomicBool,
}

impl Wire {
    async fn start(kit: &Kit) -> Arc<Self> {
        let address = kit.server.address();
        kit.server.stop().await;
        let listener = TcpListener::bind(address).await.expect("the server's place");
        let behind = behind(&kit.world).await;
        let wire =
            Arc::new(Self { cut: Mutex::new(None), length: AtomicUsize::new(0), struck: AtomicBool::new(false) });
        let own = Arc::clone(&wire);
        tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                let own = Arc::clone(&own);
                tokio::spawn(async move { own.carry(phone, behind).await });
            }
        });
        wire
    }

    fn cut(&self, path: &'static str, at: usize) {
        self.struck.store(false, Ordering::SeqCst);
        *self.cut.lock().expect("held") = Some((path, at));
    }

    /// Whether the cut fell within an answer; there are no more bytes to cut at if not.
    fn struck(&self) -> bool {
        self.cut.lock().expect("held").take();
        self.struck.load(Ordering::SeqCst)
    }

    /// One request and its answer.
    async fn carry(&self, mut phone: TcpStream, behind: SocketAddr) -> Option<()> {
        let request = request(&mut phone).await?;
        let line = String::from_utf8_lossy(&request).lines().next()?.to_owned();
        let mut server = TcpStream::connect(behind).await.ok()?;
        server.write_all(&closing(&request)?).await.ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await.ok()?;
        let at = {
            let cut = self.cut.lock().expect("held");
            let applies = |path: &str| line.split(' ').nth(1).is_some_and(|own| own.ends_with(path));
            cut.filter(|(path, _)| applies(path)).map(|(_, at)| at)
        };
        if let Some(at) = at {
            self.length.store(answer.len(), Ordering::SeqCst);
            self.struck.fetch_or(at < answer.len(), Ordering::SeqCst);
            answer.truncate(at);
        }
        phone.write_all(&answer).await.ok()?;
        phone.shutdown().await.ok()
    }
}

/// The same world at another address.
async fn behind(world: &Arc<World>) -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let server = Server::restart(Arc::clone(world), free).expect("a port");
    let address = server.address();
    tokio::spawn(server.run_until(std::future::pending()));
    address
}

async fn request(phone: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= head + 4 + length.unwrap_or(0) {
                return Some(bytes);
            }
        }
        match phone.read(&mut buffer).await.ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// The same request, after which the connection ends.
fn closing(request: &[u8]) -> Option<Vec<u8>> {
    let line = request.windows(2).position(|window| window == b"\r\n")?;
    Some([&request[..line], b"\r\nconnection: close", &request[line..]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_cut_at_every_byte_costs_no_session() {
    let kit = Kit::logged_in().await;
    let wire = Wire::start(&kit).await;
    let mut at = 0;
    loop {
        kit.skip(400);
        wire.cut("/token", at);
        let first = kit.phone.client().sessions().await;
        let struck = wire.struck();
        match first {
            Ok(_) if !struck => break,
            // All of the body had come.
            Ok(_) => {}
            Err(error) => assert!(matches!(error, Error::Network { .. }), "byte {at}: {error:?}"),
        }
        kit.phone.client().sessions().await.unwrap_or_else(|error| panic!("byte {at}: {error}"));
        at += 1;
    }
    // Answers differ by a few bytes: tokens do not pack alike.
    assert!(at > 300 && at.abs_diff(wire.length.load(Ordering::SeqCst)) < 16, "every byte: {at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_cut_at_every_byte_of_its_answer_arrives_once() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let wire = Wire::start(&kit).await;
    let mut at = 0;
    wire.cut("/reports", at);
    let id = page.submit(&kit.url("/reports"), json!({ "lamp": 7 })).await.expect("kept");
    loop {
        kit.phone.client().deliver().await.expect("tried");
        let all = kit.phone.client().submissions().await.expect("listed");
        let own = all.iter().find(|own| own.id == id).expect("it is never lost");
        assert!(kit.world.submissions_taken() <= 1);
        match &own.state {
            SubmissionState::Delivered { receipt, .. } => {
                assert_eq!(receipt["received"]["lamp"], 7, "byte {at}: the receipt is whole");
                break;
            }
            SubmissionState::Waiting { .. } => {}
            SubmissionState::Refused { reason, .. } => panic!("byte {at}: {reason}"),
        }
        at += 1;
        wire.cut("/reports", at);
    }
    assert_eq!(kit.world.submissions_taken(), 1);
    assert!(at > 150, "every byte: {at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_an_answer_whole_or_not_at_all() {
    let kit = Kit::new().await;
    let mut page = kit.opens("everything").await;
    let whole = page.get(&kit.url("")).await.expect("an answer")["body"].clone();
    let wire = Wire::start(&kit).await;
    let mut at = 0;
    loop {
        // Another address each time, so that nothing was kept of it.
        let url = format!("{}?n={at}&/whole", kit.url(""));
        wire.cut("/whole", at);
        let answer = page.get(&url).await;
        let struck = wire.struck();
        match answer {
            Ok(answer) => assert_eq!(answer["body"], whole, "byte {at}"),
            // This page has had its share of calls; another one has not.
            Err(code) if code == "busy" => {
                page = kit.opens("everything").await;
                continue;
            }
            Err(code) => assert_eq!(code, "network", "byte {at}"),
        }
        if !struck {
            break;
        }
        at += 1;
    }
    assert!(at > 100 && at == wire.length.load(Ordering::SeqCst), "every byte: {at}");
}
