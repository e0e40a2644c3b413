//! The issuers of passes: who they are, what they keep, and what they hand out.
//!
//! ```text
//!   issuance.rs   OpenID for Verifiable Credential Issuance: metadata, nonce, credential, notification
//!   verifying.rs  status lists, and the resource server where a counter redeems a one-use grant
//! ```

mod issuance;
mod verifying;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Router;
use onecity_protocol::credential::{
    Claims, CredentialDraft, Gate, Issuer, Named, PassType, PublicKey, Purpose, Status, StatusArray, StatusClaims,
    StatusEntry, StatusListDraft, TrustList, TrustedKey, UnixTime, Verifier, WINDOW_DEFAULT, Words, pass_id,
    sample::{SampleError, SoftwareKey},
};
use onecity_protocol::document::DocumentDraft;
use onecity_protocol::names::Names;
use onecity_protocol::region::{RegionId, RegionTree};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::expiring::Expiring;
use crate::gates::{PASSAGES_LAST, file_key};
use crate::identity::random_text;
use crate::problem::Problem;
use crate::state::{self, Changes, Pieces, Rows, StateError};

const DAY: i64 = 86_400;
const PASS_LASTS: i64 = 30 * DAY;
/// How long an issuer remembers whom a pass was for, in seconds.
const RECORD_LASTS: i64 = 400 * DAY;
/// How long a status list is current, in seconds: gates fetch it every hour.
const STATUS_LASTS: i64 = 2 * 3600;
/// How many passes a status list has room for.
const STATUS_ENTRIES: usize = 100_000;
const TRANSIT: u64 = 1;
const HEALTH: u64 = 3;
/// The documents that a region signs with the key of its transit passes.
const DOCUMENTS: [&str; 4] = ["residence_certificate", "identity", "receipt", REPORT_ANSWER];
/// What a city says of a report, signed.
pub(crate) const REPORT_ANSWER: &str = "report_answer";
/// The clinic's counter, and what it may ask for.
const CLINIC: u32 = 900;
const CHECK_IN: u64 = 1;

/// Why the issuers could not be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IssuerError(#[from] SampleError);

/// Whom a pass was issued for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The persona who asked.
    account: String,
    /// The holder's id: the persona's own, or that of somebody in its care.
    holder: String,
    /// Whether they ride at a child's fare.
    is_child: bool,
    index: u64,
    /// As a status list has it.
    status: u8,
}

struct IssuingKey {
    key: SoftwareKey,
    not_before: UnixTime,
    not_after: UnixTime,
}

/// One issuer.
struct IssuerState {
    region: RegionId,
    names: Names,
    types: Vec<u64>,
    scope: u64,
    /// The number of its status list.
    list: u64,
    /// The newest is the last; it signs.
    keys: Vec<IssuingKey>,
    statuses: StatusArray,
    issued: u64,
    /// By `cti`.
    records: Expiring<[u8; 8], Record>,
    /// The gates of the resource server, one for each verifier and purpose, with the time that each has seen last.
    gates: HashMap<(u32, u64), (Gate, UnixTime)>,
    /// Those of them that have let something through since it was written.
    passed: BTreeMap<(u32, u64), UnixTime>,
    /// What they had let through when the state was written.
    remembered: HashMap<(u32, u64), Pieces>,
    /// Those of which the state file has to forget it.
    forgotten: Vec<(u32, u64)>,
    /// Whether its keys are not in the state file yet.
    is_unwritten: bool,
}

/// An issuer's keys, as a state file has them.
#[derive(Serialize, Deserialize)]
struct StoredIssuer {
    keys: Vec<StoredKey>,
    issued: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    #[serde(with = "state::bytes")]
    pkcs8: Vec<u8>,
    not_before: UnixTime,
    not_after: UnixTime,
}

impl IssuerState {
    fn new(region: &RegionId, names: Names, types: &[u64], scope: u64, list: u64) -> Result<Self, IssuerError> {
        let statuses = StatusArray::new(2, STATUS_ENTRIES).expect("two bits");
        let mut issuer = Self {
            region: region.clone(),
            names,
            types: types.to_vec(),
            scope,
            list,
            keys: Vec::new(),
            statuses,
            issued: 0,
            records: Expiring::new(RECORD_LASTS, STATUS_ENTRIES),
            gates: HashMap::new(),
            passed: BTreeMap::new(),
            remembered: HashMap::new(),
            forgotten: Vec::new(),
            is_unwritten: true,
        };
        issuer.add_key(0)?;
        Ok(issuer)
    }

