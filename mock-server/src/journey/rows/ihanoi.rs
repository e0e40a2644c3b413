//! Reports, as iHaNoi has them: with a photo and a place; taken up and handled by a clock that both sides see; closed with something to
//! see; rated, and opened again.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_app::Act;
use onecity_core::QrPicture;
use serde_json::{Value, json};

use super::{Trip, Way};
use crate::city::{CityAnswer, Unanswered};
use crate::journey::person::{LOOKS, Person};
use crate::journey::{Failed, Off, Outcome, check};
use crate::picture;
use crate::world::World;

/// Hoan Kiem lake.
const LAKE: (f64, f64) = (21.0287, 105.8524);
const DAY: i64 = 86_400;
const HOUR: i64 = 3600;
const MINUTE: i64 = 60;
/// How far Ha Noi's clock is ahead of UTC.
const AHEAD: i64 = 7 * HOUR;
/// Half past four in the afternoon.
const LATE: i64 = 16 * HOUR + HOUR / 2;

pub(super) async fn take(trip: &mut Trip<'_>) -> Result<(), Failed> {
    let mut lan = trip.resident("Lan", "lan", &["山东省", "济南市"]).await?;
    let mut minh = trip.resident("Minh", "minh", &["山东省", "青岛市"]).await?;
    let mut workshop = trip.resident("Workshop", "workshop", &["山东省", "青岛市"]).await?;
    let world = Arc::clone(&trip.world);
    goes_to_friday(&world);
    trip.journey.plain("Ha Noi says what it promises, and what is new", promises(&mut lan)).await?;
    trip.begins_to_matter();
    let (report, begun) = write_down(trip, &mut lan).await?;
    let photo = delivered(trip, &mut lan, &report).await?;
    trip.journey.plain("eight working hours, over a weekend", friday_to_monday(&mut lan, &report)).await?;
    trip.is_over();
    let late = takes_it_up_late(&world, &mut lan, &report);
    trip.journey.plain("late is late, on the phone as at the desk", late).await?;
    let looked = async {
        let seen = world.attachment(&photo).ok_or_else(|| Off("the desk has no photo".to_owned()))?;
        check(seen == picture()?, "the photo is another")?;
        let at = &begun["position"];
        check(at["latitude"] == LAKE.0 && at["longitude"] == LAKE.1, format!("the report is about {at}"))?;
        Ok("the desk has the photo whole, and where it was taken".to_owned())
    };
    trip.journey.plain("the desk sees what Lan saw", looked).await?;
    trip.journey.plain("a vague answer closes nothing", no_vague_answers(&world, &report)).await?;
    trip.journey.plain("closed with a picture and a signature", closes(&world, &mut lan, &report)).await?;
    trip.journey.plain("rated, and opened again", rates_and_opens_again(&world, &mut lan, &report)).await?;
    trip.journey.plain("on nobody else's phone", nobody_else(&mut minh)).await?;
    trip.journey.plain("a business is named, because it wants to be", business(&world, &mut workshop)).await?;
    trip.journey.plain("Qingdao's own desk promises nothing", qingdao(&world, &mut minh, &report)).await
}

/// A picture that a camera might have taken.
fn picture() -> Result<Vec<u8>, Off> {
    Ok(picture::png(&QrPicture::of("井盖")?, 4)?)
}

/// Lets time pass until half past four on a Friday, as Ha Noi has it. 1 January 1970 was a Thursday.
fn goes_to_friday(world: &World) {
    let local = world.now() + AHEAD;
    let friday = (local.div_euclid(DAY)..).find(|day| (day + 4).rem_euclid(7) == 5 && day * DAY + LATE > local);
    world.skip(friday.unwrap_or_default() * DAY + LATE - local);
}

async fn goes_to_ha_noi(person: &mut Person) -> Result<(), Off> {
    person.goes_to("Ha Noi", &["Viet Nam", "Ha Noi", "全部"]).await?;
    person.opens("vn-hn", "report").await
}

async fn promises(lan: &mut Person) -> Outcome {
    goes_to_ha_noi(lan).await?;
    let (_, said) = lan.asks("GET", "", Value::Null).await?;
    check(said["city"]["id"] == "vn-hn", format!("it is the back end of {}", said["city"]))?;
    let (_, said) = lan.asks("GET", "/promise", Value::Null).await?;
    let promise = json!({ "taken_up": 8, "urgent_handled": 4 });
    check(said["promise"] == promise, format!("it promises {}", said["promise"]))?;
    let (_, said) = lan.asks("GET", "/news", Value::Null).await?;
    let news = said["news"].as_array().map(Vec::len).unwrap_or_default();
    check(news > 0 && said["news"][0]["title"]["vi"].is_string(), format!("its news are {}", said["news"]))?;
    Ok(format!("taken up within 8 working hours, urgent ones handled within 4 more; {news} pieces of news"))
}

