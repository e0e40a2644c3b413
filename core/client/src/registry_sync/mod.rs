//! Which services there are: the registry, verified. Only the repositories and roles that a region's screens need are
//! asked for; whatever a sync refuses, what was kept before stays.
//!
//! ```text
//!   poll   one request: the timestamp is the one from before, done
//!   sync   roots, timestamp, snapshot, targets, then by delegation the region's own units, those above it, its
//!          circles, and all of its home city; several at once, each kept as soon as it is verified
//! ```

mod files;
mod follow;
mod phone_shelf;

use std::collections::BTreeSet;
use std::sync::Arc;

use onecity_protocol::credential::TrustList;
use onecity_protocol::region::{RegionFile, RegionId, RegionTree, UnitId};
use onecity_protocol::trust::{PROVIDERS_TARGET, REGIONS_TARGET, Release, RepositoryEntry, TRUST_LIST_TARGET};
use onecity_store::{KeptRepository, VerifiedRole};
use tokio::sync::Mutex;

pub use files::{fetch_icon, fetch_target};
pub use follow::{Follower, MetadataShelf};
use phone_shelf::PhoneShelf;

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::session::{Provider, parse_providers};
use crate::task::{Progress, ProgressListener, Step};
use crate::views::Topic;

/// How long a nation's list of repositories is relied on before it is asked for again, in seconds.
const NATION_CHECKED: i64 = 6 * 3600;

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

/// Syncs are one at a time: two would fetch the same files twice.
#[derive(Default)]
pub struct RegistrySync {
    turn: Mutex<()>,
}

/// Told nothing.
pub struct Silent;

impl ProgressListener for Silent {
    fn progressed(&self, _: Progress) {}
    fn finished(&self, _: Result<(), Error>) {}
}

impl RegistrySync {
    /// Brings a nation's directory up to date: its first-level regions, repositories and identity providers.
    pub async fn nation(&self, inner: &Arc<Inner>, nation: &RegionId) -> Result<SyncReport, Error> {
        let _turn = self.turn.lock().await;
        sync_nation(inner, nation).await
    }

    /// Brings everything that a region's screens need up to date.
    pub async fn region(
        &self,
        inner: &Arc<Inner>,
        region: &RegionId,
        listener: &dyn ProgressListener,
    ) -> Result<SyncReport, Error> {
        let _turn = self.turn.lock().await;
        let nation = region.nation();
        let Some(first) = region.first_level() else { return sync_nation(inner, &nation).await };
        if let Some(report) = poll(inner, region, &first).await? {
            return Ok(report);
        }
        listener.progressed(Progress { step: Step::Registry, done: 0, total: 1 });
        let mut report = find_repository(inner, &nation, &first).await?;
        let mut following = Following::begin(inner, &first).await?;
        let newer = following.follower.refresh().await?;
        let regions = following.region_data().await?;
        following.file(TRUST_LIST_TARGET, |bytes| Ok(TrustList::parse(bytes).map(drop)?)).await?;
        let tree = match regions {
            Some(file) => {
                let mut tree = RegionTree::default();
                tree.add(file);
                tree
            }
            None => inner.tree_around(region).await?,
        };
        report.changed |= newer;
        following.roles(&Wanted::new(&tree, region), listener, &mut report).await?;
        if report.broken.is_empty() {
            let (scope, snapshot) =
                (region.clone(), following.follower.trusted().snapshot_version().unwrap_or_default());
            inner.catalogue(move |catalogue| catalogue.keep_scope(&scope, snapshot)).await?;
        }
        following.end().await?;
        inner.platform.observer.changed(Topic::Home);
        Ok(report)
    }
}

