//! Passes: credentials issued to a key of this phone (OpenID for Verifiable Credential Issuance 1.0), and the codes
//! over them. A code needs no network and no login.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::credential::{
    Audience, Credential, Issuer, IssuerVerified, PassType, PresentationDraft, PublicKey, Signature, TrustList,
    UnixTime, next_issued_at,
};
use onecity_protocol::names::Names;
use onecity_protocol::region::RegionId;
use onecity_store::{AccountId, Owner, Record};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::client::Inner;
use crate::drawing::QrPicture;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;
use crate::platform::KeyPurpose;
use crate::registry_sync::trust_list;
use crate::session::{Access, JwtSigner, bound_request};
use crate::submissions::reason_of;
use crate::views::{CodeView, PassView, Topic};

/// The credential format identifier of CQ1 in OpenID4VCI's metadata.
const FORMAT: &str = "cq1";
/// A last code this far in the future can't have been accepted by any gate whose clock is right, in seconds.
const CLOCK_MENDED: i64 = 60;

/// A pass as the vault keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pass {
    /// The hexadecimal `cti`.
    id: String,
    key: String,
    #[serde(with = "hex::serde")]
    credential: Vec<u8>,
    pass_type: String,
    type_names: Names,
    issuer_names: Names,
    region: RegionId,
    expires: UnixTime,
    window: u8,
}

impl Record for Pass {
    const KIND: &'static str = "pass";
    const FORMAT: u8 = 1;
}

impl Pass {
    fn view(&self, languages: &[String]) -> PassView {
        PassView {
            id: self.id.clone(),
            title: self.type_names.best(languages).to_owned(),
            pass_type: self.pass_type.clone(),
            issuer: self.issuer_names.best(languages).to_owned(),
            region: self.region.clone(),
            expires: self.expires,
        }
    }
}

/// The second that a pass's last code was signed for. Written after the code is shown, not before: losing it costs at
/// most one refusal, and the next code works.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct LastCode(UnixTime);

impl Record for LastCode {
    const KIND: &'static str = "last_code";
    const FORMAT: u8 = 1;
}

/// What OpenID4VCI's metadata (§12.2.4) says of an issuer.
#[derive(Debug, Deserialize)]
struct IssuerMetadata {
    credential_issuer: String,
    credential_endpoint: String,
    nonce_endpoint: String,
    credential_configurations_supported: HashMap<String, Configuration>,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    format: String,
}

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

/// The codes that were shown, so that no second is signed for twice while the app runs.
#[derive(Default)]
pub struct Passes {
    last: Mutex<HashMap<String, UnixTime>>,
}

impl Passes {
    /// Has a pass issued to a new key of this phone, and keeps it for the active account.
    pub async fn add(&self, inner: &Arc<Inner>, region: &RegionId, word: &str) -> Result<PassView, Error> {
        let first = region.first_level().ok_or_else(|| Error::invalid("region", "a nation issues no passes"))?;
        let list = trust_list(inner, &first).await?;
        let not_here = || Error::refused(Refusal::NotFound, format!("{first} has no pass of the type {word}"));
        let pass_type = list.types.iter().find(|kind| kind.word == word).cloned().ok_or_else(not_here)?;
        let issuer = issuer_of(&list, pass_type.id).ok_or_else(not_here)?;
        let metadata = self.metadata(inner, &issuer, word).await?;
        let access = inner.sessions.access(inner, None).await?;
        let token = access.token.clone();
        let owner = Owner::Account(access.account.clone());
        let issued = match self.request(inner, &metadata, &list, &pass_type, access).await {
            // The token was ended before its time: one renewal tells whether the session was, too.
            Err(Error::LoginRequired { .. }) => {
                let access = inner.sessions.access(inner, Some(&token)).await?;
                if Owner::Account(access.account.clone()) != owner {
                    return Err(Error::LoginRequired {
                        why: "another account has been logged in meanwhile".to_owned(),
                    });
                }
                self.request(inner, &metadata, &list, &pass_type, access).await
            }
            issued => issued,
        };
        let (key, credential, verified) = issued?;
        let claims = verified.claims();
        let pass = Pass {
            id: hex::encode(claims.cti),
            key,
            credential,
            pass_type: word.to_owned(),
            type_names: pass_type.names,
            issuer_names: issuer.names,
            region: region.clone(),
            expires: claims.expires,
            window: claims.window,
        };
        let view = pass.view(&inner.config.languages);
        let key = pass.key.clone();
        // Under the account that asked, even if another is active by now; if it is gone, so is the pass.
        if let Err(error) = inner.vault(move |vault| vault.put(&owner, &pass.id, &pass)).await {
            let keys = Arc::clone(&inner.platform.keys);
            inner.blocking(move || Ok(keys.delete(&key)?)).await?;
            return Err(error);
        }
        inner.platform.observer.changed(Topic::Passes);
        Ok(view)
    }

