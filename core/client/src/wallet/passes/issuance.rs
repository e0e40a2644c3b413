//! Having passes issued: OpenID for Verifiable Credential Issuance 1.0, with a key of this phone's own for each pass.
//! Passes of one issuer and type are asked for together, as many as it hands out at once. Two members of the issuer's
//! metadata are our own: `onecity_holders_endpoint` lists whom a resident may hold passes for, and
//! `onecity_revocation_endpoint` takes back a pass that was deleted.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::credential::{
    Audience, Credential, Issuer, IssuerVerified, PassType, PresentationDraft, PublicKey, TrustList, UnixTime,
};
use onecity_protocol::names::Names;
use onecity_protocol::region::RegionId;
use onecity_store::{Owner, StoreError};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::issuer::{IssuerMetadata, accepted};
use super::record::{Deleted, LastCode, Pass, PassState};
use super::wallet::Passes;
use crate::device::http::Outgoing;
use crate::device::{Boxed, NewKeys};
use crate::error::{Error, Refusal};
use crate::identity::sign_jwt;
use crate::platform::KeyPurpose;
use crate::views::{HolderView, PassOffer, PassView, Topic};

/// The credential format identifier of CQ1 in OpenID4VCI's metadata.
const FORMAT: &str = "cq1";
/// Most passes that are asked for at once, whatever the issuer offers.
const MAX_BATCH: usize = 16;
/// Most holders that are read from an issuer's list.
const MAX_HOLDERS: usize = 50;

#[derive(Debug, Deserialize)]
struct NonceAnswer {
    c_nonce: String,
}

#[derive(Debug, Deserialize)]
struct CredentialAnswer {
    credentials: Vec<IssuedCredential>,
}

#[derive(Debug, Deserialize)]
struct IssuedCredential {
    credential: String,
}

#[derive(Debug, Deserialize)]
struct HoldersAnswer {
    holders: Vec<HolderView>,
}

/// Where a type of pass comes from.
struct Source {
    region: RegionId,
    list: TrustList,
    pass_type: PassType,
    issuer: Issuer,
    metadata: IssuerMetadata,
}

/// A key that was just made, and for whom.
struct Made {
    id: String,
    public: PublicKey,
    holder: Option<HolderView>,
}

impl Passes {
    /// Has a pass issued to a new key of this phone, and keeps it for the active account.
    pub(super) async fn issue(
        &self,
        region: &RegionId,
        word: &str,
        holder: Option<&str>,
        expected: Option<&Owner>,
    ) -> Result<PassView, Error> {
        let source = Source::find(self, region, word, None).await?;
        let owner = self.accounts.active_owner().await?;
        if expected.is_some_and(|expected| *expected != owner) {
            return Err(Error::login_required("another account is in use now; open the service again"));
        }
        let holder =
            match holder {
                None => None,
                Some(id) => {
                    let all = source.holders(self, &owner).await?;
                    let found = all.into_iter().find(|holder| holder.id == id);
                    Some(found.ok_or_else(|| {
                        Error::refused(Refusal::NotFound, "the issuer knows no such person in your care")
                    })?)
                }
            };
        let (keys, issued) = source.issue(self, &owner, vec![holder]).await?;
        let passes = self.keep(&owner, keys, issued, Vec::new()).await?;
        passes.into_iter().next().ok_or_else(|| Error::internal("one pass was asked for"))
    }

    /// The types of pass that can be had in a region.
    pub(crate) async fn offers(&self, region: &RegionId) -> Result<Vec<PassOffer>, Error> {
        let first = region.first_level().unwrap_or_else(|| region.clone());
        let list = self.registry.trust_list(&first).await?;
        let (now, languages) = (self.device.time.now().await, self.device.languages());
        let offer = |own: &PassType| {
            let issuer = list.issuer_of_type(own.id, now)?;
            Some(PassOffer {
                pass_type: own.word.clone(),
                title: own.names.best(&languages).to_owned(),
                issuer: issuer.names.best(&languages).to_owned(),
            })
        };
        Ok(list.types.iter().filter_map(offer).collect())
    }

