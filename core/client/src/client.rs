//! The façade: what a shell calls.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use onecity_protocol::credential::Audience;
use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_store::{AccountId, Catalogue, FolderLock, KeptRepository, Owner, StoreError, Vault};
use tokio::runtime::{Handle, Runtime};

use crate::error::Error;
use crate::mini_service::ServiceSession;
use crate::net::{Net, Patience};
use crate::passes::{self, CodeListener, Passes};
use crate::platform::Platform;
use crate::registry_sync::{RegistrySync, Silent, SyncReport, providers};
use crate::session::{ActiveAccount, Session, Sessions, install_providers};
use crate::submissions::Submissions;
use crate::task::{ProgressListener, TaskHandle};
use crate::trusted_time::{Anchor, TrustedTime};
use crate::views::{
    AccountView, CodeView, DisclosureView, HolderView, HomeView, IconView, LoginAttempt, ObstacleView, ParityView,
    PassSituation, PassView, ProviderView, RegionView, ServiceCard, ServiceId, ServicePage, SubmissionView, TravelPlan,
};
use crate::{home, offers, travel};

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
    /// How long servers are waited for.
    pub patience: Patience,
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
        let net = Net::new(config.allow_loopback, config.patience, Arc::clone(&time), Box::new(keep_anchor))?;
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
                inner.registry.region(&inner, &region, &Silent).await
            }
        })
        .await
    }

    /// The same in the background, telling how far it is. Cancelling or dropping the handle stops it; what had been
    /// verified by then is kept, and the next sync goes on from there.
    pub fn start_sync(&self, region: &RegionId, listener: Arc<dyn ProgressListener>) -> TaskHandle {
        let region = region.clone();
        self.start(listener, |inner, listener| async move {
            inner.registry.region(&inner, &region, &*listener).await.map(drop)
        })
    }

    fn start<F>(
        &self,
        listener: Arc<dyn ProgressListener>,
        work: impl FnOnce(Arc<Inner>, Arc<dyn ProgressListener>) -> F,
    ) -> TaskHandle
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let work = work(Arc::clone(&self.inner), Arc::clone(&listener));
        let task = self.runtime().spawn(async move { listener.finished(work.await) });
        TaskHandle::new(task.abort_handle())
    }

    /// The regions directly below one, as far as they have been synced.
    pub async fn regions(&self, parent: &RegionId) -> Result<Vec<RegionView>, Error> {
        let parent = parent.clone();
        self.run(|inner| async move {
            let below = inner.catalogue(move |catalogue| catalogue.regions_below(&parent)).await?;
            Ok(below.iter().map(|region| home::region_view(region, None, &inner.config.languages)).collect())
        })
        .await
    }

    /// The home screen of any region, from what is on the phone.
    pub async fn home(&self, region: &RegionId) -> Result<HomeView, Error> {
        let region = region.clone();
        self.run(|inner| async move { home::home(&inner, region).await }).await
    }

    /// More services of a region, from the place that [`HomeView::next`] or the page before named.
    pub async fn services(&self, region: &RegionId, from: u32) -> Result<ServicePage, Error> {
        let region = region.clone();
        self.run(|inner| async move { home::services(&inner, region, from).await }).await
    }

    /// The services that fit what a resident typed: in Chinese, pinyin or initials, in Vietnamese with or without its
    /// marks, with one slip of the finger; the nearest first.
    pub async fn search(&self, text: &str, region: &RegionId) -> Result<Vec<ServiceCard>, Error> {
        let (text, region) = (text.to_owned(), region.clone());
        self.run(|inner| async move { home::search(&inner, text, region).await }).await
    }

    /// A service's icon, if it has one.
    pub async fn icon(&self, service: &ServiceId) -> Result<Option<IconView>, Error> {
        let service = service.clone();
        self.run(|inner| async move { home::icon(&inner, service).await }).await
    }

    /// Why a service can't be opened in a region, in plain words; none if it can.
    pub async fn why_not(&self, service: &ServiceId, region: &RegionId) -> Result<Option<ObstacleView>, Error> {
        let (service, region) = (service.clone(), region.clone());
        self.run(|inner| async move { offers::why_not(&inner, &service, &region).await }).await
    }

    /// Takes an invitation to a release that is not offered to everybody yet, as a tester types it in. It is kept on
    /// the phone and told to nobody.
    pub async fn accept_invitation(&self, code: &str) -> Result<(), Error> {
        let code = code.to_owned();
        self.run(|inner| async move { offers::invite(&inner, &code).await }).await
    }

    /// What it takes to have a region's services on the phone, in bytes.
    pub async fn travel_plan(&self, region: &RegionId) -> Result<TravelPlan, Error> {
        let region = region.clone();
        self.run(|inner| async move { travel::plan(&inner, &region).await }).await
    }

    /// What home has and another region lacks, with what comes nearest there. Both must have been synced.
    pub async fn parity(&self, home: &RegionId, there: &RegionId) -> Result<ParityView, Error> {
        let (home, there) = (home.clone(), there.clone());
        self.run(|inner| async move { travel::parity(&inner, &home, &there).await }).await
    }

    /// Fetches services of a region, all of them if none is named, so that they open without a network.
    pub fn prefetch(&self, region: &RegionId, only: &[ServiceId], listener: Arc<dyn ProgressListener>) -> TaskHandle {
        let (region, only) = (region.clone(), only.to_vec());
        self.start(
            listener,
            |inner, listener| async move { travel::prefetch(&inner, &region, &only, &*listener).await },
        )
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

    /// An opened service has come to work: its version stays, and the one before it may go. Pages say so themselves
    /// through `onecity.js`; a shell says it for pages that do not.
    pub async fn service_ready(&self, session: &Arc<ServiceSession>) -> Result<(), Error> {
        let session = Arc::clone(session);
        self.run(|_| async move { session.ready().await }).await
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
        let region = region.clone();
        self.catalogue(move |catalogue| catalogue.units_for(&catalogue.tree_around(&region)?, &region)).await
    }
}
