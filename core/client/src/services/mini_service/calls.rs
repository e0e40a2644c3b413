//! Every call of the page API.

use onecity_protocol::bridge::{BridgeCall, BridgeError, BridgeReply};
use onecity_protocol::manifest::Permission;
use serde_json::{Value, json};

use super::session::{ServiceSession, for_page};
use crate::error::Refusal;
use crate::identity::Learnt;
use crate::views::{AccountKind, DocumentView, HolderView, PassSituation, PassStatus, PassView};

/// Most types of documents that are asked for at once.
const MAX_TYPES: usize = 16;

impl ServiceSession {
    /// Answers a call of the page, JSON in and JSON out.
    pub async fn call(&self, json: &str) -> String {
        BridgeReply::from(self.outcome(json).await).to_json()
    }

    async fn outcome(&self, json: &str) -> Result<Value, BridgeError> {
        // Before anything of it is read: what can't be read counts, too.
        self.limits.read()?;
        match BridgeCall::parse(json)? {
            // It waits for something to happen, which takes no place from any other.
            BridgeCall::NextEvent {} => {
                let _place = self.limits.event()?;
                Ok(json!({ "type": self.life.next().await.name() }))
            }
            _ if !self.is_open() => Err(BridgeError::new("closed", "the service has been closed".to_owned())),
            call => {
                let _place = self.limits.call()?;
                self.answer(call).await
            }
        }
    }

    async fn answer(&self, call: BridgeCall) -> Result<Value, BridgeError> {
        match call {
            BridgeCall::Ready {} => self.ready().await.map(|()| Value::Null).map_err(for_page),
            BridgeCall::NextEvent {} => Err(BridgeError::invalid("answered above")),
            BridgeCall::Info {} => self.info().await,
            BridgeCall::Login {} => self.login().await,
            BridgeCall::Request(request) => self.request(request).await,
            BridgeCall::Submit(submission) => self.submit(submission).await,
            BridgeCall::SubmissionsList {} => self.submissions().await,
            BridgeCall::StorageGet { key } => self.storage_get(key).await,
            BridgeCall::StorageSet { key, value } => self.storage_set(key, value).await,
            BridgeCall::StorageKeys {} => self.storage_keys().await,
            BridgeCall::DraftGet {} => {
                let owner = self.owner().await?;
                Ok(json!(self.parts.drafts.get(&owner, &self.service).await.map_err(for_page)?))
            }
            BridgeCall::DraftSet { title, body } => {
                let owner = self.owner().await?;
                self.parts.drafts.set(&owner, &self.service, title, body).await.map_err(for_page)?;
                Ok(Value::Null)
            }
            BridgeCall::DraftHandOver {} => self.hand_draft_over().await,
            BridgeCall::PassesAdd { pass_type } => self.add_pass(&pass_type).await,
            BridgeCall::PassesList { pass_type } => {
                let all = self.own_passes().await?.into_iter().filter(|pass| pass.pass_type == pass_type);
                let all: Vec<PassView> = all.collect();
                for pass in &all {
                    self.learns_of(pass).await?;
                }
                self.still(all.iter().map(pass_for_script).collect()).await
            }
            BridgeCall::PassesShow { id } => self.show_pass(id).await,
            BridgeCall::DocumentsRequest { types } => self.request_documents(types).await,
            BridgeCall::DocumentsKeep { document } => {
                // Genuine or not, it takes room in the wallet, and the resident should see where it came from.
                self.requests(Permission::Documents)?;
                self.shown()?;
                let owner = self.owner().await?;
                let kept = self.parts.documents.keep(&owner, &self.region, &document).await.map_err(for_page)?;
                Ok(document_for_script(&kept))
            }
            BridgeCall::Scan {} => self.scan().await,
            BridgeCall::Locate {} => self.locate().await,
            BridgeCall::PickPhoto {} => self.pick_photo().await,
            BridgeCall::Share { text, url } => self.share(text, url).await,
            BridgeCall::Navigate { url } => self.navigate(&url).await,
            BridgeCall::OpenService { uri, data } => self.open_service(&uri, data).await,
            BridgeCall::Finish { result } => self.finish(result).await,
            BridgeCall::Pay(order) => self.pay(order).await,
            BridgeCall::Receipt { order } => self.receipt(&order).await,
        }
    }

    async fn info(&self) -> Result<Value, BridgeError> {
        let languages = &self.parts.device.languages();
        let tree = self.parts.registry.tree_around(&self.region).await.map_err(for_page)?;
        let name = tree.get(&self.region).map(|region| region.names.best(languages)).unwrap_or_default();
        // A page that was left open is told of no other account.
        let own = self.owner().await.is_ok();
        let account = self.parts.sessions.active().await.map_err(for_page)?.filter(|_| own);
        let account = account.map(|(_, session)| session.kind());
        let account = account.map(|kind| match kind {
            AccountKind::Person => "person",
            AccountKind::Enterprise => "enterprise",
        });
        Ok(json!({
            "region": self.region, "region_name": name, "languages": languages[..],
            "service": self.service.to_string(), "version": self.manifest().version.name,
            "launch": {
                "query": self.launch.query, "data": self.launch.data,
                "from": self.launch.from.as_ref().map(ToString::to_string),
            },
            "account": account,
        }))
    }