/// With a photo and a place; what has been filled in survives.
async fn write_down(trip: &mut Trip<'_>, lan: &mut Person) -> Result<(String, Value), Failed> {
    let (world, way) = (Arc::clone(&trip.world), Way(trip.under));
    trip.journey
        .step("write a report down, with a photo and a place", async {
            lan.me.stands_at(LAKE.0, LAKE.1);
            let position = lan.calls_and("locate", json!({}), &["同意"]).await?;
            lan.me.will_photograph("cover.png", "image/png", picture()?);
            let photo = lan.calls_and("pick_photo", json!({}), &["同意"]).await?;
            let asked = lan.me.did();
            check(asked.contains(&Act::Locate) && asked.contains(&Act::Photo), format!("the phone did {asked:?}"))?;
            let begun = json!({ "category": "other", "text": "路中央缺井盖", "place": "还剑湖边", "urgent": true,
                "position": position });
            let form = json!({ "report": begun, "photos": [photo] });
            lan.calls("draft_set", json!({ "title": "问题上报", "body": form })).await?;
            way.amid_a_form(lan, &form).await?;
            way.before_it_is_handed_in(lan).await;
            let before = world.submissions_taken();
            let url = format!("{}/reports", lan.backend().await?);
            let submit = json!({ "url": url, "title": "其他：还剑湖边", "body": begun, "attachments": [photo["id"]] });
            let id = lan.calls("submit", submit).await?["id"].as_str().unwrap_or_default().to_owned();
            if way.has_no_network() {
                let own = lan.submission(&id, "the report", |own| own["state"] == "waiting").await?;
                check(own["receipt"].is_null(), "there is a receipt of nobody's")?;
                check(world.submissions_taken() == before, "a report arrived without a network")?;
            }
            way.before_it_is_delivered(lan).await;
            Ok(((id, begun), "sealed on the phone, photo and all".to_owned()))
        })
        .await
}

async fn delivered(trip: &mut Trip<'_>, lan: &mut Person, id: &str) -> Result<String, Failed> {
    let way = Way(trip.under);
    let world = Arc::clone(&trip.world);
    trip.journey
        .step("the report is taken once", async {
            let own = lan.submission(id, "the receipt", |own| own["state"] == "delivered").await?;
            way.after_it_was_delivered(lan).await;
            let photo = own["receipt"]["received"]["attachments"][0]["id"].as_str().unwrap_or_default().to_owned();
            check(world.submissions_taken() == 1, format!("the city has {}", world.submissions_taken()))?;
            check(own["receipt"]["due"].is_i64(), "the receipt says no time")?;
            Ok((photo, "once, and the receipt says by when it will be taken up".to_owned()))
        })
        .await
}

/// A step of a report, once its phone knows it: it asks for news every minute that it is looked at.
async fn step(lan: &mut Person, id: &str, what: &str, at: usize) -> Result<Value, Off> {
    for _ in 0..LOOKS {
        lan.world.skip(2 * MINUTE);
        let all = lan.submissions().await?;
        let timeline = all.iter().find(|own| own["id"] == id).map(|own| own["timeline"].clone()).unwrap_or_default();
        if timeline.as_array().is_some_and(|all| all.len() > at) {
            return Ok(timeline);
        }
        lan.looks_again().await;
    }
    Err(Off(format!("{what} was never seen")))
}

async fn friday_to_monday(lan: &mut Person, id: &str) -> Outcome {
    let timeline = step(lan, id, "its arrival", 0).await?;
    let (at, due) = (timeline[0]["at"].as_i64().unwrap_or_default(), timeline[0]["due"].as_i64().unwrap_or_default());
    // It came within the last working hour of a Friday: what is left of the eight is worked on Monday.
    let friday = (at + AHEAD).div_euclid(DAY) * DAY - AHEAD;
    check((LATE..LATE + HOUR).contains(&(at - friday)), format!("it came at {at}"))?;
    let left = 8 * HOUR - (friday + LATE + HOUR - at);
    let monday = friday + 3 * DAY + 8 * HOUR;
    // Four hours in the morning, a pause of an hour and a half.
    let expected = monday + left + if left > 4 * HOUR { HOUR * 3 / 2 } else { 0 };
    check(due == expected, format!("it is due {} seconds off", due - expected))?;
    Ok("handed in on Friday at half past four, due on Monday at half past four".to_owned())
}

