//! What a new mini-service begins with, and what the pages of the templates share.

use std::collections::BTreeMap;

use onecity_protocol::manifest::{MANIFEST_PATH, is_app_id};
use rust_embed::Embed;
use serde_json::{Value, json};

#[derive(Embed)]
#[folder = "templates/"]
struct Templates;

/// A kind of mini-service to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Pages to read.
    Pages,
    /// A form that is kept in the outbox until the city has it.
    Form,
    /// A pass with a code to show.
    Pass,
}

impl Template {
    fn folder(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Form => "form",
            Self::Pass => "pass",
        }
    }

    /// All files of a new mini-service; none if the identifier or the name can't be one.
    pub fn files(self, app_id: &str, name: Option<&str>) -> Option<BTreeMap<String, Vec<u8>>> {
        if !is_app_id(app_id) {
            return None;
        }
        let mut files = shared_files();
        files.extend(folder(self.folder()));
        let mut manifest: Value = serde_json::from_slice(files.get(MANIFEST_PATH)?).ok()?;
        manifest["app_id"] = json!(app_id);
        if let Some(name) = name {
            if name.trim().is_empty() || name.chars().count() > 64 {
                return None;
            }
            // In every language, until somebody writes it in each: residents read one name everywhere.
            manifest["name"] = json!(name);
            manifest["icons"][0]["label"] = json!(name);
            let languages: Vec<String> = onecity_protocol::package::languages(&files).into_iter().collect();
            for language in languages {
                manifest["onecity"]["names"][&language] = json!(name);
                let path = format!("i18n/{language}.json");
                let Some(mut words) = files.get(&path).and_then(|words| serde_json::from_slice::<Value>(words).ok())
                else {
                    continue;
                };
                words["name"] = json!(name);
                files.insert(path, format!("{}\n", serde_json::to_string_pretty(&words).ok()?).into_bytes());
            }
        }
        let text = format!("{}\n", serde_json::to_string_pretty(&manifest).ok()?);
        files.insert(MANIFEST_PATH.to_owned(), text.into_bytes());
        Some(files)
    }
}

/// The look, the words for what goes wrong and the small script that the templates' pages share.
pub fn shared_files() -> BTreeMap<String, Vec<u8>> {
    folder("shared")
}

fn folder(name: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{name}/");
    Templates::iter()
        .filter_map(|path| Some((path.strip_prefix(&prefix)?.to_owned(), Templates::get(&path)?.data.into_owned())))
        .collect()
}
