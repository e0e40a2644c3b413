//! Who publishes what, as the registry signed it.

use std::collections::BTreeMap;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::{CatalogueEntry, Release, Target, Withdrawn};
use rusqlite::{Connection, Row, params};

use super::seal::{RELEASE, SCOPE, UNIT};
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
    /// By its own unit or one above it: which of its services are taken down, by their id.
    pub taken_down: TakenDown,
}

/// The services of a unit that are taken down, by their id among its services.
pub type TakenDown = BTreeMap<String, Withdrawn>;

const COLUMNS: &str = "unit, app_id, version_code, path, sha256, length, card";

impl Catalogue {
    /// Writes down what the roles of a repository say, all of it or nothing.
    pub fn keep_roles(&mut self, repository: &RegionId, roles: &[VerifiedRole]) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        for role in roles {
            let known = KnownUnit { broken: None, version: role.version, expires: role.expires };
            let number = known.keep(&change, repository, &role.unit)?;
            change.execute("DELETE FROM release WHERE unit = ?1", [role.unit.to_string()])?;
            for release in &role.releases {
                put_release(&change, repository, release, role.taken_down.get(&release.app_id))?;
            }
            search::index_unit(&change, number, &role.unit, &role.releases)?;
        }
        change.commit()?;
        self.index.take();
        Ok(())
    }

    /// A release of a role that is not the one that this phone knows by the same version code: a version is signed
    /// once, so that everybody has the same. Of a unit that begins again, nothing is known.
    pub fn replaced<'r>(&self, role: &'r VerifiedRole) -> Result<Option<&'r Release>, StoreError> {
        if KnownUnit::of(&self.db, &role.unit)?.is_none_or(|known| known.version == 0) {
            return Ok(None);
        }
        let known = releases(&self.db, &role.unit)?;
        let named = |release: &Release| (release.app_id.clone(), release.version_code);
        let known: BTreeMap<_, _> = known.iter().map(|known| (named(known), known.target.sha256)).collect();
        let other = |release: &&Release| known.get(&named(release)).is_some_and(|hash| *hash != release.target.sha256);
        Ok(role.releases.iter().find(other))
    }

    /// Takes down the services of a unit that are to be, and no others. It does not wait for the unit's own news: those
    /// may be old, broken or unreachable.
    pub fn take_down(&mut self, repository: &RegionId, unit: &UnitId, down: &TakenDown) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        for release in releases(&change, unit)? {
            let wanted = down.get(&release.app_id);
            if release.entry.taken_down.as_ref() != wanted {
                put_release(&change, repository, &release, wanted)?;
            }
        }
        Ok(change.commit()?)
    }

    /// The services of a unit that are taken down, as of its last news and those above it.
    pub fn taken_down(&self, unit: &UnitId) -> Result<TakenDown, StoreError> {
        let all = releases(&self.db, unit)?.into_iter();
        Ok(all.filter_map(|release| Some((release.app_id, release.entry.taken_down?))).collect())
    }

    /// Writes down that a unit's news could not be read; what was kept of it stays.
    pub fn keep_broken(&self, repository: &RegionId, unit: &UnitId, why: &str) -> Result<(), StoreError> {
        let known = KnownUnit::of(&self.db, unit)?.unwrap_or_default();
        KnownUnit { broken: Some(why.to_owned()), ..known }.keep(&self.db, repository, unit)?;
        Ok(())
    }

    /// The version of a unit's metadata that its releases here are from, if its last news could be read.
    pub fn unit_version(&self, unit: &UnitId) -> Result<Option<u64>, StoreError> {
        let known = KnownUnit::of(&self.db, unit)?;
        Ok(known.filter(|known| known.broken.is_none()).map(|known| known.version))
    }

    /// Writes down from when on nothing new is installed from a unit.
    pub fn keep_expires(&self, repository: &RegionId, unit: &UnitId, expires: UnixTime) -> Result<(), StoreError> {
        let Some(known) = KnownUnit::of(&self.db, unit)? else { return Ok(()) };
        KnownUnit { expires, ..known }.keep(&self.db, repository, unit)?;
        Ok(())
    }

    /// From when on nothing new is installed from a unit.
    pub fn unit_expires(&self, unit: &UnitId) -> Result<UnixTime, StoreError> {
        Ok(KnownUnit::of(&self.db, unit)?.map_or(0, |known| known.expires))
    }

    /// Why a unit's news could not be read at the last sync.
    pub fn broken(&self, unit: &UnitId) -> Result<Option<String>, StoreError> {
        Ok(KnownUnit::of(&self.db, unit)?.and_then(|known| known.broken))
    }

    /// The units of a repository that are known.
    pub fn units(&self, repository: &RegionId) -> Result<Vec<UnitId>, StoreError> {
        units(&self.db, repository)
    }

    /// The units that are known below a region: its departments, and what lies below it with theirs.
    pub fn units_below(&self, region: &RegionId) -> Result<Vec<UnitId>, StoreError> {
        // `0` comes next after `/`.
        let bounds = params![format!("{region}/"), format!("{region}0")];
        UNIT.read(&self.db, "id", "WHERE id > ?1 AND id < ?2 ORDER BY id", bounds, unit_id)
    }

    /// Forgets a unit that nobody delegates to any more: what it published is not offered.
    pub fn forget_unit(&mut self, unit: &UnitId) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        search::forget_unit(&change, unit)?;
        change.execute("DELETE FROM release WHERE unit = ?1", [unit.to_string()])?;
        change.execute("DELETE FROM unit WHERE id = ?1", [unit.to_string()])?;
        change.commit()?;
        self.index.take();
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
        SCOPE.put(&self.db, "region", params![region.as_str(), signed(snapshot)])
    }

    /// The snapshot that a region was last synced to, all of it.
    pub fn scope(&self, region: &RegionId) -> Result<Option<u64>, StoreError> {
        let read = |row: &Row<'_>| Ok(unsigned(row, 0)?);
        Ok(SCOPE.read(&self.db, "snapshot", "WHERE region = ?1", params![region.as_str()], read)?.pop())
    }

    /// The units whose services are offered in a region, nearest first: its own and its departments', those above it
    /// with theirs, and the circles that include it.
    pub fn units_for(&self, tree: &RegionTree, region: &RegionId) -> Result<Vec<UnitId>, StoreError> {
        let mut units = Vec::new();
        let circles: Vec<UnitId> = tree.circles().map(|circle| circle.id.clone()).collect();
        for unit in tree.units_for(region) {
            let departments = if unit.is_office() {
                Vec::new()
            } else {
                let which = "WHERE region = ?1 AND id <> ?1 ORDER BY id";
                UNIT.read(&self.db, "id", which, params![unit.region().as_str()], unit_id)?
            };
            units.push(unit);
            units.extend(departments.into_iter().filter(|department| !circles.contains(department)));
        }
        Ok(units)
    }

    /// All releases of a unit, a service's together, newest first.
    pub fn releases(&self, unit: &UnitId) -> Result<Vec<Release>, StoreError> {
        releases(&self.db, unit)
    }

    /// All releases of a service, newest first.
    pub fn releases_of(&self, service: &ServiceId) -> Result<Vec<Release>, StoreError> {
        let which = "WHERE unit = ?1 AND app_id = ?2 ORDER BY version_code DESC";
        RELEASE.read(&self.db, COLUMNS, which, params![service.unit.to_string(), service.app_id], release)
    }
}

