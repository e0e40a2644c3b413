//! The gate: whatever verifies a code. No I/O; the time comes in as an argument.

use std::collections::HashMap;

use super::UnixTime;
use super::format::{Claims, Credential, MalformedCode, Presentation};
use super::key::{PublicKey, Signature};
use super::trust_list::TrustList;

/// How far a phone's clock and a gate's may differ, in seconds.
const SKEW: i64 = 30;
/// How long the very same code, scanned again, is taken for the same passage, in seconds.
const SAME_PASSAGE: i64 = 3;
/// Replay memory beyond the last second at which a code could be accepted, in seconds.
const MEMORY_MARGIN: i64 = 10;

/// What a gate asks for.
#[derive(Debug, Clone, Default)]
pub struct GatePolicy {
    /// The types of pass that open it; empty for any.
    pub types: Vec<u64>,
    /// The scope that a pass must have; none for any.
    pub scope: Option<u64>,
    /// The gate's own number, for codes that are addressed to it.
    pub audience: u64,
}

impl GatePolicy {
    /// Any pass that the trust list knows.
    pub fn any() -> Self {
        Self::default()
    }
}

/// Why a gate stays shut. Each reason has one name, for a log line, and one sentence, for a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("this is not a OneCity code: {0}")]
    Malformed(MalformedCode),
    #[error("the issuer is not on the trust list")]
    UnknownIssuer,
    #[error("the issuer's signature does not hold")]
    IssuerSignature,
    #[error("the issuer may not issue this type of pass or this scope")]
    IssuerNotAllowed,
    #[error("the pass is not valid yet")]
    NotYetValid,
    #[error("the pass has expired")]
    Expired,
    #[error("the pass is not for this gate")]
    WrongScope,
    #[error("the code was not signed by the phone that holds the pass")]
    HolderSignature,
    #[error("the code is meant for another gate")]
    WrongAudience,
    #[error("the code is too old: show a fresh one")]
    Stale,
    #[error("the code is from the future: the phone's clock is wrong")]
    FromTheFuture,
    #[error("the code has been used: show a fresh one")]
    Replayed,
    #[error("the gate has just started: show the next code")]
    BeforeStart,
}

impl Refusal {
    /// The reason's name for logs and machines; it carries no personal data.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::IssuerSignature => "issuer_signature",
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::WrongScope => "wrong_scope",
            Self::HolderSignature => "holder_signature",
            Self::WrongAudience => "wrong_audience",
            Self::Stale => "stale",
            Self::FromTheFuture => "from_the_future",
            Self::Replayed => "replayed",
            Self::BeforeStart => "before_start",
        }
    }
}

/// A credential whose issuer's signature has held, with the holder's key as a point.
#[derive(Debug, Clone)]
pub struct IssuerVerified {
    claims: Claims,
    holder: PublicKey,
    issuer: String,
}

impl IssuerVerified {
    /// Finds the key that signed `credential` and checks what that key may issue.
    pub fn verify(credential: &Credential, trust: &TrustList) -> Result<Self, Refusal> {
        let claims = credential.claims();
        let mut known = false;
        for trusted in trust.keys(credential.kid()) {
            known = true;
            if !credential.is_signed_by(&trusted.key) {
                continue;
            }
            let allowed = trusted.types.contains(&claims.pass_type)
                && claims.scopes.iter().all(|scope| trusted.scopes.contains(scope))
                && (trusted.not_before..trusted.not_after).contains(&claims.issued);
            if !allowed {
                return Err(Refusal::IssuerNotAllowed);
            }
            let holder = credential.holder().ok_or(Refusal::IssuerSignature)?;
            return Ok(Self { claims: claims.clone(), holder, issuer: trusted.issuer.clone() });
        }
        Err(if known { Refusal::IssuerSignature } else { Refusal::UnknownIssuer })
    }

