//! The device's keys: asked off the runtime's workers, and deleted again when what they were made for fails.

use std::sync::Arc;

use onecity_protocol::credential::{PublicKey, Signature};

use super::threads::{foreign, foreign_then, spawn_on};
use crate::error::Error;
use crate::platform::{CreatedKey, DeviceKeys, KeyPurpose};

/// The device's keys.
#[derive(Clone)]
pub(crate) struct Keys {
    port: Arc<dyn DeviceKeys>,
}

impl Keys {
    pub(crate) fn new(port: Arc<dyn DeviceKeys>) -> Self {
        Self { port }
    }

    /// Makes a key that is deleted again unless it is [settled](NewKeys::settle). `challenge` is what an attestation
    /// of it would prove to be fresh; empty for none.
    pub(crate) async fn create(&self, purpose: KeyPurpose, challenge: &[u8]) -> Result<NewKeys, Error> {
        self.create_many(purpose, challenge, 1).await
    }

    /// The same for several: all of them, or none.
    pub(crate) async fn create_many(
        &self,
        purpose: KeyPurpose,
        challenge: &[u8],
        count: usize,
    ) -> Result<NewKeys, Error> {
        let mut made = NewKeys { keys: self.clone(), created: Vec::new() };
        for _ in 0..count {
            let (port, challenge) = (Arc::clone(&self.port), challenge.to_vec());
            let created = foreign(async move { port.create(purpose, &challenge).await }).await;
            match created.and_then(|created| Ok(created?)) {
                Ok(created) => made.created.push(created),
                Err(error) => return made.settle(Err(error)).await,
            }
        }
        Ok(made)
    }

    /// A key by its id.
    pub(crate) fn key(&self, id: impl Into<String>) -> DeviceKey {
        DeviceKey { keys: self.clone(), id: id.into() }
    }

    /// Deletes a key; one that is not there is fine.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), Error> {
        let (port, id) = (Arc::clone(&self.port), id.to_owned());
        Ok(foreign(async move { port.delete(&id).await }).await??)
    }

    /// Deletes keys that nothing needs any more. One that can't be deleted harms nobody: it is no reason to fail.
    pub(crate) async fn discard(&self, ids: Vec<String>) {
        let mut left = 0;
        for id in ids {
            left += u32::from(self.delete(&id).await.is_err());
        }
        if left > 0 {
            tracing::warn!(left, "keys that are not needed could not be deleted");
        }
    }
}

/// Keys that were just made and that nothing refers to yet. If what they were made for fails, panics or is cancelled,
/// they are deleted: a key that no record names could never be found again.
#[must_use = "settle it: dropped, its keys are deleted"]
pub(crate) struct NewKeys {
    keys: Keys,
    created: Vec<CreatedKey>,
}

impl NewKeys {
    /// The ids, in the order they were made.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.created.iter().map(|created| created.id.clone()).collect()
    }

    /// The first of them: the only one, if one was asked for.
    pub(crate) fn first(&self) -> DeviceKey {
        self.keys.key(self.created.first().map(|created| created.id.clone()).unwrap_or_default())
    }

    /// Keeps the keys if what they were made for went well, and deletes them if it did not.
    pub(crate) async fn settle<T>(mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        let ids = self.take();
        if outcome.is_err() {
            self.keys.discard(ids).await;
        }
        outcome
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.created).into_iter().map(|created| created.id).collect()
    }
}

impl Drop for NewKeys {
    fn drop(&mut self) {
        let left = self.take();
        if let (false, Ok(runtime)) = (left.is_empty(), tokio::runtime::Handle::try_current()) {
            let keys = self.keys.clone();
            spawn_on(&runtime, async move { keys.discard(left).await });
        }
    }
}

/// One key of the device.
#[derive(Clone)]
pub(crate) struct DeviceKey {
    keys: Keys,
    id: String,
}

impl DeviceKey {
    /// Its id on this device.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its public half.
    pub(crate) async fn public(&self) -> Result<PublicKey, Error> {
        let (port, id) = (Arc::clone(&self.keys.port), self.id.clone());
        let point = foreign(async move { port.public_key(&id).await }).await??;
        PublicKey::from_sec1(&point).map_err(Error::internal)
    }