    async fn metadata(&self, inner: &Arc<Inner>, issuer: &Issuer, word: &str) -> Result<IssuerMetadata, Error> {
        let answer = inner.net.send(Outgoing::get(inner.net.url(&metadata_url(&issuer.url)?)?)).await?;
        let metadata: IssuerMetadata = answer.json()?;
        if metadata.credential_issuer != issuer.url {
            return Err(Error::refused(
                Refusal::WrongIssuer,
                "the issuer calls itself by another name than the registry does",
            ));
        }
        match metadata.credential_configurations_supported.get(word) {
            Some(configuration) if configuration.format == FORMAT => Ok(metadata),
            _ => Err(Error::refused(Refusal::Issuance, format!("the issuer does not issue {word} in this format"))),
        }
    }

    /// Makes a key and asks for a credential to it; the key goes again if nothing comes of it.
    async fn request(
        &self,
        inner: &Arc<Inner>,
        metadata: &IssuerMetadata,
        list: &TrustList,
        pass_type: &PassType,
        Access { token, signer, session, .. }: Access,
    ) -> Result<(String, Vec<u8>, IssuerVerified), Error> {
        let nonce_url = inner.net.url(&metadata.nonce_endpoint)?;
        let nonce: NonceAnswer = inner.net.send(Outgoing::post_json(nonce_url, &json!({}))).await?.json()?;
        let endpoint = inner.net.url(&metadata.credential_endpoint)?;
        let now = inner.time.now();
        let claims = json!({
            "iss": session.client_id(), "aud": metadata.credential_issuer, "iat": now, "nonce": nonce.c_nonce,
        });
        let (keys, configuration) = (Arc::clone(&inner.platform.keys), pass_type.word.clone());
        let (key, holder, request) = inner
            .blocking(move || {
                let key = keys.create(KeyPurpose::Pass)?;
                let holder = PublicKey::from_sec1(&keys.public_key(&key)?).map_err(Error::internal)?;
                let proof = JwtSigner::new(keys, key.clone()).sign("openid4vci-proof+jwt", &claims)?;
                let body = json!({ "credential_configuration_id": configuration, "proofs": { "jwt": [proof] } });
                let request = Outgoing::post_json(endpoint, &body);
                Ok((key, holder, bound_request(request, &signer, &token, now)?))
            })
            .await?;
        match self.issue(inner, request, &holder, list, pass_type).await {
            Ok((credential, verified)) => Ok((key, credential, verified)),
            Err(error) => {
                let keys = Arc::clone(&inner.platform.keys);
                inner.blocking(move || Ok(keys.delete(&key)?)).await?;
                Err(error)
            }
        }
    }

