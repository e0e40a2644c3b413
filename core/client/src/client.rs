//! The façade: what a shell calls.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use onecity_protocol::credential::Audience;
use onecity_protocol::names::Names;
use onecity_protocol::region::{Region, RegionId, RegionTree, UnitId};
use onecity_store::{AccountId, Catalogue, FolderLock, KeptRepository, Owner, StoreError, Vault};
use tokio::runtime::{Handle, Runtime};

use crate::error::{Error, Refusal};
use crate::mini_service::ServiceSession;
use crate::net::Net;
use crate::passes::{self, CodeListener, Passes};
use crate::platform::Platform;
use crate::registry_sync::{RegistrySync, SyncReport, providers};
use crate::session::{ActiveAccount, Session, Sessions, install_providers};
use crate::submissions::Submissions;
use crate::task::TaskHandle;
use crate::trusted_time::{Anchor, TrustedTime};
use crate::views::{
    AccountView, CodeView, DisclosureView, Freshness, HolderView, HomeView, LoginAttempt, PassSituation, PassView,
    ProviderView, RegionView, ServiceCard, ServiceId, SubmissionView,
};

/// A registry counts as fresh this long after it was checked, in seconds.
const FRESH: i64 = 3600;
/// Most services on one home screen.
const MAX_CARDS: usize = 200;

/// Where trust in a nation's registry begins: built into the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NationAnchor {
    /// The nation, for example `cn`.
    pub nation: RegionId,
    /// Where its repository is.
    pub url: String,
    /// Its first `root.json`.
    pub root: Vec<u8>,
}

/// What a shell decides once.
#[derive(Debug, Clone, Default)]
pub struct ClientConfig {
    /// The folder of the two files.
    pub folder: PathBuf,
    /// The resident's languages as BCP 47 tags, best first.
    pub languages: Vec<String>,
    /// The nations that this app knows.
    pub nations: Vec<NationAnchor>,
    /// Allows plain HTTP to this very machine, for tests and virtual phones.
    pub allow_loopback: bool,
}

/// The two open files. The lock goes last.
struct Files {
    catalogue: Mutex<Catalogue>,
    vault: Mutex<Vault>,
    _lock: FolderLock,
}

/// What all parts of the client share.
pub struct Inner {
    pub config: ClientConfig,
    pub platform: Platform,
    pub net: Net,
    pub time: Arc<TrustedTime>,
    pub sessions: Sessions,
    pub passes: Passes,
    pub submissions: Submissions,
    registry: RegistrySync,
    files: Arc<Files>,
}

/// The phone.
pub struct Client {
    inner: Arc<Inner>,
    runtime: Option<Runtime>,
}

impl Client {
    /// Opens the two files of a folder, or makes them. It blocks for a few milliseconds.
    ///
    /// # Errors
    /// [`Error::KeyInvalidated`] if the vault's key is another one, [`Error::StoreTooNew`] if a newer app wrote the
    /// files; both leave them as they are.
    pub fn open(config: ClientConfig, platform: Platform) -> Result<Self, Error> {
        install_providers();
        let lock = FolderLock::take(&config.folder)?;
        let vault = Vault::open(&config.folder.join("vault.sqlite"), Arc::clone(&platform.secrets))?;
        let catalogue = Catalogue::open(&config.folder.join("catalogue.sqlite"))?;
        let anchor = vault.get::<Anchor>(&Owner::Phone, "")?;
        let time = Arc::new(TrustedTime::new(Arc::clone(&platform.clock), anchor));
        let files = Arc::new(Files { catalogue: Mutex::new(catalogue), vault: Mutex::new(vault), _lock: lock });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("onecity")
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        let (keep, handle) = (Arc::downgrade(&files), runtime.handle().clone());
        let keep_anchor = move |anchor: Anchor| {
            if let Some(files) = keep.upgrade() {
                handle.spawn_blocking(move || write_later(&files, |vault| vault.put(&Owner::Phone, "", &anchor)));
            }
        };
        let net = Net::new(config.allow_loopback, Arc::clone(&time), Box::new(keep_anchor))?;
        let inner = Inner {
            config,
            platform,
            net,
            time,
            sessions: Sessions::default(),
            passes: Passes::default(),
            submissions: Submissions::default(),
            registry: RegistrySync::default(),
            files,
        };
        Ok(Self { inner: Arc::new(inner), runtime: Some(runtime) })
    }