    /// Whom a resident may hold a type of pass for, beside themselves.
    pub(crate) async fn holders(&self, region: &RegionId, word: &str) -> Result<Vec<HolderView>, Error> {
        let source = Source::find(self, region, word, None).await?;
        source.holders(self, &self.accounts.active_owner().await?).await
    }

    /// Has passes issued again, those of one issuer and type together, and puts each in the old one's place.
    pub(crate) async fn renew(&self, owner: &Owner, due: Vec<Pass>) -> Result<Vec<PassView>, Error> {
        let mut groups: BTreeMap<(RegionId, String, String), Vec<Pass>> = BTreeMap::new();
        for pass in due {
            let group = (pass.region.clone(), pass.pass_type.clone(), pass.issuer.clone());
            groups.entry(group).or_default().push(pass);
        }
        let mut renewed = Vec::new();
        let mut failed = None;
        for passes in groups.into_values() {
            // One issuer that does not answer keeps no other from it, nor what it gave before.
            if let Err(error) = self.renew_group(owner, passes, &mut renewed).await {
                failed = Some(error);
            }
        }
        match failed {
            Some(error) if renewed.is_empty() => Err(error),
            _ => Ok(renewed),
        }
    }

    /// Passes of one region, type and issuer.
    async fn renew_group(&self, owner: &Owner, passes: Vec<Pass>, renewed: &mut Vec<PassView>) -> Result<(), Error> {
        let Some(first) = passes.first() else { return Ok(()) };
        let source = Source::find(self, &first.region, &first.pass_type, Some(&first.issuer)).await?;
        for old in passes.chunks(source.batch_size()) {
            let holders = old.iter().map(|pass| pass.holder.clone()).collect();
            let (keys, issued) = source.issue(self, owner, holders).await?;
            renewed.extend(self.keep(owner, keys, issued, old.to_vec()).await?);
        }
        Ok(())
    }

    /// Keeps what was issued, in place of what it replaces: all of it, or nothing. The issuer revokes what was replaced.
    async fn keep(
        &self,
        owner: &Owner,
        keys: NewKeys,
        issued: Vec<Pass>,
        replaced: Vec<Pass>,
    ) -> Result<Vec<PassView>, Error> {
        let (of, new, old) = (owner.clone(), issued.clone(), replaced.clone());
        let kept = self
            .device
            .vault(move |vault| {
                vault.atomically(|vault| {
                    let there = |pass: &Pass| Ok::<_, StoreError>(vault.get::<Pass>(&of, &pass.id)?.is_some());
                    for pass in &old {
                        // Deleted meanwhile: then it shall not come back.
                        if !there(pass)? {
                            return Ok(false);
                        }
                        vault.delete::<Pass>(&of, &pass.id)?;
                        vault.delete::<LastCode>(&of, &pass.id)?;
                        vault.put(&of, &pass.id, &Deleted::of(pass))?;
                    }
                    for pass in &new {
                        if there(pass)? {
                            return Ok(false);
                        }
                        vault.put(&of, &pass.id, pass)?;
                    }
                    Ok(true)
                })
            })
            .await;
        let kept = kept.and_then(|kept| {
            let changed = "the passes on this phone have changed meanwhile; try again";
            if kept { Ok(()) } else { Err(Error::refused(Refusal::Issuance { said: None }, changed)) }
        });
        keys.settle(kept).await?;
        self.device.keys.discard(replaced.iter().map(|pass| pass.key.clone()).collect()).await;
        for old in &replaced {
            self.codes.forget(&old.key);
            if let Some(new) = issued.iter().find(|new| new.holder == old.holder) {
                self.codes.renew(&old.id, &new.id);
            }
        }
        self.device.notices.changed(Topic::Passes);
        let now = self.device.time.now().await;
        Ok(issued.iter().map(|pass| pass.view(&self.device.languages(), now, None)).collect())
    }
}