async fn takes_it_up_late(world: &World, lan: &mut Person, id: &str) -> Outcome {
    let due = step(lan, id, "its arrival", 0).await?[0]["due"].as_i64().unwrap_or_default();
    world.skip(due - world.now() + HOUR / 2);
    check(world.progress(id, "accepted", "已派网格员"), "the desk does not know the report")?;
    let timeline = step(lan, id, "that it was taken up", 1).await?;
    let (taken, next) = (&timeline[1], timeline[1]["due"].as_i64().unwrap_or_default());
    let at = taken["at"].as_i64().unwrap_or_default();
    check(at > due, "it was taken up in time")?;
    // Half past four and half an hour: half an hour is left of Monday, the rest of the four hours is Tuesday's.
    check(next > at + 4 * HOUR && next < at + DAY, format!("it will be handled in {} seconds", next - at))?;
    let desk = world.lock_cities().list();
    let own = desk.iter().find(|own| own.number == id).ok_or_else(|| Off("the desk lacks it".to_owned()))?;
    check(own.timeline[1]["due"] == taken["due"], "the desk sees another time")?;
    Ok("taken up half an hour late; to be handled within four working hours: both sides see the same".to_owned())
}

async fn no_vague_answers(world: &World, id: &str) -> Outcome {
    let said = |answer: CityAnswer| world.answer(id, &answer).err();
    check(said(CityAnswer::new("done", " ")) == Some(Unanswered::NoWords), "a report is closed without a word")?;
    let words = CityAnswer::new("done", "已处理");
    check(said(words.clone()) == Some(Unanswered::NothingToSee), "a report is closed with nothing to see")?;
    let text = CityAnswer { picture: Some(b"no picture".to_vec()), ..words.clone() };
    check(said(text) == Some(Unanswered::Picture), "anything is a picture")?;
    let large = CityAnswer { picture: Some([picture()?, vec![0; 600_000]].concat()), ..words };
    check(said(large) == Some(Unanswered::Picture), "a picture may be of any size")?;
    check(said(CityAnswer::new("rejected", "")) == Some(Unanswered::NoWords), "a report is rejected without a word")?;
    Ok("refused: without words, without a picture or a signature, with what is no picture".to_owned())
}

async fn closes(world: &World, lan: &mut Person, id: &str) -> Outcome {
    let rate = json!({ "report": id, "stars": 5, "text": "" });
    let url = format!("{}/ratings", lan.backend().await?);
    let early = json!({ "url": url, "title": "评价", "body": rate });
    let early = lan.calls("submit", early).await?["id"].as_str().unwrap_or_default().to_owned();
    lan.submission(&early, "that it is too early to rate", |own| own["state"] == "refused").await?;
    let answer = CityAnswer { picture: Some(picture()?), signed: true, ..CityAnswer::new("done", "井盖已补上") };
    world.answer(id, &answer).map_err(|error| Off(error.to_string()))?;
    let timeline = step(lan, id, "the end", 2).await?;
    check(timeline[2]["status"] == "done" && timeline[2]["due"].is_null(), format!("it ends with {}", timeline[2]))?;
    let (_, said) = lan.asks("GET", &format!("/reports/{id}"), Value::Null).await?;
    let to_see = json!([{ "entry": 2, "picture": true, "document": true }]);
    check(said["report"]["to_see"] == to_see, format!("there is to see: {}", said["report"]))?;
    let (_, seen) = lan.asks("GET", &format!("/reports/{id}/answers/2"), Value::Null).await?;
    let shown = STANDARD.decode(seen["picture"]["base64"].as_str().unwrap_or_default());
    check(seen["picture"]["media_type"] == "image/png", format!("it is of type {}", seen["picture"]["media_type"]))?;
    check(shown? == picture()?, "the picture is another")?;
    let signed = seen["document"].as_str().unwrap_or_default();
    // A word of it is another: the phone keeps nothing.
    let mut forged = signed.to_owned();
    let middle = signed.len() / 2;
    let other = if signed[middle..].starts_with('A') { "B" } else { "A" };
    forged.replace_range(middle..=middle, other);
    let refused = lan.calls("documents_keep", json!({ "document": forged })).await;
    let said = refused.err().map(|error| error.0).unwrap_or_default();
    check(said.contains("not_genuine"), format!("a forged answer is kept, or refused for something else: {said}"))?;
    let kept = lan.calls("documents_keep", json!({ "document": signed })).await?;
    let expected = "Văn bản trả lời (dữ liệu mẫu)";
    check(kept["title"] == expected, format!("what was kept is {kept}"))?;
    Ok("the picture is on the phone; the signature is genuine, a forged one is refused".to_owned())
}

