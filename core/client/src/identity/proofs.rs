//! Requests with a proof that this phone's key is at hand, and the nonces that servers want in them (RFC 9449 §8, §9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::dpop::proof;
use super::secret::Secret;
use crate::device::http::{Answer, Outgoing};
use crate::device::{Boxed, Device, DeviceKey};
use crate::error::Error;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// Most nonces that are remembered, and the longest one.
const MAX_NONCES: usize = 256;
const MAX_NONCE: usize = 512;

/// The newest nonce of each origin for each key: one that was given to one account or service is never shown by another.
#[derive(Default)]
struct Nonces(Mutex<HashMap<(String, String), String>>);

impl Nonces {
    fn of(&self, place: &(String, String)) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    fn learn(&self, place: (String, String), nonce: &str) {
        let mut nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if nonces.len() >= MAX_NONCES {
            // A server whose nonce was dropped says it again.
            nonces.clear();
        }
        if nonce.len() <= MAX_NONCE {
            nonces.insert(place, nonce.to_owned());
        }
    }
}

/// Sends requests with proofs.
pub(super) struct Proofs {
    device: Arc<Device>,
    nonces: Nonces,
}

impl Proofs {
    pub(super) fn new(device: &Arc<Device>) -> Self {
        Self { device: Arc::clone(device), nonces: Nonces::default() }
    }

    /// Sends a request with a proof, and the token that it goes with, if any. A server that wants its nonce in the
    /// proof gets a second one.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] if the device no longer has the key.
    pub(super) fn send<'a>(
        &'a self,
        request: Outgoing,
        key: &'a DeviceKey,
        token: Option<&'a Secret>,
    ) -> Boxed<'a, Result<Answer, Error>> {
        Box::pin(self.send_with_proof(request, key, token))
    }

    async fn send_with_proof(
        &self,
        request: Outgoing,
        key: &DeviceKey,
        token: Option<&Secret>,
    ) -> Result<Answer, Error> {
        let place = (request.url.origin().ascii_serialization(), key.id().to_owned());
        let mut asked = false;
        loop {
            let nonce = self.nonces.of(&place);
            let now = self.device.time.now().await;
            let proof = proof(key, request.method.as_str(), request.url.as_str(), token, nonce.as_deref(), now).await;
            let proof = proof.map_err(|error| match error {
                Error::DeviceKeyGone => Error::login_required("this phone's key for the session is gone"),
                other => other,
            })?;
            let value = |text: &str| HeaderValue::from_str(text).map_err(Error::internal);
            let mut sent = request.clone().header(DPOP, value(&proof)?);
            if let Some(token) = token {
                let mut authorization = value(&format!("DPoP {}", token.expose()))?;
                authorization.set_sensitive(true);
                sent = sent.header(AUTHORIZATION, authorization);
            }
            let answer = self.device.http.send(sent).await?;
            let told = answer.headers.get(DPOP_NONCE).and_then(|nonce| nonce.to_str().ok());
            if let Some(nonce) = told {
                self.nonces.learn(place.clone(), nonce);
            }
            if asked || told.is_none() || !wants_nonce(&answer) {
                return Ok(answer);
            }
            asked = true;
        }
    }
}

/// A token endpoint says so in its body, a resource server in a header.
fn wants_nonce(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    let in_body = || serde_json::from_slice::<Said>(&answer.body).is_ok_and(|said| said.error == "use_dpop_nonce");
    match answer.status {
        StatusCode::BAD_REQUEST => in_body(),
        StatusCode::UNAUTHORIZED => challenge(answer).is_some_and(|said| said.contains("use_dpop_nonce")) || in_body(),
        _ => false,
    }
}

fn challenge(answer: &Answer) -> Option<&str> {
    answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok())
}

/// How strongly a resource server wants the resident to have logged in (RFC 9470 §3), if that is what it said.
pub(super) fn wanted_acr(answer: &Answer) -> Option<String> {
    let said = challenge(answer).filter(|said| said.contains("insufficient_user_authentication"))?;
    let values = said.split("acr_values=\"").nth(1)?.split('"').next()?;
    // The first is the one it likes best.
    values.split(' ').next().filter(|acr| (1..=200).contains(&acr.len())).map(str::to_owned)
}
