//! Bringing the registry up to date. Only the repositories and roles that a region's screens need are asked for;
//! whatever a sync refuses, what was there before stays.
//!
//! ```text
//!   poll   one request: the timestamp is the one from before, done
//!   sync   roots, timestamp, snapshot, targets, then by delegation the region's own units, those above it, its
//!          circles, and all of its home city; several at once, each kept as soon as it is verified
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use onecity_protocol::credential::{TrustList, UnixTime};
use onecity_protocol::identity_provider::IdentityProvider;
use onecity_protocol::limits::ANNOUNCEMENT_BYTES;
use onecity_protocol::region::{RegionFile, RegionId, RegionTree, UnitId};
use onecity_protocol::trust::{
    ANNOUNCEMENT_TARGET, Allowance, PLACES_TARGET, PROVIDERS_TARGET, REGIONS_TARGET, Release, RepositoryEntry,
    TRUST_LIST_TARGET, Takedown, Target, TrustError,
};
use onecity_store::{Catalogue, KeptRepository, TakenDown, VerifiedRole};

use super::lookup::Registry;
use super::phone_storage::PhoneStorage;
use super::updater::Updater;
use crate::device::{Boxed, ProgressSender};
use crate::error::{Error, Refusal};
use crate::task::{Progress, Step};
use crate::views::Topic;

/// How long a nation's list of repositories is relied on before it is asked for again, in seconds.
const NATION_CHECKED: i64 = 6 * 3600;

/// What a sync came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SyncReport {
    /// Whether anything changed.
    pub changed: bool,
    /// The units whose releases are now known.
    pub units: u32,
    /// Units whose new releases could not be read, and why; the others are not affected.
    pub broken: Vec<BrokenUnit>,
}

/// A unit whose news could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct BrokenUnit {
    /// Which.
    pub unit: UnitId,
    /// Why, for a log.
    pub why: String,
}

impl Registry {
    /// Brings a nation's directory up to date: its first-level regions, repositories and identity providers.
    pub(crate) async fn sync_nation(&self, nation: &RegionId) -> Result<SyncReport, Error> {
        self.sync(nation, &ProgressSender::silent()).await
    }

