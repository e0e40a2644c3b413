//! A page's way to the city's back end: declared origins alone, kept answers, the service's token after a login; and
//! what it hands in.

use std::time::Duration;

use onecity_protocol::bridge::{BridgeError, MAX_MESSAGE, Method, PageRequest, PageSubmission};
use onecity_protocol::manifest::{AccountKind, Permission};
use onecity_store::{Owner, SubmissionState};
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::session::{ServiceSession, for_page};
use crate::device::http::{MAX_ANSWER, Outgoing};
use crate::error::{Error, Refusal};
use crate::identity::{Extent, OnBehalf, Session};
use crate::services::http_cache::RequestContext;
use crate::services::submissions::NewSubmission;
use crate::views::Freshness;

/// How long a page waits for an answer.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Headers that a page may set, beside those that begin with `x-`.
const OWN_HEADERS: [&str; 5] = ["accept-language", "cache-control", "if-match", "if-none-match", "prefer"];
const MAX_HEADERS: usize = 16;
const MAX_HEADER: usize = 1024;
/// Most photos and documents that go with a submission.
const MAX_ATTACHED: usize = 10;

impl ServiceSession {
    /// The URL, if its origin is one that the manifest declares.
    pub(super) fn declared(&self, url: &str) -> Result<url::Url, BridgeError> {
        let url = self.parts.device.http.url(url).map_err(for_page)?;
        let origin = url.origin().ascii_serialization();
        if self.manifest().onecity.origins.contains(&origin) {
            return Ok(url);
        }
        let message = format!("{origin} is not one of the origins that the manifest declares");
        Err(BridgeError::new(Refusal::NotDeclared.name(), message))
    }

    /// Lets the back end know who the resident is, after consent to exactly the fields that the manifest names.
    pub(super) async fn login(&self) -> Result<Value, BridgeError> {
        let fields = self.manifest().onecity.fields.clone();
        if !self.manifest().requests(Permission::Login) {
            let message = "the manifest does not ask for this permission".to_owned();
            return Err(BridgeError::new(Refusal::NotDeclared.name(), message));
        }
        let session = self.parts.sessions.active().await.map_err(for_page)?;
        let Some((account, session)) = session else {
            return Err(BridgeError::new("login_required", "nobody is logged in".to_owned()));
        };
        let now = self.parts.device.time.now().await;
        let view = session.view(&account, true, now);
        let fits = match self.manifest().onecity.account {
            AccountKind::None => true,
            AccountKind::Person => view.kind == crate::views::AccountKind::Person,
            AccountKind::Enterprise => view.kind == crate::views::AccountKind::Enterprise,
        };
        if view.lapsed || !fits {
            let why = if fits { "the login has lapsed" } else { "another kind of account is needed" };
            return Err(BridgeError::new("login_required", why.to_owned()));
        }
        self.strong_enough(&session)?;
        self.permitted(Permission::Login, fields.clone()).await?;
        Ok(json!({ "fields": fields }))
    }

    fn strong_enough(&self, session: &Session) -> Result<(), BridgeError> {
        match &self.manifest().onecity.acr {
            Some(acr) if !session.reaches(acr) => Err(for_page(Error::StepUpRequired { acr: acr.clone() })),
            _ => Ok(()),
        }
    }

    /// For whom the service asks, if the resident has agreed to a login here.
    async fn whom(&self, owner: &Owner) -> Result<Option<OnBehalf>, BridgeError> {
        let Owner::Account(account) = owner else { return Ok(None) };
        let wants = self.manifest().requests(Permission::Login);
        let (fields, origins) = (&self.manifest().onecity.fields, &self.manifest().onecity.origins);
        let asked = Extent { fields, people: &[], origins };
        let given = self.parts.consents.covers(&self.service, owner, Permission::Login, asked);
        if !wants || !given.await.map_err(for_page)? {
            return Ok(None);
        }
        if let Some((_, session)) = self.parts.sessions.active().await.map_err(for_page)? {
            self.strong_enough(&session)?;
        }
        Ok(Some(OnBehalf { account: account.clone(), service: self.service.clone(), fields: fields.clone() }))
    }

