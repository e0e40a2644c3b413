//! Documents and payments, under the trust list of a registry in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::bridge::PageOrder;
use onecity_protocol::service::ServiceId;
use onecity_store::Owner;
use serde_json::{Value, json};
use tokio::sync::Notify;
use url::Url;

use super::{Documents, Payee, Payments};
use crate::device::testing::Bench;
use crate::error::{Error, Refusal};
use crate::identity::Accounts;
use crate::platform::{Clock, Photo, Platform, Position, ServiceHost, Shared};
use crate::registry::testing::{FakeRegistry, ISSUER, region};
use crate::views::{DocumentStatus, HandOverView};

/// A shell that opens browsers and shares, and tells the test.
#[derive(Default)]
struct Host {
    browsed: Mutex<Vec<String>>,
    shared: Mutex<Vec<Shared>>,
    opened: Notify,
}

#[async_trait]
impl ServiceHost for Host {
    async fn show_pass(&self, _: String) {}
    async fn show_hand_over(&self, _: HandOverView) {}
    async fn scan(&self) -> Option<String> {
        None
    }
    async fn locate(&self) -> Option<Position> {
        None
    }
    async fn pick_photo(&self) -> Option<Photo> {
        None
    }
    async fn share(&self, shared: Shared) -> bool {
        self.shared.lock().expect("whole").push(shared);
        true
    }
    async fn open_browser(&self, url: String) -> bool {
        self.browsed.lock().expect("whole").push(url);
        self.opened.notify_one();
        true
    }
    async fn open_service(&self, _: String, _: String, _: ServiceId) -> Option<String> {
        None
    }
    async fn finish_service(&self, _: ServiceId, _: String) {}
}

struct Kit {
    bench: Bench,
    registry: FakeRegistry,
    host: Arc<Host>,
    documents: Arc<Documents>,
    payments: Arc<Payments>,
}

impl Kit {
    async fn new() -> Self {
        let host = Arc::new(Host::default());
        let own = Arc::clone(&host);
        let (bench, registry) = FakeRegistry::start(|platform| Platform { host: own, ..platform });
        let part = registry.synced(&bench).await;
        let accounts = Accounts::new(&bench.device);
        let documents = Documents::new(&bench.device, &part, &accounts);
        let payments = Payments::new(&bench.device, &part, &accounts);
        Self { bench, registry, host, documents, payments }
    }

    fn now(&self) -> i64 {
        self.bench.clock.wall() / 1000
    }

    /// A document as the issuer signs it, with one field that can be left out.
    fn signed(&self, claims: &Value) -> String {
        let disclosure = URL_SAFE_NO_PAD.encode(json!(["salt", "address", "Jinan"]).to_string());
        let digest = ring::digest::digest(&ring::digest::SHA256, disclosure.as_bytes());
        let mut payload = json!({ "iss": ISSUER, "iat": self.now(), "_sd": [URL_SAFE_NO_PAD.encode(digest)] });
        for (name, value) in claims.as_object().into_iter().flatten() {
            payload[name] = value.clone();
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&json!({ "alg": "ES256", "typ": "dc+sd-jwt" })), encode(&payload));
        let signature = self.registry.issuer.issuer().sign(message.as_bytes()).expect("signed");
        format!("{message}.{}~{disclosure}~", URL_SAFE_NO_PAD.encode(signature.raw()))
    }

    fn certificate(&self) -> String {
        self.signed(&json!({ "vct": "certificate", "title": "Certificate", "exp": self.now() + 1000 }))
    }
}

fn report() -> ServiceId {
    "cn-sd/jinan/report".parse().expect("a service")
}

#[tokio::test]
async fn a_document_is_kept_shown_handed_in_shared_in_part_and_removed() {
    let kit = Kit::new().await;
    let text = kit.certificate();
    let kept = kit.documents.keep(&Owner::Phone, &region("cn-sd/jinan"), &text).await.expect("kept");
    kit.documents.keep(&Owner::Phone, &region("cn-sd"), &text).await.expect("the same one");
    assert_eq!((kept.title.as_str(), kept.status, kept.fields.len()), ("Certificate", DocumentStatus::Good, 1));
    assert_eq!(kit.documents.list().await.expect("listed"), std::slice::from_ref(&kept));
    let types = ["certificate".to_owned()];
    assert_eq!(kit.documents.of_types(Owner::Phone, &types).await.expect("found").len(), 1);
    assert_eq!(kit.documents.to_hand_in(&Owner::Phone, &kept.id).await.expect("handed in").1, text);
    kit.documents.share(&kept.id, &[]).await.expect("shared");
    let shared = kit.host.shared.lock().expect("whole").remove(0);
    let seen = kit.documents.check(&region("cn-sd"), &shared.text).await.expect("genuine");
    assert!(seen.fields.is_empty(), "the address was left out");
    kit.documents.remove(&kept.id).await.expect("removed");
    assert!(kit.documents.list().await.expect("listed").is_empty());
}