    /// Brings everything that a region's screens need up to date.
    pub(crate) fn sync<'a>(
        &'a self,
        region: &'a RegionId,
        progress: &'a ProgressSender,
    ) -> Boxed<'a, Result<SyncReport, Error>> {
        Box::pin(self.sync_and_judge(region, progress))
    }

    async fn sync_and_judge(&self, region: &RegionId, progress: &ProgressSender) -> Result<SyncReport, Error> {
        match self.sync_in_turn(region, progress).await {
            // The catalogue was found altered on the way, and is a new one by now.
            Err(Error::Unavailable { .. }) => self.sync_in_turn(region, progress).await,
            Err(Error::Expired { what }) => Err(self.expired(what).await),
            outcome => outcome,
        }
    }

    async fn sync_in_turn(&self, region: &RegionId, progress: &ProgressSender) -> Result<SyncReport, Error> {
        let nation = region.nation();
        let Some(first) = region.first_level() else {
            let _turn = self.turn(&nation).await;
            return self.update_nation(&nation).await;
        };
        let _turn = self.turn(&first).await;
        if let Some(report) = self.poll(region, &first).await? {
            return Ok(report);
        }
        progress.at(Progress { step: Step::Registry, done: 0, total: 1 });
        let mut report = self.find_repository(&nation, &first).await?;
        let mut update = Update::begin(self, &first).await?;
        let newer = update.updater.refresh().await?;
        let regions = update.region_data().await?;
        update.file(TRUST_LIST_TARGET, |bytes| Ok(TrustList::parse(bytes).map(drop)?)).await?;
        let tree = match regions {
            Some(file) => {
                let mut tree = RegionTree::default();
                tree.add(file);
                tree
            }
            None => self.tree_around(region).await?,
        };
        report.changed |= newer;
        update.roles(&Wanted::new(&tree, region), progress, &mut report).await?;
        // Otherwise the next sync is a whole one, and asks for it again.
        let heard = update.announcement().await?;
        if report.broken.is_empty() && heard {
            let (scope, snapshot) = (region.clone(), update.updater.trusted().snapshot_version().unwrap_or_default());
            self.device.catalogue(move |catalogue| catalogue.keep_scope(&scope, snapshot)).await?;
        }
        update.end().await?;
        self.device.notices.changed(Topic::Home);
        Ok(report)
    }

    /// One request, if everything else was found current not long ago: the report, or none if there is more to ask.
    async fn poll(&self, region: &RegionId, first: &RegionId) -> Result<Option<SyncReport>, Error> {
        let now = self.device.time.now().await;
        let nation = self.repository(&region.nation()).await?;
        if !nation.is_some_and(|nation| (0..NATION_CHECKED).contains(&(now - nation.checked))) {
            return Ok(None);
        }
        // What the nation announces may be over: that is not waited for.
        if self.announced(&region.nation()).await?.is_some() {
            return Ok(None);
        }
        let scope = region.clone();
        let synced = self.device.catalogue(move |catalogue| catalogue.scope(&scope)).await?;
        if synced.is_none() || self.repository(first).await?.is_none() {
            return Ok(None);
        }
        self.device.catalogue(|catalogue| catalogue.check_seals()).await?;
        let mut update = Update::begin(self, first).await?;
        if update.updater.trusted().snapshot_version() != synced || !update.updater.is_unchanged().await? {
            return Ok(None);
        }
        update.end().await?;
        Ok(Some(SyncReport::default()))
    }

    fn update_nation<'a>(&'a self, nation: &'a RegionId) -> Boxed<'a, Result<SyncReport, Error>> {
        Box::pin(self.read_nation(nation))
    }

    async fn read_nation(&self, nation: &RegionId) -> Result<SyncReport, Error> {
        let anchor = self.device.config.nations.iter().find(|anchor| anchor.nation == *nation);
        let anchor = anchor.ok_or_else(|| {
            Error::refused(Refusal::NotFound, format!("this app has no registry for the nation {nation}"))
        })?;
        let (id, url, root) = (nation.clone(), anchor.url.clone(), anchor.root.clone());
        self.device.catalogue(move |catalogue| catalogue.add_repository(&id, &url, &root)).await?;
        let mut update = Update::begin(self, nation).await?;
        let changed = update.updater.refresh().await?;
        update.region_data().await?;
        update.file(PROVIDERS_TARGET, |bytes| Ok(IdentityProvider::parse_list(bytes).map(drop)?)).await?;
        update.announcement().await?;
        update.places().await?;
        update.end().await?;
        Ok(SyncReport { changed, ..SyncReport::default() })
    }

    /// Makes a first-level region's repository known, as its nation lists it now.
    async fn find_repository(&self, nation: &RegionId, first: &RegionId) -> Result<SyncReport, Error> {
        let _turn = self.turn(nation).await;
        let report = self.update_nation(nation).await?;
        let update = Update::begin(self, nation).await?;
        let mut updater = update.updater;
        // What was kept a moment ago: no request is made for it.
        if updater.role("targets", "").await?.is_none() {
            return Err(Error::internal("a nation that was just synced"));
        }
        let entry = match updater.trusted().target(&format!("{nation}/{first}/root.json")) {
            Ok(entry) => entry,
            Err(error) => {
                // The nation has taken it out: nothing of it is offered any more.
                let gone = first.clone();
                self.device.catalogue(move |catalogue| catalogue.forget_repository(&gone)).await?;
                return Err(error.into());
            }
        };
        let listed: RepositoryEntry = serde_json::from_value(entry.custom.clone().unwrap_or_default())
            .map_err(|error| Error::SignatureInvalid { what: format!("the nation's entry for {first}: {error}") })?;
        if listed.region != *first {
            return Err(Error::SignatureInvalid {
                what: format!("the nation's entry for {first} names another region"),
            });
        }
        let known = self.repository(first).await?;
        let same_root = known.as_ref().is_some_and(|known| entry.check(&known.first_root).is_ok());
        if !same_root || known.as_ref().is_none_or(|known| known.url != listed.url) {
            let of_nation =
                self.repository(nation).await?.ok_or_else(|| Error::internal("a nation that was just synced"))?;
            let root = self.fetch_target(&of_nation.url, &entry).await?;
            let (id, url) = (first.clone(), listed.url.clone());
            if known.is_none() || same_root {
                self.device.catalogue(move |catalogue| catalogue.add_repository(&id, &url, &root)).await?;
            } else {
                // The nation lists another root: its word is how a province begins again after losing its keys.
                self.device.catalogue(move |catalogue| catalogue.replace_root(&id, &url, &root)).await?;
            }
        }
        PhoneStorage::begins_with(&self.device, first, &entry.sha256, known.is_some() && !same_root).await?;
        Ok(report)
    }
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