/// What is known of a unit beside its releases.
#[derive(Default)]
struct KnownUnit {
    version: u64,
    expires: UnixTime,
    broken: Option<String>,
}

impl KnownUnit {
    fn of(db: &Connection, unit: &UnitId) -> Result<Option<Self>, StoreError> {
        let read = |row: &Row<'_>| Ok(Self { version: unsigned(row, 0)?, expires: row.get(1)?, broken: row.get(2)? });
        Ok(UNIT.read(db, "version, expires, broken", "WHERE id = ?1", params![unit.to_string()], read)?.pop())
    }

    /// Writes it down. Answers the unit's number, which is given when it is first heard of.
    fn keep(&self, db: &Connection, repository: &RegionId, unit: &UnitId) -> Result<i64, StoreError> {
        let (id, version) = (unit.to_string(), signed(self.version));
        let values = params![id, unit.region().as_str(), repository.as_str(), version, self.expires, self.broken];
        UNIT.put(db, "id", values)?;
        let mut query = db.prepare_cached("SELECT number FROM unit WHERE id = ?1")?;
        Ok(query.query_row([id], |row| row.get(0))?)
    }
}

fn releases(db: &Connection, unit: &UnitId) -> Result<Vec<Release>, StoreError> {
    let which = "WHERE unit = ?1 ORDER BY app_id, version_code DESC";
    RELEASE.read(db, COLUMNS, which, params![unit.to_string()], release)
}

fn put_release(
    db: &Connection,
    repository: &RegionId,
    release: &Release,
    taken_down: Option<&Withdrawn>,
) -> Result<(), StoreError> {
    let entry = CatalogueEntry { taken_down: taken_down.cloned(), ..release.entry.clone() };
    let values = params![
        release.unit.to_string(),
        release.app_id,
        signed(release.version_code),
        repository.as_str(),
        release.target.path,
        release.target.sha256,
        signed(release.target.length),
        serde_json::to_string(&entry)?,
    ];
    RELEASE.put(db, "unit, app_id, version_code", values)
}

fn units(db: &Connection, repository: &RegionId) -> Result<Vec<UnitId>, StoreError> {
    UNIT.read(db, "id", "WHERE repository = ?1 ORDER BY id", params![repository.as_str()], unit_id)
}

/// Of a repository that starts again, no unit's releases are current.
pub(super) fn forget_versions(db: &Connection, repository: &RegionId) -> Result<(), StoreError> {
    for unit in units(db, repository)? {
        if let Some(known) = KnownUnit::of(db, &unit)? {
            KnownUnit { version: 0, ..known }.keep(db, repository, &unit)?;
        }
    }
    Ok(())
}

fn unit_id(row: &Row<'_>) -> Result<UnitId, StoreError> {
    Ok(row.get::<_, String>(0)?.parse()?)
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
