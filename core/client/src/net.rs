//! The only place that knows HTTP: bounded, TLS with roots of our own, no redirects that nobody looked at.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onecity_protocol::credential::UnixTime;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, AGE, CONTENT_RANGE, DATE, HeaderMap, HeaderName, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::error::Error;
use crate::trusted_time::{Anchor, TrustedTime};

/// Largest answer where nobody says otherwise, in bytes.
pub const MAX_ANSWER: usize = 1 << 20;

/// No server's time before the first or after the second is believed, in seconds since 1970.
const YEAR_2024: UnixTime = 1_704_067_200;
const YEAR_2100: UnixTime = 4_102_444_800;

/// A request that is about to be sent.
#[derive(Clone)]
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Largest answer to read, in bytes.
    pub limit: usize,
    /// Whether the answer's date counts. Whoever is judged by the time does not tell it.
    tells_time: bool,
}

impl Outgoing {
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            limit: MAX_ANSWER,
            tells_time: true,
        }
    }

    /// A request by another method, without a body.
    pub fn method(method: Method, url: Url) -> Self {
        Self { method, ..Self::get(url) }
    }

    pub fn post_json(url: Url, body: &serde_json::Value) -> Self {
        let json = HeaderValue::from_static("application/json");
        let request = Self { method: Method::POST, body: body.to_string().into_bytes(), ..Self::get(url) };
        request.header(reqwest::header::CONTENT_TYPE, json)
    }

    pub fn post_form(url: Url, fields: &[(&str, &str)]) -> Self {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Self { method: Method::POST, body: body.into_bytes(), ..Self::get(url) };
        request.header(reqwest::header::CONTENT_TYPE, form)
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same, from somebody whose word on the time does not count: a registry, or a city's back end.
    pub fn timeless(mut self) -> Self {
        self.tells_time = false;
        self
    }

    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, if the answer is a success.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.status.is_success() {
            return Err(Error::network(format!("the server answered {}", self.status.as_u16())));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::network(format!("the server's answer can't be read: {error}")))
    }
}

/// How long the other side is waited for. Whoever sends a byte now and then holds nobody up for longer than `whole`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until there is a connection.
    pub connect: Duration,
    /// While nothing comes.
    pub silence: Duration,
    /// Until the answer has come whole. A download goes on where it was at the next try.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), silence: Duration::from_secs(20), whole: Duration::from_secs(120) }
    }
}

/// The client's way to the network.
pub struct Net {
    http: reqwest::Client,
    loopback: bool,
    offline: AtomicBool,
    time: Arc<TrustedTime>,
    /// Where a time that a server told goes, to be kept.
    keep_anchor: Box<dyn Fn(Anchor) + Send + Sync>,
}

impl Net {
    /// `loopback` allows plain HTTP to this very machine, for tests and virtual phones.
    pub fn new(
        loopback: bool,
        patience: Patience,
        time: Arc<TrustedTime>,
        keep_anchor: Box<dyn Fn(Anchor) + Send + Sync>,
    ) -> Result<Self, Error> {
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            .timeout(patience.whole)
            .dns_resolver(Arc::new(PublicNames { loopback }))
            .user_agent(concat!("OneCity/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::internal)?;
        Ok(Self { http, loopback, offline: AtomicBool::new(false), time, keep_anchor })
    }

    /// Whether the last attempt found no network.
    pub fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Relaxed)
    }

