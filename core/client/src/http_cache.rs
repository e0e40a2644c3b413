//! Answers of a city's back end, kept by the rules of RFC 9111 (the `http-cache-semantics` crate decides), sealed, for one
//! account and one service: what was seen once is there without a network, and says how old it is.
//!
//! ```text
//!   fresh ─────────────────────────────────────────────> kept answer
//!   stale, within stale-while-revalidate ──────────────> kept answer, asked anew behind it
//!   stale ──(asked anew)──> 304: kept answer │ 200: new answer │ 5xx within stale-if-error: kept answer
//!                       └──(no network)──> kept answer and its age, unless it forbids that
//! ```

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Request, Response, header};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use onecity_protocol::credential::UnixTime;
use onecity_store::{Owner, Record, Scope};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::client::Inner;
use crate::error::Error;
use crate::net::{Answer, Outgoing};
use crate::session::OnBehalf;
use crate::views::{Freshness, ServiceId};

/// What a service's kept answers may take, in bytes as sealed; and those of an account all together.
const PER_SERVICE: u64 = 10 << 20;
const PER_ACCOUNT: u64 = 100 << 20;
/// The largest answer that is kept, in bytes.
const LARGEST: usize = 1 << 20;
/// How often it is written down that an answer was used, in seconds.
const USED_APART: i64 = 3600;
/// How many answers are asked anew behind others at a time, and how long each may take.
const MAX_BEHIND: usize = 16;
const BEHIND: Duration = Duration::from_secs(30);
/// How far ahead of now something may have been kept before its time counts for nothing, in seconds.
const CLOCK_MENDED: i64 = 300;
/// The largest `Age` that is believed, in seconds.
const OLDEST: u64 = 10 * 365 * 86_400;

/// An answer as it was kept.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    policy: CachePolicy,
    status: u16,
    /// The answer's own `Cache-Control`.
    cache_control: String,
    /// When the origin last said it, in seconds.
    at: UnixTime,
    #[serde(with = "base64_text")]
    body: Vec<u8>,
}

impl Record for Kept {
    const KIND: &'static str = "response";
    const FORMAT: u8 = 1;
}

/// Answers that are asked anew behind what was shown: each once at a time, and few at all.
#[derive(Default)]
pub struct Answers(Mutex<HashSet<String>>);

impl Answers {
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

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// An answer, and how far it can be relied on.
pub struct Answered {
    pub status: u16,
    pub body: Vec<u8>,
    pub freshness: Freshness,
}

/// For whom something is asked.
#[derive(Clone)]
pub struct Asker {
    pub owner: Owner,
    pub service: ServiceId,
    /// With whose token, if the resident has agreed to that.
    pub whom: Option<OnBehalf>,
}

impl Asker {
    fn scope(&self) -> Scope {
        self.service.scope()
    }

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