impl Source {
    /// The source of a type of pass in a region: the issuer that is given, or the one that the trust list names first.
    async fn find(passes: &Passes, region: &RegionId, word: &str, issuer: Option<&str>) -> Result<Self, Error> {
        let first = region.first_level().ok_or_else(|| Error::invalid("region", "a nation issues no passes"))?;
        let list = passes.registry.current_trust_list(&first).await?;
        let not_here = || Error::refused(Refusal::NotFound, format!("{first} has no pass of the type {word}"));
        let pass_type = list.types.iter().find(|kind| kind.word == word).cloned().ok_or_else(not_here)?;
        let found = match issuer {
            Some(url) => list.issuers.iter().find(|own| own.url == url),
            None => list.issuer_of_type(pass_type.id, passes.device.time.now().await),
        };
        let issuer = found.cloned().ok_or_else(not_here)?;
        let metadata = passes.metadata(&issuer.url).await?;
        match metadata.credential_configurations_supported.get(word) {
            Some(configuration) if configuration.format == FORMAT => {}
            _ => {
                let why = format!("the issuer does not issue {word} in this format");
                return Err(Error::refused(Refusal::Issuance { said: None }, why));
            }
        }
        Ok(Self { region: region.clone(), list, pass_type, issuer, metadata })
    }

    fn batch_size(&self) -> usize {
        let offered = self.metadata.batch_credential_issuance.as_ref().map_or(1, |batch| batch.batch_size);
        offered.clamp(1, MAX_BATCH)
    }

    async fn holders(&self, passes: &Passes, owner: &Owner) -> Result<Vec<HolderView>, Error> {
        let Some(endpoint) = &self.metadata.onecity_holders_endpoint else { return Ok(Vec::new()) };
        let url = passes.device.http.url(endpoint)?;
        let answer = passes.send(owner, &self.issuer.url, Outgoing::get(url)).await?;
        let mut answer: HoldersAnswer = accepted(&answer)?.json()?;
        answer.holders.truncate(MAX_HOLDERS);
        Ok(answer.holders)
    }