    /// Reads a URL and refuses what this phone does not speak to.
    pub fn url(&self, text: &str) -> Result<Url, Error> {
        let url = Url::parse(text).map_err(|error| Error::invalid("url", error))?;
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            _ => address.is_some_and(|address| address.to_canonical().is_loopback()),
        };
        let private = address.is_some_and(is_private);
        let allowed = match url.scheme() {
            "https" => !private && (!loopback || self.loopback),
            "http" => loopback && self.loopback,
            _ => false,
        };
        if !allowed || !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid("url", "only https addresses of public servers"));
        }
        Ok(url)
    }

    /// Sends a request and reads the answer to its end.
    pub async fn send(&self, request: Outgoing) -> Result<Answer, Error> {
        let outcome = self.exchange(request).await;
        self.offline.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    async fn exchange(&self, request: Outgoing) -> Result<Answer, Error> {
        let lost = |error: reqwest::Error| Error::network(plain_words(&error));
        let sent = self.http.request(request.method, request.url).headers(request.headers).body(request.body);
        let mut response = sent.send().await.map_err(lost)?;
        if request.tells_time {
            self.learn_time(response.headers());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > request.limit {
                return Err(Error::network(format!("the answer is larger than {} bytes", request.limit)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// Fetches a file, going on behind the bytes that there are already (RFC 9110 §14.2). Answers all bytes that there
    /// are in the end, whether or not that went well.
    pub async fn download(&self, request: Outgoing, begun: Vec<u8>) -> (Vec<u8>, Result<StatusCode, Error>) {
        let mut bytes = begun;
        let outcome = self.download_into(request, &mut bytes).await;
        self.offline.store(outcome.is_err(), Ordering::Relaxed);
        (bytes, outcome)
    }

    async fn download_into(&self, request: Outgoing, bytes: &mut Vec<u8>) -> Result<StatusCode, Error> {
        let lost = |error: reqwest::Error| Error::network(plain_words(&error));
        // Packages are packed already, and a range of a compressed answer would be of no use.
        let mut sent = self.http.request(request.method, request.url).headers(request.headers);
        sent = sent.header(ACCEPT_ENCODING, "identity");
        if !bytes.is_empty() {
            sent = sent.header(RANGE, format!("bytes={}-", bytes.len()));
        }
        let mut response = sent.send().await.map_err(lost)?;
        let status = response.status();
        if status != StatusCode::PARTIAL_CONTENT || !continues(response.headers(), bytes.len()) {
            bytes.clear();
        }
        if !status.is_success() {
            return Ok(status);
        }
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if bytes.len() + chunk.len() > request.limit {
                bytes.clear();
                return Err(Error::network(format!("the answer is larger than {} bytes", request.limit)));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(status)
    }

    /// Every connection here has been verified (or is this machine), so its word on the time counts.
    fn learn_time(&self, headers: &HeaderMap) {
        // What a cache has kept tells the time of then (RFC 9111 §5.1), and no honest server lives outside of this century.
        if headers.contains_key(AGE) {
            return;
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(http_date);
        let date = date.filter(|date| (YEAR_2024..YEAR_2100).contains(date));
        if let Some(anchor) = date.and_then(|date| self.time.learn(date)) {
            (self.keep_anchor)(anchor);
        }
    }
}

/// Whether an address is one of somebody's own network rather than of the internet.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            // RFC 6598 besides: a carrier's own.
            let shared = a == 100 && (64..128).contains(&b);
            address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || shared
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified(),
    }
}

/// Names are resolved as the system does, and never to an address of the phone's own network: a name that a manifest
/// declares must not be a way into it.
struct PublicNames {
    loopback: bool,
}

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public = |address: &SocketAddr| {
                let address = address.ip().to_canonical();
                !is_private(address) && (loopback || !address.is_loopback())
            };
            let public: Vec<SocketAddr> = found.filter(public).collect();
            if public.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an answer goes on where one was, by its `Content-Range`.
fn continues(headers: &HeaderMap, at: usize) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {at}-")))
}

/// RFC 9110 §5.6.7's preferred form, which is RFC 2822's with GMT.
fn http_date(text: &str) -> Option<UnixTime> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp().as_second())
}

/// What happened, without the address: it may hold what the resident looked for.
fn plain_words(error: &reqwest::Error) -> String {
    let words = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_somebody_s_own_network_are_none_of_the_internet() {
        let private = [
            "10.0.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "fd00::1",
            "fe80::1",
            "::ffff:192.168.0.1",
        ];
        for address in private {
            assert!(is_private(address.parse().expect("an address")), "{address}");
        }
        for address in ["1.1.1.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(!is_private(address.parse().expect("an address")), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_into_the_phone_s_own_network_leads_nowhere() {
        let resolve = |loopback| PublicNames { loopback }.resolve("localhost".parse().expect("a name"));
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.is_ok());
    }

    #[test]
    fn a_server_s_date_is_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("yesterday"), None);
    }
}
