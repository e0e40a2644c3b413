//! What a gate has accepted, so that no code opens it twice; and what the gates of a station tell each other.
//!
//! For each credential the last accepted second is kept, as long as a code from before it could still be current.
//! Two generations: every [`KEEP`] seconds the older one is forgotten in one step, so that no passenger waits for a
//! sweep. Memory is bounded: when it is full, the older generation goes early and the *floor* rises to what it knew,
//! so that nothing forgotten can be replayed; honest phones show their next code.

use std::collections::HashMap;

use ring::hmac;

use super::UnixTime;
use super::cbor::{Reader, write};
use super::cose::{ALG, CoseError};
use super::format::{Presentation, WINDOW_MAX};
use super::gate::SKEW;
use super::verified::IssuerVerified;

/// How long an accepted code is remembered at least, in seconds: the longest window, both skews, and ten.
const KEEP: i64 = WINDOW_MAX as i64 + 2 * SKEW + 10;
/// How long the very same code, scanned again, is taken for the same passage, in seconds.
const SAME_PASSAGE: i64 = 3;
/// Largest snapshot that is read, in bytes: more than the passages of a full memory.
const MAX_SNAPSHOT: usize = 128 << 20;
/// The snapshot's own version.
const VERSION: u64 = 1;
/// Algorithm HMAC 256/256 (RFC 9053 §3.1).
const HMAC_256: i64 = 5;
const AAD: &[u8] = b"onecity/cq1/passages";

/// Why a snapshot was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SnapshotError {
    #[error("the snapshot is larger than {MAX_SNAPSHOT} bytes")]
    TooLarge,
    #[error("the snapshot can't be read")]
    Malformed,
    #[error("the snapshot was not made with this station's key")]
    WrongKey,
}

/// The secret that the gates of one station share: snapshots are COSE_Mac0 with HMAC 256/256 (RFC 9053 §3.1).
pub struct StationKey(hmac::Key);

impl StationKey {
    /// From 32 random bytes, given to each gate of the station.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

/// The last code that a credential opened the gate with. Seconds count from the memory's start.
#[derive(Clone, Copy)]
struct Passage {
    issued: u32,
    accepted: u32,
    /// The first bytes of the code's signature: enough to tell it from another.
    code: u64,
}

/// What became of a code.
pub(super) enum Passed {
    First,
    Again,
    Replayed,
    TooSoon,
    BeforeMemory,
}

pub(super) struct ReplayMemory {
    started: UnixTime,
    /// Codes signed up to this second are refused: they may have been accepted and forgotten.
    floor: UnixTime,
    /// Most credentials in one generation.
    half: usize,
    turned: UnixTime,
    younger: HashMap<u128, Passage>,
    older: HashMap<u128, Passage>,
}

impl ReplayMemory {
    /// An empty memory at `now`: what was accepted before is not known, so the floor is a skew ahead.
    pub(super) fn new(now: UnixTime, capacity: usize) -> Self {
        let (younger, older) = (HashMap::new(), HashMap::new());
        Self { started: now, floor: now + SKEW, half: (capacity / 2).max(1), turned: now, younger, older }
    }

    /// Admits a code at most once, and a pass at most every `interval` seconds.
    pub(super) fn pass(&mut self, code: &Presentation, pass: &IssuerVerified, interval: u8, now: UnixTime) -> Passed {
        let (place, issued) = (u128::from_be_bytes(pass.id()), code.issued());
        let signature = u64::from_be_bytes(*code.signature().raw().first_chunk().expect("64 bytes"));
        if let Some(last) = self.last(place) {
            let since = now - self.time(last.accepted);
            if issued <= self.time(last.issued) {
                let same = last.code == signature && since <= SAME_PASSAGE;
                return if same { Passed::Again } else { Passed::Replayed };
            }
            if since < i64::from(interval) {
                return Passed::TooSoon;
            }
        }
        if issued <= self.floor {
            return Passed::BeforeMemory;
        }
        let passage = Passage { issued: self.offset(issued), accepted: self.offset(now), code: signature };
        self.insert(place, passage, now);
        Passed::First
    }

    /// Refuses codes up to a skew ahead of `now`: passes are known by other names from here on.
    pub(super) fn raise_floor(&mut self, now: UnixTime) {
        self.floor = self.floor.max(now + SKEW);
    }

    /// How many passages are remembered.
    pub(super) fn len(&self) -> usize {
        self.younger.len() + self.older.len()
    }

    fn last(&self, place: u128) -> Option<&Passage> {
        self.younger.get(&place).or_else(|| self.older.get(&place))
    }

    fn time(&self, offset: u32) -> UnixTime {
        self.started + i64::from(offset)
    }

    fn offset(&self, time: UnixTime) -> u32 {
        // 136 years of running come before the end.
        u32::try_from((time - self.started).max(0)).unwrap_or(u32::MAX)
    }

