//! Reports: by when a city promises to have taken one up, what it answers with, what the resident thinks of it, and how they open it
//! again. A report is closed with words and something to see: a picture, or a document that the city signs.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::office_hours::OfficeHours;
use super::submissions::Numbered;
use crate::problem::Problem;

/// What a report may be about.
const CATEGORIES: [&str; 6] = ["lamp", "pothole", "rubbish", "noise", "water", "other"];
/// Longest text and place of a report, in characters.
const LONGEST_TEXT: usize = 1000;
const LONGEST_PLACE: usize = 120;
/// How often a report may be opened again, and for how many seconds after it was closed.
const REOPENINGS: usize = 3;
const MAY_REOPEN: i64 = 30 * 86_400;
/// How many answers of one report may have something to see with them.
const MOST_TO_SEE: usize = 16;
/// Largest picture of an answer, in bytes: as text in JSON it has to fit into what a page may be answered with.
const LARGEST_PICTURE: usize = 512 << 10;
/// Longest status and text of an answer, in bytes.
const LONGEST_STATUS: usize = 64;
const LONGEST_ANSWER: usize = 4096;

/// By when a city means to have done what, in hours in which its offices work.
struct Promise {
    offices: OfficeHours,
    /// To take a report up.
    taken_up: u8,
    /// To have handled one that is urgent, once it was taken up.
    urgent_handled: u8,
}

/// Ha Noi's: Decision 1207/QĐ-UBND as the press reports it (`docs/services.md` has the source). The hours of its offices are the usual
/// ones.
const HA_NOI: Promise = Promise {
    offices: OfficeHours { ahead: 7, spans: &[(8 * 60, 12 * 60), (13 * 60 + 30, 17 * 60 + 30)] },
    taken_up: 8,
    urgent_handled: 4,
};

/// What a unit promises; nothing where we know of no promise.
fn promise_of(unit: &UnitId) -> Option<&'static Promise> {
    (unit.region().first_level()?.as_str() == "vn-hn").then_some(&HA_NOI)
}

/// The same as a page reads it, in working hours.
pub(super) fn promise(unit: &UnitId) -> Value {
    let told = |own: &Promise| json!({ "taken_up": own.taken_up, "urgent_handled": own.urgent_handled });
    promise_of(unit).map(told).unwrap_or_default()
}

/// Whether a report has ended with this.
fn is_end(status: &str) -> bool {
    matches!(status, "done" | "closed" | "rejected")
}

/// What a city says of something that was handed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CityAnswer {
    /// Where it stands, in one word; for example `accepted`, `in_progress`, `done`, `rejected`.
    pub status: String,
    /// What the resident reads.
    pub text: String,
    /// A PNG, JPEG or WebP of what was done, for a report.
    pub picture: Option<Vec<u8>>,
    /// Whether the city signs what it says, for a report.
    pub signed: bool,
}

impl CityAnswer {
    /// A status and words.
    pub fn new(status: &str, text: &str) -> Self {
        Self { status: status.to_owned(), text: text.to_owned(), picture: None, signed: false }
    }

    pub(super) fn check(&self) -> Result<(), Unanswered> {
        if self.status.is_empty() || self.status.len() > LONGEST_STATUS || self.text.len() > LONGEST_ANSWER {
            return Err(Unanswered::Length);
        }
        match self.picture.as_deref().map(|bytes| (bytes.len(), media_type(bytes))) {
            Some((length, _)) if length > LARGEST_PICTURE => Err(Unanswered::Picture),
            Some((_, None)) => Err(Unanswered::Picture),
            _ => Ok(()),
        }
    }
}

