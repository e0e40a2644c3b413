//! What is handed in: taken once for each idempotency key, with what was uploaded for it before (tus 1.0), and with a
//! timeline.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::hotline::{self, Cases};
use super::{asked_by, named, unit};
use crate::clock::write_seconds;
use crate::expiring::{Expiring, Stored};
use crate::identity::ServiceGrant;
use crate::problem::Problem;
use crate::state::{Changes, Pieces, Rows, StateError};
use crate::world::In;

const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
/// Largest attachment that is taken, in bytes.
const MAX_UPLOAD: usize = 20 << 20;

/// How long a city remembers what was handed in, in seconds.
pub(super) const REMEMBERED: i64 = 400 * 86_400;
/// How many bytes of submissions are remembered, and of attachments; beyond that the oldest are forgotten.
const MAX_SUBMISSIONS: usize = 64 << 20;
const MAX_ATTACHMENTS: usize = 256 << 20;
/// Longest number of a submission or an attachment, in bytes.
const MAX_KEY: usize = 128;
/// What a submission or an attachment weighs beside its own bytes.
const OVERHEAD: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Taken {
    /// Of what was handed in: the same number with something else is refused.
    hash: [u8; 32],
    /// As JSON, which takes less room than what it says.
    answer: String,
    timeline: Vec<Value>,
}

/// A submission as a tester sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TakenView {
    /// The number that the phone gave it.
    pub number: String,
    /// What the resident was told as the number of the case, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The unit that has it.
    #[schema(example = "cn-sd/jinan")]
    pub unit: String,
    /// When it came.
    #[serde(serialize_with = "write_seconds")]
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixTime,
    /// What was handed in.
    #[schema(value_type = Object)]
    pub body: Value,
    /// What has become of it.
    #[schema(value_type = Vec<Object>)]
    pub timeline: Vec<Value>,
}

impl TakenView {
    fn of(place: &Numbered, taken: &Taken) -> Self {
        let answer: Value = serde_json::from_str(&taken.answer).unwrap_or_default();
        Self {
            number: place.number.clone(),
            case: answer["case"]["number"].as_str().map(str::to_owned),
            unit: place.unit.to_string(),
            at: taken.timeline.first().and_then(|first| first["at"].as_i64()).unwrap_or_default(),
            body: answer["received"].clone(),
            timeline: taken.timeline.clone(),
        }
    }
}

/// That something was handed in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    pub number: String,
    unit: UnitId,
    author: Option<String>,
    at: UnixTime,
    /// SHA-256 of its JSON.
    pub hash: [u8; 32],
}

/// What somebody has given a number to. Another's number is another, though it may be the same text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Numbered {
    pub unit: UnitId,
    /// The subject that the unit knows its author by; none for somebody who is not logged in.
    pub author: Option<String>,
    pub number: String,
}

impl Numbered {
    fn new(unit: &UnitId, grant: Option<&ServiceGrant>, number: &str) -> Result<Self, Problem> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if number.is_empty() || number.len() > MAX_KEY || !number.bytes().all(is_plain) {
            return Err(Problem::incomplete("its number has 1 to 128 letters, digits, hyphens and underscores"));
        }
        let author = grant.map(|grant| grant.subject.clone());
        Ok(Self { unit: unit.clone(), author, number: number.to_owned() })
    }
}

struct Upload {
    length: usize,
    bytes: Vec<u8>,
    /// How many of them are in the state file.
    written: usize,
}

/// Each piece that came is written once: first how long all of it is to be, then the bytes by their place.
impl Stored for Upload {
    fn pieces(&mut self, was_written: bool) -> Pieces {
        let mut pieces = Vec::new();
        if !was_written {
            self.written = 0;
            pieces.push((0, self.length.to_string().into_bytes()));
        }
        if let Some(new) = self.bytes.get(self.written..).filter(|new| !new.is_empty()) {
            pieces.push((i64::try_from(self.written).unwrap_or(i64::MAX - 1) + 1, new.to_vec()));
            self.written = self.bytes.len();
        }
        pieces
    }

    fn from_pieces(pieces: Pieces) -> Option<Self> {
        let mut pieces = pieces.into_iter();
        let (_, length) = pieces.next()?;
        let length = std::str::from_utf8(&length).ok()?.parse().ok().filter(|length| *length <= MAX_UPLOAD)?;
        let mut bytes = Vec::new();
        for (place, new) in pieces {
            let follows = usize::try_from(place).ok() == Some(bytes.len() + 1) && bytes.len() + new.len() <= length;
            if !follows {
                return None;
            }
            bytes.extend(new);
        }
        Some(Self { length, written: bytes.len(), bytes })
    }
}

impl Upload {
    fn is_whole(&self) -> bool {
        self.bytes.len() == self.length
    }
}

