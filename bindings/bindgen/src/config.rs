//! How the faces are named: the crates' `uniffi.toml`, built in so that the command works outside of the checkout.

use anyhow::Result;
use camino::Utf8PathBuf;
use uniffi_bindgen::{BindgenPaths, BindgenPathsLayer};

const FILES: [(&str, &str); 3] = [
    ("onecity_app", include_str!("../../../core/app/uniffi.toml")),
    ("onecity_core", include_str!("../../../core/client/uniffi.toml")),
    ("onecity_bindings", include_str!("../../uniffi.toml")),
];

/// The files, laid out in a folder that goes with the value.
pub(crate) struct BuiltIn(tempfile::TempDir);

impl BuiltIn {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in FILES {
            std::fs::write(folder.path().join(format!("{name}.toml")), text)?;
        }
        Ok(Self(folder))
    }

    /// Where UniFFI finds them.
    pub(crate) fn paths(&self) -> BindgenPaths {
        let mut paths = BindgenPaths::default();
        paths.add_layer(Layer(self.0.path().to_owned()));
        paths
    }
}

struct Layer(std::path::PathBuf);

impl BindgenPathsLayer for Layer {
    fn get_config_path(&self, crate_name: &str) -> Option<Utf8PathBuf> {
        let path = self.0.join(format!("{crate_name}.toml"));
        Utf8PathBuf::from_path_buf(path).ok().filter(|path| path.exists())
    }
}
