//! The tree of regions under a nation, and the units that publish in it.
//!
//! A region's id is its path: `cn`, `cn-sd`, `cn-sd/jinan`, `cn-sd/jinan/lixia`. Depth is not kind: a
//! municipality such as Chongqing goes straight to its districts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::json::{self, JsonError};
use crate::names::Names;

/// Longest id that is accepted, in bytes.
const MAX_ID: usize = 160;
/// Most levels below a first-level region.
const MAX_DEPTH: usize = 6;

/// Why a text is not a region or unit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id: {why}")]
pub struct IdError {
    text: String,
    why: &'static str,
}

/// A region's id: ISO 3166-2 in lower case, then slugs (`cn-sd/jinan/lixia`); a nation is ISO 3166-1 (`cn`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegionId(String);

impl RegionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nation: `cn` for `cn-sd/jinan`.
    pub fn nation(&self) -> RegionId {
        RegionId(self.0[..2].to_owned())
    }

    /// The first-level region, `cn-sd` for `cn-sd/jinan`; none for a nation.
    pub fn first_level(&self) -> Option<RegionId> {
        let first = self.0.split('/').next().unwrap_or(&self.0);
        (first.len() > 2).then(|| RegionId(first.to_owned()))
    }

    /// The region above, `cn-sd` for `cn-sd/jinan` and `cn` for `cn-sd`; none for a nation.
    pub fn parent(&self) -> Option<RegionId> {
        match self.0.rfind('/') {
            Some(at) => Some(RegionId(self.0[..at].to_owned())),
            None if self.0.len() > 2 => Some(self.nation()),
            None => None,
        }
    }

    /// This region and all above it up to the first level, nearest first; empty for a nation.
    pub fn up_to_first_level(&self) -> Vec<RegionId> {
        std::iter::successors(Some(self.clone()), RegionId::parent).take_while(|id| id.0.len() > 2).collect()
    }

    /// Whether `other` is this region or lies below it.
    pub fn covers(&self, other: &RegionId) -> bool {
        let (own, their) = (self.0.as_str(), other.0.as_str());
        match their.strip_prefix(own) {
            Some("") => true,
            Some(rest) => rest.starts_with('/') || (own.len() == 2 && rest.starts_with('-')),
            None => false,
        }
    }
}

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RegionId> for String {
    fn from(id: RegionId) -> Self {
        id.0
    }
}

impl TryFrom<String> for RegionId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl FromStr for RegionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let refuse = |why| Err(IdError { text: text.chars().take(80).collect(), why });
        if text.len() > MAX_ID {
            return refuse("longer than 160 bytes");
        }
        let mut parts = text.split('/');
        let first = parts.next().unwrap_or("");
        let (nation, rest) = first.split_once('-').map_or((first, None), |(n, r)| (n, Some(r)));
        if nation.len() != 2 || !nation.bytes().all(|b| b.is_ascii_lowercase()) {
            return refuse("it must begin with a nation, such as cn or vn");
        }
        if rest.is_some_and(|r| !(1..=3).contains(&r.len()) || !r.bytes().all(is_slug_byte)) {
            return refuse("its first part must be ISO 3166-2 in lower case, such as cn-sd");
        }
        let slugs: Vec<&str> = parts.collect();
        if rest.is_none() && !slugs.is_empty() {
            return refuse("a nation has no slugs of its own");
        }
        if slugs.len() > MAX_DEPTH {
            return refuse("more than six levels below its first part");
        }
        if !slugs.iter().all(|slug| is_slug(slug)) {
            return refuse("a slug is lower-case letters, digits and single hyphens inside");
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_slug_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_slug(text: &str) -> bool {
    (1..=48).contains(&text.len()) && text.split('-').all(|part| !part.is_empty() && part.bytes().all(is_slug_byte))
}

/// What publishes: a region, a department of it, or a circle of regions (`cn-sd/~jiaodong`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitId {
    region: RegionId,
    /// The part after `~`: a department or a circle.
    office: Option<String>,
}

impl UnitId {
    /// The region that the unit is, or belongs to.
    pub fn region(&self) -> &RegionId {
        &self.region
    }

    /// Whether this is a department or a circle rather than a region.
    pub fn is_office(&self) -> bool {
        self.office.is_some()
    }

