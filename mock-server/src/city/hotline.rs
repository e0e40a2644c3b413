//! The hotline: the number to call, what is often asked, and cases. A case has a number that people can tell each other; the number
//! alone says how far the case is. All of it is told for one of its codes, which are look-up secrets (NIST SP 800-63B §5.1.2): each
//! counts once, and wrong ones close the case, longer each time (§5.2.2). The phone that handed the case in has the codes, also without
//! a network. In this world numbers and codes follow from its seed, so that a replay comes to the same; a city draws them at random.

use axum::Json;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::submissions::{Numbered, REMEMBERED};
use super::{named, unit};
use crate::expiring::Expiring;
use crate::problem::Problem;
use crate::world::{In, World};

/// How many codes a case has.
const CODES: usize = 8;
/// How many digits a code has: the standard wants 20 bits, which are 6 digits and a little.
const CODE_DIGITS: usize = 8;
/// How many digits the number of a case has.
const NUMBER_DIGITS: usize = 8;
/// How many wrong codes one after the other close a case, and for how many seconds; twice as long each time, up to a day.
const GUESSES: u32 = 5;
const CLOSED_FOR: i64 = 900;
const CLOSED_AT_MOST: i64 = 86_400;
/// After how many of them its codes count no more: new ones are to be had by the phone that handed it in.
const MOST_GUESSES: u32 = 100;
/// Most cases that are remembered; beyond that the oldest are forgotten.
const MOST: usize = 100_000;
/// What a case may be.
const KINDS: [&str; 4] = ["question", "complaint", "suggestion", "help"];
/// Longest text of a case, in characters.
const LONGEST_TEXT: usize = 2000;

/// What is often asked. All of it is made up.
const TOPICS: [(&str, [&str; 3], [&str; 3]); 4] = [
    (
        "power",
        ["停电报修", "Mất điện", "No electricity"],
        [
            "先看家里的开关是否跳闸；整栋楼都没电，请拨打热线报修。",
            "Kiểm tra cầu dao trong nhà trước. Nếu cả tòa nhà mất điện, hãy gọi để báo sửa.",
            "First see whether a switch at home has tripped. If the whole building is dark, call.",
        ],
    ),
    (
        "water",
        ["停水查询", "Mất nước", "No water"],
        [
            "计划停水会提前一天通知；没有通知的停水请拨打热线。",
            "Cắt nước theo kế hoạch được báo trước một ngày. Nếu mất nước mà không có thông báo, hãy gọi.",
            "Planned cuts are announced a day before. If nothing was announced, call.",
        ],
    ),
    (
        "residence",
        ["居住证办理", "Đăng ký tạm trú", "Residence permit"],
        [
            "带身份证和租房合同到任一便民服务中心，或在线预约。",
            "Mang giấy tờ tùy thân và hợp đồng thuê nhà đến bộ phận một cửa bất kỳ, hoặc đặt lịch hẹn trước.",
            "Take your identity card and your rental contract to any service centre, or make an appointment.",
        ],
    ),
    (
        "noise",
        ["夜间施工噪声", "Tiếng ồn xây dựng ban đêm", "Building noise at night"],
        [
            "22 点到次日 6 点的施工噪声可随时举报，请写明地点和时间。",
            "Tiếng ồn xây dựng từ 22 giờ đến 6 giờ có thể phản ánh bất cứ lúc nào. Hãy ghi rõ nơi và giờ.",
            "Building noise between 22:00 and 6:00 can be reported at any time. Say where and when.",
        ],
    ),
];

/// A case, as its number leads to it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Case {
    /// What was handed in.
    of: Numbered,
    codes: Vec<String>,
    /// Wrong codes since the last right one.
    wrong: u32,
    closed_until: UnixTime,
}

/// The cases, by the unit that has them and their number.
pub(super) type Cases = Expiring<(UnitId, String), Case>;

pub(super) fn no_cases() -> Cases {
    Expiring::new(REMEMBERED, MOST)
}

/// The last digits of an id's number, with zeros before them.
fn digits(id: &str, count: usize) -> String {
    let number = id.bytes().filter_map(|digit| char::from(digit).to_digit(16));
    let value = number.fold(0_u64, |value, digit| value.wrapping_mul(16).wrapping_add(digit.into()));
    let bound = 10_u64.pow(u32::try_from(count).unwrap_or_default());
    format!("{:0count$}", value % bound)
}

