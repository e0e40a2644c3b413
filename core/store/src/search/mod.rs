//! Finding a service by what a resident types: Chinese, pinyin, initials, Vietnamese with or without its marks, and one
//! slip of the finger.
//!
//! The index (SQLite's FTS5) holds no text, only words that [`terms`] makes of it. Each begins with the mark of its
//! publisher's [`Area`]: what one city lists costs nothing in a search that finds what it looks for near another. An
//! entry's number begins with its unit's, so that results can be ordered by nearness without looking anything up.

mod area;
mod han;
mod places;
mod readings;
mod slip;
mod terms;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use onecity_protocol::region::UnitId;
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::Release;
use rusqlite::{Connection, OptionalExtension, params};

use crate::catalogue::Catalogue;
use crate::error::StoreError;
use area::Area;
use terms::{Beginnings, Query, Terms};

/// Bits of an entry's number that count within its unit.
const WITHIN: u32 = 20;
/// Longest text that is searched for, in characters.
const MAX_QUERY: usize = 64;
/// Most words that one slip of the finger may have meant.
const MAX_MEANT: usize = 24;
/// Most services of one publisher elsewhere that are found after what is near: nobody fills the screens of others.
const MAX_ELSEWHERE: usize = 3;
/// The same where nothing near fits.
const MAX_ONLY_ELSEWHERE: usize = 10;

/// What was read of the index, until that changes.
#[derive(Debug, Default)]
pub(crate) struct Index {
    areas: Option<Arc<BTreeSet<Area>>>,
    words: HashMap<Area, Arc<[String]>>,
}

