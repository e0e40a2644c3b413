//! The gate: whatever verifies a code. No I/O; the time comes in as an argument.

use std::collections::HashMap;

use super::UnixTime;
use super::audience::Audience;
use super::cbor::MAX_TIME;
use super::decision::{Admission, Decision};
use super::format::Presentation;
use super::policy::{Addressed, GatePolicy, MAX_INTERVAL, WithoutStatus};
use super::refusal::Refusal;
use super::replay::{Passed, ReplayMemory, SnapshotError, StationKey};
use super::status::{MAX_LISTS, MAX_TOTAL, Status, StatusList, StatusListError, StatusListToken};
use super::trust_list::{TrustList, TrustedKey};
use super::verified::{IssuerVerified, KnownCredentials};

/// How far a phone's clock and a gate's may differ, in seconds.
pub(super) const SKEW: i64 = 30;
/// How long a challenge still counts after the next one was made, in seconds.
const CHALLENGE_OVERLAP: i64 = 30;
/// How many verified credentials a gate remembers, each some hundred bytes.
const KNOWN: usize = 100_000;

/// The challenge that a gate shows, and the one before it.
#[derive(Debug, Default)]
struct Challenges {
    current: Option<Audience>,
    /// The last one, and until when it counts.
    last: Option<(Audience, UnixTime)>,
}

/// A gate with its trust list, its status lists and its replay memory.
pub struct Gate {
    trust: TrustList,
    policy: GatePolicy,
    /// Since when it runs without lists that it never had.
    without_status_since: UnixTime,
    /// The latest time seen: a gate's time never goes backwards.
    now: UnixTime,
    known: KnownCredentials,
    /// By issuer and number: nobody speaks for another issuer's list.
    status: HashMap<(String, u64), StatusList>,
    /// Lists that went with a key of the trust list.
    gone: HashMap<(String, u64), Gone>,
    challenges: Challenges,
    passages: ReplayMemory,
}

/// What is remembered of a list that is no longer trusted.
struct Gone {
    since: UnixTime,
    /// When it was signed: an older one never takes its place.
    issued: UnixTime,
}

impl Gate {
    /// A gate that starts at `now`. It has no memory of what it accepted before, so it refuses codes signed up to a
    /// skew after its start.
    pub fn new(trust: TrustList, policy: GatePolicy, now: UnixTime) -> Self {
        let now = now.clamp(0, MAX_TIME);
        let passages = ReplayMemory::new(now, policy.capacity);
        Self {
            trust,
            policy,
            without_status_since: now,
            now,
            known: KnownCredentials::new(KNOWN),
            status: HashMap::new(),
            gone: HashMap::new(),
            challenges: Challenges::default(),
            passages,
        }
    }

    /// Says since when the gate has run without a status list, if it did before it was restarted: switching it off and
    /// on gives it no new hours.
    #[cfg(test)]
    pub(crate) fn without_status_since(&mut self, since: UnixTime) {
        self.without_status_since = self.without_status_since.min(since);
    }

    /// Time only goes forward.
    fn advance(&mut self, now: UnixTime) {
        self.now = self.now.max(now.clamp(0, MAX_TIME));
    }

    /// Replaces the trust list, after a refresh: what a key that is gone has signed is refused from now on.
    pub fn set_trust_list(&mut self, trust: TrustList) {
        if trust != self.trust {
            self.known.clear();
            // A pass is known by its issuer's name: under another name, its last code would be news.
            let renamed =
                |own: &TrustedKey| self.trust.all_keys().any(|old| old.key == own.key && old.issuer != own.issuer);
            if trust.all_keys().any(renamed) {
                self.passages.raise_floor(self.now);
            }
            let same_base = trust.status_base == self.trust.status_base;
            let dropped = self.status.extract_if(|(issuer, _), list| {
                !same_base || !trust.all_keys().any(|own| own.key == *list.signer() && own.issuer == *issuer)
            });
            for (place, list) in dropped {
                self.gone.insert(place, Gone { since: self.now, issued: list.issued() });
            }
            self.trust = trust;
        }
    }

    /// Takes a status list's token over, after a refresh; an older one than the gate has is refused.
    pub fn set_status_list(&mut self, token: StatusListToken, now: UnixTime) -> Result<(), StatusListError> {
        self.advance(now);
        let list = token.verify(&self.trust, self.now)?;
        let place = (list.issuer().to_owned(), list.number());
        let seen = self.status.get(&place).map(StatusList::issued);
        if let Some(seen) = seen.max(self.gone.get(&place).map(|gone| gone.issued)).filter(|seen| *seen > list.issued())
        {
            return Err(StatusListError::Older { seen, offered: list.issued() });
        }
        let others = self.status.iter().filter(|(own, _)| **own != place);
        let (count, size) = others.fold((0, 0), |(count, size), (_, own)| (count + 1, size + own.size()));
        if count >= MAX_LISTS || size + list.size() > MAX_TOTAL {
            return Err(StatusListError::TooMany);
        }
        self.gone.remove(&place);
        self.status.insert(place, list);
        Ok(())
    }

