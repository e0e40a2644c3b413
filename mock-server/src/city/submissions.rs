//! What is handed in: taken once for each idempotency key, with what was uploaded for it before (tus 1.0), and with a
//! timeline.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::hotline::{self, Cases};
use super::reports::{CityAnswer, Rated, Report, Unanswered};
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
    /// What belongs to it, if it is a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
    /// The report that it is about, if it rates one or opens one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Numbered>,
}

/// What can be handed in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Appointment,
    Report,
    Rating,
    Reopening,
    Certificate,
    Case,
}

impl Kind {
    /// Each, and the word of its path.
    pub(super) const ALL: [(&str, Self); 6] = [
        ("appointments", Self::Appointment),
        ("reports", Self::Report),
        ("ratings", Self::Rating),
        ("reopenings", Self::Reopening),
        ("certificates", Self::Certificate),
        ("cases", Self::Case),
    ];

    fn of(uri: &Uri) -> Option<Self> {
        let word = uri.path().rsplit('/').next()?;
        Self::ALL.iter().find(|(own, _)| *own == word).map(|(_, kind)| *kind)
    }
}

/// A submission as a tester sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TakenView {
    /// The number that the phone gave it.
    pub number: String,
    /// What the resident was told as the number of the case, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The number of the report that it rates, or opens again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Who the unit knows that it is from, if they agreed to be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What the unit and its author have added to it, if it is a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub report: Option<Value>,
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
            about: taken.about.as_ref().map(|own| own.number.clone()),
            from: answer["from"].as_str().map(str::to_owned),
            report: taken.report.as_ref().map(|own| own.told(&taken.timeline)),
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

    /// Which unit can say this of a submission: of the report, where somebody rated it or opened it again.
    pub(crate) fn admits(&self, number: &str, answer: &CityAnswer) -> Result<UnitId, Unanswered> {
        answer.check()?;
        let (place, taken) = self.meant(number).ok_or(Unanswered::Unknown)?;
        match &taken.report {
            Some(report) => report.admits(answer)?,
            None if answer.picture.is_some() || answer.signed => return Err(Unanswered::NoReport),
            None => {}
        }
        Ok(place.unit.clone())
    }

    fn meant(&self, number: &str) -> Option<(&Numbered, &Taken)> {
        let found = self.taken.iter().find(|(own, _)| own.number == number)?;
        match &found.1.about {
            Some(about) => self.taken.iter().find(|(own, _)| *own == about),
            None => Some(found),
        }
    }

    /// Goes on with a submission; what opened it again goes on with it.
    pub(crate) fn answer(&mut self, number: &str, at: UnixTime, answer: &CityAnswer, document: Option<String>) {
        let Some(place) = self.meant(number).map(|(place, _)| place.clone()) else { return };
        let Some(taken) = self.taken.get_mut(&place, at) else { return };
        let due = taken.report.as_ref().and_then(|own| own.due(&place.unit, &taken.timeline, &answer.status, at));
        let entry = entry(at, &answer.status, &answer.text, due);
        let turn = taken.timeline.len();
        taken.timeline.push(entry.clone());
        let Some(report) = &mut taken.report else { return };
        report.keep(turn, answer, document);
        let reopened_by = report.reopenings.last().cloned();
        if let Some(taken) = reopened_by.and_then(|own| self.taken.get_mut(&own, at)) {
            taken.timeline.push(entry);
        }
        if let Some(bytes) = &answer.picture {
            let upload = Upload { length: bytes.len(), bytes: bytes.clone(), written: 0 };
            self.uploads.put_weighing(OVERHEAD + bytes.len(), picture_of(&place, turn), upload, at);
        }
    }

    /// A report that somebody knows the number of: their own, or one that nobody's name stands on.
    fn report_of(&self, unit: &UnitId, grant: Option<&ServiceGrant>, number: &str, now: UnixTime) -> Option<Numbered> {
        let places = [grant, None].into_iter().map(|grant| Numbered::new(unit, grant, number).ok());
        let is_report = |own: &Numbered| self.taken.get(own, now).is_some_and(|taken| taken.report.is_some());
        places.flatten().find(is_report)
    }

    /// An attachment that has come whole.
    pub(crate) fn attachment(&self, id: &str) -> Option<Vec<u8>> {
        let (_, own) = self.uploads.iter().find(|(own, _)| own.number == id)?;
        own.is_whole().then(|| own.bytes.clone())
    }
}

/// An entry of a timeline.
fn entry(at: UnixTime, status: &str, text: &str, due: Option<UnixTime>) -> Value {
    let mut entry = json!({ "at": at, "status": status, "text": text });
    if let Some(due) = due {
        entry["due"] = due.into();
    }
    entry
}