/// Puts a unit's entries into the index, in place of those that were there.
pub(crate) fn index_unit(db: &Connection, number: i64, unit: &UnitId, releases: &[Release]) -> Result<(), StoreError> {
    forget_unit(db, unit)?;
    let (area, unit) = (Area::of(unit), unit.to_string());
    let mut entry = db.prepare_cached("INSERT INTO searchable (id, unit, app_id) VALUES (?1, ?2, ?3)")?;
    let mut index = db.prepare_cached("INSERT INTO search (rowid, names, others) VALUES (?1, ?2, ?3)")?;
    // Of a service's releases the newest speaks for all; a catalogue lists a service's releases together.
    let mut newest: BTreeMap<&str, &Release> = BTreeMap::new();
    for release in releases {
        let best = newest.entry(&release.app_id).or_insert(release);
        if best.version_code < release.version_code {
            *best = release;
        }
    }
    for (at, release) in newest.into_values().enumerate().take(1 << WITHIN) {
        let id = (number << WITHIN) | i64::try_from(at).unwrap_or_default();
        let (mut names, mut others) = (Terms::of_names(), Terms::of_others());
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
        index.execute(params![id, names.marked(area.mark()), others.marked(area.mark())])?;
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
    /// Makes the index of all releases, if there is none: this version of the app marks words otherwise than the last.
    pub(crate) fn index_if_empty(&mut self) -> Result<(), StoreError> {
        let some = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, bool>(0));
        if some("SELECT EXISTS (SELECT 1 FROM searchable)")? || !some("SELECT EXISTS (SELECT 1 FROM release)")? {
            return Ok(());
        }
        let units: Vec<(i64, String)> = {
            let mut query = self.db.prepare("SELECT number, id FROM unit")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?
        };
        let change = self.db.unchecked_transaction()?;
        for (number, unit) in units {
            let unit = unit.parse()?;
            index_unit(&change, number, &unit, &self.releases(&unit)?)?;
        }
        Ok(change.commit()?)
    }

    /// The services that fit a text: those of `nearest` units first, in their order, those of others last; among
    /// equals, those whose name fits before those whose keywords or description do.
    ///
    /// Near means in the areas of the nearest units. Elsewhere only whole words are looked for, unless nothing near fits:
    /// how many words there begin with a syllable is for others to say, and each would cost.
    pub fn search(&self, text: &str, nearest: &[UnitId], most: usize) -> Result<Vec<ServiceId>, StoreError> {
        let text: String = text.chars().take(MAX_QUERY).collect();
        let query = Query::of(&text);
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let areas = self.areas()?;
        let near: BTreeSet<Area> = nearest.iter().map(Area::of).filter(|area| areas.contains(area)).collect();
        let elsewhere: Vec<Area> = areas.difference(&near).copied().collect();
        let near: Vec<Area> = near.into_iter().collect();
        let mut ids = self.ranked(self.matching_or_slipped(&query, &near, usize::MAX)?, nearest)?;
        let others = if ids.is_empty() {
            self.matching_or_slipped(&query, &elsewhere, MAX_ONLY_ELSEWHERE)?
        } else if ids.len() < most {
            self.matching(&query, &elsewhere, &Beginnings::Whole, MAX_ELSEWHERE)?
        } else {
            Vec::new()
        };
        ids.extend(self.ranked(others, nearest)?);
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

    /// The entries of some areas that match as it was typed, or else with one slip of the finger; at most so many of each
    /// area.
    fn matching_or_slipped(&self, query: &Query, areas: &[Area], most: usize) -> Result<Vec<Hit>, StoreError> {
        let hits = self.matching(query, areas, &Beginnings::Any, most)?;
        if !hits.is_empty() || !query.may_have_slipped() {
            return Ok(hits);
        }
        let mut hits = Vec::new();
        for area in areas {
            let words = self.words(*area)?;
            let meant = |word: &str| slip::meant(word, &words, MAX_MEANT);
            hits.extend(self.matching(query, &[*area], &Beginnings::Of(&meant), most)?);
        }
        Ok(hits)
    }

    /// The entries of some areas that match; of each area at most so many, those whose name fits first.
    fn matching(
        &self,
        query: &Query,
        areas: &[Area],
        beginnings: &Beginnings<'_>,
        most: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let mut statement = self.db.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1 LIMIT ?2")?;
        let mut read = |fts: &str| -> Result<Vec<i64>, StoreError> {
            Ok(statement.query_map(params![fts, limit], |row| row.get(0))?.collect::<Result<_, _>>()?)
        };
        let mut hits = Vec::new();
        for area in areas {
            let fts = query.to_fts(area.mark(), beginnings);
            if fts.is_empty() {
                continue;
            }
            let by_name = read(&format!("names : ({fts})"))?;
            hits.extend(by_name.iter().map(|id| Hit { id: *id, by_name: true }));
            if by_name.len() < most {
                let others = read(&fts)?.into_iter().filter(|id| by_name.binary_search(id).is_err());
                hits.extend(others.take(most - by_name.len()).map(|id| Hit { id, by_name: false }));
            }
        }
        Ok(hits)
    }

    /// The numbers of what was found, best first.
    fn ranked(&self, hits: Vec<Hit>, nearest: &[UnitId]) -> Result<Vec<i64>, StoreError> {
        if hits.is_empty() {
            return Ok(Vec::new());
        }
        let mut places = HashMap::new();
        let mut number = self.db.prepare_cached("SELECT number FROM unit WHERE id = ?1")?;
        for (place, unit) in nearest.iter().enumerate() {
            if let Some(number) = number.query_row([unit.to_string()], |row| row.get::<_, i64>(0)).optional()? {
                places.insert(number, place);
            }
        }
        let place = |id: i64| places.get(&(id >> WITHIN)).copied().unwrap_or(usize::MAX);
        let mut ranked: Vec<(usize, bool, i64)> =
            hits.iter().map(|hit| (place(hit.id), !hit.by_name, hit.id)).collect();
        ranked.sort_unstable();
        Ok(ranked.into_iter().map(|(_, _, id)| id).collect())
    }

    /// The areas of all units that are known.
    fn areas(&self) -> Result<Arc<BTreeSet<Area>>, StoreError> {
        if let Some(kept) = &self.index.borrow().areas {
            return Ok(Arc::clone(kept));
        }
        let mut query = self.db.prepare_cached("SELECT DISTINCT unit FROM searchable")?;
        let units = query.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let areas: BTreeSet<Area> =
            units.iter().map(|unit| Ok(Area::of(&unit.parse()?))).collect::<Result<_, StoreError>>()?;
        let areas = Arc::new(areas);
        self.index.borrow_mut().areas = Some(Arc::clone(&areas));
        Ok(areas)
    }

    /// All words of an area, without its mark.
    fn words(&self, area: Area) -> Result<Arc<[String]>, StoreError> {
        if let Some(kept) = self.index.borrow().words.get(&area) {
            return Ok(Arc::clone(kept));
        }
        let mut query = self.db.prepare_cached("SELECT term FROM search_term WHERE term >= ?1 AND term < ?2")?;
        let unmarked = |row: &rusqlite::Row<'_>| Ok(area.unmarked(row.get_ref(0)?.as_str()?).to_owned());
        let words = query.query_map(params![area.mark(), area.end()], unmarked)?.collect::<Result<Vec<_>, _>>()?;
        let words: Arc<[String]> = words.into();
        self.index.borrow_mut().words.insert(area, Arc::clone(&words));
        Ok(words)
    }
}

/// An entry that fits.
struct Hit {
    id: i64,
    by_name: bool,
}

#[cfg(test)]
mod tests;
