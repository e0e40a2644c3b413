//! What a page of a mini-service may ask of the phone, and how it is answered.
//!
//! ```text
//!   page ── onecity.js ──JSON──> shell ──> ServiceSession::call ──> BridgeCall ──> BridgeReply
//!                                            api.rs describes each call once: for onecity.d.ts and docs/page-api.md
//! ```
//!
//! A page never speaks this itself: it uses `onecity.js`, which the phone serves at `/onecity.js` and which is this
//! module's [`PAGE_SCRIPT`]. Every call is parsed into [`BridgeCall`]; what does not fit is refused by name.

pub mod api;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json;

/// The page's side of the bridge, served by the phone and never shipped in a package.
pub const PAGE_SCRIPT: &str = include_str!("onecity.js");
/// What a shell runs in every frame of a page before any script of it: takes away the peer connections, sockets and
/// windows that no policy of the web keeps shut. `docs/page-api.md`, "What a page lives in", has the rest of the contract.
pub const PAGE_GUARD: &str = include_str!("guard.js");
/// Its types, for the one who writes pages in TypeScript or with an editor that reads them.
pub const PAGE_TYPES: &str = include_str!("onecity.d.ts");

/// Largest call or answer, in bytes of JSON.
pub const MAX_MESSAGE: usize = 1 << 20;

/// One call of a page: `{"method": "storage_get", "params": {"key": "k"}}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "api.rs says what each is for, and of each parameter")]
pub enum BridgeCall {
    Ready {},
    NextEvent {},
    Info {},
    Login {},
    Request(PageRequest),
    Submit(PageSubmission),
    SubmissionsList {},
    StorageGet { key: String },
    StorageSet { key: String, value: Value },
    StorageKeys {},
    DraftGet {},
    DraftSet { title: String, body: Value },
    DraftHandOver {},
    PassesAdd { pass_type: String },
    PassesList { pass_type: String },
    PassesShow { id: String },
    DocumentsRequest { types: Vec<String> },
    DocumentsKeep { document: String },
    Scan {},
    Locate {},
    PickPhoto {},
    Share { text: String, url: Option<String> },
    Navigate { url: String },
    OpenService { uri: String, data: Value },
    Finish { result: Value },
    Pay(PageOrder),
    Receipt { order: String },
}

/// A request of a page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageRequest {
    /// The HTTP method.
    pub method: Method,
    /// An absolute URL at a declared origin.
    pub url: String,
    /// A JSON body, for every method but GET and DELETE.
    #[serde(default)]
    pub body: Option<Value>,
    /// Further headers, of those that a page may set.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// The HTTP methods that a page may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A submission of a page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSubmission {
    /// Where it goes: an absolute URL at a declared origin.
    pub url: String,
    /// What the resident sees in the list of submissions.
    pub title: String,
    /// What is sent, as JSON.
    pub body: Value,
    /// Photos from `pick_photo`, by id.
    #[serde(default)]
    pub attachments: Vec<String>,
    /// Documents from `documents_request`, by id.
    #[serde(default)]
    pub documents: Vec<String>,
}

/// An order that is to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageOrder {
    /// The city's number for it.
    pub order: String,
    /// The payment page: an absolute URL at a declared origin.
    pub url: String,
    /// What it comes to, in the currency's smallest unit.
    pub amount: u64,
    /// ISO 4217, for example `CNY`.
    pub currency: String,
}

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct BridgeError {
    /// A stable name for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// How strongly the resident has to log in (OpenID Connect `acr`), where that is what is missing. A shell that sees
    /// it begins that login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

impl BridgeError {
    /// The call is not one that the page API has.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("invalid_call", message)
    }

    /// A refusal by its code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), acr: None }
    }
}

impl BridgeCall {
    /// Reads a call; what the page API does not have is refused.
    pub fn parse(json: &str) -> Result<Self, BridgeError> {
        if json.len() > MAX_MESSAGE {
            return Err(BridgeError::invalid(format!("a call is at most {MAX_MESSAGE} bytes")));
        }
        // Read as a value first: strictly, whichever of the two members comes first, and by one copy of the code that reads
        // all these parameters.
        let call = json::parse(json.as_bytes()).map_err(|error| BridgeError::invalid(error.to_string()))?;
        let Value::Object(mut call) = call else { return Err(BridgeError::invalid("a call is an object")) };
        let (method, params) = (call.remove("method"), call.remove("params"));
        let (Some(Value::String(method)), Some(params @ Value::Object(_)), true) = (method, params, call.is_empty())
        else {
            return Err(BridgeError::invalid("a call has a method, which is a text, and params, which are an object"));
        };
        Self::deserialize(Value::Object(Map::from_iter([(method, params)])))
            .map_err(|error| BridgeError::invalid(error.to_string()))
    }
}

/// The answer to a call, as the page's script expects it.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BridgeReply {
    Result { result: Value },
    Error { error: BridgeError },
}

impl From<Result<Value, BridgeError>> for BridgeReply {
    fn from(outcome: Result<Value, BridgeError>) -> Self {
        match outcome {
            Ok(result) => Self::Result { result },
            Err(error) => Self::Error { error },
        }
    }
}

impl BridgeReply {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a reply is plain JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_call_is_read_strictly() {
        assert_eq!(BridgeCall::parse(r#"{"method":"info","params":{}}"#), Ok(BridgeCall::Info {}));
        assert_eq!(BridgeCall::parse(r#"{"params":{},"method":"info"}"#), Ok(BridgeCall::Info {}), "in either order");
        for wrong in [
            "",
            "{}",
            "[]",
            r#"["info",{}]"#,
            r#"{"method":"info"}"#,
            r#"{"method":"info","params":{},"more":1}"#,
            r#"{"method":"info","method":"login","params":{}}"#,
            r#"{"method":"storage_get","params":["k"]}"#,
            r#"{"method":"storage_get","params":{"key":"k","key":"l"}}"#,
            r#"{"method":"storage_set","params":{"key":"k","value":{"a":1,"a":2}}}"#,
            r#"{"method":7,"params":{}}"#,
            r#"{"method":"format_disk","params":{}}"#,
            r#"{"method":"info","params":{"more":1}}"#,
            r#"{"method":"request","params":{"method":"TRACE","url":"https://a.example"}}"#,
        ] {
            assert_eq!(BridgeCall::parse(wrong).expect_err(wrong).code, "invalid_call");
        }
    }

    #[test]
    fn every_method_of_the_script_is_one_of_the_bridge_and_is_described() {
        let called: BTreeSet<&str> =
            PAGE_SCRIPT.split("call(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let described: BTreeSet<&str> = api::CALLS.iter().map(|call| call.method).collect();
        assert_eq!(called, described);
        for method in called {
            let refused = BridgeCall::parse(&format!(r#"{{"method":"{method}","params":{{"no such":1}}}}"#));
            let message = refused.expect_err("wrong parameters").message;
            assert!(!message.contains("unknown variant"), "{method}: {message}");
        }
    }
}
