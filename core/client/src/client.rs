//! The façade: what a shell calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onecity_protocol::credential::Audience;
use onecity_protocol::identity_number::IdentityNumber;
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_store::{AccountId, Catalogue, KeptRepository, Owner, StoreError, Vault};
use tokio::runtime::{Handle, Runtime};

use crate::error::Error;
use crate::files::{self, Files};
use crate::http_cache::Answers;
use crate::mini_service::{Launch, Lifecycle, ResourceRequest, ServiceSession};
use crate::net::{Net, Patience};
use crate::passes::{self, CodeListener, Passes};
use crate::payment::{self, Payments};
use crate::platform::Platform;
use crate::registry_sync::{RegistrySync, Silent, SyncReport, providers};
use crate::session::{ActiveAccount, Session, Sessions, StepUp, Wish, install_providers};
use crate::submissions::Submissions;
use crate::task::{ProgressListener, TaskHandle};
use crate::trusted_time::{Anchor, TrustedTime};
use crate::views::{
    AccountView, CodeView, ConsentView, DisclosureView, DocumentView, DraftView, HolderView, HomeView, IconView,
    LoginAttempt, ObstacleView, ParityView, PassSituation, PassView, ProviderView, ReceiptView, RegionView,
    ServiceCard, ServiceId, ServicePage, SessionView, StorageView, SubmissionView, TravelPlan,
};
use crate::{consents, documents, drafts, home, offers, storage, travel};

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
#[derive(Debug, Clone)]
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
    /// How many bytes packages may take before the least recently used give way.
    pub package_budget: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            languages: Vec::new(),
            nations: Vec::new(),
            allow_loopback: false,
            patience: Patience::default(),
            package_budget: 512 << 20,
        }
    }
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
    pub payments: Payments,
    pub answers: Answers,
    /// One question to the resident at a time.
    pub consent_turn: tokio::sync::Mutex<()>,
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
        let look = |vault: &Vault| vault.get::<Anchor>(&Owner::Phone, "");
        let (files, anchor) = Files::open(config.clone(), Arc::clone(&platform.secrets), look)?;
        let files = Arc::new(files);
        let time = Arc::new(TrustedTime::new(Arc::clone(&platform.clock), anchor));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("onecity")
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        let (keep, handle) = (Arc::downgrade(&files), runtime.handle().clone());
        let keep_anchor = move |anchor: Anchor| {
            if let Some(files) = keep.upgrade() {
                handle.spawn(
                    async move { write_later(&files, move |vault| vault.put(&Owner::Phone, "", &anchor)).await },
                );
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
            payments: Payments::default(),
            answers: Answers::default(),
            consent_turn: tokio::sync::Mutex::default(),
            registry: RegistrySync::default(),
            files,
        };
        Ok(Self { inner: Arc::new(inner), runtime: Some(runtime) })
    }

    /// Lets what runs finish, and closes the files. It blocks, for at most five seconds.
    pub fn close(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let inner = Arc::clone(&self.inner);
            // On a thread of its own: a runtime may not be waited for inside another.
            let waiting = std::thread::spawn(move || {
                let closing = async { tokio::time::timeout(Duration::from_secs(5), inner.files.suspend()).await };
                if !matches!(runtime.block_on(closing), Ok(Ok(()))) {
                    tracing::warn!("the files were not closed in order");
                }
                runtime.shutdown_timeout(Duration::from_secs(5));
            });
            let _ = waiting.join();
        }
    }

    /// Waits for what is being written and closes the files, before the app goes to the background: a phone ends
    /// whoever holds a database's lock there. Calls that come meanwhile wait for [`Client::resume`].
    pub async fn suspend(&self) -> Result<(), Error> {
        self.run(|inner| async move { inner.files.suspend().await }).await
    }

    /// Opens the files again.
    ///
    /// # Errors
    /// As of [`Client::open`]; calls that waited get the same.
    pub async fn resume(&self) -> Result<(), Error> {
        self.run(|inner| async move { inner.files.resume().await }).await
    }

    /// Puts the private file aside that can't be opened, because the resident has decided to go on without it. It is
    /// kept, for [`Client::bring_vault_back`].
    pub fn put_vault_aside(config: &ClientConfig) -> Result<(), Error> {
        files::put_vault_aside(config)
    }

    /// Brings back the newest private file that was put aside and opens again; the one in use is put aside for it.
    /// Answers whether there was one.
    pub fn bring_vault_back(config: &ClientConfig, platform: &Platform) -> Result<bool, Error> {
        files::bring_vault_back(config, &platform.secrets)
    }

    /// Begins a new private file with every row that can still be read of a damaged one, which is kept. Answers how
    /// many rows that are.
    pub fn salvage_vault(config: &ClientConfig) -> Result<u64, Error> {
        files::salvage_vault(config)
    }

    /// Whether both files can be read whole. It takes a while: for a quiet moment. A damaged catalogue is begun anew.
    ///
    /// # Errors
    /// [`crate::Refusal::VaultDamaged`].
    pub async fn check_files(&self) -> Result<(), Error> {
        self.run(|inner| async move {
            inner.vault(Vault::check).await?;
            inner.files.check_catalogue().await
        })
        .await
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
        self.begin(provider, redirect_uri, Wish::default()).await
    }

    /// The same for whoever typed their citizen number or unified social credit code: the provider need not ask again.
    /// It is told only where the number does not stand in the browser's address (RFC 9126).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the number can't be right.
    pub async fn begin_login_as(
        &self,
        provider: &str,
        redirect_uri: &str,
        number: &str,
    ) -> Result<LoginAttempt, Error> {
        let number = IdentityNumber::parse(number).map_err(|error| Error::invalid("number", error))?;
        self.begin(provider, redirect_uri, Wish { number: Some(number), step_up: None }).await
    }

    /// Begins a stronger login of the active account, because something answered [`Error::StepUpRequired`].
    pub async fn begin_step_up(&self, acr: &str, redirect_uri: &str) -> Result<LoginAttempt, Error> {
        let active = self.run(|inner| async move { inner.active_session().await }).await?;
        let (account, session) =
            active.ok_or_else(|| Error::LoginRequired { why: "nobody is logged in".to_owned() })?;
        let provider = session.view(&account, true, 0).provider;
        let step_up = Some(StepUp { account, acr: acr.to_owned() });
        self.begin(&provider, redirect_uri, Wish { number: None, step_up }).await
    }

    async fn begin(&self, provider: &str, redirect_uri: &str, wish: Wish) -> Result<LoginAttempt, Error> {
        let (provider, redirect_uri) = (provider.to_owned(), redirect_uri.to_owned());
        self.run(|inner| async move {
            let named = |known: &crate::session::Provider| known.id == provider;
            let found = match known_providers(&inner).await?.into_iter().find(named) {
                Some(found) => Some(found),
                // Another nation's, that the phone has not asked yet.
                None => ask_nations(&inner).await?.into_iter().find(named),
            };
            let found = found.ok_or_else(|| Error::invalid("provider", "no registry lists it"))?;
            inner.sessions.begin(&inner, found, redirect_uri, wish).await
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
        self.run(|inner| async move { inner.account_view().await }).await
    }

    /// All accounts on this phone.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, Error> {
        self.run(|inner| async move { inner.sessions.accounts(&inner).await }).await
    }

    /// Puts another account of this phone in use. Nothing of one account is seen by another.
    pub async fn switch_account(&self, account: &str) -> Result<AccountView, Error> {
        let account = account.to_owned();
        self.run(|inner| async move { inner.sessions.switch(&inner, &account).await }).await
    }

    /// Wipes the active account from this phone: its keys, then everything it kept. Its provider and the issuers of its
    /// passes are told, now or (the provider) as soon as there is a network.
    ///
    /// # Errors
    /// [`crate::Refusal::StillWaiting`] if submissions wait to be sent, unless `discard_waiting` says that they may be
    /// lost.
    pub async fn logout(&self, discard_waiting: bool) -> Result<(), Error> {
        self.run(move |inner| async move {
            let Some((account, _)) = inner.active_session().await? else { return Ok(()) };
            if !discard_waiting {
                let owner = Owner::Account(account.clone());
                let waits = async || {
                    let of = [owner.clone(), owner.clone()];
                    inner.vault(move |vault| vault.waiting(&of)).await
                };
                if waits().await? > 0 {
                    inner.submissions.deliver(&inner, true).await?;
                }
                if waits().await? > 0 {
                    let why =
                        "some of what you handed in has not been sent yet, and would be lost; connect to a network";
                    return Err(Error::refused(crate::error::Refusal::StillWaiting, why));
                }
            }
            passes::forget(&inner, &account).await?;
            inner.sessions.end(&inner, account).await?;
            let telling = Arc::clone(&inner);
            tokio::spawn(async move { telling.sessions.tell_ended(&telling).await });
            Ok(())
        })
        .await
    }

    /// The active account's sessions, on this phone and on others.
    ///
    /// # Errors
    /// [`crate::Refusal::NotOffered`] if the provider does not list them.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, Error> {
        self.run(|inner| async move { inner.sessions.elsewhere(&inner).await }).await
    }

    /// Ends a session on another phone, for example one that was lost.
    pub async fn end_session(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.run(|inner| async move { inner.sessions.end_elsewhere(&inner, &id).await }).await
    }

    /// What the active account has agreed to, newest first.
    pub async fn consents(&self) -> Result<Vec<ConsentView>, Error> {
        self.run(|inner| async move { consents::list(&inner).await }).await
    }

    /// Takes a consent back, by the name of its permission.
    pub async fn revoke_consent(&self, service: &ServiceId, permission: &str) -> Result<(), Error> {
        let (service, permission) = (service.clone(), permission.to_owned());
        self.run(|inner| async move { consents::revoke(&inner, &service, &permission).await }).await
    }

    /// What is kept on this phone, by service.
    pub async fn storage(&self) -> Result<StorageView, Error> {
        self.run(|inner| async move { storage::report(&inner).await }).await
    }

    /// Removes everything that a service keeps on this phone for the active account, consents included, and its
    /// package; what waits to be sent stays.
    pub async fn clear_service(&self, service: &ServiceId) -> Result<(), Error> {
        let service = service.clone();
        self.run(|inner| async move { storage::clear(&inner, &service).await }).await
    }

    /// Pins a region, so that its services are the last to give way when the phone has no room; or takes the pin away.
    pub async fn pin(&self, region: &RegionId, pinned: bool) -> Result<(), Error> {
        let region = region.clone();
        self.run(|inner| async move { inner.catalogue(move |catalogue| catalogue.pin(&region, pinned)).await }).await
    }

    /// The documents of the active account, newest first.
    pub async fn documents(&self) -> Result<Vec<DocumentView>, Error> {
        self.run(|inner| async move { documents::list(&inner).await }).await
    }

    /// Keeps a document that an issuer of a region's trust list has signed.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`].
    pub async fn keep_document(&self, region: &RegionId, document: &str) -> Result<DocumentView, Error> {
        let (region, document) = (region.clone(), document.to_owned());
        self.run(|inner| async move {
            let owner = inner.active_owner().await?;
            documents::keep(&inner, &owner, &region, &document).await
        })
        .await
    }

    /// What somebody else's document says, if it is genuine by a region's trust list. It needs no network.
    pub async fn check_document(&self, region: &RegionId, document: &str) -> Result<DocumentView, Error> {
        let (region, document) = (region.clone(), document.to_owned());
        self.run(|inner| async move { documents::check(&inner, &region, &document).await }).await
    }

    /// Hands a document to whomever the resident chooses, with these of the fields that can be left out.
    pub async fn share_document(&self, id: &str, fields: &[String]) -> Result<(), Error> {
        let (id, fields) = (id.to_owned(), fields.to_vec());
        self.run(|inner| async move { documents::share(&inner, &id, &fields).await }).await
    }

    /// Removes a document from this phone.
    pub async fn remove_document(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.run(|inner| async move { documents::remove(&inner, &id).await }).await
    }

    /// Takes a draft over that another phone shows as a code. It waits in its service.
    pub async fn accept_draft(&self, link: &str) -> Result<DraftView, Error> {
        let link = link.to_owned();
        self.run(|inner| async move { drafts::accept(&inner, &link).await }).await
    }

    /// Ends a payment with the URL that the browser came back with (`onecity://pay?…`).
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`] if the receipt is not genuine or for another order, [`Error::Cancelled`] if there is
    /// none.
    pub async fn finish_payment(&self, callback_url: &str) -> Result<ReceiptView, Error> {
        let callback_url = callback_url.to_owned();
        self.run(|inner| async move { payment::finish(&inner, &callback_url).await }).await
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
        self.open_service_with(service, region, Launch::default()).await
    }

    /// The same with what it is to begin with.
    pub async fn open_service_with(
        &self,
        service: &ServiceId,
        region: &RegionId,
        launch: Launch,
    ) -> Result<Arc<ServiceSession>, Error> {
        let (service, region) = (service.clone(), region.clone());
        self.run(|inner| async move { Ok(Arc::new(ServiceSession::open(&inner, service, region, launch).await?)) })
            .await
    }

    /// Opens what a link (`onecity://miniapp/…`) leads to: in `region` if the service is offered there, else where its
    /// publisher is.
    pub async fn open_link(&self, link: &str, region: &RegionId) -> Result<Arc<ServiceSession>, Error> {
        let link: MiniAppUri = link.parse().map_err(|error| Error::invalid("link", error))?;
        let (service, region) = (ServiceId { unit: link.unit.clone(), app_id: link.app_id.clone() }, region.clone());
        self.run(|inner| async move {
            let here = inner.units_for(&region).await?.contains(&service.unit);
            let region = if here { region } else { service.unit.region().clone() };
            Ok(Arc::new(ServiceSession::open(&inner, service, region, Launch::from(&link)).await?))
        })
        .await
    }

    /// A file of an opened service, by its path or by all that the web view asks with.
    pub async fn resource(
        &self,
        session: &Arc<ServiceSession>,
        request: impl Into<ResourceRequest>,
    ) -> Result<crate::Resource, Error> {
        let (session, request) = (Arc::clone(session), request.into());
        self.run(|_| async move { session.resource(&request).await }).await
    }

    /// Tells an opened service what happens to it: it is shown, hidden, or closed.
    pub fn lifecycle(&self, session: &Arc<ServiceSession>, event: Lifecycle) {
        session.lifecycle(event);
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
        self.run(|inner| async move { passes::add(&inner, &region, &pass_type, holder.as_deref(), None).await }).await
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

    /// What was shown to counters and services, newest first.
    pub async fn disclosures(&self) -> Result<Vec<DisclosureView>, Error> {
        self.run(|inner| async move { consents::disclosures(&inner).await }).await
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
        self.run(|inner| async move {
            let settled = inner.submissions.deliver(&inner, true).await?;
            inner.sessions.tell_ended(&inner).await;
            Ok(settled)
        })
        .await
    }

    /// Takes a submission back that no city has; one that was refused is removed from the list.
    ///
    /// # Errors
    /// [`crate::Refusal::AlreadySent`].
    pub async fn cancel_submission(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.run(|inner| async move { inner.submissions.cancel(&inner, &id).await }).await
    }

    /// Asks the cities what they did with what they were handed. Answers how many submissions have news.
    pub async fn follow_submissions(&self) -> Result<u32, Error> {
        self.run(|inner| async move { inner.submissions.follow(&inner).await }).await
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

async fn write_later(files: &Files, work: impl FnOnce(&Vault) -> Result<(), StoreError> + Send + 'static) {
    if let Err(error) = files.vault(work).await {
        tracing::warn!(%error, "a small record was not kept");
    }
}

async fn known_providers(inner: &Arc<Inner>) -> Result<Vec<crate::session::Provider>, Error> {
    let known = providers(inner).await?;
    if known.is_empty() { ask_nations(inner).await } else { Ok(known) }
}

async fn ask_nations(inner: &Arc<Inner>) -> Result<Vec<crate::session::Provider>, Error> {
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
        self.files.vault(work).await
    }

    /// Writes something whose loss costs little, without anybody waiting for the disk.
    pub fn later(&self, work: impl FnOnce(&Vault) -> Result<(), StoreError> + Send + 'static) {
        let files = Arc::clone(&self.files);
        tokio::spawn(async move { write_later(&files, work).await });
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
        self.files.catalogue(work).await
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

    /// An account's session.
    pub async fn session_of(&self, account: &AccountId) -> Result<Option<Session>, Error> {
        let owner = Owner::Account(account.clone());
        match self.vault(move |vault| vault.get::<Session>(&owner, "")).await {
            Err(Error::LoginRequired { .. }) => Ok(None),
            session => session,
        }
    }

    /// The active account on a screen.
    pub async fn account_view(&self) -> Result<Option<AccountView>, Error> {
        let now = self.time.now();
        Ok(self.active_session().await?.map(|(account, session)| session.view(&account, true, now)))
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
