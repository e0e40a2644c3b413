//! What strangers can make a server remember: for so long, and so much of it.

use std::collections::{HashMap, VecDeque};

use onecity_protocol::credential::UnixTime;

/// Entries by key, each for the same time; if there are too many, the oldest gives way. Every call costs constant time, spread
/// over all of them.
pub(crate) struct Expiring<V> {
    lasts: i64,
    most: usize,
    /// With when each was put there.
    entries: HashMap<String, (V, UnixTime)>,
    /// The keys as they were put there; what was taken out or put there again since stands in it until its turn comes.
    order: VecDeque<(String, UnixTime)>,
}

impl<V> Expiring<V> {
    /// Entries that last so many seconds, and at most so many of them.
    pub(crate) fn new(lasts: i64, most: usize) -> Self {
        Self { lasts, most, entries: HashMap::new(), order: VecDeque::new() }
    }

    /// Puts an entry there; answers whether its key is new.
    pub(crate) fn put(&mut self, key: String, value: V, now: UnixTime) -> bool {
        while self.order.front().is_some_and(|(_, at)| now - at >= self.lasts) || self.order.len() >= self.most {
            let Some((oldest, at)) = self.order.pop_front() else { break };
            if self.entries.get(&oldest).is_some_and(|(_, put)| *put == at) {
                self.entries.remove(&oldest);
            }
        }
        self.order.push_back((key.clone(), now));
        self.entries.insert(key, (value, now)).is_none()
    }

    /// An entry that has not ended.
    pub(crate) fn get(&self, key: &str, now: UnixTime) -> Option<&V> {
        self.entries.get(key).filter(|(_, at)| now - at < self.lasts).map(|(value, _)| value)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, key: &str, now: UnixTime) -> Option<&mut V> {
        self.entries.get_mut(key).filter(|(_, at)| now - *at < self.lasts).map(|(value, _)| value)
    }

    /// Takes an entry out that has not ended.
    pub(crate) fn take(&mut self, key: &str, now: UnixTime) -> Option<V> {
        let (value, at) = self.entries.remove(key)?;
        (now - at < self.lasts).then_some(value)
    }

    /// Keeps those that it says.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&V) -> bool) {
        self.entries.retain(|_, (value, _)| keeps(value));
    }

    /// All of them, those too that have ended and were not taken away yet.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_there_until_it_ends_and_is_taken_once() {
        let mut all = Expiring::new(10, 100);
        assert!(all.put("a".to_owned(), 1, 1000));
        assert_eq!((all.get("a", 1009), all.get("a", 1010)), (Some(&1), None));
        assert_eq!((all.take("a", 1005), all.take("a", 1005)), (Some(1), None));
        assert!(all.put("a".to_owned(), 2, 1006), "new again");
        assert_eq!(all.take("a", 1016), None, "ended");
    }

    #[test]
    fn what_was_put_there_again_lasts_from_then_on() {
        let mut all = Expiring::new(10, 100);
        all.put("a".to_owned(), 1, 1000);
        assert!(!all.put("a".to_owned(), 2, 1008));
        all.put("b".to_owned(), 3, 1012);
        assert_eq!((all.get("a", 1012), all.get("b", 1012)), (Some(&2), Some(&3)));
    }

    #[test]
    fn strangers_never_make_it_remember_more_than_it_may() {
        let mut all = Expiring::new(1_000_000, 100);
        for number in 0..10_000 {
            all.put(number.to_string(), number, 1000);
            // Taken at once or not: neither list grows.
            if number % 3 == 0 {
                all.take(&number.to_string(), 1000);
            }
            assert!(all.entries.len() <= 100 && all.order.len() <= 100);
        }
        assert_eq!(all.get("9998", 1000), Some(&9998));
        assert_eq!(all.get("0", 1000), None);
    }
}
