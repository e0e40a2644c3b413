//! What strangers can make a server remember: for so long, and so much of it.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use onecity_protocol::credential::UnixTime;

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
}

impl<K: Hash + Eq + Clone, V> Expiring<K, V> {
    /// Entries that last so many seconds, and all together weigh at most as much as there is room.
    pub(crate) fn new(lasts: i64, room: usize) -> Self {
        Self { lasts, room, used: 0, entries: HashMap::new(), order: VecDeque::new(), next: 0 }
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
            let gives_way = own.is_none_or(|own| now - own.at >= self.lasts || self.used + weight > self.room);
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
        self.used += weight;
        self.order.push_back((key.clone(), serial));
        self.entries.insert(key, Entry { value, at: now, weight, serial });
        is_new
    }

    /// An entry that has not ended.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: UnixTime) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).filter(|own| now - own.at < self.lasts).map(|own| &own.value)
    }

    /// The same, to change it.
    pub(crate) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, now: UnixTime) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).filter(|own| now - own.at < self.lasts).map(|own| &mut own.value)
    }

    /// Takes an entry out that has not ended.
    pub(crate) fn take<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, now: UnixTime) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let own = self.remove(key)?;
        (now - own.at < self.lasts).then_some(own.value)
    }

    /// Takes those away that it says.
    pub(crate) fn remove_if(&mut self, mut goes: impl FnMut(&V) -> bool) {
        let Self { entries, used, .. } = self;
        entries.retain(|_, own| {
            let stays = !goes(&own.value);
            *used -= if stays { 0 } else { own.weight };
            stays
        });
    }

    /// All of them, those too that have ended and were not taken away yet.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, own)| (key, &own.value))
    }

    /// The same, to change one.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, own)| (key, &mut own.value))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<Entry<V>>
    where
        K: Borrow<Q>,
    {
        let own = self.entries.remove(key)?;
        self.used -= own.weight;
        Some(own)
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
