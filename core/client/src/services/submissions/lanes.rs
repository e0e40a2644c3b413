//! Who may send when: a service's submissions one after the other, services side by side, and no publisher at
//! everybody's cost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use onecity_protocol::region::UnitId;
use onecity_store::Lane;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

/// Most requests on their way at once, of all publishers.
const AT_ONCE: usize = 8;
/// Most of one publisher: a city that answers late, by however many services, leaves room for others.
const OF_A_PUBLISHER: usize = 3;

/// What is shared by all that is sent.
pub(super) struct Lanes {
    lanes: Lock<HashMap<Lane, Arc<LaneTurn>>>,
    all: Arc<Semaphore>,
    publishers: Lock<HashMap<UnitId, Arc<Semaphore>>>,
}

/// A lane's own.
#[derive(Default)]
pub(super) struct LaneTurn {
    /// Held by who sends what is due, one after the other.
    pub round: Mutex<()>,
    /// Held during each try, and while one that may be with the city is taken back.
    pub turn: Mutex<()>,
    /// What wakes the lane when its next try is due.
    timer: Lock<Option<AbortHandle>>,
}

/// Room for one request.
pub(super) struct Room {
    _publisher: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { lanes: Lock::default(), all: Arc::new(Semaphore::new(AT_ONCE)), publishers: Lock::default() }
    }
}

impl Lanes {
    pub(super) fn lane(&self, lane: &Lane) -> Arc<LaneTurn> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(lane.clone()).or_default())
    }

    /// Waits until a unit may send something.
    pub(super) async fn room(&self, unit: &UnitId) -> Room {
        let publisher = unit.publisher().unwrap_or_else(|| unit.clone());
        let own = {
            let mut publishers = self.publishers.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(OF_A_PUBLISHER));
            Arc::clone(publishers.entry(publisher).or_insert_with(new))
        };
        // The publisher's first: who waits for that one takes no room from others.
        let publisher = own.acquire_owned().await.expect("never closed");
        let all = Arc::clone(&self.all).acquire_owned().await.expect("never closed");
        Room { _publisher: publisher, _all: all }
    }
}

impl LaneTurn {
    /// Replaces what wakes the lane.
    pub(super) fn wakes(&self, timer: Option<AbortHandle>) {
        let mut own = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = std::mem::replace(&mut *own, timer) {
            before.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn unit(text: &str) -> UnitId {
        text.parse().expect("a unit")
    }

    #[test]
    fn a_publisher_fills_its_own_room_by_however_many_units_and_leaves_that_of_others() {
        let lanes = Lanes::default();
        let at_once = |text: &str| lanes.room(&unit(text)).now_or_never();
        let units = ["cn-sd/jinan", "cn-sd/jinan/~transport", "cn-sd/jinan/lixia"];
        let held: Vec<Room> = units.iter().map(|text| at_once(text).expect("room")).collect();
        assert!(at_once("cn-sd/jinan/~parks").is_none() && at_once("cn-sd/jinan").is_none());
        let others: Vec<Room> =
            ["cn-sd/qingdao", "cn-sd", "cn-sd/~jiaodong"].iter().map(|text| at_once(text).expect("room")).collect();
        assert_eq!((held.len(), others.len()), (OF_A_PUBLISHER, 3));
        drop(held);
        assert!(at_once("cn-sd/jinan/~parks").is_some());
    }

    #[test]
    fn so_much_is_on_its_way_at_once_and_who_waits_for_his_publisher_takes_nothing() {
        let lanes = Lanes::default();
        let cities = ["jinan", "qingdao", "zibo", "weifang", "yantai", "dezhou", "heze", "linyi"];
        let mut held: Vec<Room> = Vec::new();
        for city in cities {
            held.push(lanes.room(&unit(&format!("cn-sd/{city}"))).now_or_never().expect("room"));
        }
        assert_eq!(held.len(), AT_ONCE);
        assert!(lanes.room(&unit("cn-sd/rizhao")).now_or_never().is_none());
        held.pop();
        assert!(lanes.room(&unit("cn-sd/rizhao")).now_or_never().is_some());
    }
}
