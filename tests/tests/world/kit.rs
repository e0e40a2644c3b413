//! A server, and a tester who calls its controls.

use std::sync::Arc;

use mock_server::{Server, World, WorldOptions};
use onecity_core::QrPicture;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A picture that a camera might have taken.
pub(crate) fn picture() -> Vec<u8> {
    mock_server::png(&QrPicture::of("a lamp").expect("short enough"), 4).expect("drawn")
}

/// A tester with a server.
pub(crate) struct Tester {
    pub server: Server,
    pub world: Arc<World>,
    pub http: Client,
}

impl Tester {
    pub(crate) async fn new() -> Self {
        Self::with(WorldOptions::default()).await
    }

    pub(crate) async fn with(options: WorldOptions) -> Self {
        let server = Server::start(options).await.expect("a world");
        let world = server.world();
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { server, world, http }
    }

    /// A call of the controls, with the header that changes want.
    pub(crate) fn control(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.world.web_origin())).header("onecity-admin", "1")
    }

    /// A call that holds; answers what was said, or nothing.
    pub(crate) async fn call(&self, method: Method, path: &str, said: Option<Value>) -> Value {
        let request = self.control(method, path);
        let request = match &said {
            Some(said) => request.header("content-type", "application/json").body(said.to_string()),
            None => request,
        };
        let response = request.send().await.expect("answered");
        let status = response.status();
        let text = response.text().await.expect("whole");
        assert!(status.is_success(), "{path}: {status} {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn begins(&self, rule: Value) -> Value {
        self.call(Method::POST, "/worlds/default/faults", Some(rule)).await
    }

    pub(crate) async fn preset(&self, name: &str) {
        self.call(Method::PUT, &format!("/worlds/default/presets/{name}"), None).await;
    }

    pub(crate) async fn all_is_well(&self) {
        self.call(Method::DELETE, "/worlds/default/faults", None).await;
    }

    /// Something of the world, as any client asks for it.
    pub(crate) async fn ask(&self, path: &str) -> Result<Response, reqwest::Error> {
        self.http.get(format!("{}{path}", self.world.origin())).send().await
    }

    /// Uploads an attachment of a report in one piece (tus 1.0).
    pub(crate) async fn attaches(&self, number: &str, attachment: &str, bytes: Vec<u8>) {
        let at = |way: &str| format!("{}/city/cn-sd.qingdao/reports/{number}/{way}/{attachment}", self.world.origin());
        let begun = self.http.post(at("attachments")).header("upload-length", bytes.len()).send();
        assert_eq!(begun.await.expect("answered").status(), 201);
        let sent = self.http.patch(at("uploads")).header("upload-offset", "0").body(bytes).send();
        assert_eq!(sent.await.expect("answered").status(), 204);
    }

    /// Hands something in, as somebody who is not logged in.
    pub(crate) async fn report(&self, number: &str, category: &str) -> Result<Response, reqwest::Error> {
        self.http
            .post(format!("{}/city/cn-sd.qingdao/reports", self.world.origin()))
            .header("idempotency-key", format!("\"{number}\""))
            .header("content-type", "application/json")
            .body(json!({ "category": category }).to_string())
            .send()
            .await
    }
}
