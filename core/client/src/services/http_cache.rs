//! Answers of a city's back end, kept by the rules of RFC 9111 (the `http-cache-semantics` crate decides), sealed, for one
//! account and one service: what was seen once is there without a network, and says how old it is.
//!
//! ```text
//!   fresh ─────────────────────────────────────────────> kept answer
//!   stale, within stale-while-revalidate ──────────────> kept answer, fetched again behind it
//!   stale ──(fetched again)──> 304: kept answer │ 200: new answer │ 5xx within stale-if-error: kept answer
//!                       └──(no network)──> kept answer and its age, unless it forbids that
//! ```

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Request, Response, header};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use onecity_protocol::credential::UnixTime;
use onecity_protocol::service::ServiceId;
use onecity_store::{Owner, Record, StoreError, Vault};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::device::http::{Answer, Outgoing};
use crate::device::{Device, spawn};
use crate::error::Error;
use crate::identity::{OnBehalf, Sessions};
use crate::views::Freshness;

/// What a service's kept answers may take, in bytes as sealed; and those of an account all together.
const PER_SERVICE: u64 = 10 << 20;
const PER_ACCOUNT: u64 = 100 << 20;
/// The largest answer that is kept, in bytes.
const LARGEST: usize = 1 << 20;
/// How often it is written down that an answer was used, in seconds.
const USED_APART: i64 = 3600;
/// How many answers are fetched again behind others at a time, and how long each may take.
const MAX_BEHIND: usize = 16;
const BEHIND: Duration = Duration::from_secs(30);
/// How far ahead of now something may have been kept before its time counts for nothing, in seconds.
const CLOCK_CORRECTED: i64 = 300;
/// The largest `Age` that is believed, in seconds.
const OLDEST: u64 = 10 * 365 * 86_400;

/// An answer as it was kept.
#[derive(Clone, Serialize, Deserialize)]
struct StoredResponse {
    policy: CachePolicy,
    status: u16,
    /// The answer's own `Cache-Control`.
    cache_control: String,
    /// When the origin last said it, in seconds.
    at: UnixTime,
    #[serde(with = "base64_text")]
    body: Vec<u8>,
}

impl Record for StoredResponse {
    const KIND: &'static str = "response";
    const FORMAT: u8 = 1;
}

/// Answers that are fetched again behind what was shown: each once at a time, and few at all.
#[derive(Default)]
struct Refreshing(Mutex<HashSet<String>>);

impl Refreshing {
    fn begin(&self, place: &str) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.len() < MAX_BEHIND && asked.insert(place.to_owned())
    }

    fn end(&self, place: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }
}

mod base64_text {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// An answer, and how far it can be relied on.
pub(crate) struct CachedResponse {
    pub status: u16,
    pub body: Vec<u8>,
    pub freshness: Freshness,
}

/// For whom something is asked.
#[derive(Clone)]
pub(crate) struct RequestContext {
    pub owner: Owner,
    pub service: ServiceId,
    /// With whose token, if the resident has agreed to that.
    pub whom: Option<OnBehalf>,
}

impl RequestContext {
    /// Answers to somebody who is known are another's than answers to nobody.
    fn name(&self, url: &url::Url) -> String {
        let known = if self.whom.is_some() { "known" } else { "unknown" };
        format!("{known} {url}")
    }

    /// The request as the rules see it: that it carries a token matters, the token does not.
    fn seen(&self, request: &Outgoing) -> Request<()> {
        let mut seen = Request::new(());
        *seen.method_mut() = request.method.clone();
        *seen.uri_mut() = request.url.as_str().parse().unwrap_or_default();
        *seen.headers_mut() = request.headers.clone();
        if self.whom.is_some() {
            seen.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("DPoP"));
        }
        seen
    }
}

/// What the cities' back ends said before.
pub(crate) struct HttpCache {
    device: Arc<Device>,
    sessions: Arc<Sessions>,
    refreshing: Refreshing,
}

impl HttpCache {
    pub(crate) fn new(device: &Arc<Device>, sessions: &Arc<Sessions>) -> Arc<Self> {
        let (device, sessions) = (Arc::clone(device), Arc::clone(sessions));
        Arc::new(Self { device, sessions, refreshing: Refreshing::default() })
    }

