//! What verifiers ask of an issuer: status lists, and what a one-use grant is good for.

use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use onecity_protocol::credential::{
    Addressed, Decision, Gate, GatePolicy, Presentation, StatusListToken, UnixTime, WithoutStatus,
};
use onecity_protocol::region::RegionId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Revoked, forged};
use crate::content::People;
use crate::faults::{Signed, What};
use crate::gates::remember;
use crate::problem::Problem;
use crate::world::In;

pub(super) fn routes() -> Router {
    Router::new().route("/status/{region}/{list}", get(status_list)).route("/issuer/{issuer}/redeem", post(redeem))
}

/// A status list token (draft-ietf-oauth-status-list-21 §8.1).
async fn status_list(In(world): In, Path((region, list)): Path<(String, u64)>) -> Result<Response, Problem> {
    let region: RegionId = region.parse().map_err(|_| Problem::not_found())?;
    let base = world.issuers.status_base(&region);
    let strike = world.struck(|what| matches!(what, What::RevokedPass { .. }));
    let revoked = strike.as_ref().and_then(|strike| match &strike.what {
        What::RevokedPass { persona } => Some(Revoked { persona: persona.as_deref() }),
        _ => None,
    });
    let token = {
        let all = world.issuers.lock();
        let own = all.values().find(|issuer| issuer.region == region && issuer.list == list);
        own.ok_or_else(Problem::not_found)?.status_list(&base, world.told(), revoked)
    };
    let token = token.map_err(|_| Problem::internal("the issuer's key"))?;
    let is_forged = world.struck(|what| matches!(what, What::BadSignature { of: Signed::StatusList })).is_some();
    let token = if is_forged { forged(token) } else { token };
    let headers = [(header::CONTENT_TYPE, "application/statuslist+cwt"), (header::CACHE_CONTROL, "max-age=3600")];
    Ok((headers, token).into_response())
}

#[derive(Deserialize)]
struct Redemption {
    verifier: u32,
    code: String,
}

/// A counter trades a grant, once, for what its holder agreed to show. The resource server runs the same gate as a
/// turnstile does, for codes that are addressed to this counter and made for its purpose.
async fn redeem(
    In(world): In,
    Path(issuer): Path<String>,
    headers: HeaderMap,
    Json(request): Json<Redemption>,
) -> Result<Response, Problem> {
    let secret = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if secret != Some(world.verifier_secret(request.verifier).as_str()) {
        return Err(Problem::unauthorized("this verifier is not known"));
    }
    let region = world.issuers.with(&issuer, |own| Ok(own.region.clone()))?;
    let trust = world.issuers.trust_list(&region);
    let verifier = trust.words.verifier(request.verifier).ok_or_else(Problem::not_found)?.clone();
    let (base, now) = (world.issuers.status_base(&region), world.now());
    let malformed = |_| Problem::bad("malformed", "this is not a code");
    let presentation = Presentation::parse(&request.code).map_err(malformed)?;
    let pass_type = presentation.credential().claims().pass_type;
    let purpose = trust.words.purpose(&verifier, presentation.purpose(), pass_type);
    let purpose = purpose.ok_or_else(|| Problem::bad("wrong_purpose", "the code is no grant for this counter"))?;
    let fields = world.issuers.with(&issuer, |own| {
        let token = own.status_list(&base, now, None).ok().and_then(|list| StatusListToken::parse(&list).ok());
        // A gate's time never goes back: one whose world was set back begins again.
        let place = (request.verifier, purpose.id);
        if own.gates.get(&place).is_some_and(|(_, seen)| now < *seen) {
            own.gates.remove(&place);
        }
        let (gate, seen) = own.gates.entry(place).or_insert_with(|| {
            let policy = GatePolicy {
                number: request.verifier,
                addressed: Addressed::ThisGate,
                purpose: purpose.id,
                ..GatePolicy::of_types(own.types.iter().copied(), WithoutStatus::FailClosed)
            };
            // The server's memory lives as long as the world, and no grant is older.
            let mut gate = Gate::new(trust.clone(), policy, now - 3600);
            remember(&mut gate, own.remembered.remove(&place).unwrap_or_default(), now);
            (gate, now)
        });
        *seen = now;
        gate.set_trust_list(trust.clone());
        token.and_then(|token| gate.set_status_list(token, now).ok()).ok_or(Problem::internal("the status list"))?;
        let record = own.records.get(&presentation.credential().claims().cti, now).cloned();
        match gate.check(&request.code, now) {
            Decision::Accepted(_) => {
                own.has_passed(place, now);
                record.ok_or_else(Problem::not_found)
            }
            Decision::AlreadyAccepted(_) => Err(Problem::bad("replayed", "this grant has been redeemed")),
            Decision::Refused(refusal) => Err(Problem::bad(refusal.name(), "the gate of the resource server refuses")),
        }
    })?;
    tracing::info!(purpose = purpose.id, verifier = request.verifier, "a grant was redeemed");
    Ok(Json(answer(&world.people(), &purpose.fields, &fields.account, &fields.holder, now)).into_response())
}

fn answer(people: &People, fields: &[String], account: &str, holder: &str, now: UnixTime) -> Value {
    let value = |field: &String| match field.as_str() {
        "name" => people.name_of(holder, account).map(str::to_owned),
        other => people.health(holder, other).map(str::to_owned),
    };
    let shown: serde_json::Map<String, Value> =
        fields.iter().filter_map(|field| Some((field.clone(), value(field)?.into()))).collect();
    json!({ "redeemed": now, "fields": shown })
}