    pub(super) async fn request(&self, request: PageRequest) -> Result<Value, BridgeError> {
        let url = self.declared(&request.url)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut outgoing = Outgoing::method(method, url).limit(MAX_ANSWER);
        match (request.method, request.body) {
            (Method::Get | Method::Delete, None | Some(Value::Null)) => {}
            (Method::Get | Method::Delete, Some(_)) => {
                return Err(BridgeError::invalid("a GET or DELETE has no body"));
            }
            (_, body) => {
                outgoing.body = body.unwrap_or_default().to_string().into_bytes();
                outgoing.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
        }
        if let Ok(languages) = HeaderValue::from_str(&self.parts.device.languages().join(", ")) {
            outgoing.headers.insert(ACCEPT_LANGUAGE, languages);
        }
        if request.headers.len() > MAX_HEADERS {
            return Err(BridgeError::invalid("at most 16 headers"));
        }
        for (name, value) in &request.headers {
            let name = name.to_ascii_lowercase();
            let own = OWN_HEADERS.contains(&name.as_str()) || name.starts_with("x-");
            let parsed = HeaderName::try_from(&name).ok().zip(HeaderValue::from_str(value).ok());
            match parsed.filter(|_| own && value.len() <= MAX_HEADER) {
                Some((name, value)) => drop(outgoing.headers.insert(name, value)),
                None => return Err(BridgeError::invalid(format!("a page may not set the header {name}"))),
            }
        }
        let owner = self.owner().await?;
        let context = RequestContext { whom: self.whom(&owner).await?, owner, service: self.service.clone() };
        let _place = self.limits.request()?;
        let asked = tokio::time::timeout(TIME_LIMIT, self.parts.http_cache.ask(&context, outgoing));
        let answer = asked.await.unwrap_or_else(|_| Err(Error::network("no answer in time"))).map_err(for_page)?;
        // What was asked for one account is not told to a page of another.
        self.owner().await?;
        let body = serde_json::from_slice::<Value>(&answer.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
        let (state, since) = match answer.freshness {
            Freshness::Fresh => ("fresh", self.parts.device.time.now().await),
            Freshness::Stale { since } => ("stale", since),
            Freshness::Offline { since } => ("offline", since),
        };
        Ok(json!({ "status": answer.status, "body": body, "freshness": { "state": state, "since": since } }))
    }

    pub(super) async fn submit(&self, submission: PageSubmission) -> Result<Value, BridgeError> {
        let PageSubmission { url, title, mut body, attachments, documents } = submission;
        self.declared(&url)?;
        if title.trim().is_empty() || title.chars().count() > 200 {
            return Err(BridgeError::invalid("a submission's title has 1 to 200 characters"));
        }
        if body.to_string().len() > MAX_MESSAGE {
            return Err(BridgeError::invalid("a submission is at most 1 MiB"));
        }
        if attachments.len() > MAX_ATTACHED || documents.len() > MAX_ATTACHED {
            return Err(BridgeError::invalid("at most 10 photos and 10 documents go with a submission"));
        }
        let _place = self.limits.request()?;
        let owner = self.owner().await?;
        let whom = self.whom(&owner).await?;
        if !documents.is_empty() {
            let Some(fields) = body.as_object_mut() else {
                return Err(BridgeError::invalid("what documents go with is an object"));
            };
            fields.insert("documents".to_owned(), self.handed_in(&owner, &documents).await?);
        }
        let new = NewSubmission {
            service: self.service.clone(),
            title,
            url,
            body,
            attachments,
            fields: whom.map(|whom| whom.fields),
        };
        let handed_in = self.parts.submissions.submit(owner.clone(), new).await.map_err(for_page)?;
        // What was filled in has been handed in.
        let draft = self.parts.drafts.set(&owner, &self.service, String::new(), Value::Null);
        if draft.await.is_err() {
            tracing::warn!("the draft of what was handed in is still there");
        }
        Ok(json!({ "id": handed_in.id }))
    }

    /// The texts of documents that the resident agreed to this service using.
    async fn handed_in(&self, owner: &Owner, ids: &[String]) -> Result<Value, BridgeError> {
        let (mut texts, mut titles, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            let (document, text) = self.parts.documents.to_hand_in(owner, id).await.map_err(for_page)?;
            texts.push(Value::String(text));
            titles.push(document.title);
            kinds.push(document.kind);
        }
        let origins = &self.manifest().onecity.origins;
        let permission = Permission::Documents;
        let asked = Extent { fields: &kinds, people: &[], origins };
        let given = self.parts.consents.covers(&self.service, owner, permission, asked).await;
        if !self.manifest().requests(permission) || !given.map_err(for_page)? {
            let message = "ask for the documents first".to_owned();
            return Err(BridgeError::new(Refusal::Consent.name(), message));
        }
        self.parts.consents.handed_in(&self.service, owner, titles).await.map_err(for_page)?;
        Ok(texts.into())
    }

    pub(super) async fn submissions(&self) -> Result<Value, BridgeError> {
        let owner = self.owner().await?;
        let own = self.parts.submissions.of_service(owner, &self.service).await.map_err(for_page)?;
        let view = |own: onecity_store::Submission| {
            let mut view = json!({
                "id": own.id, "title": own.title, "created": own.created, "timeline": own.timeline,
            });
            let (state, member, value) = match own.state {
                SubmissionState::Waiting { pending, .. } => ("waiting", "pending", json!(pending)),
                SubmissionState::Delivered { receipt, .. } => ("delivered", "receipt", receipt),
                SubmissionState::Refused { reason, .. } => ("refused", "reason", reason.into()),
            };
            view["state"] = state.into();
            if !value.is_null() {
                view[member] = value;
            }
            view
        };
        Ok(own.into_iter().map(view).collect())
    }
}
