//! The only place that knows HTTP: every answer bounded, every address looked at.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, try_unfold};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use onecity_protocol::text::{LONGEST, shown};

use super::addresses::is_public;
use super::config::Timeouts;
use crate::error::{Error, Refusal};

/// Largest answer where nobody says otherwise, in bytes.
pub(crate) const MAX_ANSWER: usize = 1 << 20;

/// A request that is about to be sent.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Largest answer to read, in bytes.
    pub limit: usize,
}

impl Outgoing {
    pub(crate) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Vec::new(), limit: MAX_ANSWER }
    }

    /// A request by another method, without a body.
    pub(crate) fn method(method: Method, url: Url) -> Self {
        Self { method, ..Self::get(url) }
    }

    pub(crate) fn post_json(url: Url, body: &serde_json::Value) -> Self {
        let json = HeaderValue::from_static("application/json");
        let request = Self { method: Method::POST, body: body.to_string().into_bytes(), ..Self::get(url) };
        request.header(reqwest::header::CONTENT_TYPE, json)
    }

    pub(crate) fn post_form(url: Url, fields: &[(&str, &str)]) -> Self {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Self { method: Method::POST, body: body.into_bytes(), ..Self::get(url) };
        request.header(reqwest::header::CONTENT_TYPE, form)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, if the answer is a success.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.status.is_success() {
            return Err(Error::network(format!("the server answered {}", self.status.as_u16())));
        }
        serde_json::from_slice(&self.body).map_err(|_| Error::answer("it is not in the form that was agreed"))
    }

    /// What the other side says of a refusal: RFC 9457's `detail` or `title`, or the status alone.
    pub(crate) fn reason(&self) -> String {
        #[derive(Deserialize)]
        struct Problem {
            detail: Option<String>,
            title: Option<String>,
        }
        let problem = serde_json::from_slice::<Problem>(&self.body).ok();
        let said = problem.and_then(|problem| problem.detail.or(problem.title));
        said.map_or_else(|| format!("the server answered {}", self.status.as_u16()), |said| plain(&said))
    }
}

/// Somebody else's words, as a screen may show them.
pub(crate) fn plain(said: &str) -> String {
    shown(said, LONGEST)
}

/// An answer whose body is still to come.
pub(crate) struct Incoming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

/// What carries requests: the network, or in a unit test a list of answers.
pub(crate) trait Transport: Send + Sync {
    /// Sends a request and waits for the head of the answer.
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Error>>;
}

/// The client's way to servers. It never sets the clock: see `ClockTeacher`.
pub(crate) struct Http {
    transport: Arc<dyn Transport>,
    loopback: bool,
    offline: AtomicBool,
    /// The platform says that there is no network.
    disconnected: AtomicBool,
}

impl Http {
    /// `loopback` allows plain HTTP to this very machine, for tests and virtual phones.
    pub(crate) fn new(loopback: bool, transport: Arc<dyn Transport>) -> Self {
        Self { transport, loopback, offline: AtomicBool::new(false), disconnected: AtomicBool::new(false) }
    }

    /// Whether the last attempt found no network, or the platform says that there is none.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Relaxed) || self.disconnected.load(Ordering::Relaxed)
    }

    /// Whether there is a network, as the platform says. Without one, nothing waits for a connection in vain.
    pub(crate) fn set_online(&self, online: bool) {
        self.disconnected.store(!online, Ordering::Relaxed);
    }

    fn connected(&self) -> Result<(), Error> {
        if self.disconnected.load(Ordering::Relaxed) {
            return Err(Error::Network { why: "the phone is not connected".to_owned() });
        }
        Ok(())
    }

    /// Reads a URL and refuses what this phone does not speak to.
    pub(crate) fn url(&self, text: &str) -> Result<Url, Error> {
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
        let public = if loopback { self.loopback } else { address.is_none_or(is_public) };
        let allowed = match url.scheme() {
            "https" => public,
            "http" => loopback && self.loopback,
            _ => false,
        };
        if !allowed || !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid("url", "only https addresses of public servers"));
        }
        Ok(url)
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) async fn send(&self, request: Outgoing) -> Result<Answer, Error> {
        let outcome = self.exchange(request).await;
        self.offline.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    async fn exchange(&self, request: Outgoing) -> Result<Answer, Error> {
        self.connected()?;
        let limit = request.limit;
        let Incoming { status, headers, body } = self.transport.send(request).await?;
        let mut bytes = Vec::new();
        read_into(body, limit, &mut bytes).await.map_err(|broken| match broken {
            Broken::TooLarge => too_large(limit),
            Broken::Lost(error) => error,
        })?;
        Ok(Answer { status, headers, body: bytes })
    }

    /// Fetches a file, going on behind the bytes that there are already (RFC 9110 §14.2). Answers all bytes that there
    /// are in the end, whether or not that went well.
    pub(crate) async fn download(&self, request: Outgoing, begun: Vec<u8>) -> (Vec<u8>, Result<StatusCode, Error>) {
        let mut bytes = begun;
        let outcome = self.download_into(request, &mut bytes).await;
        self.offline.store(outcome.is_err(), Ordering::Relaxed);
        (bytes, outcome)
    }

    async fn download_into(&self, request: Outgoing, bytes: &mut Vec<u8>) -> Result<StatusCode, Error> {
        self.connected()?;
        let limit = request.limit;
        // Packages are packed already, and a range of a compressed answer would be of no use.
        let mut request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if !bytes.is_empty() {
            let range = HeaderValue::from_str(&format!("bytes={}-", bytes.len())).map_err(Error::internal)?;
            request = request.header(RANGE, range);
        }
        let Incoming { status, headers, body } = self.transport.send(request).await?;
        if status != StatusCode::PARTIAL_CONTENT || !continues(&headers, bytes.len()) {
            bytes.clear();
        }
        if !status.is_success() {
            return Ok(status);
        }
        match read_into(body, limit, bytes).await {
            Err(Broken::TooLarge) => {
                bytes.clear();
                Err(too_large(limit))
            }
            Err(Broken::Lost(error)) => Err(error),
            Ok(()) => Ok(status),
        }
    }
}

