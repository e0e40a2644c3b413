//! The two open files, and letting go of them while the app is in the background: a phone ends whoever holds a
//! database's lock there. Calls that need a file meanwhile wait until the app is back.

use std::sync::{Arc, Mutex, PoisonError};

use onecity_store::{AccountId, Catalogue, FolderLock, Owner, StoreError, Vault};
use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock};

use crate::client::ClientConfig;
use crate::consents::Consent;
use crate::error::Error;
use crate::platform::SecretStore;
use crate::session::Session;

/// The open files. The lock goes last.
struct Open {
    /// None after it was found damaged and could not be begun anew yet.
    catalogue: Mutex<Option<Catalogue>>,
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
pub struct Files {
    state: Arc<RwLock<State>>,
    resumed: Notify,
    config: ClientConfig,
    secrets: Arc<dyn SecretStore>,
}

type OpenGuard = OwnedRwLockReadGuard<State, Open>;

impl Files {
    /// Opens the files of a folder, or makes them, and looks up something in the private one. It blocks.
    pub fn open<T>(
        config: ClientConfig,
        secrets: Arc<dyn SecretStore>,
        look: impl FnOnce(&Vault) -> Result<T, StoreError>,
    ) -> Result<(Self, T), Error> {
        let open = open(&config, &secrets)?;
        let found = look(&open.vault.lock().unwrap_or_else(PoisonError::into_inner))?;
        let state = Arc::new(RwLock::new(State::Open(Box::new(open))));
        Ok((Self { state, resumed: Notify::new(), config, secrets }, found))
    }

    /// Waits for what is being written, and closes the files.
    pub async fn suspend(&self) -> Result<(), Error> {
        // Held until the files are closed: whoever resumes finds them free.
        let mut state = self.state.write().await;
        let before = std::mem::replace(&mut *state, State::Suspended);
        let State::Open(open) = before else { return Ok(()) };
        let closing = tokio::task::spawn_blocking(move || {
            open.vault.into_inner().unwrap_or_else(PoisonError::into_inner).close()
        });
        Ok(closing.await.map_err(Error::internal)??)
    }

    /// Opens the files again.
    pub async fn resume(&self) -> Result<(), Error> {
        let mut state = self.state.write().await;
        if matches!(*state, State::Open(_)) {
            return Ok(());
        }
        let (config, secrets) = (self.config.clone(), Arc::clone(&self.secrets));
        let opening = tokio::task::spawn_blocking(move || open(&config, &secrets));
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
            let open = OwnedRwLockReadGuard::try_map(state, |state| match state {
                State::Open(open) => Some(&**open),
                State::Suspended | State::Failed(_) => None,
            });
            match open {
                Ok(open) => return Ok(open),
                // Whoever waits holds nothing: the files could not be opened again.
                Err(suspended) => drop(suspended),
            }
            resumed.await;
        }
    }

    /// Runs work on the private file where blocking is fine.
    pub async fn vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let open = self.opened().await?;
        let run = move || work(&open.vault.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(tokio::task::spawn_blocking(run).await.map_err(|_| Error::internal("a call to the vault panicked"))??)
    }

    /// Whether the public file can be read whole; it is begun anew if not.
    pub async fn check_catalogue(&self) -> Result<(), Error> {
        let open = self.opened().await?;
        let path = self.config.folder.join(CATALOGUE);
        let run = move || {
            let mut place = open.catalogue.lock().unwrap_or_else(PoisonError::into_inner);
            if place.as_ref().is_some_and(|catalogue| catalogue.check().is_ok()) {
                return Ok(());
            }
            *place = None;
            *place = Some(Catalogue::begin_anew(&path)?);
            Ok::<_, StoreError>(())
        };
        Ok(tokio::task::spawn_blocking(run)
            .await
            .map_err(|_| Error::internal("a call to the catalogue panicked"))??)
    }

    /// Runs work on the public file. One that turns out to be damaged is begun anew: all of it can be fetched again.
    pub async fn catalogue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let open = self.opened().await?;
        let path = self.config.folder.join(CATALOGUE);
        let run = move || {
            let mut place = open.catalogue.lock().unwrap_or_else(PoisonError::into_inner);
            let catalogue = match &mut *place {
                Some(catalogue) => catalogue,
                none => none.insert(Catalogue::open(&path)?),
            };
            let outcome = work(catalogue);
            if outcome.as_ref().is_err_and(StoreError::is_corrupt) {
                *place = None;
                *place = Some(Catalogue::begin_anew(&path)?);
            }
            outcome
        };
        Ok(tokio::task::spawn_blocking(run)
            .await
            .map_err(|_| Error::internal("a call to the catalogue panicked"))??)
    }
}

const CATALOGUE: &str = "catalogue.sqlite";
const VAULT: &str = "vault.sqlite";

fn open(config: &ClientConfig, secrets: &Arc<dyn SecretStore>) -> Result<Open, Error> {
    let lock = FolderLock::take(&config.folder)?;
    let vault = Vault::open(&config.folder.join(VAULT), Arc::clone(secrets))?;
    if vault.is_restored() {
        vault.accept_restored(distrust)?;
    }
    let catalogue = Catalogue::open(&config.folder.join(CATALOGUE))?;
    Ok(Open { catalogue: Mutex::new(Some(catalogue)), vault: Mutex::new(vault), _lock: lock })
}

/// What an older copy of the vault says of sessions and consents may have been ended or withdrawn since.
fn distrust(vault: &Vault) -> Result<(), StoreError> {
    vault.delete_all::<Consent>(&Owner::Phone)?;
    let lapse = |account: AccountId| {
        let owner = Owner::Account(account);
        vault.delete_all::<Consent>(&owner)?;
        match vault.get::<Session>(&owner, "")? {
            Some(session) => vault.put(&owner, "", &session.lapsed()),
            None => Ok(()),
        }
    };
    vault.accounts()?.into_iter().try_for_each(lapse)
}

/// Puts the private file aside, because its key is gone or it is damaged and the resident has decided to go on without
/// it. Nothing may have the files open.
pub fn put_vault_aside(config: &ClientConfig) -> Result<(), Error> {
    let _lock = FolderLock::take(&config.folder)?;
    Vault::put_aside(&config.folder.join(VAULT))?;
    Ok(())
}

/// Brings a private file back that was put aside, if its key is there again.
pub fn bring_vault_back(config: &ClientConfig, secrets: &Arc<dyn SecretStore>) -> Result<bool, Error> {
    let _lock = FolderLock::take(&config.folder)?;
    Ok(Vault::bring_back(&config.folder.join(VAULT), secrets)?)
}

/// Begins a new private file with what can still be read of a damaged one, which is kept.
pub fn salvage_vault(config: &ClientConfig) -> Result<u64, Error> {
    let _lock = FolderLock::take(&config.folder)?;
    Ok(Vault::salvage(&config.folder.join(VAULT))?)
}
