//! An opened mini-service: its files for the shell's web view, and the bridge for its pages.

use std::sync::Arc;

use onecity_protocol::bridge::{
    BridgeCall, BridgeError, BridgeReply, MAX_MESSAGE, Method, PAGE_SCRIPT, PageRequest, PageSubmission,
};
use onecity_protocol::manifest::{Manifest, Permission};
use onecity_protocol::package::{PAGE_SCRIPT_PATH, Package, media_type};
use onecity_protocol::region::RegionId;
use onecity_store::{Installed, Owner, Record};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::install::{self, Opened};
use crate::net::{MAX_ANSWER, Outgoing};
use crate::passes;
use crate::platform::ConsentRequest;
use crate::views::{PassSituation, PassStanding, PassView, ServiceId};

/// Largest value in a service's storage, in bytes of JSON.
const MAX_VALUE: usize = 64 << 10;
/// Nothing from outside, nothing inline, nowhere to send a form, in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: \
     blob:; font-src 'self'; media-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; \
     base-uri 'none'";

/// A file of the package, or the refusal of one, ready for a web view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// 200, or 404 for whatever the package does not hold: an unknown URL never reaches the network.
    pub status: u16,
    /// The MIME type.
    pub mime: String,
    /// Headers to send along.
    pub headers: Vec<(String, String)>,
    /// The bytes.
    pub body: Vec<u8>,
}

/// A value of a service's own storage.
#[derive(Serialize, Deserialize)]
struct StoredValue(Value);

impl Record for StoredValue {
    const KIND: &'static str = "service_storage";
    const FORMAT: u8 = 1;
}

/// What the resident has agreed to.
#[derive(Serialize, Deserialize)]
struct Grant;

impl Record for Grant {
    const KIND: &'static str = "grant";
    const FORMAT: u8 = 1;
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
}

