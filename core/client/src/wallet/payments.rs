//! Paying: the city's payment page in the system browser, and a receipt that is verified before anybody believes it.
//! What the answer is checked against is sealed before the app is left, as for a login.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onecity_protocol::bridge::PageOrder;
use onecity_protocol::credential::UnixTime;
use onecity_protocol::document::Document;
use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;
use onecity_protocol::text::{LONGEST, shown};
use onecity_store::{Owner, Record};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use url::Url;

use crate::device::Device;
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, random_text};
use crate::platform::Payment;
use crate::registry::Registry;
use crate::views::{ReceiptView, Topic};

/// Where the payment page sends the browser back to.
pub(super) const RETURN_URI: &str = "onecity://pay";
/// The type of document that a receipt is.
const RECEIPT: &str = "receipt";
/// How long a resident may take, in seconds.
const TIME_LIMIT: u64 = 30 * 60;
/// How long an order that was begun is remembered, in seconds: a bank may take its time.
const REMEMBERED: i64 = 7 * 86_400;
/// What a service's orders and receipts may take, in bytes.
const LIMIT: u64 = 1 << 20;

/// An order on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ordered {
    state: String,
    /// An account's id. Earlier versions kept all orders among the phone's own records.
    owner: Option<String>,
    service: ServiceId,
    region: RegionId,
    order: String,
    amount: u64,
    currency: String,
    at: UnixTime,
}

impl Record for Ordered {
    const KIND: &'static str = "order";
    const FORMAT: u8 = 1;
}

/// A receipt that was verified.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Receipt {
    text: String,
    view: ReceiptView,
}

impl Record for Receipt {
    const KIND: &'static str = "receipt";
    const FORMAT: u8 = 1;
}

/// The service that is to be paid.
pub(crate) struct Payee {
    pub service: ServiceId,
    pub region: RegionId,
    /// Its name and its publisher's, in the resident's language.
    pub name: String,
    pub publisher: String,
}

/// Payments on their way, and receipts.
pub(crate) struct Payments {
    device: Arc<Device>,
    registry: Arc<Registry>,
    accounts: Arc<Accounts>,
    /// Pages that wait for a payment, by the state of their order.
    waiting: Mutex<HashMap<String, oneshot::Sender<ReceiptView>>>,
}