    /// Forgets the older generation once nothing in it could be current any more.
    fn turn(&mut self, now: UnixTime) {
        if now >= self.turned + KEEP {
            let idle = now >= self.turned + 2 * KEEP;
            self.older = std::mem::take(&mut self.younger);
            if idle {
                self.older = HashMap::new();
            }
            self.turned = now;
        }
    }

    fn insert(&mut self, place: u128, passage: Passage, now: UnixTime) {
        self.turn(now);
        if self.younger.len() >= self.half && !self.younger.contains_key(&place) {
            let forgotten = std::mem::replace(&mut self.older, std::mem::take(&mut self.younger));
            let newest = forgotten.values().map(|passage| self.time(passage.issued)).max();
            self.floor = self.floor.max(newest.unwrap_or(self.floor));
            self.turned = now;
        }
        self.older.remove(&place);
        self.younger.insert(place, passage);
    }

    /// All passages accepted at or after `since`, for the other gates of the station.
    pub(super) fn snapshot(&self, since: UnixTime, key: &StationKey) -> Vec<u8> {
        let recent = |passage: &&(u128, Passage)| self.time(passage.1.accepted) >= since;
        let all: Vec<(u128, Passage)> =
            self.younger.iter().chain(&self.older).map(|(place, own)| (*place, *own)).collect();
        let count = all.iter().filter(recent).count();
        let payload = write(|cbor| {
            cbor.array(2)?.u64(VERSION)?.array(count as u64)?;
            for (place, passage) in all.iter().filter(recent) {
                let (issued, accepted) = (self.time(passage.issued), self.time(passage.accepted));
                cbor.array(4)?.bytes(&place.to_be_bytes())?.i64(issued)?.i64(accepted)?;
                cbor.bytes(&passage.code.to_be_bytes())?;
            }
            cbor.ok()
        });
        let tag = hmac::sign(&key.0, &to_be_maced(&payload));
        write(|cbor| cbor.array(4)?.bytes(&header())?.map(0)?.bytes(&payload)?.bytes(tag.as_ref())?.ok())
    }

    /// Takes over what another gate accepted; answers how many passages were news.
    pub(super) fn merge(&mut self, snapshot: &[u8], key: &StationKey, now: UnixTime) -> Result<usize, SnapshotError> {
        if snapshot.len() > MAX_SNAPSHOT {
            return Err(SnapshotError::TooLarge);
        }
        let (payload, tag) = read_mac0(snapshot).map_err(|_| SnapshotError::Malformed)?;
        hmac::verify(&key.0, &to_be_maced(payload), tag).map_err(|_| SnapshotError::WrongKey)?;
        let passages = read_passages(payload).map_err(|_| SnapshotError::Malformed)?;
        let mut news = 0;
        for (place, issued, accepted, code) in passages {
            // What is dead needs no memory, and no gate accepts what is far ahead.
            if accepted < now - KEEP || issued > now + 2 * SKEW {
                continue;
            }
            if self.last(place).is_none_or(|last| self.time(last.issued) < issued) {
                let passage = Passage { issued: self.offset(issued), accepted: self.offset(accepted.min(now)), code };
                self.insert(place, passage, now);
                news += 1;
            }
        }
        Ok(news)
    }
}

/// The protected header: HMAC 256/256.
fn header() -> Vec<u8> {
    write(|cbor| cbor.map(1)?.i64(ALG)?.i64(HMAC_256)?.ok())
}

/// RFC 9052 §6.3: what the tag covers.
fn to_be_maced(payload: &[u8]) -> Vec<u8> {
    write(|cbor| cbor.array(4)?.str("MAC0")?.bytes(&header())?.bytes(AAD)?.bytes(payload)?.ok())
}

fn read_mac0(bytes: &[u8]) -> Result<(&[u8], &[u8]), CoseError> {
    let mut reader = Reader::new(bytes);
    reader.array(4)?;
    if reader.bytes()? != header() {
        return Err(CoseError::Algorithm);
    }
    reader.map(&[])?;
    let parts = (reader.bytes()?, reader.bytes()?);
    reader.end()?;
    Ok(parts)
}

type ReadPassage = (u128, UnixTime, UnixTime, u64);

fn read_passages(payload: &[u8]) -> Result<Vec<ReadPassage>, CoseError> {
    let mut reader = Reader::new(payload);
    reader.array(2)?;
    if reader.uint()? != VERSION {
        return Err(CoseError::Structure);
    }
    let count = reader.any_array()?;
    let mut passages = Vec::new();
    for _ in 0..count {
        reader.array(4)?;
        let place = u128::from_be_bytes(reader.fixed()?);
        let (issued, accepted) = (reader.time()?, reader.time()?);
        passages.push((place, issued, accepted, u64::from_be_bytes(reader.fixed()?)));
    }
    reader.end()?;
    Ok(passages)
}
