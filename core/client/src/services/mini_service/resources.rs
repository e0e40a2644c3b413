//! A package's files, as a web view may have them.

use std::sync::LazyLock;

use onecity_protocol::bridge::PAGE_SCRIPT;
use onecity_protocol::package::{PAGE_SCRIPT_PATH, media_type};
use ring::digest::{SHA256, digest};

use super::session::ServiceSession;
use crate::device::blocking;
use crate::error::Error;

/// Nothing from outside, nothing inline, nowhere to send a form, in no frame, no peer connections. In a sandbox (HTML §7.1.5)
/// without an origin: no storage, windows, downloads or dialogs, and no reach into the frames that a page makes, which an
/// engine may not have run the guard in yet. Forms are allowed for their `submit` event, and go nowhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: \
     blob:; font-src 'self'; media-src 'self'; connect-src 'self'; worker-src 'none'; child-src 'none'; \
     form-action 'none'; frame-ancestors 'none'; base-uri 'none'; webrtc 'block'; sandbox allow-scripts \
     allow-forms";
/// What pages go without: every feature of the W3C's registry of policy-controlled features that reaches the device, the
/// resident, other origins or beyond the page's own frame. Those of the device come through the bridge, or not at all.
const OFF: [&str; 62] = [
    "accelerometer",
    "all-screens-capture",
    "ambient-light-sensor",
    "attribution-reporting",
    "bluetooth",
    "browsing-topics",
    "camera",
    "captured-surface-control",
    "clipboard-read",
    "clipboard-write",
    "compute-pressure",
    "deferred-fetch",
    "deferred-fetch-minimal",
    "digital-credentials-create",
    "digital-credentials-get",
    "direct-sockets",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "idle-detection",
    "interest-cohort",
    "join-ad-interest-group",
    "keyboard-map",
    "language-detector",
    "language-model",
    "local-fonts",
    "local-network-access",
    "magnetometer",
    "microphone",
    "midi",
    "on-device-speech-recognition",
    "otp-credentials",
    "payment",
    "picture-in-picture",
    "private-state-token-issuance",
    "private-state-token-redemption",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "rewriter",
    "run-ad-auction",
    "screen-wake-lock",
    "serial",
    "shared-storage",
    "smart-card",
    "speaker-selection",
    "storage-access",
    "sub-apps",
    "summarizer",
    "translator",
    "usb",
    "web-app-installation",
    "web-printing",
    "web-share",
    "window-management",
    "window-placement",
    "writer",
    "xr-spatial-tracking",
];

static PERMISSIONS_POLICY: LazyLock<String> = LazyLock::new(|| OFF.map(|feature| format!("{feature}=()")).join(", "));

/// What a web view asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ResourceRequest {
    /// The path in the service's origin; a query and a fragment do not matter.
    pub path: String,
    /// The HTTP method; empty for GET.
    pub method: String,
    /// The `Range` header, if there is one.
    pub range: Option<String>,
    /// The `If-None-Match` header, if there is one.
    pub if_none_match: Option<String>,
}

impl<P: AsRef<str> + ?Sized> From<&P> for ResourceRequest {
    fn from(path: &P) -> Self {
        Self { path: path.as_ref().to_owned(), ..Self::default() }
    }
}

/// A header of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct Header {
    pub name: String,
    pub value: String,
}

/// A file of the package, or the refusal of one, ready for a web view.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Resource {
    /// 200, 206 or 304; 404 for whatever the package does not hold: an unknown URL never reaches the network; 405 for
    /// what is not a reading; 416 for a range that is not there.
    pub status: u16,
    /// The MIME type.
    pub mime: String,
    /// Headers to send along.
    pub headers: Vec<Header>,
    /// The bytes.
    pub body: Vec<u8>,
}