/// Why a city could not say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// There is nothing that it could be said of.
    #[error("no city knows a submission of this number")]
    Unknown,
    /// Too long, or without a status.
    #[error("a status has 1 to 64 bytes, a text at most 4,096")]
    Length,
    /// The picture is none, or too large.
    #[error("a picture is a PNG, JPEG or WebP of at most 512 KiB")]
    Picture,
    /// Only answers to reports have pictures and signatures.
    #[error("a picture and a signature are for reports")]
    NoReport,
    /// A report ends without a word.
    #[error("a report is closed with words: say what was done, or why nothing will be")]
    NoWords,
    /// A report is closed with nothing to see.
    #[error("a report is closed with something to see: a picture of what was done, or a signed answer")]
    NothingToSee,
    /// There is too much to see.
    #[error("at most 16 answers of a report have a picture or a signature")]
    TooMany,
}

/// The type of a picture that pages show, by how it begins.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    use image::ImageFormat::{Jpeg, Png, WebP};
    match image::guess_format(bytes).ok()? {
        Png => Some("image/png"),
        Jpeg => Some("image/jpeg"),
        WebP => Some("image/webp"),
        _ => None,
    }
}

/// What belongs to a report beside what was handed in.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    /// Somebody may be hurt.
    urgent: bool,
    /// What stands with the city's answers.
    to_see: Vec<ToSee>,
    /// The submissions that opened it again.
    pub reopenings: Vec<Numbered>,
    rating: Option<Rating>,
}

/// A picture or a document that stands with an answer of the city's.
#[derive(Debug, Serialize, Deserialize)]
struct ToSee {
    /// Which entry of the timeline the answer is.
    entry: usize,
    /// The picture's type.
    picture: Option<String>,
    /// What the city signed.
    document: Option<String>,
}

/// What the resident thinks of how a report was handled.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rating {
    stars: u64,
    text: String,
    at: UnixTime,
}

/// A text of at most so many characters, if there is one at all.
fn is_text(field: Option<&Value>, longest: usize) -> bool {
    field.is_none_or(|own| own.as_str().is_some_and(|text| text.chars().count() <= longest))
}

impl Report {
    /// What was handed in, if what it says can be a report.
    pub(super) fn of(fields: &Map<String, Value>) -> Result<Self, Problem> {
        let field = |name: &str| fields.get(name);
        if field("category").is_some_and(|own| !own.as_str().is_some_and(|own| CATEGORIES.contains(&own))) {
            return Err(Problem::incomplete(
                "a report is about a lamp, a pothole, rubbish, noise, water or something else",
            ));
        }
        if !is_text(field("text"), LONGEST_TEXT) || !is_text(field("place"), LONGEST_PLACE) {
            return Err(Problem::incomplete(
                "a report has a text of at most 1,000 characters, and a place of at most 120",
            ));
        }
        let degrees = |name: &str, most: f64| {
            let own = field("position").and_then(|own| own[name].as_f64());
            own.is_some_and(|own| own.abs() <= most)
        };
        if field("position").is_some() && !(degrees("latitude", 90.0) && degrees("longitude", 180.0)) {
            return Err(Problem::incomplete("a position has a latitude and a longitude, in degrees"));
        }
        match field("urgent") {
            None => Ok(Self::default()),
            Some(Value::Bool(urgent)) => Ok(Self { urgent: *urgent, ..Self::default() }),
            Some(_) => Err(Problem::incomplete("a report is urgent, or it is not")),
        }
    }

    /// By when the next step will have been taken, as the city promises it, if this is what happens now.
    pub(super) fn due(&self, unit: &UnitId, timeline: &[Value], status: &str, now: UnixTime) -> Option<UnixTime> {
        let promise = promise_of(unit)?;
        let last = timeline.last();
        let is_taken_up = |own: &Value| matches!(own["status"].as_str(), Some("accepted" | "in_progress"));
        match status {
            "received" | "reopened" => Some(promise.offices.after(now, promise.taken_up)),
            "accepted" | "in_progress" if !self.urgent => None,
            // Going on with it does not begin the time again.
            "accepted" | "in_progress" => match last.filter(|own| is_taken_up(own)) {
                Some(before) => before["due"].as_i64(),
                None => Some(promise.offices.after(now, promise.urgent_handled)),
            },
            _ => None,
        }
    }

