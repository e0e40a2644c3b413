//! Whom a code is for: any gate, one gate, or one gate at one moment.

use std::fmt;
use std::str::FromStr;

/// What a gate shows for a phone to scan begins with this.
const PREFIX: &str = "CQ1A:";
/// Challenges have 21 bits, so that an audience stays below 2^53 and survives any JSON.
const CHALLENGE_BITS: u32 = 21;

/// The text is not an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not what a gate shows: it begins with {PREFIX} and a number")]
pub struct AudienceError;

/// The `aud` of a presentation: 0 for any gate, else the gate's number in the low 32 bits and its challenge of the
/// moment, if it has one, in the 21 bits above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Audience(u64);

impl Audience {
    /// Any gate.
    pub const ANY: Self = Self(0);

    /// One gate, counter or clinic, by its number, which is not 0.
    pub fn gate(number: u32) -> Self {
        Self(number.into())
    }

    /// The same at one moment. The challenge's low 21 bits count; it should be random.
    pub fn with_challenge(self, challenge: u32) -> Self {
        let challenge = u64::from(challenge) & ((1 << CHALLENGE_BITS) - 1);
        // 0 would mean no challenge.
        Self(u64::from(self.number()) | challenge.max(1) << 32)
    }

    /// From the number that a presentation carries; `None` if it is out of range.
    pub(crate) fn from_u64(value: u64) -> Option<Self> {
        let in_range = value < 1 << (32 + CHALLENGE_BITS) && (value == 0 || value as u32 != 0);
        in_range.then_some(Self(value))
    }

    /// The number that a presentation carries.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// The gate's number; 0 for any gate.
    pub fn number(self) -> u32 {
        self.0 as u32
    }

    /// Whether it is bound to a moment.
    pub(crate) fn has_challenge(self) -> bool {
        self.0 >> 32 != 0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl FromStr for Audience {
    type Err = AudienceError;
    fn from_str(text: &str) -> Result<Self, AudienceError> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let value: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or(AudienceError)?;
        Self::from_u64(value).filter(|audience| audience.to_string() == text).ok_or(AudienceError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gate_shows_is_what_a_phone_reads() {
        let audience = Audience::gate(7).with_challenge(0x1f_ffff);
        assert_eq!(audience.to_string().parse(), Ok(audience));
        assert_eq!((audience.number(), audience.has_challenge()), (7, true));
        assert!(audience.to_u64() < 1 << 53);
        assert!(Audience::gate(7).with_challenge(0).has_challenge());
        for text in ["", "CQ1A:", "CQ1A:+7", "CQ1A:07", "CQ1A:4294967296", "CQ1A:99999999999999999999", "cq1a:7"] {
            assert_eq!(text.parse::<Audience>(), Err(AudienceError), "{text}");
        }
    }
}