    /// The name of the unit's TUF role: `cn-sd.jinan`; a first-level region signs with the repository's own
    /// `targets` role, since the repository is its own.
    pub fn role(&self) -> String {
        if self.office.is_none() && self.region.first_level().as_ref() == Some(&self.region) {
            "targets".to_owned()
        } else {
            self.to_string().replace('/', ".")
        }
    }

    /// The unit of a role's name; none for `targets` and for what is no unit's.
    pub fn from_role(role: &str) -> Option<Self> {
        let unit: Self = role.replace('.', "/").parse().ok()?;
        (unit.role() == role).then_some(unit)
    }

    /// The unit directly below the first-level region that this one belongs to: the city of a district's department; none
    /// for the first-level region itself and for a nation.
    pub fn publisher(&self) -> Option<Self> {
        let above = self.region.up_to_first_level();
        match above.len().checked_sub(2).and_then(|at| above.get(at)) {
            Some(city) => Some(city.clone().into()),
            None => self.office.is_some().then(|| self.clone()),
        }
    }

    /// The units that may delegate to this one, nearest first: for a district's department the district and the city.
    /// Above them is the repository's `targets`.
    pub fn may_be_delegated_by(&self) -> Vec<Self> {
        let above = self.region.up_to_first_level().into_iter().map(Self::from);
        above.filter(|unit| unit != self && unit.role() != "targets").collect()
    }

    /// Whether the role that is called so may delegate to this unit: those above it may, and nobody beside or below.
    pub fn may_be_delegated_by_role(&self, role: &str) -> bool {
        role == "targets" || self.may_be_delegated_by().iter().any(|above| above.role() == role)
    }

    /// The path patterns that the unit's delegation covers: its own packages, and for a city those of its districts
    /// and departments. TUF's `*` does not cross `/`.
    pub fn patterns(&self) -> Vec<String> {
        let depths = if self.office.is_some() { 2..=2 } else { 2..=5 };
        depths.map(|depth| format!("{self}{}", "/*".repeat(depth))).collect()
    }
}

impl From<RegionId> for UnitId {
    fn from(region: RegionId) -> Self {
        Self { region, office: None }
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.office {
            Some(office) => write!(f, "{}/~{office}", self.region),
            None => self.region.fmt(f),
        }
    }
}

impl From<UnitId> for String {
    fn from(id: UnitId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for UnitId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl FromStr for UnitId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once("/~") {
            None => Ok(Self::from(text.parse::<RegionId>()?)),
            Some((region, office)) if is_slug(office) => {
                Ok(Self { region: region.parse()?, office: Some(office.to_owned()) })
            }
            Some(_) => Err(IdError { text: text.chars().take(80).collect(), why: "a department or circle is a slug" }),
        }
    }
}

/// What kind of region it is, independent of its depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the field's own words")]
pub enum RegionKind {
    Nation,
    Province,
    Municipality,
    City,
    District,
    County,
    Town,
    Ward,
}

/// A place on the WGS 84 ellipsoid, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
}

/// A region as the registry's region data describe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its id, which is also its place in the tree.
    pub id: RegionId,
    /// What kind it is.
    pub kind: RegionKind,
    /// The official code: GB/T 2260 in China, GSO in Viet Nam.
    pub code: String,
    /// Names by language; the Latin name is under `en`.
    pub names: Names,
    /// The number to call for the city's services, where it differs from the region above; `-` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotline: Option<String>,
    /// The IANA time zone, where it differs from the region above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its centre, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre: Option<Position>,
}

/// A circle of regions that publishes for all its members, such as an economic circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// The circle's unit, for example `cn-sd/~jiaodong`.
    pub id: UnitId,
    /// Names by language.
    pub names: Names,
    /// The regions that it includes, with all below them.
    pub members: Vec<RegionId>,
}

/// The region data of one repository: the target `REPOSITORY/regions.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RegionFile {
    /// The regions, parents before children.
    pub regions: Vec<Region>,
    /// The circles among them.
    #[serde(default)]
    pub circles: Vec<Circle>,
}

/// Why region data was refused.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RegionDataError {
    #[error("the region data is not the JSON that was expected: {0}")]
    Malformed(#[from] JsonError),
    #[error("{0} is not part of {1}: a repository describes its own regions only")]
    Foreign(String, RegionId),
    #[error("{0} is no place below a nation's first level, which is all that places.json lists")]
    NoPlace(String),
}