    /// Whether the city may say this of it.
    pub(super) fn admits(&self, answer: &CityAnswer) -> Result<(), Unanswered> {
        if is_end(&answer.status) && answer.text.trim().is_empty() {
            return Err(Unanswered::NoWords);
        }
        let shows = answer.picture.is_some() || answer.signed;
        if shows && self.to_see.len() >= MOST_TO_SEE {
            return Err(Unanswered::TooMany);
        }
        match answer.status == "rejected" || !is_end(&answer.status) || shows {
            true => Ok(()),
            false => Err(Unanswered::NothingToSee),
        }
    }

    /// Keeps what there is to see with an answer, which is this entry of the timeline.
    pub(super) fn keep(&mut self, entry: usize, answer: &CityAnswer, document: Option<String>) {
        let picture = answer.picture.as_deref().and_then(media_type).map(str::to_owned);
        if picture.is_some() || document.is_some() {
            self.to_see.push(ToSee { entry, picture, document });
        }
    }

    /// The type of the picture that stands with an entry of the timeline, and what the city signed.
    pub(super) fn to_see(&self, entry: usize) -> Option<(Option<&str>, Option<&str>)> {
        let own = self.to_see.iter().find(|own| own.entry == entry)?;
        Some((own.picture.as_deref(), own.document.as_deref()))
    }

    /// What the resident thinks of it: the last word counts.
    pub(super) fn rate(&mut self, said: &Rated, timeline: &[Value], now: UnixTime) -> Result<(), Problem> {
        if !timeline.last().and_then(|last| last["status"].as_str()).is_some_and(is_end) {
            return Err(Problem::incomplete("a report is rated once the city has closed it"));
        }
        self.rating = Some(Rating { stars: said.stars, text: said.text.clone(), at: now });
        Ok(())
    }

    /// Until when it may be opened again, if it may.
    fn reopens_until(&self, timeline: &[Value]) -> Option<UnixTime> {
        let last = timeline.last()?;
        let may = is_end(last["status"].as_str()?) && self.reopenings.len() < REOPENINGS;
        last["at"].as_i64().filter(|_| may).map(|at| at.saturating_add(MAY_REOPEN))
    }

    /// Opens it again by a submission.
    pub(super) fn reopen(&mut self, by: &Numbered, timeline: &[Value], now: UnixTime) -> Result<(), Problem> {
        if self.reopens_until(timeline).is_none_or(|until| now > until) {
            return Err(Problem::incomplete("a report is opened again within 30 days of its end, at most three times"));
        }
        self.reopenings.push(by.clone());
        Ok(())
    }

    /// What the resident's page is told of it.
    pub(super) fn told(&self, timeline: &[Value]) -> Value {
        let to_see = self.to_see.iter().map(
            |own| json!({ "entry": own.entry, "picture": own.picture.is_some(), "document": own.document.is_some() }),
        );
        let rating = self.rating.as_ref().map(|own| json!({ "stars": own.stars, "text": own.text, "at": own.at }));
        json!({ "urgent": self.urgent, "to_see": to_see.collect::<Vec<_>>(), "rating": rating,
            "reopens_until": self.reopens_until(timeline) })
    }
}

/// What a rating or a reopening says, and of which report.
pub(super) struct Rated {
    /// The number that the phone gave the report.
    pub report: String,
    stars: u64,
    text: String,
}

impl Rated {
    /// One to five stars, and words if there are any.
    pub(super) fn rating(fields: &Map<String, Value>) -> Result<Self, Problem> {
        let stars = fields.get("stars").and_then(Value::as_u64).filter(|stars| (1..=5).contains(stars));
        let stars = stars.ok_or(Problem::incomplete("a rating has one to five stars"))?;
        Ok(Self { stars, ..Self::about(fields, "stars", false)? })
    }

