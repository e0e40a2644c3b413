//! Links to a mini-service (W3C MiniApp Addressing, Working Draft of January 2024): `PLATFORM://miniapp/ID[;version=V]/PAGE?QUERY#FRAGMENT`.
//! The platform is `onecity`, and an id names the unit first, since app ids are a unit's own: `cn-sd.jinan:report`.
//!
//! ```
//! use onecity_protocol::miniapp_uri::MiniAppUri;
//!
//! let link: MiniAppUri = "onecity://miniapp/cn-sd.jinan:report/pages/new/new?topic=lamp".parse()?;
//! assert_eq!(link.service.to_string(), "cn-sd/jinan/report");
//! assert_eq!((link.page.as_deref(), link.query.as_str()), (Some("pages/new/new"), "topic=lamp"));
//! # Ok::<(), onecity_protocol::miniapp_uri::UriError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use crate::manifest::is_app_id;
use crate::service::ServiceId;

/// Longest link that is read, in bytes: what fits a QR code.
pub const MAX_URI: usize = 2953;
const PREFIX: &str = "onecity://miniapp/";

/// Why a link was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum UriError {
    #[error("a link has at most {MAX_URI} bytes")]
    TooLong,
    #[error("it is not a link to a mini-service: those begin with {PREFIX}")]
    NotALink,
    #[error("the link names no unit and mini-service, as in cn-sd.jinan:report")]
    Id,
    #[error("the link's version is no number")]
    Version,
    #[error("the link's page is no path of letters, digits, '-', '_', '.' and '/'")]
    Page,
    #[error("the link holds a character that must be percent-encoded")]
    Character,
}

/// A link to a mini-service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiniAppUri {
    /// Which service.
    pub service: ServiceId,
    /// The least version that the link is meant for.
    pub version: Option<u64>,
    /// The route of the page, as the manifest names it; the entry page if there is none.
    pub page: Option<String>,
    /// The query, percent-encoded, without its question mark.
    pub query: String,
    /// The fragment, percent-encoded, without its hash.
    pub fragment: String,
}

impl FromStr for MiniAppUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        if text.len() > MAX_URI {
            return Err(UriError::TooLong);
        }
        // RFC 3986 §2: everything else is percent-encoded.
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b)) {
            return Err(UriError::Character);
        }
        let rest = text.strip_prefix(PREFIX).ok_or(UriError::NotALink)?;
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (id, page) = path.split_once('/').unwrap_or((path, ""));
        let (id, version) = match id.split_once(";version=") {
            Some((id, version)) => (id, Some(version.parse().map_err(|_| UriError::Version)?)),
            None => (id, None),
        };
        let (unit, app_id) = id.split_once(':').ok_or(UriError::Id)?;
        let unit = unit.replace('.', "/").parse().map_err(|_| UriError::Id)?;
        if !is_app_id(app_id) {
            return Err(UriError::Id);
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        let dots = page.split('/').any(|part| part == "." || part == "..");
        if !page.bytes().all(plain) || dots || page.contains("//") || page.starts_with('/') {
            return Err(UriError::Page);
        }
        Ok(Self {
            service: ServiceId::new(unit, app_id),
            version,
            page: (!page.is_empty()).then(|| page.trim_end_matches('/').to_owned()),
            query: query.to_owned(),
            fragment: fragment.to_owned(),
        })
    }
}

impl fmt::Display for MiniAppUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}", self.service.unit.to_string().replace('/', "."), self.service.app_id)?;
        if let Some(version) = self.version {
            write!(f, ";version={version}")?;
        }
        if let Some(page) = &self.page {
            write!(f, "/{page}")?;
        }
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        if !self.fragment.is_empty() {
            write!(f, "#{}", self.fragment)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_written_as_it_was_read() {
        for link in [
            "onecity://miniapp/cn-sd.jinan:report",
            "onecity://miniapp/cn-sd.jinan.~transport:pass;version=12/pages/index/index?from=gate&n=%E6%B5%8E#top",
            "onecity://miniapp/cn-sd.~jiaodong:coast?q=1",
        ] {
            assert_eq!(link.parse::<MiniAppUri>().expect(link).to_string(), link);
        }
    }

    #[test]
    fn what_is_no_link_is_refused_by_name() {
        let refused = |link: &str| link.parse::<MiniAppUri>().expect_err(link);
        assert_eq!(refused("https://jinan.example/"), UriError::NotALink);
        assert_eq!(refused("onecity://miniapp/report"), UriError::Id);
        assert_eq!(refused("onecity://miniapp/cn-sd.jinan:../x"), UriError::Id);
        assert_eq!(refused("onecity://miniapp/cn-sd.jinan:report/../../etc"), UriError::Page);
        assert_eq!(refused("onecity://miniapp/cn-sd.jinan:report/%2e%2e/x"), UriError::Page);
        assert_eq!(refused("onecity://miniapp/cn-sd.jinan:report//"), UriError::Page);
        assert_eq!(refused("onecity://miniapp/cn-sd.jinan:report;version=x/"), UriError::Version);
        assert_eq!(refused("onecity://miniapp/cn-sd.jinan:report?济南"), UriError::Character);
        assert_eq!(refused(&format!("onecity://miniapp/cn-sd.jinan:report?{}", "a".repeat(3000))), UriError::TooLong);
    }
}
