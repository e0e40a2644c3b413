//! Passes: credentials issued to keys of this phone, and the codes over them.
//!
//! ```text
//!   record.rs     what the vault keeps of a pass, its view, the order of passes
//!   issuer.rs     what an issuer says of itself, and how the phone talks to it
//!   issuance.rs   having passes issued and renewed (OpenID4VCI)
//!   revocation.rs having them taken back
//!   codes.rs      signing, one ahead, watching; grants for counters
//! ```

mod codes;
mod issuance;
mod issuer;
mod record;
mod revocation;

use std::collections::BTreeMap;
use std::sync::Arc;

use onecity_protocol::credential::{
    Credential, IssuerVerified, Refusal as GateRefusal, Status, StatusList, StatusListToken,
};
use onecity_protocol::region::RegionId;
use onecity_store::{AccountId, Owner};

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;
use crate::registry_sync::trust_list;
use crate::views::{PassSituation, PassView, Topic};

pub use codes::{CodeListener, code, grant, watch};
pub use issuance::holders;
pub use record::Holder;
use record::{Deleted, LastCode, Pass, Standing};

/// Largest status list that a phone fetches, in bytes.
const MAX_STATUS_LIST: usize = 4 << 20;

/// What is kept of passes while the app runs.
#[derive(Default)]
pub struct Passes {
    codes: codes::Codes,
    /// Whatever adds, renews, judges or deletes passes does so alone; showing codes waits for nobody.
    turn: tokio::sync::Mutex<()>,
}

async fn all(inner: &Arc<Inner>) -> Result<(Owner, Vec<Pass>), Error> {
    let owner = inner.active_owner().await?;
    let of = owner.clone();
    let passes = inner.vault(move |vault| vault.list(&of)).await?;
    Ok((owner, passes))
}

/// The passes of the active account, the likeliest to be wanted first.
pub async fn list(inner: &Arc<Inner>, situation: &PassSituation) -> Result<Vec<PassView>, Error> {
    let (owner, passes) = all(inner).await?;
    let (now, languages) = (inner.time.now(), inner.config.languages.clone());
    let mut views = inner
        .vault(move |vault| {
            let view = |pass: &Pass| {
                let last: Option<LastCode> = vault.get(&owner, &pass.id)?;
                Ok(pass.view(&languages, now, last.map(|LastCode(at)| at)))
            };
            passes.iter().map(view).collect::<Result<Vec<PassView>, _>>()
        })
        .await?;
    record::by_likelihood(&mut views, situation);
    Ok(views)
}

/// Has a pass issued to a new key of this phone, and keeps it for the active account.
/// `expected` is whose it must be, if that was settled before.
pub async fn add(
    inner: &Arc<Inner>,
    region: &RegionId,
    word: &str,
    holder: Option<&str>,
    expected: Option<&Owner>,
) -> Result<PassView, Error> {
    let _turn = inner.passes.turn.lock().await;
    issuance::add(inner, region, word, holder, expected).await
}

/// Renews a pass whose key is gone, unless that has happened meanwhile.
async fn renew_one(inner: &Arc<Inner>, id: &str) -> Result<(), Error> {
    let _turn = inner.passes.turn.lock().await;
    let (owner, passes) = all(inner).await?;
    let due = passes.into_iter().filter(|pass| pass.id == id && pass.standing == Standing::KeyGone).collect();
    issuance::renew(inner, &owner, due).await.map(drop)
}

/// Brings passes up to date: what their issuers say of them, and new ones for those that are due. Answers those that
/// were issued anew. It needs a network and, for new ones, a login.
pub async fn update(inner: &Arc<Inner>) -> Result<Vec<PassView>, Error> {
    let _turn = inner.passes.turn.lock().await;
    let (owner, passes) = all(inner).await?;
    let mut lists = BTreeMap::new();
    for pass in &passes {
        let heard = match standing(inner, pass, &mut lists).await {
            Ok(heard) => heard,
            // An issuer that does not answer says nothing new.
            Err(error) => {
                tracing::info!(may_retry = error.may_retry(), "a pass's standing could not be learnt");
                continue;
            }
        };
        if heard != pass.standing {
            codes::set_standing(inner, &owner, pass, heard).await?;
        }
    }
    let of = owner.clone();
    let passes: Vec<Pass> = inner.vault(move |vault| vault.list(&of)).await?;
    let now = inner.time.now();
    let due: Vec<Pass> = passes.into_iter().filter(|pass| pass.is_due(now)).collect();
    let renewed = if due.is_empty() { Ok(Vec::new()) } else { issuance::renew(inner, &owner, due).await };
    revocation::report_deleted(inner, &owner).await;
    renewed
}