    /// Lets what runs finish, and closes the files once the last opened service is gone. It blocks, for at most five
    /// seconds.
    pub fn close(mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own: a runtime may not be waited for inside another.
            let waiting = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            let _ = waiting.join();
        }
    }

    /// The runtime that the calls run on.
    pub fn runtime(&self) -> &Handle {
        self.runtime.as_ref().expect("there until the client is dropped").handle()
    }

    /// Runs a call to its end on the client's runtime, even if whoever asked no longer waits.
    async fn run<T, F>(&self, call: impl FnOnce(Arc<Inner>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task = self.runtime().spawn(call(Arc::clone(&self.inner)));
        task.await.unwrap_or_else(|error| {
            if error.is_cancelled() { Err(Error::Cancelled) } else { Err(Error::internal("a call panicked")) }
        })
    }

    /// Where one can log in. Asks the registries of all nations, if they have never answered.
    pub async fn providers(&self) -> Result<Vec<ProviderView>, Error> {
        self.run(|inner| async move {
            let known = known_providers(&inner).await?;
            let view = |provider: crate::session::Provider| ProviderView {
                name: provider.names.best(&inner.config.languages).to_owned(),
                id: provider.id,
            };
            Ok(known.into_iter().map(view).collect())
        })
        .await
    }

    /// Begins a login: open the attempt's URL in the system browser.
    ///
    /// # Errors
    /// [`Refusal::WrongIssuer`] if the provider is not the one that the registry names.
    pub async fn begin_login(&self, provider: &str, redirect_uri: &str) -> Result<LoginAttempt, Error> {
        let (provider, redirect_uri) = (provider.to_owned(), redirect_uri.to_owned());
        self.run(|inner| async move {
            let known = known_providers(&inner).await?;
            let found = known.into_iter().find(|known| known.id == provider);
            let found = found.ok_or_else(|| Error::invalid("provider", "no registry lists it"))?;
            inner.sessions.begin(&inner, found, redirect_uri).await
        })
        .await
    }

    /// Ends a login with the URL that the browser came back with.
    ///
    /// # Errors
    /// [`Refusal::LoginState`], [`Refusal::WrongNonce`], [`Refusal::WrongIssuer`], [`Refusal::LoginDenied`], or
    /// [`Error::SignatureInvalid`]; an earlier session stays as it is.
    pub async fn finish_login(&self, callback_url: &str) -> Result<AccountView, Error> {
        let callback_url = callback_url.to_owned();
        self.run(|inner| async move { inner.sessions.finish(&inner, &callback_url).await }).await
    }

    /// Who is logged in.
    pub async fn account(&self) -> Result<Option<AccountView>, Error> {
        self.run(
            |inner| async move { Ok(inner.active_session().await?.map(|(account, session)| session.view(&account))) },
        )
        .await
    }

    /// Wipes the active account from this phone: its keys, then everything it kept.
    pub async fn logout(&self) -> Result<(), Error> {
        self.run(|inner| async move {
            let Some((account, session)) = inner.active_session().await? else { return Ok(()) };
            passes::forget(&inner, &account).await?;
            inner.sessions.end(&inner, account, session).await
        })
        .await
    }

    /// Brings what a region's screens need up to date.
    pub async fn sync(&self, region: &RegionId) -> Result<SyncReport, Error> {
        let region = region.clone();
        self.run(|inner| async move {
            if region.first_level().is_none() {
                inner.registry.nation(&inner, &region).await
            } else {
                inner.registry.region(&inner, &region).await
            }
        })
        .await
    }

    /// The regions directly below one, as far as they have been synced.
    pub async fn regions(&self, parent: &RegionId) -> Result<Vec<RegionView>, Error> {
        let parent = parent.clone();
        self.run(|inner| async move {
            let below = inner.catalogue(move |catalogue| catalogue.regions_below(&parent)).await?;
            Ok(below.iter().map(|region| region_view(region, None, &inner.config.languages)).collect())
        })
        .await
    }

    /// The home screen of any region, from what is on the phone.
    pub async fn home(&self, region: &RegionId) -> Result<HomeView, Error> {
        let region = region.clone();
        self.run(|inner| async move { home(&inner, region).await }).await
    }

    /// Opens a mini-service in a region.
    pub async fn open_service(&self, service: &ServiceId, region: &RegionId) -> Result<Arc<ServiceSession>, Error> {
        let (service, region) = (service.clone(), region.clone());
        self.run(|inner| async move { Ok(Arc::new(ServiceSession::open(&inner, service, region).await?)) }).await
    }

    /// A file of an opened service.
    pub async fn resource(&self, session: &Arc<ServiceSession>, path: &str) -> Result<crate::Resource, Error> {
        let (session, path) = (Arc::clone(session), path.to_owned());
        self.run(|_| async move { session.resource(&path).await }).await
    }

    /// A page's call to the bridge of an opened service.
    pub async fn bridge(&self, session: &Arc<ServiceSession>, json: &str) -> Result<String, Error> {
        let (session, json) = (Arc::clone(session), json.to_owned());
        self.run(|_| async move { Ok(session.call(&json).await) }).await
    }

    /// Has a pass of a type (for example `transit`) issued by a region: the resident's own, or with `holder` that of
    /// somebody in their care.
    pub async fn add_pass(&self, region: &RegionId, pass_type: &str, holder: Option<&str>) -> Result<PassView, Error> {
        let (region, pass_type, holder) = (region.clone(), pass_type.to_owned(), holder.map(str::to_owned));
        self.run(|inner| async move { passes::add(&inner, &region, &pass_type, holder.as_deref()).await }).await
    }

    /// Whom the resident may hold a type of pass for, beside themselves.
    pub async fn pass_holders(&self, region: &RegionId, pass_type: &str) -> Result<Vec<HolderView>, Error> {
        let (region, pass_type) = (region.clone(), pass_type.to_owned());
        self.run(|inner| async move { passes::holders(&inner, &region, &pass_type).await }).await
    }

    /// The passes of the active account, the likeliest to be wanted in this situation first.
    pub async fn passes(&self, situation: &PassSituation) -> Result<Vec<PassView>, Error> {
        let situation = situation.clone();
        self.run(|inner| async move { passes::list(&inner, &situation).await }).await
    }

    /// Brings passes up to date: what their issuers say of them, and new ones for those that are due. Call it after a
    /// sync; it answers those that were issued anew.
    pub async fn update_passes(&self) -> Result<Vec<PassView>, Error> {
        self.run(|inner| async move { passes::update(&inner).await }).await
    }

    /// Deletes a pass from this phone, and has it revoked as soon as there is a network.
    pub async fn remove_pass(&self, pass_id: &str) -> Result<(), Error> {
        let pass_id = pass_id.to_owned();
        self.run(|inner| async move { passes::remove(&inner, &pass_id).await }).await
    }

    /// A one-use grant: a code that a counter can trade, once, for what `purpose` shows, after the resident has agreed.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if the registry does not let this counter ask for that, [`Refusal::Consent`].
    pub async fn grant(&self, pass_id: &str, verifier: Audience, purpose: u64) -> Result<CodeView, Error> {
        let pass_id = pass_id.to_owned();
        self.run(|inner| async move { passes::grant(&inner, &pass_id, verifier, purpose).await }).await
    }

    /// What was shown to counters, newest first.
    pub async fn disclosures(&self) -> Result<Vec<DisclosureView>, Error> {
        self.run(|inner| async move { passes::disclosures(&inner).await }).await
    }

    /// Calls `listener` with a code now and whenever another should be shown, until the handle is cancelled or dropped.
    pub fn watch_code(&self, pass_id: &str, audience: Audience, listener: Arc<dyn CodeListener>) -> TaskHandle {
        let _runtime = self.runtime().enter();
        passes::watch(&self.inner, pass_id, audience, listener)
    }

    /// A fresh code over a pass: no network, no login. `audience` is what the gate shows, or
    /// [`Audience::ANY`].
    pub async fn code(&self, pass_id: &str, audience: Audience) -> Result<CodeView, Error> {
        let pass_id = pass_id.to_owned();
        self.run(|inner| async move { passes::code(&inner, &pass_id, audience).await }).await
    }

    /// All submissions of the active account, and those from before anybody logged in, newest first.
    pub async fn submissions(&self) -> Result<Vec<SubmissionView>, Error> {
        self.run(|inner| async move { inner.submissions.list(&inner).await }).await
    }

    /// Tries to deliver everything that waits, because the network is back. Answers how many submissions the cities
    /// have taken or refused.
    pub async fn deliver(&self) -> Result<u32, Error> {
        self.run(|inner| async move { inner.submissions.deliver(&inner, true).await }).await
    }

    /// How many regions of a nation are on the phone.
    pub async fn region_count(&self, nation: &RegionId) -> Result<u64, Error> {
        let nation = nation.clone();
        self.run(|inner| async move { inner.catalogue(move |catalogue| catalogue.region_count(&nation)).await }).await
    }

    /// Seconds since 1970 by the time that codes are signed with, and whether a server's word backs it.
    pub fn time(&self) -> (i64, bool) {
        let reading = self.inner.time.read();
        (reading.now, reading.verified)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Dropping a runtime waits, which an async caller must not; what runs still finishes its write.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn write_later(files: &Files, work: impl FnOnce(&Vault) -> Result<(), StoreError>) {
    if let Err(error) = work(&files.vault.lock().unwrap_or_else(PoisonError::into_inner)) {
        tracing::warn!(%error, "a small record was not kept");
    }
}

async fn known_providers(inner: &Arc<Inner>) -> Result<Vec<crate::session::Provider>, Error> {
    let known = providers(inner).await?;
    if !known.is_empty() {
        return Ok(known);
    }
    for anchor in &inner.config.nations {
        inner.registry.nation(inner, &anchor.nation).await?;
    }
    providers(inner).await
}

async fn home(inner: &Arc<Inner>, id: RegionId) -> Result<HomeView, Error> {
    let languages = inner.config.languages.clone();
    let account = inner.active_session().await?;
    let owner = inner.active_owner().await?;
    let waiting = inner.vault(move |vault| vault.waiting(&[Owner::Phone, owner])).await?;
    let offline = inner.net.is_offline();
    let now = inner.time.now();
    let wanted = id.clone();
    let (region, above, services, checked) = inner
        .catalogue(move |catalogue| {
            let tree = catalogue.tree_around(&id)?;
            let Some(region) = tree.get(&id) else { return Ok(None) };
            let region = region_view(region, tree.hotline(&id), &languages);
            let parents = std::iter::successors(id.parent(), RegionId::parent);
            let above = parents.filter_map(|id| Some(region_view(tree.get(&id)?, tree.hotline(&id), &languages)));
            let mut services = Vec::new();
            for unit in tree.units_for(&id) {
                let publisher = tree.unit_name(&unit, &languages);
                for release in catalogue.newest_releases(&unit)? {
                    if services.len() == MAX_CARDS {
                        break;
                    }
                    let installed = catalogue.installed(&unit, &release.app_id)?.is_some();
                    let best = |names: &Names| names.best(&languages).to_owned();
                    let card = release.card;
                    services.push(ServiceCard {
                        id: ServiceId { unit: release.unit, app_id: release.app_id },
                        name: best(&card.names),
                        summary: best(&card.summaries),
                        category: card.category,
                        publisher: publisher.clone(),
                        version: card.version,
                        installed,
                        withdrawn: card.withdrawn.map(|withdrawn| best(&withdrawn.reason)),
                    });
                }
            }
            let repository = id.first_level().unwrap_or_else(|| id.nation());
            let checked = catalogue.repository(&repository)?.map_or(0, |repository| repository.checked);
            Ok(Some((region, above.collect(), services, checked)))
        })
        .await?
        .ok_or_else(|| {
            Error::refused(Refusal::NotFound, format!("{wanted} is not on this phone yet; sync it first"))
        })?;
    let freshness = if offline {
        Freshness::Offline { since: checked }
    } else if now - checked < FRESH {
        Freshness::Fresh
    } else {
        Freshness::Stale { since: checked }
    };
    let account = account.map(|(account, session)| session.view(&account));
    Ok(HomeView { region, above, services, account, waiting, freshness })
}

fn region_view(region: &Region, hotline: Option<&str>, languages: &[String]) -> RegionView {
    RegionView {
        id: region.id.clone(),
        name: region.names.best(languages).to_owned(),
        latin: region.names.best(&["en".to_owned()]).to_owned(),
        kind: region.kind,
        hotline: hotline.map(str::to_owned),
    }
}

impl Inner {
    /// Runs what blocks where that is fine.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal("a blocking call panicked"))?
    }

    pub async fn vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let files = Arc::clone(&self.files);
        self.blocking(move || Ok(work(&files.vault.lock().unwrap_or_else(PoisonError::into_inner))?)).await
    }

    /// Writes something whose loss costs little, without anybody waiting for the disk.
    pub fn later(&self, work: impl FnOnce(&Vault) -> Result<(), StoreError> + Send + 'static) {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || write_later(&files, work));
    }

    pub async fn catalogue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        self.catalogue_mut(|catalogue| work(catalogue)).await
    }

    pub async fn catalogue_mut<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let files = Arc::clone(&self.files);
        self.blocking(move || Ok(work(&mut files.catalogue.lock().unwrap_or_else(PoisonError::into_inner))?)).await
    }

    /// The active account and its session.
    pub async fn active_session(&self) -> Result<Option<(AccountId, Session)>, Error> {
        self.vault(|vault| {
            let Some(ActiveAccount(account)) = vault.get(&Owner::Phone, "")? else { return Ok(None) };
            let session = vault.get::<Session>(&Owner::Account(account.clone()), "")?;
            Ok(session.map(|session| (account, session)))
        })
        .await
    }

    /// Whose records are written: the active account's, or the phone's before anybody has logged in.
    pub async fn active_owner(&self) -> Result<Owner, Error> {
        let active = self.vault(|vault| vault.get::<ActiveAccount>(&Owner::Phone, "")).await?;
        Ok(active.map_or(Owner::Phone, |ActiveAccount(account)| Owner::Account(account)))
    }

    pub async fn repository(&self, id: &RegionId) -> Result<Option<KeptRepository>, Error> {
        let id = id.clone();
        self.catalogue(move |catalogue| catalogue.repository(&id)).await
    }

    pub async fn repository_of_nation(&self, nation: &RegionId) -> Result<KeptRepository, Error> {
        self.repository(nation).await?.ok_or_else(|| Error::internal("a nation that was just synced"))
    }

    pub async fn tree_around(&self, region: &RegionId) -> Result<RegionTree, Error> {
        let region = region.clone();
        self.catalogue(move |catalogue| catalogue.tree_around(&region)).await
    }

    pub async fn units_for(&self, region: &RegionId) -> Result<Vec<UnitId>, Error> {
        Ok(self.tree_around(region).await?.units_for(region))
    }
}
