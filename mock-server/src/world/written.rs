//! What of a world is in a state file.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::World;
use crate::content::Additions;
use crate::registry::Registry;
use crate::settings::ClockSettings;
use crate::state::{Changes, Rows, StateError, StateFile};

/// Where a world is written down.
pub(super) struct Kept {
    pub file: Arc<StateFile>,
    /// Changes are given to the file one after another, in their order.
    pub settling: Mutex<Settled>,
}

/// What of the world itself is in the file.
#[derive(Default)]
pub(super) struct Settled {
    /// What lay over it, and what its clock was set to.
    world: Option<(Arc<Additions>, Option<ClockSettings>)>,
    counter: u64,
    /// What to wait for, once it was taken away.
    gone: Option<u64>,
}

/// The parts of a state file that are the world's own.
pub(super) const WORLD: &str = "world";
const COUNTER: &str = "counter";

/// A world as a state file has it, without its parts.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredWorld {
    pub seed: u64,
    pub additions: Additions,
    pub clock_said: Option<ClockSettings>,
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Settled> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Goes on with what a state file has.
    pub(super) fn restore(&self, stored: Option<StoredWorld>, rows: &mut Rows) -> Result<(), StateError> {
        self.clock.restore(rows)?;
        self.lock_identity().restore(rows)?;
        self.issuers.restore(rows)?;
        self.lock_cities().restore(rows)?;
        self.faults.restore(rows)?;
        self.stubs.restore(rows)?;
        self.gates.restore(rows)?;
        if let Some(registry) = Registry::restore(rows, self.now())? {
            let _ = self.registry.set(RwLock::new(registry));
        }
        let counter = rows.take_one(COUNTER)?.unwrap_or(0);
        self.counter.store(counter, Ordering::Relaxed);
        if let Some(kept) = &self.kept {
            let world = stored.map(|stored| (Arc::clone(&self.lock_additions()), stored.clock_said));
            *kept.lock() = Settled { world, counter, gone: None };
        }
        Ok(())
    }

    /// What a state file does not have yet.
    fn unwritten(&self, settled: &mut Settled) -> Changes {
        let mut changes = Changes::default();
        let (additions, clock_said) = (Arc::clone(&self.lock_additions()), self.lock_clock_said().clone());
        let is_written =
            settled.world.as_ref().is_some_and(|(own, said)| Arc::ptr_eq(own, &additions) && *said == clock_said);
        if !is_written {
            let (seed, additions, clock_said) = (self.seed, Additions::clone(&additions), clock_said.clone());
            changes.put(WORLD, "", &StoredWorld { seed, additions, clock_said });
        }
        settled.world = Some((additions, clock_said));
        self.clock.unwritten(&mut changes);
        self.lock_identity().unwritten(&mut changes);
        self.issuers.unwritten(&mut changes);
        self.lock_cities().unwritten(&mut changes);
        self.faults.unwritten(&mut changes);
        self.stubs.unwritten(&mut changes);
        self.gates.unwritten(&mut changes);
        if let Some(registry) = self.registry.get() {
            let has_unwritten = registry.read().unwrap_or_else(PoisonError::into_inner).has_unwritten();
            if has_unwritten {
                registry.write().unwrap_or_else(PoisonError::into_inner).unwritten(&mut changes);
            }
        }
        // After everything that was given an id.
        let counter = self.counter.load(Ordering::Relaxed);
        if std::mem::replace(&mut settled.counter, counter) != counter {
            changes.put(COUNTER, "", &counter);
        }
        changes
    }

    /// Comes back once all that has happened so far is in the state file, if there is one: no later stop undoes it.
    pub async fn settle(&self) -> Result<(), StateError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let number = {
            let mut settled = kept.lock();
            match settled.gone {
                Some(gone) => gone,
                None => kept.file.give(&self.name, self.unwritten(&mut settled)),
            }
        };
        kept.file.is_written(number).await
    }

    /// Whether its state can be written, if it is.
    pub(crate) async fn is_well(&self) -> Result<(), StateError> {
        match &self.kept {
            Some(kept) => kept.file.is_well().await,
            None => Ok(()),
        }
    }

    /// Where it is written down.
    pub(crate) fn state_file(&self) -> Option<Arc<StateFile>> {
        self.kept.as_ref().map(|kept| Arc::clone(&kept.file))
    }

    /// It is taken away: nobody is to hold it for longer.
    pub(crate) fn end(&self) {
        if let Some(kept) = &self.kept {
            // Nothing is written of it from now on but that it is gone, and those who are in it wait for that.
            kept.lock().gone = Some(kept.file.forget(&self.name));
        }
        self.ended.send_replace(true);
    }
}
