//! The payment page: one button, and a signed receipt on the way back.

use axum::extract::{Form, Path, Query};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use onecity_protocol::region::UnitId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{named, unit};
use crate::identity::home;
use crate::pages;
use crate::problem::Problem;
use crate::world::{In, World};

/// What the app asks to be paid.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct PayRequest {
    pub order: String,
    pub amount: u64,
    pub currency: String,
    pub return_uri: String,
    pub state: String,
    /// Whose service it is for: the city's own, or an office's of the same place.
    #[serde(default)]
    pub unit: Option<String>,
}

impl PayRequest {
    fn check(&self) -> Result<(), Problem> {
        let is_home = home(&self.return_uri).is_some();
        is_home.then_some(()).ok_or(Problem::bad("invalid_request", "this app is not registered here"))
    }
}

pub(super) async fn page(
    In(world): In,
    Path(path): Path<String>,
    headers: HeaderMap,
    Query(request): Query<PayRequest>,
) -> Result<Response, Problem> {
    let unit = unit(&world, &path)?;
    request.check()?;
    let language = pages::Language::of(&headers);
    let payee = named(&world, &unit)["name"][language.tag()].as_str().unwrap_or_default().to_owned();
    Ok(pages::pay(language, &payee, &request).into_response())
}

pub(super) async fn pay(
    In(world): In,
    Path(path): Path<String>,
    Form(request): Form<PayRequest>,
) -> Result<Redirect, Problem> {
    request.check()?;
    let back = receipt(&world, &path, &request).ok_or_else(Problem::not_found)?;
    Ok(Redirect::to(&back))
}

fn receipt(world: &World, path: &str, request: &PayRequest) -> Option<String> {
    let unit = unit(world, path).ok()?;
    // The page says whose receipt it is, never the one who asks: but its own offices' it may sign for, too.
    let asked = request.unit.as_deref().and_then(|asked| asked.parse::<UnitId>().ok());
    let payee = asked.filter(|asked| asked.region() == unit.region()).unwrap_or_else(|| unit.clone());
    let claims = json!({
        "vct": "receipt", "sub": request.order, "amount": request.amount, "currency": request.currency,
        "paid_at": world.now(), "payee": named(world, &unit)["name"]["en"], "order": request.order,
        "unit": payee.to_string(), "state": request.state,
    });
    let receipt = world.document(unit.region(), claims, &json!({}))?;
    let mut back = home(&request.return_uri)?;
    back.query_pairs_mut().append_pair("state", &request.state).append_pair("receipt", &receipt);
    Some(back.into())
}

/// What the browser comes back with from a payment page, for a phone without a browser.
pub(crate) fn paid(world: &World, url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let path = url.path().strip_prefix("/city/")?.strip_suffix("/pay")?.to_owned();
    let fields: serde_json::Map<String, serde_json::Value> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    let text = |name: &str| Some(fields.get(name)?.as_str()?.to_owned());
    let request = PayRequest {
        order: text("order")?,
        amount: text("amount")?.parse().ok()?,
        currency: text("currency")?,
        return_uri: text("return_uri")?,
        state: text("state")?,
        unit: text("unit"),
    };
    receipt(world, &path, &request)
}