/// Why a body did not come whole.
enum Broken {
    TooLarge,
    Lost(Error),
}

async fn read_into(
    mut body: BoxStream<'static, Result<Bytes, Error>>,
    limit: usize,
    bytes: &mut Vec<u8>,
) -> Result<(), Broken> {
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(Broken::Lost)?;
        if bytes.len() + chunk.len() > limit {
            return Err(Broken::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(())
}

fn too_large(limit: usize) -> Error {
    Error::network(format!("the answer is larger than {limit} bytes"))
}

/// The network: TLS with roots of our own, no redirects that nobody looked at, no addresses of the phone's own network.
pub(crate) struct Network(reqwest::Client);

impl Network {
    pub(crate) fn new(loopback: bool, virtual_name: Option<&str>, timeouts: Timeouts) -> Result<Self, Error> {
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
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.silence)
            .timeout(timeouts.whole)
            .dns_resolver(Arc::new(PublicNames { loopback }))
            .user_agent(user_agent(virtual_name.filter(|_| loopback)))
            .build()
            .map_err(Error::internal)?;
        Ok(Self(http))
    }
}

impl Transport for Network {
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Error>> {
        let lost = |error: reqwest::Error| {
            if is_of_another_time(&error) {
                return Error::refused(Refusal::PhoneClock, "a server's certificate is not valid at this phone's date");
            }
            Error::network(plain_reason(&error))
        };
        let sent = self.0.request(request.method, request.url).headers(request.headers).body(request.body);
        Box::pin(async move {
            let response = sent.send().await.map_err(lost)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = try_unfold(response, move |mut response| async move {
                Ok(response.chunk().await.map_err(lost)?.map(|chunk| (chunk, response)))
            });
            Ok(Incoming { status, headers, body: Box::pin(body) })
        })
    }
}

/// What every phone calls itself; a virtual one says which one it is, so far as a header can say it.
fn user_agent(virtual_name: Option<&str>) -> String {
    let product = concat!("OneCity/", env!("CARGO_PKG_VERSION"));
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_graphic() && !b"()\\".contains(&byte));
    match virtual_name.filter(is_plain) {
        Some(name) => format!("{product} (phone {name})"),
        None => product.to_owned(),
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
                is_public(address.ip()) || (loopback && address.ip().to_canonical().is_loopback())
            };
            let public: Vec<SocketAddr> = found.filter(public).collect();
            if public.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether a connection failed because a certificate has ended or has not begun, by this phone's clock. Its date is then
/// wrong far more often than the server's.
fn is_of_another_time(error: &(dyn std::error::Error + 'static)) -> bool {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    let within = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
    if let Some(within) = within {
        return is_of_another_time(within);
    }
    match error.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(why)) => {
            matches!(why, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
        }
        _ => error.source().is_some_and(is_of_another_time),
    }
}

/// Whether an answer goes on where one was, by its `Content-Range`.
fn continues(headers: &HeaderMap, at: usize) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {at}-")))
}

/// What happened, without the address: it may hold what the resident looked for.
fn plain_reason(error: &reqwest::Error) -> String {
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
    fn a_certificate_that_is_not_valid_at_this_phone_s_date_says_so() {
        use rustls::CertificateError::{BadSignature, Expired, NotValidYet};
        let broken = |why| std::io::Error::other(std::io::Error::other(rustls::Error::InvalidCertificate(why)));
        assert!(is_of_another_time(&broken(Expired)) && is_of_another_time(&broken(NotValidYet)));
        assert!(!is_of_another_time(&broken(BadSignature)));
        assert!(!is_of_another_time(&std::io::Error::other("no route")));
    }

    #[test]
    fn an_address_that_is_written_out_is_held_to_the_same_rule_as_a_name() {
        struct Nowhere;
        impl Transport for Nowhere {
            fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<Incoming, Error>> {
                Box::pin(async { Err(Error::network("nowhere")) })
            }
        }
        let http = Http::new(false, Arc::new(Nowhere));
        for refused in [
            "https://10.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://0.1.2.3/",
            "https://240.0.0.1/",
            "https://[::1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[fec0::1]/",
            "https://[ff02::1]/",
            "https://localhost/",
        ] {
            assert!(http.url(refused).is_err(), "{refused}");
        }
        for taken in ["https://1.1.1.1/", "https://[2606:4700::1111]/", "https://jinan.example/"] {
            assert!(http.url(taken).is_ok(), "{taken}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_into_the_phone_s_own_network_leads_nowhere() {
        let resolve = |loopback| PublicNames { loopback }.resolve("localhost".parse().expect("a name"));
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.is_ok());
    }
}
