//! One opened service: which, where, for whom, and what its pages may do.

use std::sync::Arc;

use onecity_protocol::bridge::BridgeError;
use onecity_protocol::bridge::api::ERRORS;
use onecity_protocol::manifest::{Manifest, Permission};
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::package::Package;
use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;
use onecity_store::{Installed, Owner};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::device::Device;
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, Asking, Consents, Sessions};
use crate::registry::{Opened, Registry};
use crate::services::drafts::Drafts;
use crate::services::http_cache::HttpCache;
use crate::services::submissions::Submissions;
use crate::wallet::{Documents, Passes, Payments};

use super::lifecycle::{Life, Lifecycle};
use super::limits::Limits;

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
    pub(super) parts: Arc<MiniServices>,
    pub(super) service: ServiceId,
    pub(super) region: RegionId,
    /// Whose records it reads and writes: an open page never becomes another account's.
    pub(super) owner: Owner,
    pub(super) package: Package,
    pub(super) installed: Installed,
    pub(super) launch: Launch,
    pub(super) life: Life,
    pub(super) limits: Limits,
}

/// Opens mini-services, with everything that their pages can reach.
pub(crate) struct MiniServices {
    pub device: Arc<Device>,
    pub accounts: Arc<Accounts>,
    pub registry: Arc<Registry>,
    pub consents: Arc<Consents>,
    pub sessions: Arc<Sessions>,
    pub http_cache: Arc<HttpCache>,
    pub documents: Arc<Documents>,
    pub payments: Arc<Payments>,
    pub passes: Arc<Passes>,
    pub submissions: Arc<Submissions>,
    pub drafts: Arc<Drafts>,
}

impl MiniServices {
    /// Opens a service in a region, in the version that this phone is to open now.
    pub(crate) async fn open(
        self: &Arc<Self>,
        service: ServiceId,
        region: RegionId,
        launch: Launch,
    ) -> Result<ServiceSession, Error> {
        if !self.registry.units_for(&region).await?.contains(&service.unit) {
            let detail = format!("{} publishes nothing for {region}", service.unit);
            return Err(Error::refused(Refusal::NotOffered, detail));
        }
        let account = self.sessions.active().await?.map(|(_, session)| session.kind());
        let Opened { package, installed } = self.registry.open(&service, &region, account).await?;
        let named = |page: &String| package.manifest().pages.iter().any(|own| own == page);
        if launch.page.as_ref().is_some_and(|page| !named(page)) {
            return Err(Error::refused(Refusal::NotFound, format!("{service} has no such page")));
        }
        let owner = self.accounts.active_owner().await?;
        let (life, limits) = (Life::default(), Limits::default());
        Ok(ServiceSession { parts: Arc::clone(self), service, region, owner, package, installed, launch, life, limits })
    }

    /// Opens what a link leads to: in `region` if the service is offered there, else where its publisher is.
    pub(crate) async fn open_link(
        self: &Arc<Self>,
        link: &MiniAppUri,
        region: RegionId,
    ) -> Result<ServiceSession, Error> {
        let here = self.registry.units_for(&region).await?.contains(&link.service.unit);
        let region = if here { region } else { link.service.unit.region().clone() };
        self.open(link.service.clone(), region, Launch::from(link)).await
    }
}

impl ServiceSession {
    /// It has come to work: this version stays.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let installed = self.installed.clone();
        self.parts.device.catalogue(move |catalogue| catalogue.came_to_work(&installed)).await
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

    /// Whether it still answers: until it is closed, or taken down by its publisher or one above.
    pub fn is_open(&self) -> bool {
        !self.life.is_unloaded() && !self.parts.registry.is_stopped(&self.service)
    }

    /// Tells the page what happens to the service.
    pub fn lifecycle(&self, event: Lifecycle) {
        self.life.tell(event);
    }

    /// The resident has touched the page.
    pub fn touched(&self) {
        self.life.touch();
    }

    /// The account that the page was opened by, if it is still the active one.
    pub(super) async fn owner(&self) -> Result<Owner, BridgeError> {
        if self.parts.accounts.active_owner().await.map_err(for_page)? == self.owner {
            return Ok(self.owner.clone());
        }
        let message = "another account is in use now; open the service again".to_owned();
        Err(BridgeError::new("login_required", message))
    }

    /// Manifest and resident must both agree; the resident is asked once, and only by what is on the screen.
    pub(super) async fn permitted(&self, permission: Permission, fields: Vec<String>) -> Result<Owner, BridgeError> {
        self.permitted_for(permission, fields, Vec::new()).await
    }

    /// The same for data of others, by name.
    pub(super) async fn permitted_for(
        &self,
        permission: Permission,
        fields: Vec<String>,
        people: Vec<String>,
    ) -> Result<Owner, BridgeError> {
        self.requests(permission)?;
        self.shown()?;
        let owner = self.owner().await?;
        let asking = Asking {
            service: &self.service,
            publisher: self.publisher().await?,
            manifest: self.manifest(),
            is_shown: &|| self.life.is_shown(),
            was_touched: &|| self.life.was_touched(),
            owner: owner.clone(),
            people,
        };
        self.parts.consents.agreed(asking, permission, fields).await.map_err(for_page)?;
        // The question may have stood there for a while.
        self.owner().await
    }

    /// Who publishes it, in the resident's language.
    pub(super) async fn publisher(&self) -> Result<String, BridgeError> {
        let tree = self.parts.registry.tree_around(&self.region).await.map_err(for_page)?;
        Ok(tree.unit_name(&self.service.unit, &self.parts.device.languages()))
    }

    /// Whether the manifest asks for a permission at all.
    pub(super) fn requests(&self, permission: Permission) -> Result<(), BridgeError> {
        if self.manifest().requests(permission) {
            return Ok(());
        }
        let message = "the manifest does not ask for this permission".to_owned();
        Err(BridgeError::new(Refusal::NotDeclared.name(), message))
    }

    pub(super) fn shown(&self) -> Result<(), BridgeError> {
        if self.life.is_shown() {
            return Ok(());
        }
        let message = "only what is on the screen may ask the resident".to_owned();
        Err(BridgeError::new("not_shown", message))
    }
}

/// What a page is told of an error: its kind, never what is on this phone.
pub(super) fn for_page(error: Error) -> BridgeError {
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
