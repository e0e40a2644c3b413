//! How much of the phone the packages may take: the least recently used give way, pinned regions last.

use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;
use rusqlite::params;

use super::versions::drop_unused;
use super::{Catalogue, unsigned};
use crate::error::StoreError;

/// What the packages of a service take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PackageSize {
    pub service: ServiceId,
    pub bytes: u64,
}

impl Catalogue {
    /// Pins a region, so that the services seen there give way last; or takes the pin away.
    pub fn pin(&self, region: &RegionId, pinned: bool) -> Result<(), StoreError> {
        let sql = if pinned { "INSERT OR IGNORE INTO pin VALUES (?1)" } else { "DELETE FROM pin WHERE region = ?1" };
        self.db.execute(sql, [region.as_str()])?;
        Ok(())
    }

    /// The regions that are pinned.
    pub fn pins(&self) -> Result<Vec<RegionId>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT region FROM pin ORDER BY region")?;
        let rows = query.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|id| Ok(id?.parse()?)).collect()
    }

    /// What the packages of each service take, the least recently used first.
    pub fn package_sizes(&self) -> Result<Vec<PackageSize>, StoreError> {
        let mut query = self.db.prepare_cached(
            "SELECT unit, app_id, sum(bytes), max(used) AS last FROM (
                 SELECT unit, app_id, length(blob.bytes) AS bytes, max(used) AS used
                 FROM version JOIN blob ON blob.sha256 = version.sha256 GROUP BY unit, app_id, version.sha256
             ) GROUP BY unit, app_id ORDER BY last, unit, app_id",
        )?;
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, unsigned(row, 2)?)))?;
        rows.map(|row| {
            let (unit, app_id, bytes) = row?;
            Ok(PackageSize { service: ServiceId { unit: unit.parse()?, app_id }, bytes })
        })
        .collect()
    }

    /// Removes a service's packages; it is fetched again when it is opened.
    pub fn remove_packages(&mut self, service: &ServiceId) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        change.execute(
            "DELETE FROM version WHERE unit = ?1 AND app_id = ?2",
            params![service.unit.to_string(), service.app_id],
        )?;
        drop_unused(&change)?;
        Ok(change.commit()?)
    }

    /// Removes the least recently used services until all packages together fit into `budget` bytes: first those of
    /// regions that are not pinned, the one of `keep` never. Answers how many services gave way.
    pub fn make_room(&mut self, budget: u64, keep: &ServiceId) -> Result<u32, StoreError> {
        let sizes = self.package_sizes()?;
        let mut total: u64 = sizes.iter().map(|size| size.bytes).sum();
        if total <= budget {
            return Ok(0);
        }
        let mut near = Vec::new();
        for region in self.pins()? {
            near.extend(self.units_for(&self.tree_around(&region)?, &region)?);
        }
        let (mut others, pinned): (Vec<_>, Vec<_>) =
            sizes.into_iter().partition(|size| !near.contains(&size.service.unit));
        others.extend(pinned);
        let mut gone = 0;
        for size in others.iter().filter(|size| size.service != *keep) {
            if total <= budget {
                break;
            }
            self.remove_packages(&size.service)?;
            total = total.saturating_sub(size.bytes);
            gone += 1;
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{CatalogueKey, Unsealed};
    use crate::catalogue::{Installed, Slot};
    use onecity_protocol::region::RegionFile;

    fn install(catalogue: &mut Catalogue, unit: &str, app_id: &str, at: i64) {
        let bytes = format!("{unit}/{app_id}").repeat(50);
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes.as_bytes());
        let sha256 = digest.as_ref().try_into().expect("32 bytes");
        let service = ServiceId::new(unit.parse().expect("a unit"), app_id);
        let installed = Installed { service, version_code: 1, sha256 };
        catalogue.install(&installed, Slot::Current, bytes.as_bytes(), at).expect("kept");
        // The same bytes in two places count once.
        catalogue.came_to_work(&installed).expect("noted");
    }

    #[test]
    fn the_services_of_home_give_way_last_and_the_least_recently_used_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut catalogue =
            Catalogue::open(&folder.path().join("catalogue.sqlite"), &CatalogueKey::new(&[7; 32]), Unsealed::Refuse)
                .expect("new");
        let first: RegionId = "cn-sd".parse().expect("an id");
        catalogue.add_repository(&first, "https://registry.example", b"{}").expect("kept");
        catalogue.keep_regions(&first, &RegionFile::default()).expect("kept");
        let home: RegionId = "cn-sd/jinan".parse().expect("an id");
        catalogue.pin(&home, true).expect("pinned");
        install(&mut catalogue, "cn-sd/jinan", "old-at-home", 1);
        install(&mut catalogue, "cn-sd/qingdao", "seen-once", 2);
        install(&mut catalogue, "cn-sd/qingdao", "seen-today", 3);
        let left = |catalogue: &Catalogue| {
            let sizes = catalogue.package_sizes().expect("counted");
            sizes.into_iter().map(|size| size.service.app_id).collect::<Vec<_>>()
        };
        let keep = &"cn-sd/qingdao/seen-today".parse().expect("a service");
        assert_eq!(catalogue.make_room(1 << 20, keep).expect("nothing to do"), 0);
        assert_eq!(catalogue.make_room(2500, keep).expect("made"), 1);
        assert_eq!(left(&catalogue), ["old-at-home", "seen-today"]);
        assert_eq!(catalogue.make_room(1, keep).expect("made"), 1);
        assert_eq!(left(&catalogue), ["seen-today"], "what is being opened stays");
    }
}
