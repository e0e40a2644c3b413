//! What a resident does on the way, by what is written on the phone's screens.

use std::sync::{Arc, Mutex, PoisonError};

use onecity_app::{Act, Kind, Tab};
use onecity_core::ServiceId;
use onecity_protocol::credential::{Decision, Gate};
use onecity_protocol::region::{RegionId, UnitId};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::gate::accepted;
use super::person::{LOOKS, Person};
use super::{Off, Outcome, check, region};
use crate::faults::{Instead, Rule, What};
use crate::meant::Where;
use crate::phone::PhoneError;
use crate::world::World;

/// A resident on the way.
pub(super) struct Traveller {
    who: Person,
    /// How many services were opened.
    pub opened: usize,
    /// The code that was shown last.
    pub code: String,
}

impl Traveller {
    /// Somebody with a new phone.
    pub(super) fn new(world: &Arc<World>, number: usize) -> Result<Self, PhoneError> {
        let name = format!("traveller-{number}");
        Ok(Self { who: Person::new(world, &name)?, opened: 0, code: String::new() })
    }

    /// The first start: what happens to data is said before anything is asked of any server, and then a home city is chosen.
    pub(super) async fn begin(&mut self) -> Outcome {
        let Person { me, .. } = &mut self.who;
        me.sees("您的数据").await?;
        let files = ["catalogue.sqlite", "vault.sqlite"].iter().all(|file| me.phone().folder().join(file).exists());
        check(files, "the two files are not there")?;
        me.tap("同意并继续").await?;
        me.tap("山东省").await?;
        me.tap("济南市").await?;
        me.sees("问题上报").await?;
        check(!me.reads().contains("没有网络"), "home says that there is no network")?;
        Ok("privacy first, a home city, nobody logged in".to_owned())
    }

    /// The network is gone, and home says so.
    pub(super) async fn loses_the_network(&mut self) -> Outcome {
        self.who.me.goes_online().await;
        self.who.me.goes_to(Tab::Home).await;
        self.who.me.sees("没有网络").await?;
        Ok("nothing listens any more; home says since when, and goes on with what it has".to_owned())
    }

    /// The app's process ends, and begins again.
    pub(super) async fn restarts(&mut self) -> Outcome {
        self.who.me.restarts().await;
        self.who.me.sees("搜索服务和地方").await?;
        self.who.me.goes_to(Tab::Me).await;
        self.who.me.sees("Persona Lan").await?;
        Ok("same files, still logged in, no network".to_owned())
    }

    pub(super) async fn log_in(&mut self) -> Outcome {
        let Person { me, .. } = &mut self.who;
        me.is(Some("lan"));
        me.goes_to(Tab::Me).await;
        me.tap("登录").await?;
        me.tap("山东").await?;
        me.sees("已登录：Persona Lan").await?;
        let browsed = me.did().iter().filter(|act| matches!(act, Act::Browse { .. })).count();
        check(browsed == 1, format!("the browser was opened {browsed} times"))?;
        Ok("in the browser, at the province's provider; tokens bound to this phone".to_owned())
    }

    fn name_of(&self, region: &RegionId) -> String {
        self.who.world.tree().unit_name(&region.clone().into(), &["zh".to_owned(), "vi".to_owned()])
    }

    /// Goes to a city and opens a service that its own role signed.
    pub(super) async fn visit(&mut self, city: &RegionId) -> Outcome {
        let name = self.name_of(city);
        self.who.goes_to(&name, &[&name]).await?;
        self.who.me.sees("问题上报").await?;
        check(!self.who.me.reads().contains("没有网络"), "the home screen is not fresh")?;
        let seen = self.open(city, &city.clone().into(), "report").await?;
        Ok(format!("{name}: {seen}"))
    }

