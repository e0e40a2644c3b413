//! The two open files, and closing them while the app is in the background: a phone ends an app that holds a
//! database's lock there. Calls that need a file meanwhile wait until the app is back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onecity_store::{Catalogue, CatalogueKey, FolderLock, StoreError, Unsealed, Vault, VaultReader};
use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock};

use super::config::ClientConfig;
use super::threads::{Boxed, Outcome, blocking, patiently, spawn, spawn_blocking};
use crate::error::Error;
use crate::platform::SecretStore;

/// What changes in a vault that turns out to be an older copy of itself.
type OnRollback = fn(&Vault) -> Result<(), StoreError>;

/// The open files. The fields are closed in this order: the lock goes last.
struct Open {
    /// None after it was found damaged and could not be created again yet.
    catalogue: Mutex<Option<Catalogue>>,
    catalogue_key: CatalogueKey,
    /// A connection of its own, so that a code is shown while a photo is being sealed.
    reader: Mutex<VaultReader>,
    vault: Mutex<Vault>,
    _lock: FolderLock,
}

enum State {
    Open(Box<Open>),
    Suspended,
    /// The last attempt to come back failed.
    Failed(Error),
}

/// The two files, open or not.
pub(crate) struct Files {
    state: Arc<RwLock<State>>,
    resumed: Notify,
    folder: PathBuf,
    secrets: Arc<dyn SecretStore>,
    on_rollback: OnRollback,
}

/// Work on the open files. It leaves its outcome where its caller finds it.
type Work = Box<dyn FnOnce(&Open) -> Result<(), StoreError> + Send>;

type OpenGuard = OwnedRwLockReadGuard<State, Open>;

impl Files {
    /// Opens the files of a folder, or makes them, and looks up something in the private one. It blocks.
    pub(crate) fn open<T>(
        config: &ClientConfig,
        secrets: Arc<dyn SecretStore>,
        on_rollback: OnRollback,
        look: impl FnOnce(&Vault) -> Result<T, StoreError>,
    ) -> Result<(Self, T), Error> {
        let folder = config.folder.clone();
        let open = open(&folder, &secrets, on_rollback)?;
        let found = look(&open.vault.lock().unwrap_or_else(PoisonError::into_inner))?;
        let state = Arc::new(RwLock::new(State::Open(Box::new(open))));
        Ok((Self { state, resumed: Notify::new(), folder, secrets, on_rollback }, found))
    }

    /// Waits for what is being written, and closes the files.
    pub(crate) async fn suspend(&self) -> Result<(), Error> {
        // Held until the files are closed: a resume finds them free.
        let mut state = self.state.write().await;
        let before = std::mem::replace(&mut *state, State::Suspended);
        let State::Open(open) = before else { return Ok(()) };
        let closing = spawn_blocking(move || {
            let Open { catalogue, catalogue_key: _, reader, vault, _lock } = *open;
            drop((catalogue, reader));
            vault.into_inner().unwrap_or_else(PoisonError::into_inner).close()
        });
        Ok(closing.await.map_err(Error::internal)??)
    }

