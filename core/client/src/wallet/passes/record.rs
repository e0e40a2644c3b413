//! What the vault keeps of a pass, and how a screen shows it.

use onecity_protocol::credential::{StatusEntry, UnixTime};
use onecity_protocol::names::Names;
use onecity_protocol::region::RegionId;
use onecity_store::Record;
use serde::{Deserialize, Serialize};

use crate::views::{HolderView, PassSituation, PassStatus, PassView};

/// A pass as the vault keeps it, with the words of the day it was issued: a screen needs no registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pass {
    /// Issuer and `cti` in one: no issuer can take another's place.
    pub id: String,
    /// The hardware key's id.
    pub key: String,
    #[serde(with = "hex::serde")]
    pub credential: Vec<u8>,
    /// What the issuer knows it by, in hexadecimal.
    pub cti: String,
    pub pass_type: String,
    pub type_number: u64,
    pub type_names: Names,
    pub issuer: String,
    pub issuer_names: Names,
    pub region: RegionId,
    pub scope_names: Vec<Names>,
    pub fare_names: Option<Names>,
    /// Whose pass it is, if not the resident's own.
    pub holder: Option<HolderView>,
    pub issued: UnixTime,
    pub expires: UnixTime,
    pub window: u8,
    /// The number of its status list, and its index in it.
    pub status: (u64, u64),
    #[serde(rename = "standing")]
    pub state: PassState,
}

impl Record for Pass {
    const KIND: &'static str = "pass";
    const FORMAT: u8 = 1;
}

/// What the phone has heard of a pass since it was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PassState {
    Good,
    Suspended,
    Revoked,
    /// The trust list no longer holds the key that signed it.
    IssuerKeyWithdrawn,
    /// The phone's own key for it is gone.
    KeyGone,
}

impl Pass {
    pub(crate) fn status_entry(&self) -> StatusEntry {
        StatusEntry { list: self.status.0, index: self.status.1 }
    }

    /// Whether a new one should be fetched: in the last third of its life, or because this one opens nothing.
    pub(crate) fn is_due(&self, now: UnixTime) -> bool {
        let late = now >= self.expires - (self.expires - self.issued) / 3;
        match self.state {
            PassState::KeyGone | PassState::IssuerKeyWithdrawn => true,
            PassState::Good => late,
            // The issuer took it back: asking again changes nothing.
            PassState::Suspended | PassState::Revoked => false,
        }
    }

    fn status_at(&self, now: UnixTime) -> PassStatus {
        match self.state {
            PassState::Revoked => PassStatus::Revoked,
            PassState::Suspended => PassStatus::Suspended,
            PassState::KeyGone | PassState::IssuerKeyWithdrawn => PassStatus::NeedsRenewal,
            PassState::Good if now >= self.expires => PassStatus::Expired,
            PassState::Good if self.is_due(now) => PassStatus::RenewalDue,
            PassState::Good => PassStatus::Good,
        }
    }

    pub(crate) fn view(&self, languages: &[String], now: UnixTime, last_used: Option<UnixTime>) -> PassView {
        let best = |names: &Names| names.best(languages).to_owned();
        PassView {
            id: self.id.clone(),
            title: best(&self.type_names),
            pass_type: self.pass_type.clone(),
            issuer: best(&self.issuer_names),
            region: self.region.clone(),
            valid_in: self.scope_names.iter().map(best).collect(),
            fare: self.fare_names.as_ref().map(best),
            holder: self.holder.clone(),
            issued: self.issued,
            expires: self.expires,
            status: self.status_at(now),
            last_used,
        }
    }
}

/// Orders passes by how likely each is to be shown now: those that open something, of the type asked for, good nearest
/// to here, used last.
pub(super) fn by_likelihood(passes: &mut [PassView], situation: &PassSituation) {
    passes.sort_by_cached_key(|pass| {
        let opens_nothing = !matches!(pass.status, PassStatus::Good | PassStatus::RenewalDue);
        let other_type = situation.pass_type.as_ref().is_some_and(|wanted| *wanted != pass.pass_type);
        let distance = situation.region.as_ref().map_or(0, |here| distance(&pass.region, here));
        let unused = std::cmp::Reverse(pass.last_used.unwrap_or_default());
        let somebody_else = pass.holder.is_some();
        (opens_nothing, other_type, distance, unused, somebody_else, pass.pass_type.clone(), pass.id.clone())
    });
}

/// How far a pass's region is from where one is: 0 if it covers the place.
fn distance(pass: &RegionId, here: &RegionId) -> u8 {
    if pass == here || pass.covers(here) {
        0
    } else if here.covers(pass) || pass.first_level() == here.first_level() {
        1
    } else if pass.nation() == here.nation() {
        2
    } else {
        3
    }
}

/// The second that a pass's last code was signed for. Written after the code is shown, not before: losing it costs at
/// most one refusal, and the next code works.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct LastCode(pub UnixTime);

impl Record for LastCode {
    const KIND: &'static str = "last_code";
    const FORMAT: u8 = 1;
}

/// A pass that was deleted here or issued again, and whose issuer has not been told yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Deleted {
    pub id: String,
    pub cti: String,
    pub issuer: String,
}

impl Deleted {
    pub(super) fn of(pass: &Pass) -> Self {
        Self { id: pass.id.clone(), cti: pass.cti.clone(), issuer: pass.issuer.clone() }
    }
}

impl Record for Deleted {
    const KIND: &'static str = "deleted_pass";
    const FORMAT: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(id: &str, region: &str, pass_type: &str, last_used: Option<UnixTime>) -> PassView {
        PassView {
            id: id.to_owned(),
            title: String::new(),
            pass_type: pass_type.to_owned(),
            issuer: String::new(),
            region: region.parse().expect("a region"),
            valid_in: Vec::new(),
            fare: None,
            holder: None,
            issued: 0,
            expires: 100,
            status: PassStatus::Good,
            last_used,
        }
    }

    fn order(mut passes: Vec<PassView>, region: Option<&str>, pass_type: Option<&str>) -> String {
        let region = region.map(|region| region.parse().expect("a region"));
        by_likelihood(&mut passes, &PassSituation { region, pass_type: pass_type.map(str::to_owned) });
        passes.into_iter().map(|pass| pass.id).collect()
    }

    #[test]
    fn the_pass_that_is_likely_wanted_comes_first() {
        let passes = || {
            let mut expired = pass("x", "cn-sd", "transit", Some(99));
            expired.status = PassStatus::Expired;
            let mut child = pass("c", "cn-sd", "transit", None);
            child.holder =
                Some(HolderView { id: "an".to_owned(), name: "An".to_owned(), relation: "child".to_owned() });
            vec![
                expired,
                child,
                pass("h", "cn-sd", "health", Some(50)),
                pass("t", "cn-sd", "transit", None),
                pass("v", "vn-hn", "transit", Some(80)),
            ]
        };
        assert_eq!(order(passes(), Some("cn-sd/jinan"), None), "htcvx");
        assert_eq!(order(passes(), Some("cn-sd/jinan"), Some("transit")), "tcvhx");
        assert_eq!(order(passes(), Some("vn-hn"), None), "vhtcx");
        assert_eq!(order(passes(), None, None), "vhtcx");
    }
}
