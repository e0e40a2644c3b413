//! The passes of this phone: listed, added, brought up to date, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use onecity_protocol::credential::{
    Credential, IssuerVerified, Refusal as GateRefusal, Status, StatusList, StatusListToken,
};
use onecity_protocol::region::RegionId;
use onecity_store::{AccountId, Owner};
use tokio::sync::Mutex;

use super::codes::Codes;
use super::record::{Deleted, LastCode, Pass, PassState, by_likelihood};
use crate::device::Device;
use crate::device::http::Outgoing;
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, Sessions};
use crate::registry::Registry;
use crate::views::{PassSituation, PassView, Topic};

/// Largest status list that a phone fetches, in bytes.
const MAX_STATUS_LIST: usize = 4 << 20;

/// The passes of this phone's accounts.
pub(crate) struct Passes {
    pub(super) device: Arc<Device>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) registry: Arc<Registry>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) codes: Codes,
    /// Whatever adds, renews, judges or deletes passes does so alone; showing codes waits for nobody.
    turn: Mutex<()>,
}

impl Passes {
    pub(crate) fn new(
        device: &Arc<Device>,
        accounts: &Arc<Accounts>,
        registry: &Arc<Registry>,
        sessions: &Arc<Sessions>,
    ) -> Arc<Self> {
        Arc::new(Self {
            device: Arc::clone(device),
            accounts: Arc::clone(accounts),
            registry: Arc::clone(registry),
            sessions: Arc::clone(sessions),
            codes: Codes::default(),
            turn: Mutex::default(),
        })
    }
}

impl Passes {
    async fn all(&self) -> Result<(Owner, Vec<Pass>), Error> {
        let owner = self.accounts.active_owner().await?;
        let of = owner.clone();
        let passes = self.device.vault(move |vault| vault.list::<Pass>(&of)).await?.records;
        Ok((owner, passes))
    }

    /// The passes of the active account, the likeliest to be wanted first.
    pub(crate) async fn list(&self, situation: &PassSituation) -> Result<Vec<PassView>, Error> {
        let (owner, passes) = self.all().await?;
        let (now, languages) = (self.device.time.now().await, self.device.languages());
        let mut views = self
            .device
            .vault(move |vault| {
                let view = |pass: &Pass| {
                    let last: Option<LastCode> = vault.get(&owner, &pass.id)?;
                    Ok(pass.view(&languages, now, last.map(|LastCode(at)| at)))
                };
                passes.iter().map(view).collect::<Result<Vec<PassView>, _>>()
            })
            .await?;
        by_likelihood(&mut views, situation);
        Ok(views)
    }

    /// Has a pass issued to a new key of this phone, and keeps it for the active account.
    /// `expected` is whose it must be, if that was settled before.
    pub(crate) async fn add(
        &self,
        region: &RegionId,
        word: &str,
        holder: Option<&str>,
        expected: Option<&Owner>,
    ) -> Result<PassView, Error> {
        let _turn = self.turn.lock().await;
        self.issue(region, word, holder, expected).await
    }

    /// Renews a pass whose key is gone, unless that has happened meanwhile.
    pub(super) async fn renew_one(&self, id: &str) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let (owner, passes) = self.all().await?;
        let due = passes.into_iter().filter(|pass| pass.id == id && pass.state == PassState::KeyGone).collect();
        self.renew(&owner, due).await.map(drop)
    }

    /// Brings passes up to date: what their issuers say of them, and new ones for those that are due. Answers those that
    /// were issued again. It needs a network and, for new ones, a login.
    pub(crate) async fn update(&self) -> Result<Vec<PassView>, Error> {
        let _turn = self.turn.lock().await;
        let (owner, passes) = self.all().await?;
        let mut lists = BTreeMap::new();
        for pass in &passes {
            let heard = match self.heard_of(pass, &mut lists).await {
                Ok(heard) => heard,
                // An issuer that does not answer says nothing new.
                Err(error) => {
                    tracing::info!(may_retry = error.may_retry(), "a pass's status could not be learnt");
                    continue;
                }
            };
            if heard != pass.state {
                self.set_state(&owner, pass, heard).await?;
            }
        }
        let of = owner.clone();
        let passes = self.device.vault(move |vault| vault.list::<Pass>(&of)).await?.records;
        let now = self.device.time.now().await;
        let due: Vec<Pass> = passes.into_iter().filter(|pass| pass.is_due(now)).collect();
        let renewed = if due.is_empty() { Ok(Vec::new()) } else { self.renew(&owner, due).await };
        self.report_deleted(&owner).await;
        renewed
    }
}