fn new_codes(world: &World) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    while codes.len() < CODES {
        let next = digits(&world.next_id("code"), CODE_DIGITS);
        if !codes.contains(&next) {
            codes.push(next);
        }
    }
    codes
}

/// Whether a case can be opened with this.
pub(super) fn check(fields: &Map<String, Value>) -> Result<(), Problem> {
    if fields.keys().any(|name| !["kind", "text", "attachments"].contains(&name.as_str())) {
        return Err(Problem::incomplete("a case has a kind and a text, and photos if you like"));
    }
    if !fields.get("kind").and_then(Value::as_str).is_some_and(|kind| KINDS.contains(&kind)) {
        return Err(Problem::incomplete("a case is a question, a complaint, a suggestion or a call for help"));
    }
    let text = fields.get("text").and_then(Value::as_str).unwrap_or_default().trim();
    match text.is_empty() || text.chars().count() > LONGEST_TEXT {
        true => Err(Problem::incomplete("a case has a text of 1 to 2,000 characters")),
        false => Ok(()),
    }
}

/// Opens a case for what was handed in; answers what its author is told.
pub(super) fn open(world: &World, cases: &mut Cases, of: &Numbered, now: UnixTime) -> Value {
    let number = loop {
        let number = digits(&world.next_id("case"), NUMBER_DIGITS);
        if cases.get(&(of.unit.clone(), number.clone()), now).is_none() {
            break number;
        }
    };
    let codes = new_codes(world);
    let told = json!({ "number": number, "codes": codes });
    cases.put((of.unit.clone(), number), Case { of: of.clone(), codes, wrong: 0, closed_until: 0 }, now);
    told
}

impl Case {
    /// Uses a code up, if it is one; counts those that are none.
    fn admit(&mut self, code: &str, now: UnixTime) -> Result<(), Problem> {
        if now < self.closed_until {
            let seconds = (self.closed_until - now).to_string();
            return Err(Problem::too_many_guesses().with(header::RETRY_AFTER, &seconds));
        }
        if let Some(at) = self.codes.iter().position(|own| own == code) {
            self.codes.remove(at);
            self.wrong = 0;
            return Ok(());
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong.is_multiple_of(GUESSES) {
            let times = 1_i64 << (self.wrong / GUESSES - 1).min(10);
            self.closed_until = now + (CLOSED_FOR * times).min(CLOSED_AT_MOST);
        }
        if self.wrong >= MOST_GUESSES {
            self.codes.clear();
        }
        Err(Problem::wrong_code())
    }
}

/// What is said of a case is for the one who asks now.
fn told(said: Value) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(said))
}

/// How far a case is: all that its number alone reveals.
pub(super) async fn look(
    In(world): In,
    Path((path, number)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let unit = unit(&world, &path)?;
    let (cities, now) = (world.lock_cities(), world.now());
    let case = cities.cases.get(&(unit, number.clone()), now).ok_or_else(Problem::not_found)?;
    // The city may have forgotten what was handed in.
    let last = cities.timeline(&case.of, now).last().ok_or_else(Problem::not_found)?;
    Ok(told(json!({ "number": number, "status": last["status"], "at": last["at"] })))
}

/// What one has to show to read a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithCode {
    code: String,
}

/// All of a case, for one of its codes.
pub(super) async fn read(
    In(world): In,
    Path((path, number)): Path<(String, String)>,
    Json(WithCode { code }): Json<WithCode>,
) -> Result<impl IntoResponse, Problem> {
    let unit = unit(&world, &path)?;
    let (mut cities, now) = (world.lock_cities(), world.now());
    let key = (unit.clone(), number.clone());
    let of = cities.cases.get(&key, now).map(|case| case.of.clone()).ok_or_else(Problem::not_found)?;
    let (said, timeline) = (cities.received(&of, now), cities.timeline(&of, now).to_vec());
    if timeline.is_empty() {
        return Err(Problem::not_found());
    }
    cities.cases.get_mut(&key, now).ok_or_else(Problem::not_found)?.admit(&code, now)?;
    let (kind, text) = (&said["kind"], &said["text"]);
    let city = named(&world, &unit);
    Ok(told(json!({ "number": number, "city": city, "kind": kind, "text": text, "timeline": timeline })))
}