impl RegionFile {
    /// Reads region data that `of` (a nation or a first-level region) has signed, and refuses what is not its own.
    pub fn parse(bytes: &[u8], of: &RegionId) -> Result<Self, RegionDataError> {
        let file: Self = json::read(bytes)?;
        let foreign = file.regions.iter().find(|region| !of.covers(&region.id)).map(|r| r.id.to_string());
        let foreign = foreign.or_else(|| {
            let outside = |c: &&Circle| !of.covers(c.id.region()) || c.members.iter().any(|m| !of.covers(m));
            file.circles.iter().find(outside).map(|c| c.id.to_string())
        });
        match foreign {
            Some(id) => Err(RegionDataError::Foreign(id, of.clone())),
            None => Ok(file),
        }
    }
}

impl RegionFile {
    /// Reads the names of a nation's cities (`NATION/places.json`): regions below its first level, and nothing else.
    pub fn parse_places(bytes: &[u8], nation: &RegionId) -> Result<Self, RegionDataError> {
        let file = Self::parse(bytes, nation)?;
        let is_below = |region: &Region| region.id.first_level().is_some_and(|first| first != region.id);
        let other = file.regions.iter().find(|region| !is_below(region)).map(|region| region.id.to_string());
        let other = other.or_else(|| file.circles.first().map(|circle| circle.id.to_string()));
        let other = other.or_else(|| nation.first_level().map(|first| first.to_string()));
        match other {
            Some(id) => Err(RegionDataError::NoPlace(id)),
            None => Ok(file),
        }
    }
}

/// All regions that a phone or a server knows, as a tree.
#[derive(Debug, Clone, Default)]
pub struct RegionTree {
    regions: HashMap<RegionId, Region>,
    children: BTreeMap<RegionId, Vec<RegionId>>,
    circles: BTreeMap<UnitId, Circle>,
}

impl RegionTree {
    /// Adds a file's regions; a later file's word on a region replaces an earlier one's.
    pub fn add(&mut self, file: RegionFile) {
        for region in file.regions {
            if let Some(parent) = region.id.parent() {
                let siblings = self.children.entry(parent).or_default();
                if !self.regions.contains_key(&region.id) {
                    siblings.push(region.id.clone());
                }
            }
            self.regions.insert(region.id.clone(), region);
        }
        self.circles.extend(file.circles.into_iter().map(|circle| (circle.id.clone(), circle)));
    }

    /// A region by its id.
    pub fn get(&self, id: &RegionId) -> Option<&Region> {
        self.regions.get(id)
    }

    /// The regions directly below one.
    pub fn children(&self, id: &RegionId) -> impl Iterator<Item = &Region> {
        self.children.get(id).into_iter().flatten().filter_map(|child| self.regions.get(child))
    }

    /// Every region, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    /// Every circle.
    pub fn circles(&self) -> impl Iterator<Item = &Circle> {
        self.circles.values()
    }

    /// The units whose services are offered in a region, nearest first: its own, its ancestors', and the circles
    /// that include it.
    pub fn units_for(&self, region: &RegionId) -> Vec<UnitId> {
        let own = region.up_to_first_level().into_iter().map(UnitId::from);
        let includes = |circle: &&Circle| circle.members.iter().any(|member| member.covers(region));
        let circles = self.circles.values().filter(includes).map(|circle| circle.id.clone());
        let mut units: Vec<UnitId> = own.collect();
        // A circle is wider than a city and narrower than the province, which comes last.
        let province = units.len().saturating_sub(1);
        units.splice(province..province, circles);
        units
    }

    /// The hotline of a region or of the nearest one above that has its own.
    pub fn hotline(&self, id: &RegionId) -> Option<&str> {
        let own = std::iter::successors(Some(id.clone()), RegionId::parent)
            .find_map(|id| self.regions.get(&id)?.hotline.as_deref())?;
        (own != "-").then_some(own)
    }