    /// Opens a service that the home screen shows, compares every file with what was published, asks its back end whose it is, and goes
    /// back.
    async fn open(&mut self, place: &RegionId, unit: &UnitId, app_id: &str) -> Outcome {
        self.who.me.taps_key(&format!("all/{}", ServiceId { unit: unit.clone(), app_id: app_id.to_owned() })).await?;
        self.who.me.sees("出示卡码").await?;
        let files = self.compare_files(unit, app_id).await?;
        let info: Value = serde_json::from_str(&self.who.me.page_calls(r#"{"method":"info","params":{}}"#).await?)?;
        let (region, account) = (&info["result"]["region"], &info["result"]["account"]);
        check(*region == json!(place), format!("it was opened in {region}"))?;
        check(*account == json!("person"), "the login did not travel along")?;
        let backend = self.who.backend().await?;
        let call = json!({ "method": "request", "params": { "method": "GET", "url": backend } });
        let answer: Value = serde_json::from_str(&self.who.me.page_calls(&call.to_string()).await?)?;
        let named = &answer["result"]["body"]["city"];
        check(named["id"] == json!(unit), format!("the back end says that it is {named}"))?;
        let name = self.who.world.tree().unit_name(unit, &["zh".to_owned(), "vi".to_owned()]);
        let says = [&named["name"]["zh"], &named["name"]["vi"]].contains(&&json!(name));
        check(says, format!("the back end does not call itself {name}"))?;
        self.opened += 1;
        self.who.me.back().await;
        Ok(format!("{app_id} signed by {}, {files} files as published, back end answers as {name}", unit.role()))
    }

    async fn compare_files(&self, unit: &UnitId, app_id: &str) -> Result<usize, Off> {
        let published = self.who.world.registry(|registry| registry.published(unit, app_id).cloned());
        let published = published.ok_or_else(|| Off(format!("{unit} never published {app_id}")))?;
        for (path, hash) in &published.files {
            let same = digest(&SHA256, &self.who.file(path).await?).as_ref() == hash;
            check(same, format!("{path} is not the file that was published"))?;
        }
        Ok(published.files.len())
    }

    pub(super) async fn circle(&mut self) -> Outcome {
        let (qingdao, unit) = (region("cn-sd/qingdao"), "cn-sd/~jiaodong".parse::<UnitId>()?);
        self.who.goes_to("青岛市", &["青岛市"]).await?;
        let seen = self.open(&qingdao, &unit, "coast").await?;
        self.who.goes_to("济南市", &["济南市"]).await?;
        self.who.me.sees("预约办事").await?;
        // Among what was used last it may stand everywhere.
        let coast = format!("all/{}", ServiceId { unit, app_id: "coast".to_owned() });
        let is_offered =
            self.who.me.screen().is_some_and(|screen| screen.blocks.iter().any(|block| block.key == coast));
        check(!is_offered, "a city outside the circle offers it too")?;
        Ok(format!("{seen}; not offered in Jinan, which is not of the circle"))
    }

    pub(super) async fn province(&mut self) -> Outcome {
        let district = region("cn-sd/jinan/lixia");
        self.who.me.goes_to(Tab::Home).await;
        self.who.me.tap("切换城市").await?;
        self.who.me.types("查找城市或区县", "lixia").await?;
        self.who.me.tap("历下区").await?;
        self.open(&district, &region("cn-sd").into(), "hotline").await
    }

    /// Characters, pinyin, initials, and Vietnamese without its marks.
    pub(super) async fn find(&mut self) -> Outcome {
        self.who.goes_to("济南市", &["济南市"]).await?;
        for (typed, found) in
            [("乘车", "乘车码"), ("chengche", "乘车码"), ("wtsb", "问题上报"), ("phan anh", "问题上报")]
        {
            self.who.me.goes_to(Tab::Home).await;
            self.who.me.tap("搜索服务和地方").await?;
            self.who.me.types("搜索", typed).await?;
            let first = |screen: &onecity_app::Screen| {
                let rows = screen.blocks.iter().filter(|block| block.of.is_some());
                let labels = rows.filter_map(|block| match &block.kind {
                    Kind::Row { title, .. } | Kind::Tile { label: title, .. } => Some(title.as_str()),
                    _ => None,
                });
                labels.take(1).eq([found])
            };
            self.who.me.sees_that(&format!("{found} first for {typed}"), first).await?;
        }
        self.who.me.goes_to(Tab::Home).await;
        Ok("乘车, chengche, wtsb, phan anh find it first".to_owned())
    }

    pub(super) async fn ha_noi(&mut self) -> Outcome {
        self.who.goes_to("Ha Noi", &["Viet Nam", "Ha Noi", "全部"]).await?;
        self.who.me.sees("济南市有的").await?;
        let place = region("vn-hn");
        self.who.me.tap("济南市有的").await?;
        self.who.me.sees("没有相近的服务").await?;
        self.who.me.tap("下载（").await?;
        self.who.me.sees("都已在手机里，没有网络也能打开").await?;
        self.who.me.back().await;
        let report = self.open(&place, &place.clone().into(), "report").await?;
        self.open(&place, &place.clone().into(), "transit-pass").await?;
        Ok(format!("no new login; what is missing there and what comes nearest; its services taken along; {report}"))
    }

    pub(super) async fn get_pass(&mut self) -> Outcome {
        self.who.goes_to("济南市", &["中华人民共和国", "山东省", "济南市"]).await?;
        self.who.me.sees("预约办事").await?;
        self.who.me.goes_to(Tab::Passes).await;
        self.who.me.tap("领取新卡").await?;
        self.who.me.tap("公共交通乘车码").await?;
        self.who.me.tap("Persona Lan").await?;
        self.who.me.sees("已领取").await?;
        self.who.me.sees("请将二维码对准闸机").await?;
        self.who.me.back().await;
        Ok("公共交通乘车码, for oneself, issued to a key of this phone's own, kept sealed".to_owned())
    }

    pub(super) async fn show_code(&mut self, gate: &Mutex<Gate>) -> Outcome {
        self.who.me.goes_offline().await;
        self.code = self.code().await?;
        accepted(&self.held_to(gate))?;
        Ok(format!("{} characters, read back from the picture, gate opens", self.code.len()))
    }

    fn held_to(&self, gate: &Mutex<Gate>) -> Decision {
        gate.lock().unwrap_or_else(PoisonError::into_inner).check(&self.code, self.who.world.now())
    }

    /// What the code of the pass says on the screen.
    async fn code(&mut self) -> Result<String, Off> {
        self.who.me.goes_to(Tab::Passes).await;
        self.who.me.tap("公共交通乘车码").await?;
        let text = self.who.me.holds_the_code_to_a_gate().await?;
        check(!self.who.me.reads().contains("手机时间可能不准"), "the phone's time is not verified")?;
        self.who.me.back().await;
        Ok(text)
    }

    pub(super) async fn offline(&mut self, cities: &[RegionId]) -> Outcome {
        let mut files = 0;
        for city in cities {
            let name = self.name_of(city);
            self.who.goes_to(&name, &[&name]).await?;
            self.who.me.sees("没有网络").await?;
            self.who.me.taps_key(&format!("all/{city}/report")).await?;
            self.who.me.sees("出示卡码").await?;
            files += self.compare_files(&city.clone().into(), "report").await?;
            self.who.me.back().await;
        }
        Ok(format!("{} home screens say that they are offline, {files} files of opened services served", cities.len()))
    }

    pub(super) async fn offline_code(&mut self, gate: &Mutex<Gate>) -> Outcome {
        self.code = self.code().await?;
        accepted(&self.held_to(gate))?;
        Ok("signed, drawn, read back, gate opens".to_owned())
    }

    pub(super) async fn file_report(&mut self) -> Outcome {
        self.who.goes_to("青岛市", &["青岛市"]).await?;
        self.who.me.taps_key("all/cn-sd/qingdao/report").await?;
        self.who.me.sees("出示卡码").await?;
        let url = format!("{}/reports", self.who.backend().await?);
        let body = json!({ "category": "lamp", "text": "海边的路灯不亮" });
        let call = json!({ "method": "submit", "params": { "url": url, "title": "路灯不亮", "body": body } });
        let answer: Value = serde_json::from_str(&self.who.me.page_calls(&call.to_string()).await?)?;
        check(answer["result"]["id"].is_string(), format!("the page was told {}", answer["error"]))?;
        self.who.me.back().await;
        self.who.me.sees("1 项已保存，有网络后自动发送").await?;
        Ok("sealed on disk; home says that it waits".to_owned())
    }

    /// The phone is online again, and comes out of a pocket again and again. The hardest case: the city takes the report, and its first
    /// answer gets lost.
    pub(super) async fn delivered(&mut self) -> Outcome {
        let on = Where { phone: Some(self.who.name.clone()), ..Where::path("/city/*/reports").methods(["POST"]) };
        let lost = What::LoseAnswer { instead: Instead::GatewayTimeout };
        self.who.world.faults.add(Rule { id: Some(self.who.name.clone()), ..Rule::new(lost).on(on).times(1) })?;
        self.who.me.goes_offline().await;
        self.who.me.goes_online().await;
        for look in 0.. {
            if !self.who.me.reads().contains("项已保存") {
                break;
            }
            check(look < LOOKS, "it still waits")?;
            self.who.looks_again().await;
        }
        let struck = self.who.world.faults.list().into_iter().find(|own| own.id == self.who.name).map(|own| own.struck);
        self.who.world.faults.end(&self.who.name);
        self.who.goes_to("青岛市", &["青岛市"]).await?;
        self.who.me.taps_key("all/cn-sd/qingdao/report").await?;
        let list = r#"{"method":"submissions_list","params":{}}"#;
        let list: Value = serde_json::from_str(&self.who.me.page_calls(list).await?)?;
        let own = list["result"].as_array().and_then(|all| all.first()).cloned().unwrap_or_default();
        check(own["state"] == json!("delivered"), format!("it is {own}"))?;
        let receipt = &own["receipt"];
        let name = receipt["city"]["name"]["zh"].as_str().unwrap_or_default();
        let id = receipt["id"].as_str().unwrap_or_default();
        // Among many, a phone may have tried by itself before it was looked at.
        let how =
            if struck == Some(1) { "though its first answer was lost" } else { "as soon as the server was there" };
        Ok(format!("{name} has it once, {how}; receipt {id}"))
    }
}
