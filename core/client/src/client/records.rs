//! What an app keeps of its own, sealed like all else: settings, and where the resident was. It is opaque to the client.

use onecity_store::{Owner, Record};
use serde::{Deserialize, Serialize};

use super::Client;
use crate::error::{Error, Refusal};
use crate::identity::Accounts;

/// Longest name of a record, in bytes.
const MAX_NAME: usize = 64;
/// Largest record, in bytes.
const MAX_RECORD: usize = 1 << 20;

/// Whose a record of the app's is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AppRecordOwner {
    /// The phone's: it outlives a logout.
    Phone,
    /// An account's, by its id, as long as it is the active one; none for while nobody is logged in. It goes with the account.
    Account(Option<String>),
}

impl AppRecordOwner {
    /// Whose the record is in the vault, if that is who is at the phone now.
    async fn in_vault(&self, accounts: &Accounts) -> Result<Owner, Error> {
        let Self::Account(wanted) = self else { return Ok(Owner::Phone) };
        let active = accounts.active_owner().await?;
        let is_wanted = match &active {
            Owner::Phone => wanted.is_none(),
            Owner::Account(id) => wanted.as_deref() == Some(id.as_str()),
        };
        is_wanted.then_some(active).ok_or_else(|| Error::refused(Refusal::NotFound, "another account is active by now"))
    }
}

/// A record of the app's.
#[derive(Serialize, Deserialize)]
struct AppRecord(String);

impl Record for AppRecord {
    const KIND: &'static str = "app";
    const FORMAT: u8 = 1;
}

/// The name in the vault. While nobody is logged in both owners are the phone.
fn name_of(owner: &AppRecordOwner, name: &str) -> String {
    match owner {
        AppRecordOwner::Phone => format!("phone/{name}"),
        AppRecordOwner::Account(_) => format!("account/{name}"),
    }
}

impl Client {
    /// What the app keeps under a name.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if another account is active than the one that it is of.
    pub async fn app_record(&self, owner: AppRecordOwner, name: &str) -> Result<Option<String>, Error> {
        let name = name_of(&owner, name);
        self.run(move |parts| async move {
            let owner = owner.in_vault(&parts.accounts).await?;
            let kept = parts.device.vault(move |vault| vault.get::<AppRecord>(&owner, &name)).await?;
            Ok(kept.map(|AppRecord(text)| text))
        })
        .await
    }

    /// Keeps something of the app's under a name, in place of what was there; nothing removes it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if another account is active than the one that it is of; [`Refusal::Quota`] for more than 1 MiB; [`Error::InvalidInput`] for a name of more than 64 bytes.
    pub async fn keep_app_record(
        &self,
        owner: AppRecordOwner,
        name: &str,
        record: Option<String>,
    ) -> Result<(), Error> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(Error::invalid("name", "a record's name has 1 to 64 bytes"));
        }
        if record.as_ref().is_some_and(|record| record.len() > MAX_RECORD) {
            return Err(Error::refused(Refusal::Quota, "a record of the app's has at most 1 MiB"));
        }
        let name = name_of(&owner, name);
        self.run(move |parts| async move {
            let owner = owner.in_vault(&parts.accounts).await?;
            let change = move |vault: &onecity_store::Vault| match record {
                Some(record) => vault.put(&owner, &name, &AppRecord(record)),
                None => vault.delete::<AppRecord>(&owner, &name),
            };
            parts.device.vault(change).await
        })
        .await
    }
}