    /// The name of a circle or region in the resident's language; the id itself where it is unknown.
    pub fn unit_name(&self, unit: &UnitId, languages: &[String]) -> String {
        let names = self.circles.get(unit).map(|c| &c.names);
        let names = names.or_else(|| self.regions.get(unit.region()).map(|r| &r.names));
        names.map_or_else(|| unit.to_string(), |names| names.best(languages).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> RegionId {
        text.parse().expect("a valid id")
    }

    #[test]
    fn a_nation_lists_places_below_its_first_level_and_nothing_else() {
        let place = |id: &str| format!(r#"{{"id":"{id}","kind":"city","code":"","names":{{"en":"A"}}}}"#);
        let read = |regions: &[&str], circles: &str, of: &str| {
            let regions: Vec<String> = regions.iter().map(|id| place(id)).collect();
            let file = format!(r#"{{"regions":[{}],"circles":[{circles}]}}"#, regions.join(","));
            RegionFile::parse_places(file.as_bytes(), &id(of)).map(|file| file.regions.len()).ok()
        };
        assert_eq!(read(&["cn-sd/jinan", "cn-bj/haidian"], "", "cn"), Some(2));
        assert_eq!(read(&[], "", "cn"), Some(0));
        for (regions, circles, of) in [
            (["cn-sd"].as_slice(), "", "cn"),
            (&["cn"], "", "cn"),
            (&["vn-hn/ba-dinh"], "", "cn"),
            (&["cn-sd/jinan"], "", "cn-sd"),
            (&[], r#"{"id":"cn-sd/~east","names":{"en":"East"},"members":[]}"#, "cn"),
        ] {
            assert_eq!(read(regions, circles, of), None, "{regions:?} {circles} {of}");
        }
    }

    #[test]
    fn an_id_knows_its_place() {
        let lixia = id("cn-sd/jinan/lixia");
        assert_eq!(lixia.parent(), Some(id("cn-sd/jinan")));
        assert_eq!(id("cn-sd").parent(), Some(id("cn")));
        assert_eq!(id("cn").parent(), None);
        assert_eq!(lixia.first_level(), Some(id("cn-sd")));
        assert_eq!(lixia.up_to_first_level(), [lixia.clone(), id("cn-sd/jinan"), id("cn-sd")]);
        assert!(id("cn").covers(&lixia) && id("cn-sd").covers(&lixia) && !id("cn-sd/jin").covers(&lixia));
        assert!(!id("cn-s").covers(&id("cn-sd")));
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in ["", "c", "CN", "cn-", "cn-sd/", "cn-sd//x", "cn-sd/../x", "cn/jinan", "cn-sd/Jinan", "cn-sd/a--b"]
        {
            assert!(text.parse::<RegionId>().is_err(), "{text}");
        }
        assert!("cn-sd/~".parse::<UnitId>().is_err());
        assert!("cn-sd/~a/~b".parse::<UnitId>().is_err());
    }

    #[test]
    fn a_role_is_its_unit_s_and_may_be_delegated_by_those_above() {
        let unit = |text: &str| text.parse::<UnitId>().expect("a unit");
        for text in ["cn-sd/jinan", "cn-sd/jinan/~transport", "cn-sd/~jiaodong", "cn-sd/jinan/lixia/~health"] {
            assert_eq!(UnitId::from_role(&unit(text).role()), Some(unit(text)));
        }
        for role in ["targets", "cn-sd", "root", "", "CN.x", "cn-sd/jinan"] {
            assert_eq!(UnitId::from_role(role), None, "{role}");
        }
        let above = unit("cn-sd/jinan/lixia/~health").may_be_delegated_by();
        assert_eq!(above, [unit("cn-sd/jinan/lixia"), unit("cn-sd/jinan")]);
        assert_eq!(unit("cn-sd/~jiaodong").may_be_delegated_by(), []);
        assert!(unit("cn-sd/jinan/~x").may_be_delegated_by_role("cn-sd.jinan"));
        for (below, role) in
            [("cn-sd/jinan", "cn-sd.jinan"), ("cn-sd/jinan", "cn-sd.jinan.~x"), ("cn-sd/jinan/lixia", "cn-sd.~c")]
        {
            assert!(!unit(below).may_be_delegated_by_role(role), "{below} by {role}");
        }
    }

    #[test]
    fn a_unit_signs_under_a_role_of_its_own() {
        assert_eq!(UnitId::from(id("cn-sd")).role(), "targets");
        assert_eq!(UnitId::from(id("cn-sd/jinan")).role(), "cn-sd.jinan");
        let circle: UnitId = "cn-sd/~jiaodong".parse().expect("a circle");
        assert_eq!(circle.role(), "cn-sd.~jiaodong");
        assert_eq!(circle.patterns(), ["cn-sd/~jiaodong/*/*"]);
    }
}
