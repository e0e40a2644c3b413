//! What a tester does to a world. All of it is noted in its history, so that it can be told and happen again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::trust::{ANNOUNCEMENT_TARGET, Announcement, TRUST_LIST_TARGET};
use onecity_publisher::PublicKey;
use serde_json::json;

use super::{LayError, World, WorldError};
use crate::capsule::Deed;
use crate::city::{CityAnswer, Unanswered};
use crate::content::{Additions, Content, People};
use crate::issuer::REPORT_ANSWER;
use crate::registry::{Registry, RegistryError};

impl World {
    /// Lays something else over what is built in: other personas, services beside those that it has, or their next versions. Its
    /// regions are those that it began with.
    pub fn lay(&self, additions: &Additions) -> Result<(), LayError> {
        let _one = self.laying.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Arc::clone(&self.lock_additions());
        if *before == *additions && additions.services.is_empty() {
            return Ok(());
        }
        if !before.has_regions_of(additions) {
            return Err(LayError::Regions);
        }
        let people = People::with(&additions.personas)?;
        let services = additions.services.iter().map(|own| Content::publication(&self.tree, own));
        let services = services.collect::<Result<Vec<_>, _>>()?;
        let now = self.now();
        for own in &services {
            self.registry_mut(|registry| registry.add(own, self.origins(), now)).map_err(Box::new)?;
        }
        {
            let mut identity = self.lock_identity();
            for gone in self.people().iter().filter(|own| people.get(&own.id).is_none()) {
                identity.end_sessions_of(Some(&gone.id), now);
            }
        }
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(people);
        *self.lock_additions() = Arc::new(additions.clone());
        self.history.note(Deed::Lay { additions: additions.clone() });
        Ok(())
    }

    /// As it was at first, with the same keys and anchors, so that phones go on.
    pub fn reset(&self) -> Result<(), WorldError> {
        self.faults.reset();
        self.lock_identity().reset();
        self.issuers.reset();
        self.lock_cities().reset();
        self.counter.store(0, Ordering::Relaxed);
        self.clock.follow_machine();
        self.stubs.clear();
        self.gates.clear();
        self.put_gates();
        if let Some(registry) = self.registry.get() {
            let now = self.now();
            registry.write().unwrap_or_else(PoisonError::into_inner).reset(now)?;
            // What passes are signed with goes on, and so must the lists of it.
            if self.issuers.has_other_keys() {
                self.publish_trust_lists()?;
            }
        }
        self.journal.clear();
        // What was signed meanwhile has versions that no other world has.
        let is_as_built = |own: &RwLock<Registry>| own.read().unwrap_or_else(PoisonError::into_inner).is_as_built();
        let goes_on = !self.registry.get().is_none_or(is_as_built);
        {
            let mut began_with = self.began_with.lock().unwrap_or_else(PoisonError::into_inner);
            began_with.personas = self.lock_additions().personas.clone();
        }
        self.history.begin(self.journal.count(), goes_on);
        Ok(())
    }

    /// Lets seconds pass without anybody waiting for them. The registries are signed again meanwhile.
    pub fn skip(&self, seconds: i64) {
        self.clock.jump(seconds.saturating_mul(1000));
        if self.registry.get().is_some() {
            self.history.note(Deed::Renew);
            self.renew_registry(self.now());
        }
    }

    /// Revokes (1), suspends (2) or reinstates (0) a pass; answers whether an issuer knows it.
    pub fn set_pass_status(&self, pass: &str, status: u8) -> bool {
        self.history.note(Deed::Pass { pass: pass.to_owned(), status });
        self.issuers.set_status(pass, status, self.now())
    }

    /// Lets an issuer sign with a new key, and lists it beside the old one.
    pub fn rotate_issuer_key(&self, issuer: &str) -> Result<(), WorldError> {
        self.history.note(Deed::RotateIssuer { issuer: issuer.to_owned() });
        self.issuers.rotate_key(issuer, self.now())?;
        self.publish_trust_lists()
    }

    /// Takes all keys of an issuer but the newest off the trust list.
    pub fn withdraw_old_issuer_keys(&self, issuer: &str) -> Result<(), WorldError> {
        self.history.note(Deed::WithdrawIssuerKeys { issuer: issuer.to_owned() });
        self.issuers.withdraw_old_keys(issuer);
        self.publish_trust_lists()
    }

