//! An opened mini-service: its files for the shell's web view, and the bridge for its pages.
//!
//! ```text
//!   shell ── resource(path) ──> resources.rs   files, policies, ranges; whatever is not there is a 404
//!         ── call(json) ──────> calls.rs       every call of the page API, by what it needs
//!                                 ├ storage.rs   sealed values of its own
//!                                 ├ requests.rs  the city's back end: declared origins, kept answers, tokens
//!                                 └ hosted.rs    what the phone does for it: scan, locate, photo, share, pay
//!         ── lifecycle(event) ─> lifecycle.rs  launched, shown, hidden, unloaded (W3C MiniApp Lifecycle)
//! ```
//!
//! A page is a stranger: what it may do is the manifest's wish and the resident's consent together, and how much is
//! bounded (`limits.rs`).

mod calls;
mod hosted;
mod lifecycle;
mod limits;
mod requests;
mod resources;
mod storage;

use std::sync::Arc;

use onecity_protocol::bridge::BridgeError;
use onecity_protocol::bridge::api::ERRORS;
use onecity_protocol::manifest::{Manifest, Permission};
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::package::Package;
use onecity_protocol::region::RegionId;
use onecity_store::{Installed, Owner};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::client::Inner;
use crate::consents::{self, Asking};
use crate::error::{Error, Refusal};
use crate::install::{self, Opened};
use crate::views::ServiceId;

use lifecycle::Life;
pub use lifecycle::Lifecycle;
use limits::Limits;
pub use resources::{Resource, ResourceRequest};

/// With what a service is opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Launch {
    /// The route of the page to begin with, as the manifest names it; the entry page if there is none.
    pub page: Option<String>,
    /// The query of the link that opened it, percent-encoded.
    pub query: String,
    /// What another service handed over, as JSON.
    pub data: Value,
    /// The service that opened this one, if one did.
    pub from: Option<ServiceId>,
}

impl From<&MiniAppUri> for Launch {
    fn from(link: &MiniAppUri) -> Self {
        Self { page: link.page.clone(), query: link.query.clone(), ..Self::default() }
    }
}

/// A mini-service that is open in a region.
pub struct ServiceSession {
    inner: Arc<Inner>,
    service: ServiceId,
    region: RegionId,
    /// Whose records it reads and writes: an open page never becomes another account's.
    owner: Owner,
    package: Package,
    installed: Installed,
    launch: Launch,
    life: Life,
    limits: Limits,
}

impl ServiceSession {
    /// Opens a service in a region, in the version that this phone is to open now.
    pub(crate) async fn open(
        inner: &Arc<Inner>,
        service: ServiceId,
        region: RegionId,
        launch: Launch,
    ) -> Result<Self, Error> {
        if !inner.units_for(&region).await?.contains(&service.unit) {
            let detail = format!("{} publishes nothing for {region}", service.unit);
            return Err(Error::refused(Refusal::NotOffered, detail));
        }
        let Opened { package, installed } = install::open(inner, &service, &region).await?;
        let named = |page: &String| package.manifest().pages.iter().any(|own| own == page);
        if launch.page.as_ref().is_some_and(|page| !named(page)) {
            return Err(Error::refused(Refusal::NotFound, format!("{service} has no such page")));
        }
        let owner = inner.active_owner().await?;
        let (life, limits) = (Life::default(), Limits::default());
        Ok(Self { inner: Arc::clone(inner), service, region, owner, package, installed, launch, life, limits })
    }

    /// It has come to work: this version stays.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let installed = self.installed.clone();
        self.inner.catalogue_mut(move |catalogue| catalogue.came_to_work(&installed)).await
    }

    /// Which service this is.
    pub fn service(&self) -> &ServiceId {
        &self.service
    }

    /// The region it was opened in.
    pub fn region(&self) -> &RegionId {
        &self.region
    }

    /// The hash that the registry signed for the package this session serves.
    pub fn sha256(&self) -> [u8; 32] {
        self.installed.sha256
    }

    /// The checked manifest.
    pub fn manifest(&self) -> &Manifest {
        self.package.manifest()
    }

    /// The path of the page to show first.
    pub fn entry(&self) -> String {
        self.launch.page.as_deref().map_or_else(|| self.manifest().entry(), onecity_protocol::manifest::page_file)
    }

    /// The paths of all files.
    pub fn paths(&self) -> Vec<String> {
        self.package.paths().map(str::to_owned).collect()
    }

    /// The host name of the service's own origin: the same for this service always, for another never.
    pub fn origin_host(&self) -> String {
        let hash = digest(&SHA256, self.service.to_string().as_bytes());
        format!("{}.service.onecity.invalid", hex::encode(&hash.as_ref()[..10]))
    }

    /// Tells the page what happens to the service.
    pub fn lifecycle(&self, event: Lifecycle) {
        self.life.tell(event);
    }

    /// The account that the page was opened by, if it is still the active one.
    async fn owner(&self) -> Result<Owner, BridgeError> {
        if self.inner.active_owner().await.map_err(for_page)? == self.owner {
            return Ok(self.owner.clone());
        }
        let message = "another account is in use now; open the service again".to_owned();
        Err(BridgeError::new("login_required", message))
    }

    /// Manifest and resident must both agree; the resident is asked once, and only by what is on the screen.
    async fn permitted(&self, permission: Permission, fields: Vec<String>) -> Result<Owner, BridgeError> {
        if !self.manifest().requests(permission) {
            let message = "the manifest does not ask for this permission".to_owned();
            return Err(BridgeError::new(Refusal::NotDeclared.name(), message));
        }
        self.shown()?;
        let owner = self.owner().await?;
        let tree = self.inner.tree_around(&self.region).await.map_err(for_page)?;
        let asking = Asking {
            service: &self.service,
            publisher: tree.unit_name(&self.service.unit, &self.inner.config.languages),
            manifest: self.manifest(),
            is_shown: &|| self.life.is_shown(),
            owner: owner.clone(),
        };
        consents::agreed(&self.inner, asking, permission, fields).await.map_err(for_page)?;
        // The question may have stood there for a while.
        self.owner().await
    }

    fn shown(&self) -> Result<(), BridgeError> {
        if self.life.is_shown() {
            return Ok(());
        }
        let message = "only what is on the screen may ask the resident".to_owned();
        Err(BridgeError::new("not_shown", message))
    }
}

/// What a page is told of an error: its kind, never what is on this phone.
fn for_page(error: Error) -> BridgeError {
    let code = match &error {
        Error::Network { .. } => "network",
        Error::LoginRequired { .. } => "login_required",
        Error::StepUpRequired { .. } => "step_up_required",
        // What the page API has a word for; the rest is not a page's to know.
        Error::Refused { reason, .. } if ERRORS.iter().any(|(code, _)| *code == reason.name()) => reason.name(),
        Error::InvalidInput { .. } => "invalid_call",
        Error::SignatureInvalid { .. } => "not_genuine",
        Error::Cancelled => "cancelled",
        _ => "unavailable",
    };
    let message = if code == "unavailable" { "this does not work just now".to_owned() } else { error.to_string() };
    let acr = match error {
        Error::StepUpRequired { acr } => Some(acr),
        _ => None,
    };
    BridgeError { acr, ..BridgeError::new(code, message) }
}
