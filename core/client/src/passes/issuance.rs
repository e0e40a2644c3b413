//! Having passes issued: OpenID for Verifiable Credential Issuance 1.0, with a key of this phone's own for each pass.
//! Passes of one issuer and type are asked for together, as many as it hands out at once. Two members of the issuer's
//! metadata are our own: `onecity_holders_endpoint` lists whom a resident may hold passes for, and
//! `onecity_revocation_endpoint` takes back a pass that was deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::credential::{
    Audience, Credential, Issuer, IssuerVerified, PassType, PresentationDraft, PublicKey, TrustList,
};
use onecity_protocol::names::Names;
use onecity_protocol::region::RegionId;
use onecity_store::{Owner, StoreError};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::issuer::{IssuerMetadata, accepted, access_of, metadata, send, send_with};
use super::record::{Deleted, Holder, LastCode, Pass, Standing};
use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;
use crate::platform::KeyPurpose;
use crate::registry_sync::trust_list;
use crate::session::{Access, JwtSigner};
use crate::submissions::reason_of;
use crate::views::{HolderView, PassView, Topic};

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
    holders: Vec<Holder>,
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
struct NewKey {
    id: String,
    public: PublicKey,
    holder: Option<Holder>,
}

/// Has a pass issued to a new key of this phone, and keeps it for the active account.
pub async fn add(
    inner: &Arc<Inner>,
    region: &RegionId,
    word: &str,
    holder: Option<&str>,
    expected: Option<&Owner>,
) -> Result<PassView, Error> {
    let source = Source::find(inner, region, word, None).await?;
    let owner = inner.active_owner().await?;
    if expected.is_some_and(|expected| *expected != owner) {
        return Err(Error::LoginRequired { why: "another account is in use now; open the service again".to_owned() });
    }
    let holder = match holder {
        None => None,
        Some(id) => {
            let all = source.holders(inner).await?;
            let found = all.into_iter().find(|holder| holder.id == id);
            Some(
                found
                    .ok_or_else(|| Error::refused(Refusal::NotFound, "the issuer knows no such person in your care"))?,
            )
        }
    };
    let issued = source.issue(inner, &owner, vec![holder]).await?;
    let passes = keep(inner, &owner, issued, Vec::new()).await?;
    passes.into_iter().next().ok_or_else(|| Error::internal("one pass was asked for"))
}

/// Whom a resident may hold a type of pass for, beside themselves.
pub async fn holders(inner: &Arc<Inner>, region: &RegionId, word: &str) -> Result<Vec<HolderView>, Error> {
    let all = Source::find(inner, region, word, None).await?.holders(inner).await?;
    Ok(all.into_iter().map(|own| HolderView { id: own.id, name: own.name, relation: own.relation }).collect())
}

/// Has passes issued anew, those of one issuer and type together, and puts each in the old one's place.
pub async fn renew(inner: &Arc<Inner>, owner: &Owner, due: Vec<Pass>) -> Result<Vec<PassView>, Error> {
    let mut groups: BTreeMap<(RegionId, String, String), Vec<Pass>> = BTreeMap::new();
    for pass in due {
        let group = (pass.region.clone(), pass.pass_type.clone(), pass.issuer.clone());
        groups.entry(group).or_default().push(pass);
    }
    let mut renewed = Vec::new();
    let mut failed = None;
    for passes in groups.into_values() {
        // One issuer that does not answer keeps no other from it, nor what it gave before.
        if let Err(error) = renew_group(inner, owner, passes, &mut renewed).await {
            failed = Some(error);
        }
    }
    match failed {
        Some(error) if renewed.is_empty() => Err(error),
        _ => Ok(renewed),
    }
}

/// Passes of one region, type and issuer.
async fn renew_group(
    inner: &Arc<Inner>,
    owner: &Owner,
    passes: Vec<Pass>,
    renewed: &mut Vec<PassView>,
) -> Result<(), Error> {
    let Some(first) = passes.first() else { return Ok(()) };
    let source = Source::find(inner, &first.region, &first.pass_type, Some(&first.issuer)).await?;
    for old in passes.chunks(source.batch_size()) {
        let holders = old.iter().map(|pass| pass.holder.clone()).collect();
        let issued = source.issue(inner, owner, holders).await?;
        renewed.extend(keep(inner, owner, issued, old.to_vec()).await?);
    }
    Ok(())
}