/// Status lists by region and number, each fetched once an update.
type Lists = BTreeMap<(RegionId, u64), StatusList>;

async fn standing(inner: &Arc<Inner>, pass: &Pass, lists: &mut Lists) -> Result<Standing, Error> {
    // The phone's own key is not the issuer's to judge.
    if pass.standing == Standing::KeyGone {
        return Ok(Standing::KeyGone);
    }
    let first = pass.region.first_level().unwrap_or_else(|| pass.region.clone());
    let trust = trust_list(inner, &first).await?;
    let credential = Credential::parse(&pass.credential)?;
    match IssuerVerified::verify(&credential, &trust) {
        Ok(_) => {}
        Err(GateRefusal::UnknownIssuer | GateRefusal::IssuerSignature | GateRefusal::IssuerNotAllowed) => {
            return Ok(Standing::IssuerKeyWithdrawn);
        }
        Err(refusal) => return Err(Error::SignatureInvalid { what: refusal.to_string() }),
    }
    let place = (first, pass.status().list);
    if !lists.contains_key(&place) {
        let url = inner.net.url(&format!("{}/{}", trust.status_base, place.1))?;
        let answer = inner.net.send(Outgoing::get(url).limit(MAX_STATUS_LIST).timeless()).await?;
        if !answer.status.is_success() {
            return Err(Error::network(format!("the status list answered {}", answer.status.as_u16())));
        }
        let genuine =
            |error: onecity_protocol::credential::StatusListError| Error::SignatureInvalid { what: error.to_string() };
        let list = StatusListToken::parse(&answer.body).map_err(genuine)?;
        lists.insert(place.clone(), list.verify(&trust, inner.time.now()).map_err(genuine)?);
    }
    let list = &lists[&place];
    if list.issuer() != pass.issuer || list.number() != place.1 || list.expires() <= inner.time.now() {
        return Ok(pass.standing);
    }
    Ok(match list.status(pass.status()) {
        Some(Status::Valid) => Standing::Good,
        Some(Status::Invalid) => Standing::Revoked,
        Some(Status::Suspended) => Standing::Suspended,
        Some(Status::Other(_)) | None => pass.standing,
    })
}

/// Deletes a pass: its record, then its key. The issuer is told, now or when there is a network, and revokes it.
pub async fn remove(inner: &Arc<Inner>, id: &str) -> Result<(), Error> {
    let _turn = inner.passes.turn.lock().await;
    let (owner, passes) = all(inner).await?;
    let pass = passes.into_iter().find(|pass| pass.id == id);
    let pass = pass.ok_or_else(|| Error::refused(Refusal::NotFound, "this pass is not on the phone"))?;
    let (deleted, of) = (Deleted::of(&pass), owner.clone());
    inner
        .vault(move |vault| {
            vault.atomically(|vault| {
                vault.delete::<Pass>(&of, &deleted.id)?;
                vault.delete::<LastCode>(&of, &deleted.id)?;
                vault.put(&of, &deleted.id, &deleted)
            })
        })
        .await?;
    inner.passes.codes.forget(&pass.key);
    let keys = Arc::clone(&inner.platform.keys);
    inner.blocking(move || Ok(keys.delete(&pass.key)?)).await?;
    inner.platform.observer.changed(Topic::Passes);
    revocation::report_deleted(inner, &owner).await;
    Ok(())
}

/// Deletes the hardware keys of an account's passes, before its records go. With a network their issuers revoke them
/// first; without one they stay on the issuers' lists, and nobody has the keys to them.
pub async fn forget(inner: &Arc<Inner>, account: &AccountId) -> Result<(), Error> {
    let _turn = inner.passes.turn.lock().await;
    let owner = Owner::Account(account.clone());
    let of = owner.clone();
    let passes: Vec<Pass> = inner
        .vault(move |vault| {
            vault.atomically(|vault| {
                let passes: Vec<Pass> = vault.list(&of)?;
                passes.iter().try_for_each(|pass| vault.put(&of, &pass.id, &Deleted::of(pass)))?;
                Ok(passes)
            })
        })
        .await?;
    // A logout does not wait for a network that is not there.
    if !passes.is_empty() && !inner.net.is_offline() {
        let telling = revocation::report_deleted(inner, &owner);
        if tokio::time::timeout(inner.config.patience.silence, telling).await.is_err() {
            tracing::info!("the issuers did not answer in time for a logout");
        }
    }
    passes.iter().for_each(|pass| inner.passes.codes.forget(&pass.key));
    let keys = Arc::clone(&inner.platform.keys);
    inner.blocking(move || Ok(passes.iter().try_for_each(|pass| keys.delete(&pass.key))?)).await
}
