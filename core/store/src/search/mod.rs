//! Finding a service by what a resident types: Chinese, pinyin, initials, Vietnamese with or without its marks, and one
//! slip of the finger.
//!
//! The index (SQLite's FTS5) holds no text, only words that [`terms`] makes of it; an entry's number in it begins with its
//! unit's, so that results can be ordered by nearness without looking anything up.

mod han;
mod readings;
mod slip;
mod terms;

use std::collections::HashMap;
use std::sync::Arc;

use onecity_protocol::region::UnitId;
use onecity_protocol::service::ServiceId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::catalogue::{Catalogue, VerifiedRole};
use crate::error::StoreError;
use terms::{Query, Terms};

/// Bits of an entry's number that count within its unit.
const WITHIN: u32 = 20;
/// Longest text that is searched for, in characters.
const MAX_QUERY: usize = 64;
/// Most words that one slip of the finger may have meant.
const MAX_MEANT: usize = 24;

/// Puts a unit's entries into the index, in place of those that were there.
pub(crate) fn index_unit(db: &Connection, number: i64, role: &VerifiedRole) -> Result<(), StoreError> {
    forget_unit(db, &role.unit)?;
    let unit = role.unit.to_string();
    let mut entry = db.prepare_cached("INSERT INTO searchable (id, unit, app_id) VALUES (?1, ?2, ?3)")?;
    let mut index = db.prepare_cached("INSERT INTO search (rowid, names, others) VALUES (?1, ?2, ?3)")?;
    // Of a service's releases the newest speaks for all; a catalogue lists a service's releases together.
    let mut newest: HashMap<&str, usize> = HashMap::new();
    for (at, release) in role.releases.iter().enumerate() {
        let best = newest.entry(&release.app_id).or_insert(at);
        if role.releases[*best].version_code < release.version_code {
            *best = at;
        }
    }
    let mut chosen: Vec<usize> = newest.into_values().collect();
    chosen.sort_unstable();
    for (at, release) in chosen.into_iter().map(|at| &role.releases[at]).enumerate().take(1 << WITHIN) {
        let id = (number << WITHIN) | i64::try_from(at).unwrap_or_default();
        let (mut names, mut others) = (Terms::default(), Terms::default());
        for (_, name) in release.entry.names.iter() {
            names.add_name(name);
        }
        for word in release.entry.keywords.iter().chain([&release.entry.category]) {
            others.add_name(word);
        }
        for (_, text) in release.entry.summaries.iter() {
            others.add_text(text);
        }
        entry.execute(params![id, unit, release.app_id])?;
        index.execute(params![id, names.to_string(), others.to_string()])?;
    }
    Ok(())
}

/// Takes a unit's entries out of the index.
pub(crate) fn forget_unit(db: &Connection, unit: &UnitId) -> Result<(), StoreError> {
    let unit = unit.to_string();
    db.prepare_cached("DELETE FROM search WHERE rowid IN (SELECT id FROM searchable WHERE unit = ?1)")?
        .execute([&unit])?;
    db.prepare_cached("DELETE FROM searchable WHERE unit = ?1")?.execute([&unit])?;
    Ok(())
}

impl Catalogue {
    /// The services that fit a text: those of `nearest` units first, in their order, those of others last; among
    /// equals, those whose name fits before those whose keywords or description do.
    pub fn search(&self, text: &str, nearest: &[UnitId], most: usize) -> Result<Vec<ServiceId>, StoreError> {
        let text: String = text.chars().take(MAX_QUERY).collect();
        let query = Query::of(&text);
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let mut ids = self.matching(&query.to_fts(|word| vec![word.to_owned()]), nearest)?;
        if ids.is_empty() && query.may_have_slipped() {
            let vocabulary = self.vocabulary()?;
            ids = self.matching(&query.to_fts(|word| slip::meant(word, &vocabulary, MAX_MEANT)), nearest)?;
        }
        let mut entry = self.db.prepare_cached("SELECT unit, app_id FROM searchable WHERE id = ?1")?;
        let mut found = Vec::new();
        for id in ids.into_iter().take(most) {
            let row = entry.query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).optional()?;
            if let Some((unit, app_id)) = row {
                found.push(ServiceId { unit: unit.parse()?, app_id });
            }
        }
        Ok(found)
    }

    /// The numbers of the entries that match, best first.
    fn matching(&self, fts: &str, nearest: &[UnitId]) -> Result<Vec<i64>, StoreError> {
        if fts.is_empty() {
            return Ok(Vec::new());
        }
        let mut places = HashMap::new();
        let mut number = self.db.prepare_cached("SELECT number FROM unit WHERE id = ?1")?;
        for (place, unit) in nearest.iter().enumerate() {
            if let Some(number) = number.query_row([unit.to_string()], |row| row.get::<_, i64>(0)).optional()? {
                places.insert(number, place);
            }
        }
        let mut query = self.db.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1")?;
        let mut read = |fts: &str| -> Result<Vec<i64>, StoreError> {
            Ok(query.query_map([fts], |row| row.get(0))?.collect::<Result<_, _>>()?)
        };
        let by_name = read(&format!("names : ({fts})"))?;
        let mut ranked: Vec<(usize, bool, i64)> = read(fts)?
            .into_iter()
            .map(|id| {
                let place = places.get(&(id >> WITHIN)).copied().unwrap_or(usize::MAX);
                (place, by_name.binary_search(&id).is_err(), id)
            })
            .collect();
        ranked.sort_unstable();
        Ok(ranked.into_iter().map(|(_, _, id)| id).collect())
    }

    /// All words of the index.
    fn vocabulary(&self) -> Result<Arc<[String]>, StoreError> {
        if let Some(kept) = self.vocabulary.borrow().as_ref() {
            return Ok(Arc::clone(kept));
        }
        let mut query = self.db.prepare_cached("SELECT term FROM search_term")?;
        let words = query.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let words: Arc<[String]> = words.into();
        self.vocabulary.replace(Some(Arc::clone(&words)));
        Ok(words)
    }
}

#[cfg(test)]
mod tests;
