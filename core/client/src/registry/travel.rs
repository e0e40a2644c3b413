//! Going to another city: what is there and not here, what it takes to have it along, and getting it.

use std::collections::HashMap;

use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::Release;
use onecity_store::{Catalogue, Slot, StoreError};

use super::lookup::Registry;
use super::offers::Eligibility;
use crate::device::ProgressSender;
use crate::error::Error;
use crate::task::{Progress, Step};
use crate::views::{MissingService, ParityView, PlannedService, TravelPlan};

/// A release that this phone is offered in a region.
struct Offered {
    release: Release,
    /// The version that is on the phone.
    installed: Option<u64>,
}

impl Offered {
    fn service(&self) -> ServiceId {
        ServiceId { unit: self.release.unit.clone(), app_id: self.release.app_id.clone() }
    }
}

/// What this phone is offered by some units, each unit's services together and in the units' order.
fn offered_by(catalogue: &Catalogue, eligibility: &Eligibility, units: &[UnitId]) -> Result<Vec<Offered>, StoreError> {
    let mut all = Vec::new();
    for unit in units {
        let installed: HashMap<String, u64> = catalogue.installed_of(unit)?.into_iter().collect();
        let releases = catalogue.releases(unit)?;
        for service in releases.chunk_by(|one, other| one.app_id == other.app_id) {
            let has = service.first().and_then(|release| installed.get(&release.app_id).copied());
            if let Ok(release) = eligibility.choose(service, has) {
                all.push(Offered { release: release.clone(), installed: has });
            }
        }
    }
    Ok(all)
}

impl Registry {
    async fn offered(&self, region: &RegionId) -> Result<(RegionTree, Vec<Offered>), Error> {
        let eligibility = self.eligibility().await?;
        let region = region.clone();
        self.device
            .catalogue(move |catalogue| {
                let tree = catalogue.tree_around(&region)?;
                let units = catalogue.units_for(&tree, &region)?;
                let offered = offered_by(catalogue, &eligibility, &units)?;
                Ok((tree, offered))
            })
            .await
    }
}

fn planned(offered: &Offered, tree: &RegionTree, languages: &[String]) -> PlannedService {
    PlannedService {
        id: offered.service(),
        name: offered.release.entry.names.best(languages).to_owned(),
        publisher: tree.unit_name(&offered.release.unit, languages),
        bytes: offered.release.target.length,
        installed: offered.installed == Some(offered.release.version_code),
    }
}

impl Registry {
    /// What it takes to have a region's services on the phone.
    pub(crate) async fn plan(&self, region: &RegionId) -> Result<TravelPlan, Error> {
        let (tree, offered) = self.offered(region).await?;
        let languages = &self.device.languages();
        let services: Vec<PlannedService> = offered.iter().map(|offered| planned(offered, &tree, languages)).collect();
        let missing = services.iter().filter(|service| !service.installed).map(|service| service.bytes).sum();
        Ok(TravelPlan { region: region.clone(), services, bytes_to_fetch: missing })
    }

    /// Fetches services of a region, all of them if none is named, so that they open without a network. What can't be
    /// fetched does not hold up the others.
    pub(crate) async fn prefetch(
        &self,
        region: &RegionId,
        only: &[ServiceId],
        progress: &ProgressSender,
    ) -> Result<(), Error> {
        let (_, offered) = self.offered(region).await?;
        let wanted = |offered: &&Offered| {
            offered.installed != Some(offered.release.version_code)
                && (only.is_empty() || only.contains(&offered.service()))
        };
        let wanted: Vec<&Offered> = offered.iter().filter(wanted).collect();
        let total = wanted.iter().map(|offered| offered.release.target.length).sum();
        let mut done = 0;
        let mut first_error = None;
        progress.at(Progress { step: Step::Packages, done, total });
        for offered in wanted {
            // A version that is in use is replaced at its next start only.
            let slot = if offered.installed.is_some() { Slot::Next } else { Slot::Current };
            match self.install(&offered.service(), &offered.release, slot).await {
                Ok(_) => {
                    done += offered.release.target.length;
                    progress.at(Progress { step: Step::Packages, done, total });
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// What home has and another region lacks, with what comes nearest to it there.
    pub(crate) async fn parity(&self, home: &RegionId, there: &RegionId) -> Result<ParityView, Error> {
        let (home_tree, at_home) = self.offered(home).await?;
        let (there_tree, offered_there) = self.offered(there).await?;
        let languages = &self.device.languages();
        let same = |one: &Offered, other: &Offered| one.release.app_id == other.release.app_id;
        let missing = at_home.iter().filter(|own| !offered_there.iter().any(|other| same(own, other)));
        let missing = missing.map(|own| {
            let best = offered_there.iter().map(|other| (likeness(&own.release, &other.release), other));
            let best = best.filter(|(likeness, _)| *likeness > 0).max_by_key(|(likeness, _)| *likeness);
            MissingService {
                service: planned(own, &home_tree, languages),
                nearest: best.map(|(_, other)| planned(other, &there_tree, languages)),
            }
        });
        let missing = missing.collect();
        let shared = at_home.iter().filter(|own| offered_there.iter().any(|other| same(own, other))).count();
        Ok(ParityView { shared: u32::try_from(shared).unwrap_or(u32::MAX), missing })
    }
}

/// How alike two services are: the same category counts most, then keywords that both have.
fn likeness(one: &Release, other: &Release) -> usize {
    let category = usize::from(one.entry.category == other.entry.category) * 100;
    let shared = one.entry.keywords.iter().filter(|word| other.entry.keywords.contains(word)).count();
    category + shared
}
