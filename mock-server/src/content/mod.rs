//! What a world is made of: who lives there, which regions there are, which services are published. Most of it is built in; a tester's
//! own is laid over it.
//!
//! ```text
//!   people.rs    personas, and those in their care
//!   regions.rs   the tables that are checked in beside this crate
//!   services.rs  mini-services, packed for the unit that publishes them
//! ```

mod people;
pub(crate) mod regions;
pub(crate) mod services;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use onecity_protocol::names::Names;
use onecity_protocol::region::{
    Circle, Position, Region, RegionDataError, RegionFile, RegionId, RegionKind, RegionTree, UnitId,
};
use serde::{Deserialize, Serialize};

pub(crate) use people::People;
pub use people::{Dependant, Persona, Relation};
use regions::RegionTableError;
use services::{Publication, ServiceError};

/// Most regions, circles and services that are laid over what is built in.
const MOST: usize = 1000;

/// Why a world can't be made of this.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ContentError {
    #[error("the persona {0}: {1}")]
    Persona(String, &'static str),
    #[error("at most {1} {0}")]
    TooMany(&'static str, usize),
    #[error("the region {0} lies in none: its parent must be there, and nations are cn and vn")]
    NoParent(RegionId),
    #[error("the circle {0}: its region and its members must be there, and its id ends in ~NAME")]
    Circle(UnitId),
    #[error("{0} is in no province, which would sign for it")]
    NoRepository(UnitId),
    #[error("there is no unit {0} that could publish a service")]
    NoUnit(UnitId),
    #[error("the regions: {0}")]
    Table(#[from] RegionTableError),
    #[error("the regions: {0}")]
    Regions(#[from] RegionDataError),
    #[error("the regions: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// A region of a tester's own, or other words for one that is built in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRegion {
    /// Its id, which is also its place in the tree.
    pub id: RegionId,
    /// What kind it is.
    pub kind: RegionKind,
    /// The official code.
    #[serde(default)]
    pub code: String,
    /// Names by language.
    pub names: Names,
    /// The number to call, where it differs from the region above; `-` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotline: Option<String>,
    /// The IANA time zone, where it differs from the region above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Where its middle is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre: Option<Position>,
}

impl From<OwnRegion> for Region {
    fn from(own: OwnRegion) -> Self {
        let OwnRegion { id, kind, code, names, hotline, zone, centre } = own;
        Self { id, kind, code, names, hotline, zone, centre }
    }
}

/// A circle of cities of a tester's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnCircle {
    /// Its unit, for example `cn-sd/~coast`.
    pub id: UnitId,
    /// Names by language.
    pub names: Names,
    /// The regions that it includes, with all below them.
    pub members: Vec<RegionId>,
}

/// A mini-service of a tester's own, as a folder of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnService {
    /// The unit that publishes it: a region, a circle or a department (`cn-sd/jinan/~transport`).
    pub unit: UnitId,
    /// The folder; a relative one is beside the file that names it.
    pub folder: PathBuf,
    /// To how many phones of a hundred it is offered.
    #[serde(default = "everybody")]
    pub rollout: u8,
}

fn everybody() -> u8 {
    100
}

/// What is laid over the built-in world.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Additions {
    /// More personas, or others in the place of those that are built in.
    pub personas: Vec<Persona>,
    /// More regions, or others in the place of those that are built in; parents stand before children.
    pub regions: Vec<OwnRegion>,
    /// More circles of cities.
    pub circles: Vec<OwnCircle>,
    /// More services, or others in the place of those that are built in.
    pub services: Vec<OwnService>,
}

impl Additions {
    /// Whether the regions are the same.
    pub(crate) fn has_regions_of(&self, other: &Self) -> bool {
        self.regions == other.regions && self.circles == other.circles
    }
}

/// What a world is made of.
pub(crate) struct Content {
    pub people: People,
    pub tree: Arc<RegionTree>,
    nations: BTreeMap<RegionId, RegionFile>,
    services: Vec<Publication>,
}

