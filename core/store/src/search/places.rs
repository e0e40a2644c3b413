//! Finding a region by what a resident types: by its name in any language, its pinyin, or the initials of that.
//!
//! Regions are few (a nation lists its first level and its cities' names, a province what lies below it), so that they are looked
//! through and not indexed.

use std::collections::BTreeSet;

use onecity_protocol::region::{Position, Region, RegionFile, RegionId};
use onecity_protocol::trust::PLACES_TARGET;

use super::MAX_QUERY;
use super::terms::{Query, Terms, fold};
use crate::catalogue::Catalogue;
use crate::error::StoreError;

impl Catalogue {
    /// The cities that a nation lists for finding; none if it lists none.
    fn listed_places(&self, nation: &RegionId) -> Result<Vec<Region>, StoreError> {
        let file = self.file(nation, &format!("{nation}/{PLACES_TARGET}"))?;
        Ok(file.and_then(|bytes| RegionFile::parse_places(&bytes, nation).ok()).unwrap_or_default().regions)
    }

    /// The regions within one that fit a text, as far as they have been synced or their nation lists them: the largest first.
    pub fn find_regions(&self, text: &str, within: &RegionId, most: usize) -> Result<Vec<Region>, StoreError> {
        let text: String = text.chars().take(MAX_QUERY).collect();
        let query = Query::of(&text);
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.regions_within(within)?;
        // A first-level region that has been synced knows its own better.
        let is_below = |region: &&Region| region.id.first_level().is_some_and(|first| first != region.id);
        let synced: BTreeSet<RegionId> =
            found.iter().filter(is_below).filter_map(|region| region.id.first_level()).collect();
        let is_new = |own: &Region| {
            let first = own.id.first_level();
            own.id != *within && within.covers(&own.id) && first.is_some_and(|first| !synced.contains(&first))
        };
        found.extend(self.listed_places(&within.nation())?.into_iter().filter(is_new));
        found.retain(|region| {
            let mut terms = Terms::of_names();
            region.names.iter().for_each(|(_, name)| terms.add_name(name));
            query.fits(&terms)
        });
        // A name that begins so comes before one that only has a part, or another reading, that does.
        let typed = fold(&text);
        let begins = |region: &Region| region.names.iter().any(|(_, name)| fold(name).starts_with(&typed));
        found.sort_by_cached_key(|region| (region.id.as_str().matches('/').count(), !begins(region)));
        found.truncate(most);
        Ok(found)
    }

    /// Of the regions directly below one the one whose centre is nearest to a position.
    pub fn nearest_region(&self, parent: &RegionId, position: Position) -> Result<Option<Region>, StoreError> {
        let below = self.regions_below(parent)?.into_iter();
        let near = below.filter_map(|region| Some((distance(region.centre?, position), region)));
        Ok(near.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, region)| region))
    }
}

/// A measure of how far two places are from each other, for comparing: the haversine of the angle between them.
fn distance(one: Position, other: Position) -> f64 {
    let (from, to) = (one.latitude.to_radians(), other.latitude.to_radians());
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    half(to - from) + from.cos() * to.cos() * half((other.longitude - one.longitude).to_radians())
}

#[cfg(test)]
mod tests {
    use onecity_protocol::names::Names;
    use onecity_protocol::region::RegionKind;
    use onecity_protocol::trust::Target;
    use ring::digest::{SHA256, digest};
    use serde_json::json;

    use super::*;
    use crate::catalogue::{CatalogueKey, Unsealed};