    fn add_key(&mut self, now: UnixTime) -> Result<(), IssuerError> {
        if let Some(last) = self.keys.last_mut() {
            // What it has signed up to this second stays good.
            last.not_after = now + 1;
        }
        self.keys.push(IssuingKey { key: SoftwareKey::generate()?, not_before: now, not_after: 4_102_444_800 });
        self.is_unwritten = true;
        Ok(())
    }

    fn key(&self) -> &SoftwareKey {
        &self.keys.last().expect("an issuer has a key").key
    }

    fn issue(
        &mut self,
        cti: [u8; 8],
        pass_type: u64,
        holder: &PublicKey,
        record: Record,
        now: UnixTime,
    ) -> Result<Vec<u8>, SampleError> {
        let claims = Claims {
            expires: now + PASS_LASTS,
            issued: now,
            cti,
            pass_type,
            scopes: vec![self.scope],
            fare_class: if record.is_child { 2 } else { 1 },
            status: StatusEntry { list: self.list, index: record.index },
            window: WINDOW_DEFAULT,
        };
        let draft = CredentialDraft::new(&claims, holder, self.key().public()?.kid());
        let signature = self.key().sign(draft.message())?;
        self.records.put(cti, record, now);
        Ok(draft.sign(&signature))
    }

    /// Takes a code that was accepted down, for the state file.
    fn has_passed(&mut self, place: (u32, u64), now: UnixTime) {
        self.passed.entry(place).or_insert(now);
    }

    /// Sets the status of a pass: 0 valid, 1 revoked, 2 suspended. Answers whether it is known and the list has room.
    fn set_status(&mut self, cti: &[u8; 8], status: u8, now: UnixTime) -> bool {
        let Some(record) = self.records.get_mut(cti, now) else { return false };
        record.status = status;
        self.statuses.set(record.index, status)
    }

    /// Goes on with what a state file has.
    fn restore(&mut self, id: &str, stored: Option<StoredIssuer>, rows: &mut Rows) -> Result<(), StateError> {
        let (passes, redeemed) = parts(id);
        self.records.restore(&passes, rows)?;
        for (_, record) in self.records.iter() {
            self.statuses.set(record.index, record.status);
        }
        for (place, pieces) in rows.take(&redeemed) {
            let place = serde_json::from_str(&place).map_err(|_| StateError::Damaged(redeemed.clone()))?;
            self.remembered.insert(place, pieces);
        }
        let Some(StoredIssuer { keys, issued }) = stored else { return Ok(()) };
        let key = |own: StoredKey| {
            let key = SoftwareKey::from_pkcs8(&own.pkcs8).map_err(|_| StateError::Damaged(ISSUERS.to_owned()))?;
            Ok(IssuingKey { key, not_before: own.not_before, not_after: own.not_after })
        };
        let keys = keys.into_iter().map(key).collect::<Result<Vec<_>, StateError>>()?;
        if keys.is_empty() {
            return Err(StateError::Damaged(ISSUERS.to_owned()));
        }
        (self.keys, self.issued, self.is_unwritten) = (keys, issued, false);
        Ok(())
    }

    /// What a state file does not have yet.
    fn unwritten(&mut self, id: &str, changes: &mut Changes) {
        let (passes, redeemed) = parts(id);
        if std::mem::take(&mut self.is_unwritten) {
            changes.put(ISSUERS, id, &self.stored());
        }
        self.records.unwritten(&passes, changes);
        for place in std::mem::take(&mut self.forgotten) {
            changes.remove(&redeemed, &serde_json::to_string(&place).expect("JSON of numbers"));
        }
        for (place, since) in std::mem::take(&mut self.passed) {
            let key = serde_json::to_string(&place).expect("JSON of numbers");
            let Some((gate, _)) = self.gates.get(&place) else { continue };
            changes.remove_below(&redeemed, &key, since - PASSAGES_LAST);
            changes.put_piece(&redeemed, &key, since, gate.passages(since, &file_key()));
        }
    }

    fn stored(&self) -> StoredIssuer {
        let key = |own: &IssuingKey| StoredKey {
            pkcs8: own.key.pkcs8().to_vec(),
            not_before: own.not_before,
            not_after: own.not_after,
        };
        StoredIssuer { keys: self.keys.iter().map(key).collect(), issued: self.issued }
    }