impl Content {
    /// What is built in, with this laid over it.
    pub(crate) fn with(additions: &Additions) -> Result<Self, ContentError> {
        let people = People::with(&additions.personas)?;
        let counts = [("regions", additions.regions.len()), ("circles", additions.circles.len())];
        for (what, count) in counts.into_iter().chain([("services", additions.services.len())]) {
            if count > MOST {
                return Err(ContentError::TooMany(what, MOST));
            }
        }
        let mut nations = BTreeMap::new();
        let mut tree = regions::tree()?;
        if !additions.regions.is_empty() || !additions.circles.is_empty() {
            let mut own = RegionTree::default();
            for nation in regions::nations() {
                let mut file = regions::load(&nation)?;
                lay_over(&mut file, &nation, additions)?;
                own.add(file.clone());
                nations.insert(nation, file);
            }
            let is_there = |id: &RegionId| own.get(id).is_some();
            if let Some(orphan) =
                additions.regions.iter().find(|region| !region.id.parent().is_some_and(|id| is_there(&id)))
            {
                return Err(ContentError::NoParent(orphan.id.clone()));
            }
            let is_circle = |own: &OwnCircle| {
                own.id.is_office()
                    && is_there(own.id.region())
                    && !own.members.is_empty()
                    && own.members.iter().all(is_there)
            };
            if let Some(wrong) = additions.circles.iter().find(|own| !is_circle(own)) {
                return Err(ContentError::Circle(wrong.id.clone()));
            }
            tree = Arc::new(own);
        }
        let own = additions.services.iter().map(|own| Self::publication(&tree, own)).collect::<Result<Vec<_>, _>>()?;
        let is_replaced = |built_in: &Publication| own.iter().any(|own| own.is_of(built_in));
        let mut services = services::built_in(&*regions::tree()?);
        services.retain(|built_in| !is_replaced(built_in));
        services.extend(own);
        Ok(Self { people, tree, nations, services })
    }

    /// A tester's service, read from its folder.
    pub(crate) fn publication(tree: &RegionTree, own: &OwnService) -> Result<Publication, ContentError> {
        if tree.get(own.unit.region()).is_none() {
            return Err(ContentError::NoUnit(own.unit.clone()));
        }
        if own.unit.region().first_level().is_none() {
            return Err(ContentError::NoRepository(own.unit.clone()));
        }
        Ok(Publication::read(own)?)
    }

    /// All regions of a nation and the circles among them.
    pub(crate) fn nation(&self, nation: &RegionId) -> Result<RegionFile, RegionTableError> {
        self.nations.get(nation).map_or_else(|| regions::load(nation), |own| Ok(own.clone()))
    }

    /// What each unit below a region publishes from the start.
    pub(crate) fn published_below(&self, region: &RegionId) -> BTreeMap<UnitId, Vec<&Publication>> {
        let mut units: BTreeMap<UnitId, Vec<&Publication>> = BTreeMap::new();
        for own in self.services.iter().filter(|own| region.covers(own.unit.region())) {
            units.entry(own.unit.clone()).or_default().push(own);
        }
        units
    }
}

/// Lays a tester's regions and circles over a nation's.
fn lay_over(file: &mut RegionFile, nation: &RegionId, additions: &Additions) -> Result<(), ContentError> {
    for own in additions.regions.iter().filter(|own| nation.covers(&own.id)) {
        let region = Region::from(own.clone());
        match file.regions.iter_mut().find(|other| other.id == region.id) {
            Some(other) => *other = region,
            None => file.regions.push(region),
        }
    }
    for own in additions.circles.iter().filter(|own| nation.covers(own.id.region())) {
        let OwnCircle { id, names, members } = own.clone();
        file.circles.retain(|other| other.id != id);
        file.circles.push(Circle { id, names, members });
    }
    // As a phone would read it.
    RegionFile::parse(&serde_json::to_vec(file)?, nation)?;
    Ok(())
}
