//! The codes over a pass: one hardware signature each, with no network and no login. The next one is signed while the
//! present one is shown, so that a screen never waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use onecity_protocol::credential::{Audience, PresentationDraft, Purpose, UnixTime, next_issued_at};
use onecity_store::Owner;

use super::record::{LastCode, Pass, PassState};
use super::wallet::Passes;
use crate::device::{DeviceKey, Reading, Task, blocking, spawn};
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, Disclosure, random_text, write_down};
use crate::platform::ConsentRequest;
use crate::task::TaskHandle;
use crate::views::QrPicture;
use crate::views::messages::localized;
use crate::views::{CodeView, PurposeView, ShownPass, Topic};

/// A last code this far in the future can't have been accepted by any gate whose clock is right, in seconds.
const CLOCK_CORRECTED: i64 = 60;
/// How often a watch looks at the time: a sleeping device stops timers, so that none may be relied on.
const TICK: Duration = Duration::from_millis(100);

/// Told each code that a screen should show.
pub trait CodeListener: Send + Sync {
    /// Show this one, until the next comes.
    fn code(&self, code: CodeView);
    /// There will be no more: say why.
    fn failed(&self, error: Error);
}

/// A code that has been signed.
struct Signed {
    text: String,
    picture: QrPicture,
}

/// All that a code begins with.
struct Found {
    /// The active account.
    owner: Owner,
    pass: Pass,
    last: Option<LastCode>,
    reading: Reading,
}

/// A signature that is being made.
type Signing = Task<Result<Signed, Error>>;

/// What is known of codes while the app runs.
#[derive(Default)]
pub(super) struct Codes {
    /// The last second that a pass's key signed for and showed.
    shown: Mutex<HashMap<String, UnixTime>>,
    /// The next code of a pass's key, signed or about to be, and its second. In memory only.
    ahead: Mutex<HashMap<String, (UnixTime, Signing)>>,
    /// The last code of a pass that is still to be written. While the vault is busy a later one takes its place, so that
    /// at most one write of each pass waits.
    unwritten: Arc<Mutex<HashMap<String, UnixTime>>>,
    /// What has taken the place of which pass, for a screen that still shows the old one.
    renewed: Mutex<HashMap<String, String>>,
}

/// What a code is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Wanted {
    audience: Audience,
    purpose: u64,
}

impl Wanted {
    const PASSAGE: Self = Self { audience: Audience::ANY, purpose: 0 };
}

impl Passes {
    /// A fresh code over a pass.
    pub(crate) async fn code(self: &Arc<Self>, id: &str, audience: Audience) -> Result<CodeView, Error> {
        self.fresh(id, Wanted { audience, purpose: 0 }).await
    }

    /// What a counter may ask of a pass.
    pub(crate) async fn purposes(&self, id: &str, audience: Audience) -> Result<Vec<PurposeView>, Error> {
        let Found { pass, .. } = self.find(id).await?;
        let first = pass.region.first_level().unwrap_or_else(|| pass.region.clone());
        let words = self.registry.trust_list(&first).await?.words;
        let languages = &self.device.languages();
        let Some(verifier) = words.verifier(audience.number()) else { return Ok(Vec::new()) };
        let asked = verifier.purposes.iter().filter_map(|id| words.purpose(verifier, *id, pass.type_number));
        let view = |purpose: &Purpose| PurposeView {
            id: purpose.id,
            title: purpose.names.best(languages).to_owned(),
            verifier: verifier.names.best(languages).to_owned(),
            fields: purpose.fields.clone(),
        };
        Ok(asked.map(view).collect())
    }

    /// A one-use grant for a counter, after the resident has agreed to what it shows. The disclosure is stored before
    /// the code is signed.
    pub(crate) async fn grant(self: &Arc<Self>, id: &str, audience: Audience, purpose: u64) -> Result<CodeView, Error> {
        let Found { owner, pass, .. } = self.find(id).await?;
        let first = pass.region.first_level().unwrap_or_else(|| pass.region.clone());
        let words = self.registry.trust_list(&first).await?.words;
        let not_here = || Error::refused(Refusal::NotFound, "this counter may not ask for that");
        let verifier = words.verifier(audience.number()).ok_or_else(not_here)?;
        let purpose = words.purpose(verifier, purpose, pass.type_number).ok_or_else(not_here)?;
        let languages = &self.device.languages();
        let question = ConsentRequest {
            service: verifier.names.best(languages).to_owned(),
            publisher: pass.issuer_names.best(languages).to_owned(),
            permission: "disclose".to_owned(),
            reason: purpose.names.best(languages).to_owned(),
            fields: purpose.fields.clone(),
            people: pass.holder.iter().map(|holder| holder.name.clone()).collect(),
            origins: Vec::new(),
        };
        if !self.device.prompts.turn().await.ask(question).await? {
            return Err(Error::refused(Refusal::Consent, "you did not agree to show this"));
        }
        let disclosure = Disclosure {
            id: random_text(),
            at: self.device.time.now().await,
            what: pass.type_names.clone(),
            pass: Some(ShownPass { region: pass.region.clone(), pass_type: pass.pass_type.clone() }),
            holder: pass.holder.clone(),
            verifier: verifier.names.clone(),
            purpose: purpose.names.clone(),
            fields: purpose.fields.clone(),
            service: None,
        };
        self.device.vault(move |vault| write_down(vault, &owner, &disclosure)).await?;
        // No challenge: the server that redeems it knows the counter's number alone.
        self.fresh(id, Wanted { audience: Audience::gate(verifier.number), purpose: purpose.id }).await
    }

