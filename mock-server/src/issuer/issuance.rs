//! OpenID for Verifiable Credential Issuance 1.0, with one format, `cq1`. Two things of our own: a resident may ask for a
//! pass for somebody in their care, whom the `holders` endpoint lists, by naming a holder for each proof; and a pass that
//! was deleted is revoked at the `revocation` endpoint.

use std::sync::PoisonError;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::AlgorithmParameters;
use onecity_protocol::credential::{PublicKey, UnixTime};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Record, STATUS_ENTRIES, forged, types};
use crate::faults::{Signed, What};
use crate::identity::{authenticate_at, random_text, verify_jws};
use crate::problem::Problem;
use crate::world::{In, World};

/// Most credentials in one answer.
const BATCH: usize = 8;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/.well-known/openid-credential-issuer/issuer/{issuer}", get(metadata))
        .route("/issuer/{issuer}/nonce", post(nonce))
        .route("/issuer/{issuer}/credential", post(credential))
        .route("/issuer/{issuer}/holders", get(holders))
        .route("/issuer/{issuer}/revocation", post(revocation))
}

async fn metadata(In(world): In, Path(issuer): Path<String>) -> Result<Json<Value>, Problem> {
    let own = world.issuers.with(&issuer, |issuer| Ok(issuer.types.clone()))?;
    let base = world.issuers.url(&issuer);
    let configurations: serde_json::Map<String, Value> = types()
        .into_iter()
        .filter(|kind| own.contains(&kind.id))
        .map(|kind| {
            let proofs = json!({ "jwt": { "proof_signing_alg_values_supported": ["ES256"] } });
            let configuration = json!({
                "format": "cq1", "credential_signing_alg_values_supported": [-7],
                "cryptographic_binding_methods_supported": ["cose_key"], "proof_types_supported": proofs,
            });
            (kind.word, configuration)
        })
        .collect();
    Ok(Json(json!({
        "credential_issuer": base,
        "authorization_servers": [format!("{}/idp/shandong", world.origin()), format!("{}/idp/vneid", world.origin())],
        "credential_endpoint": format!("{base}/credential"),
        "nonce_endpoint": format!("{base}/nonce"),
        "onecity_revocation_endpoint": format!("{base}/revocation"),
        "onecity_holders_endpoint": format!("{base}/holders"),
        "batch_credential_issuance": { "batch_size": BATCH },
        "credential_configurations_supported": configurations,
    })))
}

async fn nonce(In(world): In, Path(issuer): Path<String>) -> Result<Response, Problem> {
    world.issuers.with(&issuer, |_| Ok(()))?;
    let (nonce, now) = (random_text(), world.now());
    let mut nonces = world.issuers.nonces.lock().unwrap_or_else(PoisonError::into_inner);
    nonces.put(nonce.clone(), issuer, now);
    Ok(([("cache-control", "no-store")], Json(json!({ "c_nonce": nonce }))).into_response())
}

/// Whom the resident may hold a pass for.
async fn holders(In(world): In, Path(issuer): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    world.issuers.with(&issuer, |_| Ok(()))?;
    let persona = authenticate_at(&world, &headers, "GET", &world.issuers.url(&issuer), "/holders")?;
    let people = world.people();
    let all: Vec<Value> = people
        .in_care_of(&persona)
        .iter()
        .map(|own| json!({ "id": own.id, "name": own.name, "relation": own.relation }))
        .collect();
    Ok(([("cache-control", "no-store")], Json(json!({ "holders": all }))).into_response())
}

