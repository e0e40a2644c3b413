//! What outlives the process: the settings, what an account has of its own, and where the resident is.

use std::sync::Arc;

use onecity_core::{AppRecordOwner, Client};

use super::{Model, PLACE};
use crate::route::Route;

impl Model {
    pub(super) fn keep(&mut self, owner: AppRecordOwner, name: &'static str, record: Option<String>) {
        let Some((client, record)) = self.shared.client.clone().zip(record) else { return };
        self.saves.push(Save { client, owner, name, record });
    }

    /// The same for who is at the phone.
    pub(super) fn keep_own(&mut self, name: &'static str, record: Option<String>) {
        let account = self.shared.account.as_ref().map(|account| account.id.clone());
        self.keep(AppRecordOwner::Account(account), name, record);
    }

    /// What is to be kept, in order.
    pub(crate) fn take_saves(&mut self) -> Vec<Save> {
        std::mem::take(&mut self.saves)
    }

    /// Keeps where the resident is.
    pub(crate) fn keep_place(&mut self) {
        self.moved = false;
        if self.shared.settings.started {
            let routes: Vec<Route> = self.stack.iter().map_while(|entry| entry.face.route()).collect();
            self.keep_own(PLACE, serde_json::to_string(&routes).ok());
        }
    }
}

/// Something of the app's that is to be kept.
pub(crate) struct Save {
    client: Arc<Client>,
    owner: AppRecordOwner,
    name: &'static str,
    record: String,
}

impl Save {
    /// Keeps it, if who is at the phone is still the one that it is of.
    pub(crate) async fn keep(self) {
        let Self { client, owner, name, record } = self;
        if let Err(error) = client.keep_app_record(owner, name, Some(record)).await {
            tracing::warn!(%error, name, "the app's own record was not kept");
        }
    }
}