    /// Its status list, as signed now; with these persons' passes (or all) revoked beside those that are.
    fn status_list(&self, base: &str, now: UnixTime, revoked: Option<Revoked<'_>>) -> Result<Vec<u8>, SampleError> {
        let mut statuses = self.statuses.clone();
        if let Some(Revoked { persona }) = revoked {
            let theirs = |own: &&Record| persona.is_none_or(|persona| own.account == persona);
            for record in self.records.iter().map(|(_, record)| record).filter(theirs) {
                statuses.set(record.index, 1);
            }
        }
        let claims = StatusClaims {
            uri: format!("{base}/{}", self.list),
            issued: now,
            expires: Some(now + STATUS_LASTS),
            ttl: Some(3600),
            statuses,
        };
        let draft = StatusListDraft::new(&claims, self.key().public()?.kid());
        let signature = self.key().sign(draft.message())?;
        Ok(draft.sign(&signature))
    }
}

/// Whose passes a fault has revoked.
#[derive(Clone, Copy)]
struct Revoked<'p> {
    /// All of them without one.
    persona: Option<&'p str>,
}

/// The same signed bytes with a signature that does not hold: in COSE_Sign1 it stands last (RFC 9052 §4.2).
fn forged(mut signed: Vec<u8>) -> Vec<u8> {
    if let Some(last) = signed.last_mut() {
        *last ^= 1;
    }
    signed
}

/// What a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PassStatus {
    /// It counts.
    Valid,
    /// It never counts again.
    Revoked,
    /// It does not count for now.
    Suspended,
}

impl PassStatus {
    fn of(status: Status) -> Self {
        match status {
            Status::Valid => Self::Valid,
            Status::Suspended => Self::Suspended,
            _ => Self::Revoked,
        }
    }

    /// The number that it has in a status list (draft-ietf-oauth-status-list §7.1).
    pub(crate) fn value(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Revoked => 1,
            Self::Suspended => 2,
        }
    }
}

/// A pass as a tester sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PassView {
    /// Its id.
    pub pass: String,
    /// Who has issued it.
    #[schema(example = "cn-sd")]
    pub issuer: String,
    /// Who asked for it.
    pub persona: String,
    /// Whose it is: the persona's, or that of somebody in its care.
    pub holder: String,
    /// What it is.
    pub status: PassStatus,
}

/// How long a nonce counts, in seconds.
const NONCE_LASTS: i64 = 300;
/// Most nonces that are remembered.
const MAX_NONCES: usize = 50_000;

/// The parts of a state file that are the issuers'.
const ISSUERS: &str = "issuers";
const NONCES: &str = "nonces";

/// What its passes are in a state file, and what its counters have redeemed.
fn parts(issuer: &str) -> (String, String) {
    (format!("passes {issuer}"), format!("redeemed {issuer}"))
}

/// All issuers, by the last part of their address.
pub(crate) struct Issuers {
    origin: String,
    all: Mutex<BTreeMap<String, IssuerState>>,
    /// With the issuer that gave each out.
    nonces: Mutex<Expiring<String, String>>,
}