    async fn send(&self, inner: &Arc<Inner>, request: Outgoing) -> Result<Answer, Error> {
        match &self.whom {
            Some(whom) => inner.sessions.send_on_behalf(inner, whom, request).await,
            None => inner.net.send(request.timeless()).await,
        }
    }
}

/// Asks the origin, or answers with what it said before.
pub async fn ask(inner: &Arc<Inner>, asker: &Asker, request: Outgoing) -> Result<Answered, Error> {
    if request.method != Method::GET {
        let url = request.url.clone();
        let answer = asker.send(inner, request).await?;
        // RFC 9111 §4.4: what was changed is not what was kept.
        if !answer.status.is_client_error() && !answer.status.is_server_error() {
            forget(inner, asker, &url).await?;
        }
        return Ok(fresh(answer));
    }
    let (owner, scope, name) = (asker.owner.clone(), asker.scope(), asker.name(&request.url));
    let now = inner.time.now();
    let kept = inner.vault(move |vault| {
        let kept = vault.get_scoped::<Kept>(&owner, &scope, &name)?;
        if kept.is_some() {
            vault.touch_scoped::<Kept>(&owner, &scope, &name, now, USED_APART)?;
        }
        Ok(kept)
    });
    // One that can't be read any more is as good as none.
    let Some(kept) = kept.await.unwrap_or_default() else {
        let answer = asker.send(inner, request.clone()).await?;
        keep(inner, asker, &request, &answer).await;
        return Ok(fresh(answer));
    };
    // What was kept under a clock that was ahead would seem fresh until that time has come.
    let moment_asked = if kept.at > now + CLOCK_MENDED { moment(i64::MAX >> 8) } else { moment(now) };
    let (parts, matches) = match kept.policy.before_request(&asker.seen(&request), moment_asked) {
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
        let place = format!("{:?} {} {}", asker.owner, asker.service, asker.name(&request.url));
        if inner.answers.begin(&place) {
            let (inner, asker) = (Arc::clone(inner), asker.clone());
            tokio::spawn(async move {
                let asked = tokio::time::timeout(BEHIND, asker.send(&inner, conditional));
                if let Ok(Ok(answer)) = asked.await {
                    renew(&inner, &asker, &request, kept, answer).await;
                }
                inner.answers.end(&place);
            });
        }
        return Ok(answered);
    }
    match asker.send(inner, conditional).await {
        Ok(answer) if answer.status.is_server_error() && may.on_error => {
            Ok(kept.answered(Freshness::Stale { since: kept.at }))
        }
        Ok(answer) => Ok(renew(inner, asker, &request, kept, answer).await),
        Err(Error::Network { .. }) if may.offline => Ok(kept.answered(Freshness::Offline { since: kept.at })),
        Err(error) => Err(error),
    }
}

/// When an answer that is no longer fresh may be given all the same.
#[derive(Default)]
struct MayBeStale {
    /// While it is asked anew (RFC 5861 §3).
    meanwhile: bool,
    /// In place of a server's fault (RFC 5861 §4).
    on_error: bool,
    /// Where there is no network (RFC 9111 §4.2.4).
    offline: bool,
}

impl Kept {
    fn answered(&self, freshness: Freshness) -> Answered {
        Answered { status: self.status, body: self.body.clone(), freshness }
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
        let within = |word: &str| self.at <= now + CLOCK_MENDED && stale_for <= seconds(word);
        MayBeStale { meanwhile: within("stale-while-revalidate"), on_error: within("stale-if-error"), offline: true }
    }
}

/// Takes what the origin said to a question about a kept answer.
async fn renew(inner: &Arc<Inner>, asker: &Asker, request: &Outgoing, kept: Kept, answer: Answer) -> Answered {
    let now = inner.time.now();
    match kept.policy.after_response(&asker.seen(request), &seen(&answer), moment(now)) {
        AfterResponse::NotModified(policy, parts) => {
            let cache_control = parts.headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
            let cache_control = cache_control.map_or(kept.cache_control, str::to_owned);
            let renewed = Kept { policy, cache_control, at: now, ..kept };
            let answered = renewed.answered(Freshness::Fresh);
            write(inner, asker, &request.url, renewed).await;
            answered
        }
        AfterResponse::Modified(..) => {
            keep(inner, asker, request, &answer).await;
            fresh(answer)
        }
    }
}

/// Keeps an answer if it may be kept; one that may not takes the place of what was there.
async fn keep(inner: &Arc<Inner>, asker: &Asker, request: &Outgoing, answer: &Answer) {
    let now = inner.time.now();
    let options = CacheOptions { shared: false, ..CacheOptions::default() };
    let policy = CachePolicy::new_options(&asker.seen(request), &seen(answer), moment(now), options);
    // What has neither a lifetime nor a validator is still worth having where there is no network.
    if !policy.is_storable() || answer.status.is_server_error() || answer.body.len() > LARGEST {
        if !answer.status.is_server_error() && forget(inner, asker, &request.url).await.is_err() {
            tracing::warn!("an answer that counts no more was not removed");
        }
        return;
    }
    let cache_control = answer.headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let cache_control = cache_control.unwrap_or_default().to_owned();
    let kept = Kept { policy, status: answer.status.as_u16(), cache_control, at: now, body: answer.body.clone() };
    write(inner, asker, &request.url, kept).await;
}

async fn write(inner: &Arc<Inner>, asker: &Asker, url: &url::Url, kept: Kept) {
    let (owner, scope, name) = (asker.owner.clone(), asker.scope(), asker.name(url));
    let written = inner.vault(move |vault| {
        vault.atomically(|vault| {
            vault.put_scoped(&owner, &scope, &name, &kept, kept.at, u64::MAX >> 1)?;
            vault.make_room::<Kept>(&owner, Some(&scope), PER_SERVICE)?;
            vault.make_room::<Kept>(&owner, None, PER_ACCOUNT)
        })
    });
    if let Err(error) = written.await {
        tracing::warn!(%error, "an answer was not kept");
    }
}

async fn forget(inner: &Arc<Inner>, asker: &Asker, url: &url::Url) -> Result<(), Error> {
    let (owner, scope, name) = (asker.owner.clone(), asker.scope(), asker.name(url));
    inner.vault(move |vault| vault.delete_scoped::<Kept>(&owner, &scope, &name)).await
}

/// Forgets what a service was told about a resident that it may no longer know.
pub fn forget_all(vault: &onecity_store::Vault, owner: &Owner, scope: &Scope) -> Result<(), onecity_store::StoreError> {
    vault.delete_scoped_kind::<Kept>(owner, scope)
}

fn fresh(answer: Answer) -> Answered {
    Answered { status: answer.status.as_u16(), body: answer.body, freshness: Freshness::Fresh }
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