impl ServiceSession {
    /// A file of the package by its path.
    pub async fn resource(&self, request: &ResourceRequest) -> Result<Resource, Error> {
        let mut headers: Vec<Header> = [
            ("content-security-policy", CONTENT_SECURITY_POLICY),
            ("permissions-policy", PERMISSIONS_POLICY.as_str()),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-dns-prefetch-control", "off"),
            ("referrer-policy", "no-referrer"),
            // Pages are of no origin, and their modules, fonts and requests are asked for across origins.
            ("cross-origin-resource-policy", "cross-origin"),
            ("access-control-allow-origin", "*"),
            // The package may have changed at the next start, and what is stored elsewhere is not wiped.
            ("cache-control", "no-cache"),
            ("accept-ranges", "bytes"),
        ]
        .map(|(name, value)| header(name, value))
        .into();
        let refusal = |status, headers| Resource {
            status,
            mime: "text/plain; charset=utf-8".to_owned(),
            headers,
            body: Vec::new(),
        };
        let head = match request.method.as_str() {
            "" | "GET" => false,
            "HEAD" => true,
            // A page asks across origins for its own files: first by this if it sets headers (Fetch §4.8).
            "OPTIONS" => {
                headers.push(header("access-control-allow-methods", "GET, HEAD"));
                headers.push(header("access-control-allow-headers", "*"));
                return Ok(refusal(204, headers));
            }
            _ => return Ok(refusal(405, headers)),
        };
        let path = request.path.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/').to_owned();
        if !self.is_open() {
            return Ok(refusal(404, headers));
        }
        let found = if path == PAGE_SCRIPT_PATH {
            Some(PAGE_SCRIPT.as_bytes().to_vec())
        } else {
            let (package, wanted) = (self.package.clone(), path.clone());
            blocking(move || Ok(package.read(&wanted)?)).await?
        };
        let Some(body) = found else { return Ok(refusal(404, headers)) };
        let mime = media_type(&path).to_owned();
        // Within a package a path never changes: its hash and the path tell one file from every other.
        let name = [&self.installed.sha256[..], path.as_bytes()].concat();
        let tag = format!("\"{}\"", hex::encode(&digest(&SHA256, &name).as_ref()[..16]));
        headers.push(header("etag", tag.clone()));
        let known = request.if_none_match.as_deref().unwrap_or_default();
        // RFC 9110 §13.1.2, compared weakly.
        if known.trim() == "*" || known.split(',').any(|own| own.trim().trim_start_matches("W/") == tag) {
            return Ok(Resource { status: 304, mime, headers, body: Vec::new() });
        }
        match request.range.as_deref().map(|range| part(range, body.len())) {
            Some(Part::Unsatisfiable) => {
                headers.push(header("content-range", format!("bytes */{}", body.len())));
                Ok(refusal(416, headers))
            }
            Some(Part::Bytes(from, to)) => {
                headers.push(header("content-range", format!("bytes {from}-{to}/{}", body.len())));
                let body = if head { Vec::new() } else { body[from..=to].to_vec() };
                Ok(Resource { status: 206, mime, headers, body })
            }
            Some(Part::Whole) | None => {
                Ok(Resource { status: 200, mime, headers, body: if head { Vec::new() } else { body } })
            }
        }
    }
}

fn header(name: &str, value: impl Into<String>) -> Header {
    Header { name: name.to_owned(), value: value.into() }
}

/// What a `Range` header (RFC 9110 §14.2) asks for; several ranges at once are answered whole.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the first to the last, both counted in.
    Bytes(usize, usize),
    Unsatisfiable,
}

fn part(range: &str, length: usize) -> Part {
    let Some((from, to)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::Whole;
    };
    let (from, to) = (from.trim(), to.trim());
    let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    match (from, number(from), to, number(to)) {
        (_, Some(from), "", _) if from < length => Part::Bytes(from, length - 1),
        (_, Some(from), _, Some(to)) if from <= to && from < length => Part::Bytes(from, to.min(length - 1)),
        (_, Some(from), _, to) if from >= length && to.is_none_or(|to| from <= to) => Part::Unsatisfiable,
        ("", _, _, Some(0)) => Part::Unsatisfiable,
        ("", _, _, Some(last)) if length > 0 => Part::Bytes(length.saturating_sub(last), length - 1),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_answered_as_the_rfc_has_it() {
        // RFC 9110 §14.1.2's examples, of 10,000 bytes.
        assert_eq!(part("bytes=0-499", 10_000), Part::Bytes(0, 499));
        assert_eq!(part("bytes=500-999", 10_000), Part::Bytes(500, 999));
        assert_eq!(part("bytes=-500", 10_000), Part::Bytes(9500, 9999));
        assert_eq!(part("bytes=9500-", 10_000), Part::Bytes(9500, 9999));
        assert_eq!(part("bytes=9999-20000", 10_000), Part::Bytes(9999, 9999));
        assert_eq!(part("bytes=10000-", 10_000), Part::Unsatisfiable);
        assert_eq!(part("bytes=-0", 10_000), Part::Unsatisfiable);
        assert_eq!(part("bytes=0-0,-1", 10_000), Part::Whole);
        for nonsense in
            ["bytes=", "bytes=-", "bytes=5-2", "bytes=+1-2", "lines=1-2", "bytes=99999999999999999999-1", ""]
        {
            assert_eq!(part(nonsense, 10_000), Part::Whole, "{nonsense}");
        }
        assert_eq!(part("bytes=-5", 0), Part::Whole);
    }
}
