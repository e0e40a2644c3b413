//! Passes: credentials issued to keys of this phone, and the codes over them.
//!
//! ```text
//!   record.rs     what the vault keeps of a pass, its view, the order of passes
//!   issuance.rs   having passes issued, renewed and taken back (OpenID4VCI)
//!   codes.rs      signing, one ahead, watching; grants for counters
//! ```

mod codes;
mod issuance;
mod record;

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
use crate::views::{DisclosureView, HolderView, PassSituation, PassView, Topic};

pub use codes::{CodeListener, code, grant, watch};
pub use issuance::{add, holders};
use record::{Deleted, Disclosure, LastCode, Pass, Standing};

/// Largest status list that a phone fetches, in bytes.
const MAX_STATUS_LIST: usize = 4 << 20;

/// What is kept of passes while the app runs.
#[derive(Default)]
pub struct Passes {
    codes: codes::Codes,
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

/// Brings passes up to date: what their issuers say of them, and new ones for those that are due. Answers those that
/// were issued anew. It needs a network and, for new ones, a login.
pub async fn update(inner: &Arc<Inner>) -> Result<Vec<PassView>, Error> {
    let (owner, passes) = all(inner).await?;
    let mut lists = BTreeMap::new();
    for pass in &passes {
        let heard = match standing(inner, pass, &mut lists).await {
            Ok(heard) => heard,
            // An issuer that does not answer says nothing new.
            Err(error) => {
                tracing::info!(%error, "a pass's standing could not be learnt");
                continue;
            }
        };
        if heard != pass.standing {
            codes::set_standing(inner, &owner, pass, heard).await?;
        }
    }
    let (_, passes) = all(inner).await?;
    let now = inner.time.now();
    let due: Vec<Pass> = passes.into_iter().filter(|pass| pass.is_due(now)).collect();
    let renewed = if due.is_empty() { Ok(Vec::new()) } else { issuance::renew(inner, due).await };
    if let Err(error) = issuance::report_deleted(inner).await {
        tracing::info!(%error, "an issuer could not be told of a deleted pass");
    }
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
    let (owner, passes) = all(inner).await?;
    let pass = passes.into_iter().find(|pass| pass.id == id);
    let pass = pass.ok_or_else(|| Error::refused(Refusal::NotFound, "this pass is not on the phone"))?;
    let deleted = Deleted { id: pass.id.clone(), issuer: pass.issuer.clone() };
    inner
        .vault(move |vault| {
            vault.atomically(|vault| {
                vault.delete::<Pass>(&owner, &deleted.id)?;
                vault.delete::<LastCode>(&owner, &deleted.id)?;
                vault.put(&owner, &deleted.id, &deleted)
            })
        })
        .await?;
    inner.passes.codes.forget(&pass.id);
    let keys = Arc::clone(&inner.platform.keys);
    inner.blocking(move || Ok(keys.delete(&pass.key)?)).await?;
    inner.platform.observer.changed(Topic::Passes);
    if let Err(error) = issuance::report_deleted(inner).await {
        tracing::info!(%error, "an issuer could not be told of a deleted pass yet");
    }
    Ok(())
}

/// What was shown to counters, newest first.
pub async fn disclosures(inner: &Arc<Inner>) -> Result<Vec<DisclosureView>, Error> {
    let owner = inner.active_owner().await?;
    let mut all: Vec<Disclosure> = inner.vault(move |vault| vault.list(&owner)).await?;
    all.sort_by_key(|disclosure| std::cmp::Reverse(disclosure.at));
    let languages = &inner.config.languages;
    let view = |own: Disclosure| DisclosureView {
        at: own.at,
        pass: own.pass_names.best(languages).to_owned(),
        holder: own.holder.map(|own| HolderView { id: own.id, name: own.name, relation: own.relation }),
        verifier: own.verifier.best(languages).to_owned(),
        purpose: own.purpose.best(languages).to_owned(),
        fields: own.fields,
    };
    Ok(all.into_iter().map(view).collect())
}

/// Deletes the hardware keys of an account's passes, before its records go.
pub async fn forget(inner: &Arc<Inner>, account: &AccountId) -> Result<(), Error> {
    let owner = Owner::Account(account.clone());
    let passes: Vec<Pass> = inner.vault(move |vault| vault.list(&owner)).await?;
    passes.iter().for_each(|pass| inner.passes.codes.forget(&pass.id));
    let keys = Arc::clone(&inner.platform.keys);
    inner.blocking(move || Ok(passes.iter().try_for_each(|pass| keys.delete(&pass.key))?)).await
}