async fn rates_and_opens_again(world: &World, lan: &mut Person, id: &str) -> Outcome {
    let rating = lan.submits("/ratings", "评价", json!({ "report": id, "stars": 2, "text": "没盖好" })).await?;
    lan.submission(&rating, "the rating", |own| own["state"] == "delivered").await?;
    let told = |world: &World| {
        let desk = world.lock_cities().list();
        desk.into_iter().find(|own| own.number == id).and_then(|own| own.report).unwrap_or_default()
    };
    check(told(world)["rating"]["stars"] == 2, format!("the desk sees {}", told(world)["rating"]))?;
    for time in 1..=3_usize {
        let body = json!({ "report": id, "text": "还是松的" });
        let again = lan.submits("/reopenings", "重新打开", body).await?;
        lan.submission(&again, "that it is open again", |own| own["state"] == "delivered").await?;
        let timeline = step(lan, &again, "that it is open again", 0).await?;
        check(timeline[0]["due"].is_i64(), "opened again, it is due some day")?;
        let answer = CityAnswer { signed: true, ..CityAnswer::new("done", "已重新固定") };
        world.answer(id, &answer).map_err(|error| Off(error.to_string()))?;
        let timeline = step(lan, &again, "the end", 1).await?;
        check(timeline[1]["text"] == "已重新固定", format!("the {time}. time it says {timeline}"))?;
    }
    let (_, said) = lan.asks("GET", &format!("/reports/{id}"), Value::Null).await?;
    check(said["report"]["reopens_until"].is_null(), "it may be opened again for ever")?;
    let fourth = lan.submits("/reopenings", "重新打开", json!({ "report": id, "text": "又松了" })).await?;
    lan.submission(&fourth, "that it is not opened again", |own| own["state"] == "refused").await?;
    Ok("two stars are at the desk; three times open again, each time answered, and not a fourth time".to_owned())
}

async fn nobody_else(minh: &mut Person) -> Outcome {
    goes_to_ha_noi(minh).await?;
    check(minh.submissions().await?.is_empty(), "Minh's phone lists a report of Lan's")?;
    let other = "0".repeat(32);
    let (status, _) = minh.asks("GET", &format!("/reports/{other}"), Value::Null).await?;
    check(status == 404, format!("a number that there is not is answered with {status}"))?;
    let rating = minh.submits("/ratings", "评价", json!({ "report": other, "stars": 1 })).await?;
    minh.submission(&rating, "that it is refused", |own| own["state"] == "refused").await?;
    Ok("Minh's phone has none; who does not know its number can neither read nor rate it".to_owned())
}

async fn business(world: &World, workshop: &mut Person) -> Outcome {
    goes_to_ha_noi(workshop).await?;
    let info = workshop.calls("info", json!({})).await?;
    check(info["account"] == "enterprise", format!("the page works for {}", info["account"]))?;
    workshop.calls_and("login", json!({}), &["同意"]).await?;
    let body = json!({ "category": "rubbish", "text": "门口堆满垃圾", "place": "工坊门口" });
    let id = workshop.submits("/reports", "垃圾：工坊门口", body).await?;
    workshop.submission(&id, "the receipt", |own| own["state"] == "delivered").await?;
    let desk = world.lock_cities().list();
    let from: BTreeSet<_> = desk.iter().filter_map(|own| own.from.as_deref()).collect();
    check(from == BTreeSet::from(["Persona Workshop Ltd"]), format!("the desk knows {from:?}"))?;
    let (status, _) = workshop.asks("GET", &format!("/reports/{id}"), Value::Null).await?;
    check(status == 200, format!("its own report is answered with {status}"))?;
    Ok("the desk reads whose it is; of Lan's report it knows no name".to_owned())
}

async fn qingdao(world: &World, minh: &mut Person, id: &str) -> Outcome {
    minh.goes_to("青岛市", &["中华人民共和国", "山东省", "青岛市"]).await?;
    minh.opens("cn-sd/qingdao", "report").await?;
    let (_, said) = minh.asks("GET", "/promise", Value::Null).await?;
    check(said["promise"].is_null(), format!("it promises {}", said["promise"]))?;
    let (status, _) = minh.asks("GET", &format!("/reports/{id}"), Value::Null).await?;
    check(status == 404, format!("Ha Noi's report is answered with {status} there"))?;
    let body = json!({ "category": "lamp", "text": "灯不亮", "place": "栈桥", "urgent": true });
    let own = minh.submits("/reports", "路灯：栈桥", body).await?;
    let receipt = minh.submission(&own, "the receipt", |own| own["state"] == "delivered").await?;
    check(receipt["receipt"]["due"].is_null(), "it says a time that nobody promised")?;
    let answer = CityAnswer { signed: true, ..CityAnswer::new("done", "已修复") };
    world.answer(&own, &answer).map_err(|error| Off(error.to_string()))?;
    let (_, seen) = minh.asks("GET", &format!("/reports/{own}/answers/1"), Value::Null).await?;
    let kept = minh.calls("documents_keep", json!({ "document": seen["document"] })).await?;
    check(kept["title"] == "书面答复（演示数据）", format!("what was kept is {kept}"))?;
    Ok("no promise, no clock; closed with a signed answer all the same".to_owned())
}
