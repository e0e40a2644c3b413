//! Passes against an issuer in memory, whose key the registry's trust list holds.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::credential::{
    Audience, Claims, CredentialDraft, GatePolicy, PublicKey, StatusEntry, WINDOW_DEFAULT,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{CodeListener, Passes};
use crate::device::testing::{Bench, CountedKeys, Reply, Seen};
use crate::error::{Error, Refusal};
use crate::identity::testing::Identity;
use crate::platform::{Clock, Platform};
use crate::registry::testing::{FakeRegistry, ISSUER, region};
use crate::views::{CodeView, PassSituation, PassStatus, PassView};

/// The session's key, and the one that the tokens for the issuer are bound to.
const WITHOUT_PASSES: usize = 2;

/// A phone with a registry, a provider and an issuer.
struct Kit {
    identity: Identity,
    registry: FakeRegistry,
    passes: Arc<Passes>,
    keys: Arc<CountedKeys>,
    /// How long a pass lasts, in seconds.
    lasts: Arc<Mutex<i64>>,
}

fn bench(kit: &Kit) -> &Bench {
    &kit.identity.bench
}

impl Kit {
    async fn new() -> Self {
        let keys = Arc::new(CountedKeys::default());
        let own = Arc::clone(&keys);
        let (bench, registry) = FakeRegistry::start(|platform| Platform { keys: own, ..platform });
        let part = registry.synced(&bench).await;
        let identity = Identity::new(bench);
        let passes = Passes::new(identity.device(), &identity.accounts, &part, &identity.sessions);
        let kit = Self { identity, registry, passes, keys, lasts: Arc::new(Mutex::new(30 * 86_400)) };
        kit.serve_issuer();
        kit
    }

    fn serve_issuer(&self) {
        let claims = self.registry.issuer.claims().clone();
        let kid = self.registry.issuer.issuer().public().expect("a key").kid();
        let (issuer, clock) =
            (self.registry.issuer.another(|_| ()).expect("the same issuer"), Arc::clone(&bench(self).clock));
        let (lasts, mut number) = (Arc::clone(&self.lasts), 0_u64);
        let issue = move |seen: &Seen, claims: &Claims| {
            let holders = seen.json()["proofs"]["jwt"].as_array().cloned().unwrap_or_default();
            let issued = holders.iter().map(|proof| {
                number += 1;
                let now = clock.wall() / 1000;
                let claims = Claims {
                    cti: number.to_be_bytes(),
                    issued: now,
                    expires: now + *lasts.lock().expect("whole"),
                    status: StatusEntry { list: 3, index: number },
                    window: WINDOW_DEFAULT,
                    ..claims.clone()
                };
                let draft = CredentialDraft::new(&claims, &key_of(proof.as_str().expect("a proof")), kid);
                let signature = issuer.issuer().sign(draft.message()).expect("signed");
                json!({ "credential": URL_SAFE_NO_PAD.encode(draft.sign(&signature)) })
            });
            Reply::json(&json!({ "credentials": issued.collect::<Vec<_>>() }))
        };
        let issue = Mutex::new(issue);
        bench(self).http.serve(move |seen| {
            Some(match seen.url.strip_prefix(ISSUER)? {
                "/.well-known/openid-credential-issuer" => Reply::json(&json!({
                    "credential_issuer": ISSUER,
                    "credential_endpoint": format!("{ISSUER}/credential"),
                    "nonce_endpoint": format!("{ISSUER}/nonce"),
                    "credential_configurations_supported": { "transit": { "format": "cq1" } },
                    "onecity_holders_endpoint": format!("{ISSUER}/holders"),
                    "onecity_revocation_endpoint": format!("{ISSUER}/revoke"),
                })),
                "/nonce" => Reply::json(&json!({ "c_nonce": "n" })),
                "/credential" => (issue.lock().expect("whole"))(seen, &claims),
                "/holders" => Reply::json(&json!({ "holders": [{ "id": "an", "name": "An", "relation": "child" }] })),
                "/revoke" => Reply::status(204),
                _ => Reply::status(404),
            })
        });
    }

    async fn add(&self) -> Result<PassView, Error> {
        self.passes.add(&region("cn-sd/jinan"), "transit", None, None).await
    }

    async fn list(&self) -> Vec<PassView> {
        self.passes.list(&PassSituation::default()).await.expect("listed")
    }

    /// What the issuer's status list says of pass number one: 0 for valid, 1 for invalid, 2 for suspended
    /// (draft-ietf-oauth-status-list §7.1).
    fn status(&self, status: u8) {
        let now = bench(self).clock.wall() / 1000;
        let list = self.registry.issuer.status_list(now, now + 86_400, |all| {
            assert!(all.set(1, status), "in range");
        });
        bench(self).http.always("/status/3", Reply::bytes(list.expect("signed")));
    }
}

