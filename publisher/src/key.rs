//! A publisher's P-256 keys: at rest under a passphrase, as PKCS#8 (RFC 5958) encrypted with scrypt and AES (RFC 8018).

use std::path::Path;
use std::sync::Arc;

use pkcs8::der::pem::LineEnding;
use pkcs8::der::zeroize::Zeroizing;
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{
    DecodePublicKey, EncodePublicKey, EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sigstore_tuf::Key;
use sigstore_tuf::canonical_json::to_canonical_bytes;

/// The label of an encrypted private key's PEM (RFC 7468 §11).
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// The label of a public key's PEM (RFC 7468 §13).
const PUBLIC_LABEL: &str = "PUBLIC KEY";
/// id-ecPublicKey (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// Fewest characters of a passphrase.
const MIN_PASSPHRASE: usize = 8;

/// Why a key can't be made or used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum KeyError {
    #[error("the key: {0}")]
    Unusable(String),
    #[error("the passphrase is wrong")]
    Passphrase,
    #[error("a passphrase has at least {MIN_PASSPHRASE} characters")]
    ShortPassphrase,
    #[error("no key at hand may sign {role}; it takes {needed} of: {keys}")]
    NotAtHand { role: String, needed: usize, keys: String },
}

/// A file's text as PEM (RFC 7468), whatever editor wrote it: §2 allows text around it, a byte order mark is such text.
fn document(text: &str) -> Result<(String, SecretDocument), KeyError> {
    let text = text.trim_start_matches('\u{FEFF}').trim();
    if text.contains('\0') || text.contains('\u{FFFD}') {
        return Err(unusable("the file is no UTF-8 text; save it as UTF-8, or make the key again"));
    }
    if !text.contains("-----BEGIN ") {
        return Err(unusable("the file is no PEM: it has no line -----BEGIN …"));
    }
    let (label, der) = SecretDocument::from_pem(text)
        .map_err(|error| unusable(format!("the file's PEM is damaged, or was cut short: {error}")))?;
    Ok((label.to_owned(), der))
}

/// Keys of other kinds are named: an OpenSSL command makes them as easily.
fn p256_only(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), KeyError> {
    if algorithm.oid != EC_PUBLIC_KEY {
        return Err(unusable(format!("a key of the kind {}; registries are signed with P-256 keys", algorithm.oid)));
    }
    let curve = algorithm.parameters_oid().map_err(|_| unusable("a key without the name of its curve"))?;
    match curve.to_string().as_str() {
        "1.2.840.10045.3.1.7" => Ok(()),
        curve => {
            let name = match curve {
                "1.3.132.0.34" => "P-384",
                "1.3.132.0.35" => "P-521",
                "1.3.132.0.10" => "secp256k1",
                other => other,
            };
            Err(unusable(format!("a key on the curve {name}; registries are signed with P-256 keys")))
        }
    }
}

fn unusable(error: impl ToString) -> KeyError {
    KeyError::Unusable(error.to_string())
}

/// The public half of a key, as TUF metadata list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: String,
    listed: Value,
}

impl PublicKey {
    /// From SubjectPublicKeyInfo in PEM (RFC 7468 §13): what `onecity key public` prints.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = document(pem)?;
        if label != PUBLIC_LABEL {
            let hint = if label == ENCRYPTED_LABEL { "; its public half: onecity key public FILE" } else { "" };
            return Err(unusable(format!("a file with a {label} is no public key{hint}")));
        }
        let info = SubjectPublicKeyInfoRef::try_from(der.as_bytes()).map_err(|_| unusable("a damaged public key"))?;
        p256_only(&info.algorithm)?;
        let key: p256::PublicKey =
            DecodePublicKey::from_public_key_der(der.as_bytes()).map_err(|_| unusable("no point of P-256"))?;
        let pem = EncodePublicKey::to_public_key_pem(&key, LineEnding::LF).map_err(unusable)?;
        Self::listed_as(&pem)
    }

    fn listed_as(pem: &str) -> Result<Self, KeyError> {
        let pem = pem.trim_end();
        Self::from_listed(json!({ "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": { "public": pem } }))
    }

    /// As metadata list it.
    pub fn from_listed(listed: Value) -> Result<Self, KeyError> {
        onecity_protocol::trust::install_ring();
        let key: Key = serde_json::from_value(listed.clone()).map_err(unusable)?;
        Ok(Self { id: key.key_id().map_err(unusable)?, listed })
    }

    /// The key's id: the SHA-256 of its canonical form (TUF 1.0 §4.2).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As metadata list it.
    pub fn listed(&self) -> &Value {
        &self.listed
    }

    /// As PEM.
    pub fn pem(&self) -> String {
        format!("{}\n", self.listed["keyval"]["public"].as_str().unwrap_or_default().trim_end())
    }
}

/// A P-256 key that signs metadata.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    pkcs8: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.id)
    }
}

