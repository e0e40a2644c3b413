//! The whole story, step by step: one phone, every city, a gate. Each step says what was checked; the first that
//! does not hold ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use onecity_core::{Freshness, PassSituation, ServiceId, ServiceSession, SubmissionState};
use onecity_protocol::credential::{
    Audience, Decision, Gate, GatePolicy, StatusListToken, UnixTime, WithoutStatus, sample,
};
use onecity_protocol::region::{RegionId, UnitId};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Value, json};

use crate::phone::Phone;
use crate::picture::{png, read};
use crate::regions;
use crate::server::Server;
use crate::world::{Fault, World, WorldOptions};

/// One step that held.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What was done.
    pub step: String,
    /// What was checked.
    pub checked: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// What the whole journey came to.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How many steps there were.
    pub steps: usize,
    /// How many cities were visited.
    pub cities: usize,
    /// How many mini-services were opened.
    pub services: usize,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// The step that did not hold.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {why}")]
pub struct Failed {
    /// What was being done.
    pub step: String,
    /// What was off.
    pub why: String,
}

/// Why a step did not hold.
struct Off(String);

impl<E: std::error::Error> From<E> for Off {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn check(holds: bool, what: impl Into<String>) -> Result<(), Off> {
    if holds { Ok(()) } else { Err(Off(what.into())) }
}

type Outcome = Result<String, Off>;

/// The traveller's state between steps.
struct Journey<'a> {
    report: &'a mut dyn FnMut(&Step),
    steps: usize,
    cities: usize,
    started: Instant,
}

