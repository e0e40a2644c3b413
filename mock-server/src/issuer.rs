//! The issuers of passes: OpenID for Verifiable Credential Issuance 1.0, credentials to a phone's own key.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::AlgorithmParameters;
use onecity_protocol::credential::{
    Claims, CredentialDraft, Issuer, PassType, PublicKey, StatusEntry, TrustList, TrustedKey, UnixTime, WINDOW_DEFAULT,
    sample::{SampleError, SoftwareKey},
};
use onecity_protocol::names::Names;
use onecity_protocol::region::{RegionId, RegionTree};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::identity::{authenticate, random_text, verify_jws};
use crate::problem::Problem;
use crate::world::World;

const DAY: i64 = 86_400;
const PASS_LASTS: i64 = 30 * DAY;
/// The only type so far: the transit pass.
const TRANSIT: u64 = 1;

/// Why the issuers could not be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IssuerError(#[from] SampleError);

struct RegionIssuer {
    key: SoftwareKey,
    trust_list: TrustList,
    scope: u64,
}

/// One issuer for each first-level region that has one.
pub struct Issuers {
    by_region: HashMap<RegionId, RegionIssuer>,
    issued: AtomicU64,
    nonces: Mutex<HashMap<String, UnixTime>>,
}

impl Issuers {
    pub fn new(origin: &str, tree: &RegionTree) -> Result<Self, IssuerError> {
        let mut by_region = HashMap::new();
        for id in ["cn-sd", "vn-hn"] {
            let id: RegionId = id.parse().expect("a region");
            let region = tree.get(&id);
            let scope = region.and_then(|region| region.code.get(..2)?.parse().ok()).unwrap_or_default();
            let names = region.map(|region| region.names.clone()).unwrap_or_default();
            by_region.insert(id.clone(), RegionIssuer::new(origin, &id, scope, names)?);
        }
        Ok(Self { by_region, issued: AtomicU64::new(0), nonces: Mutex::default() })
    }

    pub fn trust_lists(&self) -> BTreeMap<RegionId, TrustList> {
        self.by_region.iter().map(|(id, issuer)| (id.clone(), issuer.trust_list.clone())).collect()
    }
}

impl RegionIssuer {
    fn new(origin: &str, region: &RegionId, scope: u64, names: Names) -> Result<Self, IssuerError> {
        let key = SoftwareKey::generate()?;
        let url = format!("{origin}/issuer/{region}");
        let trusted = TrustedKey {
            key: key.public()?,
            issuer: url.clone(),
            types: vec![TRANSIT],
            scopes: vec![scope],
            not_before: 0,
            not_after: 4_102_444_800,
        };
        let transit =
            Names::new().with("zh", "公共交通乘车码").with("vi", "Thẻ giao thông công cộng").with("en", "Transit pass");
        let types = vec![PassType { id: TRANSIT, word: "transit".to_owned(), names: transit }];
        let issuers = vec![Issuer { url, names }];
        let trust_list = TrustList::new(format!("{origin}/status/{region}"), types, issuers, vec![trusted]);
        Ok(Self { key, trust_list, scope })
    }
}

pub fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/.well-known/openid-credential-issuer/issuer/{region}", get(metadata))
        .route("/issuer/{region}/nonce", post(nonce))
        .route("/issuer/{region}/credential", post(credential))
}

fn known<'a>(world: &'a World, region: &str) -> Result<(RegionId, &'a RegionIssuer), Problem> {
    let id: Option<RegionId> = region.parse().ok();
    let found = id.and_then(|id| Some((id.clone(), world.issuers.by_region.get(&id)?)));
    found.ok_or_else(Problem::not_found)
}

