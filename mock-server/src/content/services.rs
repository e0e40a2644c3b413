//! Mini-services: sources beside this crate or in a tester's folder, configured for the unit that publishes them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use onecity_protocol::region::{RegionTree, UnitId};
use onecity_publisher::{PackError, pack, read_folder, shared_files};
use rust_embed::Embed;
use serde_json::{Value, json};

use super::OwnService;
use crate::registry::Origins;

#[derive(Embed)]
#[folder = "services/"]
struct Sources;

/// The hotline's number in the sources.
const HOTLINE: &str = "12345";

/// Why a service could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("the service {service}: manifest.json: {why}")]
    Manifest { service: String, why: String },
    #[error("the service in {folder}: {why}", folder = .0.display(), why = .1)]
    Folder(PathBuf, PackError),
    #[error("the service in {}: a rollout is from 0 to 100 percent", .0.display())]
    Rollout(PathBuf),
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// A service's package for one unit, and the files in it.
pub(crate) struct Packed {
    pub package: Vec<u8>,
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A service that a unit publishes.
#[derive(Clone)]
pub(crate) struct Publication {
    pub unit: UnitId,
    /// Its `app_id`.
    pub service: String,
    /// To how many phones of a hundred it is offered.
    pub rollout: u8,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// One of those beside this crate, with the number of the unit's hotline in the place of [`HOTLINE`].
    BuiltIn {
        hotline: String,
    },
    Folder(BTreeMap<String, Vec<u8>>),
}

/// What the units of the built-in world publish.
pub(super) fn built_in(tree: &RegionTree) -> Vec<Publication> {
    let unit = |text: &str| text.parse::<UnitId>().expect("a unit");
    let shandong = "cn-sd".parse().expect("a region");
    let cities = tree
        .children(&shandong)
        .map(|city| (city.id.clone().into(), ["report", "transit-pass", "appointments"].as_slice()));
    let others: [(UnitId, &[&str]); 3] = [
        (unit("cn-sd/~jiaodong"), &["coast"]),
        (unit("cn-sd"), &["hotline"]),
        (unit("vn-hn"), &["report", "transit-pass", "hotline"]),
    ];
    let publication = |unit: &UnitId, service: &str| Publication {
        unit: unit.clone(),
        service: service.to_owned(),
        rollout: 100,
        source: Source::BuiltIn { hotline: tree.hotline(unit.region()).unwrap_or(HOTLINE).to_owned() },
    };
    let all = cities.chain(others);
    all.flat_map(|(unit, services)| services.iter().map(move |service| publication(&unit, service))).collect()
}

impl Publication {
    /// A tester's own, from its folder.
    pub(super) fn read(own: &OwnService) -> Result<Self, ServiceError> {
        let folder = || own.folder.clone();
        if own.rollout > 100 {
            return Err(ServiceError::Rollout(folder()));
        }
        let files = read_folder(&own.folder).map_err(|error| ServiceError::Folder(folder(), error))?;
        let service =
            manifest(&own.folder.display().to_string(), &files)?["app_id"].as_str().unwrap_or_default().to_owned();
        Ok(Self { unit: own.unit.clone(), service, rollout: own.rollout, source: Source::Folder(files) })
    }

    /// Whether it is the same service of the same unit.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        (&self.unit, &self.service) == (&other.unit, &other.service)
    }

    /// Packs it: its back end and the one origin that it may reach are this world's.
    pub(crate) fn pack(&self, origins: Origins<'_>) -> Result<Packed, ServiceError> {
        let mut files = match &self.source {
            Source::Folder(files) => files.clone(),
            Source::BuiltIn { hotline } => {
                let mut files = shared_files();
                files.extend(built_in_files(&self.service, hotline));
                files
            }
        };
        let mut manifest = manifest(&self.service, &files)?;
        manifest["onecity"]["origins"] = json!([origins.web]);
        files.insert("manifest.json".to_owned(), serde_json::to_vec_pretty(&manifest).unwrap_or_default());
        let config = json!({ "backend": format!("{}/city/{}", origins.world, path_of(&self.unit)) });
        files.insert("common/config.json".to_owned(), config.to_string().into_bytes());
        Ok(Packed { package: pack(&files)?, files })
    }
}

fn manifest(service: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Value, ServiceError> {
    let wrong = |why: String| ServiceError::Manifest { service: service.to_owned(), why };
    let bytes = files.get("manifest.json").ok_or_else(|| wrong("there is none".to_owned()))?;
    let manifest: Value = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    match manifest.is_object() && manifest.get("onecity").is_none_or(Value::is_object) {
        true => Ok(manifest),
        false => Err(wrong("it is no record".to_owned())),
    }
}

/// A unit as one segment of a path.
pub(crate) fn path_of(unit: &UnitId) -> String {
    unit.to_string().replace('/', ".")
}

/// A built-in service's own files, with a unit's hotline in what they say.
fn built_in_files(name: &str, hotline: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{name}/");
    let own = |inner: &str, bytes: Vec<u8>| match String::from_utf8(bytes) {
        Ok(text) if [".json", ".html"].iter().any(|end| inner.ends_with(end)) => {
            text.replace(HOTLINE, hotline).into_bytes()
        }
        Ok(text) => text.into_bytes(),
        Err(no_text) => no_text.into_bytes(),
    };
    Sources::iter()
        .filter_map(|path| {
            let inner = path.strip_prefix(&prefix)?;
            Some((inner.to_owned(), own(inner, Sources::get(&path)?.data.into_owned())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use onecity_publisher::check;

    use super::*;
    use crate::content::regions;

    /// Largest package, in bytes: it has no data in it.
    const LARGEST: usize = 150_000;

    #[test]
    fn every_service_is_clean_by_the_strict_rules_small_and_in_three_languages() {
        let tree = regions::tree().expect("the regions");
        let origins = Origins { world: "https://city.example", web: "https://city.example" };
        for own in built_in(&tree) {
            let Packed { package, files } = own.pack(origins).expect("packed");
            let name = format!("{} of {}", own.service, own.unit);
            let checked = check(&files);
            assert!(checked.passes(true), "{name}: {:#?}", checked.findings);
            assert!(package.len() <= LARGEST, "{name}: {} bytes", package.len());
            let texts = ["zh", "vi", "en"].map(|language| {
                let bytes = &files[&format!("i18n/{language}.json")];
                serde_json::from_slice::<BTreeMap<String, String>>(bytes).expect("texts by their names")
            });
            for text in &texts {
                assert!(text.keys().eq(texts[0].keys()), "{name}: a text lacks a language");
                assert!(text.values().all(|text| !text.trim().is_empty()), "{name}: an empty text");
            }
        }
    }

    #[test]
    fn a_hotline_says_the_number_of_the_place_that_publishes_it() {
        let tree = regions::tree().expect("the regions");
        let origins = Origins { world: "https://city.example", web: "https://city.example" };
        let says = |unit: &str, number: &str| {
            let own = built_in(&tree).into_iter().find(|own| own.service == "hotline" && own.unit.to_string() == unit);
            let files = own.expect("published").pack(origins).expect("packed").files;
            files
                .into_iter()
                .filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(number))
                .map(|(path, _)| path)
                .collect::<Vec<_>>()
        };
        let places = says("cn-sd", "12345");
        assert!(places.iter().any(|path| path == "pages/index/index.html"), "{places:?}");
        assert_eq!(says("vn-hn", "1022"), places);
        assert_eq!(says("vn-hn", "12345"), Vec::<String>::new());
    }
}
