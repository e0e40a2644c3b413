//! What the phone does for a page, through the shell: only while the service is shown, and only what the resident lets it.

use std::sync::Arc;

use onecity_protocol::bridge::{BridgeError, PageOrder};
use onecity_protocol::manifest::Permission;
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::text::shown;
use onecity_store::{Attachment, MAX_ATTACHMENT, Vault};
use serde_json::{Value, json};

use super::session::{ServiceSession, for_page};
use crate::error::{Error, Refusal};
use crate::platform::{ServiceHost, Shared};
use crate::wallet::Payee;

/// Longest text that is scanned or shared, in bytes.
const MAX_TEXT: usize = 8192;

fn cancelled() -> BridgeError {
    for_page(Error::Cancelled)
}

impl ServiceSession {
    /// Has the shell do something, for as long as the resident takes.
    pub(super) async fn host<T, F>(&self, ask: impl FnOnce(Arc<dyn ServiceHost>) -> F) -> Result<T, BridgeError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.parts.device.host(ask).await.map_err(for_page)
    }

    pub(super) async fn scan(&self) -> Result<Value, BridgeError> {
        self.permitted(Permission::Scan, Vec::new()).await?;
        let text = self.host(|host| async move { host.scan().await }).await?.filter(|text| text.len() <= MAX_TEXT);
        Ok(json!({ "text": text.ok_or_else(cancelled)? }))
    }

    pub(super) async fn locate(&self) -> Result<Value, BridgeError> {
        self.permitted(Permission::Locate, Vec::new()).await?;
        let found = self.host(|host| async move { host.locate().await }).await?.ok_or_else(cancelled)?;
        self.learns(Permission::Locate, None, vec!["location".to_owned()]).await?;
        Ok(json!({ "latitude": found.latitude, "longitude": found.longitude, "accuracy": found.accuracy }))
    }

    pub(super) async fn pick_photo(&self) -> Result<Value, BridgeError> {
        let owner = self.permitted(Permission::Photos, Vec::new()).await?;
        let photo = self.host(|host| async move { host.pick_photo().await }).await?.ok_or_else(cancelled)?;
        if photo.bytes.is_empty() || photo.bytes.len() > MAX_ATTACHMENT {
            return Err(BridgeError::new("quota", "a photo is at most 20 MiB".to_owned()));
        }
        let plain = |text: String| shown(&text, 100);
        let attachment = Attachment {
            id: Vault::new_submission_id(),
            media_type: plain(photo.media_type),
            name: plain(photo.name).replace(['/', '\\'], "_"),
            size: photo.bytes.len() as u64,
            upload: None,
            sent: 0,
        };
        let (service, stored) = (self.service.clone(), attachment.clone());
        let now = self.parts.device.time.now().await;
        let keeping = self
            .parts
            .device
            .vault_patiently(move |vault| vault.keep_attachment(&owner, &service, &stored, &photo.bytes, now));
        keeping.await.map_err(for_page)?;
        let Attachment { id, media_type, name, size, .. } = attachment;
        Ok(json!({ "id": id, "name": name, "media_type": media_type, "size": size }))
    }

    pub(super) async fn share(&self, text: String, url: Option<String>) -> Result<Value, BridgeError> {
        self.shown()?;
        self.owner().await?;
        let url = url.map(|url| self.parts.device.http.url(&url)).transpose().map_err(for_page)?;
        if text.len() > MAX_TEXT {
            return Err(BridgeError::invalid("a shared text has at most 8192 bytes"));
        }
        let shared = Shared { text, url: url.map(String::from) };
        if self.host(|host| async move { host.share(shared).await }).await? {
            Ok(Value::Null)
        } else {
            Err(cancelled())
        }
    }

    pub(super) async fn navigate(&self, url: &str) -> Result<Value, BridgeError> {
        self.shown()?;
        self.owner().await?;
        let number = url.strip_prefix("tel:").map(str::to_owned);
        let url = match number {
            // RFC 3966, as far as anybody dials it.
            Some(number) => {
                let dialled = number.bytes().all(|b| b.is_ascii_digit() || b"+-.()".contains(&b));
                if !dialled || !(2..=32).contains(&number.len()) {
                    return Err(BridgeError::invalid("this is no telephone number"));
                }
                url.to_owned()
            }
            None => self.parts.device.http.url(url).map_err(for_page)?.into(),
        };
        if self.host(|host| async move { host.open_browser(url).await }).await? {
            Ok(Value::Null)
        } else {
            Err(cancelled())
        }
    }

    pub(super) async fn open_service(&self, uri: &str, data: Value) -> Result<Value, BridgeError> {
        self.shown()?;
        self.owner().await?;
        let link: MiniAppUri = uri.parse().map_err(|error| BridgeError::invalid(format!("{error}")))?;
        let tree_knows =
            self.parts.registry.units_for(&self.region).await.map_err(for_page)?.contains(&link.service.unit);
        if !tree_knows {
            let message = "that service is not offered in this region".to_owned();
            return Err(BridgeError::new(Refusal::NotOffered.name(), message));
        }
        let (from, data) = (self.service.clone(), data.to_string());
        let answer = self.host(|host| async move { host.open_service(link.to_string(), data, from).await }).await?;
        let answer = answer.filter(|answer| answer.len() <= onecity_protocol::bridge::MAX_MESSAGE);
        serde_json::from_str(&answer.ok_or_else(cancelled)?).map_err(|_| cancelled())
    }

    pub(super) async fn finish(&self, result: Value) -> Result<Value, BridgeError> {
        self.owner().await?;
        let (service, result) = (self.service.clone(), result.to_string());
        self.host(|host| async move { host.finish_service(service, result).await }).await?;
        Ok(Value::Null)
    }

    pub(super) async fn hand_draft_over(&self) -> Result<Value, BridgeError> {
        self.shown()?;
        let owner = self.owner().await?;
        let shown =
            self.parts.drafts.hand_over(&owner, &self.service, self.manifest().names()).await.map_err(for_page)?;
        self.host(|host| async move { host.show_hand_over(shown).await }).await?;
        Ok(Value::Null)
    }

    pub(super) async fn pay(&self, order: PageOrder) -> Result<Value, BridgeError> {
        self.shown()?;
        let page = self.declared(&order.url)?;
        let currency = order.currency.len() == 3 && order.currency.bytes().all(|b| b.is_ascii_uppercase());
        let number = (1..=64).contains(&order.order.len()) && order.order.bytes().all(|b| b.is_ascii_graphic());
        if !currency || !number || order.amount == 0 {
            return Err(BridgeError::invalid("an order has a number, an amount and a currency such as CNY"));
        }
        let owner = self.owner().await?;
        let languages = &self.parts.device.languages();
        let payee = Payee {
            service: self.service.clone(),
            region: self.region.clone(),
            name: self.manifest().names().best(languages).to_owned(),
            publisher: self.publisher().await?,
        };
        let paid = self.parts.payments.pay(&owner, payee, page, order).await;
        Ok(json!(paid.map_err(for_page)?))
    }

    pub(super) async fn receipt(&self, order: &str) -> Result<Value, BridgeError> {
        let owner = self.owner().await?;
        Ok(json!(self.parts.payments.receipt(&owner, &self.service, order).await.map_err(for_page)?))
    }
}