    /// What the issuer said.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The phone's key.
    pub fn holder(&self) -> &PublicKey {
        &self.holder
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
}

/// What the gate does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Open.
    Accepted(Admission),
    /// The very code that has just opened it: no second opening, and no scary refusal.
    AlreadyAccepted(Admission),
    /// Stay shut.
    Refused(Refusal),
}

/// The last code that a credential opened the gate with.
struct Last {
    issued: UnixTime,
    accepted: UnixTime,
    signature: Signature,
    forget: UnixTime,
}

/// A gate with its trust list and its replay memory.
pub struct Gate {
    trust: TrustList,
    policy: GatePolicy,
    started: UnixTime,
    /// The latest time seen: a gate's time never goes backwards.
    now: UnixTime,
    last: HashMap<[u8; 8], Last>,
    swept: UnixTime,
}

impl Gate {
    /// A gate that starts at `now`. It has no memory of what it accepted before, so it refuses codes signed up to a
    /// skew after its start.
    pub fn new(trust: TrustList, policy: GatePolicy, now: UnixTime) -> Self {
        Self { trust, policy, started: now, now, last: HashMap::new(), swept: now }
    }

    /// Replaces the trust list, after a refresh.
    pub fn set_trust_list(&mut self, trust: TrustList) {
        self.trust = trust;
    }

    /// Checks one code at the gate's time `now`, in the order of CQ1's specification.
    pub fn check(&mut self, text: &str, now: UnixTime) -> Decision {
        self.now = self.now.max(now);
        match self.examine(text) {
            Ok(decision) => decision,
            Err(refusal) => Decision::Refused(refusal),
        }
    }

    fn examine(&mut self, text: &str) -> Result<Decision, Refusal> {
        let now = self.now;
        let presentation = Presentation::parse(text).map_err(Refusal::Malformed)?;
        let pass = IssuerVerified::verify(presentation.credential(), &self.trust)?;
        let claims = &pass.claims;
        if now + SKEW < claims.issued {
            return Err(Refusal::NotYetValid);
        }
        if now >= claims.expires {
            return Err(Refusal::Expired);
        }
        let type_fits = self.policy.types.is_empty() || self.policy.types.contains(&claims.pass_type);
        if !type_fits || self.policy.scope.is_some_and(|scope| !claims.scopes.contains(&scope)) {
            return Err(Refusal::WrongScope);
        }
        if !presentation.is_signed_by(&pass.holder) {
            return Err(Refusal::HolderSignature);
        }
        if presentation.audience() != 0 && presentation.audience() != self.policy.audience {
            return Err(Refusal::WrongAudience);
        }
        let (issued, window) = (presentation.issued(), i64::from(claims.window));
        if issued < now - window - SKEW {
            return Err(Refusal::Stale);
        }
        if issued > now + SKEW {
            return Err(Refusal::FromTheFuture);
        }
        if issued <= self.started + SKEW {
            return Err(Refusal::BeforeStart);
        }
        let admission = Admission {
            pass_type: claims.pass_type,
            scopes: claims.scopes.clone(),
            fare_class: claims.fare_class,
            issuer: pass.issuer.clone(),
        };
        if let Some(last) = self.last.get(&claims.cti)
            && issued <= last.issued
        {
            let same = last.signature == *presentation.signature() && now - last.accepted <= SAME_PASSAGE;
            return if same { Ok(Decision::AlreadyAccepted(admission)) } else { Err(Refusal::Replayed) };
        }
        let forget = now + window + 2 * SKEW + MEMORY_MARGIN;
        let last = Last { issued, accepted: now, signature: *presentation.signature(), forget };
        self.last.insert(claims.cti, last);
        self.sweep();
        Ok(Decision::Accepted(admission))
    }