impl Journey<'_> {
    async fn step<T>(&mut self, name: &str, work: impl Future<Output = Result<(T, String), Off>>) -> Result<T, Failed> {
        let began = Instant::now();
        match work.await {
            Ok((value, checked)) => {
                self.steps += 1;
                (self.report)(&Step { step: name.to_owned(), checked, ms: milliseconds(began.elapsed()) });
                Ok(value)
            }
            Err(Off(why)) => Err(Failed { step: name.to_owned(), why }),
        }
    }

    async fn plain(&mut self, name: &str, work: impl Future<Output = Outcome>) -> Result<(), Failed> {
        self.step(name, async { work.await.map(|checked| ((), checked)) }).await
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn region(text: &str) -> RegionId {
    text.parse().expect("a region of the demo world")
}

/// Takes a phone through the whole story, reporting each step as it holds.
pub async fn run(options: WorldOptions, report: &mut dyn FnMut(&Step)) -> Result<Summary, Failed> {
    let mut journey = Journey { report, steps: 0, cities: 0, started: Instant::now() };
    let opened = AtomicUsize::new(0);
    let server = journey.step("start the world", start(options)).await?;
    let (world, address) = (server.world(), server.address());
    let phone = journey
        .step("a new phone", async {
            let phone = Phone::new(&world, &["zh", "en"])?;
            let files = ["catalogue.sqlite", "vault.sqlite"].iter().all(|file| phone.folder().join(file).exists());
            check(files, "the two files are not there")?;
            check(phone.client().account().await?.is_none(), "somebody is logged in already")?;
            Ok((phone, "two files, nobody logged in".to_owned()))
        })
        .await?;
    journey.plain("log in once", log_in(&phone)).await?;
    journey.plain("sync the registry of Shandong", sync(&phone, &region("cn-sd"))).await?;

    let cities: Vec<RegionId> = world.tree().children(&region("cn-sd")).map(|city| city.id.clone()).collect();
    for city in &cities {
        let name = format!("visit {city}");
        journey.plain(&name, visit(&world, &phone, city, &opened)).await?;
        journey.cities += 1;
    }
    journey.plain("open the service of a circle", circle(&world, &phone, &opened)).await?;
    journey.plain("open the service of the province", province(&world, &phone, &opened)).await?;
    journey.plain("find a service by what one types", find(&phone)).await?;
    journey.plain("travel to Ha Noi", ha_noi(&world, &phone, &opened)).await?;
    journey.cities += 1;

    let pass = journey.step("get a transit pass", get_pass(&world, &phone)).await?;
    let mut gate = gate(&world, world.now() - 3600)?;
    let code = journey.step("show a code at a gate with no network", show_code(&phone, &pass, &mut gate)).await?;
    journey.plain("the gate refuses what it should", refusals(&world, &phone, &pass, &code, &mut gate)).await?;

    journey
        .plain("stop the server", async {
            server.stop().await;
            let refused = phone.client().sync(&region("cn-sd/jinan")).await;
            check(refused.is_err_and(|error| error.may_retry()), "the server still answers")?;
            Ok("nothing listens any more; a sync says so and may be tried again".to_owned())
        })
        .await?;
    let phone = journey
        .step("end the app and start it again", async {
            let phone = phone.restart().await?;
            check(phone.client().account().await?.is_some(), "the session is gone")?;
            Ok((phone, "same files, still logged in, no network".to_owned()))
        })
        .await?;
    journey.plain("home and services with no network", offline(&world, &phone, &cities)).await?;
    journey.plain("a fresh code with no network", offline_code(&phone, &pass, &mut gate)).await?;
    let taken = world.submissions_taken();
    let filed = journey.step("file a report with no network", file_report(&phone)).await?;
    let server = journey
        .step("start the server again", async {
            check(world.submissions_taken() == taken, "the report arrived without a network")?;
            let server = Server::restart(Arc::clone(&world), address)?;
            Ok((server, format!("same port {}", address.port())))
        })
        .await?;
    journey.plain("the report is delivered exactly once", delivered(&world, &phone, &filed, taken)).await?;
    server.stop().await;
    let (steps, cities, services) = (journey.steps, journey.cities, opened.into_inner());
    Ok(Summary { steps, cities, services, ms: milliseconds(journey.started.elapsed()) })
}

/// Characters, pinyin, initials, and Vietnamese without its marks.
async fn find(phone: &Phone) -> Result<String, Off> {
    let jinan = region("cn-sd/jinan");
    for (typed, app_id) in
        [("乘车", "transit-pass"), ("chengche", "transit-pass"), ("wtsb", "report"), ("phan anh", "report")]
    {
        let found = phone.client().search(typed, &jinan).await?;
        let first = found.first().map(|card| card.id.to_string()).unwrap_or_default();
        check(first == format!("cn-sd/jinan/{app_id}"), format!("{typed} finds {first}"))?;
    }
    let why = phone
        .client()
        .why_not(&ServiceId { unit: region("vn-hn").into(), app_id: "report".to_owned() }, &jinan)
        .await?;
    check(why.is_some(), "a service of another province opens here")?;
    let plan = phone.client().travel_plan(&region("cn-sd/qingdao")).await?;
    check(plan.services.iter().all(|service| service.bytes > 0), "a service without a size")?;
    Ok(format!(
        "乘车, chengche, wtsb, phan anh find it; {} services of Qingdao can be taken along",
        plan.services.len()
    ))
}

async fn start(options: WorldOptions) -> Result<(Server, String), Off> {
    let server = Server::start(options).await?;
    let world = server.world();
    let count = |nation: &RegionId| world.tree().iter().filter(|region| nation.covers(&region.id)).count();
    let mut counts = Vec::new();
    for nation in regions::nations() {
        check(count(&nation) >= 3_300, format!("{nation} has only {} regions", count(&nation)))?;
        counts.push(format!("{} regions of {nation}", count(&nation)));
    }
    let (repositories, packages) = world.registry(|registry| (registry.len(), registry.packages()));
    Ok((server, format!("{}, {repositories} signed repositories, {packages} packages", counts.join(", "))))
}

async fn log_in(phone: &Phone) -> Outcome {
    let providers = phone.client().providers().await?;
    let account = phone.log_in("shandong", "lan").await?;
    check(!account.lapsed && !account.name.is_empty(), "the session does not hold")?;
    Ok(format!("{} of {} providers, ID token verified, tokens bound to this phone", account.provider, providers.len()))
}

async fn sync(phone: &Phone, region: &RegionId) -> Outcome {
    let report = phone.client().sync(region).await?;
    check(report.broken.is_empty(), format!("{:?}", report.broken))?;
    let below = phone.client().regions(region).await?;
    let unchanged = phone.client().sync(region).await?;
    check(!unchanged.changed, "a second sync found changes")?;
    Ok(format!("{} regions below it, signatures verified, a second sync finds nothing new", below.len()))
}

/// Syncs a city and opens a service that its own role signed.
async fn visit(world: &Arc<World>, phone: &Phone, city: &RegionId, opened: &AtomicUsize) -> Outcome {
    let report = phone.client().sync(city).await?;
    check(report.broken.is_empty(), format!("{:?}", report.broken))?;
    let home = phone.client().home(city).await?;
    check(home.freshness == Freshness::Fresh, "the home screen is not fresh")?;
    check(home.account.is_some(), "the login did not travel along")?;
    let unit = UnitId::from(city.clone());
    let seen = open(world, phone, city, &unit, "report", opened).await?;
    Ok(format!("{}: {} services, {seen}", home.region.name, home.services.len()))
}

/// Opens a service, compares every file with what was published, and asks its back end whose it is.
async fn open(
    world: &Arc<World>,
    phone: &Phone,
    region: &RegionId,
    unit: &UnitId,
    app_id: &str,
    opened: &AtomicUsize,
) -> Outcome {
    let service = ServiceId { unit: unit.clone(), app_id: app_id.to_owned() };
    let session = phone.client().open_service(&service, region).await?;
    let files = compare_files(world, phone, &session).await?;
    let config = phone.client().resource(&session, "common/config.json").await?;
    let config: Value = serde_json::from_slice(&config.body)?;
    let backend = config["backend"].as_str().unwrap_or_default();
    let call = json!({ "method": "request", "params": { "method": "GET", "url": backend } });
    let answer: Value = serde_json::from_str(&phone.client().bridge(&session, &call.to_string()).await?)?;
    let named = &answer["result"]["body"]["city"];
    check(named["id"] == json!(unit), format!("the back end says that it is {named}"))?;
    let name = world.tree().unit_name(unit, &["zh".to_owned(), "vi".to_owned()]);
    let says = [&named["name"]["zh"], &named["name"]["vi"]].contains(&&json!(name));
    check(says, format!("the back end does not call itself {name}"))?;
    opened.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{app_id} signed by {}, {files} files as published, back end answers as {name}", unit.role()))
}

async fn compare_files(world: &Arc<World>, phone: &Phone, session: &Arc<ServiceSession>) -> Result<usize, Off> {
    let ServiceId { unit, app_id } = session.service();
    let published = world.registry(|registry| registry.published(unit, app_id).cloned());
    let published = published.ok_or_else(|| Off(format!("{unit} never published {app_id}")))?;
    check(session.sha256() == published.sha256, "another package than the one that was published")?;
    let paths = session.paths();
    check(paths.len() == published.files.len(), "another number of files than was published")?;
    for path in &paths {
        let resource = phone.client().resource(session, path).await?;
        let hash = digest(&SHA256, &resource.body);
        let same = published.files.get(path).is_some_and(|published| hash.as_ref() == published);
        check(resource.status == 200 && same, format!("{path} is not the file that was published"))?;
    }
    Ok(paths.len())
}

async fn circle(world: &Arc<World>, phone: &Phone, opened: &AtomicUsize) -> Outcome {
    let unit: UnitId = "cn-sd/~jiaodong".parse()?;
    let seen = open(world, phone, &region("cn-sd/qingdao"), &unit, "coast", opened).await?;
    let service = ServiceId { unit, app_id: "coast".to_owned() };
    let outside = phone.client().open_service(&service, &region("cn-sd/jinan")).await;
    check(outside.is_err(), "a city outside the circle opens it too")?;
    Ok(format!("{seen}; refused in Jinan, which is not of the circle"))
}

async fn province(world: &Arc<World>, phone: &Phone, opened: &AtomicUsize) -> Outcome {
    let district = region("cn-sd/jinan/lixia");
    open(world, phone, &district, &region("cn-sd").into(), "hotline", opened).await
}

async fn ha_noi(world: &Arc<World>, phone: &Phone, opened: &AtomicUsize) -> Outcome {
    let place = region("vn-hn");
    let report = visit(world, phone, &place, opened).await?;
    open(world, phone, &place, &place.clone().into(), "transit-pass", opened).await?;
    Ok(format!("no new login; {report}"))
}

async fn get_pass(world: &Arc<World>, phone: &Phone) -> Result<(String, String), Off> {
    let jinan = region("cn-sd/jinan");
    let service = ServiceId { unit: jinan.clone().into(), app_id: "transit-pass".to_owned() };
    let session = phone.client().open_service(&service, &jinan).await?;
    let call = json!({ "method": "passes_add", "params": { "pass_type": "transit" } }).to_string();
    let answer: Value = serde_json::from_str(&phone.client().bridge(&session, &call).await?)?;
    let id = answer["result"]["id"].as_str().ok_or_else(|| Off(format!("the page was told {}", answer["error"])))?;
    let passes = phone.client().passes(&PassSituation::default()).await?;
    let pass = passes.iter().find(|pass| pass.id == id).ok_or_else(|| Off("the pass was not kept".to_owned()))?;
    check(pass.expires > world.now(), "it has expired")?;
    let checked = format!("{} by {}, issued to a key of this phone's own, kept sealed", pass.title, pass.issuer);
    Ok((id.to_owned(), checked))
}

/// A turnstile of Shandong: it has the trust list and the list of revoked passes, and no network.
fn gate(world: &World, started: UnixTime) -> Result<Gate, Failed> {
    let failed = |why: String| Failed { step: "a gate".to_owned(), why };
    let shandong = region("cn-sd");
    let list = world.trust_list(&shandong).ok_or_else(|| failed("there is no trust list".to_owned()))?;
    let policy =
        GatePolicy { scope: Some(37), number: 1, ..GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 24 }) };
    let mut gate = Gate::new(list, policy, started);
    for status in world.status_lists(&shandong) {
        let token = StatusListToken::parse(&status).map_err(|error| failed(error.to_string()))?;
        gate.set_status_list(token, world.now()).map_err(|error| failed(error.to_string()))?;
    }
    Ok(gate)
}

