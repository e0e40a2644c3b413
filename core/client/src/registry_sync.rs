//! Fetching the registry: the loop around TUF's state machine. Only the repositories and roles that a region needs
//! are asked for; whatever a sync refuses, what was kept before stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use onecity_protocol::credential::{TrustList, UnixTime};
use onecity_protocol::package::MAX_PACKAGE;
use onecity_protocol::region::{RegionFile, RegionId, RegionTree, UnitId};
use onecity_protocol::trust::{
    MAX_METADATA, PROVIDERS_TARGET, REGIONS_TARGET, Release, RepositoryEntry, TRUST_LIST_TARGET, Target, TrustError,
    TrustedRepository,
};
use onecity_store::{KeptMetadata, KeptRepository, Owner, Record, VerifiedRole};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;
use crate::session::{Provider, parse_providers};
use crate::views::Topic;

/// Most roots that one sync climbs.
const MAX_ROOTS: u64 = 256;
/// Largest target that is fetched, in bytes: what a package may be.
const MAX_FILE: u64 = MAX_PACKAGE as u64;

/// What a sync came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// Whether anything changed.
    pub changed: bool,
    /// The units whose releases are now known.
    pub units: u32,
    /// Units whose new releases could not be read, and why; the others are not affected.
    pub broken: Vec<(String, String)>,
}

/// The versions below which this phone never goes again. In the vault, for the phone as a whole: neither a catalogue
/// begun anew nor a logout forgets them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Floors {
    versions: BTreeMap<String, u64>,
}

impl Record for Floors {
    const KIND: &'static str = "floors";
    const FORMAT: u8 = 1;
}

impl Floors {
    fn check(&self, role: &str, offered: u64) -> Result<(), Error> {
        match self.versions.get(role) {
            Some(floor) if offered < *floor => Err(Error::RollbackRejected {
                what: format!("{role} of the registry, version {offered} after {floor}; try another network"),
            }),
            _ => Ok(()),
        }
    }

    fn raise(&mut self, role: &str, version: u64) {
        let floor = self.versions.entry(role.to_owned()).or_default();
        *floor = version.max(*floor);
    }
}

/// One repository on its way from what was kept to what is current.
struct Fetch<'a> {
    inner: &'a Arc<Inner>,
    repository: KeptRepository,
    trusted: TrustedRepository,
    kept: BTreeMap<String, KeptMetadata>,
    fresh: Vec<KeptMetadata>,
    floors: Floors,
    now: UnixTime,
}

/// Syncs are one at a time: two would fetch the same files twice.
#[derive(Default)]
pub struct RegistrySync {
    turn: Mutex<()>,
}

impl RegistrySync {
    /// Brings a nation's directory up to date: its first-level regions, repositories and identity providers.
    pub async fn nation(&self, inner: &Arc<Inner>, nation: &RegionId) -> Result<SyncReport, Error> {
        let _turn = self.turn.lock().await;
        sync_nation(inner, nation).await.map(|(report, _)| report)
    }

    /// Brings everything that a region's screens need up to date.
    pub async fn region(&self, inner: &Arc<Inner>, region: &RegionId) -> Result<SyncReport, Error> {
        let _turn = self.turn.lock().await;
        let (mut report, nation) = sync_nation(inner, &region.nation()).await?;
        let Some(first) = region.first_level() else { return Ok(report) };
        let entry = match nation.target(&format!("{}/{first}/root.json", region.nation())) {
            Ok(entry) => entry,
            Err(error) => {
                // The nation has taken it out: nothing of it is offered any more.
                inner.catalogue(move |catalogue| catalogue.forget_repository(&first)).await?;
                return Err(error.into());
            }
        };
        let listed: RepositoryEntry = serde_json::from_value(entry.custom.clone().unwrap_or_default())
            .map_err(|error| Error::SignatureInvalid { what: format!("the nation's entry for {first}: {error}") })?;
        if listed.region != first {
            return Err(Error::SignatureInvalid {
                what: format!("the nation's entry for {first} names another region"),
            });
        }
        let known = inner.repository(&first).await?;
        if known.as_ref().map(|known| known.url.as_str()) != Some(listed.url.as_str()) {
            let root = fetch_target(inner, &inner.repository_of_nation(&region.nation()).await?.url, &entry).await?;
            let (id, url) = (first.clone(), listed.url.clone());
            inner.catalogue(move |catalogue| catalogue.add_repository(&id, &url, &root)).await?;
        }
        let mut fetch = Fetch::begin(inner, &first).await?;
        let newer = fetch.refresh().await?;
        let regions = fetch.region_data(newer).await?;
        fetch.file(TRUST_LIST_TARGET, |bytes| Ok(TrustList::parse(bytes).map(drop)?)).await?;
        let units = match &regions {
            Some(file) => {
                let mut tree = RegionTree::default();
                tree.add(file.clone());
                tree.units_for(region)
            }
            None => inner.units_for(region).await?,
        };
        let mut roles = Vec::new();
        for unit in units {
            match fetch.role(&unit).await {
                Ok(releases) => {
                    report.units += u32::from(releases.is_some());
                    // No role, or no longer one: what it once published is not offered any more.
                    roles.push(VerifiedRole { unit, releases: releases.unwrap_or_default() });
                }
                // One city's broken or missing file hides that city's news, and nothing else.
                Err(error) => report.broken.push((unit.to_string(), error.to_string())),
            }
        }
        report.changed |= newer || !fetch.fresh.is_empty();
        fetch.keep(roles, regions).await?;
        inner.platform.observer.changed(Topic::Home);
        Ok(report)
    }
}