/// The key in the header of a proof.
fn key_of(proof: &str) -> PublicKey {
    let header = URL_SAFE_NO_PAD.decode(proof.split('.').next().expect("a header")).expect("encoded");
    let header: Value = serde_json::from_slice(&header).expect("read");
    let part = |name: &str| URL_SAFE_NO_PAD.decode(header["jwk"][name].as_str().expect("there")).expect("encoded");
    PublicKey::from_sec1(&[vec![4], part("x"), part("y")].concat()).expect("a point")
}

#[tokio::test]
async fn a_pass_is_issued_to_a_key_of_its_own_and_its_code_opens_a_gate() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let pass = kit.add().await.expect("issued");
    assert_eq!((pass.status, kit.keys.alive()), (PassStatus::Good, WITHOUT_PASSES + 1));
    assert_eq!(kit.list().await, std::slice::from_ref(&pass));
    let code = kit.passes.code(&pass.id, Audience::ANY).await.expect("a code");
    let mut gate = kit.registry.issuer.gate(GatePolicy::any(), code.issued - 3600).expect("a gate");
    assert!(gate.check(&code.text, code.issued).opens());
    let next = kit.passes.code(&pass.id, Audience::ANY).await.expect("another");
    assert!(next.issued > code.issued, "no second is signed for twice");
}

#[tokio::test]
async fn without_a_login_no_pass_is_issued_and_no_key_is_left() {
    let kit = Kit::new().await;
    assert!(matches!(kit.add().await, Err(Error::LoginRequired { .. })));
    assert_eq!(kit.keys.alive(), 0);
    let none = kit.passes.code("nothing", Audience::ANY).await.map(drop);
    assert!(matches!(none, Err(Error::Refused { reason: Refusal::NotFound, .. })));
}

#[tokio::test]
async fn an_issuer_that_says_no_or_answers_nonsense_leaves_no_key() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let answers = [
        Reply::json(&json!({ "detail": "ask at the counter" })).with_status(403),
        Reply::json(&json!({ "credentials": [{ "credential": "AAAA" }] })),
        Reply::json(&json!({ "credentials": [] })),
        Reply::bytes("nonsense"),
    ];
    for answer in answers {
        kit.identity.bench.http.once("/credential", answer.clone());
        let refused = kit.add().await.expect_err("no pass");
        assert!(!refused.may_retry(), "{answer:?}: {refused}");
        assert_eq!(kit.keys.alive(), WITHOUT_PASSES, "{answer:?}");
    }
}

#[tokio::test]
async fn a_full_disk_takes_no_pass_and_leaves_no_key() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    bench(&kit).fill_disk().await;
    let refused = kit.add().await.expect_err("no room");
    assert!(matches!(refused, Error::Refused { reason: Refusal::StorageFull, .. }), "{refused}");
    assert_eq!((kit.keys.alive(), kit.list().await.len()), (1, 0));
}

#[tokio::test]
async fn what_an_issuer_has_suspended_or_revoked_shows_no_code() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let pass = kit.add().await.expect("issued");
    for (status, shown, reason) in
        [(2, PassStatus::Suspended, Refusal::PassSuspended), (1, PassStatus::Revoked, Refusal::PassRevoked)]
    {
        kit.status(status);
        kit.passes.update().await.expect("heard");
        assert_eq!(kit.list().await[0].status, shown);
        let refused = kit.passes.code(&pass.id, Audience::ANY).await.map(drop).expect_err("no code");
        assert!(matches!(&refused, Error::Refused { reason: own, .. } if *own == reason), "{refused}");
    }
    kit.status(0);
    kit.passes.update().await.expect("heard");
    assert_eq!(kit.list().await[0].status, PassStatus::Good);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_changes_nothing() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    kit.add().await.expect("issued");
    bench(&kit).http.lose("/status/3");
    assert!(kit.passes.update().await.expect("nothing new").is_empty());
    assert_eq!(kit.list().await[0].status, PassStatus::Good);
}

#[tokio::test]
async fn a_pass_is_renewed_before_it_ends_and_the_old_one_is_revoked() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let old = kit.add().await.expect("issued");
    bench(&kit).clock.skip(25 * 86_400_000);
    assert_eq!(kit.list().await[0].status, PassStatus::RenewalDue);
    let renewed = kit.passes.update().await.expect("renewed");
    assert_eq!((renewed.len(), kit.list().await.len(), kit.keys.alive()), (1, 1, WITHOUT_PASSES + 1));
    assert_eq!(bench(&kit).http.count("/revoke"), 1);
    let code = kit.passes.code(&old.id, Audience::ANY).await.expect("a screen that shows the old one goes on");
    assert_eq!(code.pass_id, renewed[0].id);
}

