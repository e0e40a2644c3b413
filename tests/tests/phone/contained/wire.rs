//! Every packet of the network that `tests/containment/run` makes, read off its cards.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use socket2::{Domain, Protocol, Socket, Type};

/// `ETH_P_ALL` of packet(7), in the network's byte order: packets of every protocol, in and out.
const EVERY_PROTOCOL: i32 = 0x0003_u16.to_be() as i32;
/// The domain of the page's own targets; its first label is the way that was tried.
const DOMAIN: &[u8] = b"\x04page\x07example";

/// The name server of that network. Names are asked for there, and none is known.
const NAME_SERVER: (&str, u16) = ("192.0.2.53", 53);

/// Something that was sent: where to, and which of the page's names is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Heard {
    pub to: SocketAddr,
    pub protocol: &'static str,
    pub name: Option<String>,
}

/// Listens until it is dropped.
pub(super) struct Wire {
    heard: Arc<Mutex<BTreeSet<Heard>>>,
    ends: Arc<AtomicBool>,
    reads: Option<JoinHandle<()>>,
}

impl Wire {
    /// Listens to all that leaves this phone, and to what reaches this port of it.
    ///
    /// # Panics
    ///
    /// Outside the network of `tests/containment/run`: what a page tries is only to be tried where nothing can leave.
    pub(super) fn new(trap: u16) -> Self {
        let cards = std::fs::read_to_string("/proc/self/net/dev").expect("Linux");
        let cards: BTreeSet<&str> =
            cards.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
        assert_eq!(cards, BTreeSet::from(["far", "lo", "out"]), "run this under tests/containment/run");
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(EVERY_PROTOCOL)));
        let mut socket = socket.expect("the right to read packets, which tests/containment/run gives");
        // Room for all that comes while nobody reads.
        socket.set_recv_buffer_size(16 << 20).expect("room");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        std::thread::spawn(names_nobody);
        let (heard, ends) = (Arc::<Mutex<BTreeSet<Heard>>>::default(), Arc::<AtomicBool>::default());
        let (to, end) = (Arc::clone(&heard), Arc::clone(&ends));
        let reads = std::thread::spawn(move || {
            let mut frame = vec![0; 1 << 16];
            loop {
                match socket.read(&mut frame) {
                    Ok(length) => to.lock().expect("held").extend(sent(&frame[..length], trap)),
                    // Everything that came before the end has been read when nothing more comes.
                    Err(_) if end.load(Ordering::Acquire) => return,
                    Err(_) => {}
                }
            }
        });
        Self { heard, ends, reads: Some(reads) }
    }

    /// What was heard so far.
    pub(super) fn so_far(&self) -> BTreeSet<Heard> {
        self.heard.lock().expect("held").clone()
    }

    /// All that was heard.
    pub(super) fn all(mut self) -> BTreeSet<Heard> {
        self.end();
        self.so_far()
    }

    fn end(&mut self) {
        self.ends.store(true, Ordering::Release);
        if let Some(reads) = self.reads.take() {
            reads.join().expect("it reads to the end");
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.end();
    }
}

/// Answers every query of the DNS with «no such name» (RFC 1035 §4.1.1: QR, RCODE 3), so that nobody waits for a name. Lives
/// as long as the process, and once in it.
fn names_nobody() {
    let Ok(server) = UdpSocket::bind(NAME_SERVER) else { return };
    let mut query = [0; 512];
    while let Ok((length, from)) = server.recv_from(&mut query) {
        if length > 3 {
            (query[2], query[3]) = (query[2] | 0x80, 0x83);
            let _ = server.send_to(&query[..length], from);
        }
    }
}

/// What counts of a frame: UDP and TCP, since nothing else can be sent by a page; to other machines, or to the trap.
fn sent(frame: &[u8], trap: u16) -> Option<Heard> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let to: IpAddr = match packet.net? {
        NetSlice::Ipv4(packet) => packet.header().destination_addr().into(),
        NetSlice::Ipv6(packet) => packet.header().destination_addr().into(),
        NetSlice::Arp(_) => return None,
    };
    let (protocol, port) = match packet.transport? {
        TransportSlice::Udp(packet) => ("UDP", packet.destination_port()),
        TransportSlice::Tcp(packet) => ("TCP", packet.destination_port()),
        _ => return None,
    };
    // The phone's own addresses: what comes back to them is no try.
    let own = to.is_loopback() || [NAME_SERVER.0, "203.0.113.1"].contains(&to.to_string().as_str());
    (!own || port == trap || (to.to_string(), port) == (NAME_SERVER.0.to_owned(), NAME_SERVER.1)).then(|| Heard {
        to: (to, port).into(),
        protocol,
        name: way(frame),
    })
}

/// The first label of a name of the page's in a query of the DNS (RFC 1035 §3.1: a label is its length and its bytes).
fn way(frame: &[u8]) -> Option<String> {
    let end = frame.windows(DOMAIN.len()).position(|bytes| bytes.eq_ignore_ascii_case(DOMAIN))?;
    let start =
        (1..=63).take_while(|length| *length < end).find(|length| usize::from(frame[end - length - 1]) == *length)?;
    Some(String::from_utf8_lossy(&frame[end - start..end]).to_ascii_lowercase())
}
