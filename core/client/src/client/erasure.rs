//! What reaches across the parts: logging out, taking a consent back, clearing a service. Each removes what several
//! parts have, in an order in which an end of the app midway leaves nothing that still works.

use std::sync::Arc;

use onecity_protocol::manifest::Permission;
use onecity_protocol::service::ServiceId;
use onecity_store::Owner;

use crate::device::{Device, spawn};
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, Consents, Sessions};
use crate::services::{Submissions, forget_all};
use crate::views::Topic;
use crate::wallet::Passes;

/// Removes things.
pub(super) struct Erasure {
    pub device: Arc<Device>,
    pub accounts: Arc<Accounts>,
    pub consents: Arc<Consents>,
    pub sessions: Arc<Sessions>,
    pub passes: Arc<Passes>,
    pub submissions: Arc<Submissions>,
}

impl Erasure {
    /// Removes the active account from this phone: its keys, then everything that the vault has of it. The issuers of its
    /// passes and its provider are told, now or (the provider) as soon as there is a network.
    ///
    /// # Errors
    /// [`Refusal::StillWaiting`] if submissions wait to be sent, unless `discard_waiting` says that they may be lost.
    pub(super) async fn log_out(&self, discard_waiting: bool) -> Result<(), Error> {
        let Some((account, _)) = self.sessions.active().await? else { return Ok(()) };
        let owner = Owner::Account(account.clone());
        if !discard_waiting {
            if self.submissions.waiting(&owner).await? > 0 {
                self.submissions.deliver_of(owner.clone()).await;
            }
            if self.submissions.waiting(&owner).await? > 0 {
                let why = "some of what you handed in has not been sent yet, and would be lost; connect to a network";
                return Err(Error::refused(Refusal::StillWaiting, why));
            }
        }
        self.passes.forget(&account).await?;
        self.sessions.end(account).await?;
        let sessions = Arc::clone(&self.sessions);
        spawn(async move { sessions.tell_ended().await });
        Ok(())
    }

    /// Takes a consent of the active account back, by the name of its permission: the service asks again. With the
    /// consent to a login go the service's tokens and what its back end said because of them.
    pub(super) async fn revoke_consent(&self, service: &ServiceId, permission: &str) -> Result<(), Error> {
        let owner = self.accounts.active_owner().await?;
        let is_login = permission == Permission::Login.name();
        let (of, from) = (owner.clone(), service.clone());
        let also = move |vault: &onecity_store::Vault| if is_login { forget_all(vault, &of, &from) } else { Ok(()) };
        self.consents.remove(&owner, service, permission, also).await?;
        if is_login {
            self.sessions.forget_service(&owner, service).await?;
        }
        Ok(())
    }

    /// Removes everything that a service has on this phone for the active account, consents included, and its package;
    /// what waits to be sent stays.
    pub(super) async fn clear_service(&self, service: &ServiceId) -> Result<(), Error> {
        let owner = self.accounts.active_owner().await?;
        self.sessions.forget_service(&owner, service).await?;
        let of = service.clone();
        self.device.vault(move |vault| vault.clear_service(&owner, &of)).await?;
        let of = service.clone();
        self.device.catalogue(move |catalogue| catalogue.remove_packages(&of)).await?;
        self.device.notices.changed(Topic::Home);
        Ok(())
    }
}