async fn sync_nation(inner: &Arc<Inner>, nation: &RegionId) -> Result<(SyncReport, TrustedRepository), Error> {
    let anchor = inner.config.nations.iter().find(|anchor| anchor.nation == *nation);
    let anchor = anchor.ok_or_else(|| {
        Error::refused(Refusal::NotFound, format!("this app has no registry for the nation {nation}"))
    })?;
    let (id, url, root) = (nation.clone(), anchor.url.clone(), anchor.root.clone());
    inner.catalogue(move |catalogue| catalogue.add_repository(&id, &url, &root)).await?;
    let mut fetch = Fetch::begin(inner, nation).await?;
    let newer = fetch.refresh().await?;
    let regions = fetch.region_data(newer).await?;
    fetch.file(PROVIDERS_TARGET, |bytes| parse_providers(bytes).map(drop)).await?;
    let report = SyncReport { changed: newer, ..SyncReport::default() };
    let trusted = fetch.trusted.clone();
    fetch.keep(Vec::new(), regions).await?;
    Ok((report, trusted))
}

/// The identity providers that the kept registries of all nations list.
pub async fn providers(inner: &Arc<Inner>) -> Result<Vec<Provider>, Error> {
    let mut all = Vec::new();
    for anchor in &inner.config.nations {
        let (nation, path) = (anchor.nation.clone(), format!("{}/{PROVIDERS_TARGET}", anchor.nation));
        let file = inner.catalogue(move |catalogue| catalogue.file(&nation, &path)).await?;
        if let Some(bytes) = file {
            all.extend(parse_providers(&bytes)?);
        }
    }
    Ok(all)
}

/// The kept trust list of a first-level region.
pub async fn trust_list(inner: &Arc<Inner>, first: &RegionId) -> Result<TrustList, Error> {
    let (id, path) = (first.clone(), format!("{first}/{TRUST_LIST_TARGET}"));
    let file = inner.catalogue(move |catalogue| catalogue.file(&id, &path)).await?;
    let bytes = file.ok_or_else(|| {
        Error::refused(Refusal::NotFound, format!("{first} issues no passes that this phone knows of; sync first"))
    })?;
    Ok(TrustList::parse(&bytes)?)
}

/// Fetches a file that the registry lists, and checks it.
pub async fn fetch_target(inner: &Arc<Inner>, repository_url: &str, target: &Target) -> Result<Vec<u8>, Error> {
    if target.length > MAX_FILE {
        return Err(Error::SignatureInvalid { what: format!("{} is larger than {MAX_FILE} bytes", target.path) });
    }
    let url = inner.net.url(&format!("{repository_url}/targets/{}", target.file_name()))?;
    let limit = usize::try_from(target.length).map_err(Error::internal)?;
    let answer = inner.net.send(Outgoing::get(url).limit(limit).timeless()).await?;
    if !answer.status.is_success() {
        return Err(Error::network(format!("the registry answered {} for {}", answer.status.as_u16(), target.path)));
    }
    target.check(&answer.body)?;
    Ok(answer.body)
}

