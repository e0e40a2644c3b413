//! The hotline: the number to call; or a case, whose number alone says how far it is, and whose codes open it, once each.

use std::collections::BTreeSet;
use std::sync::Arc;

use onecity_app::Act;
use serde_json::{Value, json};

use super::{Trip, Way};
use crate::journey::person::Person;
use crate::journey::{Failed, Outcome, check};
use crate::world::World;

const TEXT: &str = "楼道的灯坏了三天，老人晚上不敢下楼";
/// How long a case is closed to those who guess, in seconds.
const CLOSED_FOR: i64 = 900;

pub(super) async fn take(trip: &mut Trip<'_>) -> Result<(), Failed> {
    let mut lan = trip.resident("Lan", "lan", &["山东省", "济南市"]).await?;
    let mut minh = trip.resident("Minh", "minh", &["山东省", "青岛市"]).await?;
    trip.begins_to_matter();
    trip.journey.plain("the hotline of two cities is the province's", opens(&mut lan, &mut minh)).await?;
    trip.journey.plain("call it", calls(&mut lan)).await?;

    let begun = json!({ "kind": "help", "text": TEXT });
    let world = Arc::clone(&trip.world);
    let taken = world.submissions_taken();
    let id = write_down(trip, &mut lan, &begun).await?;
    let case = delivered(trip, &mut lan, &id).await?;
    let arrived = world.submissions_taken() - taken;
    if arrived != 1 {
        return Err(Failed { step: "the case is taken once".to_owned(), why: format!("the city has {arrived}") });
    }

    trip.journey.plain("its number alone reveals its state", number_alone(&mut minh, &case)).await?;
    trip.journey.plain("a code opens it, once", opens_with_a_code(&mut minh, &case)).await?;
    let world = &trip.world;
    let guesses = async {
        world.faults.end_all();
        is_closed_to_guesses(world, &mut minh, &case).await
    };
    trip.journey.plain("who guesses is kept out for a while", guesses).await?;
    trip.is_over();
    let world = &trip.world;
    let answers = async {
        check(world.progress(&id, "accepted", "网格员今天上门"), "the desk does not know the case")?;
        check(world.progress(&id, "done", "灯已换好"), "the desk does not know the case")?;
        let done = |own: &Value| own["timeline"].as_array().is_some_and(|all| all.len() == 3);
        lan.world.skip(3600);
        let own = lan.submission(&id, "the answer", done).await?;
        check(own["timeline"][2]["text"] == "灯已换好", format!("the phone has {own}"))?;
        let (_, state) = minh.asks("GET", &path(&case), Value::Null).await?;
        check(state["status"] == "done", format!("the number says {state}"))?;
        Ok("the desk's answer is on the phone that asked; the number says that it is done, and no more".to_owned())
    };
    trip.journey.plain("the city answers", answers).await?;
    let renewed = renews_the_codes(&mut lan, &mut minh, &case, &id);
    trip.journey.plain("new codes for who handed it in, and for nobody else", renewed).await?;
    let apart = async {
        check(minh.submissions().await?.is_empty(), "Minh's phone lists a case of Lan's")?;
        check(lan.submissions().await?.len() == 1, "Lan's phone lists it more than once")?;
        Ok("Lan's phone has one case, Minh's none".to_owned())
    };
    trip.journey.plain("nothing is doubled, or on another's phone", apart).await?;
    trip.journey.plain("Ha Noi has a hotline of its own", ha_noi(&mut lan, &case)).await
}

fn path(case: &Value) -> String {
    format!("/hotline/cases/{}", case["number"].as_str().unwrap_or_default())
}

fn code(case: &Value, at: usize) -> &str {
    case["codes"][at].as_str().unwrap_or_default()
}

async fn opens(lan: &mut Person, minh: &mut Person) -> Outcome {
    let mut numbers = BTreeSet::new();
    for person in [lan, minh] {
        person.opens("cn-sd", "hotline").await?;
        let (_, said) = person.asks("GET", "/hotline", Value::Null).await?;
        check(said["city"]["id"] == "cn-sd", format!("it is the hotline of {}", said["city"]))?;
        check(said["topics"].as_array().is_some_and(|all| !all.is_empty()), "nothing is often asked")?;
        numbers.insert(said["phone"].as_str().unwrap_or_default().to_owned());
    }
    check(numbers == BTreeSet::from(["12345".to_owned()]), format!("the numbers are {numbers:?}"))?;
    Ok("in Jinan and in Qingdao: 12345, and what is often asked".to_owned())
}

async fn calls(lan: &mut Person) -> Outcome {
    lan.calls_and("navigate", json!({ "url": "tel:12345" }), &["拨号"]).await?;
    lan.me.has_it_done(&Act::Dial { number: "12345".to_owned() }).await?;
    Ok("the phone dials after the resident has said so".to_owned())
}

async fn write_down(trip: &mut Trip<'_>, lan: &mut Person, begun: &Value) -> Result<String, Failed> {
    let (world, way) = (Arc::clone(&trip.world), Way(trip.under));
    trip.journey
        .step("write a case down", async {
            lan.calls("draft_set", json!({ "title": "12345 热线", "body": begun })).await?;
            way.amid_a_form(lan, begun).await?;
            way.before_it_is_handed_in(lan).await;
            let before = world.submissions_taken();
            let id = lan.submits("/cases", "求助：楼道的灯坏了", begun.clone()).await?;
            if way.has_no_network() {
                let own = lan.submission(&id, "the case", |own| own["state"] == "waiting").await?;
                check(own["receipt"].is_null(), "there is a receipt of nobody's")?;
                check(world.submissions_taken() == before, "a case arrived without a network")?;
            }
            way.before_it_is_delivered(lan).await;
            Ok((id, "sealed on the phone".to_owned()))
        })
        .await
}