/// Keeps what was issued, in place of what it replaces: all of it, or nothing. The issuer revokes what was replaced.
async fn keep(
    inner: &Arc<Inner>,
    owner: &Owner,
    issued: Vec<Pass>,
    replaced: Vec<Pass>,
) -> Result<Vec<PassView>, Error> {
    let (of, new, old) = (owner.clone(), issued.clone(), replaced.clone());
    let kept = inner
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
    let is_kept = matches!(kept, Ok(true));
    delete_keys(inner, if is_kept { &replaced } else { &issued }.iter().map(|pass| pass.key.clone()).collect()).await;
    if !kept? {
        return Err(Error::refused(Refusal::Issuance, "the passes on this phone have changed meanwhile; try again"));
    }
    for old in &replaced {
        inner.passes.codes.forget(&old.key);
        if let Some(new) = issued.iter().find(|new| new.holder == old.holder) {
            inner.passes.codes.renew(&old.id, &new.id);
        }
    }
    inner.platform.observer.changed(Topic::Passes);
    let now = inner.time.now();
    Ok(issued.iter().map(|pass| pass.view(&inner.config.languages, now, None)).collect())
}

/// Keys that nothing needs any more. One that can't be deleted harms nobody, and is no reason to fail.
async fn delete_keys(inner: &Arc<Inner>, ids: Vec<String>) {
    let keys = Arc::clone(&inner.platform.keys);
    let deleted = inner.blocking(move || Ok(ids.iter().filter(|id| keys.delete(id).is_err()).count())).await;
    if let Ok(left @ 1..) = deleted {
        tracing::warn!(left, "keys that are not needed could not be deleted");
    }
}

impl Source {
    /// The source of a type of pass in a region: the issuer that is given, or the one that the trust list names first.
    async fn find(inner: &Arc<Inner>, region: &RegionId, word: &str, issuer: Option<&str>) -> Result<Self, Error> {
        let first = region.first_level().ok_or_else(|| Error::invalid("region", "a nation issues no passes"))?;
        let list = trust_list(inner, &first).await?;
        let not_here = || Error::refused(Refusal::NotFound, format!("{first} has no pass of the type {word}"));
        let pass_type = list.types.iter().find(|kind| kind.word == word).cloned().ok_or_else(not_here)?;
        let found = match issuer {
            Some(url) => list.issuers.iter().find(|own| own.url == url),
            None => list.issuer_of_type(pass_type.id, inner.time.now()),
        };
        let issuer = found.cloned().ok_or_else(not_here)?;
        let metadata = metadata(inner, &issuer.url).await?;
        match metadata.credential_configurations_supported.get(word) {
            Some(configuration) if configuration.format == FORMAT => {}
            _ => {
                let why = format!("the issuer does not issue {word} in this format");
                return Err(Error::refused(Refusal::Issuance, why));
            }
        }
        Ok(Self { region: region.clone(), list, pass_type, issuer, metadata })
    }

    fn batch_size(&self) -> usize {
        let offered = self.metadata.batch_credential_issuance.as_ref().map_or(1, |batch| batch.batch_size);
        offered.clamp(1, MAX_BATCH)
    }

    async fn holders(&self, inner: &Arc<Inner>) -> Result<Vec<Holder>, Error> {
        let Some(endpoint) = &self.metadata.onecity_holders_endpoint else { return Ok(Vec::new()) };
        let url = inner.net.url(endpoint)?;
        let answer = send(inner, Outgoing::get(url)).await?;
        let mut answer: HoldersAnswer = accepted(&answer)?.json()?;
        answer.holders.truncate(MAX_HOLDERS);
        Ok(answer.holders)
    }