/// One repository while it is brought up to date.
struct Update<'a> {
    registry: &'a Registry,
    repository: KeptRepository,
    updater: Updater<'a, PhoneStorage>,
    now: i64,
}

impl<'a> Update<'a> {
    async fn begin(registry: &'a Registry, id: &RegionId) -> Result<Self, Error> {
        let unknown = || Error::internal("a repository that was just added");
        let repository = registry.repository(id).await?.ok_or_else(unknown)?;
        // Not later than that: what a sync with a wrong clock wrote down must not make good metadata old for ever.
        let now = registry.device.time.now_or_later_known().await;
        let storage = PhoneStorage::open(&registry.device, id).await?;
        let url = format!("{}/metadata", repository.url);
        let updater = Updater::begin(&registry.device.http, &url, &repository.first_root, storage, now).await?;
        Ok(Self { registry, repository, updater, now })
    }

    /// Follows the delegations down to every unit that is wanted.
    async fn roles(
        &mut self,
        wanted: &Wanted,
        progress: &ProgressSender,
        report: &mut SyncReport,
    ) -> Result<(), Error> {
        let own = self.repository.id.clone();
        // By the first that delegates to it; a second one changes nothing, or delegations could run in a circle.
        let mut delegated = BTreeSet::from([UnitId::from(own.clone())]);
        // Parents whose delegations are not known now: what lies below them is not known to be gone.
        let mut unknown = BTreeSet::new();
        // Parents come before what is below them: what they take down is known by then.
        let mut down: BTreeMap<UnitId, TakenDown> = BTreeMap::new();
        let mut ready: Vec<(UnitId, Result<Option<bool>, Error>)> = vec![(UnitId::from(own.clone()), Ok(Some(true)))];
        let mut allowance = Allowance::default();
        let (mut done, mut total) = (0, 1);
        while !ready.is_empty() {
            let mut next = Vec::new();
            for (unit, outcome) in ready {
                // A role beyond the limits is like one that can't be read: what it said before stays.
                let mut within = || allowance.add(&unit, self.updater.role_use(&unit.role()));
                let outcome = outcome.and_then(|found| match found {
                    Some(_) => Ok(within().map(|()| found).map_err(TrustError::from)?),
                    None => Ok(None),
                });
                match outcome {
                    Ok(None) => continue,
                    Ok(Some(_)) => {
                        let role = unit.role();
                        let takedowns = self.updater.trusted().takedowns(&unit);
                        for Takedown { service, withdrawn } in takedowns.iter().flatten().cloned() {
                            // The word of the one who is highest counts.
                            down.entry(service.unit).or_default().entry(service.app_id).or_insert(withdrawn);
                        }
                        let stops = self.taken_down(&unit, &down, &unknown).await?;
                        let kept = match takedowns {
                            Ok(_) => self.keep_role(&unit, &stops).await,
                            Err(error) => Err(error.into()),
                        };
                        match kept {
                            Ok(()) => report.units += 1,
                            Err(error) => self.keep_broken(&unit, &error, &stops, report).await?,
                        }
                        let below = self.updater.trusted().delegates(&role).filter_map(UnitId::from_role);
                        let may = |below: &UnitId| own.covers(below.region()) && below.may_be_delegated_by_role(&role);
                        for below in below.filter(may) {
                            if delegated.insert(below.clone()) && wanted.wants(&below) {
                                next.push((below.role(), role.clone()));
                            }
                        }
                    }
                    // One city's broken or missing file hides that city's news, and nothing else.
                    Err(error) => {
                        unknown.insert(unit.clone());
                        let stops = self.taken_down(&unit, &down, &unknown).await?;
                        self.keep_broken(&unit, &error, &stops, report).await?;
                    }
                }
            }
            total += next.len() as u64;
            let before = done;
            let outcomes = self.updater.roles(&next, |so_far| {
                done = before + so_far as u64;
                progress.at(Progress { step: Step::Services, done: done + 1, total });
            });
            let outcomes = outcomes.await;
            report.changed |= outcomes.iter().any(|(_, outcome)| matches!(outcome, Ok(Some(true))));
            let units = outcomes.into_iter().filter_map(|(role, outcome)| Some((UnitId::from_role(&role)?, outcome)));
            ready = units.collect();
        }
        // Also of units that were not reached, because the role between is broken or missing.
        for unit in down.keys() {
            let stops = self.taken_down(unit, &down, &unknown).await?;
            self.stop(unit, &stops).await?;
        }
        let name = own.clone();
        for unit in self.registry.device.catalogue(move |catalogue| catalogue.units(&name)).await? {
            let above = unit.may_be_delegated_by();
            let perhaps = above.iter().any(|above| unknown.contains(above));
            if !delegated.contains(&unit) && wanted.wants(&unit) && !perhaps {
                self.registry.device.catalogue(move |catalogue| catalogue.forget_unit(&unit)).await?;
                report.changed = true;
            }
        }
        Ok(())
    }