/// Where the picture of an answer is kept: no number that is given to an upload has such a form.
fn picture_of(report: &Numbered, entry: usize) -> Numbered {
    Numbered { number: format!("{}/{entry}", report.number), ..report.clone() }
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

/// What was handed in, as far as it has a form.
enum Checked {
    Report(Report),
    Rating(Rated),
    Reopening(Rated),
    Else,
}

impl Checked {
    fn of(kind: Kind, fields: &Map<String, Value>) -> Result<Self, Problem> {
        Ok(match kind {
            Kind::Report => Self::Report(Report::of(fields)?),
            Kind::Rating => Self::Rating(Rated::rating(fields)?),
            Kind::Reopening => Self::Reopening(Rated::reopening(fields)?),
            Kind::Case => {
                hotline::check(fields)?;
                Self::Else
            }
            Kind::Appointment | Kind::Certificate => Self::Else,
        })
    }
}

impl Taken {
    fn new(hash: [u8; 32], now: UnixTime) -> Self {
        let timeline = vec![entry(now, "received", "", None)];
        Self { hash, answer: String::new(), timeline, report: None, about: None }
    }

    fn is_a_report(&mut self, unit: &UnitId, report: Report, now: UnixTime) {
        self.timeline = vec![entry(now, "received", "", report.due(unit, &[], "received", now))];
        self.report = Some(report);
    }
}

impl CityState {
    /// Rates a report; answers which.
    fn rate(
        &mut self,
        unit: &UnitId,
        grant: Option<&ServiceGrant>,
        said: &Rated,
        now: UnixTime,
    ) -> Result<Numbered, Problem> {
        let about = self.report_of(unit, grant, &said.report, now).ok_or_else(no_such_report)?;
        let taken = self.taken.get_mut(&about, now).ok_or_else(no_such_report)?;
        taken.report.as_mut().ok_or_else(no_such_report)?.rate(said, &taken.timeline, now)?;
        Ok(about)
    }

    /// Opens a report again by a submission; answers which, and by when it will be taken up.
    fn reopen(
        &mut self,
        by: &Numbered,
        grant: Option<&ServiceGrant>,
        said: &Rated,
        now: UnixTime,
    ) -> Result<(Numbered, Option<UnixTime>), Problem> {
        let about = self.report_of(&by.unit, grant, &said.report, now).ok_or_else(no_such_report)?;
        let taken = self.taken.get_mut(&about, now).ok_or_else(no_such_report)?;
        let report = taken.report.as_mut().ok_or_else(no_such_report)?;
        report.reopen(by, &taken.timeline, now)?;
        let due = report.due(&by.unit, &taken.timeline, "reopened", now);
        taken.timeline.push(entry(now, "reopened", said.text(), due));
        Ok((about, due))
    }
}

fn no_such_report() -> Problem {
    Problem::incomplete("the city knows no report of this number")
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
    let kind = Kind::of(&uri).ok_or_else(Problem::not_found)?;
    let said = Checked::of(kind, fields)?;
    if fields.get("attachments").is_some_and(|attached| !attached.is_array()) {
        return Err(Problem::incomplete("what is attached is a list"));
    }
    let certificate = match (kind == Kind::Certificate, &grant) {
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
                if let Some(name) = grant.fields.get("name") {
                    answer["from"] = name.clone();
                }
            }
            if let Some(certificate) = certificate {
                answer["document"] = certificate.into();
            }
            if kind == Kind::Case {
                answer["case"] = hotline::open(&world, &mut cities.cases, &place, now);
            }
            let mut taken = Taken::new(hash, now);
            match said {
                Checked::Report(report) => taken.is_a_report(&unit, report, now),
                Checked::Rating(said) => {
                    taken.about = Some(cities.rate(&unit, grant.as_ref(), &said, now)?);
                    taken.timeline.push(entry(now, "done", "", None));
                }
                Checked::Reopening(said) => {
                    let (about, due) = cities.reopen(&place, grant.as_ref(), &said, now)?;
                    taken.about = Some(about);
                    taken.timeline = vec![entry(now, "received", "", due)];
                }
                Checked::Else => {}
            }
            if let Some(due) = taken.timeline.first().map(|first| &first["due"]).filter(|due| !due.is_null()) {
                answer["due"] = due.clone();
            }
            let answer = answer.to_string();
            taken.answer.clone_from(&answer);
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
    let own = Numbered::new(&unit, grant.as_ref(), &id)?;
    let (cities, now) = (world.lock_cities(), world.now());
    let place = cities.report_of(&unit, grant.as_ref(), &id, now).unwrap_or(own);
    let taken = cities.taken.get(&place, now).ok_or_else(Problem::not_found)?;
    let mut said: Value = serde_json::from_str(&taken.answer).map_err(|_| Problem::internal("what was answered"))?;
    said["timeline"] = taken.timeline.clone().into();
    if let Some(report) = &taken.report {
        said["report"] = report.told(&taken.timeline);
    }
    Ok(Json(said))
}

/// What there is to see with an answer to a report: a picture, or a document that the city signed.
pub(super) async fn to_see(
    In(world): In,
    Path((path, id, entry)): Path<(String, String, usize)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unit = unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "GET", &uri)?;
    let (cities, now) = (world.lock_cities(), world.now());
    let place = cities.report_of(&unit, grant.as_ref(), &id, now).ok_or_else(Problem::not_found)?;
    let report = cities.taken.get(&place, now).and_then(|taken| taken.report.as_ref());
    let (media_type, document) = report.and_then(|own| own.to_see(entry)).ok_or_else(Problem::not_found)?;
    let picture = cities.uploads.get(&picture_of(&place, entry), now).zip(media_type);
    let picture = picture.map(|(own, kind)| json!({ "media_type": kind, "base64": STANDARD.encode(&own.bytes) }));
    let said = json!({ "picture": picture, "document": document });
    // An answer that was given stays as it is.
    Ok(([(header::CACHE_CONTROL, "private, max-age=31536000, immutable")], Json(said)).into_response())
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