impl Issuers {
    /// Goes on with what a state file has.
    pub(crate) fn restore(&self, rows: &mut Rows) -> Result<(), StateError> {
        let mut stored: BTreeMap<String, StoredIssuer> = rows.take_all(ISSUERS)?.into_iter().collect();
        for (id, issuer) in self.lock().iter_mut() {
            issuer.restore(id, stored.remove(id), rows)?;
        }
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).restore(NONCES, rows)
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&self, changes: &mut Changes) {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).unwritten(NONCES, changes);
        self.lock().iter_mut().for_each(|(id, issuer)| issuer.unwritten(id, changes));
    }

    pub(crate) fn new(origin: &str, tree: &RegionTree) -> Result<Self, IssuerError> {
        let mut all = BTreeMap::new();
        for id in ["cn-sd", "vn-hn"] {
            let id: RegionId = id.parse().expect("a region");
            let region = tree.get(&id);
            let scope = region.and_then(|region| region.code.get(..2)?.parse().ok()).unwrap_or_default();
            let names = region.map(|region| region.names.clone()).unwrap_or_default();
            all.insert(id.to_string(), IssuerState::new(&id, names, &[TRANSIT], scope, 1)?);
            let health = Names::new()
                .with("zh", "卫生健康委员会(演示)")
                .with("vi", "Sở Y tế (mô phỏng)")
                .with("en", "Health commission (demo)");
            all.insert(format!("{id}-health"), IssuerState::new(&id, health, &[HEALTH], scope, 2)?);
        }
        let nonces = Mutex::new(Expiring::new(NONCE_LASTS, MAX_NONCES));
        Ok(Self { origin: origin.to_owned(), all: Mutex::new(all), nonces })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, IssuerState>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, id: &str, work: impl FnOnce(&mut IssuerState) -> Result<T, Problem>) -> Result<T, Problem> {
        self.lock().get_mut(id).map_or_else(|| Err(Problem::not_found()), work)
    }

    fn url(&self, id: &str) -> String {
        format!("{}/issuer/{id}", self.origin)
    }

    fn status_base(&self, region: &RegionId) -> String {
        format!("{}/status/{region}", self.origin)
    }

    /// The trust list of each first-level region that has issuers.
    pub(crate) fn trust_lists(&self) -> BTreeMap<RegionId, TrustList> {
        let regions: Vec<RegionId> = self.lock().values().map(|issuer| issuer.region.clone()).collect();
        regions.into_iter().map(|region| (region.clone(), self.trust_list(&region))).collect()
    }

    fn trust_list(&self, region: &RegionId) -> TrustList {
        let all = self.lock();
        let own = || all.iter().filter(|(_, issuer)| issuer.region == *region);
        let issuers = own()
            .map(|(id, issuer)| Issuer {
                url: self.url(id),
                names: issuer.names.clone(),
                signs: DOCUMENTS.iter().filter(|_| issuer.types == [TRANSIT]).map(|kind| (*kind).to_owned()).collect(),
            })
            .collect();
        let keys = own().flat_map(|(id, issuer)| {
            issuer.keys.iter().map(|own| TrustedKey {
                key: own.key.public().expect("a key that was generated is a point"),
                issuer: self.url(id),
                types: issuer.types.clone(),
                scopes: vec![issuer.scope],
                not_before: own.not_before,
                not_after: own.not_after,
            })
        });
        let scopes: std::collections::BTreeSet<u64> = own().map(|(_, issuer)| issuer.scope).collect();
        TrustList::new(self.status_base(region), types(), issuers, keys.collect()).with_words(words(region, &scopes))
    }

    /// The status lists of a region as its gates fetch them, signed now.
    pub(crate) fn status_lists(&self, region: &RegionId, now: UnixTime) -> Vec<Vec<u8>> {
        let base = self.status_base(region);
        let all = self.lock();
        let own = all.values().filter(|issuer| issuer.region == *region);
        own.filter_map(|issuer| issuer.status_list(&base, now, None).ok()).collect()
    }

    /// A document by the issuer of a region's passes, good for a year.
    pub(crate) fn document(&self, region: &RegionId, claims: Value, fields: &Value, now: UnixTime) -> Option<String> {
        let first = region.first_level()?;
        let mut claims = claims.as_object()?.clone();
        let fields = fields.as_object()?;
        let envelope = json!({ "iss": self.url(first.as_str()), "iat": now, "exp": now + 365 * DAY });
        claims.extend(envelope.as_object()?.clone());
        let salts: Vec<String> = fields.iter().map(|_| random_text()).collect();
        let draft = DocumentDraft::new(claims, fields, &salts);
        let all = self.lock();
        let signature = all.get(first.as_str())?.key().sign(draft.message()).ok()?;
        Some(draft.sign(&signature))
    }

    /// Whether an issuer signs with another key than at first.
    pub(crate) fn has_other_keys(&self) -> bool {
        self.lock().values().any(|issuer| issuer.keys.len() > 1 || issuer.keys.iter().any(|own| own.not_before > 0))
    }

    /// An issuer signs with a new key from now on; what the old one signed stays good.
    pub(crate) fn rotate_key(&self, id: &str, now: UnixTime) -> Result<(), IssuerError> {
        self.lock().get_mut(id).map_or(Ok(()), |issuer| issuer.add_key(now))
    }

    /// Only an issuer's newest key counts from now on: the others were lost to somebody.
    pub(crate) fn withdraw_old_keys(&self, id: &str) {
        if let Some(issuer) = self.lock().get_mut(id) {
            issuer.keys.drain(..issuer.keys.len() - 1);
            issuer.is_unwritten = true;
        }
    }

    /// A pass's status, if an issuer knows the pass.
    pub(crate) fn status(&self, pass: &str) -> Option<Status> {
        self.lock().iter().find_map(|(id, issuer)| {
            let url = self.url(id);
            let known = |cti: &[u8; 8]| hex::encode(pass_id(&url, cti)) == pass;
            let index = issuer.records.iter().find(|(cti, _)| known(cti))?.1.index;
            issuer.statuses.get(index)
        })
    }

    /// All passes, as they were issued.
    pub(crate) fn passes(&self) -> Vec<PassView> {
        let all = self.lock();
        let mut passes: Vec<(u64, PassView)> = Vec::new();
        for (id, issuer) in all.iter() {
            let url = self.url(id);
            for (cti, record) in issuer.records.iter() {
                let view = PassView {
                    pass: hex::encode(pass_id(&url, cti)),
                    issuer: id.clone(),
                    persona: record.account.clone(),
                    holder: record.holder.clone(),
                    status: issuer.statuses.get(record.index).map_or(PassStatus::Valid, PassStatus::of),
                };
                passes.push((record.index, view));
            }
        }
        passes.sort_by(|(a, of_a), (b, of_b)| of_a.issuer.cmp(&of_b.issuer).then(a.cmp(b)));
        passes.into_iter().map(|(_, view)| view).collect()
    }

    /// Forgets every pass; the keys stay.
    pub(crate) fn reset(&self) {
        for issuer in self.lock().values_mut() {
            issuer.statuses = StatusArray::new(2, STATUS_ENTRIES).expect("two bits");
            issuer.issued = 0;
            issuer.records.clear();
            let places = issuer.gates.drain().map(|(place, _)| place);
            issuer.forgotten = places.chain(issuer.remembered.drain().map(|(place, _)| place)).collect();
            issuer.passed.clear();
            issuer.is_unwritten = true;
        }
    }

    /// Sets a pass's status: 0 valid, 1 revoked, 2 suspended. Answers whether an issuer knows the pass.
    pub(crate) fn set_status(&self, pass: &str, status: u8, now: UnixTime) -> bool {
        let found = |(id, issuer): (&String, &mut IssuerState)| {
            let url = self.url(id);
            let known = |cti: &[u8; 8]| hex::encode(pass_id(&url, cti)) == pass;
            let cti = *issuer.records.iter().find(|(cti, _)| known(cti))?.0;
            Some(issuer.set_status(&cti, status, now))
        };
        self.lock().iter_mut().find_map(found).unwrap_or(false)
    }
}