async fn delivered(trip: &mut Trip<'_>, lan: &mut Person, id: &str) -> Result<Value, Failed> {
    let way = Way(trip.under);
    trip.journey
        .step("the case is taken once", async {
            lan.submission(id, "the receipt", |own| own["state"] == "delivered").await?;
            way.after_it_was_delivered(lan).await;
            // The number and the codes are on the phone, also without a network.
            lan.me.goes_offline().await;
            let own = lan.submission(id, "the receipt", |own| own["state"] == "delivered").await?;
            lan.me.goes_online().await;
            let case = own["receipt"]["case"].clone();
            let digits = |value: &Value| {
                value.as_str().is_some_and(|text| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()))
            };
            let codes = case["codes"].as_array().cloned().unwrap_or_default();
            check(digits(&case["number"]), format!("its number is {}", case["number"]))?;
            check(codes.len() == 8 && codes.iter().all(digits), format!("it has {} codes", codes.len()))?;
            let number = case["number"].as_str().unwrap_or_default();
            let said = format!("case {number}, and 8 codes that are there with no network");
            Ok((case, said))
        })
        .await
}

async fn number_alone(minh: &mut Person, case: &Value) -> Outcome {
    let (status, said) = minh.asks("GET", &path(case), Value::Null).await?;
    check(status == 200, format!("it is answered with {status}"))?;
    let told: BTreeSet<&str> = said.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    check(told == BTreeSet::from(["at", "number", "status"]), format!("it tells {told:?}"))?;
    check(said["status"] == "received", format!("its state is {}", said["status"]))?;
    let (other, _) = minh.asks("GET", "/hotline/cases/00000000", Value::Null).await?;
    check(other == 404, format!("a number that there is not is answered with {other}"))?;
    Ok("received, and since when; not a word of it".to_owned())
}

async fn opens_with_a_code(minh: &mut Person, case: &Value) -> Outcome {
    let mut opened = 0;
    // An answer that gets lost uses its code up, as any other: the next one is told.
    for at in 0..4 {
        let (status, said) = minh.asks("POST", &path(case), json!({ "code": code(case, at) })).await?;
        if status != 200 {
            continue;
        }
        opened += 1;
        check(said["text"] == TEXT && said["kind"] == "help", format!("it says {said}"))?;
        let (again, said) = minh.asks("POST", &path(case), json!({ "code": code(case, at) })).await?;
        check(again == 403, format!("the same code again is answered with {again}"))?;
        check(!said.to_string().contains(TEXT), "a used code tells it all the same")?;
        break;
    }
    check(opened == 1, "no code opens it")?;
    Ok("all of it for one code of Lan's; the same code is refused from then on".to_owned())
}

async fn is_closed_to_guesses(world: &World, minh: &mut Person, case: &Value) -> Outcome {
    let open = |at: usize| json!({ "code": code(case, at) });
    // One that is right begins the count.
    let (status, _) = minh.asks("POST", &path(case), open(5)).await?;
    check(status == 200, format!("a right code is answered with {status}"))?;
    for guess in 0..5 {
        let (status, _) = minh.asks("POST", &path(case), json!({ "code": format!("x{guess}") })).await?;
        check(status == 403, format!("a wrong code is answered with {status}"))?;
    }
    let (status, said) = minh.asks("POST", &path(case), open(6)).await?;
    check(status == 429, format!("a right code after five wrong ones is answered with {status}"))?;
    check(!said.to_string().contains(TEXT), "it tells it all the same")?;
    let (status, _) = minh.asks("GET", &path(case), Value::Null).await?;
    check(status == 200, "its state is kept from everybody")?;
    world.skip(CLOSED_FOR);
    let (status, _) = minh.asks("POST", &path(case), open(6)).await?;
    check(status == 200, format!("a quarter of an hour later a right code is answered with {status}"))?;
    Ok("after five wrong codes a right one waits, too; a quarter of an hour later it counts".to_owned())
}

async fn renews_the_codes(lan: &mut Person, minh: &mut Person, case: &Value, id: &str) -> Outcome {
    let path = format!("{}/codes", path(case));
    let (status, _) = minh.asks("POST", &path, json!({ "submission": "0".repeat(32) })).await?;
    check(status == 403, format!("somebody else is answered with {status}"))?;
    let (status, fresh) = lan.asks("POST", &path, json!({ "submission": id })).await?;
    check(status == 200, format!("who handed it in is answered with {status}"))?;
    let (old, _) = minh.asks("POST", &self::path(case), json!({ "code": code(case, 7) })).await?;
    check(old == 403, format!("an old code is answered with {old}"))?;
    let (new, _) = minh.asks("POST", &self::path(case), json!({ "code": code(&fresh, 0) })).await?;
    check(new == 200, format!("a new code is answered with {new}"))?;
    Ok("the old codes count no more".to_owned())
}

async fn ha_noi(lan: &mut Person, case: &Value) -> Outcome {
    lan.goes_to("Ha Noi", &["Viet Nam", "Ha Noi", "全部"]).await?;
    lan.opens("vn-hn", "hotline").await?;
    let (_, said) = lan.asks("GET", "/hotline", Value::Null).await?;
    check(said["phone"] == "1022", format!("its number is {}", said["phone"]))?;
    let (status, _) = lan.asks("GET", &path(case), Value::Null).await?;
    check(status == 404, format!("Shandong's case is answered with {status} there"))?;
    check(lan.submissions().await?.is_empty(), "its page sees what was handed in elsewhere")?;
    Ok("1022; it knows nothing of Shandong's cases".to_owned())
}