impl<'a> Fetch<'a> {
    /// Starts from what was kept: it is verified again, as of when it was last found current, so that it sets the
    /// floors even if it has expired since.
    async fn begin(inner: &'a Arc<Inner>, id: &RegionId) -> Result<Self, Error> {
        let repository =
            inner.repository(id).await?.ok_or_else(|| Error::internal("a repository that was just added"))?;
        let name = id.clone();
        let kept = inner.catalogue(move |catalogue| catalogue.metadata(&name)).await?;
        let kept: BTreeMap<String, KeptMetadata> = kept.into_iter().map(|kept| (kept.role.clone(), kept)).collect();
        let name = id.to_string();
        let floors = inner.vault(move |vault| vault.get::<Floors>(&Owner::Phone, &name)).await?.unwrap_or_default();
        let trusted = match replay(&repository, &kept) {
            Ok(trusted) => trusted,
            Err(error) => {
                tracing::warn!(repository = %id, %error, "kept metadata no longer verifies and is fetched anew");
                TrustedRepository::from_root(&repository.first_root)?
            }
        };
        // A clock that was turned back does not make old metadata good again.
        let now = inner.time.now().max(repository.checked);
        Ok(Self { inner, repository, trusted, kept, fresh: Vec::new(), floors, now })
    }

    async fn fetch(&self, file: &str) -> Result<Option<Vec<u8>>, Error> {
        let url = self.inner.net.url(&format!("{}/metadata/{file}", self.repository.url))?;
        let answer = self.inner.net.send(Outgoing::get(url).limit(MAX_METADATA).timeless()).await?;
        match answer.status {
            status if status.is_success() => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(None),
            status => Err(Error::network(format!("the registry answered {} for {file}", status.as_u16()))),
        }
    }

    async fn needed(&self, file: &str) -> Result<Vec<u8>, Error> {
        self.fetch(file).await?.ok_or_else(|| Error::network(format!("the registry has no {file}")))
    }

    fn accept(&mut self, role: &str, version: u64, bytes: Vec<u8>) -> Result<(), Error> {
        self.floors.check(role, version)?;
        self.floors.raise(role, version);
        self.fresh.push(KeptMetadata { role: role.to_owned(), version, bytes });
        Ok(())
    }

    /// Root, timestamp, snapshot and `targets` (TUF 1.0 §5.3 to §5.6). Answers whether the registry has moved.
    async fn refresh(&mut self) -> Result<bool, Error> {
        for _ in 0..MAX_ROOTS {
            let next = self.trusted.root_version() + 1;
            let Some(bytes) = self.fetch(&format!("{next}.root.json")).await? else { break };
            if self.trusted.update_root(&bytes)? {
                // TUF 1.0 §5.3.11: whoever held the old online keys may have signed versions beyond reach.
                self.floors.versions.retain(|role, _| role == "root");
            }
            self.accept("root", next, bytes)?;
        }
        self.floors.check("root", self.trusted.root_version())?;
        self.keep_root().await?;
        let bytes = self.needed("timestamp.json").await?;
        let newer = self.trusted.update_timestamp(&bytes, self.now)?;
        if newer {
            self.accept("timestamp", self.trusted.timestamp_version(), bytes)?;
        }
        let wanted = self.trusted.wanted_snapshot().ok_or_else(|| Error::network("the registry names no snapshot"))?;
        if self.trusted.snapshot_version() != Some(wanted) {
            let bytes = self.needed(&format!("{wanted}.snapshot.json")).await?;
            self.trusted.update_snapshot(&bytes, self.now)?;
            self.accept("snapshot", wanted, bytes)?;
        }
        self.metadata_of("targets").await?;
        Ok(newer)
    }

    /// A new root is kept at once (TUF 1.0 §5.3.8), so that a rotation that was seen can't be hidden again.
    async fn keep_root(&mut self) -> Result<(), Error> {
        let roots = std::mem::take(&mut self.fresh);
        let Some(newest) = roots.into_iter().last() else { return Ok(()) };
        let id = self.repository.id.clone();
        self.inner.catalogue_mut(move |catalogue| catalogue.keep_root(&id, &newest)).await?;
        self.kept.retain(|role, _| role != "timestamp" && role != "snapshot");
        let (name, floors) = (self.repository.id.to_string(), self.floors.clone());
        self.inner.vault(move |vault| vault.put(&Owner::Phone, &name, &floors)).await
    }