    /// What a nation or first-level region announces to all of its residents from now on; none: it is over.
    pub fn announce(&self, region: &RegionId, announcement: Option<&Announcement>) -> Result<(), WorldError> {
        let path = format!("{region}/{ANNOUNCEMENT_TARGET}");
        let bytes = announcement.map(serde_json::to_vec).transpose().map_err(RegistryError::from)?;
        self.registry_mut(|registry| {
            registry.change(region, self.now(), |repository, _| match bytes {
                Some(bytes) => repository.add_target(&path, bytes, None),
                None => repository.remove_target(&path).map(drop),
            })
        })?;
        self.history.note(Deed::Announce { region: region.clone(), announcement: announcement.cloned() });
        Ok(())
    }

    fn publish_trust_lists(&self) -> Result<(), WorldError> {
        for (region, list) in self.issuers.trust_lists() {
            let path = format!("{region}/{TRUST_LIST_TARGET}");
            let bytes = serde_json::to_vec(&list).map_err(RegistryError::from)?;
            self.registry_mut(|registry| {
                registry.change(&region, self.now(), |repository, _| repository.add_target(&path, bytes, None))
            })?;
        }
        Ok(())
    }

    /// The identity providers sign with a new key from now on.
    pub fn rotate_identity_key(&self) {
        self.history.note(Deed::RotateProviders);
        self.lock_identity().rotate_key();
    }

    /// Ends a persona's sessions, or all; answers how many.
    pub(crate) fn end_sessions(&self, persona: Option<&str>) -> usize {
        self.history.note(Deed::EndSessions { persona: persona.map(str::to_owned) });
        self.lock_identity().end_sessions_of(persona, self.now())
    }

    /// Lets a persona's access tokens expire, or all; answers how many.
    pub(crate) fn expire_tokens(&self, persona: Option<&str>) -> usize {
        self.history.note(Deed::ExpireTokens { persona: persona.map(str::to_owned) });
        self.lock_identity().expire_tokens_of(persona, self.now())
    }

    /// Signs a registry again, so that its versions go up.
    pub fn sign_again(&self, region: &RegionId) -> Result<(), RegistryError> {
        let now = self.now();
        self.registry_mut(|registry| registry.change(region, now, |_, _| Ok(())))?;
        self.history.note(Deed::Sign { region: region.clone() });
        Ok(())
    }

    /// Lets the one who holds a key publish as a unit of the world.
    pub fn entrust(&self, unit: &UnitId, key: PublicKey) -> Result<(), RegistryError> {
        let (now, pem) = (self.now(), key.pem());
        self.registry_mut(|registry| registry.entrust(unit, key, now))?;
        self.history.note(Deed::Entrust { unit: unit.clone(), key: pem });
        Ok(())
    }

    /// Says something of a submission, as its city would: it stands in its timeline from now on.
    pub fn answer(&self, submission: &str, answer: &CityAnswer) -> Result<(), Unanswered> {
        let unit = self.lock_cities().admits(submission, answer)?;
        let document = answer.signed.then(|| self.signed_answer(&unit, submission, &answer.text)).flatten();
        let CityAnswer { status, text, picture, signed } = answer.clone();
        let picture = picture.map(|bytes| STANDARD.encode(bytes));
        self.history.note(Deed::Progress { number: submission.to_owned(), status, text, picture, signed });
        self.lock_cities().answer(submission, self.now(), answer, document);
        Ok(())
    }

    /// The same with a status and words alone; answers whether the city could say it.
    pub fn progress(&self, submission: &str, status: &str, text: &str) -> bool {
        self.answer(submission, &CityAnswer::new(status, text)).is_ok()
    }

    /// What a unit says of a report, as a document that its region signs.
    fn signed_answer(&self, unit: &UnitId, report: &str, text: &str) -> Option<String> {
        let is_vietnamese = unit.region().nation().as_str() == "vn";
        let title =
            if is_vietnamese { "Văn bản trả lời (dữ liệu mẫu)" } else { "书面答复（演示数据）" };
        let claims = json!({ "vct": REPORT_ANSWER, "title": title, "report": report, "answer": text });
        self.document(unit.region(), claims, &json!({}))
    }

    /// Ends every session at the identity providers.
    pub fn end_all_sessions(&self) {
        self.history.note(Deed::EndAllSessions);
        self.lock_identity().end_all();
    }
}
