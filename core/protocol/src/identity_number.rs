//! The numbers that residents and enterprises are known by, checked for slips before anybody is asked: China's citizen
//! number (GB 11643, check digit by ISO 7064 MOD 11-2) and unified social credit code (GB 32100), Viet Nam's citizen
//! number (Decree 137/2015/ND-CP: no check digit, but a structure).
//!
//! ```
//! use onecity_protocol::identity_number::{IdentityNumber, NumberError, NumberKind};
//!
//! let number = IdentityNumber::parse(" 11010519491231002x ").expect("the standard's own example");
//! assert_eq!((number.kind(), number.as_str()), (NumberKind::ChineseCitizen, "11010519491231002X"));
//! assert_eq!(IdentityNumber::parse("110105194912310021"), Err(NumberError::CheckDigit));
//! ```

use std::fmt;

/// Which number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// A person's, in China.
    ChineseCitizen,
    /// An enterprise's or organisation's, in China.
    UnifiedSocialCredit,
    /// A person's, in Viet Nam.
    VietnameseCitizen,
}

/// Why a text is no such number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NumberError {
    #[error("a citizen number has 18 characters in China and 12 in Viet Nam, a credit code has 18")]
    Length,
    #[error("this character can't stand there")]
    Character,
    #[error("the date of birth in it does not exist")]
    Birth,
    #[error("the last character does not fit the others: one of them is mistyped")]
    CheckDigit,
}

/// A number whose form is right. Whether it exists only its country can say.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityNumber {
    text: String,
    kind: NumberKind,
}

/// It is personal data: never in a log.
impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityNumber({:?})", self.kind)
    }
}

impl IdentityNumber {
    /// Reads a number as it was typed: spaces and small letters are fine.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(NumberError::Character);
        }
        let kind = match text.len() {
            12 => vietnamese(text.as_bytes())?,
            // A credit code may be all digits, too; with a date of birth in it, it is somebody's mistyped number.
            18 if text[..17].bytes().all(|b| b.is_ascii_digit()) => match chinese(text.as_bytes()) {
                Err(NumberError::Birth) => credit_code(text.as_bytes()).map_err(|_| NumberError::Birth)?,
                read => read?,
            },
            18 => credit_code(text.as_bytes())?,
            _ => return Err(NumberError::Length),
        };
        Ok(Self { text, kind })
    }

    /// Which number it is.
    pub fn kind(&self) -> NumberKind {
        self.kind
    }

    /// The number, in capitals and without spaces.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn chinese(text: &[u8]) -> Result<NumberKind, NumberError> {
    let digit = |at: usize| text[at].is_ascii_digit().then(|| u32::from(text[at] - b'0')).ok_or(NumberError::Character);
    let number = |from: usize, to: usize| (from..to).try_fold(0, |sum, at| Ok::<_, NumberError>(sum * 10 + digit(at)?));
    let (year, month, day) = (number(6, 10)?, number(10, 12)?, number(12, 14)?);
    if !(1800..=2200).contains(&year) || !exists(year, month, day) {
        return Err(NumberError::Birth);
    }
    // ISO 7064 MOD 11-2: weights are powers of 2, counted from the right.
    let sum = (0..17).try_fold(0, |sum, at| Ok::<_, NumberError>(sum + digit(at)? * (1 << (17 - at) as u32) % 11))?;
    let check = (12 - sum % 11) % 11;
    let expected = if check == 10 { b'X' } else { b'0' + u8::try_from(check).unwrap_or(0) };
    if text[17] == expected { Ok(NumberKind::ChineseCitizen) } else { Err(NumberError::CheckDigit) }
}

/// GB 32100 §4: 18 characters without I, O, S, V and Z; weights are powers of 3 modulo 31.
fn credit_code(text: &[u8]) -> Result<NumberKind, NumberError> {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let value = |b: u8| ALPHABET.iter().position(|own| *own == b).ok_or(NumberError::Character);
    if !text[2..8].iter().all(u8::is_ascii_digit) {
        return Err(NumberError::Character);
    }
    let mut weight = 1;
    let mut sum = 0;
    for b in &text[..17] {
        sum += value(*b)? * weight;
        weight = weight * 3 % 31;
    }
    let check = (31 - sum % 31) % 31;
    if value(text[17])? == check { Ok(NumberKind::UnifiedSocialCredit) } else { Err(NumberError::CheckDigit) }
}

/// Three digits of the place of birth's registration, one of century and sex, two of the year, six of chance.
fn vietnamese(text: &[u8]) -> Result<NumberKind, NumberError> {
    if !text.iter().all(u8::is_ascii_digit) || &text[..3] == b"000" {
        return Err(NumberError::Character);
    }
    Ok(NumberKind::VietnameseCitizen)
}

fn exists(year: u32, month: u32, day: u32) -> bool {
    let number = |value: u32| i8::try_from(value).ok();
    let date = || jiff::civil::Date::new(i16::try_from(year).ok()?, number(month)?, number(day)?).ok();
    date().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<NumberKind, NumberError> {
        IdentityNumber::parse(text).map(|number| number.kind())
    }

    #[test]
    fn the_examples_of_the_standards_are_read() {
        // GB 11643-1999's own two, and GB 32100-2015's.
        assert_eq!(kind("11010519491231002X"), Ok(NumberKind::ChineseCitizen));
        assert_eq!(kind("440524188001010014"), Ok(NumberKind::ChineseCitizen));
        assert_eq!(kind("91350100M000100Y43"), Ok(NumberKind::UnifiedSocialCredit));
        assert_eq!(kind("001 190 012 345"), Ok(NumberKind::VietnameseCitizen));
    }

    #[test]
    fn every_slip_in_one_character_and_every_swap_of_two_neighbours_is_noticed() {
        for right in ["11010519491231002X", "91350100M000100Y43"] {
            for at in 0..18 {
                for other in "0123456789X".chars() {
                    let mut wrong: Vec<char> = right.chars().collect();
                    if wrong[at] == other {
                        continue;
                    }
                    wrong[at] = other;
                    let wrong: String = wrong.into_iter().collect();
                    assert_ne!(kind(&wrong), kind(right), "{wrong}");
                }
            }
            for at in 0..17 {
                let mut wrong: Vec<char> = right.chars().collect();
                wrong.swap(at, at + 1);
                let wrong: String = wrong.into_iter().collect();
                assert!(wrong == right || kind(&wrong) != kind(right), "{wrong}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_the_number_never_stands_in_a_log() {
        assert_eq!(kind("110105194913310021"), Err(NumberError::Birth));
        assert_eq!(kind("1101051949123100"), Err(NumberError::Length));
        assert_eq!(kind("000190012345"), Err(NumberError::Character));
        assert_eq!(kind("９１350100M000100Y43"), Err(NumberError::Character));
        let number = IdentityNumber::parse("11010519491231002X").expect("read");
        assert!(!format!("{number:?}").contains("1949"));
    }
}
