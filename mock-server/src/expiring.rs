//! What strangers can make a server remember: for so long, and so much of it.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use onecity_protocol::credential::UnixTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::state::{Changes, Pieces, Rows, StateError};

struct Entry<V> {
    value: V,
    at: UnixTime,
    weight: usize,
    /// Says which of the key's turns in the order is its own.
    serial: u64,
}

/// Entries by key, each for the same time; where there is no more room, the oldest gives way. Every call costs constant time,
/// spread over all of them.
pub(crate) struct Expiring<K, V> {
    lasts: i64,
    room: usize,
    used: usize,
    entries: HashMap<K, Entry<V>>,
    /// The keys as they were put there. What was taken out or put there again since stands in it until its turn comes.
    order: VecDeque<(K, u64)>,
    next: u64,
    /// What is not in the state file yet; nothing where there is no file.
    unwritten: Option<HashMap<K, Unwritten>>,
}

/// What the state file does not know of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwritten {
    /// That it is there, gone, or another.
    All,
    /// What has become of it.
    Rest,
}

/// An entry's value in a state file, in pieces: so that what grows is written once.
pub(crate) trait Stored: Sized {
    /// What of it is not written yet, if it was written before; otherwise all of it.
    fn pieces(&mut self, was_written: bool) -> Pieces;

    /// The same again.
    fn from_pieces(pieces: Pieces) -> Option<Self>;
}

impl<T: Serialize + DeserializeOwned> Stored for T {
    fn pieces(&mut self, _: bool) -> Pieces {
        vec![(0, serde_json::to_vec(self).expect("JSON of texts, numbers and lists"))]
    }

    fn from_pieces(pieces: Pieces) -> Option<Self> {
        serde_json::from_slice(&pieces.first()?.1).ok()
    }
}

/// What stands before an entry's own pieces.
#[derive(Serialize, Deserialize)]
struct Head {
    at: UnixTime,
    weight: usize,
}

/// Where an entry's head is among its pieces.
const HEAD: i64 = -1;

impl<K: Hash + Eq + Clone, V> Expiring<K, V> {
    /// Entries that last so many seconds, and all together weigh at most as much as there is room.
    pub(crate) fn new(lasts: i64, room: usize) -> Self {
        Self { lasts, room, used: 0, entries: HashMap::new(), order: VecDeque::new(), next: 0, unwritten: None }
    }

    /// Puts an entry there that weighs 1.
    pub(crate) fn put(&mut self, key: K, value: V, now: UnixTime) -> bool {
        self.put_weighing(1, key, value, now)
    }

    /// Puts an entry there; answers whether its key is new.
    pub(crate) fn put_weighing(&mut self, weight: usize, key: K, value: V, now: UnixTime) -> bool {
        let is_new = self.remove(&key).is_none();
        while let Some((oldest, serial)) = self.order.front() {
            let own = self.entries.get(oldest).filter(|own| own.serial == *serial);
            let gives_way = own.is_none_or(|own| {
                now.saturating_sub(own.at) >= self.lasts || self.used.saturating_add(weight) > self.room
            });
            if !gives_way {
                break;
            }
            let is_there = own.is_some();
            let Some((oldest, _)) = self.order.pop_front() else { break };
            if is_there {
                self.remove(&oldest);
            }
        }
        if self.order.len() > 2 * self.entries.len() + 64 {
            let entries = &self.entries;
            self.order.retain(|(key, serial)| entries.get(key).is_some_and(|own| own.serial == *serial));
        }
        let serial = self.next;
        self.next += 1;
        self.used = self.used.saturating_add(weight);
        self.order.push_back((key.clone(), serial));
        self.note(&key, Unwritten::All);
        self.entries.insert(key, Entry { value, at: now, weight, serial });
        is_new
    }

    /// An entry that has not ended.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: UnixTime) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).filter(|own| now.saturating_sub(own.at) < self.lasts).map(|own| &own.value)
    }

    /// The same, to change it.
    pub(crate) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, now: UnixTime) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if self.unwritten.is_some()
            && let Some((key, _)) = self.entries.get_key_value(key)
        {
            let key = key.clone();
            self.note(&key, Unwritten::Rest);
        }
        self.entries.get_mut(key).filter(|own| now.saturating_sub(own.at) < self.lasts).map(|own| &mut own.value)
    }

    /// Takes an entry out that has not ended.
    pub(crate) fn take<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, now: UnixTime) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let own = self.remove(key)?;
        (now.saturating_sub(own.at) < self.lasts).then_some(own.value)
    }

    /// Takes those away that it says.
    pub(crate) fn remove_if(&mut self, mut goes: impl FnMut(&V) -> bool) {
        let Self { entries, used, unwritten, .. } = self;
        entries.retain(|key, own| {
            let stays = !goes(&own.value);
            *used -= if stays { 0 } else { own.weight };
            if let (false, Some(unwritten)) = (stays, unwritten.as_mut()) {
                unwritten.insert(key.clone(), Unwritten::All);
            }
            stays
        });
    }

    /// The same in the order in which they were put there.
    pub(crate) fn in_order(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<(&K, &Entry<V>)> = self.entries.iter().collect();
        all.sort_by_key(|(_, own)| own.serial);
        all.into_iter().map(|(key, own)| (key, &own.value)).collect()
    }

    /// Takes all of them away.
    pub(crate) fn clear(&mut self) {
        self.remove_if(|_| true);
    }

    /// All of them, those too that have ended and were not taken away yet.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, own)| (key, &own.value))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<Entry<V>>
    where
        K: Borrow<Q>,
    {
        let (key, own) = self.entries.remove_entry(key)?;
        self.used -= own.weight;
        self.note(&key, Unwritten::All);
        Some(own)
    }

    fn note(&mut self, key: &K, what: Unwritten) {
        let Some(unwritten) = &mut self.unwritten else { return };
        let own = unwritten.entry(key.clone()).or_insert(what);
        if what == Unwritten::All {
            *own = what;
        }
    }
}

