//! Whose work the app is made of, and under which licences.

use crate::face::Face;
use crate::page::Page;
use crate::route::Route;
use crate::shared::Shared;

/// Name, version and licence (SPDX), a line each: the crates that a phone's library is built from, as `cargo tree` tells.
const LICENCES: &str = include_str!("../../licences.tsv");

/// Whose work the app is made of.
pub(crate) struct Licences;

impl Face for Licences {
    fn route(&self) -> Option<Route> {
        Some(Route::Licences)
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("licences");
        page.text("what", shared.say("licences-what"));
        let own = LICENCES.lines().filter_map(|line| {
            let (name, licence) = line.rsplit_once('\t')?;
            Some((name.replace('\t', " "), licence.to_owned()))
        });
        page.facts("licences", own);
    }
}