    async fn add_pass(&self, pass_type: &str) -> Result<Value, BridgeError> {
        if let Some(pass) = self.own_pass(pass_type).await? {
            self.learns_of(&pass).await?;
            return Ok(pass_for_script(&pass));
        }
        // One that has expired is renewed rather than joined by a second.
        if let Err(error) = self.parts.passes.update().await {
            // Of any issuer: what this one says, it says below.
            tracing::info!(may_retry = error.may_retry(), "a pass could not be renewed yet");
        }
        if let Some(pass) = self.own_pass(pass_type).await? {
            self.learns_of(&pass).await?;
            return Ok(pass_for_script(&pass));
        }
        let pass = self.parts.passes.add(&self.region, pass_type, None, Some(&self.owner)).await.map_err(for_page)?;
        self.learns_of(&pass).await?;
        self.still(pass_for_script(&pass)).await
    }

    /// An answer, if the account that it is about is still the page's own.
    async fn still(&self, answer: Value) -> Result<Value, BridgeError> {
        self.owner().await.map(|_| answer)
    }

    async fn show_pass(&self, id: String) -> Result<Value, BridgeError> {
        if !self.own_passes().await?.iter().any(|pass| pass.id == id) {
            let message = "there is no such pass of this region".to_owned();
            return Err(BridgeError::new(Refusal::NotFound.name(), message));
        }
        self.host(|host| async move { host.show_pass(id).await }).await?;
        Ok(Value::Null)
    }

    /// The passes that this service's part of the country issued: a page learns of no others.
    async fn own_passes(&self) -> Result<Vec<PassView>, BridgeError> {
        self.owner().await?;
        let here = PassSituation { region: Some(self.region.clone()), pass_type: None };
        let all = self.parts.passes.list(&here).await.map_err(for_page)?;
        let here = self.region.first_level();
        let all: Vec<PassView> = all.into_iter().filter(|pass| pass.region.first_level() == here).collect();
        // The question names everybody of whom the page would learn.
        let mut people: Vec<String> =
            all.iter().filter_map(|pass| pass.holder.as_ref()).map(|holder| holder.name.clone()).collect();
        people.sort_unstable();
        people.dedup();
        self.permitted_for(Permission::Passes, Vec::new(), people).await?;
        Ok(all)
    }

    /// The resident's own pass of a type that opens something.
    async fn own_pass(&self, pass_type: &str) -> Result<Option<PassView>, BridgeError> {
        let wanted = |pass: &PassView| {
            let opens = matches!(pass.status, PassStatus::Good | PassStatus::RenewalDue);
            opens && pass.holder.is_none() && pass.pass_type == pass_type
        };
        Ok(self.own_passes().await?.into_iter().find(wanted))
    }

    /// Writes down that the page learns of a pass: which it is, and whose.
    async fn learns_of(&self, pass: &PassView) -> Result<(), BridgeError> {
        self.learns(Permission::Passes, pass.holder.clone(), vec![pass.title.clone()]).await
    }

    /// Writes down what the page learns, before it does.
    pub(super) async fn learns(
        &self,
        permission: Permission,
        holder: Option<HolderView>,
        fields: Vec<String>,
    ) -> Result<(), BridgeError> {
        let owner = self.owner().await?;
        let learnt = Learnt { permission, origin: None, holder, fields };
        self.parts.consents.learnt(&self.service, &owner, learnt).await.map_err(for_page)
    }

    async fn request_documents(&self, types: Vec<String>) -> Result<Value, BridgeError> {
        let word = |word: &String| (1..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic());
        if types.is_empty() || types.len() > MAX_TYPES || !types.iter().all(word) {
            return Err(BridgeError::invalid("1 to 16 types of documents, one word each"));
        }
        // Asked for with the types as the fields: another type asks again.
        let owner = self.permitted(Permission::Documents, types.clone()).await?;
        let found = self.parts.documents.of_types(owner, &types).await.map_err(for_page)?;
        self.still(found.iter().map(document_for_script).collect()).await
    }
}

/// A pass as a page sees it.
fn pass_for_script(pass: &PassView) -> Value {
    let holder = pass.holder.as_ref().map(|holder| holder.name.as_str());
    json!({ "id": pass.id, "title": pass.title, "expires": pass.expires, "holder": holder })
}

/// A document as a page sees it: what it is called, never what it says.
fn document_for_script(document: &DocumentView) -> Value {
    json!({
        "id": document.id, "type": document.kind, "title": document.title,
        "issuer": document.issuer, "expires": document.expires,
    })
}
