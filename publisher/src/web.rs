//! A registry at a server: reading it as a phone would, and sending what was signed.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::limits::{ROLE_BYTES, ROOT_BYTES, TIMESTAMP_BYTES};
use onecity_protocol::region::UnitId;
use onecity_protocol::trust::{TrustError, TrustedRepository, metadata_name};
use serde_json::Value;
use url::{Host, Url};

use crate::repository::{RepositoryFiles, day};

/// Most versions of one role that a log reads.
const MAX_VERSIONS: u64 = 10_000;
/// Most roots that are climbed.
const MAX_ROOTS: u64 = 256;
/// From how far on a publisher's clock and the server's differ, in seconds.
const CLOCKS_APART: i64 = 86_400;
const BEFORE_IT_COULD_EXPIRE: UnixTime = 0;

/// Why a server did not do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WebError {
    #[error("{0}: a registry's address is https://…, or http:// to this very machine")]
    Address(String),
    #[error("{url}: {why}")]
    Answer { url: String, why: String },
    #[error("the registry: {0}")]
    Trust(#[from] TrustError),
    #[error("the bundle does not hold {0}, which the registry wants")]
    NotInBundle(String),
    #[error("by this machine's clock it is {ours}, by the registry's server {theirs}: set the clock and try again")]
    Clock { ours: String, theirs: String },
    #[error("the bundle holds no signed metadata")]
    NothingSigned,
}

/// How much of a registry to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent<'a> {
    /// What a unit needs to sign its next release: the roles above it and its own.
    Unit(&'a UnitId),
    /// Every role, in every version.
    History,
}

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Accepted {
    pub role: String,
    pub version: u64,
}

/// A registry at a server.
pub struct Web {
    base: String,
    agent: ureq::Agent,
    /// What the server's last answer said of the time (RFC 9110 §6.6.1).
    server_time: Cell<Option<UnixTime>>,
}