async fn metadata(State(world): State<Arc<World>>, Path(region): Path<String>) -> Result<Json<Value>, Problem> {
    let (id, issuer) = known(&world, &region)?;
    let base = format!("{}/issuer/{id}", world.origin());
    let configurations: serde_json::Map<String, Value> = issuer
        .trust_list
        .types
        .iter()
        .map(|kind| {
            let proofs = json!({ "jwt": { "proof_signing_alg_values_supported": ["ES256"] } });
            let configuration = json!({
                "format": "cq1", "credential_signing_alg_values_supported": [-7],
                "cryptographic_binding_methods_supported": ["cose_key"], "proof_types_supported": proofs,
            });
            (kind.word.clone(), configuration)
        })
        .collect();
    Ok(Json(json!({
        "credential_issuer": base,
        "authorization_servers": [format!("{}/idp/shandong", world.origin()), format!("{}/idp/vneid", world.origin())],
        "credential_endpoint": format!("{base}/credential"),
        "nonce_endpoint": format!("{base}/nonce"),
        "credential_configurations_supported": configurations,
    })))
}

async fn nonce(State(world): State<Arc<World>>, Path(region): Path<String>) -> Result<Response, Problem> {
    known(&world, &region)?;
    let (nonce, now) = (random_text(), world.now());
    let mut nonces = world.issuers.nonces.lock().unwrap_or_else(PoisonError::into_inner);
    nonces.retain(|_, made| now - *made < 300);
    nonces.insert(nonce.clone(), now);
    Ok(([("cache-control", "no-store")], Json(json!({ "c_nonce": nonce }))).into_response())
}

#[derive(Deserialize)]
struct CredentialRequest {
    credential_configuration_id: String,
    proofs: Proofs,
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
    State(world): State<Arc<World>>,
    Path(region): Path<String>,
    headers: HeaderMap,
    Json(request): Json<CredentialRequest>,
) -> Result<Response, Problem> {
    let (id, issuer) = known(&world, &region)?;
    authenticate(&world, &headers, "POST", &format!("/issuer/{id}/credential"))?;
    let kind = issuer.trust_list.types.iter().find(|kind| kind.word == request.credential_configuration_id);
    let kind = kind.ok_or_else(|| Problem::bad("unknown_credential_configuration", "this pass is not issued here"))?;
    let [proof] = request.proofs.jwt.as_slice() else {
        return Err(Problem::bad("invalid_proof", "one proof at a time"));
    };
    let wrong = || Problem::bad("invalid_proof", "the proof of the phone's key does not hold");
    let (claims, jwk): (ProofClaims, _) = verify_jws(proof, "openid4vci-proof+jwt").ok_or_else(wrong)?;
    let now = world.now();
    let nonce = world.issuers.nonces.lock().unwrap_or_else(PoisonError::into_inner).remove(&claims.nonce);
    if nonce.is_none() {
        return Err(Problem::bad("invalid_nonce", "the nonce was used or is too old"));
    }
    if claims.aud != format!("{}/issuer/{id}", world.origin()) || (now - claims.iat).abs() > 300 {
        return Err(wrong());
    }
    let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm else { return Err(wrong()) };
    let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong());
    let point = [&[4][..], &coordinate(&key.x)?, &coordinate(&key.y)?].concat();
    let holder = PublicKey::from_sec1(&point).map_err(|_| wrong())?;
    let bytes = sign(&world, issuer, kind.id, &holder, now).map_err(|_| Problem::internal("the issuer's key"))?;
    let issued = json!({ "credentials": [{ "credential": URL_SAFE_NO_PAD.encode(bytes) }] });
    Ok(([("cache-control", "no-store")], Json(issued)).into_response())
}

fn sign(
    world: &World,
    issuer: &RegionIssuer,
    pass_type: u64,
    holder: &PublicKey,
    now: UnixTime,
) -> Result<Vec<u8>, SampleError> {
    let index = world.issuers.issued.fetch_add(1, Ordering::Relaxed);
    let mut cti = [0; 8];
    hex::decode_to_slice(world.id(&format!("pass {index}")), &mut cti).expect("16 hexadecimal digits");
    let claims = Claims {
        expires: now + PASS_LASTS,
        issued: now,
        cti,
        pass_type,
        scopes: vec![issuer.scope],
        fare_class: 1,
        status: StatusEntry { list: 1, index },
        window: WINDOW_DEFAULT,
    };
    let draft = CredentialDraft::new(&claims, holder, issuer.key.public()?.kid());
    let signature = issuer.key.sign(draft.message())?;
    Ok(draft.sign(&signature))
}
