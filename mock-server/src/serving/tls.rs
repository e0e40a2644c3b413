//! HTTPS at the same port: a connection that begins with a handshake (RFC 8446 §5.1) gets one. From this machine plain HTTP goes on,
//! which the world's own phones and gates use.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, crypto};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::state;

/// How long a certificate that is made here is good, in days: phones take none that lasts longer than 825.
const LASTS: i64 = 397;
/// How many days before its end it is made again.
const RENEWED: i64 = 30;
const DAY: i64 = 86_400;
/// The content type of a handshake.
const HANDSHAKE: u8 = 22;
/// Most certificates that a file has.
const MOST: usize = 16;

/// Where a server's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// It is made, by an authority that is made for it.
    Own,
    /// From files, as PEM (RFC 7468): the chain, and the private key.
    Files {
        /// The certificate first, then those that vouch for it.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TlsError {
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    File(PathBuf, String),
    #[error("the certificate can't be made: {0}")]
    Made(#[from] rcgen::Error),
    #[error("the certificate can't be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// A certificate with what it is used with.
#[derive(Clone)]
pub(crate) struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    /// When it was made, in seconds since 1970, and for what; none if it was given.
    made: Option<(i64, Vec<String>)>,
}

/// A certificate that was made, as a state file has it: who trusts its authority goes on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredCertificate {
    chain: Vec<StoredDer>,
    key: StoredDer,
    made: i64,
    names: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredDer(#[serde(with = "state::bytes")] Vec<u8>);

/// The names that a server on this machine has.
pub(crate) fn names(network: Option<IpAddr>) -> Vec<String> {
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    own.into_iter().chain(network.map(|address| address.to_string())).collect()
}

impl Certificate {
    /// The one that is wanted: the one from before, if it does.
    pub(crate) fn find(
        tls: &Tls,
        network: Option<IpAddr>,
        before: Option<StoredCertificate>,
        now: i64,
    ) -> Result<Self, TlsError> {
        let names = names(network);
        match tls {
            Tls::Files { certificate, key } => Self::read(certificate, key),
            Tls::Own => match before.filter(|before| before.names == names && before.is_good(now)) {
                Some(before) => Ok(before.into()),
                None => Self::make(&names, now),
            },
        }
    }

    /// Reads one from files.
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: rustls::pki_types::pem::Error| TlsError::File(path, error.to_string())
        };
        let all = CertificateDer::pem_file_iter(certificate).map_err(failed(certificate))?.take(MOST);
        let chain = all.collect::<Result<Vec<_>, _>>().map_err(failed(certificate))?;
        if chain.is_empty() {
            return Err(TlsError::File(certificate.to_owned(), "there is no certificate in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(failed(key))?;
        Ok(Self { chain, key: Arc::new(key), made: None })
    }

    /// Makes one for these names, and an authority that signs it and nothing else: its key is forgotten.
    fn make(names: &[String], now: i64) -> Result<Self, TlsError> {
        let day = |seconds: i64| {
            let date =
                jiff::Timestamp::from_second(seconds).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
            let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
            rcgen::date_time_ymd(i32::from(date.year()), month, day)
        };
        let params = |names: &[String], name: &str| -> Result<CertificateParams, rcgen::Error> {
            let mut params = CertificateParams::new(names)?;
            params.distinguished_name.push(DnType::CommonName, name);
            (params.not_before, params.not_after) = (day(now - DAY), day(now + LASTS * DAY));
            Ok(params)
        };
        let mut authority = params(&[], "OneCity mock server, an authority for tests")?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut own = params(names, "OneCity mock server")?;
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = own.signed_by(&key, &authority)?;
        Ok(Self {
            chain: vec![certificate.der().clone(), authority.der().clone()],
            key: Arc::new(PrivatePkcs8KeyDer::from(key.serialize_der()).into()),
            made: Some((now, names.to_vec())),
        })
    }

    /// As a state file has it, if it was made.
    pub(crate) fn stored(&self) -> Option<StoredCertificate> {
        let (made, names) = self.made.clone()?;
        let chain = self.chain.iter().map(|own| StoredDer(own.to_vec())).collect();
        Some(StoredCertificate { chain, key: StoredDer(self.key.secret_der().to_vec()), made, names })
    }

    /// The one that vouches for all others, as PEM: who trusts it, trusts this server.
    pub(crate) fn authority(&self) -> String {
        let text = STANDARD.encode(self.chain.last().map(|own| own.as_ref()).unwrap_or_default());
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// The authority's SHA-256 fingerprint, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, self.chain.last().map(|own| own.as_ref()).unwrap_or_default());
        let pairs: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    /// What shakes hands with it.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = config.with_no_client_auth().with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl StoredCertificate {
    fn is_good(&self, now: i64) -> bool {
        (-DAY..(LASTS - RENEWED) * DAY).contains(&now.saturating_sub(self.made)) && !self.chain.is_empty()
    }
}

impl From<StoredCertificate> for Certificate {
    fn from(stored: StoredCertificate) -> Self {
        let StoredCertificate { chain, key: StoredDer(key), made, names } = stored;
        let chain = chain.into_iter().map(|StoredDer(own)| own.into()).collect();
        Self { chain, key: Arc::new(PrivatePkcs8KeyDer::from(key).into()), made: Some((made, names)) }
    }
}

/// Whether a connection begins with a handshake.
pub(super) async fn is_handshake(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 1 && first[0] == HANDSHAKE)
}
