//! Where an app may be sent back to.

use url::{Host, Url};

/// The scheme that is this app's alone (RFC 8252 §7.1).
const SCHEME: &str = "onecity";
/// Longest address, in bytes.
const LONGEST: usize = 2048;

/// The address, if it is the app's: its own scheme, or a port of this very machine (RFC 8252 §7.3), by the host and not by how
/// the text begins. It has no fragment (RFC 6749 §3.1.2) and names nobody.
pub(crate) fn home(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok().filter(|_| address.len() <= LONGEST)?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(host)) => host.is_loopback(),
        Some(Host::Ipv6(host)) => host.is_loopback(),
        _ => false,
    };
    let is_home = url.scheme() == SCHEME || (url.scheme() == "http" && is_loopback);
    let is_plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    (is_home && is_plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_and_this_machine_are_home_and_what_only_looks_so_is_not() {
        for address in
            ["onecity://login", "onecity://pay", "http://127.0.0.1:49152/cb", "http://[::1]/cb", "http://127.0.0.1"]
        {
            assert!(home(address).is_some(), "{address}");
        }
        for address in [
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://evil.example/127.0.0.1",
            "http://localhost.evil.example",
            "http://localhost:1",
            "https://127.0.0.1/cb",
            "http://[::1].evil.example",
            "http://lan:secret@127.0.0.1/cb",
            "onecity://login#code",
            "onecityx://login",
            "javascript:alert(1)",
            "//127.0.0.1/cb",
            "",
        ] {
            assert_eq!(home(address), None, "{address}");
        }
        assert_eq!(home(&format!("onecity://login?{}", "x".repeat(LONGEST))), None);
    }
}