impl Payments {
    pub(crate) fn new(device: &Arc<Device>, registry: &Arc<Registry>, accounts: &Arc<Accounts>) -> Arc<Self> {
        Arc::new(Self {
            device: Arc::clone(device),
            registry: Arc::clone(registry),
            accounts: Arc::clone(accounts),
            waiting: Mutex::default(),
        })
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<ReceiptView>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the payment page, and waits for the receipt as long as the page is there.
    pub(crate) async fn pay(
        &self,
        owner: &Owner,
        payee: Payee,
        page: Url,
        order: PageOrder,
    ) -> Result<ReceiptView, Error> {
        let Payee { service, region, name, publisher } = payee;
        if let Some(paid) = self.receipt(owner, &service, &order.order).await? {
            return Ok(paid);
        }
        let state = random_text();
        let now = self.device.time.now().await;
        let unit = service.unit.to_string();
        let ordered = Ordered {
            state: state.clone(),
            owner: match owner {
                Owner::Phone => None,
                Owner::Account(account) => Some(account.to_string()),
            },
            service,
            region: region.first_level().unwrap_or(region),
            order: order.order.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            at: now,
        };
        // Among the account's own records: it goes when the account does.
        let of = owner.clone();
        self.device
            .vault(move |vault| {
                vault.atomically(|vault| {
                    let all = vault.list::<Ordered>(&of)?.records.into_iter();
                    for old in all.filter(|own| own.at < now - REMEMBERED) {
                        vault.delete::<Ordered>(&of, &old.state)?;
                    }
                    vault.put(&of, &ordered.state, &ordered)
                })
            })
            .await?;
        let mut url = page;
        url.query_pairs_mut()
            .append_pair("return_uri", RETURN_URI)
            .append_pair("state", &state)
            .append_pair("unit", &unit);
        let PageOrder { order, amount, currency, .. } = order;
        let asked = Payment { service: name, publisher, order, amount, currency, url: url.into() };
        let (paid, waiting) = oneshot::channel();
        self.waiting().insert(state.clone(), paid);
        let opened = self.device.host(|host| async move { host.pay(asked).await }).await;
        let outcome = match opened {
            Ok(true) => tokio::time::timeout(Duration::from_secs(TIME_LIMIT), waiting).await,
            Ok(false) => {
                self.waiting().remove(&state);
                return Err(Error::Cancelled);
            }
            Err(error) => {
                self.waiting().remove(&state);
                return Err(error);
            }
        };
        self.waiting().remove(&state);
        // The order stays known: the receipt may still come, and is kept then.
        outcome.ok().and_then(Result::ok).ok_or(Error::Cancelled)
    }

    /// Takes what the browser came back with. The receipt must be signed by somebody who may, and be for this very order.
    pub(crate) async fn finish(&self, callback: &str) -> Result<ReceiptView, Error> {
        let callback = Url::parse(callback).map_err(|error| Error::invalid("callback_url", error))?;
        let value =
            |name: &str| callback.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        let unknown =
            || Error::refused(Refusal::NotFound, "this answer does not belong to a payment begun on this phone");
        let state = value("state").ok_or_else(unknown)?;
        let (name, owners) = (state.clone(), self.accounts.owners().await?);
        let found = self.device.vault(move |vault| {
            for owner in owners {
                if let Some(ordered) = vault.get::<Ordered>(&owner, &name)? {
                    return Ok(Some((owner, ordered)));
                }
            }
            Ok(None)
        });
        let (place, ordered) = found.await?.ok_or_else(unknown)?;
        let Some(text) = value("receipt") else {
            // The page that waits is told; the order stays known, should the resident pay after all.
            self.waiting().remove(&state);
            return Err(Error::Cancelled);
        };
        let document = {
            let list = self.registry.current_trust_list(&ordered.region).await?;
            Document::verify(&text, &list, self.device.time.now().await)?
        };
        let view = read(&document, &ordered)?;
        let owner = match &ordered.owner {
            None => Owner::Phone,
            Some(id) => Owner::Account(self.accounts.named(id).await?),
        };
        let (kept, shown) = (Receipt { text, view: view.clone() }, ordered.clone());
        self.device
            .vault(move |vault| {
                vault.atomically(|vault| {
                    vault.put_scoped(&owner, &shown.service, &shown.order, &kept, kept.view.paid_at, LIMIT)?;
                    vault.delete::<Ordered>(&place, &shown.state)
                })
            })
            .await?;
        let waiting = self.waiting().remove(&state);
        // A page that is gone asks for the receipt when it is back.
        if let Some(waiting) = waiting {
            let _ = waiting.send(view.clone());
        }
        self.device.notices.changed(Topic::Documents);
        Ok(view)
    }
}

fn read(document: &Document, ordered: &Ordered) -> Result<ReceiptView, Error> {
    let wrong = |what: &str| Error::SignatureInvalid { what: format!("the receipt: {what}; nothing was kept") };
    let text = |name: &str| document.fields.get(name).and_then(serde_json::Value::as_str);
    let number = |name: &str| document.fields.get(name).and_then(serde_json::Value::as_i64);
    if document.kind != RECEIPT {
        return Err(wrong("it is another document"));
    }
    if document.subject.as_deref() != Some(&ordered.order) {
        return Err(wrong("it is for another order"));
    }
    // Of one province, one issuer signs receipts of all its cities: an order of the same number is another's.
    if text("unit") != Some(&ordered.service.unit.to_string()) {
        return Err(wrong("it is of another publisher"));
    }
    // And of one city, somebody else's payment: the state is this phone's and this attempt's alone.
    if text("state") != Some(&ordered.state) {
        return Err(wrong("it is for another payment"));
    }
    let amount = number("amount").and_then(|amount| u64::try_from(amount).ok());
    if amount != Some(ordered.amount) || text("currency") != Some(&ordered.currency) {
        return Err(wrong("it is for another amount"));
    }
    Ok(ReceiptView {
        order: ordered.order.clone(),
        amount: ordered.amount,
        currency: ordered.currency.clone(),
        paid_at: number("paid_at").unwrap_or(document.issued),
        payee: shown(text("payee").unwrap_or_default(), LONGEST),
    })
}

impl Payments {
    /// The receipt of an order, if it was paid.
    pub(crate) async fn receipt(
        &self,
        owner: &Owner,
        service: &ServiceId,
        order: &str,
    ) -> Result<Option<ReceiptView>, Error> {
        let (of, from, name) = (owner.clone(), service.clone(), order.to_owned());
        let kept = self.device.vault(move |vault| vault.get_scoped::<Receipt>(&of, &from, &name)).await?;
        Ok(kept.map(|kept| kept.view))
    }
}