    /// Forgets codes that could no longer be accepted anyway, at most once a window.
    fn sweep(&mut self) {
        if self.now >= self.swept + SKEW {
            self.swept = self.now;
            let now = self.now;
            self.last.retain(|_, last| last.forget > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::World;
    use super::*;

    const NOW: UnixTime = 1_800_000_000;

    fn gate(world: &World) -> Gate {
        Gate::new(world.trust_list(), GatePolicy { types: vec![1], scope: Some(37), audience: 7 }, NOW - 600)
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
        assert!(matches!(gate.check(&code, NOW + 1), Decision::Accepted(_)));
        assert!(matches!(gate.check(&code, NOW + 3), Decision::AlreadyAccepted(_)));
        assert_eq!(refused(&mut gate, &code, NOW + 5), "replayed");
        let next = world.code_at(NOW + 6).expect("a code");
        assert!(matches!(gate.check(&next, NOW + 6), Decision::Accepted(_)));
    }

    #[test]
    fn a_turnstile_refuses_a_screenshot_taken_91_seconds_ago() {
        let world = World::new().expect("keys");
        let code = world.code_at(NOW).expect("a code");
        assert_eq!(refused(&mut gate(&world), &code, NOW + 61), "stale");
        assert_eq!(refused(&mut gate(&world), &code, NOW + 91), "stale");
        assert!(matches!(gate(&world).check(&code, NOW + 60), Decision::Accepted(_)));
        assert_eq!(refused(&mut gate(&world), &code, NOW - 31), "from_the_future");
    }

    #[test]
    fn a_turnstile_refuses_a_stranger_and_an_altered_code() {
        let world = World::new().expect("keys");
        let stranger = World::new().expect("keys");
        let code = stranger.code_at(NOW).expect("a code");
        assert_eq!(refused(&mut gate(&world), &code, NOW), "unknown_issuer");
        let stolen = world.code_signed_by(&stranger, NOW).expect("a code");
        assert_eq!(refused(&mut gate(&world), &stolen, NOW), "holder_signature");

        let bytes = base45::decode(&world.code_at(NOW).expect("a code")[4..]).expect("Base45");
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let altered = format!("CQ1:{}", base45::encode(&altered));
            assert!(matches!(gate(&world).check(&altered, NOW), Decision::Refused(_)), "byte {at}");
        }
    }

    #[test]
    fn a_gate_that_lost_its_memory_refuses_what_it_may_have_accepted() {
        let world = World::new().expect("keys");
        let code = world.code_at(NOW).expect("a code");
        let mut rebooted = Gate::new(world.trust_list(), GatePolicy::any(), NOW + 2);
        assert_eq!(refused(&mut rebooted, &code, NOW + 3), "before_start");
    }

    #[test]
    fn a_pass_of_another_scope_or_type_or_gate_stays_outside() {
        let world = World::new().expect("keys");
        let check = |policy: GatePolicy, code: &str| {
            let mut gate = Gate::new(world.trust_list(), policy, NOW - 600);
            refused(&mut gate, code, NOW)
        };
        let code = world.code_at(NOW).expect("a code");
        assert_eq!(check(GatePolicy { scope: Some(99), ..GatePolicy::any() }, &code), "wrong_scope");
        assert_eq!(check(GatePolicy { types: vec![2], ..GatePolicy::any() }, &code), "wrong_scope");
        let addressed = world.code_for(NOW, 8).expect("a code");
        assert_eq!(check(GatePolicy { audience: 7, ..GatePolicy::any() }, &addressed), "wrong_audience");
    }

    #[test]
    fn rubbish_is_refused_by_name_and_without_a_panic() {
        let world = World::new().expect("keys");
        let mut gate = gate(&world);
        let long = "A".repeat(10_000_000);
        for text in ["", "CQ1:", "CQ1:::::", "https://example.org", "CQ1:ＡＢ", long.as_str()] {
            assert_eq!(refused(&mut gate, text, NOW), "malformed");
        }
    }

    #[test]
    fn a_code_fits_the_budget() {
        let code = World::new().expect("keys").code_at(NOW).expect("a code");
        let bytes = base45::decode(&code[4..]).expect("Base45");
        assert!((240..=300).contains(&bytes.len()), "{} bytes", bytes.len());
    }
}
