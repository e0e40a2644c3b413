//! A page that tries every way off the phone, in real web views: Chromium and `WebKitGTK`, driven as a shell drives its own.
//!
//! ```text
//!   page ──> engine ──files──> ServiceSession::resource        what leaves otherwise is a packet, and `wire` hears it
//! ```
//!
//! Run by `tests/run` as `tests/containment/run cargo test … --test phone -- --ignored contained`: the page tries what reaches
//! strangers, so it runs only where nothing can leave. What gets out with a part of the contract left out shows that the page
//! does try, and what the part is for.

mod chromium;
mod refusing;
mod webkit;
mod wire;

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

use onecity_core::{Resource, ResourceRequest, ServiceSession};
use onecity_protocol::bridge::PAGE_GUARD;

use crate::kit::{Kit, jinan, manifest, publish, service};
use refusing::RefusingProxy;
use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard};
use wire::{Heard, Wire};

/// The pages that are opened one after the other; each of those behind the first only leaves, in a way of its own.
const PAGES: [&str; 6] = [
    "index.html",
    "leave-by-meta.html",
    "leave-by-link.html",
    "leave-by-download.html",
    "leave-by-script.html",
    "leave-by-form.html",
];

/// What the page's script says when it has tried everything: which of what a guard takes away are still there.
const TRIED: &str = "new Promise((done) => {
    const look = () => { globalThis.tried ? globalThis.tried.then(done) : setTimeout(look, 50); };
    look();
    setTimeout(done, 30_000, 'it is still trying');
})";

/// There is one network, and what is heard in it belongs to one test.
static NETWORK: Mutex<()> = Mutex::const_new(());

/// How much of the contract of `docs/page-api.md`, "What a page lives in", a shell keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shell {
    /// All of it.
    Whole,
    /// All but the guard.
    NoGuard,
    /// The core's headers and the guard, with a web view that has a network.
    WithNetwork,
    /// Nothing: an ordinary browser.
    Browser,
}

impl Shell {
    /// Whether the web view has no network: all that it would ask one for is refused.
    fn no_network(self) -> bool {
        matches!(self, Self::Whole | Self::NoGuard)
    }

    /// What runs before any script of a page, in every frame.
    fn guard(self) -> Option<&'static str> {
        matches!(self, Self::Whole | Self::WithNetwork).then_some(PAGE_GUARD)
    }
}

/// The service that means harm, open on a phone, and what a page of it could reach here.
struct Contained {
    kit: Kit,
    session: Arc<ServiceSession>,
    shell: Shell,
    /// Where the web view is sent with all that it would ask a network for.
    proxy: RefusingProxy,
    wire: Wire,
    /// A port of the phone that pages try to reach, over TCP and UDP and at both loopback addresses.
    _trap: (Vec<TcpListener>, Vec<UdpSocket>),
    _alone: MutexGuard<'static, ()>,
}

/// What came of all the page's tries.
struct Tried {
    heard: BTreeSet<Heard>,
    /// What the refusing proxy was asked for.
    asked: BTreeSet<String>,
    /// Of what a guard takes away, what the page still found, in itself and in its frames.
    still: Vec<String>,
    /// What the web's storage answered.
    storage: String,
    /// What a script in a frame that the page made found there, if it ran.
    inside: Option<Vec<String>>,
}

/// What the page's script says when it has tried everything.
#[derive(Deserialize)]
struct Said {
    still: Vec<String>,
    storage: String,
    inside: Option<Vec<String>>,
}

impl Tried {
    /// The ways of the page by which its names were heard in the network.
    fn ways(&self) -> BTreeSet<&str> {
        self.heard.iter().filter_map(|heard| heard.name.as_deref()).collect()
    }

    /// Those of these ways by which nothing was heard.
    fn silent<'a>(&self, ways: &[&'a str]) -> Vec<&'a str> {
        let heard = self.ways();
        ways.iter().copied().filter(|way| !heard.contains(way)).collect()
    }

    /// Whether the page does try these ways: an engine with that much to do at once may leave out the one or the other.
    fn has_tried(&self, ways: &[&str]) -> bool {
        self.silent(ways).len() * 5 <= ways.len()
    }
}

impl Contained {
    async fn new(shell: Shell) -> Self {
        let alone = NETWORK.lock().await;
        let first = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = first.local_addr().expect("bound").port();
        let trap = vec![first, TcpListener::bind(("::1", port)).expect("the same port")];
        let udp = ["127.0.0.1", "::1"].map(|host| UdpSocket::bind((host, port)).expect("the same port")).into();
        let wire = Wire::new(port);

        let kit = Kit::new().await;
        let listening = format!(r#"{{"port":{port}}}"#);
        let files: [(&str, &[u8]); 13] = [
            ("index.html", include_bytes!("../../../containment/page/index.html")),
            ("app.js", include_bytes!("../../../containment/page/app.js")),
            ("inside.js", include_bytes!("../../../containment/page/inside.js")),
            ("app.css", include_bytes!("../../../containment/page/app.css")),
            ("leave-by-meta.html", include_bytes!("../../../containment/page/leave-by-meta.html")),
            ("leave-by-meta.js", include_bytes!("../../../containment/page/leave-by-meta.js")),
            ("leave-by-link.html", include_bytes!("../../../containment/page/leave-by-link.html")),
            ("leave-by-link.js", include_bytes!("../../../containment/page/leave-by-link.js")),
            ("leave-by-download.html", include_bytes!("../../../containment/page/leave-by-download.html")),
            ("leave-by-script.html", include_bytes!("../../../containment/page/leave-by-script.html")),
            ("leave-by-script.js", include_bytes!("../../../containment/page/leave-by-script.js")),
            ("leave-by-form.html", include_bytes!("../../../containment/page/leave-by-form.html")),
            ("leave-by-form.js", include_bytes!("../../../containment/page/leave-by-form.js")),
        ];
        let files = [&files[..], &[("listening.json", listening.as_bytes())]].concat();
        let mut manifest = manifest("harmful", 1, kit.world.origin());
        manifest["pages"] = PAGES.iter().chain(&["second"]).map(|page| page.trim_end_matches(".html")).collect();
        publish(&kit.world, &manifest, &files);
        kit.phone.client().sync(&jinan()).await.expect("synced");
        let session = kit.phone.client().open_service(&service("harmful"), &jinan()).await.expect("opened");
        Self { kit, session, shell, proxy: RefusingProxy::new(), wire, _trap: (trap, udp), _alone: alone }
    }

    /// A file of the service as this shell answers with it.
    async fn resource(&self, request: ResourceRequest) -> Resource {
        let mut found = self.kit.phone.client().resource(&self.session, request).await.expect("an answer");
        if self.shell == Shell::Browser {
            let kept = ["cache-control", "etag", "access-control-allow-origin"];
            found.headers.retain(|header| kept.contains(&header.name.as_str()));
        }
        found
    }

    /// What came of it, once the engine has ended.
    async fn ended(self, said: &str) -> Tried {
        self.kit.server.stop().await;
        let said: Said = serde_json::from_str(said).unwrap_or_else(|_| panic!("it did not try everything: {said}"));
        let Said { still, storage, inside } = said;
        Tried { heard: self.wire.all(), asked: self.proxy.asked(), still, storage, inside }
    }
}