impl ServiceSession {
    /// Opens a service in a region, in the version that this phone is to open now.
    pub(crate) async fn open(inner: &Arc<Inner>, service: ServiceId, region: RegionId) -> Result<Self, Error> {
        if !inner.units_for(&region).await?.contains(&service.unit) {
            let detail = format!("{} publishes nothing for {region}", service.unit);
            return Err(Error::refused(Refusal::NotOffered, detail));
        }
        let Opened { package, installed } = install::open(inner, &service, &region).await?;
        let owner = inner.active_owner().await?;
        Ok(Self { inner: Arc::clone(inner), service, region, owner, package, installed })
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
        self.manifest().entry()
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

    /// A file of the package by its path, without a leading slash.
    pub async fn resource(&self, path: &str) -> Result<Resource, Error> {
        let headers = vec![
            ("content-security-policy".to_owned(), CONTENT_SECURITY_POLICY.to_owned()),
            ("x-content-type-options".to_owned(), "nosniff".to_owned()),
            ("referrer-policy".to_owned(), "no-referrer".to_owned()),
            ("access-control-allow-origin".to_owned(), format!("https://{}", self.origin_host())),
        ];
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/').to_owned();
        if path == PAGE_SCRIPT_PATH {
            let body = PAGE_SCRIPT.as_bytes().to_vec();
            return Ok(Resource { status: 200, mime: media_type(&path).to_owned(), headers, body });
        }
        let (package, wanted) = (self.package.clone(), path.clone());
        let found = self.inner.blocking(move || Ok(package.read(&wanted)?)).await?;
        Ok(match found {
            Some(body) => Resource { status: 200, mime: media_type(&path).to_owned(), headers, body },
            None => Resource { status: 404, mime: "text/plain; charset=utf-8".to_owned(), headers, body: Vec::new() },
        })
    }

    /// Answers a call of the page, JSON in and JSON out.
    pub async fn call(&self, json: &str) -> String {
        let outcome = match BridgeCall::parse(json) {
            Ok(call) => self.answer(call).await,
            Err(error) => Err(error),
        };
        BridgeReply::from(outcome).to_json()
    }

    async fn answer(&self, call: BridgeCall) -> Result<Value, BridgeError> {
        match call {
            BridgeCall::Ready {} => self.ready().await.map(|()| Value::Null).map_err(for_page),
            BridgeCall::Info {} => self.info().await,
            BridgeCall::Request(request) => self.request(request).await,
            BridgeCall::Submit(submission) => self.submit(submission).await,
            BridgeCall::StorageGet { key } => self.storage_get(key).await,
            BridgeCall::StorageSet { key, value } => self.storage_set(key, value).await,
            BridgeCall::PassesAdd { pass_type } => {
                if let Some(pass) = self.own_pass(&pass_type).await? {
                    return Ok(for_script(&pass));
                }
                // One that has expired is renewed rather than joined by a second.
                passes::update(&self.inner).await.map_err(for_page)?;
                if let Some(pass) = self.own_pass(&pass_type).await? {
                    return Ok(for_script(&pass));
                }
                let pass = passes::add(&self.inner, &self.region, &pass_type, None).await.map_err(for_page)?;
                Ok(for_script(&pass))
            }
            BridgeCall::PassesList { pass_type } => {
                let own = self.own_passes().await?.into_iter().filter(|pass| pass.pass_type == pass_type);
                Ok(own.map(|pass| for_script(&pass)).collect())
            }
            BridgeCall::PassesShow { id } => {
                if !self.own_passes().await?.iter().any(|pass| pass.id == id) {
                    let message = "there is no such pass of this region".to_owned();
                    return Err(BridgeError { code: Refusal::NotFound.name(), message });
                }
                let host = Arc::clone(&self.inner.platform.host);
                let shown = self.inner.blocking(move || {
                    host.show_pass(id);
                    Ok(Value::Null)
                });
                shown.await.map_err(for_page)
            }
        }
    }

    /// The account that the page was opened by, if it is still the active one.
    async fn owner(&self) -> Result<Owner, BridgeError> {
        if self.inner.active_owner().await.map_err(for_page)? == self.owner {
            return Ok(self.owner.clone());
        }
        let message = "another account is in use now; open the service again".to_owned();
        Err(BridgeError { code: "login_required", message })
    }

    /// The passes that this service's part of the country issued: a page learns of no others.
    async fn own_passes(&self) -> Result<Vec<PassView>, BridgeError> {
        self.permitted(Permission::Passes).await?;
        let here = PassSituation { region: Some(self.region.clone()), pass_type: None };
        let all = passes::list(&self.inner, &here).await.map_err(for_page)?;
        let here = self.region.first_level();
        Ok(all.into_iter().filter(|pass| pass.region.first_level() == here).collect())
    }

    /// The resident's own pass of a type that opens something.
    async fn own_pass(&self, pass_type: &str) -> Result<Option<PassView>, BridgeError> {
        let wanted = |pass: &PassView| {
            let opens = matches!(pass.standing, PassStanding::Good | PassStanding::RenewalDue);
            opens && pass.holder.is_none() && pass.pass_type == pass_type
        };
        Ok(self.own_passes().await?.into_iter().find(wanted))
    }

    async fn info(&self) -> Result<Value, BridgeError> {
        let languages = &self.inner.config.languages;
        let tree = self.inner.tree_around(&self.region).await.map_err(for_page)?;
        let name = tree.get(&self.region).map(|region| region.names.best(languages)).unwrap_or_default();
        Ok(json!({
            "region": self.region, "region_name": name, "languages": languages,
            "service": self.service.to_string(), "version": self.manifest().version.name,
        }))
    }

    /// The URL, if its origin is one that the manifest declares.
    fn declared(&self, url: &str) -> Result<url::Url, BridgeError> {
        let url = self.inner.net.url(url).map_err(for_page)?;
        let origin = url.origin().ascii_serialization();
        if self.manifest().onecity.origins.contains(&origin) {
            return Ok(url);
        }
        let message = format!("{origin} is not one of the origins that the manifest declares");
        Err(BridgeError { code: Refusal::NotDeclared.name(), message })
    }

    async fn request(&self, request: PageRequest) -> Result<Value, BridgeError> {
        let url = self.declared(&request.url)?;
        let outgoing = match request.method {
            Method::Get => Outgoing::get(url),
            Method::Post => Outgoing::post_json(url, &request.body.unwrap_or(Value::Null)),
        };
        let answer = self.inner.net.send(outgoing.limit(MAX_ANSWER).timeless()).await.map_err(for_page)?;
        let body = serde_json::from_slice::<Value>(&answer.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
        Ok(json!({ "status": answer.status.as_u16(), "body": body }))
    }

    async fn submit(&self, submission: PageSubmission) -> Result<Value, BridgeError> {
        let PageSubmission { url, title, body } = submission;
        self.declared(&url)?;
        if title.trim().is_empty() || title.chars().count() > 200 {
            return Err(BridgeError::invalid("a submission's title has 1 to 200 characters"));
        }
        if body.to_string().len() > MAX_MESSAGE {
            return Err(BridgeError::invalid("a submission is at most 1 MiB"));
        }
        let handed_in = self
            .inner
            .submissions
            .submit(&self.inner, self.owner().await?, self.service.clone(), title, url, body)
            .await;
        Ok(json!({ "id": handed_in.map_err(for_page)?.id }))
    }

    fn storage_name(&self, key: &str) -> Result<String, BridgeError> {
        if key.is_empty() || key.len() > 128 {
            return Err(BridgeError::invalid("a storage key has 1 to 128 bytes"));
        }
        Ok(format!("{}\n{key}", self.service))
    }

    async fn storage_get(&self, key: String) -> Result<Value, BridgeError> {
        let name = self.storage_name(&key)?;
        let owner = self.owner().await?;
        let value = self.inner.vault(move |vault| vault.get::<StoredValue>(&owner, &name)).await.map_err(for_page)?;
        match value {
            Some(StoredValue(value)) => Ok(value),
            None => Ok(self.seed(&key).await?.unwrap_or_default()),
        }
    }

    /// What the package says that its storage holds before a page has written it.
    async fn seed(&self, key: &str) -> Result<Option<Value>, BridgeError> {
        let Some(path) = self.manifest().onecity.seed.clone() else { return Ok(None) };
        let (package, key) = (self.package.clone(), key.to_owned());
        let read = move || {
            let seed = package.read(&path)?.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            Ok(seed.and_then(|seed| seed.get(&key).cloned()))
        };
        self.inner.blocking(read).await.map_err(for_page)
    }

    async fn storage_set(&self, key: String, value: Value) -> Result<Value, BridgeError> {
        let name = self.storage_name(&key)?;
        if value.to_string().len() > MAX_VALUE {
            return Err(BridgeError { code: "quota", message: format!("a value is at most {MAX_VALUE} bytes") });
        }
        let owner = self.owner().await?;
        // What a page has removed does not come back from the seed.
        let removed = value.is_null() && self.seed(&key).await?.is_none();
        let written = self.inner.vault(move |vault| {
            if removed {
                vault.delete::<StoredValue>(&owner, &name)
            } else {
                vault.put(&owner, &name, &StoredValue(value))
            }
        });
        written.await.map_err(for_page)?;
        Ok(Value::Null)
    }

    /// Manifest and resident must both agree; the resident is asked once.
    async fn permitted(&self, permission: Permission) -> Result<(), BridgeError> {
        if !self.manifest().requests(permission) {
            let message = "the manifest does not ask for this permission".to_owned();
            return Err(BridgeError { code: Refusal::NotDeclared.name(), message });
        }
        let owner = self.owner().await?;
        let name = format!("{}\n{permission:?}", self.service);
        let (asked_of, asked) = (owner.clone(), name.clone());
        let granted = self.inner.vault(move |vault| vault.get::<Grant>(&asked_of, &asked)).await.map_err(for_page)?;
        if granted.is_some() {
            return Ok(());
        }
        let languages = &self.inner.config.languages;
        let tree = self.inner.tree_around(&self.region).await.map_err(for_page)?;
        let names = &self.manifest().onecity.names;
        let own_name = names.best(languages);
        let request = ConsentRequest {
            service: if own_name.is_empty() { self.manifest().name.clone() } else { own_name.to_owned() },
            publisher: tree.unit_name(&self.service.unit, languages),
            permission: permission.name().to_owned(),
            reason: self.manifest().reason(permission, languages),
            fields: Vec::new(),
            subject: None,
        };
        let prompt = Arc::clone(&self.inner.platform.consent);
        if !self.inner.blocking(move || Ok(prompt.ask(request))).await.map_err(for_page)? {
            return Err(BridgeError {
                code: Refusal::Consent.name(),
                message: "the resident did not agree".to_owned(),
            });
        }
        self.inner.vault(move |vault| vault.put(&owner, &name, &Grant)).await.map_err(for_page)
    }
}

/// A pass as a page sees it.
fn for_script(pass: &PassView) -> Value {
    let holder = pass.holder.as_ref().map(|holder| holder.name.as_str());
    json!({ "id": pass.id, "title": pass.title, "expires": pass.expires, "holder": holder })
}

/// What a page is told of an error: its kind, never what is on this phone.
fn for_page(error: Error) -> BridgeError {
    let code = match &error {
        Error::Network { .. } => "network",
        Error::LoginRequired { .. } => "login_required",
        Error::Refused { reason, .. } => reason.name(),
        Error::InvalidInput { .. } => "invalid_call",
        _ => "unavailable",
    };
    let message = if code == "unavailable" { "this does not work just now".to_owned() } else { error.to_string() };
    BridgeError { code, message }
}