    /// Opens the files again.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        let mut state = self.state.write().await;
        if matches!(*state, State::Open(_)) {
            return Ok(());
        }
        let (folder, secrets, on_rollback) = (self.folder.clone(), Arc::clone(&self.secrets), self.on_rollback);
        let opening = spawn_blocking(move || open(&folder, &secrets, on_rollback));
        let outcome = opening.await.map_err(Error::internal).and_then(|opened| opened);
        let told = outcome.as_ref().map(drop).map_err(Clone::clone);
        *state = match outcome {
            Ok(open) => State::Open(Box::new(open)),
            Err(error) => State::Failed(error),
        };
        drop(state);
        self.resumed.notify_waiters();
        told
    }

    /// The open files, as soon as they are open.
    async fn opened(&self) -> Result<OpenGuard, Error> {
        loop {
            let resumed = self.resumed.notified();
            tokio::pin!(resumed);
            // From here on a resume is heard, even one before the wait.
            resumed.as_mut().enable();
            let state = Arc::clone(&self.state).read_owned().await;
            if let State::Failed(error) = &*state {
                return Err(error.clone());
            }
            match open_in(state) {
                Ok(open) => return Ok(open),
                // A call that waits holds nothing: the files could not be opened again.
                Err(suspended) => drop(suspended),
            }
            resumed.await;
        }
    }

    async fn run(&self, work: Work) -> Result<(), Error> {
        // Held, so that the files are not closed meanwhile.
        let open = self.opened().await?;
        Ok(spawn_blocking(move || work(&open)).await.map_err(|_| Error::internal("a call to the files panicked"))??)
    }

    /// Runs long work on the private file, and lets everything else go before it.
    pub(crate) async fn vault_patiently<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let open = self.opened().await?;
        Ok(patiently(move || work(&lock(&open.vault))).await??)
    }

    /// Runs work on the open files where blocking is fine.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Open) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let (left, outcome) = Outcome::new();
        let work = Box::new(move |open: &Open| work(open).map(|value| left.set(value)));
        answered(Box::pin(self.run(work)), outcome)
    }

    /// Runs work on the private file where blocking is fine.
    pub(crate) fn vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        self.call(move |open| work(&lock(&open.vault)))
    }

    /// Reads the private file on a connection of its own, so that a write does not delay this.
    pub(crate) fn read_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&VaultReader) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        self.call(move |open| work(&lock(&open.reader)))
    }

    /// Writes something whose loss costs little, without anybody waiting for the disk. What was begun before the files are closed is on
    /// the disk by then.
    pub(crate) fn write_later(self: &Arc<Self>, work: impl FnOnce(&Vault) -> Result<(), StoreError> + Send + 'static) {
        // Held from now on, so that they are not closed before the task has begun.
        let open = Arc::clone(&self.state).try_read_owned().ok().and_then(|state| open_in(state).ok());
        let files = Arc::clone(self);
        spawn(async move {
            let written = match open {
                Some(open) => blocking(move || Ok(work(&lock(&open.vault))?)).await,
                None => files.vault(work).await,
            };
            if let Err(error) = written {
                tracing::warn!(%error, "a small record was not written");
            }
        });
    }

    /// Whether the private file can be read whole. It takes a while. Others read and write it meanwhile; a suspend waits.
    pub(crate) async fn check_vault(&self) -> Result<(), Error> {
        let path = self.folder.join(VAULT);
        self.call(move |_| Vault::check(&path)).await
    }

    /// The sizes of both files with their logs, in bytes: the public one and the private one.
    pub(crate) async fn sizes(&self) -> Result<(u64, u64), Error> {
        let folder = self.folder.clone();
        let size = move |name: &str| {
            let files = ["", "-wal"].map(|suffix| folder.join(format!("{name}{suffix}")));
            files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>()
        };
        blocking(move || Ok((size(CATALOGUE), size(VAULT)))).await
    }

    /// Whether the public file can be read whole; it is created again if not.
    pub(crate) async fn check_catalogue(&self) -> Result<(), Error> {
        let path = self.folder.join(CATALOGUE);
        let check = move |open: &Open| {
            let mut place = lock(&open.catalogue);
            if place.as_ref().is_some_and(|catalogue| catalogue.check().is_ok()) {
                return Ok(());
            }
            create_again(&mut place, &path, &open.catalogue_key)
        };
        self.call(check).await
    }

    /// Runs work on the public file. One that turns out to be damaged or altered is created again: all of it can be fetched again.
    pub(crate) fn catalogue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let path = self.folder.join(CATALOGUE);
        self.call(move |open| {
            let mut place = lock(&open.catalogue);
            let outcome = work(opened_catalogue(&mut place, &path, &open.catalogue_key)?);
            if outcome.as_ref().is_err_and(StoreError::is_corrupt) {
                create_again(&mut place, &path, &open.catalogue_key)?;
            }
            outcome
        })
    }
}