/// What the back ends remember: answers by idempotency key, uploads by their id.
pub(crate) struct CityState {
    taken: Expiring<Numbered, Taken>,
    uploads: Expiring<Numbered, Upload>,
    pub(super) cases: Cases,
}

impl Default for CityState {
    fn default() -> Self {
        Self {
            taken: Expiring::new(REMEMBERED, MAX_SUBMISSIONS),
            uploads: Expiring::new(REMEMBERED, MAX_ATTACHMENTS),
            cases: hotline::no_cases(),
        }
    }
}

impl CityState {
    /// Goes on with what a state file has.
    pub(crate) fn restore(&mut self, rows: &mut Rows) -> Result<(), StateError> {
        self.taken.restore("submissions", rows)?;
        self.uploads.restore("uploads", rows)?;
        self.cases.restore("cases", rows)
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&mut self, changes: &mut Changes) {
        self.taken.unwritten("submissions", changes);
        self.uploads.unwritten("uploads", changes);
        self.cases.unwritten("cases", changes);
    }

    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        self.taken.clear();
        self.uploads.clear();
        self.cases.clear();
    }

    /// What was handed in.
    pub(super) fn received(&self, place: &Numbered, now: UnixTime) -> Value {
        let answer = self.taken.get(place, now).and_then(|taken| serde_json::from_str::<Value>(&taken.answer).ok());
        answer.map(|mut answer| answer["received"].take()).unwrap_or_default()
    }

    /// What has become of it.
    pub(super) fn timeline(&self, place: &Numbered, now: UnixTime) -> &[Value] {
        self.taken.get(place, now).map(|taken| taken.timeline.as_slice()).unwrap_or_default()
    }

    /// What is there, in the least words: who handed in what, under which number, and when it came.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Arrival> + '_ {
        self.taken.iter().map(|(place, taken)| Arrival {
            number: place.number.clone(),
            unit: place.unit.clone(),
            author: place.author.clone(),
            at: taken.timeline.first().and_then(|first| first["at"].as_i64()).unwrap_or_default(),
            hash: taken.hash,
        })
    }

    /// How many different submissions were taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.iter().count()
    }

    /// All of them, as they were handed in.
    pub(crate) fn list(&self) -> Vec<TakenView> {
        let mut all: Vec<TakenView> = self.taken.iter().map(|(place, taken)| TakenView::of(place, taken)).collect();
        all.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.number.cmp(&b.number)));
        all
    }

    /// Goes on with a submission; answers whether there is one.
    pub(crate) fn progress(&mut self, id: &str, at: UnixTime, status: &str, text: &str) -> bool {
        let place = self.taken.iter().find(|(own, _)| own.number == id).map(|(place, _)| place.clone());
        let entry = json!({ "at": at, "status": status, "text": text });
        place.and_then(|place| self.taken.get_mut(&place, at)).map(|taken| taken.timeline.push(entry)).is_some()
    }

    /// An attachment that has come whole.
    pub(crate) fn attachment(&self, id: &str) -> Option<Vec<u8>> {
        let (_, own) = self.uploads.iter().find(|(own, _)| own.number == id)?;
        own.is_whole().then(|| own.bytes.clone())
    }
}

/// Tells what was handed in from anything else.
pub(crate) fn hash_of(body: &Value) -> [u8; 32] {
    digest(&SHA256, body.to_string().as_bytes()).as_ref().try_into().expect("32 bytes")
}

fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A structured-field string: quoted.
    let key = key.trim_matches('"');
    if key.is_empty() { Err(Problem::incomplete("it has no idempotency key")) } else { Ok(key.to_owned()) }
}