#[tokio::test]
async fn a_document_that_is_not_genuine_is_not_kept_and_one_that_is_not_here_is_refused() {
    let kit = Kit::new().await;
    let forged = kit.certificate().replace("~", "A~");
    let refused = kit.documents.keep(&Owner::Phone, &region("cn-sd"), &forged).await.expect_err("forged");
    assert!(matches!(refused, Error::SignatureInvalid { .. }));
    let other = kit.signed(&json!({ "vct": "passport" }));
    assert!(kit.documents.check(&region("cn-sd"), &other).await.is_err(), "the issuer may not sign these");
    let not_found = |own: Error| matches!(own, Error::Refused { reason: Refusal::NotFound, .. });
    assert!(not_found(kit.documents.remove("x").await.expect_err("not here")));
    assert!(not_found(kit.documents.share("x", &[]).await.expect_err("not here")));
    assert!(not_found(kit.documents.to_hand_in(&Owner::Phone, "x").await.map(drop).expect_err("not here")));
    assert!(matches!(kit.documents.keep(&Owner::Phone, &region("cn"), &forged).await, Err(Error::InvalidInput { .. })));
}

#[tokio::test]
async fn an_expired_document_is_shown_and_handed_in_nowhere() {
    let kit = Kit::new().await;
    let kept = kit.documents.keep(&Owner::Phone, &region("cn-sd"), &kit.certificate()).await.expect("kept");
    kit.bench.clock.skip(2_000_000);
    assert_eq!(kit.documents.list().await.expect("listed")[0].status, DocumentStatus::Expired);
    let refused = kit.documents.to_hand_in(&Owner::Phone, &kept.id).await.map(drop).expect_err("expired");
    assert!(matches!(refused, Error::Refused { reason: Refusal::DocumentExpired, .. }));
    let types = ["certificate".to_owned()];
    assert!(kit.documents.of_types(Owner::Phone, &types).await.expect("found").is_empty());
}

fn order() -> PageOrder {
    let order = json!({ "url": "https://jinan.example/pay", "order": "A-1", "amount": 500, "currency": "CNY" });
    serde_json::from_value(order).expect("an order")
}

/// Begins to pay, and answers with the state that the page was told.
async fn begin(kit: &Kit) -> (tokio::task::JoinHandle<Result<crate::views::ReceiptView, Error>>, String) {
    let payments = Arc::clone(&kit.payments);
    let page = Url::parse("https://jinan.example/pay").expect("a URL");
    let payee = Payee {
        service: report(),
        region: region("cn-sd/jinan"),
        name: "Report".to_owned(),
        publisher: "Jinan".to_owned(),
    };
    let paying = tokio::spawn(async move { payments.pay(&Owner::Phone, payee, page, order()).await });
    kit.host.opened.notified().await;
    let browsed = Url::parse(&kit.host.browsed.lock().expect("whole").pop().expect("opened")).expect("a URL");
    let state = browsed.query_pairs().find(|(name, _)| name == "state").expect("told").1.into_owned();
    (paying, state)
}

#[tokio::test]
async fn a_payment_ends_with_a_receipt_for_this_very_order() {
    let kit = Kit::new().await;
    let (paying, state) = begin(&kit).await;
    let receipt = |member: &str, value: Value| {
        let mut claims = json!({
            "vct": "receipt", "sub": "A-1", "amount": 500, "currency": "CNY", "unit": "cn-sd/jinan", "state": state,
        });
        claims[member] = value;
        kit.signed(&claims)
    };
    for (member, value) in [
        ("sub", json!("A-2")),
        ("amount", json!(1)),
        ("amount", json!("500")),
        ("currency", json!("VND")),
        ("unit", json!("cn-sd/qingdao")),
        ("unit", json!("cn-sd/jinan/~transport")),
        ("unit", json!(null)),
        ("state", json!("another payment's")),
        ("state", json!(null)),
        ("vct", json!("residence_certificate")),
    ] {
        let wrong = receipt(member, value.clone());
        let refused = kit.payments.finish(&format!("onecity://pay?state={state}&receipt={wrong}")).await;
        assert!(matches!(refused, Err(Error::SignatureInvalid { .. })), "{member} {value}: {refused:?}");
    }
    let right = receipt("sub", json!("A-1"));
    kit.payments.finish(&format!("onecity://pay?state={state}&receipt={right}")).await.expect("paid");
    assert_eq!(paying.await.expect("ended").expect("paid").amount, 500);
    let kept = kit.payments.receipt(&Owner::Phone, &report(), "A-1").await.expect("read");
    assert_eq!(kept.map(|own| own.order).as_deref(), Some("A-1"));
    let again = kit.payments.finish(&format!("onecity://pay?state={state}&receipt={right}")).await;
    assert!(matches!(again, Err(Error::Refused { reason: Refusal::NotFound, .. })), "an answer counts once");
}

#[tokio::test]
async fn a_payment_that_was_given_up_tells_the_page_and_keeps_nothing() {
    let kit = Kit::new().await;
    let (paying, state) = begin(&kit).await;
    assert_eq!(kit.payments.finish(&format!("onecity://pay?state={state}")).await, Err(Error::Cancelled));
    assert_eq!(paying.await.expect("ended"), Err(Error::Cancelled));
    assert_eq!(kit.payments.receipt(&Owner::Phone, &report(), "A-1").await.expect("read"), None);
    let unknown = kit.payments.finish("onecity://pay?state=x").await;
    assert!(matches!(unknown, Err(Error::Refused { reason: Refusal::NotFound, .. })));
}