    async fn send(&self, context: &RequestContext, request: Outgoing) -> Result<Answer, Error> {
        match &context.whom {
            Some(whom) => self.sessions.send_on_behalf(whom, request).await,
            None => self.device.http.send(request).await,
        }
    }

    /// Asks the origin, or answers with what it said before.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        context: &RequestContext,
        request: Outgoing,
    ) -> Result<CachedResponse, Error> {
        if request.method != Method::GET {
            let url = request.url.clone();
            let answer = self.send(context, request).await?;
            // RFC 9111 §4.4: what was changed is not what was kept.
            if !answer.status.is_client_error() && !answer.status.is_server_error() {
                self.forget(context, &url).await?;
            }
            return Ok(fresh(answer));
        }
        let (owner, service, name) = (context.owner.clone(), context.service.clone(), context.name(&request.url));
        let now = self.device.time.now().await;
        let kept = self.device.vault(move |vault| {
            let kept = vault.get_scoped::<StoredResponse>(&owner, &service, &name)?;
            if kept.is_some() {
                vault.touch_scoped::<StoredResponse>(&owner, &service, &name, now, USED_APART)?;
            }
            Ok(kept)
        });
        // One that can't be read any more is as good as none.
        let Some(kept) = kept.await.unwrap_or_default() else {
            let answer = self.send(context, request.clone()).await?;
            self.keep(context, &request, &answer).await;
            return Ok(fresh(answer));
        };
        // What was kept under a clock that was ahead would seem fresh until that time has come.
        let moment_asked = if kept.at > now + CLOCK_CORRECTED { moment(i64::MAX >> 8) } else { moment(now) };
        let (parts, matches) = match kept.policy.before_request(&context.seen(&request), moment_asked) {
            BeforeRequest::Fresh(_) => return Ok(kept.answered(Freshness::Fresh)),
            BeforeRequest::Stale { request, matches } => (request, matches),
        };
        let may = if matches { kept.may_be_stale(now) } else { MayBeStale::default() };
        let mut conditional = request.clone();
        for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
            if let Some(value) = parts.headers.get(&name) {
                conditional.headers.insert(name, value.clone());
            }
        }
        if may.meanwhile {
            let answered = kept.answered(Freshness::Stale { since: kept.at });
            let place = format!("{:?} {} {}", context.owner, context.service, context.name(&request.url));
            if self.refreshing.begin(&place) {
                let (cache, context) = (Arc::clone(self), context.clone());
                spawn(async move {
                    let asked = tokio::time::timeout(BEHIND, cache.send(&context, conditional));
                    if let Ok(Ok(answer)) = asked.await {
                        cache.renew(&context, &request, kept, answer).await;
                    }
                    cache.refreshing.end(&place);
                });
            }
            return Ok(answered);
        }
        match self.send(context, conditional).await {
            Ok(answer) if answer.status.is_server_error() && may.on_error => {
                Ok(kept.answered(Freshness::Stale { since: kept.at }))
            }
            Ok(answer) => Ok(self.renew(context, &request, kept, answer).await),
            Err(Error::Network { .. }) if may.offline => Ok(kept.answered(Freshness::Offline { since: kept.at })),
            Err(error) => Err(error),
        }
    }
}

/// When an answer that is no longer fresh may be given all the same.
#[derive(Default)]
struct MayBeStale {
    /// While it is fetched again (RFC 5861 §3).
    meanwhile: bool,
    /// In place of a server's fault (RFC 5861 §4).
    on_error: bool,
    /// Where there is no network (RFC 9111 §4.2.4).
    offline: bool,
}

impl StoredResponse {
    fn answered(&self, freshness: Freshness) -> CachedResponse {
        CachedResponse { status: self.status, body: self.body.clone(), freshness }
    }

