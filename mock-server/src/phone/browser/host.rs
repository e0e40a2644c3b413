//! The name under which a page has reached this machine. Only an address or `localhost` is answered: a stranger's domain that
//! was pointed here would make this server's pages the stranger's own (DNS rebinding).

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use crate::serving::SECURE;

/// A host that may be this machine, as a page's address has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    authority: Authority,
    /// Whether it was reached by HTTPS.
    is_secure: bool,
}

impl Host {
    /// The one that a request was sent to (RFC 9110 §7.2).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let authority: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
        let own = Self { authority, is_secure: headers.contains_key(SECURE) };
        (own.name() == "localhost" || own.address().is_some()).then_some(own)
    }

    /// Without the port.
    pub(crate) fn name(&self) -> &str {
        self.authority.host()
    }

    /// The port; that of the scheme if none is said.
    pub(crate) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_secure { 443 } else { 80 })
    }

    /// How it was reached.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }

    fn address(&self) -> Option<IpAddr> {
        self.name().trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Whether it is this machine that the browser runs on.
    pub(crate) fn is_loopback(&self) -> bool {
        self.name() == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }

    /// The origin of what this server itself shows.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority)
    }

    /// The origin at another port.
    pub(crate) fn origin_at(&self, port: u16) -> String {
        format!("{}://{}:{port}", self.scheme(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Option<Host> {
        Host::of(&HeaderMap::from_iter([(header::HOST, text.parse().expect("a header"))]))
    }

    #[test]
    fn addresses_and_localhost_are_this_machine_and_names_are_not() {
        for (text, loopback) in [
            ("127.0.0.1:8787", true),
            ("localhost:8787", true),
            ("[::1]:8787", true),
            ("192.168.1.5:8787", false),
            ("[fd00::2]:8787", false),
            ("10.0.0.9", false),
        ] {
            let host = host(text).expect(text);
            assert_eq!((host.is_loopback(), host.origin()), (loopback, format!("http://{text}")));
        }
        for text in [
            "evil.example:8787",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8787",
            "",
            "a b",
            "127.0.0.1@evil.example",
        ] {
            assert_eq!(host(text), None, "{text}");
        }
        assert_eq!(Host::of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_service_is_at_the_same_host_and_a_port_of_its_own() {
        assert_eq!(host("192.168.1.5:8787").expect("a host").origin_at(9), "http://192.168.1.5:9");
        assert_eq!(host("[::1]:8787").expect("a host").origin_at(9), "http://[::1]:9");
        let mut headers = HeaderMap::from_iter([(header::HOST, "localhost".parse().expect("a header"))]);
        headers.insert(SECURE, "1".parse().expect("a header"));
        let secure = Host::of(&headers).expect("a host");
        assert_eq!((secure.origin().as_str(), secure.port()), ("https://localhost", 443));
        assert_eq!(secure.origin_at(9), "https://localhost:9");
    }
}