impl Web {
    /// At an address.
    pub fn new(address: &str) -> Result<Self, WebError> {
        let wrong = || WebError::Address(address.to_owned());
        let url = Url::parse(address).map_err(|_| wrong())?;
        let loopback = match url.host() {
            Some(Host::Ipv4(host)) => host.is_loopback(),
            Some(Host::Ipv6(host)) => host.is_loopback(),
            Some(Host::Domain(host)) => host == "localhost",
            None => false,
        };
        if !(url.scheme() == "https" || (url.scheme() == "http" && loopback)) {
            return Err(wrong());
        }
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(120)));
        Ok(Self {
            base: address.trim_end_matches('/').to_owned(),
            agent: config.build().into(),
            server_time: Cell::new(None),
        })
    }

    fn get(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, WebError> {
        let url = format!("{}/{path}", self.base);
        let failed = |why: String| WebError::Answer { url: url.clone(), why };
        let mut answer = self.agent.get(&url).call().map_err(|error| failed(error.to_string()))?;
        let date = answer.headers().get("date").and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
        self.server_time.set(date.map(|date| date.timestamp().as_second()));
        match answer.status().as_u16() {
            200..=299 => {}
            403 | 404 => return Ok(None),
            status => return Err(failed(format!("the server answered {status}"))),
        }
        let mut bytes = Vec::new();
        let reader = answer.body_mut().as_reader();
        reader.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        if bytes.len() > limit {
            return Err(failed(format!("larger than {limit} bytes")));
        }
        Ok(Some(bytes))
    }

    fn needed(&self, path: &str, limit: usize) -> Result<Vec<u8>, WebError> {
        let missing = || WebError::Answer { url: format!("{}/{path}", self.base), why: "it is not there".to_owned() };
        self.get(path, limit)?.ok_or_else(missing)
    }

    /// Reads metadata, verified from a root that is trusted already, so that nobody on the way can have a publisher sign
    /// on top of something else. `told` hears how many files there are by now.
    pub fn mirror(
        &self,
        trusted_root: &[u8],
        extent: Extent<'_>,
        now: UnixTime,
        told: &dyn Fn(usize),
    ) -> Result<RepositoryFiles, WebError> {
        let mut files = RepositoryFiles::new();
        let mut keep = |path: String, bytes: &[u8]| {
            files.insert(path, Arc::from(bytes));
            told(files.len());
        };
        let mut trusted = TrustedRepository::from_root(trusted_root)?;
        keep(format!("metadata/{}.root.json", trusted.root_version()), trusted_root);
        for _ in 0..MAX_ROOTS {
            let path = format!("metadata/{}.root.json", trusted.root_version() + 1);
            let Some(bytes) = self.get(&path, ROOT_BYTES)? else { break };
            trusted.update_root(&bytes)?;
            keep(path, &bytes);
        }
        let timestamp = self.needed("metadata/timestamp.json", TIMESTAMP_BYTES)?;
        trusted.update_timestamp(&timestamp, now).map_err(|error| self.judged(error, now))?;
        keep("metadata/timestamp.json".to_owned(), &timestamp);
        let version = trusted.wanted_snapshot().unwrap_or_default();
        let path = format!("metadata/{version}.snapshot.json");
        let snapshot = self.needed(&path, ROLE_BYTES)?;
        trusted.update_snapshot(&snapshot, now).map_err(|error| self.judged(error, now))?;
        keep(path, &snapshot);
        let above: BTreeSet<String> = match extent {
            Extent::Unit(unit) => unit.may_be_delegated_by().iter().map(UnitId::role).chain([unit.role()]).collect(),
            Extent::History => BTreeSet::new(),
        };
        let mut seen = BTreeSet::new();
        let mut ahead = vec![("targets".to_owned(), String::new())];
        while let Some((role, parent)) = ahead.pop() {
            let Some(version) = trusted.wanted_role(&role) else { continue };
            let name = metadata_name(&role);
            let path = format!("metadata/{version}.{name}.json");
            let bytes = self.needed(&path, ROLE_BYTES)?;
            // Whether it has ended is for phones to judge: its signer must be able to sign it again. That it is the
            // newest one, the snapshot says, which has not ended.
            match role.as_str() {
                "targets" => trusted.update_targets(&bytes, BEFORE_IT_COULD_EXPIRE)?,
                _ => trusted.update_role(&role, &parent, &bytes, BEFORE_IT_COULD_EXPIRE)?,
            }
            keep(path, &bytes);
            if extent == Extent::History {
                for older in (1..version).rev().take(usize::try_from(MAX_VERSIONS).unwrap_or(usize::MAX)) {
                    let path = format!("metadata/{older}.{name}.json");
                    match self.get(&path, ROLE_BYTES)? {
                        Some(bytes) => keep(path, &bytes),
                        None => break,
                    }
                }
            }
            let may = |child: &&str| {
                let unit = UnitId::from_role(child).filter(|unit| unit.may_be_delegated_by_role(&role));
                unit.is_some() && (extent == Extent::History || above.contains(*child))
            };
            let below: Vec<String> = trusted.delegates(&role).filter(may).map(str::to_owned).collect();
            let fresh = below.into_iter().filter(|child| seen.insert(child.clone()));
            ahead.extend(fresh.map(|child| (child, role.clone())));
        }
        Ok(files)
    }

    /// With another date than the server's, a fresh registry looks old.
    fn judged(&self, error: TrustError, now: UnixTime) -> WebError {
        match (&error, self.server_time.get()) {
            (TrustError::Expired { .. }, Some(theirs)) if (theirs - now).abs() > CLOCKS_APART => {
                WebError::Clock { ours: day(now), theirs: day(theirs) }
            }
            _ => WebError::Trust(error),
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<Value, WebError> {
        let url = format!("{}/{path}", self.base);
        let failed = |why: String| WebError::Answer { url: url.clone(), why };
        let request = self.agent.put(&url).header("content-type", "application/octet-stream");
        let mut answer = request.send(bytes).map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(1 << 20).read_to_string().unwrap_or_default();
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let why =
            body["detail"].as_str().map_or_else(|| format!("the server answered {}", status.as_u16()), str::to_owned);
        Err(failed(why))
    }

    /// Sends what was signed: the metadata, then the files that the registry says it wants. After a break it is sent
    /// again; what had arrived is not wanted any more. `told` hears bytes done and in all.
    pub fn push(&self, bundle: &RepositoryFiles, told: &dyn Fn(u64, u64)) -> Result<Vec<Accepted>, WebError> {
        let mut accepted = Vec::new();
        let metadata = bundle.iter().filter(|(path, _)| path.starts_with("metadata/"));
        for (path, bytes) in metadata {
            let mut answer = self.put(path, bytes)?;
            let wanted: Vec<String> = serde_json::from_value(answer["wanted"].clone()).unwrap_or_default();
            let size = |path: &String| bundle.get(path).map_or(0, |bytes| bytes.len() as u64);
            let (total, mut done) = (wanted.iter().map(size).sum(), 0);
            for path in &wanted {
                let bytes = bundle.get(path).ok_or_else(|| WebError::NotInBundle(path.clone()))?;
                answer = self.put(path, bytes)?;
                done += bytes.len() as u64;
                told(done, total);
            }
            if let (Some(role), Some(version)) = (answer["role"].as_str(), answer["version"].as_u64()) {
                accepted.push(Accepted { role: role.to_owned(), version });
            }
        }
        if accepted.is_empty() { Err(WebError::NothingSigned) } else { Ok(accepted) }
    }
}