/// One request, if everything else was found current not long ago: the report, or none if there is more to ask.
async fn poll(inner: &Arc<Inner>, region: &RegionId, first: &RegionId) -> Result<Option<SyncReport>, Error> {
    let now = inner.time.now();
    let nation = inner.repository(&region.nation()).await?;
    if !nation.is_some_and(|nation| (0..NATION_CHECKED).contains(&(now - nation.checked))) {
        return Ok(None);
    }
    let scope = region.clone();
    let synced = inner.catalogue(move |catalogue| catalogue.scope(&scope)).await?;
    if synced.is_none() || inner.repository(first).await?.is_none() {
        return Ok(None);
    }
    let mut following = Following::begin(inner, first).await?;
    if following.follower.trusted().snapshot_version() != synced || !following.follower.is_unchanged().await? {
        return Ok(None);
    }
    following.end().await?;
    Ok(Some(SyncReport::default()))
}

async fn sync_nation(inner: &Arc<Inner>, nation: &RegionId) -> Result<SyncReport, Error> {
    let anchor = inner.config.nations.iter().find(|anchor| anchor.nation == *nation);
    let anchor = anchor.ok_or_else(|| {
        Error::refused(Refusal::NotFound, format!("this app has no registry for the nation {nation}"))
    })?;
    let (id, url, root) = (nation.clone(), anchor.url.clone(), anchor.root.clone());
    inner.catalogue(move |catalogue| catalogue.add_repository(&id, &url, &root)).await?;
    let mut following = Following::begin(inner, nation).await?;
    let changed = following.follower.refresh().await?;
    following.region_data().await?;
    following.file(PROVIDERS_TARGET, |bytes| parse_providers(bytes).map(drop)).await?;
    following.end().await?;
    Ok(SyncReport { changed, ..SyncReport::default() })
}

/// Makes a first-level region's repository known, as its nation lists it now.
async fn find_repository(inner: &Arc<Inner>, nation: &RegionId, first: &RegionId) -> Result<SyncReport, Error> {
    let report = sync_nation(inner, nation).await?;
    let following = Following::begin(inner, nation).await?;
    let mut follower = following.follower;
    // What was kept a moment ago: no request is made for it.
    if follower.role("targets", "").await?.is_none() {
        return Err(Error::internal("a nation that was just synced"));
    }
    let entry = match follower.trusted().target(&format!("{nation}/{first}/root.json")) {
        Ok(entry) => entry,
        Err(error) => {
            // The nation has taken it out: nothing of it is offered any more.
            let gone = first.clone();
            inner.catalogue_mut(move |catalogue| catalogue.forget_repository(&gone)).await?;
            return Err(error.into());
        }
    };
    let listed: RepositoryEntry = serde_json::from_value(entry.custom.clone().unwrap_or_default())
        .map_err(|error| Error::SignatureInvalid { what: format!("the nation's entry for {first}: {error}") })?;
    if listed.region != *first {
        return Err(Error::SignatureInvalid { what: format!("the nation's entry for {first} names another region") });
    }
    let known = inner.repository(first).await?;
    let same_root = known.as_ref().is_some_and(|known| entry.check(&known.first_root).is_ok());
    if !same_root || known.as_ref().is_none_or(|known| known.url != listed.url) {
        let root = fetch_target(inner, &inner.repository_of_nation(nation).await?.url, &entry).await?;
        let (id, url) = (first.clone(), listed.url.clone());
        if known.is_none() || same_root {
            inner.catalogue(move |catalogue| catalogue.add_repository(&id, &url, &root)).await?;
        } else {
            // The nation lists another root: its word is how a province begins anew after losing its keys.
            inner.catalogue_mut(move |catalogue| catalogue.replace_root(&id, &url, &root)).await?;
            PhoneShelf::forget_floors(inner, first).await?;
        }
    }
    Ok(report)
}

/// Which units a region's screens and search need.
struct Wanted {
    region: RegionId,
    /// The city that the region is or lies in; none for a first-level region.
    home_city: Option<RegionId>,
    circles: BTreeSet<UnitId>,
    including: BTreeSet<UnitId>,
}

impl Wanted {
    fn new(tree: &RegionTree, region: &RegionId) -> Self {
        let above = region.up_to_first_level();
        let including = |unit: &UnitId| tree.units_for(region).contains(unit);
        Self {
            region: region.clone(),
            home_city: above.len().checked_sub(2).and_then(|at| above.get(at)).cloned(),
            circles: tree.circles().map(|circle| circle.id.clone()).collect(),
            including: tree.circles().map(|circle| circle.id.clone()).filter(including).collect(),
        }
    }