    /// Calls `listener` with a code now and at each change, until the handle is dropped.
    pub(crate) fn watch(self: &Arc<Self>, id: &str, audience: Audience, listener: Arc<dyn CodeListener>) -> TaskHandle {
        let (passes, mut id) = (Arc::clone(self), id.to_owned());
        let task = spawn(async move {
            loop {
                let shown = match passes.code(&id, audience).await {
                    Ok(shown) => shown,
                    Err(error) => {
                        let error = localized(error, &passes.device.languages());
                        let told = blocking(move || {
                            listener.failed(error);
                            Ok(())
                        });
                        return drop(told.await);
                    }
                };
                let (issued, next) = (shown.issued, shown.next);
                // A pass may have been issued again meanwhile.
                id.clone_from(&shown.pass_id);
                let told = Arc::clone(&listener);
                let telling = blocking(move || {
                    told.code(shown);
                    Ok(())
                });
                if telling.await.is_err() {
                    return;
                }
                // Until the next is due, or the clock was set right and what is shown no longer binds.
                loop {
                    tokio::time::sleep(TICK).await;
                    if !(issued - CLOCK_CORRECTED + 1..next).contains(&passes.device.time.now().await) {
                        break;
                    }
                }
            }
        });
        TaskHandle::new(task.abort_handle())
    }

    async fn find(&self, id: &str) -> Result<Found, Error> {
        let name = self.codes.newest(id);
        let found = self.device.read_vault(move |vault| {
            let owner = Accounts::active_owner_in(vault)?;
            let (pass, last) = (vault.get::<Pass>(&owner, &name)?, vault.get::<LastCode>(&owner, &name)?);
            Ok((owner, pass, last))
        });
        // At the same time, and not under the files' lock: the clock is the shell's.
        let (found, reading) = tokio::join!(found, self.device.time.read());
        let (owner, pass, last) = found?;
        let pass = pass.ok_or_else(|| Error::refused(Refusal::NotFound, "this pass is not on the phone"))?;
        Ok(Found { owner, pass, last, reading })
    }

    async fn fresh(self: &Arc<Self>, id: &str, wanted: Wanted) -> Result<CodeView, Error> {
        let Found { owner, pass, last, reading } = self.find(id).await?;
        let refuse = |reason, why: &str| Err(Error::refused(reason, why));
        match pass.state {
            PassState::Revoked => return refuse(Refusal::PassRevoked, "the issuer has revoked this pass: ask there"),
            PassState::Suspended => {
                return refuse(Refusal::PassSuspended, "the issuer has suspended this pass: ask there");
            }
            PassState::KeyGone => return self.after_renewal(&pass, wanted).await,
            PassState::Good | PassState::IssuerKeyWithdrawn => {}
        }
        if reading.now >= pass.expires {
            return refuse(Refusal::PassExpired, "this pass has expired: connect to the network to renew it");
        }
        match self.sign_next(&owner, &pass, last, reading, wanted).await {
            Err(Error::DeviceKeyGone) => {
                if !self.set_state(&owner, &pass, PassState::KeyGone).await? {
                    return Err(Error::refused(Refusal::NotFound, "this pass was deleted or renewed meanwhile"));
                }
                self.after_renewal(&pass, wanted).await
            }
            outcome => outcome,
        }
    }

    /// The key of a pass is gone: a new pass to a new key takes its place, if a network and a login are at hand.
    async fn after_renewal(self: &Arc<Self>, pass: &Pass, wanted: Wanted) -> Result<CodeView, Error> {
        let why = "this phone's key for the pass is gone: connect to the network and log in to get the pass again";
        // To its end even if the caller goes away: half a renewal would cost a session or leave keys behind.
        let (own, id) = (Arc::clone(self), pass.id.clone());
        let renewal = spawn(async move { own.renew_one(&id).await });
        if let Err(error) = renewal.await.map_err(|_| Error::internal("a renewal panicked"))? {
            tracing::info!(may_retry = error.may_retry(), "a pass whose key is gone could not be renewed");
            return Err(Error::refused(Refusal::PassKeyGone, why));
        }
        let Found { owner, pass, last, reading } = self.find(&pass.id).await?;
        if pass.state == PassState::KeyGone {
            return Err(Error::refused(Refusal::PassKeyGone, why));
        }
        self.sign_next(&owner, &pass, last, reading, wanted).await
    }