impl<K: Hash + Eq + Clone + Serialize + DeserializeOwned, V: Stored> Expiring<K, V> {
    /// Goes on with what a state file has, and remembers from now on what it does not have.
    pub(crate) fn restore(&mut self, part: &str, rows: &mut Rows) -> Result<(), StateError> {
        let damaged = || StateError::Damaged(part.to_owned());
        let mut all = Vec::new();
        for (key, mut pieces) in rows.take(part) {
            let key: K = serde_json::from_str(&key).map_err(|_| damaged())?;
            if pieces.first().is_none_or(|(piece, _)| *piece != HEAD) {
                return Err(damaged());
            }
            let (_, head) = pieces.remove(0);
            let Head { at, weight } = serde_json::from_slice(&head).map_err(|_| damaged())?;
            if weight > self.room {
                return Err(damaged());
            }
            all.push((at, weight, key, V::from_pieces(pieces).ok_or_else(damaged)?));
        }
        all.sort_by_key(|(at, ..)| *at);
        let keys: Vec<K> = all.iter().map(|(_, _, key, _)| key.clone()).collect();
        for (at, weight, key, value) in all {
            self.put_weighing(weight, key, value, at);
        }
        // What has ended meanwhile goes from the file, too.
        let ended: Vec<K> = keys.into_iter().filter(|key| !self.entries.contains_key(key)).collect();
        self.unwritten = Some(ended.into_iter().map(|key| (key, Unwritten::All)).collect());
        Ok(())
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&mut self, part: &str, changes: &mut Changes) {
        let Some(unwritten) = &mut self.unwritten else { return };
        for (key, what) in unwritten.drain() {
            let own = self.entries.get_mut(&key);
            let key = serde_json::to_string(&key).expect("JSON of texts and numbers");
            let was_written = what == Unwritten::Rest;
            if !was_written {
                changes.remove(part, &key);
            }
            let Some(own) = own else { continue };
            if !was_written {
                let head = Head { at: own.at, weight: own.weight };
                changes.put_piece(part, &key, HEAD, serde_json::to_vec(&head).expect("JSON of numbers"));
            }
            for (piece, value) in own.value.pieces(was_written) {
                changes.put_piece(part, &key, piece, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_there_until_it_ends_and_is_taken_once() {
        let mut all = Expiring::new(10, 100);
        assert!(all.put("a", 1, 1000));
        assert_eq!((all.get("a", 1009), all.get("a", 1010)), (Some(&1), None));
        assert_eq!((all.take("a", 1005), all.take("a", 1005)), (Some(1), None));
        assert!(all.put("a", 2, 1006), "new again");
        assert_eq!(all.take("a", 1016), None, "ended");
    }

    #[test]
    fn what_was_put_there_again_lasts_from_then_on() {
        let mut all = Expiring::new(10, 100);
        all.put("a", 1, 1000);
        assert!(!all.put("a", 2, 1008));
        all.put("b", 3, 1012);
        assert_eq!((all.get("a", 1012), all.get("b", 1012)), (Some(&2), Some(&3)));
    }

    #[test]
    fn what_is_taken_away_makes_room_and_the_rest_stays() {
        let mut all = Expiring::new(1000, 10);
        for (key, weight) in [("a", 4), ("b", 3), ("c", 3)] {
            all.put_weighing(weight, key, weight, 1000);
        }
        all.remove_if(|weight| *weight == 4);
        all.put_weighing(4, "d", 4, 1001);
        assert_eq!(all.iter().count(), 3, "there was room");
        all.put_weighing(2, "e", 2, 1002);
        assert_eq!((all.get("b", 1002), all.get("c", 1002)), (None, Some(&3)), "the oldest gave way, and no other");
    }

    #[test]
    fn strangers_never_make_it_remember_more_than_it_may() {
        let mut all = Expiring::new(1_000_000, 100);
        all.put(String::from("first"), 0, 1000);
        for number in 0..10_000 {
            let key = number.to_string();
            all.put(key.clone(), number, 1000);
            all.take(&key, 1000);
            assert!(all.entries.len() <= 100 && all.order.len() <= 300);
        }
        assert_eq!(all.get("first", 1000), Some(&0), "what was taken at once took nobody's place");
        for number in 0..10_000 {
            all.put(number.to_string(), number, 1000);
            assert!(all.entries.len() <= 100 && all.order.len() <= 300);
        }
        assert_eq!((all.get("9999", 1000), all.get("0", 1000)), (Some(&9999), None));
    }
}