fn types() -> Vec<PassType> {
    let transit =
        Names::new().with("zh", "公共交通乘车码").with("vi", "Thẻ giao thông công cộng").with("en", "Transit pass");
    let health = Names::new().with("zh", "就诊码").with("vi", "Thẻ khám bệnh").with("en", "Health card");
    vec![
        PassType { id: TRANSIT, word: "transit".to_owned(), names: transit },
        PassType { id: HEALTH, word: "health".to_owned(), names: health },
    ]
}

fn words(region: &RegionId, scopes: &std::collections::BTreeSet<u64>) -> Words {
    let named = |id, zh: &str, vi: &str, en: &str| Named {
        id,
        names: Names::new().with("zh", zh).with("vi", vi).with("en", en),
    };
    let scope = |id: &u64| match region.as_str() {
        "cn-sd" => named(*id, "山东省全境", "toàn tỉnh Sơn Đông", "all of Shandong"),
        _ => named(*id, "河内市全境", "toàn thành phố Hà Nội", "all of Ha Noi"),
    };
    let record = named(
        CHECK_IN,
        "挂号并出示健康档案",
        "Đăng ký khám và cho xem hồ sơ sức khỏe",
        "Check in and show the health record",
    );
    let fields = ["name", "blood_type", "allergies"].map(str::to_owned).to_vec();
    let clinic = named(CLINIC.into(), "社区诊所(演示)", "Trạm y tế (mô phỏng)", "Community clinic (demo)");
    Words {
        scopes: scopes.iter().map(scope).collect(),
        fare_classes: vec![named(1, "成人", "Người lớn", "Adult"), named(2, "儿童", "Trẻ em", "Child")],
        purposes: vec![Purpose { id: CHECK_IN, names: record.names, types: vec![HEALTH], fields }],
        verifiers: vec![Verifier { number: CLINIC, names: clinic.names, purposes: vec![CHECK_IN] }],
    }
}

pub(crate) fn routes() -> Router {
    issuance::routes().merge(verifying::routes())
}