    /// Makes a key for each holder and has a pass issued to it; the keys go again if nothing comes of it.
    fn issue<'a>(
        &'a self,
        passes: &'a Passes,
        owner: &'a Owner,
        holders: Vec<Option<HolderView>>,
    ) -> Boxed<'a, Result<(NewKeys, Vec<Pass>), Error>> {
        Box::pin(self.ask_for(passes, owner, holders))
    }

    async fn ask_for(
        &self,
        passes: &Passes,
        owner: &Owner,
        holders: Vec<Option<HolderView>>,
    ) -> Result<(NewKeys, Vec<Pass>), Error> {
        let nonce_url = passes.device.http.url(&self.metadata.nonce_endpoint)?;
        let nonce = passes.device.http.send(Outgoing::post_json(nonce_url, &json!({}))).await?;
        let nonce: NonceAnswer = nonce.json()?;
        let claims = json!({
            "iss": passes.sessions.client_id(owner).await?, "aud": self.metadata.credential_issuer,
            "iat": passes.device.time.now().await, "nonce": nonce.c_nonce,
        });
        let keys = passes.device.keys.create_many(KeyPurpose::Pass, nonce.c_nonce.as_bytes(), holders.len()).await?;
        match self.issue_to(passes, owner, &keys, holders, claims).await {
            Ok(issued) => Ok((keys, issued)),
            Err(error) => keys.settle(Err(error)).await,
        }
    }

    async fn issue_to(
        &self,
        passes: &Passes,
        owner: &Owner,
        keys: &NewKeys,
        holders: Vec<Option<HolderView>>,
        claims: serde_json::Value,
    ) -> Result<Vec<Pass>, Error> {
        let (mut made, mut proofs) = (Vec::new(), Vec::new());
        for (id, holder) in keys.ids().into_iter().zip(holders) {
            let key = passes.device.keys.key(id.clone());
            proofs.push(sign_jwt(&key, "openid4vci-proof+jwt", &claims).await?);
            made.push(Made { id, public: key.public().await?, holder });
        }
        self.request(passes, owner, &made, &proofs).await
    }

    /// Sends the request, and takes nothing from the issuer on trust: its signatures must hold by the registry's list,
    /// and the credentials must name the keys that were just made.
    async fn request(
        &self,
        passes: &Passes,
        owner: &Owner,
        made: &[Made],
        proofs: &[String],
    ) -> Result<Vec<Pass>, Error> {
        let endpoint = passes.device.http.url(&self.metadata.credential_endpoint)?;
        let mut body = json!({ "credential_configuration_id": self.pass_type.word, "proofs": { "jwt": proofs } });
        if made.iter().any(|key| key.holder.is_some()) {
            let names = made.iter().map(|key| key.holder.as_ref().map(|holder| holder.id.as_str()));
            body["onecity_holders"] = names.collect();
        }
        let answer = passes.send(owner, &self.issuer.url, Outgoing::post_json(endpoint, &body)).await?;
        if answer.status.is_client_error() && answer.status != StatusCode::UNAUTHORIZED {
            return Err(Error::refused(Refusal::Issuance { said: Some(answer.reason()) }, "the issuer refused"));
        }
        let answer: CredentialAnswer = accepted(&answer)?.json()?;
        if answer.credentials.len() != made.len() {
            return Err(wrong("there are not as many as were asked for"));
        }
        let now = passes.device.time.now().await;
        let mut all = Vec::new();
        for issued in &answer.credentials {
            let bytes = URL_SAFE_NO_PAD.decode(&issued.credential).map_err(|_| wrong("it can't be read"))?;
            let pass = self.check(bytes, made, now)?;
            if all.iter().any(|other: &Pass| other.key == pass.key || other.id == pass.id) {
                return Err(wrong("two are the same"));
            }
            all.push(pass);
        }
        Ok(all)
    }

    fn check(&self, bytes: Vec<u8>, made: &[Made], now: UnixTime) -> Result<Pass, Error> {
        let credential = Credential::parse(&bytes)?;
        let verified =
            IssuerVerified::verify(&credential, &self.list).map_err(|refusal| wrong(&refusal.to_string()))?;
        let key = made.iter().find(|key| key.public == *verified.holder());
        let key = key.ok_or_else(|| wrong("it is made out to another phone"))?;
        let claims = verified.claims();
        if verified.issuer() != self.issuer.url {
            return Err(wrong("another issuer signed it"));
        }
        if claims.pass_type != self.pass_type.id || claims.expires <= now {
            return Err(wrong("it is of another type, or has expired"));
        }
        // Its largest code must still fit, or a working pass would be replaced by one that no gate reads.
        PresentationDraft::new(&bytes, i64::from(u32::MAX), Audience::gate(u32::MAX).with_challenge(u32::MAX), 255)?;
        let names = |id: u64| {
            let found = self.list.words.scopes.iter().find(|named| named.id == id);
            found.map_or_else(|| Names::new().with("en", &format!("scope {id}")), |named| named.names.clone())
        };
        let fare = self.list.words.fare_classes.iter().find(|named| named.id == claims.fare_class);
        Ok(Pass {
            id: hex::encode(verified.id()),
            cti: hex::encode(claims.cti),
            type_number: claims.pass_type,
            key: key.id.clone(),
            pass_type: self.pass_type.word.clone(),
            type_names: self.pass_type.names.clone(),
            issuer: self.issuer.url.clone(),
            issuer_names: self.issuer.names.clone(),
            region: self.region.clone(),
            scope_names: claims.scopes.iter().map(|id| names(*id)).collect(),
            fare_names: fare.map(|named| named.names.clone()),
            holder: key.holder.clone(),
            issued: claims.issued,
            expires: claims.expires,
            window: claims.window,
            status: (claims.status.list, claims.status.index),
            state: PassState::Good,
            credential: bytes,
        })
    }
}

fn wrong(what: &str) -> Error {
    Error::SignatureInvalid { what: format!("the issued pass: {what}") }
}
