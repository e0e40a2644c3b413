//! The gate: whatever verifies a code. No I/O; the time comes in as an argument.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::UnixTime;
use super::audience::Audience;
use super::cbor::MAX_TIME;
use super::format::Presentation;
use super::refusal::Refusal;
use super::replay::{Passed, ReplayMemory, SnapshotError, StationKey};
use super::status::{MAX_LISTS, MAX_TOTAL, Status, StatusList, StatusListError, StatusListToken};
use super::trust_list::{TrustList, TrustedKey};
use super::verified::{IssuerVerified, KnownCredentials};

/// How far a phone's clock and a gate's may differ, in seconds.
pub(super) const SKEW: i64 = 30;
/// How long a challenge still counts after the next one was made, in seconds.
const CHALLENGE_OVERLAP: i64 = 30;
/// The longest that a gate may stay open on an outdated status list, in hours.
const MAX_FAIL_OPEN: u8 = 24;
/// The longest interval between two passages that a gate can keep to, in seconds: it remembers little longer.
const MAX_INTERVAL: u8 = 180;
/// How many holders a gate remembers where its policy says nothing else.
const CAPACITY: usize = 2_000_000;
/// How many verified credentials a gate remembers, each some hundred bytes.
const KNOWN: usize = 100_000;

/// What a gate does while it has no current status list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutStatus {
    /// It refuses: right for a clinic, a counter, a barrier.
    #[default]
    FailClosed,
    /// It goes on admitting for so many hours after the list's expiry, or after the gate's own start if it never had
    /// one; 24 at most. Right for a turnstile, where a crowd would otherwise stand.
    FailOpen {
        /// Hours, 1 to 24.
        hours: u8,
    },
}

impl WithoutStatus {
    fn seconds(self) -> i64 {
        match self {
            Self::FailClosed => 0,
            Self::FailOpen { hours } => i64::from(hours.min(MAX_FAIL_OPEN)) * 3600,
        }
    }
}

/// Whom a code must be addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressed {
    /// To any gate or to this one.
    #[default]
    AnyGate,
    /// To this one.
    ThisGate,
    /// To this one and its challenge of the moment: no code signed in advance, and none captured elsewhere, opens it.
    ThisMoment,
}

/// What a gate asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatePolicy {
    /// The types of pass that open it, and what it does for each while it has no current status list.
    pub types: BTreeMap<u64, WithoutStatus>,
    /// The same for all other types; none if they do not open it.
    pub other_types: Option<WithoutStatus>,
    /// The scope that a pass must have; none for any.
    pub scope: Option<u64>,
    /// The gate's own number, for codes that are addressed to it; 0 if it has none.
    pub number: u32,
    /// Whom codes must be addressed to.
    pub addressed: Addressed,
    /// What codes must be made for: 0 for a passage.
    pub purpose: u64,
    /// The least seconds between two passages of one pass, so that copies of codes that were signed in advance let no
    /// friends through one after another; 0 for none, 180 at most.
    pub interval: u8,
    /// How many holders are remembered; beyond that, memory is traded for refusals of older codes.
    pub capacity: usize,
}

impl GatePolicy {
    /// Any pass that the trust list knows, as long as the status list is current.
    pub fn any() -> Self {
        Self {
            types: BTreeMap::new(),
            other_types: Some(WithoutStatus::FailClosed),
            scope: None,
            number: 0,
            addressed: Addressed::AnyGate,
            purpose: 0,
            interval: 0,
            capacity: CAPACITY,
        }
    }

    /// Passes of these types only.
    pub fn of_types(types: impl IntoIterator<Item = u64>, without_status: WithoutStatus) -> Self {
        let types = types.into_iter().map(|id| (id, without_status)).collect();
        Self { types, other_types: None, ..Self::any() }
    }

    fn of_type(&self, pass_type: u64) -> Option<WithoutStatus> {
        self.types.get(&pass_type).copied().or(self.other_types)
    }
}

/// All that a gate learns of a holder: a type, a scope, and whose word it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Admission {
    pub pass_type: u64,
    pub scopes: Vec<u64>,
    pub fare_class: u64,
    pub issuer: String,
    /// What the holder lets be done; 0 for a passage.
    pub purpose: u64,
    /// Whether it was admitted although the status list is out of date, as the gate's policy says.
    pub status_unchecked: bool,
}