fn accepted(decision: &Decision) -> Result<(), Off> {
    match decision {
        Decision::Accepted(_) => Ok(()),
        Decision::AlreadyAccepted(_) => Err(Off("the gate has seen this code already".to_owned())),
        Decision::Refused(refusal) => Err(Off(format!("the gate refuses: {refusal}"))),
    }
}

async fn show_code(phone: &Phone, pass: &str, gate: &mut Gate) -> Result<(String, String), Off> {
    let code = phone.client().code(pass, Audience::ANY).await?;
    let text = read(&png(&code.picture, 4)?)?;
    check(text == code.text, "the picture reads as another code")?;
    check(!code.time_unverified, "the phone's time is not verified")?;
    accepted(&gate.check(&text, code.issued))?;
    let version = (code.picture.width - 17) / 4;
    Ok((text, format!("{} characters, QR version {version}, read back from the picture, gate opens", code.text.len())))
}

async fn refusals(world: &World, phone: &Phone, pass: &str, used: &str, gate: &mut Gate) -> Outcome {
    let expect = |decision: Decision, name: &str| match decision {
        Decision::Refused(refusal) if refusal.name() == name => Ok(()),
        other => Err(Off(format!("{name} was expected, not {other:?}"))),
    };
    let code = phone.client().code(pass, Audience::ANY).await?;
    expect(gate.check(used, code.issued + 4), "replayed")?;
    let altered: String = altered(&code.text);
    match gate.check(&altered, code.issued + 4) {
        Decision::Refused(_) => {}
        other => return Err(Off(format!("an altered code: {other:?}"))),
    }
    let stranger = sample::World::new()?.code_at(code.issued)?;
    expect(gate.check(&stranger, code.issued + 4), "unknown_issuer")?;
    let mut elsewhere = self::gate(world, code.issued - 3600).map_err(|failed| Off(failed.why))?;
    expect(elsewhere.check(&code.text, code.issued + 91), "stale")?;
    Ok("replayed, altered, a stranger's, 91 seconds old: each by its name".to_owned())
}