    /// Which services of a unit are taken down, by what is known now. If a role that may have done it can't be read, what
    /// it said before counts on: who breaks a file lifts nothing.
    async fn taken_down(
        &self,
        unit: &UnitId,
        down: &BTreeMap<UnitId, TakenDown>,
        unknown: &BTreeSet<UnitId>,
    ) -> Result<TakenDown, Error> {
        let mut stops = down.get(unit).cloned().unwrap_or_default();
        if unknown.contains(unit) || unit.may_be_delegated_by().iter().any(|above| unknown.contains(above)) {
            let unit = unit.clone();
            for (app_id, withdrawn) in self.registry.device.catalogue(move |all| all.taken_down(&unit)).await? {
                stops.entry(app_id).or_insert(withdrawn);
            }
        }
        Ok(stops)
    }

    /// Takes these services of a unit down and no others, open or not.
    async fn stop(&self, unit: &UnitId, stops: &TakenDown) -> Result<(), Error> {
        self.registry.stop(unit, stops);
        let (id, unit, stops) = (self.repository.id.clone(), unit.clone(), stops.clone());
        self.registry.device.catalogue(move |catalogue| catalogue.take_down(&id, &unit, &stops)).await
    }

    /// Writes down and reports that a unit's news could not be read.
    async fn keep_broken(
        &self,
        unit: &UnitId,
        error: &Error,
        stops: &TakenDown,
        report: &mut SyncReport,
    ) -> Result<(), Error> {
        self.stop(unit, stops).await?;
        let (id, broken, why) = (self.repository.id.clone(), unit.clone(), error.to_string());
        report.broken.push(BrokenUnit { unit: unit.clone(), why: why.clone() });
        self.registry.device.catalogue(move |catalogue| catalogue.keep_broken(&id, &broken, &why)).await
    }

    /// Writes down the releases of a unit whose role is trusted, unless they are there.
    async fn keep_role(&self, unit: &UnitId, stops: &TakenDown) -> Result<(), Error> {
        let role = unit.role();
        let version = self.updater.trusted().wanted_role(&role).unwrap_or_default();
        let expires = self.updater.trusted().role_ends(&role);
        let name = unit.clone();
        if self.registry.device.catalogue(move |catalogue| catalogue.unit_version(&name)).await? == Some(version) {
            // What is above it may have been signed again.
            let (id, name) = (self.repository.id.clone(), unit.clone());
            self.registry.device.catalogue(move |catalogue| catalogue.keep_expires(&id, &name, expires)).await?;
            return self.stop(unit, stops).await;
        }
        let packages = self.updater.trusted().role_targets(&role)?.into_iter();
        let packages = packages.filter(|target| target.path.ends_with(".ma"));
        let releases = packages.filter_map(|target| {
            Release::from_target(&role, target)
                .inspect_err(|error| tracing::warn!(%role, %error, "a release is passed over"))
                .ok()
        });
        // Every province's own role is called `targets`: its name alone does not say whose it is.
        let releases = releases.filter(|release| release.unit == *unit).collect();
        self.registry.stop(unit, stops);
        let (id, taken_down) = (self.repository.id.clone(), stops.clone());
        let role = VerifiedRole { unit: unit.clone(), version, expires, releases, taken_down };
        let replaced = move |catalogue: &mut Catalogue| {
            if let Some(release) = catalogue.replaced(&role)? {
                return Ok(Some(release.target.path.clone()));
            }
            catalogue.keep_roles(&id, &[role])?;
            Ok(None)
        };
        match self.registry.device.catalogue(replaced).await? {
            None => Ok(()),
            Some(path) => Err(Error::SignatureInvalid {
                what: format!("{path} was signed again with other bytes; a change is a new version"),
            }),
        }
    }

