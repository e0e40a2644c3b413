//! The region tables that are checked in beside this crate, read into the tree.

use std::sync::{Arc, OnceLock};

use onecity_protocol::names::Names;
use onecity_protocol::region::{Circle, IdError, Position, Region, RegionFile, RegionId, RegionKind, RegionTree};

const CHINA: &str = include_str!("../../regions/cn.tsv");
const VIET_NAM: &str = include_str!("../../regions/vn.tsv");
const CIRCLES: &str = include_str!("../../regions/circles.tsv");

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct RegionTableError {
    line: usize,
    why: String,
}

/// All regions of a nation and the circles among them.
pub fn load(nation: &RegionId) -> Result<RegionFile, RegionTableError> {
    let (table, language) = match nation.as_str() {
        "cn" => (CHINA, "zh"),
        "vn" => (VIET_NAM, "vi"),
        other => return Err(RegionTableError { line: 0, why: format!("there is no table for {other}") }),
    };
    let regions = rows(table).map(|(line, row)| at(line, region(&row, language))).collect::<Result<_, _>>()?;
    let all = rows(CIRCLES).map(|(line, row)| at(line, circle(&row))).collect::<Result<Vec<_>, _>>()?;
    let circles = all.into_iter().filter(|circle| nation.covers(circle.id.region())).collect();
    Ok(RegionFile { regions, circles })
}

/// All nations as one tree. All worlds have the same.
pub(crate) fn tree() -> Result<Arc<RegionTree>, RegionTableError> {
    static TREE: OnceLock<Arc<RegionTree>> = OnceLock::new();
    if let Some(tree) = TREE.get() {
        return Ok(Arc::clone(tree));
    }
    let mut tree = RegionTree::default();
    for nation in nations() {
        tree.add(load(&nation)?);
    }
    Ok(Arc::clone(TREE.get_or_init(|| Arc::new(tree))))
}

/// The nations that there are tables for.
pub(crate) fn nations() -> [RegionId; 2] {
    ["cn", "vn"].map(|nation| nation.parse().expect("a nation"))
}

fn rows(table: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    table.lines().enumerate().skip(1).map(|(at, line)| (at + 1, line.split('\t').collect()))
}

fn at<T>(line: usize, parsed: Result<T, String>) -> Result<T, RegionTableError> {
    parsed.map_err(|why| RegionTableError { line, why })
}

fn region(row: &[&str], language: &str) -> Result<Region, String> {
    let [id, kind, code, name, latin, zone, hotline, latitude, longitude] =
        <[&str; 9]>::try_from(row).map_err(|_| "nine columns are needed".to_owned())?;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let degrees = |text: &str| text.parse::<f64>().ok();
    Ok(Region {
        id: id.parse().map_err(|error: IdError| error.to_string())?,
        kind: kind_of(kind)?,
        code: code.to_owned(),
        names: Names::new().with(language, name).with("en", latin),
        hotline: some(hotline),
        zone: some(zone),
        centre: degrees(latitude).zip(degrees(longitude)).map(|(latitude, longitude)| Position { latitude, longitude }),
    })
}

fn kind_of(word: &str) -> Result<RegionKind, String> {
    Ok(match word {
        "nation" => RegionKind::Nation,
        "province" => RegionKind::Province,
        "municipality" => RegionKind::Municipality,
        "city" => RegionKind::City,
        "district" => RegionKind::District,
        "county" => RegionKind::County,
        "town" => RegionKind::Town,
        "ward" => RegionKind::Ward,
        other => return Err(format!("{other} is not a kind of region")),
    })
}

fn circle(row: &[&str]) -> Result<Circle, String> {
    let [id, name, latin, members] = <[&str; 4]>::try_from(row).map_err(|_| "four columns are needed".to_owned())?;
    let wrong = |error: IdError| error.to_string();
    Ok(Circle {
        id: id.parse().map_err(wrong)?,
        names: Names::new().with("zh", name).with("en", latin),
        members: members.split(' ').map(|member| member.parse().map_err(wrong)).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_nations_load_with_their_real_regions() {
        let tree = tree().expect("the tables are well formed");
        let count = |nation: &str| tree.iter().filter(|region| region.id.as_str().starts_with(nation)).count();
        assert!(count("cn") >= 3_300, "{}", count("cn"));
        assert!(count("vn") >= 3_300, "{}", count("vn"));
        let id = |text: &str| text.parse::<RegionId>().expect("an id");
        let latin = |text: &str| {
            tree.get(&id(text)).unwrap_or_else(|| panic!("{text} is there")).names.best(&["en".to_owned()]).to_owned()
        };
        assert_eq!(latin("cn-sd/heze/shan"), "Shan");
        assert_eq!(latin("cn-nm/hohhot"), "Hohhot");
        assert_eq!(latin("cn-xz/lhasa"), "Lhasa");
        assert_eq!(latin("cn-cq/yuzhong"), "Yuzhong");
        assert_eq!(latin("vn-hn"), "Ha Noi");
        assert_eq!(tree.hotline(&id("cn-sd/jinan/lixia")), Some("12345"));
        let orphans = tree.iter().filter_map(|region| region.id.parent()).filter(|parent| tree.get(parent).is_none());
        assert_eq!(orphans.count(), 0);
    }

    #[test]
    fn shandong_has_sixteen_cities_in_three_circles() {
        let tree = tree().expect("the tables are well formed");
        let shandong = "cn-sd".parse().expect("an id");
        let cities: Vec<_> = tree.children(&shandong).collect();
        assert_eq!(cities.len(), 16);
        for city in cities {
            let circles = tree.circles().filter(|circle| circle.members.contains(&city.id)).count();
            assert_eq!((city.kind, circles), (RegionKind::City, 1), "{}", city.id);
        }
        let sizes: Vec<usize> = tree.circles().map(|circle| circle.members.len()).collect();
        assert_eq!(sizes, [7, 5, 4]);
    }
}
