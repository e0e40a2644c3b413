//! Who publishes what, as the registry signed it.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::{Release, Target};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Catalogue, signed, unsigned};
use crate::error::StoreError;
use crate::search;

/// A role with the releases that it signs, to replace what was kept of it.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VerifiedRole {
    pub unit: UnitId,
    /// Of the role's metadata.
    pub version: u64,
    /// When it or one above it ends, in seconds.
    pub expires: UnixTime,
    pub releases: Vec<Release>,
}

const COLUMNS: &str = "unit, app_id, version_code, path, sha256, length, card";

impl Catalogue {
    /// Writes down what the roles of a repository say, all of it or nothing.
    pub fn keep_roles(&mut self, repository: &RegionId, roles: &[VerifiedRole]) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        for role in roles {
            let number = unit_number(&change, repository, &role.unit)?;
            change.execute(
                "UPDATE unit SET broken = NULL, version = ?2, expires = ?3 WHERE number = ?1",
                params![number, signed(role.version), role.expires],
            )?;
            change.execute("DELETE FROM release WHERE unit = ?1", [role.unit.to_string()])?;
            let mut insert = change.prepare_cached(
                "INSERT INTO release (unit, app_id, version_code, repository, path, sha256, length, card)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for release in &role.releases {
                insert.execute(params![
                    release.unit.to_string(),
                    release.app_id,
                    signed(release.version_code),
                    repository.as_str(),
                    release.target.path,
                    release.target.sha256,
                    signed(release.target.length),
                    serde_json::to_string(&release.entry)?,
                ])?;
            }
            search::index_unit(&change, number, role)?;
        }
        change.commit()?;
        self.vocabulary.take();
        Ok(())
    }

    /// Writes down that a unit's news could not be read; what was kept of it stays.
    pub fn keep_broken(&self, repository: &RegionId, unit: &UnitId, why: &str) -> Result<(), StoreError> {
        let number = unit_number(&self.db, repository, unit)?;
        self.db.execute("UPDATE unit SET broken = ?2 WHERE number = ?1", params![number, why])?;
        Ok(())
    }

    /// The version of a unit's metadata that its releases here are from, if its last news could be read.
    pub fn unit_version(&self, unit: &UnitId) -> Result<Option<u64>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT version FROM unit WHERE id = ?1 AND broken IS NULL")?;
        Ok(query.query_row([unit.to_string()], |row| unsigned(row, 0)).optional()?)
    }

    /// Writes down from when on nothing new is installed from a unit.
    pub fn keep_expires(&self, unit: &UnitId, expires: UnixTime) -> Result<(), StoreError> {
        let mut query = self.db.prepare_cached("UPDATE unit SET expires = ?2 WHERE id = ?1")?;
        query.execute(params![unit.to_string(), expires])?;
        Ok(())
    }

    /// From when on nothing new is installed from a unit.
    pub fn unit_expires(&self, unit: &UnitId) -> Result<UnixTime, StoreError> {
        let mut query = self.db.prepare_cached("SELECT expires FROM unit WHERE id = ?1")?;
        Ok(query.query_row([unit.to_string()], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// Why a unit's news could not be read at the last sync.
    pub fn broken(&self, unit: &UnitId) -> Result<Option<String>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT broken FROM unit WHERE id = ?1")?;
        Ok(query.query_row([unit.to_string()], |row| row.get(0)).optional()?.flatten())
    }

    /// The units of a repository that are known.
    pub fn units(&self, repository: &RegionId) -> Result<Vec<UnitId>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT id FROM unit WHERE repository = ?1 ORDER BY id")?;
        let rows = query.query_map([repository.as_str()], |row| row.get::<_, String>(0))?;
        rows.map(|id| Ok(id?.parse()?)).collect()
    }

    /// Forgets a unit that nobody delegates to any more: what it published is not offered.
    pub fn forget_unit(&mut self, unit: &UnitId) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        search::forget_unit(&change, unit)?;
        change.execute("DELETE FROM release WHERE unit = ?1", [unit.to_string()])?;
        change.execute("DELETE FROM unit WHERE id = ?1", [unit.to_string()])?;
        change.commit()?;
        self.vocabulary.take();
        Ok(())
    }

    /// Stops offering anything of a repository: its units, files and itself. Regions stay, they are geography.
    pub fn forget_repository(&mut self, id: &RegionId) -> Result<(), StoreError> {
        for unit in self.units(id)? {
            self.forget_unit(&unit)?;
        }
        let change = self.db.transaction()?;
        for table in ["release", "file"] {
            change.execute(&format!("DELETE FROM {table} WHERE repository = ?1"), [id.as_str()])?;
        }
        change.execute("DELETE FROM scope WHERE region = ?1 OR region GLOB ?1 || '/*'", [id.as_str()])?;
        change.execute("DELETE FROM repository WHERE id = ?1", [id.as_str()])?;
        Ok(change.commit()?)
    }

    /// Writes down that everything that a region's screens need is there, as of a snapshot.
    pub fn keep_scope(&self, region: &RegionId, snapshot: u64) -> Result<(), StoreError> {
        self.db
            .prepare_cached("INSERT OR REPLACE INTO scope (region, snapshot) VALUES (?1, ?2)")?
            .execute(params![region.as_str(), signed(snapshot)])?;
        Ok(())
    }

    /// The snapshot that a region was last synced to, all of it.
    pub fn scope(&self, region: &RegionId) -> Result<Option<u64>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT snapshot FROM scope WHERE region = ?1")?;
        Ok(query.query_row([region.as_str()], |row| unsigned(row, 0)).optional()?)
    }

    /// The units whose services are offered in a region, nearest first: its own and its departments', those above it
    /// with theirs, and the circles that include it.
    pub fn units_for(&self, tree: &RegionTree, region: &RegionId) -> Result<Vec<UnitId>, StoreError> {
        let mut units = Vec::new();
        let circles: Vec<UnitId> = tree.circles().map(|circle| circle.id.clone()).collect();
        let mut offices = self.db.prepare_cached("SELECT id FROM unit WHERE region = ?1 AND id <> ?1 ORDER BY id")?;
        for unit in tree.units_for(region) {
            let departments = if unit.is_office() {
                Vec::new()
            } else {
                let rows = offices.query_map([unit.region().as_str()], |row| row.get::<_, String>(0))?;
                rows.map(|id| Ok(id?.parse()?)).collect::<Result<Vec<UnitId>, StoreError>>()?
            };
            units.push(unit);
            units.extend(departments.into_iter().filter(|department| !circles.contains(department)));
        }
        Ok(units)
    }

    /// All releases of a unit, a service's together, newest first.
    pub fn releases(&self, unit: &UnitId) -> Result<Vec<Release>, StoreError> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM release WHERE unit = ?1 ORDER BY app_id, version_code DESC"
        ))?;
        let mut rows = query.query([unit.to_string()])?;
        let mut releases = Vec::new();
        while let Some(row) = rows.next()? {
            releases.push(release(row)?);
        }
        Ok(releases)
    }

    /// All releases of a service, newest first.
    pub fn releases_of(&self, service: &ServiceId) -> Result<Vec<Release>, StoreError> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM release WHERE unit = ?1 AND app_id = ?2 ORDER BY version_code DESC"
        ))?;
        let mut rows = query.query(params![service.unit.to_string(), service.app_id])?;
        let mut releases = Vec::new();
        while let Some(row) = rows.next()? {
            releases.push(release(row)?);
        }
        Ok(releases)
    }
}

/// The number of a unit, which is given when it is first heard of.
fn unit_number(db: &Connection, repository: &RegionId, unit: &UnitId) -> Result<i64, StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO unit (id, region, repository) VALUES (?1, ?2, ?3)")?.execute(params![
        unit.to_string(),
        unit.region().as_str(),
        repository.as_str()
    ])?;
    let mut query = db.prepare_cached("SELECT number FROM unit WHERE id = ?1")?;
    Ok(query.query_row([unit.to_string()], |row| row.get(0))?)
}

fn release(row: &Row<'_>) -> Result<Release, StoreError> {
    let path: String = row.get(3)?;
    let target = Target { path, sha256: row.get(4)?, length: unsigned(row, 5)?, custom: None };
    Ok(Release {
        unit: row.get::<_, String>(0)?.parse()?,
        app_id: row.get(1)?,
        version_code: unsigned(row, 2)?,
        entry: serde_json::from_str(row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?)?,
        target,
    })
}
