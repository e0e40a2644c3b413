//! The whole story, step by step, as a resident lives it: one phone, every city, a gate. Everything is done by what is written
//! on the phone's screens. Each step says what was checked; the first that does not hold ends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use onecity_app::{Act, Event, Kind, Tab};
use onecity_core::ServiceId;
use onecity_protocol::credential::{Decision, Gate, GatePolicy, StatusListToken, UnixTime, WithoutStatus, sample};
use onecity_protocol::region::{RegionId, UnitId};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Value, json};

use crate::content::regions;
use crate::faults::Preset;
use crate::phone::Resident;
use crate::server::Server;
use crate::world::{World, WorldOptions};

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

/// A resident on the way, and the world they are in.
struct Traveller {
    world: Arc<World>,
    me: Resident,
    /// How many services were opened.
    opened: usize,
}

/// Takes somebody with a new phone through the whole story, reporting each step as it holds.
pub async fn run(options: WorldOptions, report: &mut dyn FnMut(&Step)) -> Result<Summary, Failed> {
    let mut journey = Journey { report, steps: 0, cities: 0, started: Instant::now() };
    let server = journey.step("start the world", start(options)).await?;
    let (world, address) = (server.world(), server.address());
    let mut lan = journey.step("a new phone", begin(&world)).await?;
    journey.plain("log in once", lan.log_in()).await?;

    let cities: Vec<RegionId> = world.tree().children(&region("cn-sd")).map(|city| city.id.clone()).collect();
    for city in &cities {
        journey.plain(&format!("visit {city}"), lan.visit(city)).await?;
        journey.cities += 1;
    }
    journey.plain("open the service of a circle", lan.circle()).await?;
    journey.plain("open the service of the province", lan.province()).await?;
    journey.plain("find a service by what one types", lan.find()).await?;
    journey.plain("travel to Ha Noi", lan.ha_noi()).await?;
    journey.cities += 1;

    journey.plain("get a transit pass", lan.get_pass()).await?;
    let mut gate = gate(&world, world.now() - 3600)?;
    let code = journey.step("show a code at a gate with no network", lan.show_code(&mut gate)).await?;
    journey.plain("the gate refuses what it should", async { refusals(&world, &code, &mut gate) }).await?;

    journey
        .plain("stop the server", async {
            server.stop().await;
            lan.me.goes_online().await;
            lan.me.goes_to(Tab::Home).await;
            lan.me.sees("没有网络").await?;
            Ok("nothing listens any more; home says since when, and goes on with what it has".to_owned())
        })
        .await?;
    let mut lan = journey
        .step("end the app and start it again", async {
            let Traveller { world, me, opened } = lan;
            let mut me = me.restarts().await;
            me.sees("搜索服务和地方").await?;
            me.goes_to(Tab::Me).await;
            me.sees("Persona Lan").await?;
            Ok((Traveller { world, me, opened }, "same files, still logged in, no network".to_owned()))
        })
        .await?;
    journey.plain("home and services with no network", lan.offline(&cities)).await?;
    journey.plain("a fresh code with no network", lan.offline_code(&mut gate)).await?;
    let taken = world.submissions_taken();
    journey.plain("file a report with no network", lan.file_report()).await?;
    let server = journey
        .step("start the server again", async {
            check(world.submissions_taken() == taken, "the report arrived without a network")?;
            let server = Server::restart(Arc::clone(&world), address)?;
            Ok((server, format!("same port {}", address.port())))
        })
        .await?;
    journey.plain("the report is delivered exactly once", lan.delivered(taken)).await?;
    server.stop().await;
    let (steps, cities, services) = (journey.steps, journey.cities, lan.opened);
    Ok(Summary { steps, cities, services, ms: milliseconds(journey.started.elapsed()) })
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

/// The first start: what happens to data is said before anything is asked of any server, and then a home city is chosen.
async fn begin(world: &Arc<World>) -> Result<(Traveller, String), Off> {
    let mut me = Resident::new(world, &["zh-Hans-CN"])?;
    me.sees("您的数据").await?;
    let files = ["catalogue.sqlite", "vault.sqlite"].iter().all(|file| me.phone().folder().join(file).exists());
    check(files, "the two files are not there")?;
    me.tap("同意并继续").await?;
    me.tap("山东省").await?;
    me.tap("济南市").await?;
    me.sees("问题上报").await?;
    check(!me.reads().contains("没有网络"), "home says that there is no network")?;
    Ok((
        Traveller { world: Arc::clone(world), me, opened: 0 },
        "privacy first, a home city, nobody logged in".to_owned(),
    ))
}

impl Traveller {
    async fn log_in(&mut self) -> Outcome {
        let Self { me, .. } = self;
        me.is(Some("lan"));
        me.goes_to(Tab::Me).await;
        me.tap("登录").await?;
        me.tap("山东").await?;
        me.sees("已登录：Persona Lan").await?;
        let browsed = me.did().iter().filter(|act| matches!(act, Act::Browse { .. })).count();
        check(browsed == 1, format!("the browser was opened {browsed} times"))?;
        Ok("in the browser, at the province's provider; tokens bound to this phone".to_owned())
    }

    /// Goes home, and from there to another city.
    async fn goes_to(&mut self, steps: &[&str]) -> Result<(), Off> {
        self.me.goes_to(Tab::Home).await;
        self.me.tap("切换城市").await?;
        for step in steps {
            self.me.tap(step).await?;
        }
        Ok(())
    }

    fn name_of(&self, region: &RegionId) -> String {
        self.world.tree().unit_name(&region.clone().into(), &["zh".to_owned(), "vi".to_owned()])
    }

    /// Goes to a city and opens a service that its own role signed.
    async fn visit(&mut self, city: &RegionId) -> Outcome {
        let name = self.name_of(city);
        self.goes_to(&[&name]).await?;
        let here = name.clone();
        self.me.sees_that(&here, |screen| screen.head.title == here).await?;
        self.me.sees("问题上报").await?;
        check(!self.me.reads().contains("没有网络"), "the home screen is not fresh")?;
        let seen = self.open(city, &city.clone().into(), "report").await?;
        Ok(format!("{name}: {seen}"))
    }

    /// Opens a service that the home screen shows, compares every file with what was published, asks its back end whose it is, and goes
    /// back.
    async fn open(&mut self, place: &RegionId, unit: &UnitId, app_id: &str) -> Outcome {
        self.me.taps_key(&format!("all/{}", ServiceId { unit: unit.clone(), app_id: app_id.to_owned() })).await?;
        self.me.sees("出示卡码").await?;
        let files = self.compare_files(unit, app_id).await?;
        let info: Value = serde_json::from_str(&self.me.page_calls(r#"{"method":"info","params":{}}"#).await?)?;
        let (region, account) = (&info["result"]["region"], &info["result"]["account"]);
        check(*region == json!(place), format!("it was opened in {region}"))?;
        check(*account == json!("person"), "the login did not travel along")?;
        let backend = self.backend().await?;
        let call = json!({ "method": "request", "params": { "method": "GET", "url": backend } });
        let answer: Value = serde_json::from_str(&self.me.page_calls(&call.to_string()).await?)?;
        let named = &answer["result"]["body"]["city"];
        check(named["id"] == json!(unit), format!("the back end says that it is {named}"))?;
        let name = self.world.tree().unit_name(unit, &["zh".to_owned(), "vi".to_owned()]);
        let says = [&named["name"]["zh"], &named["name"]["vi"]].contains(&&json!(name));
        check(says, format!("the back end does not call itself {name}"))?;
        self.opened += 1;
        self.me.back().await;
        Ok(format!("{app_id} signed by {}, {files} files as published, back end answers as {name}", unit.role()))
    }

    /// A file of the service that is open.
    async fn file(&self, path: &str) -> Result<Vec<u8>, Off> {
        let resource = self.me.phone().app().resource(&self.me.entry(), path.into()).await?;
        check(resource.status == 200, format!("{path}: {}", resource.status))?;
        Ok(resource.body)
    }

    /// Where the back end of the service that is open is.
    async fn backend(&self) -> Result<String, Off> {
        let config: Value = serde_json::from_slice(&self.file("common/config.json").await?)?;
        Ok(config["backend"].as_str().unwrap_or_default().to_owned())
    }

    async fn compare_files(&self, unit: &UnitId, app_id: &str) -> Result<usize, Off> {
        let published = self.world.registry(|registry| registry.published(unit, app_id).cloned());
        let published = published.ok_or_else(|| Off(format!("{unit} never published {app_id}")))?;
        for (path, hash) in &published.files {
            let same = digest(&SHA256, &self.file(path).await?).as_ref() == hash;
            check(same, format!("{path} is not the file that was published"))?;
        }
        Ok(published.files.len())
    }

    async fn circle(&mut self) -> Outcome {
        let (qingdao, unit) = (region("cn-sd/qingdao"), "cn-sd/~jiaodong".parse::<UnitId>()?);
        self.goes_to(&["青岛市"]).await?;
        let seen = self.open(&qingdao, &unit, "coast").await?;
        self.goes_to(&["济南市"]).await?;
        self.me.sees("预约办事").await?;
        check(!self.me.reads().contains("海水浴场"), "a city outside the circle shows it too")?;
        Ok(format!("{seen}; not offered in Jinan, which is not of the circle"))
    }

    async fn province(&mut self) -> Outcome {
        let district = region("cn-sd/jinan/lixia");
        self.me.goes_to(Tab::Home).await;
        self.me.tap("切换城市").await?;
        self.me.types("查找城市或区县", "lixia").await?;
        self.me.tap("历下区").await?;
        self.open(&district, &region("cn-sd").into(), "hotline").await
    }

    /// Characters, pinyin, initials, and Vietnamese without its marks.
    async fn find(&mut self) -> Outcome {
        self.goes_to(&["济南市"]).await?;
        for (typed, found) in
            [("乘车", "乘车码"), ("chengche", "乘车码"), ("wtsb", "问题上报"), ("phan anh", "问题上报")]
        {
            self.me.goes_to(Tab::Home).await;
            self.me.tap("搜索服务和地方").await?;
            self.me.types("搜索", typed).await?;
            let first = |screen: &onecity_app::Screen| {
                let rows = screen.blocks.iter().filter(|block| block.of.is_some());
                let labels = rows.filter_map(|block| match &block.kind {
                    Kind::Row { title, .. } | Kind::Tile { label: title, .. } => Some(title.as_str()),
                    _ => None,
                });
                labels.take(1).eq([found])
            };
            self.me.sees_that(&format!("{found} first for {typed}"), first).await?;
        }
        self.me.goes_to(Tab::Home).await;
        Ok("乘车, chengche, wtsb, phan anh find it first".to_owned())
    }

    async fn ha_noi(&mut self) -> Outcome {
        self.goes_to(&["Viet Nam", "Ha Noi", "全部"]).await?;
        self.me.sees("济南市有的").await?;
        let place = region("vn-hn");
        self.me.tap("济南市有的").await?;
        self.me.sees("没有相近的服务").await?;
        self.me.tap("下载（").await?;
        self.me.sees("都已在手机里，没有网络也能打开").await?;
        self.me.back().await;
        let report = self.open(&place, &place.clone().into(), "report").await?;
        self.open(&place, &place.clone().into(), "transit-pass").await?;
        Ok(format!("no new login; what is missing there and what comes nearest; its services taken along; {report}"))
    }

    async fn get_pass(&mut self) -> Outcome {
        self.goes_to(&["中华人民共和国", "山东省", "济南市"]).await?;
        self.me.sees("预约办事").await?;
        self.me.goes_to(Tab::Passes).await;
        self.me.tap("领取新卡").await?;
        self.me.tap("公共交通乘车码").await?;
        self.me.tap("Persona Lan").await?;
        self.me.sees("已领取").await?;
        self.me.sees("请将二维码对准闸机").await?;
        self.me.back().await;
        Ok("公共交通乘车码, for oneself, issued to a key of this phone's own, kept sealed".to_owned())
    }

    async fn show_code(&mut self, gate: &mut Gate) -> Result<(String, String), Off> {
        self.me.goes_offline().await;
        let text = self.code().await?;
        accepted(&gate.check(&text, self.world.now()))?;
        Ok((text.clone(), format!("{} characters, read back from the picture, gate opens", text.len())))
    }

    /// What the code of the pass says on the screen.
    async fn code(&mut self) -> Result<String, Off> {
        self.me.goes_to(Tab::Passes).await;
        self.me.tap("公共交通乘车码").await?;
        let text = self.me.holds_the_code_to_a_gate().await?;
        check(!self.me.reads().contains("手机时间可能不准"), "the phone's time is not verified")?;
        self.me.back().await;
        Ok(text)
    }

    async fn offline(&mut self, cities: &[RegionId]) -> Outcome {
        let mut files = 0;
        for city in cities {
            let name = self.name_of(city);
            self.goes_to(&[&name]).await?;
            let here = name.clone();
            self.me.sees_that(&here, |screen| screen.head.title == here).await?;
            self.me.sees("没有网络").await?;
            self.me.taps_key(&format!("all/{city}/report")).await?;
            self.me.sees("出示卡码").await?;
            files += self.compare_files(&city.clone().into(), "report").await?;
            self.me.back().await;
        }
        Ok(format!("{} home screens say that they are offline, {files} files of opened services served", cities.len()))
    }

    async fn offline_code(&mut self, gate: &mut Gate) -> Outcome {
        let text = self.code().await?;
        accepted(&gate.check(&text, self.world.now()))?;
        Ok("signed, drawn, read back, gate opens".to_owned())
    }

    async fn file_report(&mut self) -> Outcome {
        self.goes_to(&["青岛市"]).await?;
        self.me.taps_key("all/cn-sd/qingdao/report").await?;
        self.me.sees("出示卡码").await?;
        let url = format!("{}/reports", self.backend().await?);
        let body = json!({ "category": "lamp", "text": "海边的路灯不亮" });
        let call = json!({ "method": "submit", "params": { "url": url, "title": "路灯不亮", "body": body } });
        let answer: Value = serde_json::from_str(&self.me.page_calls(&call.to_string()).await?)?;
        check(answer["result"]["id"].is_string(), format!("the page was told {}", answer["error"]))?;
        self.me.back().await;
        self.me.sees("1 项已保存，有网络后自动发送").await?;
        Ok("sealed on disk; home says that it waits".to_owned())
    }

    async fn delivered(&mut self, before: usize) -> Outcome {
        // The hardest case: the city takes it, and its answer gets lost.
        self.world.faults.begin(Preset::LoseReply);
        let Self { me, world, .. } = self;
        me.goes_offline().await;
        me.goes_online().await;
        // The phone comes out of a pocket again and again.
        let mut times = 0;
        while me.reads().contains("项已保存") || world.submissions_taken() == before {
            times += 1;
            check(times < 50, "it still waits")?;
            me.send(Event::Shown).await;
            let mut happened = me.phone().happened();
            let _ = tokio::time::timeout(Duration::from_secs(1), happened.changed()).await;
        }
        let taken = world.submissions_taken() - before;
        check(taken == 1, format!("the city has it {taken} times"))?;
        self.goes_to(&["青岛市"]).await?;
        self.me.taps_key("all/cn-sd/qingdao/report").await?;
        let list = r#"{"method":"submissions_list","params":{}}"#;
        let list: Value = serde_json::from_str(&self.me.page_calls(list).await?)?;
        let own = list["result"].as_array().and_then(|all| all.first()).cloned().unwrap_or_default();
        check(own["state"] == json!("delivered"), format!("it is {own}"))?;
        let receipt = &own["receipt"];
        let name = receipt["city"]["name"]["zh"].as_str().unwrap_or_default();
        let id = receipt["id"].as_str().unwrap_or_default();
        Ok(format!("{name} has it once, though its first answer was lost; receipt {id}"))
    }
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

fn refusals(world: &World, used: &str, gate: &mut Gate) -> Outcome {
    let expect = |decision: Decision, name: &str| match decision {
        Decision::Refused(refusal) if refusal.name() == name => Ok(()),
        other => Err(Off(format!("{name} was expected, not {other:?}"))),
    };
    let now = world.now();
    expect(gate.check(used, now + 4), "replayed")?;
    match gate.check(&altered(used), now + 4) {
        Decision::Refused(_) => {}
        other => return Err(Off(format!("an altered code: {other:?}"))),
    }
    let stranger = sample::World::new()?.code_at(now)?;
    expect(gate.check(&stranger, now + 4), "unknown_issuer")?;
    let mut elsewhere = self::gate(world, now - 3600).map_err(|failed| Off(failed.why))?;
    expect(elsewhere.check(used, now + 91), "stale")?;
    Ok("replayed, altered, a stranger's, 91 seconds old: each by its name".to_owned())
}

/// The code with one character changed, so that it is still Base45.
fn altered(code: &str) -> String {
    let at = code.len() - 20;
    let other = if &code[at..=at] == "0" { "1" } else { "0" };
    format!("{}{other}{}", &code[..at], &code[at + 1..])
}