#[derive(Deserialize)]
struct CredentialRequest {
    credential_configuration_id: String,
    proofs: Proofs,
    /// One for each proof; empty if all are the resident's own.
    #[serde(default)]
    onecity_holders: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Proofs {
    jwt: Vec<String>,
}

#[derive(Clone, Deserialize)]
struct ProofClaims {
    aud: String,
    nonce: String,
    iat: UnixTime,
}

async fn credential(
    In(world): In,
    Path(issuer): Path<String>,
    headers: HeaderMap,
    Json(request): Json<CredentialRequest>,
) -> Result<Response, Problem> {
    let own = world.issuers.with(&issuer, |issuer| Ok(issuer.types.clone()))?;
    let persona = authenticate_at(&world, &headers, "POST", &world.issuers.url(&issuer), "/credential")?;
    let word = &request.credential_configuration_id;
    let kind = types().into_iter().find(|kind| kind.word == *word && own.contains(&kind.id));
    let kind = kind.ok_or_else(|| Problem::bad("unknown_credential_configuration", "this pass is not issued here"))?;
    let proofs = request.proofs.jwt;
    let mut names = request.onecity_holders;
    names.resize(proofs.len(), None);
    if proofs.is_empty() || proofs.len() > BATCH {
        return Err(Problem::bad("invalid_proof", "one to eight proofs at a time"));
    }
    let now = world.now();
    let people = world.people();
    let mut wanted = Vec::new();
    let mut nonces = Vec::new();
    for (proof, name) in proofs.iter().zip(names) {
        let holder = name.unwrap_or_else(|| persona.clone());
        if holder != persona && !people.in_care_of(&persona).iter().any(|own| own.id == holder) {
            return Err(Problem::bad("unknown_holder", "this resident has no such person in their care"));
        }
        let (key, nonce) = check_proof(&world, &issuer, proof, now)?;
        nonces.push(nonce);
        wanted.push((key, holder));
    }
    // One nonce serves all proofs of a request, and no other.
    nonces.dedup();
    let [nonce] = nonces.as_slice() else { return Err(Problem::bad("invalid_nonce", "one nonce for a request")) };
    let given = world.issuers.nonces.lock().unwrap_or_else(PoisonError::into_inner).take(nonce, now);
    if given.as_deref() != Some(issuer.as_str()) {
        return Err(Problem::bad("invalid_nonce", "the nonce was used, is too old, or another issuer's"));
    }
    let mut issued = Vec::new();
    for (key, holder) in wanted {
        let bytes = world.issuers.with(&issuer, |own| {
            let index = own.issued;
            if usize::try_from(index).is_ok_and(|index| index >= STATUS_ENTRIES) {
                return Err(Problem::full());
            }
            own.issued += 1;
            own.is_unwritten = true;
            let mut cti = [0; 8];
            hex::decode_to_slice(world.id(&format!("pass {issuer} {index}")), &mut cti).expect("16 digits");
            let record = Record {
                account: persona.clone(),
                is_child: people.is_child(&holder, &persona),
                holder,
                index,
                status: 0,
            };
            own.issue(cti, kind.id, &key, record, world.told()).map_err(|_| Problem::internal("the issuer's key"))
        })?;
        let is_forged = world.struck(|what| matches!(what, What::BadSignature { of: Signed::Pass })).is_some();
        let bytes = if is_forged { forged(bytes) } else { bytes };
        issued.push(json!({ "credential": URL_SAFE_NO_PAD.encode(bytes) }));
    }
    Ok(([("cache-control", "no-store")], Json(json!({ "credentials": issued }))).into_response())
}

/// OpenID4VCI 1.0 §F.4: the key that a proof proves, and the nonce it was made with.
fn check_proof(world: &World, issuer: &str, proof: &str, _now: UnixTime) -> Result<(PublicKey, String), Problem> {
    let wrong = || Problem::bad("invalid_proof", "the proof of the phone's key does not hold");
    let (claims, jwk): (ProofClaims, _) = verify_jws(proof, "openid4vci-proof+jwt").ok_or_else(wrong)?;
    if claims.aud != world.issuers.url(issuer) || world.told().abs_diff(claims.iat) > 300 {
        return Err(wrong());
    }
    let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm else { return Err(wrong()) };
    let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong());
    let point = [&[4][..], &coordinate(&key.x)?, &coordinate(&key.y)?].concat();
    Ok((PublicKey::from_sec1(&point).map_err(|_| wrong())?, claims.nonce))
}

#[derive(Deserialize)]
struct Revocation {
    pass: String,
}

/// A phone has deleted a pass: nobody shall use it any more.
async fn revocation(
    In(world): In,
    Path(issuer): Path<String>,
    headers: HeaderMap,
    Json(request): Json<Revocation>,
) -> Result<StatusCode, Problem> {
    let persona = authenticate_at(&world, &headers, "POST", &world.issuers.url(&issuer), "/revocation")?;
    let unknown = || Problem::bad("unknown_pass", "this resident has no such pass");
    let mut cti = [0; 8];
    hex::decode_to_slice(&request.pass, &mut cti).map_err(|_| unknown())?;
    let now = world.now();
    world.issuers.with(&issuer, |own| {
        own.records.get(&cti, now).filter(|record| record.account == persona).ok_or_else(unknown)?;
        let room = own.set_status(&cti, 1, now);
        if room { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::internal("the status list is too short")) }
    })
}
