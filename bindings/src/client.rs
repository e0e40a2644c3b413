//! The façade.

use std::sync::Arc;

use onecity_core::{
    Client, ClientConfig, Launch, Lifecycle, NationAnchor, PassSituation, ResourceRequest, ServiceId, ServiceSession,
    TaskHandle,
};
use onecity_protocol::credential::Audience;
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::region::{RegionId, UnitId};

use crate::error::OneCityError;
use crate::ports::{CodeListener, Listener, Ports, ProgressListener, ProgressTold};
use crate::views::{
    AccountView, CodeView, ConsentView, DisclosureView, DocumentView, DraftView, HolderView, HomeView, IconView,
    LoginAttempt, ObstacleView, ParityView, PassView, ProviderView, ReceiptView, RegionView, ServiceCard, ServicePage,
    SessionView, StorageView, SubmissionView, SyncReport, TravelPlan,
};

/// Where trust in a nation's registry begins.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Nation {
    /// For example `cn`.
    pub nation: String,
    /// Where its repository is.
    pub url: String,
    /// Its first `root.json`.
    pub root: Vec<u8>,
}

/// What a shell decides once.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Options {
    /// The folder of the two files.
    pub folder: String,
    /// The resident's languages as BCP 47 tags, best first.
    pub languages: Vec<String>,
    /// The nations that this app knows.
    pub nations: Vec<Nation>,
    /// Allows plain HTTP to this very machine, for tests.
    pub allow_loopback: bool,
    /// How many bytes packages may take before the least recently used give way; 0 for the usual.
    pub package_budget: u64,
}

impl TryFrom<Options> for ClientConfig {
    type Error = OneCityError;

    fn try_from(options: Options) -> Result<Self, OneCityError> {
        let nations = options
            .nations
            .into_iter()
            .map(|own| Ok(NationAnchor { nation: region(&own.nation)?, url: own.url, root: own.root }));
        let usual = Self::default();
        Ok(Self {
            folder: options.folder.into(),
            languages: options.languages,
            nations: nations.collect::<Result<_, OneCityError>>()?,
            allow_loopback: options.allow_loopback,
            package_budget: if options.package_budget == 0 { usual.package_budget } else { options.package_budget },
            ..usual
        })
    }
}

/// The phone.
#[derive(uniffi::Object)]
pub struct OneCity {
    client: Client,
}

fn region(text: &str) -> Result<RegionId, OneCityError> {
    text.parse().map_err(|error| OneCityError::InvalidInput { field: "region".to_owned(), why: format!("{error}") })
}

fn unit(text: &str) -> Result<UnitId, OneCityError> {
    text.parse().map_err(|error| OneCityError::InvalidInput { field: "unit".to_owned(), why: format!("{error}") })
}

fn audience_of(text: Option<String>) -> Result<Audience, OneCityError> {
    let wrong = |error| OneCityError::InvalidInput { field: "audience".to_owned(), why: format!("{error}") };
    text.map_or(Ok(Audience::ANY), |text| text.parse().map_err(wrong))
}

#[uniffi::export]
impl OneCity {
    /// Opens the two files of a folder, or makes them.
    #[uniffi::constructor]
    pub fn open(options: Options, ports: Ports) -> Result<Arc<Self>, OneCityError> {
        Ok(Arc::new(Self { client: Client::open(options.try_into()?, ports.into())? }))
    }

    /// Waits for what is being written and closes the files, before the app goes to the background.
    pub async fn suspend(&self) -> Result<(), OneCityError> {
        Ok(self.client.suspend().await?)
    }

    /// Opens the files again.
    pub async fn resume(&self) -> Result<(), OneCityError> {
        Ok(self.client.resume().await?)
    }

    /// Whether both files can be read whole; a damaged catalogue is begun anew.
    pub async fn check_files(&self) -> Result<(), OneCityError> {
        Ok(self.client.check_files().await?)
    }

    /// Begins a login for whoever typed their citizen number or unified social credit code.
    pub async fn begin_login_as(
        &self,
        provider: String,
        redirect_uri: String,
        number: String,
    ) -> Result<LoginAttempt, OneCityError> {
        Ok(self.client.begin_login_as(&provider, &redirect_uri, &number).await?.into())
    }