/// Takes a submission once: the same key gets the same answer, however often it is sent.
pub(super) async fn submit(
    In(world): In,
    Path(path): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Problem> {
    let unit = unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "POST", &uri)?;
    let key = key_of(&headers)?;
    let Some(fields) = body.as_object().filter(|fields| !fields.is_empty()) else {
        return Err(Problem::incomplete("it is empty"));
    };
    let is_case = uri.path().ends_with("/cases");
    if is_case {
        hotline::check(fields)?;
    }
    if fields.get("attachments").is_some_and(|attached| !attached.is_array()) {
        return Err(Problem::incomplete("what is attached is a list"));
    }
    let certificate = match (uri.path().ends_with("/certificates"), &grant) {
        (false, _) => None,
        (true, None) => return Err(Problem::unauthorized("nobody knows whose certificate it is")),
        (true, Some(grant)) => {
            let claims = json!({ "vct": "residence_certificate", "title": "Residence certificate (demo)" });
            let mut own = grant.fields.clone();
            own.insert("city".to_owned(), named(&world, &unit)["name"]["en"].clone());
            world.document(unit.region(), claims, &own.into())
        }
    };
    let (place, now) = (Numbered::new(&unit, grant.as_ref(), &key)?, world.now());
    let hash = hash_of(&body);
    let answer = {
        let mut cities = world.lock_cities();
        let attached = fields.get("attachments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let whole = |own: &Value| {
            let own = Numbered::new(&unit, grant.as_ref(), own["id"].as_str()?).ok()?;
            cities.uploads.get(&own, now).filter(|own| own.is_whole()).map(drop)
        };
        if !attached.iter().all(|own| whole(own).is_some()) {
            return Err(Problem::incomplete("a photo has not come whole"));
        }
        if let Some(before) = cities.taken.get(&place, now) {
            if before.hash != hash {
                return Err(Problem::conflict());
            }
            before.answer.clone()
        } else {
            let mut answer =
                json!({ "id": world.next_id("submission"), "city": named(&world, &unit), "received": body });
            if let Some(grant) = &grant {
                answer["subject"] = grant.subject.clone().into();
            }
            if let Some(certificate) = certificate {
                answer["document"] = certificate.into();
            }
            if is_case {
                answer["case"] = hotline::open(&world, &mut cities.cases, &place, now);
            }
            let timeline = vec![json!({ "at": world.now(), "status": "received", "text": "" })];
            let answer = answer.to_string();
            let taken = Taken { hash, answer: answer.clone(), timeline };
            cities.taken.put_weighing(OVERHEAD + answer.len(), place, taken, now);
            answer
        }
    };
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

/// What became of a submission, by its key.
pub(super) async fn status(
    In(world): In,
    Path((path, id)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let unit = unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "GET", &uri)?;
    let place = Numbered::new(&unit, grant.as_ref(), &id)?;
    let cities = world.lock_cities();
    let taken = cities.taken.get(&place, world.now()).ok_or_else(Problem::not_found)?;
    let mut said: Value = serde_json::from_str(&taken.answer).map_err(|_| Problem::internal("what was answered"))?;
    said["timeline"] = taken.timeline.clone().into();
    Ok(Json(said))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<usize> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// Begins an upload (tus 1.0, creation).
pub(super) async fn begin_upload(
    In(world): In,
    Path((path, _, attachment)): Path<(String, String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unit = unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "POST", &uri)?;
    let place = Numbered::new(&unit, grant.as_ref(), &attachment)?;
    let length = number(&headers, &UPLOAD_LENGTH).filter(|length| *length <= MAX_UPLOAD);
    let length = length.ok_or(Problem::incomplete("an upload says how long it is, at most 20 MiB"))?;
    let (mut cities, now) = (world.lock_cities(), world.now());
    if cities.uploads.get(&place, now).is_none() {
        cities.uploads.put_weighing(OVERHEAD + length, place, Upload { length, bytes: Vec::new(), written: 0 }, now);
    }
    let place = format!("{}{}", world.prefix(), uri.path().replacen("/attachments/", "/uploads/", 1));
    Ok((StatusCode::CREATED, [(header::LOCATION, place), (TUS_RESUMABLE, "1.0.0".to_owned())]).into_response())
}

/// How far an upload has come.
pub(super) async fn upload_offset(
    In(world): In,
    Path((path, _, attachment)): Path<(String, String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unit = unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "HEAD", &uri)?;
    let place = Numbered::new(&unit, grant.as_ref(), &attachment)?;
    let cities = world.lock_cities();
    let upload = cities.uploads.get(&place, world.now()).ok_or_else(Problem::not_found)?;
    let said = [
        (UPLOAD_OFFSET, upload.bytes.len().to_string()),
        (UPLOAD_LENGTH, upload.length.to_string()),
        (TUS_RESUMABLE, "1.0.0".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::OK, said).into_response())
}

/// Takes the next bytes of an upload.
pub(super) async fn go_on(
    In(world): In,
    Path((path, _, attachment)): Path<(String, String, String)>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let unit = unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "PATCH", &uri)?;
    let place = Numbered::new(&unit, grant.as_ref(), &attachment)?;
    let mut cities = world.lock_cities();
    let upload = cities.uploads.get_mut(&place, world.now()).ok_or_else(Problem::not_found)?;
    if number(&headers, &UPLOAD_OFFSET) != Some(upload.bytes.len()) {
        return Ok(StatusCode::CONFLICT.into_response());
    }
    if upload.bytes.len() + bytes.len() > upload.length {
        return Err(Problem::incomplete("these are more bytes than were announced"));
    }
    upload.bytes.extend_from_slice(&bytes);
    let said = [(UPLOAD_OFFSET, upload.bytes.len().to_string()), (TUS_RESUMABLE, "1.0.0".to_owned())];
    Ok((StatusCode::NO_CONTENT, said).into_response())
}