#[tokio::test]
async fn a_pass_whose_key_is_gone_is_issued_again_if_there_is_a_network_and_a_login() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let pass = kit.add().await.expect("issued");
    kit.keys.lose_all();
    let refused = kit.passes.code(&pass.id, Audience::ANY).await.map(drop).expect_err("the session's key went, too");
    assert!(matches!(refused, Error::Refused { reason: Refusal::PassKeyGone, .. }), "{refused}");
    assert_eq!(kit.list().await[0].status, PassStatus::NeedsRenewal);
    kit.identity.log_in("lan").await.expect("logged in again");
    kit.passes.code(&pass.id, Audience::ANY).await.expect("a code of the new pass");
}

#[tokio::test]
async fn an_expired_pass_shows_no_code() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let pass = kit.add().await.expect("issued");
    bench(&kit).clock.skip(31 * 86_400_000);
    let refused = kit.passes.code(&pass.id, Audience::ANY).await.map(drop).expect_err("expired");
    assert!(matches!(refused, Error::Refused { reason: Refusal::PassExpired, .. }));
}

#[tokio::test]
async fn a_pass_that_is_removed_is_gone_with_its_key_and_revoked_when_there_is_a_network() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let pass = kit.add().await.expect("issued");
    bench(&kit).http.lose("/revoke");
    kit.passes.remove(&pass.id).await.expect("removed");
    assert_eq!((kit.list().await.len(), kit.keys.alive()), (0, WITHOUT_PASSES));
    kit.passes.update().await.expect("told");
    assert_eq!(bench(&kit).http.count("/revoke"), 2);
    let gone = kit.passes.remove(&pass.id).await.expect_err("gone");
    assert!(matches!(gone, Error::Refused { reason: Refusal::NotFound, .. }));
}

#[tokio::test]
async fn a_logout_deletes_the_keys_of_all_passes() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    kit.add().await.expect("issued");
    let account = kit.identity.accounts.active().await.expect("read").expect("lan");
    kit.passes.forget(&account).await.expect("forgotten");
    assert_eq!((kit.keys.alive(), bench(&kit).http.count("/revoke")), (WITHOUT_PASSES, 1));
}

#[tokio::test]
async fn a_child_s_pass_is_issued_to_a_child_that_the_issuer_knows() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let holders = kit.passes.holders(&region("cn-sd"), "transit").await.expect("listed");
    assert_eq!(holders[0].relation, "child");
    let pass = kit.passes.add(&region("cn-sd"), "transit", Some("an"), None).await.expect("issued");
    assert_eq!(pass.holder.map(|own| own.name).as_deref(), Some("An"));
    let unknown = kit.passes.add(&region("cn-sd"), "transit", Some("nobody"), None).await.expect_err("unknown");
    assert!(matches!(unknown, Error::Refused { reason: Refusal::NotFound, .. }));
    let other = kit.passes.holders(&region("cn-sd"), "library").await.expect_err("no such pass");
    assert!(matches!(other, Error::Refused { reason: Refusal::NotFound, .. }));
}

#[tokio::test]
async fn a_counter_that_the_registry_does_not_know_gets_no_grant() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let pass = kit.add().await.expect("issued");
    let refused = kit.passes.grant(&pass.id, Audience::gate(9), 1).await.map(drop).expect_err("unknown");
    assert!(matches!(refused, Error::Refused { reason: Refusal::NotFound, .. }));
}

struct Screen(mpsc::UnboundedSender<Result<CodeView, Error>>);

impl CodeListener for Screen {
    fn code(&self, code: CodeView) {
        let _ = self.0.send(Ok(code));
    }
    fn failed(&self, error: Error) {
        let _ = self.0.send(Err(error));
    }
}

#[tokio::test]
async fn a_screen_is_told_the_next_code_when_it_is_due_and_the_reason_when_there_is_none() {
    let kit = Kit::new().await;
    kit.identity.log_in("lan").await.expect("logged in");
    let pass = kit.add().await.expect("issued");
    let (tell, mut told) = mpsc::unbounded_channel();
    let watching = kit.passes.watch(&pass.id, Audience::ANY, Arc::new(Screen(tell)));
    let first = told.recv().await.expect("told").expect("a code");
    bench(&kit).clock.skip((first.next - first.issued) * 1000);
    let second = told.recv().await.expect("told").expect("a code");
    assert!(second.issued >= first.next);
    kit.passes.remove(&pass.id).await.expect("removed");
    bench(&kit).clock.skip((first.next - first.issued) * 1000);
    let end = told.recv().await.expect("told").expect_err("no more");
    assert!(matches!(end, Error::Refused { reason: Refusal::NotFound, .. }));
    drop(watching);
}