/// Status lists by region and number, each fetched once an update.
type Lists = BTreeMap<(RegionId, u64), StatusList>;

impl Passes {
    async fn heard_of(&self, pass: &Pass, lists: &mut Lists) -> Result<PassState, Error> {
        // The phone's own key is not the issuer's to judge.
        if pass.state == PassState::KeyGone {
            return Ok(PassState::KeyGone);
        }
        let first = pass.region.first_level().unwrap_or_else(|| pass.region.clone());
        let trust = self.registry.trust_list(&first).await?;
        let credential = Credential::parse(&pass.credential)?;
        match IssuerVerified::verify(&credential, &trust) {
            Ok(_) => {}
            Err(GateRefusal::UnknownIssuer | GateRefusal::IssuerSignature | GateRefusal::IssuerNotAllowed) => {
                return Ok(PassState::IssuerKeyWithdrawn);
            }
            Err(refusal) => return Err(Error::SignatureInvalid { what: refusal.to_string() }),
        }
        let place = (first, pass.status_entry().list);
        if !lists.contains_key(&place) {
            let url = self.device.http.url(&format!("{}/{}", trust.status_base, place.1))?;
            let answer = self.device.http.send(Outgoing::get(url).limit(MAX_STATUS_LIST)).await?;
            if !answer.status.is_success() {
                return Err(Error::network(format!("the status list answered {}", answer.status.as_u16())));
            }
            let genuine = |error: onecity_protocol::credential::StatusListError| Error::SignatureInvalid {
                what: error.to_string(),
            };
            let list = StatusListToken::parse(&answer.body).map_err(genuine)?;
            lists.insert(place.clone(), list.verify(&trust, self.device.time.now().await).map_err(genuine)?);
        }
        let list = &lists[&place];
        if list.issuer() != pass.issuer || list.number() != place.1 || list.expires() <= self.device.time.now().await {
            return Ok(pass.state);
        }
        Ok(match list.status(pass.status_entry()) {
            Some(Status::Valid) => PassState::Good,
            Some(Status::Invalid) => PassState::Revoked,
            Some(Status::Suspended) => PassState::Suspended,
            Some(Status::Other(_)) | None => pass.state,
        })
    }

    /// Deletes a pass: its record, then its key. The issuer is told, now or when there is a network, and revokes it.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let (owner, passes) = self.all().await?;
        let pass = passes.into_iter().find(|pass| pass.id == id);
        let pass = pass.ok_or_else(|| Error::refused(Refusal::NotFound, "this pass is not on the phone"))?;
        let (deleted, of) = (Deleted::of(&pass), owner.clone());
        self.device
            .vault(move |vault| {
                vault.atomically(|vault| {
                    vault.delete::<Pass>(&of, &deleted.id)?;
                    vault.delete::<LastCode>(&of, &deleted.id)?;
                    vault.put(&of, &deleted.id, &deleted)
                })
            })
            .await?;
        self.codes.forget(&pass.key);
        self.device.keys.delete(&pass.key).await?;
        self.device.notices.changed(Topic::Passes);
        self.report_deleted(&owner).await;
        Ok(())
    }

    /// Deletes the hardware keys of an account's passes, before its records go. With a network their issuers revoke them
    /// first; without one they stay on the issuers' lists, and nobody has the keys to them.
    pub(crate) async fn forget(&self, account: &AccountId) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let owner = Owner::Account(account.clone());
        let of = owner.clone();
        let passes: Vec<Pass> = self
            .device
            .vault(move |vault| {
                vault.atomically(|vault| {
                    let passes = vault.list::<Pass>(&of)?.records;
                    passes.iter().try_for_each(|pass| vault.put(&of, &pass.id, &Deleted::of(pass)))?;
                    Ok(passes)
                })
            })
            .await?;
        // A logout does not wait for a network that is not there.
        if !passes.is_empty() && !self.device.http.is_offline() {
            let telling = self.report_deleted(&owner);
            if tokio::time::timeout(self.device.config.timeouts.silence, telling).await.is_err() {
                tracing::info!("the issuers did not answer in time for a logout");
            }
        }
        passes.iter().for_each(|pass| self.codes.forget(&pass.key));
        for pass in &passes {
            self.device.keys.delete(&pass.key).await?;
        }
        Ok(())
    }
}
