//! The home screen of a region, its further services, and finding one of them.

use std::collections::{BTreeSet, HashMap};

use onecity_protocol::names::Names;
use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::{Release, WhyNot};
use onecity_store::{Catalogue, Slot, StoreError};

use super::announced::announced;
use super::lookup::{Registry, region_view};
use super::offers::Eligibility;
use crate::error::{Error, Refusal};
use crate::views::{AccountView, Freshness, HomeView, IconView, ServiceCard, ServicePage};

/// A registry counts as fresh this long after it was checked, in seconds.
const FRESH: i64 = 3600;
/// Most services on one screen.
const MAX_CARDS: usize = 200;
/// Most services that a search finds.
const MAX_FOUND: usize = 50;

/// What cards are made with.
struct Cards<'a> {
    catalogue: &'a Catalogue,
    tree: &'a RegionTree,
    eligibility: &'a Eligibility,
    languages: &'a [String],
}

impl Cards<'_> {
    fn card(&self, release: &Release, installed: bool, withdrawn: Option<&Names>) -> ServiceCard {
        let best = |names: &Names| names.best(self.languages).to_owned();
        let entry = &release.entry;
        ServiceCard {
            id: ServiceId { unit: release.unit.clone(), app_id: release.app_id.clone() },
            name: best(&entry.names),
            summary: best(&entry.summaries),
            category: entry.category.clone(),
            publisher: self.tree.unit_name(&release.unit, self.languages),
            version: entry.version.clone(),
            icon: entry.icon.clone().map(String::from),
            installed,
            withdrawn: withdrawn.map(best),
        }
    }

    /// The card of a service out of all its releases; none if this phone is not offered it.
    fn of(&self, releases: &[Release], has: Option<u64>) -> Option<ServiceCard> {
        match self.eligibility.choose(releases, has) {
            Ok(release) => Some(self.card(release, has.is_some(), None)),
            // Who looks for it should read why it is gone.
            Err(Some(WhyNot::Withdrawn(withdrawn))) => {
                Some(self.card(releases.first()?, has.is_some(), Some(&withdrawn.reason)))
            }
            Err(_) => None,
        }
    }

    /// A screen of cards from a place on, and the place of the next.
    fn page(&self, units: &[UnitId], from: usize) -> Result<(Vec<ServiceCard>, Option<u32>), StoreError> {
        let (mut cards, mut at) = (Vec::new(), 0);
        for unit in units {
            let installed: HashMap<String, u64> = self.catalogue.installed_of(unit)?.into_iter().collect();
            let releases = self.catalogue.releases(unit)?;
            for service in releases.chunk_by(|one, other| one.app_id == other.app_id) {
                if at >= from {
                    if cards.len() == MAX_CARDS {
                        return Ok((cards, u32::try_from(at).ok()));
                    }
                    let has = service.first().and_then(|release| installed.get(&release.app_id).copied());
                    cards.extend(self.of(service, has));
                }
                at += 1;
            }
        }
        Ok((cards, None))
    }
}

impl Registry {
    pub(crate) async fn home(
        &self,
        id: RegionId,
        account: Option<AccountView>,
        waiting: u32,
    ) -> Result<HomeView, Error> {
        let languages = self.device.languages();
        let eligibility = self.eligibility().await?;
        let offline = self.device.http.is_offline();
        let now = self.device.time.now().await;
        let wanted = id.clone();
        let (region, above, services, next, checked, announcement) = self
            .device
            .catalogue(move |catalogue| {
                let tree = catalogue.tree_around(&id)?;
                let Some(region) = tree.get(&id) else { return Ok(None) };
                let region = region_view(region, tree.hotline(&id), &languages);
                let announcement = announced(catalogue, &id, now, &languages)?;
                let parents = std::iter::successors(id.parent(), RegionId::parent);
                let above = parents.filter_map(|id| Some(region_view(tree.get(&id)?, tree.hotline(&id), &languages)));
                let units = catalogue.units_for(&tree, &id)?;
                let cards = Cards { catalogue, tree: &tree, eligibility: &eligibility, languages: &languages };
                let (services, next) = cards.page(&units, 0)?;
                let repository = id.first_level().unwrap_or_else(|| id.nation());
                let checked = catalogue.repository(&repository)?.map_or(0, |repository| repository.checked);
                Ok(Some((region, above.collect(), services, next, checked, announcement)))
            })
            .await?
            .ok_or_else(|| {
                Error::refused(Refusal::NotFound, format!("{wanted} is not on this phone yet; sync it first"))
            })?;
        let freshness = if offline {
            Freshness::Offline { since: checked }
        } else if (0..FRESH).contains(&(now - checked)) {
            Freshness::Fresh
        } else {
            Freshness::Stale { since: checked }
        };
        Ok(HomeView { region, above, services, next, account, waiting, freshness, announcement })
    }