/// What the phone shows that handed a case in: the number that it gave its submission, which nobody else knows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithSubmission {
    submission: String,
}

/// New codes for a case; the old ones count no more.
pub(super) async fn renew(
    In(world): In,
    Path((path, number)): Path<(String, String)>,
    Json(WithSubmission { submission }): Json<WithSubmission>,
) -> Result<impl IntoResponse, Problem> {
    let unit = unit(&world, &path)?;
    let (mut cities, now) = (world.lock_cities(), world.now());
    let case = cities.cases.get_mut(&(unit, number), now).ok_or_else(Problem::not_found)?;
    // Nobody guesses 128 bits: who guesses at the case can't keep its author from new codes.
    if case.of.number != submission {
        return Err(Problem::wrong_code());
    }
    case.codes = new_codes(&world);
    (case.wrong, case.closed_until) = (0, 0);
    Ok(told(json!({ "codes": case.codes })))
}

/// The number to call, and what is often asked.
pub(super) async fn about(In(world): In, Path(path): Path<String>) -> Result<impl IntoResponse, Problem> {
    let unit = unit(&world, &path)?;
    let texts = |[zh, vi, en]: [&str; 3]| json!({ "zh": zh, "vi": vi, "en": en });
    let topics = TOPICS.map(|(id, title, answer)| json!({ "id": id, "title": texts(title), "answer": texts(answer) }));
    let phone = world.tree.hotline(unit.region()).unwrap_or_default();
    let body = json!({ "city": named(&world, &unit), "phone": phone, "topics": topics });
    let lasts = "public, max-age=600, stale-while-revalidate=3600, stale-if-error=86400";
    Ok(([(header::CACHE_CONTROL, lasts)], Json(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_all_their_digits() {
        assert_eq!(digits("7", 8), "00000007");
        assert_eq!(digits("ffffffffffffffff", 6), "551615");
        assert_eq!(digits("no hex", 4), "0014");
    }

    #[test]
    fn who_guesses_waits_longer_each_time_and_never_comes_to_the_code() {
        let unit: UnitId = "cn-sd".parse().expect("a unit");
        let of = Numbered { unit, author: None, number: "a".to_owned() };
        let mut case =
            Case { of, codes: vec!["11111111".to_owned(), "22222222".to_owned()], wrong: 0, closed_until: 0 };
        let (mut now, mut waits) = (1_000_000, Vec::new());
        for _ in 0..MOST_GUESSES {
            assert!(case.admit("00000000", now).is_err());
            if case.closed_until > now {
                assert!(case.admit("11111111", case.closed_until - 1).is_err(), "a right one waits, too");
                waits.push(case.closed_until - now);
                now = case.closed_until;
            }
        }
        assert_eq!(waits[..4], [900, 1800, 3600, 7200]);
        assert_eq!(waits.iter().max(), Some(&CLOSED_AT_MOST));
        assert!(case.admit("11111111", now).is_err(), "its codes count no more");

        let mut other =
            Case { codes: vec!["11111111".to_owned(), "22222222".to_owned()], wrong: 4, closed_until: 0, of: case.of };
        assert!(other.admit("11111111", now).is_ok() && other.admit("11111111", now).is_err());
        assert!(other.admit("22222222", now).is_ok(), "a right one begins the count");
    }

    #[test]
    fn a_case_wants_one_of_its_kinds_and_a_text() {
        let holds = |body: Value| check(body.as_object().expect("a record")).is_ok();
        assert!(holds(json!({ "kind": "help", "text": "x" })));
        for wrong in [
            json!({ "text": "x" }),
            json!({ "kind": "else", "text": "x" }),
            json!({ "kind": "help" }),
            json!({ "kind": "help", "text": " \n" }),
            json!({ "kind": "help", "text": "字".repeat(2001) }),
            json!({ "kind": 1, "text": ["x"] }),
            json!({ "kind": "help", "text": "x", "filler": "x" }),
        ] {
            assert!(!holds(wrong.clone()), "{wrong}");
        }
        assert!(holds(json!({ "kind": "question", "text": "字".repeat(2000) })));
    }
}
