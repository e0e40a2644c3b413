//! The proxy that a contained web view is given: it refuses everything.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Answers every request with 403, and remembers what was asked for.
pub(super) struct RefusingProxy {
    port: u16,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl RefusingProxy {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::<Mutex<BTreeSet<String>>>::default();
        let notes = Arc::clone(&asked);
        // It lives as long as the process; each connection is one line and one answer.
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || {
                    let mut line = String::new();
                    let _ = BufReader::new(&connection).read_line(&mut line);
                    notes.lock().expect("held").insert(line.trim_end().to_owned());
                    let _ = (&connection)
                        .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                });
            }
        });
        Self { port, asked }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The first lines of the requests.
    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().expect("held").clone()
    }
}