    /// ECDSA over the SHA-256 of a message.
    pub(crate) async fn sign(&self, message: impl Into<Vec<u8>>) -> Result<Signature, Error> {
        self.sign_then(message, Ok).await
    }

    /// The same with work that follows, which may block.
    pub(crate) async fn sign_then<T: Send + 'static>(
        &self,
        message: impl Into<Vec<u8>>,
        then: impl FnOnce(Signature) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (port, id, message) = (Arc::clone(&self.keys.port), self.id.clone(), message.into());
        let signing = async move { port.sign(&id, &message).await };
        foreign_then(signing, |signed| then(Signature::from_der(&signed?).map_err(Error::internal)?)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::Notify;

    use super::*;
    use crate::platform::{PlatformError, software};

    /// Software keys that fail from the third on, and say when one was deleted.
    #[derive(Default)]
    struct Few {
        keys: software::Keys,
        made: Mutex<Vec<String>>,
        deleted: Notify,
        refuse_after: Option<usize>,
    }

    impl Few {
        fn left(&self) -> usize {
            self.made.lock().expect("whole").len()
        }
    }

    #[async_trait::async_trait]
    impl DeviceKeys for Few {
        async fn create(&self, purpose: KeyPurpose, challenge: &[u8]) -> Result<CreatedKey, PlatformError> {
            if self.refuse_after.is_some_and(|most| self.left() >= most) {
                return Err(PlatformError::Unavailable { why: "no more room".to_owned() });
            }
            let created = self.keys.create(purpose, challenge).await?;
            self.made.lock().expect("whole").push(created.id.clone());
            Ok(created)
        }
        async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError> {
            self.keys.public_key(id).await
        }
        async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError> {
            self.keys.sign(id, message).await
        }
        async fn delete(&self, id: &str) -> Result<(), PlatformError> {
            self.made.lock().expect("whole").retain(|own| own != id);
            self.keys.delete(id).await?;
            self.deleted.notify_one();
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_key_stays_if_what_it_was_made_for_went_well_and_goes_if_not() {
        let port = Arc::new(Few::default());
        let keys = Keys::new(Arc::clone(&port) as _);
        let made = keys.create(KeyPurpose::Session, b"").await.expect("made");
        let key = made.first();
        made.settle(Ok(())).await.expect("as it was");
        let signature = key.sign("message").await.expect("signed");
        key.public().await.expect("there").verify(b"message", &signature).expect("genuine");
        let made = keys.create(KeyPurpose::Session, b"").await.expect("made");
        made.settle::<()>(Err(Error::Cancelled)).await.expect_err("as it was");
        assert_eq!(port.left(), 1);
        keys.delete(key.id()).await.expect("deleted");
        assert_eq!(key.sign("message").await.map(drop), Err(Error::DeviceKeyGone));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_no_key_behind() {
        let port = Arc::new(Few::default());
        let keys = Keys::new(Arc::clone(&port) as _);
        drop(keys.create(KeyPurpose::Pass, b"").await.expect("made"));
        port.deleted.notified().await;
        assert_eq!(port.left(), 0);
    }

    #[tokio::test]
    async fn of_several_keys_there_are_all_or_none_and_a_busy_key_store_can_be_asked_again() {
        let port = Arc::new(Few { refuse_after: Some(2), ..Few::default() });
        let keys = Keys::new(Arc::clone(&port) as _);
        let refused = keys.create_many(KeyPurpose::Pass, b"", 3).await.map(drop).expect_err("the third is refused");
        assert!(refused.may_retry(), "{refused}");
        assert_eq!(port.left(), 0);
        let made = keys.create_many(KeyPurpose::Pass, b"", 2).await.expect("two fit");
        assert_eq!(made.ids().len(), 2);
        made.settle(Ok(())).await.expect("kept");
        assert_eq!(port.left(), 2);
    }
}
