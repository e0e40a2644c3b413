//! What a screen shows: plain records, already in the resident's language (`messages`: the core's own sentences).

mod accounts;
#[cfg(feature = "uniffi")]
mod foreign;
pub(crate) mod messages;
mod places;
mod qr;
mod services;
mod wallet;

use onecity_protocol::credential::UnixTime;

pub use accounts::{
    AccountKind, AccountView, ConsentView, DisclosureView, LoginAttempt, ProviderView, SessionView, ShownPass,
};
pub use places::{
    AnnouncementKind, AnnouncementView, HomeView, IconView, MissingService, Obstacle, ObstacleView, ParityView,
    PlaceView, PlannedService, RegionView, ServiceCard, ServicePage, TravelPlan,
};
pub use qr::{Background, QrPicture};
pub use services::{DraftView, HandOverView, ServiceStorage, StorageView, SubmissionView};
pub use wallet::{
    CodeView, DocumentField, DocumentStatus, DocumentView, HolderView, PassOffer, PassSituation, PassStatus, PassView,
    PurposeView, ReceiptView,
};

pub use onecity_store::{PendingReason, SubmissionState, TimelineEntry};

/// How far what a screen shows can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Freshness {
    /// Checked with the registry within the last hour.
    Fresh,
    /// Last checked at this second.
    Stale {
        /// Seconds since 1970.
        since: UnixTime,
    },
    /// The last attempt found no network; last checked at this second, 0 for never.
    Offline {
        /// Seconds since 1970.
        since: UnixTime,
    },
}

/// What changed, for a shell to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[expect(missing_docs, reason = "the names say it")]
pub enum Topic {
    Account,
    Home,
    Passes,
    Submissions,
    Documents,
}