    /// Sends the request, and takes nothing from the issuer on trust: its signature must hold by the registry's
    /// list, and the credential must name the key that was just made.
    async fn issue(
        &self,
        inner: &Arc<Inner>,
        request: Outgoing,
        holder: &PublicKey,
        list: &TrustList,
        pass_type: &PassType,
    ) -> Result<(Vec<u8>, IssuerVerified), Error> {
        let answer = inner.net.send(request).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(Error::LoginRequired { why: "the issuer does not take this session any more".to_owned() });
        }
        if answer.status.is_client_error() {
            return Err(Error::refused(Refusal::Issuance, reason_of(&answer)));
        }
        let answer: CredentialAnswer = answer.json()?;
        let text = answer.credentials.first().map(|issued| issued.credential.as_str()).unwrap_or_default();
        let wrong = |what: &str| Error::SignatureInvalid { what: format!("the issued pass: {what}") };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong("it can't be read"))?;
        let credential = Credential::parse(&bytes)?;
        let verified = IssuerVerified::verify(&credential, list).map_err(|refusal| wrong(&refusal.to_string()))?;
        if verified.holder() != holder {
            return Err(wrong("it is made out to another phone"));
        }
        if verified.claims().pass_type != pass_type.id || verified.claims().expires <= inner.time.now() {
            return Err(wrong("it is of another type, or has expired"));
        }
        Ok((bytes, verified))
    }

    /// The passes of the active account.
    pub async fn list(&self, inner: &Arc<Inner>) -> Result<Vec<PassView>, Error> {
        let owner = inner.active_owner().await?;
        let mut passes: Vec<Pass> = inner.vault(move |vault| vault.list(&owner)).await?;
        passes.sort_by(|a, b| (&a.region, &a.pass_type, &a.id).cmp(&(&b.region, &b.pass_type, &b.id)));
        Ok(passes.iter().map(|pass| pass.view(&inner.config.languages)).collect())
    }

    /// A fresh code over a pass.
    pub async fn code(&self, inner: &Arc<Inner>, id: &str, audience: Audience) -> Result<CodeView, Error> {
        let (owner, name) = (inner.active_owner().await?, id.to_owned());
        let (kept_of, kept) = (owner.clone(), name.clone());
        let (pass, last): (Option<Pass>, Option<LastCode>) =
            inner.vault(move |vault| Ok((vault.get(&kept_of, &kept)?, vault.get(&kept_of, &kept)?))).await?;
        let pass = pass.ok_or_else(|| Error::refused(Refusal::NotFound, "this pass is not on the phone"))?;
        let reading = inner.time.read();
        let issued = self.next_second(id, reading.now, last);
        inner.later(move |vault| vault.put(&owner, &name, &LastCode(issued)));
        let keys = Arc::clone(&inner.platform.keys);
        inner
            .blocking(move || {
                let draft = PresentationDraft::new(&pass.credential, issued, audience, 0)?;
                let signature = keys.sign(&pass.key, draft.message())?;
                let signature = Signature::from_der(&signature).map_err(Error::internal)?;
                let text = draft.sign(&signature);
                let picture = QrPicture::of(&text)?;
                let next = issued + i64::from(pass.window / 2).max(1);
                let time_unverified = !reading.verified;
                Ok(CodeView { pass_id: pass.id, text, picture, issued, next, time_unverified })
            })
            .await
    }

    fn next_second(&self, id: &str, now: UnixTime, kept: Option<LastCode>) -> UnixTime {
        let mut shown = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A last code far ahead was signed under a clock that has since been set right: it no longer binds.
        let last = shown.get(id).copied().max(kept.map(|LastCode(at)| at)).filter(|last| *last < now + CLOCK_MENDED);
        let issued = next_issued_at(now, last);
        shown.insert(id.to_owned(), issued);
        issued
    }

    /// Deletes the hardware keys of an account's passes, before its records go.
    pub async fn forget(&self, inner: &Arc<Inner>, account: &AccountId) -> Result<(), Error> {
        let owner = Owner::Account(account.clone());
        let passes: Vec<Pass> = inner.vault(move |vault| vault.list(&owner)).await?;
        let keys = Arc::clone(&inner.platform.keys);
        inner.blocking(move || Ok(passes.iter().try_for_each(|pass| keys.delete(&pass.key))?)).await
    }
}

/// The issuer whose key may sign this type.
fn issuer_of(list: &TrustList, pass_type: u64) -> Option<Issuer> {
    let url = list.issuer_of_type(pass_type)?;
    list.issuers.iter().find(|issuer| issuer.url == url).cloned()
}

/// OpenID4VCI 1.0 §12.2.2: the well-known part goes between host and path.
fn metadata_url(issuer: &str) -> Result<String, Error> {
    let mut url =
        Url::parse(issuer).map_err(|error| Error::SignatureInvalid { what: format!("an issuer: {error}") })?;
    let path = format!("/.well-known/openid-credential-issuer{}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_s_metadata_is_where_the_specification_says() {
        let at = |issuer| metadata_url(issuer).expect("a URL");
        assert_eq!(at("https://a.example"), "https://a.example/.well-known/openid-credential-issuer");
        assert_eq!(at("https://a.example/x/y"), "https://a.example/.well-known/openid-credential-issuer/x/y");
    }
}