/// The code with one character changed, so that it is still Base45.
fn altered(code: &str) -> String {
    let at = code.len() - 20;
    let other = if &code[at..=at] == "0" { "1" } else { "0" };
    format!("{}{other}{}", &code[..at], &code[at + 1..])
}

async fn offline(world: &Arc<World>, phone: &Phone, cities: &[RegionId]) -> Outcome {
    // The first attempt finds out that there is no network.
    check(phone.client().sync(&region("cn-sd")).await.is_err(), "the server still answers")?;
    let mut files = 0;
    for city in cities {
        let home = phone.client().home(city).await?;
        check(matches!(home.freshness, Freshness::Offline { .. }), "the home screen does not say that it is offline")?;
        let service = ServiceId { unit: city.clone().into(), app_id: "report".to_owned() };
        let session = phone.client().open_service(&service, city).await?;
        files += compare_files(world, phone, &session).await?;
    }
    Ok(format!("{} home screens say that they are offline, {files} files of opened services served", cities.len()))
}

async fn offline_code(phone: &Phone, pass: &str, gate: &mut Gate) -> Outcome {
    let code = phone.client().code(pass, Audience::ANY).await?;
    accepted(&gate.check(&read(&png(&code.picture, 4)?)?, code.issued))?;
    Ok("signed, drawn, read back, gate opens".to_owned())
}