    /// A role's metadata in the version that the snapshot names: kept or fetched. None if there is no such role.
    async fn metadata_of(&mut self, role: &str) -> Result<Option<bool>, Error> {
        let Some(version) = self.trusted.wanted_role(role) else { return Ok(None) };
        self.floors.check(role, version)?;
        if let Some(kept) = self.kept.get(role).filter(|kept| kept.version == version)
            && self.trusted.update_role(role, &kept.bytes, self.now).is_ok()
        {
            return Ok(Some(false));
        }
        let bytes = self.needed(&format!("{version}.{role}.json")).await?;
        self.trusted.update_role(role, &bytes, self.now)?;
        self.accept(role, version, bytes)?;
        Ok(Some(true))
    }

    /// The releases of a unit, if its role exists.
    async fn role(&mut self, unit: &UnitId) -> Result<Option<Vec<Release>>, Error> {
        let role = unit.role();
        if role != "targets" && !self.trusted.delegates(&role) {
            return Ok(None);
        }
        if self.metadata_of(&role).await?.is_none() {
            return Ok(None);
        }
        let packages = self.trusted.role_targets(&role)?.into_iter().filter(|target| target.path.ends_with(".ma"));
        let releases = packages.filter_map(|target| {
            Release::from_target(&role, target)
                .inspect_err(|error| tracing::warn!(%role, %error, "a release is passed over"))
                .ok()
        });
        // Every province's own role is called `targets`: its name alone does not say whose it is.
        let releases = releases.filter(|release| release.unit == *unit);
        Ok(Some(releases.collect()))
    }

    /// The region data, if they are not the ones that were kept.
    async fn region_data(&mut self, newer: bool) -> Result<Option<RegionFile>, Error> {
        let path = format!("{}/{REGIONS_TARGET}", self.repository.id);
        let first = self.kept_file(&path).await?.is_none();
        if !newer && !first {
            return Ok(None);
        }
        let bytes = self.checked_file(&path).await?;
        Ok(Some(RegionFile::parse(&bytes, &self.repository.id)?))
    }

    /// Fetches a file of the repository, if it lists one, unless the kept one is still right.
    async fn file(&mut self, name: &str, check: impl Fn(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let path = format!("{}/{name}", self.repository.id);
        if self.trusted.target(&path).is_ok() {
            check(&self.checked_file(&path).await?)?;
        }
        Ok(())
    }

    async fn checked_file(&mut self, path: &str) -> Result<Arc<[u8]>, Error> {
        let target = self.trusted.target(path)?;
        if let Some(kept) = self.kept_file(path).await?
            && target.check(&kept).is_ok()
        {
            return Ok(kept);
        }
        let bytes: Arc<[u8]> = fetch_target(self.inner, &self.repository.url, &target).await?.into();
        let (id, kept) = (self.repository.id.clone(), Arc::clone(&bytes));
        self.inner.catalogue_mut(move |catalogue| catalogue.keep_file(&id, &target, &kept)).await?;
        Ok(bytes)
    }

    async fn kept_file(&self, path: &str) -> Result<Option<Arc<[u8]>>, Error> {
        let (id, path) = (self.repository.id.clone(), path.to_owned());
        self.inner.catalogue(move |catalogue| catalogue.file(&id, &path)).await
    }

    /// Writes everything down: first what was verified, then the floors.
    async fn keep(self, roles: Vec<VerifiedRole>, regions: Option<RegionFile>) -> Result<(), Error> {
        let Self { inner, repository, trusted, fresh, floors, now, .. } = self;
        let id = repository.id.clone();
        let expires = trusted.fresh_until();
        let raised = !fresh.is_empty();
        inner
            .catalogue_mut(move |catalogue| catalogue.keep_sync(&id, now, expires, &fresh, &roles, regions.as_ref()))
            .await?;
        if raised {
            inner.vault(move |vault| vault.put(&Owner::Phone, repository.id.as_str(), &floors)).await?;
        }
        Ok(())
    }
}

/// Verifies what was kept as of when it was kept.
fn replay(repository: &KeptRepository, kept: &BTreeMap<String, KeptMetadata>) -> Result<TrustedRepository, TrustError> {
    let root = kept.get("root").map_or(&repository.first_root, |root| &root.bytes);
    let mut trusted = TrustedRepository::from_root(root)?;
    let as_of = repository.checked;
    if let (Some(timestamp), Some(snapshot)) = (kept.get("timestamp"), kept.get("snapshot")) {
        trusted.update_timestamp(&timestamp.bytes, as_of)?;
        trusted.update_snapshot(&snapshot.bytes, as_of)?;
    }
    Ok(trusted)
}
