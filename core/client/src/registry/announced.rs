//! What the registries of a place tell all of its residents.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::RegionId;
use onecity_protocol::trust::{ANNOUNCEMENT_TARGET, Announcement};
use onecity_store::{Catalogue, StoreError};
use ring::digest::{SHA256, digest};

use super::lookup::Registry;
use super::offers::PLATFORM;
use crate::error::Error;
use crate::views::{AnnouncementKind, AnnouncementView};

/// What is announced for a region at this time, by its nation or its first-level region: that the app must be updated
/// before that something does not work, the nation's before the region's.
pub(super) fn announced(
    catalogue: &Catalogue,
    region: &RegionId,
    now: UnixTime,
    languages: &[String],
) -> Result<Option<AnnouncementView>, StoreError> {
    let mut outage = None;
    for id in [Some(region.nation()), region.first_level()].into_iter().flatten() {
        let Some(bytes) = catalogue.file(&id, &format!("{id}/{ANNOUNCEMENT_TARGET}"))? else { continue };
        let announcement = match Announcement::parse(&bytes) {
            Ok(announcement) => announcement,
            Err(error) => {
                tracing::warn!(by = %id, %error, "it is passed over");
                continue;
            }
        };
        let view = |kind, reason: &str, until| -> Result<_, StoreError> {
            let by = catalogue.region(&id)?.map(|region| region.names.best(languages).to_owned());
            let own = hex::encode(&digest(&SHA256, &bytes).as_ref()[..8]);
            Ok(AnnouncementView {
                id: format!("{id}/{own}"),
                by: by.unwrap_or_else(|| id.to_string()),
                kind,
                reason: reason.to_owned(),
                until,
            })
        };
        if let Some(update) = announcement.update_from(PLATFORM) {
            return view(AnnouncementKind::Update, update.reason.best(languages), None).map(Some);
        }
        if let (None, Some(found)) = (&outage, announcement.outage_at(now)) {
            outage = Some(view(AnnouncementKind::Outage, found.reason.best(languages), found.until)?);
        }
    }
    Ok(outage)
}

impl Registry {
    /// What is announced for a region now.
    pub(super) async fn announced(&self, region: &RegionId) -> Result<Option<AnnouncementView>, Error> {
        let (region, languages, now) = (region.clone(), self.device.languages(), self.device.time.now().await);
        self.device.catalogue(move |catalogue| announced(catalogue, &region, now, &languages)).await
    }

    /// Why this app opens no service of a region before it is updated, if that is so. One that is open goes on until it is
    /// closed.
    pub(super) async fn must_update(&self, region: &RegionId) -> Result<Option<AnnouncementView>, Error> {
        Ok(self.announced(region).await?.filter(|said| said.kind == AnnouncementKind::Update))
    }
}