    /// Begins a stronger login of the active account.
    pub async fn begin_step_up(&self, acr: String, redirect_uri: String) -> Result<LoginAttempt, OneCityError> {
        Ok(self.client.begin_step_up(&acr, &redirect_uri).await?.into())
    }

    /// All accounts on this phone.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, OneCityError> {
        Ok(self.client.accounts().await?.into_iter().map(Into::into).collect())
    }

    /// Puts another account in use.
    pub async fn switch_account(&self, account: String) -> Result<AccountView, OneCityError> {
        Ok(self.client.switch_account(&account).await?.into())
    }

    /// The active account's sessions, on this phone and on others.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, OneCityError> {
        Ok(self.client.sessions().await?.into_iter().map(Into::into).collect())
    }

    /// Ends a session on another phone.
    pub async fn end_session(&self, id: String) -> Result<(), OneCityError> {
        Ok(self.client.end_session(&id).await?)
    }

    /// What the active account has agreed to.
    pub async fn consents(&self) -> Result<Vec<ConsentView>, OneCityError> {
        Ok(self.client.consents().await?.into_iter().map(Into::into).collect())
    }

    /// Takes a consent back.
    pub async fn revoke_consent(
        &self,
        unit_id: String,
        app_id: String,
        permission: String,
    ) -> Result<(), OneCityError> {
        Ok(self.client.revoke_consent(&ServiceId { unit: unit(&unit_id)?, app_id }, &permission).await?)
    }

    /// What is kept on this phone, by service.
    pub async fn storage(&self) -> Result<StorageView, OneCityError> {
        Ok(self.client.storage().await?.into())
    }

    /// Removes everything that a service keeps on this phone but what waits to be sent.
    pub async fn clear_service(&self, unit_id: String, app_id: String) -> Result<(), OneCityError> {
        Ok(self.client.clear_service(&ServiceId { unit: unit(&unit_id)?, app_id }).await?)
    }

    /// Pins a region, so that its services are the last to give way; or takes the pin away.
    pub async fn pin(&self, region_id: String, pinned: bool) -> Result<(), OneCityError> {
        Ok(self.client.pin(&region(&region_id)?, pinned).await?)
    }

    /// The documents of the active account.
    pub async fn documents(&self) -> Result<Vec<DocumentView>, OneCityError> {
        Ok(self.client.documents().await?.into_iter().map(Into::into).collect())
    }

    /// Keeps a document that a region's issuer has signed.
    pub async fn keep_document(&self, region_id: String, document: String) -> Result<DocumentView, OneCityError> {
        Ok(self.client.keep_document(&region(&region_id)?, &document).await?.into())
    }

    /// What somebody else's document says, if it is genuine.
    pub async fn check_document(&self, region_id: String, document: String) -> Result<DocumentView, OneCityError> {
        Ok(self.client.check_document(&region(&region_id)?, &document).await?.into())
    }

    /// Hands a document to whomever the resident chooses, with these of the fields that can be left out.
    pub async fn share_document(&self, id: String, fields: Vec<String>) -> Result<(), OneCityError> {
        Ok(self.client.share_document(&id, &fields).await?)
    }

    /// Removes a document from this phone.
    pub async fn remove_document(&self, id: String) -> Result<(), OneCityError> {
        Ok(self.client.remove_document(&id).await?)
    }

    /// Takes a draft over that another phone shows as a code.
    pub async fn accept_draft(&self, link: String) -> Result<DraftView, OneCityError> {
        Ok(self.client.accept_draft(&link).await?.into())
    }

    /// Ends a payment with the URL that the browser came back with.
    pub async fn finish_payment(&self, callback_url: String) -> Result<ReceiptView, OneCityError> {
        Ok(self.client.finish_payment(&callback_url).await?.into())
    }

    /// Takes a submission back that no city has.
    pub async fn cancel_submission(&self, id: String) -> Result<(), OneCityError> {
        Ok(self.client.cancel_submission(&id).await?)
    }

    /// Asks the cities what they did with what they were handed; answers how many submissions have news.
    pub async fn follow_submissions(&self) -> Result<u32, OneCityError> {
        Ok(self.client.follow_submissions().await?)
    }

    /// Opens what a link leads to, in a region if it is offered there.
    pub async fn open_link(self: Arc<Self>, link: String, region_id: String) -> Result<Arc<OpenService>, OneCityError> {
        let session = self.client.open_link(&link, &region(&region_id)?).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// Opens a service for another, with what that handed over as JSON.
    pub async fn open_service_for(
        self: Arc<Self>,
        link: String,
        region_id: String,
        data: String,
        from_service: String,
    ) -> Result<Arc<OpenService>, OneCityError> {
        let wrong = |field: &str, why: String| OneCityError::InvalidInput { field: field.to_owned(), why };
        let link: MiniAppUri = link.parse().map_err(|error| wrong("link", format!("{error}")))?;
        let data = serde_json::from_str(&data).map_err(|error| wrong("data", error.to_string()))?;
        let service = ServiceId { unit: link.unit.clone(), app_id: link.app_id.clone() };
        let (from_unit, from_app) =
            from_service.rsplit_once('/').ok_or_else(|| wrong("from_service", "UNIT/APP_ID".to_owned()))?;
        let from = Some(ServiceId { unit: unit(from_unit)?, app_id: from_app.to_owned() });
        let launch = Launch { data, from, ..Launch::from(&link) };
        let session = self.client.open_service_with(&service, &region(&region_id)?, launch).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// Where one can log in.
    pub async fn providers(&self) -> Result<Vec<ProviderView>, OneCityError> {
        Ok(self.client.providers().await?.into_iter().map(Into::into).collect())
    }

    /// Begins a login.
    pub async fn begin_login(&self, provider: String, redirect_uri: String) -> Result<LoginAttempt, OneCityError> {
        Ok(self.client.begin_login(&provider, &redirect_uri).await?.into())
    }

    /// Ends a login with the URL that the browser came back with.
    pub async fn finish_login(&self, callback_url: String) -> Result<AccountView, OneCityError> {
        Ok(self.client.finish_login(&callback_url).await?.into())
    }

    /// Who is logged in.
    pub async fn account(&self) -> Result<Option<AccountView>, OneCityError> {
        Ok(self.client.account().await?.map(Into::into))
    }

    /// Wipes the active account from this phone. Refused as `still_waiting` while submissions wait, unless they may be
    /// lost.
    pub async fn logout(&self, discard_waiting: bool) -> Result<(), OneCityError> {
        Ok(self.client.logout(discard_waiting).await?)
    }

    /// Brings what a region's screens need up to date.
    pub async fn sync(&self, region_id: String) -> Result<SyncReport, OneCityError> {
        Ok(self.client.sync(&region(&region_id)?).await?.into())
    }

    /// The regions directly below one.
    pub async fn regions(&self, parent: String) -> Result<Vec<RegionView>, OneCityError> {
        Ok(self.client.regions(&region(&parent)?).await?.into_iter().map(Into::into).collect())
    }

    /// The home screen of a region.
    pub async fn home(&self, region_id: String) -> Result<HomeView, OneCityError> {
        Ok(self.client.home(&region(&region_id)?).await?.into())
    }

    /// The same as `sync` in the background, telling how far it is, until the task is cancelled or let go.
    pub fn start_sync(
        &self,
        region_id: String,
        listener: Arc<dyn ProgressListener>,
    ) -> Result<Arc<Task>, OneCityError> {
        Ok(Arc::new(Task(self.client.start_sync(&region(&region_id)?, Arc::new(ProgressTold(listener))))))
    }

    /// More services of a region, from where the home screen or the page before ended.
    pub async fn services(&self, region_id: String, from: u32) -> Result<ServicePage, OneCityError> {
        Ok(self.client.services(&region(&region_id)?, from).await?.into())
    }

    /// The services that fit what a resident typed, the nearest first.
    pub async fn search(&self, text: String, region_id: String) -> Result<Vec<ServiceCard>, OneCityError> {
        Ok(self.client.search(&text, &region(&region_id)?).await?.into_iter().map(Into::into).collect())
    }

    /// A service's icon, if it has one.
    pub async fn icon(&self, unit_id: String, app_id: String) -> Result<Option<IconView>, OneCityError> {
        Ok(self.client.icon(&ServiceId { unit: unit(&unit_id)?, app_id }).await?.map(Into::into))
    }

    /// Why a service can't be opened in a region, in plain words; nothing if it can.
    pub async fn why_not(
        &self,
        unit_id: String,
        app_id: String,
        region_id: String,
    ) -> Result<Option<ObstacleView>, OneCityError> {
        let service = ServiceId { unit: unit(&unit_id)?, app_id };
        Ok(self.client.why_not(&service, &region(&region_id)?).await?.map(Into::into))
    }

    /// Takes an invitation to a release that is not offered to everybody yet.
    pub async fn accept_invitation(&self, code: String) -> Result<(), OneCityError> {
        Ok(self.client.accept_invitation(&code).await?)
    }

    /// What it takes to have a region's services on the phone.
    pub async fn travel_plan(&self, region_id: String) -> Result<TravelPlan, OneCityError> {
        Ok(self.client.travel_plan(&region(&region_id)?).await?.into())
    }

    /// What home has and another region lacks, with what comes nearest there.
    pub async fn parity(&self, home_id: String, there_id: String) -> Result<ParityView, OneCityError> {
        Ok(self.client.parity(&region(&home_id)?, &region(&there_id)?).await?.into())
    }

    /// Fetches all services of a region, so that they open without a network, until the task is cancelled or let go.
    pub fn prefetch(&self, region_id: String, listener: Arc<dyn ProgressListener>) -> Result<Arc<Task>, OneCityError> {
        Ok(Arc::new(Task(self.client.prefetch(&region(&region_id)?, &[], Arc::new(ProgressTold(listener))))))
    }

    /// Opens a mini-service in a region.
    pub async fn open_service(
        self: Arc<Self>,
        unit_id: String,
        app_id: String,
        region_id: String,
    ) -> Result<Arc<OpenService>, OneCityError> {
        let service = ServiceId { unit: unit(&unit_id)?, app_id };
        let session = self.client.open_service(&service, &region(&region_id)?).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// Has a pass of a type issued by a region: one's own, or that of somebody in one's care.
    pub async fn add_pass(
        &self,
        region_id: String,
        pass_type: String,
        holder: Option<String>,
    ) -> Result<PassView, OneCityError> {
        Ok(self.client.add_pass(&region(&region_id)?, &pass_type, holder.as_deref()).await?.into())
    }

    /// Whom one may hold a type of pass for, beside oneself.
    pub async fn pass_holders(&self, region_id: String, pass_type: String) -> Result<Vec<HolderView>, OneCityError> {
        let all = self.client.pass_holders(&region(&region_id)?, &pass_type).await?;
        Ok(all.into_iter().map(Into::into).collect())
    }

    /// The passes of the active account, the likeliest to be wanted first.
    pub async fn passes(
        &self,
        region_id: Option<String>,
        pass_type: Option<String>,
    ) -> Result<Vec<PassView>, OneCityError> {
        let region = region_id.map(|id| region(&id)).transpose()?;
        let all = self.client.passes(&PassSituation { region, pass_type }).await?;
        Ok(all.into_iter().map(Into::into).collect())
    }

    /// Brings passes up to date; answers those that were issued anew.
    pub async fn update_passes(&self) -> Result<Vec<PassView>, OneCityError> {
        Ok(self.client.update_passes().await?.into_iter().map(Into::into).collect())
    }

    /// Deletes a pass, and has it revoked as soon as there is a network.
    pub async fn remove_pass(&self, pass_id: String) -> Result<(), OneCityError> {
        Ok(self.client.remove_pass(&pass_id).await?)
    }

    /// A fresh code over a pass; `audience` is what the gate shows (`CQ1A:…`), or nothing for any gate.
    pub async fn code(&self, pass_id: String, audience: Option<String>) -> Result<CodeView, OneCityError> {
        Ok(self.client.code(&pass_id, audience_of(audience)?).await?.into())
    }

    /// A one-use grant for a counter, after the resident has agreed to what it shows.
    pub async fn grant(&self, pass_id: String, verifier: String, purpose: u64) -> Result<CodeView, OneCityError> {
        Ok(self.client.grant(&pass_id, audience_of(Some(verifier))?, purpose).await?.into())
    }

    /// What was shown to counters, newest first.
    pub async fn disclosures(&self) -> Result<Vec<DisclosureView>, OneCityError> {
        Ok(self.client.disclosures().await?.into_iter().map(Into::into).collect())
    }

    /// Calls the listener with a code now and at each change, until the task is cancelled or let go.
    pub fn watch_code(
        &self,
        pass_id: String,
        audience: Option<String>,
        listener: Arc<dyn CodeListener>,
    ) -> Result<Arc<Task>, OneCityError> {
        let listener = Arc::new(Listener(listener));
        let handle = self.client.watch_code(&pass_id, audience_of(audience)?, listener);
        Ok(Arc::new(Task(handle)))
    }

    /// All submissions of the active account, newest first.
    pub async fn submissions(&self) -> Result<Vec<SubmissionView>, OneCityError> {
        Ok(self.client.submissions().await?.into_iter().map(Into::into).collect())
    }

    /// Tries to deliver everything that waits.
    pub async fn deliver(&self) -> Result<u32, OneCityError> {
        Ok(self.client.deliver().await?)
    }
}

/// Work that goes on until it is cancelled or let go.
#[derive(uniffi::Object)]
pub struct Task(TaskHandle);

#[uniffi::export]
impl Task {
    /// Stops it.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// A file for the web view.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ServiceFile {
    pub status: u32,
    pub mime: String,
    pub headers: std::collections::HashMap<String, String>,
    pub body: Vec<u8>,
}

/// A mini-service that is open.
#[derive(uniffi::Object)]
pub struct OpenService {
    phone: Arc<OneCity>,
    session: Arc<ServiceSession>,
}

#[uniffi::export]
impl OpenService {
    /// The path of the page to show first.
    pub fn entry(&self) -> String {
        self.session.entry()
    }

    /// The host name of the service's own origin.
    pub fn origin_host(&self) -> String {
        self.session.origin_host()
    }

    /// A file of the package, by what the web view asks with; the method is empty for GET.
    pub async fn resource(
        &self,
        path: String,
        method: String,
        range: Option<String>,
        if_none_match: Option<String>,
    ) -> Result<ServiceFile, OneCityError> {
        let request = ResourceRequest { path, method, range, if_none_match };
        let found = self.phone.client.resource(&self.session, request).await?;
        let headers = found.headers.into_iter().collect();
        Ok(ServiceFile { status: found.status.into(), mime: found.mime, headers, body: found.body })
    }

    /// The service has come to work; pages with `onecity.js` say so themselves.
    pub async fn ready(&self) -> Result<(), OneCityError> {
        Ok(self.phone.client.service_ready(&self.session).await?)
    }

    /// The service is on the screen.
    pub fn shown(&self) {
        self.session.lifecycle(Lifecycle::Shown);
    }

    /// Something else is on the screen, or the app is in the background.
    pub fn hidden(&self) {
        self.session.lifecycle(Lifecycle::Hidden);
    }

    /// The service has been closed; nothing is answered any more.
    pub fn unloaded(&self) {
        self.session.lifecycle(Lifecycle::Unloaded);
    }

    /// A page's call to the bridge, JSON in and JSON out.
    pub async fn call(&self, json: String) -> Result<String, OneCityError> {
        Ok(self.phone.client.bridge(&self.session, &json).await?)
    }
}

/// Puts the private file aside that can't be opened, because the resident has decided to go on without it. It is kept.
#[uniffi::export]
pub fn put_vault_aside(options: Options) -> Result<(), OneCityError> {
    Ok(Client::put_vault_aside(&options.try_into()?)?)
}

/// Brings back the newest private file that was put aside and opens again; answers whether there was one.
#[uniffi::export]
pub fn bring_vault_back(options: Options, ports: Ports) -> Result<bool, OneCityError> {
    Ok(Client::bring_vault_back(&options.try_into()?, &ports.into())?)
}

/// Begins a new private file with every row that can still be read of a damaged one, which is kept.
#[uniffi::export]
pub fn salvage_vault(options: Options) -> Result<u64, OneCityError> {
    Ok(Client::salvage_vault(&options.try_into()?)?)
}

/// What every service page can ask of the phone, in TypeScript.
#[uniffi::export]
pub fn page_types() -> String {
    onecity_protocol::bridge::PAGE_TYPES.to_owned()
}