    /// The services of a region from a place on that a screen before ended at.
    pub(crate) async fn services(&self, id: RegionId, from: u32) -> Result<ServicePage, Error> {
        let languages = self.device.languages();
        let eligibility = self.eligibility().await?;
        let (services, next) = self
            .device
            .catalogue(move |catalogue| {
                let tree = catalogue.tree_around(&id)?;
                let units = catalogue.units_for(&tree, &id)?;
                let cards = Cards { catalogue, tree: &tree, eligibility: &eligibility, languages: &languages };
                cards.page(&units, usize::try_from(from).unwrap_or(usize::MAX))
            })
            .await?;
        Ok(ServicePage { services, next })
    }

    /// The services that fit a text, those of the region and its surroundings first.
    pub(crate) async fn search(&self, text: String, id: RegionId) -> Result<Vec<ServiceCard>, Error> {
        let languages = self.device.languages();
        let eligibility = self.eligibility().await?;
        self.device
            .catalogue(move |catalogue| {
                let tree = catalogue.tree_around(&id)?;
                let mut nearest = catalogue.units_for(&tree, &id)?;
                // Then what lies below the region and below its city: the districts of the home city are near, too.
                let above = id.up_to_first_level();
                let city = above.len().checked_sub(2).and_then(|at| above.get(at));
                if id.first_level().is_some() {
                    let mut known: BTreeSet<UnitId> = nearest.iter().cloned().collect();
                    for area in [Some(&id), city].into_iter().flatten() {
                        let below = catalogue.units_below(area)?;
                        nearest.extend(below.into_iter().filter(|unit| known.insert(unit.clone())));
                    }
                }
                let cards = Cards { catalogue, tree: &tree, eligibility: &eligibility, languages: &languages };
                let mut found = Vec::new();
                // Some of what fits may not be offered to this phone.
                for hit in catalogue.search(&text, &nearest, MAX_FOUND * 2)? {
                    let has = catalogue.installed(&hit, Slot::Current)?;
                    let has = has.map(|installed| installed.version_code);
                    found.extend(cards.of(&catalogue.releases_of(&hit)?, has));
                    if found.len() == MAX_FOUND {
                        break;
                    }
                }
                Ok(found)
            })
            .await
    }

    /// The cards of services by their ids, in that order; those that the phone does not know are left out.
    pub(crate) async fn cards(&self, services: Vec<ServiceId>, id: RegionId) -> Result<Vec<ServiceCard>, Error> {
        let languages = self.device.languages();
        let eligibility = self.eligibility().await?;
        self.device
            .catalogue(move |catalogue| {
                let tree = catalogue.tree_around(&id)?;
                let mut found = Vec::new();
                for service in services.iter().take(MAX_CARDS) {
                    // Whose it is, is named by what lies around its publisher, which may be elsewhere.
                    let of = service.unit.region();
                    let far = if of.covers(&id) { None } else { Some(catalogue.tree_around(of)?) };
                    let tree = far.as_ref().unwrap_or(&tree);
                    let cards = Cards { catalogue, tree, eligibility: &eligibility, languages: &languages };
                    let has = catalogue.installed(service, Slot::Current)?.map(|installed| installed.version_code);
                    found.extend(cards.of(&catalogue.releases_of(service)?, has));
                }
                Ok(found)
            })
            .await
    }

    /// A service's icon, from the phone or else from the registry.
    pub(crate) async fn icon(&self, service: ServiceId) -> Result<Option<IconView>, Error> {
        let eligibility = self.eligibility().await?;
        let wanted = service.clone();
        let name = self
            .device
            .catalogue(move |catalogue| {
                let releases = catalogue.releases_of(&wanted)?;
                let release = eligibility.choose(&releases, None).ok().or_else(|| releases.first());
                Ok(release.and_then(|release| release.entry.icon.clone()))
            })
            .await?;
        let Some(name) = name else { return Ok(None) };
        let first = service.unit.region().first_level();
        let first = first.ok_or_else(|| Error::refused(Refusal::NotFound, "a nation publishes no services"))?;
        let (repository, path) = (first.clone(), name.path(&service.unit));
        let kept = self.device.catalogue(move |catalogue| catalogue.file(&repository, &path)).await?;
        let body = match kept.filter(|bytes| name.is(bytes)) {
            Some(bytes) => bytes.to_vec(),
            None => {
                let unknown = || Error::internal("a service without a repository");
                let url = self.repository(&first).await?.ok_or_else(unknown)?.url;
                let bytes = self.fetch_icon(&url, &service.unit, &name).await?;
                let (path, kept) = (name.path(&service.unit), bytes.clone());
                self.device.catalogue(move |catalogue| catalogue.keep_icon(&first, &path, &kept)).await?;
                bytes
            }
        };
        Ok(Some(IconView { media_type: name.media_type().to_owned(), body }))
    }
}