    /// Makes a key for each holder and has a pass issued to it; the keys go again if nothing comes of it.
    async fn issue(&self, inner: &Arc<Inner>, owner: &Owner, holders: Vec<Option<Holder>>) -> Result<Vec<Pass>, Error> {
        let nonce_url = inner.net.url(&self.metadata.nonce_endpoint)?;
        let nonce = inner.net.send(Outgoing::post_json(nonce_url, &json!({})).timeless()).await?;
        let nonce: NonceAnswer = nonce.json()?;
        let access = access_of(inner, owner).await?;
        let claims = json!({
            "iss": access.session.client_id(), "aud": self.metadata.credential_issuer,
            "iat": inner.time.now(), "nonce": nonce.c_nonce,
        });
        let (keys, count) = (Arc::clone(&inner.platform.keys), holders.len());
        let mut ids: Vec<String> = inner
            .blocking(move || {
                let mut made = Vec::new();
                for _ in 0..count {
                    match keys.create(KeyPurpose::Pass) {
                        Ok(id) => made.push(id),
                        Err(error) => {
                            made.iter().for_each(|id| drop(keys.delete(id)));
                            return Err(error.into());
                        }
                    }
                }
                Ok(made)
            })
            .await?;
        let outcome = self.issue_to(inner, &ids, holders, claims, access).await;
        if outcome.is_err() {
            delete_keys(inner, std::mem::take(&mut ids)).await;
        }
        outcome
    }

    async fn issue_to(
        &self,
        inner: &Arc<Inner>,
        ids: &[String],
        holders: Vec<Option<Holder>>,
        claims: serde_json::Value,
        access: Access,
    ) -> Result<Vec<Pass>, Error> {
        let (keys, ids) = (Arc::clone(&inner.platform.keys), ids.to_vec());
        let (made, proofs) = inner
            .blocking(move || {
                let mut made = Vec::new();
                let mut proofs = Vec::new();
                for (id, holder) in ids.into_iter().zip(holders) {
                    let public = PublicKey::from_sec1(&keys.public_key(&id)?).map_err(Error::internal)?;
                    proofs.push(JwtSigner::new(Arc::clone(&keys), id.clone()).sign("openid4vci-proof+jwt", &claims)?);
                    made.push(NewKey { id, public, holder });
                }
                Ok((made, proofs))
            })
            .await?;
        self.request(inner, &made, &proofs, access).await
    }

    /// Sends the request, and takes nothing from the issuer on trust: its signatures must hold by the registry's list,
    /// and the credentials must name the keys that were just made.
    async fn request(
        &self,
        inner: &Arc<Inner>,
        made: &[NewKey],
        proofs: &[String],
        access: Access,
    ) -> Result<Vec<Pass>, Error> {
        let endpoint = inner.net.url(&self.metadata.credential_endpoint)?;
        let mut body = json!({ "credential_configuration_id": self.pass_type.word, "proofs": { "jwt": proofs } });
        if made.iter().any(|key| key.holder.is_some()) {
            let names = made.iter().map(|key| key.holder.as_ref().map(|holder| holder.id.as_str()));
            body["onecity_holders"] = names.collect();
        }
        let answer = send_with(inner, Outgoing::post_json(endpoint, &body), access).await?;
        if answer.status.is_client_error() && answer.status != StatusCode::UNAUTHORIZED {
            return Err(Error::refused(Refusal::Issuance, reason_of(&answer)));
        }
        let answer: CredentialAnswer = accepted(&answer)?.json()?;
        if answer.credentials.len() != made.len() {
            return Err(wrong("there are not as many as were asked for"));
        }
        let mut passes = Vec::new();
        for issued in &answer.credentials {
            let bytes = URL_SAFE_NO_PAD.decode(&issued.credential).map_err(|_| wrong("it can't be read"))?;
            let pass = self.check(inner, bytes, made)?;
            if passes.iter().any(|other: &Pass| other.key == pass.key || other.id == pass.id) {
                return Err(wrong("two are the same"));
            }
            passes.push(pass);
        }
        Ok(passes)
    }

    fn check(&self, inner: &Arc<Inner>, bytes: Vec<u8>, made: &[NewKey]) -> Result<Pass, Error> {
        let credential = Credential::parse(&bytes)?;
        let verified =
            IssuerVerified::verify(&credential, &self.list).map_err(|refusal| wrong(&refusal.to_string()))?;
        let key = made.iter().find(|key| key.public == *verified.holder());
        let key = key.ok_or_else(|| wrong("it is made out to another phone"))?;
        let claims = verified.claims();
        if verified.issuer() != self.issuer.url {
            return Err(wrong("another issuer signed it"));
        }
        if claims.pass_type != self.pass_type.id || claims.expires <= inner.time.now() {
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
            standing: Standing::Good,
            credential: bytes,
        })
    }
}

fn wrong(what: &str) -> Error {
    Error::SignatureInvalid { what: format!("the issued pass: {what}") }
}
