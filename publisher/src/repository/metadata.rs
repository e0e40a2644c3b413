//! TUF metadata as they are written: drafts of roles, and signed files. sigstore-tuf verifies, and does not write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::RegionId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;

use super::PublishError;
use crate::key::{KeyError, KeyRing, PublicKey};

const SPEC_VERSION: &str = "1.0.31";

/// Whose signatures a role needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signers {
    pub keyids: Vec<String>,
    pub threshold: usize,
}

impl Signers {
    pub(crate) fn of(keys: &[PublicKey], threshold: usize) -> Self {
        Self { keyids: keys.iter().map(|key| key.id().to_owned()).collect(), threshold }
    }
}

/// The root role as it was signed, or is about to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RootDraft {
    /// Whose repository it is: for its publishers, no phone looks at it.
    #[serde(rename = "x-onecity-region")]
    pub region: RegionId,
    pub version: u64,
    #[serde(with = "date")]
    pub expires: UnixTime,
    /// When it was signed, by its signers' clock.
    #[serde(rename = "x-onecity-signed", default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<UnixTime>,
    pub consistent_snapshot: bool,
    pub keys: BTreeMap<String, Value>,
    pub roles: BTreeMap<String, Signers>,
}

impl RootDraft {
    /// Gives a role other keys; keys that no role has any more are dropped.
    pub(crate) fn entrust(&mut self, role: &str, keys: &[PublicKey], threshold: usize) {
        self.roles.insert(role.to_owned(), Signers::of(keys, threshold));
        self.keys.extend(keys.iter().map(|key| (key.id().to_owned(), key.listed().clone())));
        let used: Vec<&String> = self.roles.values().flat_map(|signers| &signers.keyids).collect();
        self.keys.retain(|id, _| used.contains(&id));
    }
}

/// A role that another delegates to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delegation {
    pub name: String,
    #[serde(flatten)]
    pub signers: Signers,
    pub terminating: bool,
    pub paths: Vec<String>,
}

/// What a role delegates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DelegationsDraft {
    pub keys: BTreeMap<String, Value>,
    pub roles: Vec<Delegation>,
}

impl DelegationsDraft {
    /// Delegates, or gives a delegate other keys. Roles stay in the order of their names.
    pub(crate) fn entrust(&mut self, delegation: Delegation, keys: &[PublicKey]) {
        self.roles.retain(|role| role.name != delegation.name);
        self.roles.push(delegation);
        self.roles.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.keys.extend(keys.iter().map(|key| (key.id().to_owned(), key.listed().clone())));
        self.drop_unused();
    }

    /// Takes a delegation back; answers whether there was one.
    pub(crate) fn withdraw(&mut self, name: &str) -> bool {
        let before = self.roles.len();
        self.roles.retain(|role| role.name != name);
        self.drop_unused();
        self.roles.len() < before
    }

    fn drop_unused(&mut self) {
        let used: Vec<&String> = self.roles.iter().flat_map(|role| &role.signers.keyids).collect();
        self.keys.retain(|id, _| used.contains(&id));
    }
}

/// A file that a role lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct ListedTarget {
    pub length: u64,
    pub hashes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Value>,
}

/// `targets` or a delegated role as it was signed, or is about to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoleDraft {
    pub version: u64,
    #[serde(with = "date")]
    pub expires: UnixTime,
    /// When it was signed, by its signer's clock: for people, no phone looks at it.
    #[serde(rename = "x-onecity-signed", with = "date", default)]
    pub signed: UnixTime,
    pub targets: BTreeMap<String, ListedTarget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegations: Option<DelegationsDraft>,
    /// How long its file is; 0 before it is signed.
    #[serde(skip)]
    pub bytes: usize,
}

impl RoleDraft {
    pub(crate) fn empty() -> Self {
        Self { version: 0, expires: 0, signed: 0, targets: BTreeMap::new(), delegations: None, bytes: 0 }
    }

    /// The repository's own, which always says what it delegates.
    pub(crate) fn delegating() -> Self {
        Self { delegations: Some(DelegationsDraft::default()), ..Self::empty() }
    }
}

/// The part of a metadata file that is signed, read without any check: what a publisher's own files say.
pub(super) fn signed_part<T: for<'de> Deserialize<'de>>(file: &[u8]) -> Result<T, serde_json::Error> {
    #[derive(Deserialize)]
    struct File<T> {
        signed: T,
    }
    Ok(serde_json::from_slice::<File<T>>(file)?.signed)
}

/// The ids of the keys that signed a file, as it says.
pub(crate) fn signers(file: &[u8]) -> Vec<String> {
    let file: Value = serde_json::from_slice(file).unwrap_or_default();
    let signatures = file["signatures"].as_array().cloned().unwrap_or_default();
    signatures.iter().filter_map(|signature| Some(signature["keyid"].as_str()?.to_owned())).collect()
}

/// Signs a draft under its type's name, with every key at hand that may, of each of the groups that must.
pub(super) fn sign(
    role: &str,
    kind: &str,
    draft: &impl Serialize,
    needed: &[&Signers],
    ring: &KeyRing,
) -> Result<Arc<[u8]>, PublishError> {
    let mut signed = match serde_json::to_value(draft)? {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    signed.insert("_type".to_owned(), json!(kind));
    signed.insert("spec_version".to_owned(), json!(SPEC_VERSION));
    let signed = Value::Object(signed);
    let canonical = to_canonical_bytes(&signed)?;
    let mut signatures = BTreeMap::new();
    for signers in needed {
        for key in ring.among(&signers.keyids) {
            if !signatures.contains_key(key.public().id()) {
                signatures.insert(key.public().id().to_owned(), key.sign(&canonical)?);
            }
        }
        let distinct: BTreeSet<&String> = signers.keyids.iter().collect();
        if distinct.iter().filter(|id| signatures.contains_key(**id)).count() < signers.threshold {
            let keys: Vec<&str> = signers.keyids.iter().map(|id| &id[..id.len().min(12)]).collect();
            let (role, needed, keys) = (role.to_owned(), signers.threshold, keys.join(", "));
            return Err(KeyError::NotAtHand { role, needed, keys }.into());
        }
    }
    let signatures: Vec<Value> = signatures.into_values().collect();
    Ok(serde_json::to_vec(&json!({ "signed": signed, "signatures": signatures }))?.into())
}

/// TUF's date format (TUF 1.0 §4.1): whole seconds, UTC.
pub(super) mod date {
    use onecity_protocol::credential::UnixTime;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer, ser};

    pub(crate) fn serialize<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
        let time = jiff::Timestamp::from_second(*time).map_err(ser::Error::custom)?;
        serializer.serialize_str(&time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second).map_err(D::Error::custom)
    }
}