    /// The region data, if they are not the ones that were kept.
    async fn region_data(&mut self) -> Result<Option<RegionFile>, Error> {
        let path = format!("{}/{REGIONS_TARGET}", self.repository.id);
        let target = self.updater.trusted().target(&path)?;
        let kept = self.kept_file(&path).await?;
        if kept.is_some_and(|kept| target.check(&kept).is_ok()) {
            return Ok(None);
        }
        let bytes = self.registry.fetch_target(&self.repository.url, &target).await?;
        let file = RegionFile::parse(&bytes, &self.repository.id)?;
        let (id, regions) = (self.repository.id.clone(), file.clone());
        self.registry.device.catalogue(move |catalogue| catalogue.keep_regions(&id, &regions)).await?;
        // Last: only then are they there to be relied on.
        let id = self.repository.id.clone();
        self.registry.device.catalogue(move |catalogue| catalogue.keep_file(&id, &target, &bytes)).await?;
        Ok(Some(file))
    }

    /// Fetches a file of the repository, if it lists one, unless the kept one is still right.
    async fn file(&mut self, name: &str, check: impl Fn(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let path = format!("{}/{name}", self.repository.id);
        let target = match self.updater.trusted().target(&path) {
            Ok(target) => target,
            // What is not listed any more counts no more.
            Err(TrustError::NotListed(_)) => {
                let id = self.repository.id.clone();
                return self.registry.device.catalogue(move |catalogue| catalogue.forget_file(&id, &path)).await;
            }
            Err(_) => return Ok(()),
        };
        if self.kept_file(&path).await?.is_some_and(|kept| target.check(&kept).is_ok()) {
            return Ok(());
        }
        let bytes = self.registry.fetch_target(&self.repository.url, &target).await?;
        check(&bytes)?;
        let id = self.repository.id.clone();
        self.registry.device.catalogue(move |catalogue| catalogue.keep_file(&id, &target, &bytes)).await
    }

    /// What it tells all residents; answers whether that is known now. Nothing else waits for it: one that can't be fetched is
    /// asked for again, and one that can't be read is passed over where it would be shown.
    async fn announcement(&mut self) -> Result<bool, Error> {
        let path = format!("{}/{ANNOUNCEMENT_TARGET}", self.repository.id);
        let is_too_long = |target: Target| target.length > ANNOUNCEMENT_BYTES as u64;
        if self.updater.trusted().target(&path).is_ok_and(is_too_long) {
            let id = self.repository.id.clone();
            self.registry.device.catalogue(move |catalogue| catalogue.forget_file(&id, &path)).await?;
            return Ok(true);
        }
        match self.file(ANNOUNCEMENT_TARGET, |_| Ok(())).await {
            Ok(()) => Ok(true),
            Err(error @ (Error::Network { .. } | Error::BadAnswer { .. } | Error::SignatureInvalid { .. })) => {
                tracing::warn!(id = %self.repository.id, %error, "what it announces can't be fetched");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The names of a nation's cities. They are for finding alone: nothing waits for them, and those that can't be read find nothing.
    async fn places(&mut self) -> Result<(), Error> {
        match self.file(PLACES_TARGET, |_| Ok(())).await {
            Err(error @ (Error::Network { .. } | Error::BadAnswer { .. } | Error::SignatureInvalid { .. })) => {
                tracing::warn!(id = %self.repository.id, %error, "its cities' names can't be fetched");
                Ok(())
            }
            other => other,
        }
    }

    async fn kept_file(&self, path: &str) -> Result<Option<Arc<[u8]>>, Error> {
        let (id, path) = (self.repository.id.clone(), path.to_owned());
        self.registry.device.catalogue(move |catalogue| catalogue.file(&id, &path)).await
    }

    /// Writes down that the repository is current: first that, then the floors.
    async fn end(self) -> Result<(), Error> {
        let Self { registry, repository, updater, now } = self;
        let trusted = updater.trusted();
        // A poll does not read `targets`; for when that ends, see `Registry::is_current`.
        let listed = if trusted.has_role("targets") { trusted.role_ends("targets") } else { UnixTime::MAX };
        let expires = trusted.fresh_until().min(listed);
        registry.device.catalogue(move |catalogue| catalogue.keep_checked(&repository.id, now, expires)).await?;
        updater.into_storage().keep_floors().await
    }
}