/// The files, if they are open.
fn open_in(state: OwnedRwLockReadGuard<State>) -> Result<OpenGuard, OwnedRwLockReadGuard<State>> {
    OwnedRwLockReadGuard::try_map(state, |state| match state {
        State::Open(open) => Some(&**open),
        State::Suspended | State::Failed(_) => None,
    })
}

/// The outcome that work on the files has left.
async fn answered<T>(running: Boxed<'_, Result<(), Error>>, outcome: Outcome<T>) -> Result<T, Error> {
    running.await?;
    Ok(outcome.take())
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn opened_catalogue<'a>(
    place: &'a mut Option<Catalogue>,
    path: &Path,
    key: &CatalogueKey,
) -> Result<&'a mut Catalogue, StoreError> {
    Ok(match place {
        Some(catalogue) => catalogue,
        none => none.insert(Catalogue::open(path, key, Unsealed::Refuse)?),
    })
}

fn create_again(place: &mut Option<Catalogue>, path: &Path, key: &CatalogueKey) -> Result<(), StoreError> {
    *place = None;
    *place = Some(Catalogue::recreate(path, key)?);
    Ok(())
}

const CATALOGUE: &str = "catalogue.sqlite";
const VAULT: &str = "vault.sqlite";

fn open(folder: &Path, secrets: &Arc<dyn SecretStore>, on_rollback: OnRollback) -> Result<Open, Error> {
    let lock = FolderLock::take(folder)?;
    let vault = Vault::open(&folder.join(VAULT), Arc::clone(secrets))?;
    if vault.is_rolled_back() {
        vault.accept_rollback(on_rollback)?;
    }
    let reader = vault.reader()?;
    let catalogue_key = vault.catalogue_key()?;
    let catalogue = Catalogue::open(&folder.join(CATALOGUE), &catalogue_key, vault.unsealed_rows())?;
    vault.rows_are_sealed()?;
    Ok(Open {
        catalogue: Mutex::new(Some(catalogue)),
        catalogue_key,
        reader: Mutex::new(reader),
        vault: Mutex::new(vault),
        _lock: lock,
    })
}

/// Puts the private file into quarantine, because its key is gone or it is damaged and the resident has decided to go
/// on without it. Nothing may have the files open.
pub(crate) fn quarantine_vault(config: &ClientConfig) -> Result<(), Error> {
    let _lock = FolderLock::take(&config.folder)?;
    Vault::quarantine(&config.folder.join(VAULT))?;
    Ok(())
}

/// Restores a private file from quarantine, if its key is there again.
pub(crate) fn restore_vault(config: &ClientConfig, secrets: &Arc<dyn SecretStore>) -> Result<bool, Error> {
    let _lock = FolderLock::take(&config.folder)?;
    Ok(Vault::restore(&config.folder.join(VAULT), secrets)?)
}

/// Creates a new private file with what can still be read of a damaged one, which stays in quarantine.
pub(crate) fn recover_vault(config: &ClientConfig) -> Result<u64, Error> {
    let _lock = FolderLock::take(&config.folder)?;
    Ok(Vault::recover(&config.folder.join(VAULT))?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::device::testing::Bench;

    #[tokio::test]
    async fn what_is_written_later_is_written_before_the_files_are_closed_and_otherwise_once_they_are_open() {
        let bench = Bench::with(|platform| platform);
        let files = Arc::clone(bench.device.files());
        let written = Arc::new(AtomicUsize::new(0));
        let write = |count: usize| {
            for _ in 0..count {
                let written = Arc::clone(&written);
                files.write_later(move |_| {
                    written.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
            }
        };
        write(3);
        files.suspend().await.expect("closed");
        assert_eq!(written.load(Ordering::SeqCst), 3);
        write(2);
        files.resume().await.expect("open again");
        // Nothing tells when: the next call of all comes behind them.
        let comes = async {
            while written.load(Ordering::SeqCst) < 5 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), comes).await.expect("both are written");
    }
}
