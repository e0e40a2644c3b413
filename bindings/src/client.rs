//! The façade.

use std::sync::Arc;

use onecity_core::{Client, ClientConfig, NationAnchor, PassSituation, ServiceId, ServiceSession, TaskHandle};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::{RegionId, UnitId};

use crate::error::OneCityError;
use crate::ports::{CodeListener, Listener, Ports, ProgressListener, ProgressTold};
use crate::views::{
    AccountView, CodeView, DisclosureView, HolderView, HomeView, IconView, LoginAttempt, ObstacleView, ParityView,
    PassView, ProviderView, RegionView, ServiceCard, ServicePage, SubmissionView, SyncReport, TravelPlan,
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
        let nations = options
            .nations
            .into_iter()
            .map(|own| Ok(NationAnchor { nation: region(&own.nation)?, url: own.url, root: own.root }));
        let config = ClientConfig {
            folder: options.folder.into(),
            languages: options.languages,
            nations: nations.collect::<Result<_, OneCityError>>()?,
            allow_loopback: options.allow_loopback,
            ..ClientConfig::default()
        };
        Ok(Arc::new(Self { client: Client::open(config, ports.into())? }))
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

    /// Wipes the active account from this phone.
    pub async fn logout(&self) -> Result<(), OneCityError> {
        Ok(self.client.logout().await?)
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

    /// A file of the package.
    pub async fn resource(&self, path: String) -> Result<ServiceFile, OneCityError> {
        let found = self.phone.client.resource(&self.session, &path).await?;
        let headers = found.headers.into_iter().collect();
        Ok(ServiceFile { status: found.status.into(), mime: found.mime, headers, body: found.body })
    }

    /// The service has come to work; pages with `onecity.js` say so themselves.
    pub async fn ready(&self) -> Result<(), OneCityError> {
        Ok(self.phone.client.service_ready(&self.session).await?)
    }

    /// A page's call to the bridge, JSON in and JSON out.
    pub async fn call(&self, json: String) -> Result<String, OneCityError> {
        Ok(self.phone.client.bridge(&self.session, &json).await?)
    }
}
