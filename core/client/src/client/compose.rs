//! The parts of the client, built in order: each holds the device and the parts above it that it needs.

use std::sync::Arc;

use crate::device::{ClockTeacher, Device};
use crate::identity::{Accounts, Consents, Sessions};
use crate::registry::Registry;
use crate::services::{Drafts, HttpCache, MiniServices, Storage, Submissions};
use crate::wallet::{Documents, Passes, Payments};

use super::erasure::Erasure;

/// All parts of a client.
pub(super) struct Parts {
    pub device: Arc<Device>,
    pub registry: Arc<Registry>,
    pub accounts: Arc<Accounts>,
    pub consents: Arc<Consents>,
    pub sessions: Arc<Sessions>,
    pub documents: Arc<Documents>,
    pub payments: Arc<Payments>,
    pub passes: Arc<Passes>,
    pub submissions: Arc<Submissions>,
    pub drafts: Arc<Drafts>,
    pub storage: Arc<Storage>,
    pub services: Arc<MiniServices>,
    pub erasure: Erasure,
}

impl Parts {
    pub(super) fn compose(device: Arc<Device>, teacher: ClockTeacher) -> Self {
        let registry = Registry::new(&device);
        let accounts = Accounts::new(&device);
        let consents = Consents::new(&device, &accounts);
        let sessions = Sessions::new(&device, &accounts, &consents, teacher);
        let http_cache = HttpCache::new(&device, &sessions);
        let documents = Documents::new(&device, &registry, &accounts);
        let payments = Payments::new(&device, &registry, &accounts);
        let passes = Passes::new(&device, &accounts, &registry, &sessions);
        let submissions = Submissions::new(&device, &accounts, &consents, &sessions);
        let drafts = Drafts::new(&device, &accounts, &sessions);
        let storage = Storage::new(&device, &accounts);
        let services = Arc::new(MiniServices {
            device: Arc::clone(&device),
            accounts: Arc::clone(&accounts),
            registry: Arc::clone(&registry),
            consents: Arc::clone(&consents),
            sessions: Arc::clone(&sessions),
            http_cache,
            documents: Arc::clone(&documents),
            payments: Arc::clone(&payments),
            passes: Arc::clone(&passes),
            submissions: Arc::clone(&submissions),
            drafts: Arc::clone(&drafts),
        });
        let erasure = Erasure {
            device: Arc::clone(&device),
            accounts: Arc::clone(&accounts),
            consents: Arc::clone(&consents),
            sessions: Arc::clone(&sessions),
            passes: Arc::clone(&passes),
            submissions: Arc::clone(&submissions),
        };
        Self {
            device,
            registry,
            accounts,
            consents,
            sessions,
            documents,
            payments,
            passes,
            submissions,
            drafts,
            storage,
            services,
            erasure,
        }
    }
}