    /// Why a report is opened again.
    pub(super) fn reopening(fields: &Map<String, Value>) -> Result<Self, Problem> {
        Self::about(fields, "attachments", true)
    }

    fn about(fields: &Map<String, Value>, also: &str, wants_text: bool) -> Result<Self, Problem> {
        if fields.keys().any(|name| !["report", "text", also].contains(&name.as_str())) {
            return Err(Problem::incomplete("it says which report it is about, and what there is to say"));
        }
        let text = fields.get("text").and_then(Value::as_str).unwrap_or_default().trim();
        if !is_text(fields.get("text"), LONGEST_TEXT) || (wants_text && text.is_empty()) {
            return Err(Problem::incomplete("it has a text of at most 1,000 characters"));
        }
        let report = fields.get("report").and_then(Value::as_str).unwrap_or_default();
        Ok(Self { report: report.to_owned(), stars: 0, text: text.to_owned() })
    }

    /// What was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> UnitId {
        text.parse().expect("a unit")
    }

    #[test]
    fn the_time_begins_when_it_comes_when_it_is_taken_up_and_when_it_is_opened_again() {
        // Tuesday 1 December 2026, 9:00 in Ha Noi; the next day is 86,400 seconds later.
        let (tuesday, hour) = (1_796_090_400, 3600);
        let (urgent, other) = (Report { urgent: true, ..Report::default() }, Report::default());
        let due = |report: &Report, timeline: &[Value], status: &str| {
            report.due(&unit("vn-hn"), timeline, status, tuesday).map(|due| due - tuesday)
        };
        assert_eq!(due(&other, &[], "received"), Some(24 * hour), "a working day from nine is the next day at nine");
        assert_eq!(due(&other, &[], "reopened"), due(&other, &[], "received"));
        assert_eq!(due(&urgent, &[], "accepted"), Some(5 * hour + hour / 2), "four hours and the pause at noon");
        assert_eq!(due(&other, &[], "accepted"), None, "what is not urgent has no such time");
        let taken_up = [json!({ "status": "accepted", "due": tuesday + 7 })];
        assert_eq!(due(&urgent, &taken_up, "in_progress"), Some(7), "to go on with it does not begin the time again");
        let reopened = [json!({ "status": "reopened", "due": tuesday + 7 })];
        assert_eq!(due(&urgent, &reopened, "in_progress"), Some(5 * hour + hour / 2));
        for end in ["done", "closed", "rejected", "withdrawn", "a word of the city's"] {
            assert_eq!(due(&urgent, &taken_up, end), None, "{end}");
        }
        assert_eq!(urgent.due(&unit("cn-sd/jinan"), &[], "received", tuesday), None, "Jinan promises nothing");
        assert_eq!(promise(&unit("vn-hn"))["taken_up"], 8);
        assert_eq!(promise(&unit("cn-sd")), Value::Null);
    }

    #[test]
    fn it_is_opened_again_three_times_within_thirty_days_of_its_end() {
        let by = Numbered { unit: unit("vn-hn"), author: None, number: "again".to_owned() };
        let ended = [json!({ "status": "done", "at": 1000 })];
        let mut report = Report::default();
        assert!(report.reopen(&by, &[json!({ "status": "accepted", "at": 1000 })], 1000).is_err(), "it is open");
        assert!(report.reopen(&by, &[], 1000).is_err());
        assert!(report.reopen(&by, &ended, 1000 + MAY_REOPEN + 1).is_err(), "a month is over");
        for _ in 0..REOPENINGS {
            assert_eq!(report.told(&ended)["reopens_until"], 1000 + MAY_REOPEN);
            assert!(report.reopen(&by, &ended, 1000 + MAY_REOPEN).is_ok());
        }
        assert!(report.reopen(&by, &ended, 1000).is_err(), "three times");
        assert_eq!(report.told(&ended)["reopens_until"], Value::Null);
    }
}