impl SigningKey {
    /// A fresh key.
    pub fn generate() -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(unusable)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// From PKCS#8 DER.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &random).map_err(unusable)?;
        let point = p256::PublicKey::from_sec1_bytes(pair.public_key().as_ref()).map_err(unusable)?;
        let pem = EncodePublicKey::to_public_key_pem(&point, LineEnding::LF).map_err(unusable)?;
        let public = PublicKey::listed_as(&pem)?;
        Ok(Self { pair, random, pkcs8: Zeroizing::new(pkcs8.to_vec()), public })
    }

    /// From a file's text, with its passphrase.
    pub fn from_encrypted_pem(pem: &str, passphrase: &str) -> Result<Self, KeyError> {
        let (label, der) = document(pem)?;
        if label != ENCRYPTED_LABEL {
            let why = format!("a file with a {label} is no encrypted private key; make one with: onecity key new");
            return Err(unusable(why));
        }
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes());
        let encrypted =
            encrypted.map_err(|_| unusable("it is encrypted in a way that is not known (PKCS#8, RFC 5958)"))?;
        let plain = encrypted.decrypt(passphrase).map_err(|_| KeyError::Passphrase)?;
        let info = PrivateKeyInfoRef::try_from(plain.as_bytes()).map_err(|_| KeyError::Passphrase)?;
        p256_only(&info.algorithm)?;
        Self::from_pkcs8(plain.as_bytes())
    }

    /// As a file's text, under a passphrase.
    pub fn to_encrypted_pem(&self, passphrase: &str) -> Result<Zeroizing<String>, KeyError> {
        if passphrase.chars().count() < MIN_PASSPHRASE {
            return Err(KeyError::ShortPassphrase);
        }
        let plain = PrivateKeyInfoRef::try_from(self.pkcs8.as_slice()).map_err(unusable)?;
        plain.encrypt(passphrase).and_then(|der| Ok(der.to_pem(ENCRYPTED_LABEL, LineEnding::LF)?)).map_err(unusable)
    }

    /// As PKCS#8 DER, for those who keep it where nobody else can read it.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signature as TUF metadata carry it.
    pub fn sign(&self, canonical: &[u8]) -> Result<Value, KeyError> {
        let signature = self.pair.sign(&self.random, canonical).map_err(unusable)?;
        Ok(json!({ "keyid": self.public.id, "sig": hex::encode(signature.as_ref()) }))
    }
}

/// The keys at hand.
#[derive(Debug, Default)]
pub struct KeyRing(Vec<SigningKey>);

impl KeyRing {
    /// With these keys.
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Adds a key.
    pub fn add(&mut self, key: SigningKey) {
        self.0.push(key);
    }

    /// A fresh key, added.
    pub fn generate(&mut self) -> Result<PublicKey, KeyError> {
        let key = SigningKey::generate()?;
        let public = key.public().clone();
        self.0.push(key);
        Ok(public)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &SigningKey> {
        self.0.iter()
    }

    /// Whether a key is at hand.
    pub fn has(&self, key: &PublicKey) -> bool {
        self.0.iter().any(|own| own.public == *key)
    }

    /// Signs anything at all with those keys at hand that signed something before (`signatures` is that file's member):
    /// what a thief of keys can do, for tests of what that does not get them.
    pub fn sign_as_any(&self, signed: &Value, signatures: &Value) -> Result<Arc<[u8]>, KeyError> {
        let canonical = to_canonical_bytes(signed).map_err(unusable)?;
        let ids: Vec<String> = signatures
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| Some(one["keyid"].as_str()?.to_owned()))
            .collect();
        let signatures = self.among(&ids).map(|key| key.sign(&canonical)).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({ "signed": signed, "signatures": signatures }).to_string().into_bytes().into())
    }

    /// The keys at hand among some by their ids.
    pub(crate) fn among<'a>(&'a self, ids: &'a [String]) -> impl Iterator<Item = &'a SigningKey> {
        self.0.iter().filter(|key| ids.iter().any(|id| id == key.public.id()))
    }
}

/// Writes a secret so that only its owner reads it, and never over another.
pub fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_with_its_passphrase_and_with_no_other() {
        let key = SigningKey::generate().expect("a key");
        let pem = key.to_encrypted_pem("correct horse").expect("encrypted");
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        let back = SigningKey::from_encrypted_pem(&pem, "correct horse").expect("decrypted");
        assert_eq!(back.public(), key.public());
        assert!(matches!(SigningKey::from_encrypted_pem(&pem, "wrong horse"), Err(KeyError::Passphrase)));
        assert!(matches!(key.to_encrypted_pem("short"), Err(KeyError::ShortPassphrase)));
        assert!(SigningKey::from_encrypted_pem("-----BEGIN nothing", "correct horse").is_err());
    }

    #[test]
    fn a_public_key_s_file_says_the_same_key() {
        let key = SigningKey::generate().expect("a key");
        assert_eq!(PublicKey::from_pem(&key.public().pem()).expect("read").id(), key.public().id());
    }
}