    /// Stores a pass's new state if the pass is still there; answers whether it is.
    pub(super) async fn set_state(&self, owner: &Owner, pass: &Pass, state: PassState) -> Result<bool, Error> {
        let (owner, id, key) = (owner.clone(), pass.id.clone(), pass.key.clone());
        let there = self
            .device
            .vault(move |vault| {
                vault.atomically(|vault| {
                    let kept: Option<Pass> = vault.get(&owner, &id)?;
                    let Some(kept) = kept.filter(|kept| kept.key == key) else { return Ok(false) };
                    vault.put(&owner, &id, &Pass { state, ..kept })?;
                    Ok(true)
                })
            })
            .await?;
        self.device.notices.changed(Topic::Passes);
        Ok(there)
    }

    /// The code that was signed ahead, if its time has come; else a new one. The one after it is signed in the background.
    async fn sign_next(
        &self,
        owner: &Owner,
        pass: &Pass,
        kept: Option<LastCode>,
        reading: Reading,
        wanted: Wanted,
    ) -> Result<CodeView, Error> {
        let codes = &self.codes;
        let step = i64::from(pass.window / 2).max(1);
        let (id, key, now) = (pass.id.clone(), pass.key.clone(), reading.now);
        let (issued, ahead) = {
            let mut shown = codes.shown.lock().unwrap_or_else(PoisonError::into_inner);
            // A last code far ahead was signed under a clock that has since been set right: it no longer binds.
            let last =
                shown.get(&key).copied().max(kept.map(|LastCode(at)| at)).filter(|last| *last < now + CLOCK_CORRECTED);
            let ahead = codes.ahead.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            let timely =
                |issued: UnixTime| (issued..issued + step).contains(&now) && last.is_none_or(|last| issued > last);
            let ahead = ahead.filter(|(issued, _)| wanted == Wanted::PASSAGE && timely(*issued));
            let issued = ahead.as_ref().map_or_else(|| next_issued_at(now, last), |(issued, _)| *issued);
            shown.insert(key, issued);
            (issued, ahead)
        };
        let ready = match ahead {
            Some((_, signing)) => signing.await.ok().and_then(Result::ok),
            None => None,
        };
        let signed = match ready {
            Some(signed) => signed,
            // Whatever kept it from being signed ahead is met again here, and told.
            None => sign(&self.device.keys.key(pass.key.clone()), &pass.credential, issued, wanted).await?,
        };
        let Signed { text, picture } = signed;
        self.write_last(owner, &id, issued);
        let next = issued + step;
        if wanted == Wanted::PASSAGE && next < pass.expires {
            let (key, credential) = (self.device.keys.key(pass.key.clone()), pass.credential.clone());
            let signing = spawn(async move { sign(&key, &credential, next, wanted).await });
            codes.ahead.lock().unwrap_or_else(PoisonError::into_inner).insert(pass.key.clone(), (next, signing));
        }
        Ok(CodeView { pass_id: id, text, picture, issued, next, time_unverified: !reading.verified })
    }

    /// Notes the last second that was signed for, when the vault is free.
    fn write_last(&self, owner: &Owner, id: &str, issued: UnixTime) {
        let waiting = self.codes.unwritten.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), issued);
        if waiting.is_some() {
            return;
        }
        let (unwritten, owner, id) = (Arc::clone(&self.codes.unwritten), owner.clone(), id.to_owned());
        self.device.write_later(move |vault| {
            let last = unwritten.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            last.map_or(Ok(()), |last| vault.put(&owner, &id, &LastCode(last)))
        });
    }
}

/// Signs a code and lays out its picture.
async fn sign(key: &DeviceKey, credential: &[u8], issued: UnixTime, wanted: Wanted) -> Result<Signed, Error> {
    let draft = PresentationDraft::new(credential, issued, wanted.audience, wanted.purpose)?;
    let message = draft.message().to_vec();
    // Drawing takes the processor a while, too: it stays on the thread that signed, off the workers.
    let draw = move |signature| {
        let text = draft.sign(&signature);
        let picture = QrPicture::of(&text)?;
        Ok(Signed { text, picture })
    };
    key.sign_then(message, draw).await
}

impl Codes {
    /// Forgets what was signed with a key that is gone.
    pub(super) fn forget(&self, key: &str) {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Remembers what has taken a pass's place.
    pub(super) fn renew(&self, old: &str, new: &str) {
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.values_mut().filter(|id| *id == old).for_each(|id| new.clone_into(id));
        renewed.insert(old.to_owned(), new.to_owned());
    }

    fn newest(&self, id: &str) -> String {
        let renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}