    fn shandong(work: impl FnOnce(&mut Catalogue)) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("catalogue.sqlite");
        let mut catalogue = Catalogue::open(&path, &CatalogueKey::new(&[7; 32]), Unsealed::Refuse).expect("new");
        let region = |id: &str, kind, zh: &str, latin: &str, (latitude, longitude): (f64, f64)| Region {
            id: id.parse().expect("an id"),
            kind,
            code: String::new(),
            names: Names::new().with("zh", zh).with("en", latin),
            hotline: None,
            zone: None,
            centre: Some(Position { latitude, longitude }),
        };
        let regions = vec![
            region("cn-sd", RegionKind::Province, "山东省", "Shandong", (36.4, 118.4)),
            region("cn-sd/jinan", RegionKind::City, "济南市", "Jinan", (36.65, 117.12)),
            region("cn-sd/jinan/shizhong", RegionKind::District, "市中区", "Shizhong", (36.64, 116.99)),
            region("cn-sd/jining", RegionKind::City, "济宁市", "Jining", (35.41, 116.58)),
            region("cn-sd/qingdao", RegionKind::City, "青岛市", "Qingdao", (36.07, 120.38)),
            region("cn-sd/qingdao/shinan", RegionKind::District, "市南区", "Shinan", (36.06, 120.4)),
        ];
        let file = RegionFile { regions, circles: Vec::new() };
        catalogue.keep_regions(&"cn-sd".parse().expect("an id"), &file).expect("kept");
        work(&mut catalogue);
    }

    fn found(catalogue: &Catalogue, text: &str) -> Vec<String> {
        let within = "cn-sd".parse().expect("an id");
        let found = catalogue.find_regions(text, &within, 3).expect("searched");
        found.into_iter().map(|region| region.id.to_string()).collect()
    }

    #[test]
    fn a_place_is_found_by_its_characters_its_pinyin_and_its_initials_the_largest_first() {
        shandong(|catalogue| {
            for typed in ["青岛", "qingdao", "qd", "QING", "岛"] {
                assert_eq!(found(catalogue, typed)[0], "cn-sd/qingdao", "{typed}");
            }
            assert_eq!(found(catalogue, "jin")[..2], ["cn-sd/jinan", "cn-sd/jining"]);
            assert_eq!(found(catalogue, "市南"), ["cn-sd/qingdao/shinan"]);
            assert_eq!(found(catalogue, "shi").len(), 3, "no more than were asked for");
            for nothing in ["", "·", "巴黎", "%"] {
                assert!(found(catalogue, nothing).is_empty(), "{nothing}");
            }
        });
    }

    #[test]
    fn a_city_that_the_nation_lists_is_found_before_its_province_was_ever_looked_at() {
        shandong(|catalogue| {
            let (nation, anhui) = ("cn".parse().expect("an id"), "cn-ah".parse().expect("an id"));
            let find = |catalogue: &Catalogue, text: &str, within: &RegionId| {
                let found = catalogue.find_regions(text, within, 5).expect("searched");
                found.into_iter().map(|region| region.names.best(&["en".to_owned()]).to_owned()).collect::<Vec<_>>()
            };
            assert!(find(catalogue, "hefei", &nation).is_empty());
            let place =
                |id: &str, latin: &str| json!({ "id": id, "kind": "city", "code": "", "names": { "en": latin } });
            let listed = [("cn-ah/hefei", "Hefei"), ("cn-sd/jinan", "Another Jinan"), ("cn-sd/laiwu", "Laiwu")];
            let file = json!({ "regions": listed.map(|(id, latin)| place(id, latin)) });
            let bytes = file.to_string().into_bytes();
            let sha256: [u8; 32] = digest(&SHA256, &bytes).as_ref().try_into().expect("32 bytes");
            let target = Target { path: "cn/places.json".to_owned(), sha256, length: bytes.len() as u64, custom: None };
            catalogue.keep_file(&nation, &target, &bytes).expect("kept");
            assert_eq!(find(catalogue, "hefei", &nation), ["Hefei"]);
            assert_eq!(find(catalogue, "hefei", &anhui), ["Hefei"]);
            assert_eq!(
                find(catalogue, "jinan", &nation),
                ["Jinan"],
                "what the province says of its own goes before it"
            );
            assert!(find(catalogue, "laiwu", &nation).is_empty(), "the province has no such city any more");
        });
    }

    #[test]
    fn a_neighbour_whose_id_begins_alike_is_not_within() {
        shandong(|catalogue| {
            let within = "cn-sd/jin".parse().expect("an id");
            assert!(catalogue.find_regions("jinan", &within, 3).expect("searched").is_empty());
        });
    }

    #[test]
    fn the_nearest_city_is_the_one_whose_centre_is_nearest() {
        shandong(|catalogue| {
            let shandong = "cn-sd".parse().expect("an id");
            let at = |latitude, longitude| {
                let near = catalogue.nearest_region(&shandong, Position { latitude, longitude }).expect("read");
                near.expect("one").id.to_string()
            };
            assert_eq!(at(36.1, 120.3), "cn-sd/qingdao");
            assert_eq!(at(36.5, 117.0), "cn-sd/jinan");
            let nowhere = "vn".parse().expect("an id");
            let none = catalogue.nearest_region(&nowhere, Position { latitude: 0.0, longitude: 0.0 });
            assert_eq!(none.expect("read"), None);
        });
    }
}