    /// Makes a new challenge from a random number, for the gate to show as a QR code (its text) or a number; the one
    /// before it counts for another 30 seconds. `None` for a gate without a number.
    pub fn challenge(&mut self, random: u32, now: UnixTime) -> Option<Audience> {
        self.advance(now);
        let fresh = (self.policy.number != 0).then(|| Audience::gate(self.policy.number).with_challenge(random))?;
        if let Some(last) = self.challenges.current.replace(fresh) {
            self.challenges.last = Some((last, self.now + CHALLENGE_OVERLAP));
        }
        Some(fresh)
    }

    /// Checks one code at the gate's time `now`, in the order of CQ1's specification.
    pub fn check(&mut self, text: &str, now: UnixTime) -> Decision {
        self.advance(now);
        match self.examine(text) {
            Ok(decision) => decision,
            Err(refusal) => Decision::Refused(refusal),
        }
    }

    /// What this gate has accepted since a second, for the other gates of its station.
    pub fn passages(&self, since: UnixTime, key: &StationKey) -> Vec<u8> {
        self.passages.snapshot(since, key)
    }

    /// Takes over what another gate of the station has accepted, so that no code opens two; answers how many
    /// passages were news.
    pub fn learn_passages(&mut self, passages: &[u8], key: &StationKey, now: UnixTime) -> Result<usize, SnapshotError> {
        self.advance(now);
        self.passages.merge(passages, key, self.now)
    }

    /// How many passages, and how many verified credentials, the gate remembers.
    pub fn remembered(&self) -> (usize, usize) {
        (self.passages.len(), self.known.len())
    }

    fn examine(&mut self, text: &str) -> Result<Decision, Refusal> {
        let now = self.now;
        let presentation = Presentation::parse(text).map_err(Refusal::Malformed)?;
        let pass = self.known.verify(presentation.credential(), &self.trust)?;
        let claims = pass.claims();
        if now + SKEW < claims.issued {
            return Err(Refusal::NotYetValid);
        }
        if now >= claims.expires {
            return Err(Refusal::Expired);
        }
        let without_status = self.policy.of_type(claims.pass_type).ok_or(Refusal::WrongType)?;
        if self.policy.scope.is_some_and(|scope| !claims.scopes.contains(&scope)) {
            return Err(Refusal::WrongScope);
        }
        let status_unchecked = !self.check_status(&pass, without_status)?;
        if !presentation.is_signed_by(pass.holder()) {
            return Err(Refusal::HolderSignature);
        }
        self.check_audience(&presentation)?;
        let (issued, window) = (presentation.issued(), i64::from(claims.window));
        if issued < now - window - SKEW {
            return Err(Refusal::Stale);
        }
        if issued > now + SKEW {
            return Err(Refusal::FromTheFuture);
        }
        let admission = Admission {
            pass_type: claims.pass_type,
            scopes: claims.scopes.clone(),
            fare_class: claims.fare_class,
            issuer: pass.issuer().to_owned(),
            purpose: presentation.purpose(),
            status_unchecked,
        };
        match self.passages.pass(&presentation, &pass, self.policy.interval.min(MAX_INTERVAL), now) {
            Passed::First => Ok(Decision::Accepted(admission)),
            Passed::Again => Ok(Decision::AlreadyAccepted(admission)),
            Passed::Replayed => Err(Refusal::Replayed),
            Passed::TooSoon => Err(Refusal::TooSoon),
            Passed::BeforeMemory => Err(Refusal::BeforeMemory),
        }
    }

    /// Whether the pass is known to stand; `false` if that can't be told and the policy admits it all the same.
    fn check_status(&self, pass: &IssuerVerified, without: WithoutStatus) -> Result<bool, Refusal> {
        let entry = pass.claims().status;
        let place = (pass.issuer().to_owned(), entry.list);
        let list = self.status.get(&place);
        // What an outdated list says against a pass still counts.
        match list.map(|list| list.status(entry)) {
            Some(Some(Status::Invalid)) => return Err(Refusal::Revoked),
            Some(Some(Status::Suspended)) => return Err(Refusal::Suspended),
            Some(Some(Status::Other(_)) | None) => return Err(Refusal::StatusUnknown),
            Some(Some(Status::Valid)) | None => {}
        }
        let without_since = self.gone.get(&place).map_or(self.without_status_since, |gone| gone.since);
        let current_until = list.map_or(without_since, StatusList::expires);
        match list {
            Some(_) if self.now < current_until => Ok(true),
            _ if self.now < current_until.saturating_add(without.seconds()) => Ok(false),
            Some(_) => Err(Refusal::StatusStale),
            None => Err(Refusal::StatusUnknown),
        }
    }

    fn check_audience(&self, presentation: &Presentation) -> Result<(), Refusal> {
        let audience = presentation.audience();
        let ours = self.policy.number != 0 && audience.number() == self.policy.number;
        if audience != Audience::ANY && !ours {
            return Err(Refusal::WrongAudience);
        }
        if self.policy.addressed == Addressed::ThisGate && !ours {
            return Err(Refusal::WrongAudience);
        }
        // A challenge counts where one is shown, whether or not it is asked for.
        let last = self.challenges.last.filter(|(_, until)| self.now < *until).map(|(audience, _)| audience);
        let of_the_moment = [self.challenges.current, last].contains(&Some(audience));
        let needed = self.policy.addressed == Addressed::ThisMoment || audience.has_challenge();
        if needed && !of_the_moment {
            return Err(Refusal::ChallengeNeeded);
        }
        if presentation.purpose() != self.policy.purpose {
            return Err(Refusal::WrongPurpose);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