async fn file_report(phone: &Phone) -> Result<(String, String), Off> {
    let city = region("cn-sd/qingdao");
    let service = ServiceId { unit: city.clone().into(), app_id: "report".to_owned() };
    let session = phone.client().open_service(&service, &city).await?;
    let config: Value = serde_json::from_slice(&phone.client().resource(&session, "common/config.json").await?.body)?;
    let url = format!("{}/reports", config["backend"].as_str().unwrap_or_default());
    let params = json!({ "url": url, "title": "路灯不亮", "body": { "category": "lamp", "text": "海边的路灯不亮" } });
    let call = json!({ "method": "submit", "params": params }).to_string();
    let answer: Value = serde_json::from_str(&phone.client().bridge(&session, &call).await?)?;
    let id = answer["result"]["id"].as_str().ok_or_else(|| Off(format!("the page was told {}", answer["error"])))?;
    phone.client().deliver().await?;
    check(waits(phone, id).await?, "it does not wait")?;
    Ok((id.to_owned(), "sealed on disk; the resident sees that it waits".to_owned()))
}

async fn waits(phone: &Phone, id: &str) -> Result<bool, Off> {
    let all = phone.client().submissions().await?;
    let found = all.iter().find(|submission| submission.id == id);
    Ok(found.is_some_and(|submission| matches!(submission.state, SubmissionState::Waiting { .. })))
}

async fn delivered(world: &Arc<World>, phone: &Phone, id: &str, before: usize) -> Outcome {
    // The hardest case: the city takes it, and its answer gets lost.
    world.faults.begin(Fault::LoseReply);
    phone.client().deliver().await?;
    check(waits(phone, id).await?, "the lost answer was taken for a delivery")?;
    phone.client().deliver().await?;
    phone.client().deliver().await?;
    let all = phone.client().submissions().await?;
    let found = all.iter().find(|submission| submission.id == id);
    let receipt = match found.map(|submission| &submission.state) {
        Some(SubmissionState::Delivered { receipt, .. }) => receipt.clone(),
        other => return Err(Off(format!("it is {other:?}"))),
    };
    let taken = world.submissions_taken() - before;
    check(taken == 1, format!("the city has it {taken} times"))?;
    let name = receipt["city"]["name"]["zh"].as_str().unwrap_or_default().to_owned();
    Ok(format!(
        "{name} has it once, though its first answer was lost; receipt {}",
        receipt["id"].as_str().unwrap_or("")
    ))
}
