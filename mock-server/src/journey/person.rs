//! A resident with a phone, and what the pages on it ask. There is no browser here: what a page's script would call is called.

use std::sync::Arc;
use std::time::Duration;

use onecity_app::{Event, Tab};
use onecity_core::ServiceId;
use serde_json::{Value, json};

use super::{Off, check};
use crate::phone::{PhoneError, Resident};
use crate::world::World;

/// How often a phone comes out of a pocket until what it has kept is delivered.
pub(super) const LOOKS: usize = 50;
/// How often a resident tries again what the page offers to try again.
const TRIES: usize = 30;

/// A resident with a phone.
pub(super) struct Person {
    pub world: Arc<World>,
    pub me: Resident,
    /// What the phone is called.
    pub name: String,
}

/// What a page is told when a call is refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub code: String,
    said: String,
}

impl From<Refused> for Off {
    fn from(refused: Refused) -> Self {
        Self(refused.said)
    }
}

impl Person {
    /// Somebody with a new phone.
    pub(super) fn new(world: &Arc<World>, name: &str) -> Result<Self, PhoneError> {
        let me = Resident::named(world, name, &["zh-Hans-CN"])?;
        Ok(Self { world: Arc::clone(world), me, name: name.to_owned() })
    }

    /// Goes through the first start to a home city.
    pub(super) async fn settles(&mut self, city: &[&str]) -> Result<(), Off> {
        self.me.tap("同意并继续").await?;
        for step in city {
            self.me.tap(step).await?;
        }
        self.me.sees("搜索服务和地方").await?;
        Ok(())
    }

    /// Logs in with the province's provider.
    pub(super) async fn logs_in(&mut self, persona: &'static str) -> Result<(), Off> {
        self.me.is(Some(persona));
        self.me.goes_to(Tab::Me).await;
        self.me.tap("登录").await?;
        self.me.tap("山东").await?;
        self.me.sees("已登录").await?;
        self.me.goes_to(Tab::Home).await;
        Ok(())
    }

    /// Goes back from a service, and home.
    async fn goes_home(&mut self) {
        if self.me.screen().is_some_and(|screen| screen.head.web.is_some()) {
            self.me.back().await;
        }
        self.me.goes_to(Tab::Home).await;
    }

    /// Goes home, and from there to another city, until it is there.
    pub(super) async fn goes_to(&mut self, city: &str, steps: &[&str]) -> Result<(), Off> {
        self.goes_home().await;
        self.me.tap("切换城市").await?;
        for step in steps {
            self.me.tap(step).await?;
        }
        self.me.sees_that(city, |screen| screen.head.title == city).await?;
        Ok(())
    }

    /// Opens a service from home.
    pub(super) async fn opens(&mut self, unit: &str, app_id: &str) -> Result<(), Off> {
        let service = ServiceId { unit: unit.parse()?, app_id: app_id.to_owned() };
        self.goes_home().await;
        self.me.taps_key(&format!("all/{service}")).await?;
        self.me.sees("出示卡码").await?;
        Ok(())
    }

    /// A file of the service that is open.
    pub(super) async fn file(&self, path: &str) -> Result<Vec<u8>, Off> {
        let resource = self.me.phone().app().resource(&self.me.entry(), path.into()).await?;
        check(resource.status == 200, format!("{path}: {}", resource.status))?;
        Ok(resource.body)
    }

    /// Where the back end of the service that is open is.
    pub(super) async fn backend(&self) -> Result<String, Off> {
        let config: Value = serde_json::from_slice(&self.file("common/config.json").await?)?;
        Ok(config["backend"].as_str().unwrap_or_default().to_owned())
    }

    /// A call of the page that is open.
    pub(super) async fn calls(&mut self, method: &str, params: Value) -> Result<Value, Off> {
        Ok(answer(&self.me.page_calls(&call(method, &params)).await?)??)
    }

    /// The same while the resident touches what is asked meanwhile.
    pub(super) async fn calls_and(&mut self, method: &str, params: Value, touches: &[&str]) -> Result<Value, Off> {
        Ok(answer(&self.me.page_calls_and(&call(method, &params), touches).await?)??)
    }

    /// Asks the back end for something; tries again as the page offers, when the network fails. Answers status and body.
    pub(super) async fn asks(&mut self, method: &str, path: &str, body: Value) -> Result<(u64, Value), Off> {
        let url = format!("{}{path}", self.backend().await?);
        let mut params = json!({ "method": method, "url": url });
        if !body.is_null() {
            params["body"] = body;
        }
        let asked = call("request", &params);
        let mut last = None;
        for _ in 0..TRIES {
            match answer(&self.me.page_calls(&asked).await?)? {
                // What a gateway says when the network is bad is no answer of the back end's.
                Ok(mut answer) if answer["status"].as_u64().is_some_and(|status| status < 500) => {
                    return Ok((answer["status"].as_u64().unwrap_or_default(), answer["body"].take()));
                }
                Ok(answer) => last = Some(Off(format!("{url} answers {}", answer["status"]))),
                Err(refused) if refused.code == "network" => last = Some(refused.into()),
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(last.unwrap_or_else(|| Off(format!("{url} was never asked"))))
    }

    /// Hands something in; answers the number that the phone gives it.
    pub(super) async fn submits(&mut self, path: &str, title: &str, body: Value) -> Result<String, Off> {
        let url = format!("{}{path}", self.backend().await?);
        let answer = self.calls("submit", json!({ "url": url, "title": title, "body": body })).await?;
        let id = answer["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| Off(format!("submit answers {answer}")))
    }

    /// What was handed in through the open service.
    pub(super) async fn submissions(&mut self) -> Result<Vec<Value>, Off> {
        let list = self.calls("submissions_list", json!({})).await?;
        Ok(list.as_array().cloned().unwrap_or_default())
    }

    /// One of them, as soon as it is as it is wanted; the phone comes out of a pocket again and again.
    pub(super) async fn submission(
        &mut self,
        id: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Off> {
        let mut last = Value::Null;
        for _ in 0..LOOKS {
            let all = self.submissions().await?;
            last = all.into_iter().find(|own| own["id"] == id).unwrap_or_default();
            if wanted(&last) {
                return Ok(last);
            }
            self.looks_again().await;
        }
        Err(Off(format!("{what} was never seen: {last}")))
    }

    /// Takes the phone out, and waits until something happens on it, or a second has passed.
    pub(super) async fn looks_again(&mut self) {
        self.me.send(Event::Shown).await;
        let mut happened = self.me.phone().happened();
        let _ = tokio::time::timeout(Duration::from_secs(1), happened.changed()).await;
    }
}

fn call(method: &str, params: &Value) -> String {
    json!({ "method": method, "params": params }).to_string()
}

fn answer(said: &str) -> Result<Result<Value, Refused>, Off> {
    let mut said: Value = serde_json::from_str(said)?;
    let error = said["error"].take();
    Ok(match error["code"].as_str() {
        Some(code) => Err(Refused { code: code.to_owned(), said: error.to_string() }),
        None => Ok(said["result"].take()),
    })
}