    fn may_be_stale(&self, now: UnixTime) -> MayBeStale {
        let directives = || self.cache_control.split(',').map(str::trim);
        let says = |word: &str| directives().any(|own| own.eq_ignore_ascii_case(word));
        let seconds = |word: &str| {
            let value =
                directives().find_map(|own| own.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case(word)));
            value.and_then(|(_, value)| value.trim_matches('"').parse::<i64>().ok()).unwrap_or(-1)
        };
        if says("no-cache") || says("must-revalidate") {
            return MayBeStale::default();
        }
        let lifetime = i64::try_from(self.policy.time_to_live(moment(self.at)).as_secs()).unwrap_or(i64::MAX);
        let stale_for = (now - self.at).saturating_sub(lifetime);
        let within = |word: &str| self.at <= now + CLOCK_CORRECTED && stale_for <= seconds(word);
        MayBeStale { meanwhile: within("stale-while-revalidate"), on_error: within("stale-if-error"), offline: true }
    }
}

impl HttpCache {
    /// Takes what the origin said to a question about a kept answer.
    async fn renew(
        &self,
        context: &RequestContext,
        request: &Outgoing,
        kept: StoredResponse,
        answer: Answer,
    ) -> CachedResponse {
        let now = self.device.time.now().await;
        match kept.policy.after_response(&context.seen(request), &seen(&answer), moment(now)) {
            AfterResponse::NotModified(policy, parts) => {
                let cache_control = parts.headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
                let cache_control = cache_control.map_or(kept.cache_control, str::to_owned);
                let renewed = StoredResponse { policy, cache_control, at: now, ..kept };
                let answered = renewed.answered(Freshness::Fresh);
                self.write(context, &request.url, renewed).await;
                answered
            }
            AfterResponse::Modified(..) => {
                self.keep(context, request, &answer).await;
                fresh(answer)
            }
        }
    }

    /// Keeps an answer if it may be kept; one that may not takes the place of what was there.
    async fn keep(&self, context: &RequestContext, request: &Outgoing, answer: &Answer) {
        let now = self.device.time.now().await;
        let options = CacheOptions { shared: false, ..CacheOptions::default() };
        let policy = CachePolicy::new_options(&context.seen(request), &seen(answer), moment(now), options);
        // What has neither a lifetime nor a validator is still worth having where there is no network.
        if !policy.is_storable() || answer.status.is_server_error() || answer.body.len() > LARGEST {
            if !answer.status.is_server_error() && self.forget(context, &request.url).await.is_err() {
                tracing::warn!("an answer that counts no more was not removed");
            }
            return;
        }
        let cache_control = answer.headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
        let cache_control = cache_control.unwrap_or_default().to_owned();
        let kept = StoredResponse {
            policy,
            status: answer.status.as_u16(),
            cache_control,
            at: now,
            body: answer.body.clone(),
        };
        self.write(context, &request.url, kept).await;
    }

    async fn write(&self, context: &RequestContext, url: &url::Url, kept: StoredResponse) {
        let (owner, service, name) = (context.owner.clone(), context.service.clone(), context.name(url));
        let written = self.device.vault(move |vault| {
            vault.atomically(|vault| {
                vault.put_scoped(&owner, &service, &name, &kept, kept.at, u64::MAX >> 1)?;
                vault.make_room::<StoredResponse>(&owner, Some(&service), PER_SERVICE)?;
                vault.make_room::<StoredResponse>(&owner, None, PER_ACCOUNT)
            })
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "an answer was not kept");
        }
    }

    async fn forget(&self, context: &RequestContext, url: &url::Url) -> Result<(), Error> {
        let (owner, service, name) = (context.owner.clone(), context.service.clone(), context.name(url));
        self.device.vault(move |vault| vault.delete_scoped::<StoredResponse>(&owner, &service, &name)).await
    }
}

/// Forgets what a service was told about a resident that it may no longer know.
pub(crate) fn forget_all(vault: &Vault, owner: &Owner, service: &ServiceId) -> Result<(), StoreError> {
    vault.delete_scoped_kind::<StoredResponse>(owner, service)
}

fn fresh(answer: Answer) -> CachedResponse {
    CachedResponse { status: answer.status.as_u16(), body: answer.body, freshness: Freshness::Fresh }
}

fn seen(answer: &Answer) -> Response<()> {
    let mut response = Response::new(());
    (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers.clone());
    // Nonsense would be added up with times that are none.
    let age = answer.headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok());
    if age.is_none_or(|age| age > OLDEST) {
        response.headers_mut().remove(header::AGE);
    }
    response
}

fn moment(seconds: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