/// What the gate does. Its text is a line for the gate's log, without personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Open.
    Accepted(Admission),
    /// The very code that has just opened it: no second opening, and no scary refusal.
    AlreadyAccepted(Admission),
    /// Stay shut.
    Refused(Refusal),
}

impl Decision {
    /// Whether the gate opens.
    pub fn opens(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// One word: `accepted`, `already_accepted` or `refused`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::AlreadyAccepted(_) => "already_accepted",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(own) | Self::AlreadyAccepted(own) => {
                let scopes: Vec<String> = own.scopes.iter().map(u64::to_string).collect();
                let status = if own.status_unchecked { "unchecked" } else { "valid" };
                write!(f, "{} type={} scopes={}", self.name(), own.pass_type, scopes.join(","))?;
                write!(f, " fare={} purpose={} status={status} issuer={}", own.fare_class, own.purpose, own.issuer)
            }
            Self::Refused(refusal) => write!(f, "refused reason={}", refusal.name()),
        }
    }
}

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
    pub fn without_status_since(&mut self, since: UnixTime) {
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
mod tests {
    use super::super::sample::World;
    use super::super::{CredentialDraft, PresentationDraft, Signature, StatusArray, TrustedKey};
    use super::*;

    const NOW: UnixTime = 1_800_000_000;
    const NEVER: UnixTime = 9_999_999_999;

    fn policy() -> GatePolicy {
        GatePolicy { scope: Some(37), number: 7, ..GatePolicy::of_types([1], WithoutStatus::FailClosed) }
    }

    fn gate(world: &World) -> Gate {
        world.gate(policy(), NOW - 600).expect("a gate")
    }

    fn token(bytes: &[u8]) -> StatusListToken {
        StatusListToken::parse(bytes).expect("a token")
    }

    fn accepted(gate: &mut Gate, code: &str, now: UnixTime) {
        let decision = gate.check(code, now);
        assert!(decision.opens(), "{decision}");
    }

    fn refused(gate: &mut Gate, code: &str, now: UnixTime) -> &'static str {
        match gate.check(code, now) {
            Decision::Refused(refusal) => refusal.name(),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn a_turnstile_opens_once_for_a_fresh_code() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        let code = world.code_at(NOW).expect("a code");
        accepted(&mut gate, &code, NOW + 1);
        assert_eq!(gate.check(&code, NOW + 3).name(), "already_accepted");
        assert_eq!(refused(&mut gate, &code, NOW + 5), "replayed");
        accepted(&mut gate, &world.code_at(NOW + 6).expect("a code"), NOW + 6);
        assert_eq!(gate.remembered(), (1, 1));
    }

    #[test]
    fn a_turnstile_refuses_a_screenshot_taken_91_seconds_ago() {
        let world = World::new().expect("keys");
        let code = world.code_at(NOW).expect("a code");
        assert_eq!(refused(&mut gate(&world), &code, NOW + 61), "stale");
        assert_eq!(refused(&mut gate(&world), &code, NOW + 91), "stale");
        accepted(&mut gate(&world), &code, NOW + 60);
        assert_eq!(refused(&mut gate(&world), &code, NOW - 31), "from_the_future");
        // Even from a phone whose clock is fast by the whole skew, a code is dead after 91 seconds.
        let fast = world.code_at(NOW + 30).expect("a code");
        assert_eq!(refused(&mut gate(&world), &fast, NOW + 91), "stale");
    }

    #[test]
    fn a_phone_whose_clock_is_an_hour_off_is_told_so_both_ways() {
        let world = World::new().expect("keys");
        assert_eq!(refused(&mut gate(&world), &world.code_at(NOW + 3600).expect("a code"), NOW), "from_the_future");
        assert_eq!(refused(&mut gate(&world), &world.code_at(NOW - 3600).expect("a code"), NOW), "stale");
    }

    #[test]
    fn a_clock_turned_back_to_use_a_code_again_gets_nowhere() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
        // A phone restored from a copy, or with its clock turned back, signs an older second anew.
        assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW + 10), "replayed");
        assert_eq!(refused(&mut gate, &world.code_at(NOW - 5).expect("a code"), NOW + 10), "replayed");
        // The gate's own clock turned back makes no old code good again.
        assert_eq!(refused(&mut gate, &world.code_at(NOW - 80).expect("a code"), NOW - 80), "stale");
    }

    #[test]
    fn a_turnstile_refuses_a_stranger_and_an_altered_code() {
        let world = World::new().expect("keys");
        let stranger = World::new().expect("keys");
        let code = stranger.code_at(NOW).expect("a code");
        assert_eq!(refused(&mut gate(&world), &code, NOW), "unknown_issuer");

        let bytes = base45::decode(&world.code_at(NOW).expect("a code")[4..]).expect("Base45");
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let altered = format!("CQ1:{}", base45::encode(&altered));
            assert!(matches!(gate(&world).check(&altered, NOW), Decision::Refused(_)), "byte {at}");
        }
        for cut in 0..bytes.len() {
            let cut = format!("CQ1:{}", base45::encode(&bytes[..cut]));
            assert!(matches!(gate(&world).check(&cut, NOW), Decision::Refused(Refusal::Malformed(_))));
        }
    }

    #[test]
    fn a_credential_copied_without_the_phone_s_key_opens_nothing() {
        let world = World::new().expect("keys");
        let thief = World::new().expect("keys");
        let stolen = world.code_signed_by(&thief, NOW).expect("a code");
        assert_eq!(refused(&mut gate(&world), &stolen, NOW), "holder_signature");
    }

    #[test]
    fn a_gate_that_lost_its_memory_refuses_what_it_may_have_accepted() {
        let world = World::new().expect("keys");
        let code = world.code_at(NOW).expect("a code");
        accepted(&mut gate(&world), &code, NOW);
        let mut rebooted = world.gate(policy(), NOW + 2).expect("a gate");
        assert_eq!(refused(&mut rebooted, &code, NOW + 3), "before_memory");
        // A phone a full skew fast had its code accepted before the reboot.
        let fast = world.code_at(NOW + 30).expect("a code");
        assert_eq!(refused(&mut rebooted, &fast, NOW + 3), "before_memory");
        accepted(&mut rebooted, &world.code_at(NOW + 33).expect("a code"), NOW + 33);
    }

    #[test]
    fn two_gates_of_a_station_know_what_each_other_accepted() {
        let world = World::new().expect("keys");
        let key = StationKey::new(&[9; 32]);
        let (mut east, mut west) = (gate(&world), gate(&world));
        let code = world.code_at(NOW).expect("a code");
        accepted(&mut east, &code, NOW);
        let passages = east.passages(NOW - 5, &key);
        assert_eq!(west.learn_passages(&passages, &key, NOW + 1), Ok(1));
        assert_eq!(west.learn_passages(&passages, &key, NOW + 1), Ok(0));
        assert_eq!(refused(&mut west, &code, NOW + 10), "replayed");
        accepted(&mut west, &world.code_at(NOW + 11).expect("a code"), NOW + 11);
        assert_eq!(east.passages(NOW + 1, &key), west.passages(NOW + 12, &key), "nothing since then");

        let other = StationKey::new(&[8; 32]);
        assert_eq!(west.learn_passages(&passages, &other, NOW + 1), Err(SnapshotError::WrongKey));
        let mut altered = passages.clone();
        altered[30] ^= 1;
        assert!(west.learn_passages(&altered, &key, NOW + 1).is_err());
        for cut in 0..passages.len() {
            assert!(west.learn_passages(&passages[..cut], &key, NOW + 1).is_err());
        }
    }

    #[test]
    fn memory_stays_bounded_under_a_flood_and_no_code_opens_twice() {
        let world = World::new().expect("keys");
        let mut gate = world.gate(GatePolicy { capacity: 20, ..policy() }, NOW - 600).expect("a gate");
        let holders: Vec<World> = (0..50).map(|_| world.another(|_| ()).expect("keys")).collect();
        let codes: Vec<String> = holders.iter().map(|holder| holder.code_at(NOW).expect("a code")).collect();
        let (mut in_time, mut asked_again) = (0, 0);
        for code in &codes {
            match gate.check(code, NOW) {
                Decision::Accepted(_) => in_time += 1,
                Decision::Refused(Refusal::BeforeMemory) => asked_again += 1,
                other => panic!("{other}"),
            }
            assert!(gate.remembered().0 <= 20);
        }
        assert_eq!((in_time, asked_again), (21, 29), "what is forgotten raises the floor");
        for code in &codes {
            assert!(matches!(gate.check(code, NOW + 5), Decision::Refused(_)), "none opens twice");
        }
        for holder in &holders[..10] {
            accepted(&mut gate, &holder.code_at(NOW + 6).expect("a code"), NOW + 6);
        }
    }

    #[test]
    fn passages_are_forgotten_once_their_codes_are_dead() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        let slow = world.another(|claims| claims.window = 120).expect("keys");
        accepted(&mut gate, &slow.code_at(NOW).expect("a code"), NOW);
        let other = world.another(|_| ()).expect("keys");
        for later in (0..600).step_by(15) {
            let fresh = other.code_at(NOW + later).expect("a code");
            accepted(&mut gate, &fresh, NOW + later);
            let old = refused(&mut gate, &slow.code_at(NOW).expect("a code"), NOW + later);
            assert_eq!(old, if later <= 150 { "replayed" } else { "stale" }, "{later}");
        }
        assert_eq!(gate.remembered().0, 1, "only who passed lately is remembered");
    }

    #[test]
    fn ten_thousand_forged_holders_leave_no_trace_and_nobody_waits_outside() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
        let before = gate.remembered();
        let forger = World::new().expect("keys");
        let kid = world.trusted_key().key.kid();
        for at in 0..10_000_u64 {
            // Under the issuer's own kid, so that each costs the gate a signature check.
            let mut claims = world.claims().clone();
            claims.cti = at.to_be_bytes();
            let draft = CredentialDraft::new(&claims, &forger.holder().public().expect("a key"), kid);
            let signature = Signature::from_raw(&[0x11; 64]).expect("64 bytes");
            let credential = draft.sign(&signature);
            let draft = PresentationDraft::new(&credential, NOW, Audience::ANY, 0).expect("a draft");
            let code = draft.sign(&signature);
            assert_eq!(refused(&mut gate, &code, NOW), "issuer_signature");
        }
        assert_eq!(gate.remembered(), before);
        accepted(&mut gate, &world.code_at(NOW + 1).expect("a code"), NOW + 1);
    }

    #[test]
    fn a_pass_of_another_scope_or_type_stays_outside() {
        let world = World::new().expect("keys");
        let check =
            |policy: GatePolicy, code: &str| refused(&mut world.gate(policy, NOW - 600).expect("a gate"), code, NOW);
        let code = world.code_at(NOW).expect("a code");
        assert_eq!(check(GatePolicy { scope: Some(99), ..policy() }, &code), "wrong_scope");
        assert_eq!(check(GatePolicy::of_types([2], WithoutStatus::FailClosed), &code), "wrong_type");
    }

    #[test]
    fn an_issuer_s_key_is_good_for_its_own_types_scopes_and_time_alone() {
        let world = World::new().expect("keys");
        let parking = world.another(|claims| claims.pass_type = 2).expect("keys");
        let elsewhere = world.another(|claims| claims.scopes = vec![37, 38]).expect("keys");
        let mut gate = world.gate(GatePolicy::any(), NOW - 600).expect("a gate");
        assert_eq!(refused(&mut gate, &parking.code_at(NOW).expect("a code"), NOW), "issuer_not_allowed");
        assert_eq!(refused(&mut gate, &elsewhere.code_at(NOW).expect("a code"), NOW), "issuer_not_allowed");
        let retired = TrustedKey { not_after: world.claims().issued, ..world.trusted_key() };
        gate.set_trust_list(World::trust_list_of(vec![retired]));
        assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW), "issuer_not_allowed");
    }

    #[test]
    fn passes_from_before_and_after_their_time_are_refused() {
        let world = World::new().expect("keys");
        let early = world.another(|claims| claims.issued = NOW + 31).expect("keys");
        let late = world.another(|claims| claims.expires = NOW).expect("keys");
        assert_eq!(refused(&mut gate(&world), &early.code_at(NOW).expect("a code"), NOW), "not_yet_valid");
        assert_eq!(refused(&mut gate(&world), &late.code_at(NOW).expect("a code"), NOW), "expired");
    }

    #[test]
    fn a_withdrawn_key_is_refused_at_the_next_refresh_and_a_rotated_one_keeps_its_holders() {
        let (old, new) = (World::new().expect("keys"), World::new().expect("keys"));
        let mut gate = gate(&old);
        accepted(&mut gate, &old.code_at(NOW).expect("a code"), NOW);
        let rotated = TrustedKey { not_after: NOW, ..old.trusted_key() };
        gate.set_trust_list(World::trust_list_of(vec![rotated, new.trusted_key()]));
        accepted(&mut gate, &old.code_at(NOW + 1).expect("a code"), NOW + 1);
        accepted(&mut gate, &new.code_at(NOW + 1).expect("a code"), NOW + 1);
        gate.set_trust_list(new.trust_list());
        assert_eq!(refused(&mut gate, &old.code_at(NOW + 2).expect("a code"), NOW + 2), "unknown_issuer");
        // What the withdrawn key said of revocations counts for nothing either, and an older list does not come back.
        assert_eq!(refused(&mut gate, &new.code_at(NOW + 2).expect("a code"), NOW + 2), "status_unknown");
        let older = new.status_list(NOW - 700, NEVER, |_| ()).expect("a list");
        assert!(matches!(gate.set_status_list(token(&older), NOW + 2), Err(StatusListError::Older { .. })));
        let list = new.status_list(NOW + 2, NEVER, |_| ()).expect("a list");
        gate.set_status_list(token(&list), NOW + 2).expect("a list of the new key");
        accepted(&mut gate, &new.code_at(NOW + 2).expect("a code"), NOW + 2);
    }

    #[test]
    fn revoked_and_suspended_passes_are_refused_until_they_stand_again() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
        let index = world.claims().status.index;
        for (later, value, reason) in [(1, 2, "suspended"), (2, 1, "revoked"), (3, 3, "status_unknown")] {
            let list = world.status_list(NOW + later, NEVER, |all| assert!(all.set(index, value))).expect("a list");
            gate.set_status_list(token(&list), NOW + later).expect("newer");
            assert_eq!(refused(&mut gate, &world.code_at(NOW + later).expect("a code"), NOW + later), reason);
        }
        let list = world.status_list(NOW + 4, NEVER, |_| ()).expect("a list");
        gate.set_status_list(token(&list), NOW + 4).expect("newer");
        accepted(&mut gate, &world.code_at(NOW + 4).expect("a code"), NOW + 4);
        let old = world.status_list(NOW, NEVER, |_| ()).expect("a list");
        let refused = gate.set_status_list(token(&old), NOW + 5).expect_err("older");
        assert_eq!(refused, StatusListError::Older { seen: NOW + 4, offered: NOW });
    }

    #[test]
    fn a_clinic_closes_on_an_outdated_status_list_and_a_turnstile_stays_open_for_its_hours() {
        let world = World::new().expect("keys");
        let index = world.claims().status.index;
        let revoked = world.another(|claims| claims.status.index += 1).expect("keys");
        let list = world.status_list(NOW - 7200, NOW, |all| assert!(all.set(index + 1, 1))).expect("a list");
        let with = |without| {
            let mut gate = Gate::new(world.trust_list(), GatePolicy::of_types([1], without), NOW - 600);
            gate.set_status_list(token(&list), NOW - 600).expect("a list");
            gate
        };
        let code = |world: &World, at| world.code_at(at).expect("a code");
        let mut clinic = with(WithoutStatus::FailClosed);
        accepted(&mut clinic, &code(&world, NOW - 1), NOW - 1);
        assert_eq!(refused(&mut clinic, &code(&world, NOW), NOW), "status_stale");
        let mut turnstile = with(WithoutStatus::FailOpen { hours: 2 });
        match turnstile.check(&code(&world, NOW + 7199), NOW + 7199) {
            Decision::Accepted(admission) => assert!(admission.status_unchecked),
            other => panic!("{other}"),
        }
        // Revoked is revoked, however old the list.
        assert_eq!(refused(&mut turnstile, &code(&revoked, NOW + 7199), NOW + 7199), "revoked");
        assert_eq!(refused(&mut turnstile, &code(&world, NOW + 7200), NOW + 7200), "status_stale");
        let mut forever = with(WithoutStatus::FailOpen { hours: 255 });
        assert_eq!(refused(&mut forever, &code(&world, NOW + 86_400), NOW + 86_400), "status_stale");

        // A gate that never had a list counts from its own start.
        let mut new = Gate::new(world.trust_list(), GatePolicy::any(), NOW - 600);
        assert_eq!(refused(&mut new, &code(&world, NOW), NOW), "status_unknown");
        let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
        accepted(&mut Gate::new(world.trust_list(), open, NOW - 600), &code(&world, NOW), NOW);
    }

    #[test]
    fn switching_a_turnstile_off_and_on_gives_it_no_new_hours_without_a_list() {
        let world = World::new().expect("keys");
        let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
        let mut gate = Gate::new(world.trust_list(), open, NOW - 600);
        gate.without_status_since(NOW - 3600);
        assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW), "status_unknown");
    }

    #[test]
    fn an_issuer_that_hands_out_ever_new_lists_does_not_fill_the_gate() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        let mut taken = 0;
        for number in 10..200 {
            let other = world.another(|claims| claims.status.list = number).expect("keys");
            let list = other.status_list(NOW, NEVER, |_| ()).expect("a list");
            match gate.set_status_list(token(&list), NOW) {
                Ok(()) => taken += 1,
                Err(refused) => assert_eq!(refused, StatusListError::TooMany),
            }
        }
        assert_eq!(taken, MAX_LISTS - 1, "one was there");
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    }

    #[test]
    fn an_issuer_that_changes_its_name_lets_no_code_open_twice() {
        let world = World::new().expect("keys");
        let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
        let mut gate = Gate::new(world.trust_list(), open, NOW - 600);
        let code = world.code_at(NOW).expect("a code");
        accepted(&mut gate, &code, NOW);
        let renamed = TrustedKey { issuer: "https://new.example".to_owned(), ..world.trusted_key() };
        gate.set_trust_list(World::trust_list_of(vec![renamed]));
        assert_eq!(refused(&mut gate, &code, NOW + 5), "before_memory");
        accepted(&mut gate, &world.code_at(NOW + 31).expect("a code"), NOW + 31);
    }

    #[test]
    fn a_clock_beyond_all_bounds_breaks_nothing() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        let code = world.code_at(NOW).expect("a code");
        assert_eq!(refused(&mut gate, &code, i64::MIN), "from_the_future");
        assert_eq!(refused(&mut gate, &code, i64::MAX), "expired");
    }

    #[test]
    fn a_status_list_of_another_issuer_or_address_or_time_counts_for_nothing() {
        let (world, other) = (World::new().expect("keys"), World::new().expect("keys"));
        let theirs = TrustedKey { issuer: "https://other.example".to_owned(), ..other.trusted_key() };
        let mut gate = Gate::new(
            World::trust_list_of(vec![world.trusted_key(), theirs]),
            GatePolicy::of_types([1], WithoutStatus::FailClosed),
            NOW - 600,
        );
        let index = world.claims().status.index;
        // Another issuer of the same trust list vouches, under its own key, for this issuer's list.
        let list = other.status_list(NOW, NEVER, |_| ()).expect("a list");
        gate.set_status_list(token(&list), NOW).expect("a list of its own");
        assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW), "status_unknown");
        let list = world.status_list(NOW, NEVER, |_| ()).expect("a list");
        gate.set_status_list(token(&list), NOW).expect("a list");
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
        let list = other.status_list(NOW + 1, NEVER, |all| assert!(all.set(index, 1))).expect("a list");
        gate.set_status_list(token(&list), NOW + 1).expect("a list of its own");
        accepted(&mut gate, &world.code_at(NOW + 1).expect("a code"), NOW + 1);

        let stranger = World::new().expect("keys").status_list(NOW, NEVER, |_| ()).expect("a list");
        assert_eq!(gate.set_status_list(token(&stranger), NOW), Err(StatusListError::Signature));
        let future = world.status_list(NOW + 99, NEVER, |_| ()).expect("a list");
        assert_eq!(gate.set_status_list(token(&future), NOW), Err(StatusListError::FromTheFuture));
        let mut cut = world.status_list(NOW, NEVER, |_| ()).expect("a list");
        cut.truncate(cut.len() - 1);
        assert!(StatusListToken::parse(&cut).is_err());
        let credential = StatusListToken::parse(world.credential()).expect_err("no list");
        assert_eq!(credential, StatusListError::Type);
    }

    #[test]
    fn keys_whose_short_names_collide_are_each_tried() {
        let (world, other) = (World::new().expect("keys"), World::new().expect("keys"));
        // Four bytes are forged easily enough; here the list itself is made to hold two keys under one name.
        let mut trust = World::trust_list_of(vec![other.trusted_key(), world.trusted_key()]);
        trust.rename_all(world.trusted_key().key.kid());
        let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 24 });
        let mut gate = Gate::new(trust, open, NOW - 600);
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    }

    #[test]
    fn codes_for_another_gate_or_another_moment_or_another_purpose_are_refused() {
        let world = World::new().expect("keys");
        let here = Audience::gate(7);
        let code = |audience, purpose| world.code_for(NOW, audience, purpose).expect("a code");
        assert_eq!(refused(&mut gate(&world), &code(Audience::gate(8), 0), NOW), "wrong_audience");
        assert_eq!(refused(&mut gate(&world), &code(here, 1), NOW), "wrong_purpose");
        accepted(&mut gate(&world), &code(here, 0), NOW);

        let addressed = |addressed| world.gate(GatePolicy { addressed, ..policy() }, NOW - 600).expect("a gate");
        assert_eq!(refused(&mut addressed(Addressed::ThisGate), &code(Audience::ANY, 0), NOW), "wrong_audience");
        accepted(&mut addressed(Addressed::ThisGate), &code(here, 0), NOW);

        let mut barrier = addressed(Addressed::ThisMoment);
        let first = barrier.challenge(1, NOW - 60).expect("it has a number");
        assert_eq!(refused(&mut barrier, &code(here, 0), NOW - 50), "challenge_needed");
        let second = barrier.challenge(2, NOW - 10).expect("it has a number");
        accepted(&mut barrier, &code(first, 0), NOW);
        assert_eq!(
            refused(&mut barrier, &world.code_for(NOW + 20, first, 0).expect("a code"), NOW + 20),
            "challenge_needed"
        );
        accepted(&mut barrier, &world.code_for(NOW + 21, second, 0).expect("a code"), NOW + 21);
        let mut numberless = world.gate(GatePolicy::any(), NOW - 600).expect("a gate");
        assert_eq!(numberless.challenge(1, NOW), None);
    }

    #[test]
    fn an_issuer_s_message_is_never_taken_for_a_phone_s_nor_the_other_way_round() {
        let world = World::new().expect("keys");
        // The issuer's key signs a presentation of its own: the phone's key is asked for, and does not hold.
        let draft = PresentationDraft::new(world.credential(), NOW, Audience::ANY, 0).expect("a draft");
        let signature = world.issuer().sign(draft.message()).expect("signed");
        assert_eq!(refused(&mut gate(&world), &draft.sign(&signature), NOW), "holder_signature");
        // The phone's key signs a credential that promotes its holder, under the issuer's name.
        let claims = super::super::Claims { fare_class: 9, ..world.claims().clone() };
        let holder = world.holder().public().expect("a key");
        let draft = CredentialDraft::new(&claims, &holder, world.trusted_key().key.kid());
        let signature = world.holder().sign(draft.message()).expect("signed");
        let draft = PresentationDraft::new(&draft.sign(&signature), NOW, Audience::ANY, 0).expect("a draft");
        let signature = world.holder().sign(draft.message()).expect("signed");
        assert_eq!(refused(&mut gate(&world), &draft.sign(&signature), NOW), "issuer_signature");
        // One shown as the other is not even read.
        let text = format!("CQ1:{}", base45::encode(world.credential()));
        assert_eq!(refused(&mut gate(&world), &text, NOW), "unknown_field");
    }

    #[test]
    fn rubbish_is_refused_by_name_and_without_a_panic() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        let code = world.code_at(NOW).expect("a code");
        let long = "A".repeat(10_000_000);
        let lower = format!("CQ1:{}", code[4..].to_lowercase());
        // Fullwidth and Cyrillic letters that look the same.
        let alike = code.replace('A', "Ａ").replace('C', "С").replacen('С', "C", 1);
        let cases = [
            ("", "prefix"),
            ("https://example.org", "prefix"),
            ("cq1:AB", "prefix"),
            ("СQ1:AB", "prefix"),
            ("CQ1:", "structure"),
            ("CQ1::::::", "base45"),
            ("CQ1:A", "base45"),
            ("CQ1:::", "base45"),
            (lower.as_str(), "base45"),
            (alike.as_str(), "base45"),
            (long.as_str(), "too_long"),
        ];
        for (text, reason) in cases {
            let short: String = text.chars().take(20).collect();
            assert_eq!(refused(&mut gate, text, NOW), reason, "{short}");
        }
    }

    #[test]
    fn the_log_line_tells_what_was_decided_and_nothing_about_whom() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        let code = world.code_at(NOW).expect("a code");
        let line = gate.check(&code, NOW).to_string();
        assert_eq!(line, "accepted type=1 scopes=37 fare=2 purpose=0 status=valid issuer=https://issuer.example");
        assert_eq!(gate.check(&code, NOW + 9).to_string(), "refused reason=replayed");
    }

    #[test]
    fn a_million_statuses_are_loaded_in_one_piece() {
        let world = World::new().expect("keys");
        let mut statuses = StatusArray::new(1, 1_000_000).expect("one bit");
        assert!(statuses.set(999_999, 1) && !statuses.set(1_000_000, 1) && !statuses.set(0, 2));
        let claims = super::super::StatusClaims {
            uri: "https://issuer.example/status/3".to_owned(),
            issued: NOW,
            expires: Some(NOW + 3600),
            ttl: None,
            statuses,
        };
        let draft = super::super::StatusListDraft::new(&claims, world.trusted_key().key.kid());
        let signature = world.issuer().sign(draft.message()).expect("signed");
        let list = token(&draft.sign(&signature)).verify(&world.trust_list(), NOW).expect("a list");
        let status = |index| list.status(super::super::StatusEntry { list: 3, index });
        assert_eq!((status(999_998), status(999_999)), (Some(Status::Valid), Some(Status::Invalid)));
        assert_eq!((status(1_000_000), status(u64::MAX)), (None, None));
    }

    #[test]
    fn friends_who_were_sent_codes_in_advance_do_not_follow_one_after_another() {
        let world = World::new().expect("keys");
        let mut gate = world.gate(GatePolicy { interval: 60, ..policy() }, NOW - 600).expect("a gate");
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
        assert_eq!(refused(&mut gate, &world.code_at(NOW + 1).expect("a code"), NOW + 1), "too_soon");
        assert_eq!(refused(&mut gate, &world.code_at(NOW + 59).expect("a code"), NOW + 59), "too_soon");
        accepted(&mut gate, &world.code_at(NOW + 60).expect("a code"), NOW + 60);
    }

    #[test]
    fn an_issuer_that_uses_another_s_numbers_locks_nobody_out() {
        let (world, other) = (World::new().expect("keys"), World::new().expect("keys"));
        let twin = other.another(|claims| claims.cti = world.claims().cti).expect("keys");
        let theirs = TrustedKey { issuer: "https://other.example".to_owned(), ..other.trusted_key() };
        let trust = World::trust_list_of(vec![world.trusted_key(), theirs]);
        let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
        let mut gate = Gate::new(trust, open, NOW - 600);
        accepted(&mut gate, &twin.code_at(NOW + 30).expect("a code"), NOW);
        accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    }

    #[test]
    fn a_code_fits_the_budget() {
        let world = World::new().expect("keys");
        let addressed = world.code_for(NOW, Audience::gate(u32::MAX).with_challenge(u32::MAX), 255).expect("a code");
        for (code, at_least) in [(world.code_at(NOW).expect("a code"), 240), (addressed, 260)] {
            let bytes = base45::decode(&code[4..]).expect("Base45");
            assert!((at_least..=super::super::MAX_PRESENTATION).contains(&bytes.len()), "{} bytes", bytes.len());
        }
    }
}
