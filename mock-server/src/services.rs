//! The mini-services of the demo world: sources beside this crate, configured for the unit that publishes them.

use std::collections::BTreeMap;

use onecity_protocol::region::UnitId;
use onecity_publisher::{PackError, pack, shared_files};
use rust_embed::Embed;
use serde_json::{Value, json};

use crate::registry::Origins;

#[derive(Embed)]
#[folder = "services/"]
struct Sources;

/// Why a service could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("there is no service {0}")]
    Unknown(String),
    #[error("{service}: manifest.json: {why}")]
    Manifest { service: String, why: serde_json::Error },
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// A service's package for one unit, and the files in it.
pub(crate) struct Packed {
    pub package: Vec<u8>,
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Packs a service for a unit: its back end and the one origin that it may reach are this world's.
pub(crate) fn pack_for(service: &str, unit: &UnitId, origins: Origins<'_>) -> Result<Packed, ServiceError> {
    let mut files = shared_files();
    let own = folder(service);
    if own.is_empty() {
        return Err(ServiceError::Unknown(service.to_owned()));
    }
    files.extend(own);
    let wrong = |why| ServiceError::Manifest { service: service.to_owned(), why };
    let manifest = files.get("manifest.json").map(Vec::as_slice).unwrap_or_default();
    let mut manifest: Value = serde_json::from_slice(manifest).map_err(wrong)?;
    manifest["onecity"]["origins"] = json!([origins.web]);
    files.insert("manifest.json".to_owned(), serde_json::to_vec_pretty(&manifest).map_err(wrong)?);
    let config = json!({ "backend": format!("{}/city/{}", origins.world, path_of(unit)) });
    files.insert("common/config.json".to_owned(), config.to_string().into_bytes());
    Ok(Packed { package: pack(&files)?, files })
}

/// A unit as one segment of a path.
pub(crate) fn path_of(unit: &UnitId) -> String {
    unit.to_string().replace('/', ".")
}

fn folder(name: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{name}/");
    Sources::iter()
        .filter_map(|path| {
            let inner = path.strip_prefix(&prefix)?;
            Some((inner.to_owned(), Sources::get(&path)?.data.into_owned()))
        })
        .collect()
}