    fn wants(&self, unit: &UnitId) -> bool {
        if self.circles.contains(unit) {
            return self.including.contains(unit);
        }
        unit.region().covers(&self.region) || self.home_city.as_ref().is_some_and(|city| city.covers(unit.region()))
    }
}

/// A repository that the phone follows.
struct Following<'a> {
    inner: &'a Arc<Inner>,
    repository: KeptRepository,
    follower: Follower<'a, PhoneShelf>,
    now: i64,
}

impl<'a> Following<'a> {
    async fn begin(inner: &'a Arc<Inner>, id: &RegionId) -> Result<Self, Error> {
        let unknown = || Error::internal("a repository that was just added");
        let repository = inner.repository(id).await?.ok_or_else(unknown)?;
        // A clock that was turned back does not make old metadata good again.
        let now = inner.time.now().max(repository.checked);
        let shelf = PhoneShelf::open(inner, id).await?;
        let url = format!("{}/metadata", repository.url);
        let follower = Follower::begin(&inner.net, &url, &repository.first_root, shelf, now).await?;
        Ok(Self { inner, repository, follower, now })
    }

    /// Follows the delegations down to every unit that is wanted.
    async fn roles(
        &mut self,
        wanted: &Wanted,
        listener: &dyn ProgressListener,
        report: &mut SyncReport,
    ) -> Result<(), Error> {
        let own = self.repository.id.clone();
        // By the first that delegates to it; a second one changes nothing, or delegations could run in a circle.
        let mut delegated = BTreeSet::from([UnitId::from(own.clone())]);
        // Parents whose delegations are not known now: what lies below them is not known to be gone.
        let mut unknown = BTreeSet::new();
        let mut ready: Vec<(UnitId, Result<Option<bool>, Error>)> = vec![(UnitId::from(own.clone()), Ok(Some(true)))];
        let (mut done, mut total) = (0, 1);
        while !ready.is_empty() {
            let mut next = Vec::new();
            for (unit, outcome) in ready {
                match outcome {
                    Ok(None) => continue,
                    Ok(Some(_)) => {
                        let role = unit.role();
                        match self.keep_role(&unit).await {
                            Ok(()) => report.units += 1,
                            Err(error) => self.keep_broken(&unit, &error, report).await?,
                        }
                        let below = self.follower.trusted().delegates(&role).filter_map(UnitId::from_role);
                        let may = |below: &UnitId| own.covers(below.region()) && below.may_be_delegated_by_role(&role);
                        for below in below.filter(may) {
                            if delegated.insert(below.clone()) && wanted.wants(&below) {
                                next.push((below.role(), role.clone()));
                            }
                        }
                    }
                    // One city's broken or missing file hides that city's news, and nothing else.
                    Err(error) => {
                        self.keep_broken(&unit, &error, report).await?;
                        unknown.insert(unit);
                    }
                }
            }
            total += next.len() as u64;
            let before = done;
            let outcomes = self.follower.roles(&next, |so_far| {
                done = before + so_far as u64;
                listener.progressed(Progress { step: Step::Services, done: done + 1, total });
            });
            let outcomes = outcomes.await;
            report.changed |= outcomes.iter().any(|(_, outcome)| matches!(outcome, Ok(Some(true))));
            let units = outcomes.into_iter().filter_map(|(role, outcome)| Some((UnitId::from_role(&role)?, outcome)));
            ready = units.collect();
        }
        let name = own.clone();
        for unit in self.inner.catalogue(move |catalogue| catalogue.units(&name)).await? {
            let above = unit.may_be_delegated_by();
            let perhaps = above.iter().any(|above| unknown.contains(above));
            if !delegated.contains(&unit) && wanted.wants(&unit) && !perhaps {
                self.inner.catalogue_mut(move |catalogue| catalogue.forget_unit(&unit)).await?;
                report.changed = true;
            }
        }
        Ok(())
    }

    /// Writes down and reports that a unit's news could not be read.
    async fn keep_broken(&self, unit: &UnitId, error: &Error, report: &mut SyncReport) -> Result<(), Error> {
        let (id, broken, why) = (self.repository.id.clone(), unit.clone(), error.to_string());
        report.broken.push((unit.to_string(), why.clone()));
        self.inner.catalogue(move |catalogue| catalogue.keep_broken(&id, &broken, &why)).await
    }

    /// Writes down the releases of a unit whose role is trusted, unless they are there.
    async fn keep_role(&self, unit: &UnitId) -> Result<(), Error> {
        let role = unit.role();
        let version = self.follower.trusted().wanted_role(&role).unwrap_or_default();
        let expires = self.follower.trusted().role_ends(&role);
        let name = unit.clone();
        if self.inner.catalogue(move |catalogue| catalogue.unit_version(&name)).await? == Some(version) {
            // What is above it may have been signed anew.
            let name = unit.clone();
            return self.inner.catalogue(move |catalogue| catalogue.keep_expires(&name, expires)).await;
        }
        let packages = self.follower.trusted().role_targets(&role)?.into_iter();
        let packages = packages.filter(|target| target.path.ends_with(".ma"));
        let releases = packages.filter_map(|target| {
            Release::from_target(&role, target)
                .inspect_err(|error| tracing::warn!(%role, %error, "a release is passed over"))
                .ok()
        });
        // Every province's own role is called `targets`: its name alone does not say whose it is.
        let releases = releases.filter(|release| release.unit == *unit).collect();
        let (id, role) = (self.repository.id.clone(), VerifiedRole { unit: unit.clone(), version, expires, releases });
        self.inner.catalogue_mut(move |catalogue| catalogue.keep_roles(&id, &[role])).await
    }

    /// The region data, if they are not the ones that were kept.
    async fn region_data(&mut self) -> Result<Option<RegionFile>, Error> {
        let path = format!("{}/{REGIONS_TARGET}", self.repository.id);
        let target = self.follower.trusted().target(&path)?;
        let kept = self.kept_file(&path).await?;
        if kept.is_some_and(|kept| target.check(&kept).is_ok()) {
            return Ok(None);
        }
        let bytes = fetch_target(self.inner, &self.repository.url, &target).await?;
        let file = RegionFile::parse(&bytes, &self.repository.id)?;
        let (id, regions) = (self.repository.id.clone(), file.clone());
        self.inner.catalogue_mut(move |catalogue| catalogue.keep_regions(&id, &regions)).await?;
        // Last: only then are they there to be relied on.
        let id = self.repository.id.clone();
        self.inner.catalogue_mut(move |catalogue| catalogue.keep_file(&id, &target, &bytes)).await?;
        Ok(Some(file))
    }

    /// Fetches a file of the repository, if it lists one, unless the kept one is still right.
    async fn file(&mut self, name: &str, check: impl Fn(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let path = format!("{}/{name}", self.repository.id);
        let Ok(target) = self.follower.trusted().target(&path) else { return Ok(()) };
        if self.kept_file(&path).await?.is_some_and(|kept| target.check(&kept).is_ok()) {
            return Ok(());
        }
        let bytes = fetch_target(self.inner, &self.repository.url, &target).await?;
        check(&bytes)?;
        let id = self.repository.id.clone();
        self.inner.catalogue_mut(move |catalogue| catalogue.keep_file(&id, &target, &bytes)).await
    }

    async fn kept_file(&self, path: &str) -> Result<Option<Arc<[u8]>>, Error> {
        let (id, path) = (self.repository.id.clone(), path.to_owned());
        self.inner.catalogue(move |catalogue| catalogue.file(&id, &path)).await
    }

    /// Writes down that the repository is current: first that, then the floors.
    async fn end(self) -> Result<(), Error> {
        let Self { inner, repository, follower, now } = self;
        let expires = follower.trusted().fresh_until();
        inner.catalogue(move |catalogue| catalogue.keep_checked(&repository.id, now, expires)).await?;
        follower.into_shelf().keep_floors().await
    }
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
